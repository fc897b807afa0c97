"""Students of each head, taught once a session."""

from collections.abc import Callable

import pytest

from decoct.student.fit import Fit
from fakes.students import SILVER, Encoders, learn

Taught = Callable[[str], Fit]


@pytest.fixture(scope="session")
def taught(encoders: Encoders) -> Taught:
    """Return a student with that head that has learnt `SILVER`, trained when first asked for."""
    made: dict[str, Fit] = {}

    def student(head: str) -> Fit:
        if head not in made:
            made[head] = learn(SILVER, encoders("bert"), head=head)
        return made[head]

    return student

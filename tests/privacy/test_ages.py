"""Ages over 89 become one group."""

import pytest

from decoct.privacy.ages import generalise_age


@pytest.mark.parametrize(
    "text",
    ["90", "92-year-old", "92 y/o", "ninety-one", "Ninety", "aged 101", "a hundred", "90 or over"],
)
def test_over_89(text):
    assert generalise_age(text) == "90 or over"


@pytest.mark.parametrize(
    "text", ["89", "45 y/o", "eighty-nine", "100 days", "95 months", "46岁", "0", "twenty-two"]
)
def test_what_may_be_told(text):
    assert generalise_age(text) == text


def test_others():
    assert generalise_age("93岁") == "90岁以上"
    assert generalise_age("elderly") is None

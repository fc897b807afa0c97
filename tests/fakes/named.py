"""A small knowledge base in two languages, and one of names made up of syllables."""

from __future__ import annotations

import numpy as np

from decoct.kb.base import Entity

NAMED = {
    "C1": ("Myocardial infarction", "heart attack", "MI", "cardiac infarct"),
    "C2": ("Drowsiness", "sleepy", "couldn't stay awake", "somnolence"),
    "C3": ("2型糖尿病", "非胰岛素依赖型糖尿病", "type 2 diabetes"),
    "C4": ("Heart failure", "cardiac failure", "weak heart"),
    "C5": ("右侧乳腺恶性肿瘤", "右乳腺癌"),
    "C6": ("Sjögren's syndrome", "sicca syndrome"),
    "C7": ("Diabetes insipidus", "尿崩症"),
    "C8": ("Vomiting", "throwing up", "emesis"),
}
_SYLLABLES = "ba co di fen gra hy ile jo kar lum mo nex o pra qui ra sta tho u ver xan yl zo"


def named() -> list[Entity]:
    return [Entity(id=id_, name=names[0], aliases=names[1:]) for id_, names in NAMED.items()]


def made_up(n: int, seed: int = 0, prefix: str = "E") -> list[Entity]:
    """Entities with one to three names of one to three words; some names are shared."""
    rng = np.random.default_rng(seed)
    syllables = _SYLLABLES.split()

    def name() -> str:
        words = (
            "".join(rng.choice(syllables, rng.integers(2, 5))) for _ in range(rng.integers(1, 4))
        )
        return " ".join(words)

    made = []
    for number in range(n):
        names = [name() for _ in range(rng.integers(1, 4))]
        made.append(Entity(id=f"{prefix}{number}", name=names[0], aliases=tuple(names[1:])))
    return made

"""How documents are de-identified: the flags of `decoct deidentify`."""

from __future__ import annotations

from typing import Literal

from decoct.config import Settings

How = Literal["mask", "tag", "replace"]


class DeidentifySettings(Settings):
    """How documents are de-identified.

    Attributes:
        how: mask (each character becomes a sign), tag (`[NAME]`) or replace (by a stand-in).
        sign: what a masked character becomes; one character.
        number_tags: `[NAME_1]`, the same number for the same person or thing.
        patterns: also take what has the form of PHI, see `patterns.find_patterns`.
        sweep: also take strings of PHI where they stand unmarked.
        keep_spans: PHI spans go on marking what stands for them; else they are left out.
        keep_meta: keys of `meta` that are kept; all others may hold PHI, and go.
        new_ids: documents get other ids, the same ones with the same key.
        day_first: 03/04 is in April, where no other date tells.
    """

    how: How = "replace"
    sign: str = "*"
    number_tags: bool = False
    patterns: bool = False
    sweep: bool = True
    keep_spans: bool = False
    keep_meta: tuple[str, ...] = ()
    new_ids: bool = False
    day_first: bool = False

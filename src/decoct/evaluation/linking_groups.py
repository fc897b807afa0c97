"""Which gold mentions a system may have learnt by heart, and which it can't have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoct.evaluation.items import normalize_surface
from decoct.evaluation.linking_mentions import Judged
from decoct.evaluation.linking_metrics import ALL, SEEN, UNSEEN, UNSEEN_CONCEPTS
from decoct.records import Document
from decoct.store import sha256_json


@dataclass(frozen=True, slots=True)
class Group:
    """Some of the gold mentions.

    Attributes:
        head: of signatures, such as `group:all` or `group:unseen mentions|labelled:1f3a5c7e`.
        mask: (n_mentions,) bool, which.
    """

    head: str
    mask: NDArray[np.bool_]


def group_mentions(mentions: Sequence[Judged], labelled: Sequence[Document]) -> dict[str, Group]:
    """Return the groups that hold a mention, by name; `all` comes first.

    Args:
        mentions: at least one.
        labelled: what the system has learnt from. A mention is seen if its surface, case and
            spacing aside, is that of a span with a link there, NIL or not; a concept if any of its
            ids is among theirs. Without such documents there is only `all`.
    """
    masks = {ALL: np.ones(len(mentions), dtype=np.bool_)}
    if not labelled:
        return {ALL: Group(f"group:{ALL}", masks[ALL])}
    known = [span for one in labelled for span in one.spans if span.link is not None]
    surfaces = {normalize_surface(span.text) for span in known}
    ids = {id_ for span in known if span.link is not None for id_ in span.link.ids}
    name = sha256_json([sorted(surfaces), sorted(ids)])[:8]
    seen = np.array([normalize_surface(one.span.text) in surfaces for one in mentions])
    entity = np.array([bool(one.gold.ids) for one in mentions])
    unknown = np.array([ids.isdisjoint(one.gold.ids) for one in mentions])
    masks |= {SEEN: seen, UNSEEN: ~seen, UNSEEN_CONCEPTS: entity & unknown}
    return {
        group: Group(f"group:{group}|labelled:{name}" if group != ALL else f"group:{ALL}", mask)
        for group, mask in masks.items()
        if mask.any()
    }

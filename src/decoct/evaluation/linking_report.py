"""Linking metrics for people: rows for a terminal table, and what a report's section shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from decoct.evaluation.linking_errors import LinkErrors
from decoct.evaluation.linking_metrics import LinkingMetrics, LinkingScores
from decoct.evaluation.scores import Interval

END_TO_END_HEADER = ("end to end", "precision", "recall", "F1", "gold", "predicted")
_WITH_NIL = (
    *("NIL in gold", "Acc@1, with an entity"),
    *("NIL precision", "NIL recall", "NIL F1"),
)


@dataclass(frozen=True, slots=True)
class LinkingSection:
    """What a report says about links.

    Attributes:
        systems: name -> metrics, in the order to show.
        errors: name -> what is wrong with its links, for those to be shown.
    """

    systems: Mapping[str, LinkingMetrics]
    errors: Mapping[str, LinkErrors] = field(default_factory=dict)


def linking_header(metrics: LinkingMetrics) -> tuple[str, ...]:
    """Return the header of `linking_rows`: a column for each group of mentions."""
    return ("", *metrics.groups)


def linking_rows(metrics: LinkingMetrics) -> list[tuple[str, ...]]:
    """Return rows of strings, one for each measure; recall@k, the ceiling, above Acc@k."""
    groups = list(metrics.groups.values())
    columns = [_cells(one) for one in groups]
    rows = [(name, *(column.get(name, "-") for column in columns)) for name in columns[0]]
    if not metrics.all.n_missed:
        rows = [row for row in rows if row[0] != "missed"]
    if metrics.all.n_entity == metrics.all.n_mentions:
        rows = [row for row in rows if row[0] not in _WITH_NIL]
    if metrics.all.nil is None:
        rows = [row for row in rows if row[0] != "NIL predicted"]
    return rows


def end_to_end_rows(metrics: LinkingMetrics) -> list[tuple[str, ...]]:
    """Return one row for each match: span and entity right, precision, recall and F1."""
    return [
        (
            f"span ({match}) and entity",
            one.precision.percent,
            one.recall.percent,
            one.f1.percent,
            str(one.n_gold),
            str(one.n_predicted),
        )
        for match, one in metrics.end_to_end.items()
    ]


def _cells(scores: LinkingScores) -> dict[str, str]:
    nil = scores.nil
    return {
        "mentions": str(scores.n_mentions),
        "missed": str(scores.n_missed),
        **{f"recall@{k}": one.percent for k, one in scores.recall.items()},
        **{f"Acc@{k}": one.percent for k, one in scores.accuracy.items()},
        "MRR": scores.mrr.percent,
        "Acc@1, macro by concept": _percent(scores.macro),
        "NIL predicted": str(nil.n_predicted if nil else 0),
        "NIL in gold": str(scores.n_mentions - scores.n_entity),
        "Acc@1, with an entity": _percent(scores.entity_accuracy),
        "NIL precision": _percent(nil.precision if nil else None),
        "NIL recall": _percent(nil.recall if nil else None),
        "NIL F1": _percent(nil.f1 if nil else None),
    }


def _percent(value: Interval | None) -> str:
    return value.percent if value else "-"

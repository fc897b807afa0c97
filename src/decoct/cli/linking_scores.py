"""What `decoct evaluate` shows of links."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decoct.evaluation.linking_metrics import LinkingComparison, LinkingMetrics
    from decoct.evaluation.linking_report import LinkingSection
    from decoct.recipes.evaluate import Wanted
    from decoct.records import Document


@dataclass(frozen=True, slots=True)
class LinkScores:
    """The links of one system or of two.

    Attributes:
        systems: name -> metrics; the first is the one that is asked about.
        comparisons: group of mentions -> the paired test of the two.
    """

    systems: Mapping[str, LinkingMetrics]
    comparisons: Mapping[str, LinkingComparison] = field(default_factory=dict)

    @property
    def first(self) -> LinkingMetrics:
        """The metrics of the system that is asked about."""
        return next(iter(self.systems.values()))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        result = self.first.to_dict()
        if self.comparisons:
            result["comparison"] = {name: one.to_dict() for name, one in self.comparisons.items()}
        return result

    def show(self, gold_name: str) -> None:
        """Draw the tables on standard output."""
        from decoct.cli.screen import show_table
        from decoct.evaluation.linking_report import (
            END_TO_END_HEADER,
            end_to_end_rows,
            linking_header,
            linking_rows,
        )

        for name, metrics in self.systems.items():
            title = f"{gold_name}: {metrics.n_documents} documents, links of {name}"
            show_table(title, linking_header(metrics), linking_rows(metrics))
            if metrics.found_mentions:
                show_table("", END_TO_END_HEADER, end_to_end_rows(metrics))

    def lines(self) -> Iterator[str]:
        """Yield the signatures, and what the paired tests say."""
        for name, metrics in self.systems.items():
            yield f"{name}: {metrics.all.signature}"
        for comparison in self.comparisons.values():
            yield repr(comparison)


def score_links(
    gold: list[Document],
    systems: Mapping[str, list[Document]],
    labelled: list[Document],
    seed: int,
) -> LinkScores:
    """Score the links of one system, or of two and compare them."""
    from decoct.evaluation.linking_metrics import ALL, UNSEEN
    from decoct.recipes.evaluate import compare_linking, evaluate_linking

    made = {
        name: evaluate_linking(gold, documents, labelled=labelled, seed=seed)
        for name, documents in systems.items()
    }
    groups = [name for name in (ALL, UNSEEN) if name in next(iter(made.values())).groups]
    if len(systems) < 2:
        return LinkScores(made)
    a, b = systems.values()
    return LinkScores(
        made,
        {
            group: compare_linking(gold, a, b, labelled=labelled, group=group, seed=seed)
            for group in groups
        },
    )


def section(
    scores: LinkScores | None, gold: list[Document], systems: Mapping[str, list[Document]]
) -> LinkingSection | None:
    """Return what a report says of links: all systems' numbers, and the first one's errors."""
    if scores is None:
        return None
    from decoct.evaluation.linking_errors import find_link_errors
    from decoct.evaluation.linking_report import LinkingSection

    name, documents = next(iter(systems.items()))
    return LinkingSection(scores.systems, {name: find_link_errors(gold, documents)})


def check_of_links(flags: Mapping[str, object], wanted: Wanted) -> None:
    """See that flags which are about links go with links to score.

    Args:
        flags: name -> value; None or empty for those not given.
        wanted: what is scored.

    Raises:
        ConfigError: one does not.
    """
    named = [name for name, value in flags.items() if value]
    if named and not wanted.linking:
        from decoct.errors import ConfigError

        raise ConfigError(
            f"{named[0]}: is about links, and none are scored; give --gold and --pred whose spans "
            "have links"
        )

"""Metrics for people: rows for a terminal table, and one HTML file that needs no other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from decoct.errors import MissingExtraError
from decoct.evaluation.calibration import Calibration
from decoct.evaluation.chart import draw_ceiling, draw_f1, draw_reliability, headline_score
from decoct.evaluation.differences import find_differences
from decoct.evaluation.label_metrics import TABLE_HEADER as LABEL_HEADER
from decoct.evaluation.label_metrics import table_rows as label_rows
from decoct.evaluation.label_report import (
    SYSTEMS_HEADER,
    LabelSection,
    confusion_rows,
    system_rows,
)
from decoct.evaluation.linking_report import (
    END_TO_END_HEADER,
    LinkingSection,
    end_to_end_rows,
    linking_header,
    linking_rows,
)
from decoct.evaluation.metrics import SETTINGS, Metrics, Setting
from decoct.evaluation.scores import Score
from decoct.records import Document
from decoct.store import write_text

if TYPE_CHECKING:
    from jinja2 import Template

TABLE_HEADER = ("", "precision", "recall", "F1", "95 % interval", "gold", "predicted")


def table_rows(metrics: Metrics) -> list[tuple[str, ...]]:
    """Return one row of strings per score, under the columns of `TABLE_HEADER`.

    Relations come first and are left out where neither side has one; then all spans, then the
    spans of each label where there are several.
    """
    rows: list[tuple[str, ...]] = []
    if metrics.headline_of == "relations":
        rows += _rows("relations", metrics.relations)
    rows += _rows("spans", metrics.spans)
    if len(metrics.span_labels) > 1:
        for label, scores in metrics.span_labels.items():
            rows += _rows(label, scores)
    return rows


def pair_by_id(
    gold: Iterable[Document], predicted: Iterable[Document]
) -> list[tuple[Document, Document]]:
    """Return (gold, predicted) documents of the same id, in gold's order: a report's examples."""
    by_id = {document.id: document for document in predicted}
    return [(document, by_id[document.id]) for document in gold if document.id in by_id]


def write_report(
    path: Path,
    title: str,
    systems: Mapping[str, Metrics],
    details: Mapping[str, str],
    examples: Iterable[tuple[Document, Document]] = (),
    *,
    calibrations: Mapping[str, Calibration] | None = None,
    linking: LinkingSection | None = None,
    labels: LabelSection | None = None,
) -> None:
    """Write one HTML file that compares systems and shows where one of them errs.

    The file loads nothing from anywhere, and follows the reader's light or dark setting. Without
    matplotlib the charts are left out and the page says how to get them.

    Args:
        path: where to; written atomically.
        title: heading of the page.
        systems: name -> metrics, in the order to show; none where only links are scored.
        details: what else to say about the run, such as corpus, encoder, seed and cost.
        examples: (gold document, predicted document) pairs; up to 30 that differ are shown.
        calibrations: name -> what the system's confidences are worth, for those that give any.
        linking: what to say about links, if anything.
        labels: what to say about classes of documents, if anything.

    Raises:
        MissingExtraError: jinja2 is not installed.
        StoreError: the file can't be written.
    """
    chart = reliability = ceiling = None
    hint = ""
    try:
        chart = draw_f1(systems) if systems else None
        reliability = draw_reliability(calibrations) if calibrations else None
        ceiling = draw_ceiling(linking.systems) if linking else None
    except MissingExtraError as error:
        hint = str(error)
    page = _template().render(
        title=title,
        systems=systems,
        details=details,
        differences=find_differences(examples),
        settings=SETTINGS,
        score_of=headline_score,
        chart=chart,
        chart_hint=hint,
        calibrations=calibrations or {},
        reliability=reliability,
        linking=linking,
        ceiling=ceiling,
        linking_header=linking_header,
        linking_rows=linking_rows,
        end_to_end_header=END_TO_END_HEADER,
        end_to_end_rows=end_to_end_rows,
        labels=labels,
        label_header=LABEL_HEADER,
        label_rows=label_rows,
        label_systems_header=SYSTEMS_HEADER,
        label_system_rows=system_rows,
        label_confusion=confusion_rows,
    )
    write_text(path, page.encode("utf-8", "replace").decode("utf-8"))  # lone surrogates become ?


def _template() -> Template:
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
    except ImportError:
        raise MissingExtraError("jinja2", "report", "an HTML report") from None
    folder = files("decoct.evaluation").joinpath("templates")
    environment = Environment(
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("report.html.jinja")


def _rows(name: str, scores: Mapping[Setting, Score]) -> list[tuple[str, ...]]:
    return [
        (
            f"{name}, {match}, by {by}",
            f"{100 * one.precision.value:.1f}",
            f"{100 * one.recall.value:.1f}",
            f"{100 * one.f1.value:.1f}",
            f"{100 * one.f1.low:.1f} to {100 * one.f1.high:.1f}",
            str(one.n_gold),
            str(one.n_predicted),
        )
        for (match, by), one in scores.items()
    ]

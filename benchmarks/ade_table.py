r"""One table out of cross-validation folders and teachers, with paired tests between them.

    python benchmarks/ade_table.py --gold work/ade/gold.jsonl \
        --row "student=work/cv/plain" --row "harmonised=work/cv/harmonised" \
        --teacher "GPT-4=work/ade/silver.gpt-4-1106-function.jsonl" \
        --against harmonised:student --against harmonised:GPT-4

Folders are those of `decoct evaluate --folds`. Scored are the sentences that every row has held out
in the folds that all of them have done (or in `--folds`); teachers are scored on the same ones. A
sentence that a teacher has no label for counts as one where it found nothing, unless `--labelled`
keeps to the sentences that all teachers have labelled.

Where gold has sentences without a relation there is a column of false alarms: the share of those,
as far as the system has read them, in which it finds something. Gold of the corpus misses some
events, so `--also-empty SILVER` adds the share among those that this teacher calls empty too.
`--positives` takes F1 on the sentences with a relation only. `--reliability SVG` draws what share
of the rows' relations is right by their confidence, and says how far off they are on average.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from _plot import write_chart

from decoct.evaluation import chart
from decoct.evaluation.calibration import relation_calibration
from decoct.evaluation.counts import By, Match
from decoct.evaluation.evaluate import compare, evaluate
from decoct.evaluation.folds import Folding
from decoct.evaluation.items import ungrounded
from decoct.evaluation.metrics import SETTINGS, Metrics
from decoct.formats.base import read
from decoct.records import Document
from decoct.store import read_json, write_text
from decoct.student.settings import StudentSettings
from decoct.tasks.ade import DRUG

TESTS: tuple[tuple[Match, By], ...] = (
    ("lenient", "offsets"),
    ("strict", "offsets"),
    ("lenient", "surface"),
    ("strict", "surface"),
)
_SAID = ("encoder", "seed")  # whether or not they differ from the defaults


@dataclass(frozen=True, slots=True)
class System:
    """A row: what it found in each sentence, and how it was made.

    Attributes:
        name: of the row.
        found: document id -> prediction, end to end.
        given: the same with gold drugs given; empty for a teacher.
        records: `fold-N.json` of the folds that are scored; none for a teacher.
        settings: of the students, where `cv.json` has them.
    """

    name: str
    found: dict[str, Document]
    given: dict[str, Document] = field(default_factory=dict)
    records: tuple[dict[str, Any], ...] = ()
    settings: dict[str, Any] | None = None


def main() -> None:
    """Read rows and teachers, print the table, the tests and how the rows were made."""
    arguments = _arguments()
    folders = dict(map(_named_path, arguments.row))
    folds = _common_folds(folders, arguments.folds)
    rows = [_row(name, folder, folds) for name, folder in folders.items()]
    teachers = [_teacher(*_named_path(text)) for text in arguments.teacher]
    held_out = set.intersection(*(set(row.found) for row in rows))
    if arguments.labelled:
        held_out = held_out.intersection(*(teacher.found for teacher in teachers))
    gold = [document for document in read(arguments.gold) if document.id in held_out]
    negatives = [document for document in gold if not document.relations]
    empty = _also_empty(negatives, arguments.also_empty)
    scored = [one for one in gold if one.relations] if arguments.positives else gold
    if not scored:
        sys.exit("no sentence of gold is held out in all rows")
    lines = [
        *_table([*teachers, *rows], scored, negatives, empty),
        *_tests(arguments.against, {one.name: one for one in (*rows, *teachers)}, scored),
        "",
        *_made(rows, folds, scored),
        *_reliability(rows, scored, arguments.reliability),
    ]
    text = "\n".join(lines) + "\n"
    if arguments.out:
        write_text(arguments.out, text)
    sys.stdout.write(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--gold", type=Path, required=True)
    add("--row", action="append", required=True, metavar="NAME=FOLDER")
    add("--teacher", action="append", default=[], metavar="NAME=SILVER")
    add("--against", action="append", default=[], metavar="NAME:NAME", help="a paired test")
    add("--folds", type=int, nargs="+", help="these, not all that every row has done")
    add("--labelled", action="store_true", help="only sentences that all teachers have labelled")
    add("--positives", action="store_true", help="F1 on sentences with a relation only")
    add("--also-empty", type=Path, metavar="SILVER", help="a teacher's view of the negatives")
    add("--reliability", type=Path, metavar="SVG", help="draw confidences against what is right")
    add("--out", type=Path, help="where the table goes too")
    return parser.parse_args()


def _named_path(text: str) -> tuple[str, Path]:
    name, sign, path = text.partition("=")
    if not sign:
        sys.exit(f"{text}: must be NAME=PATH")
    return name, Path(path)


def _common_folds(folders: dict[str, Path], wanted: Sequence[int] | None) -> list[int]:
    """Return the folds to score: those that all rows have done, or those asked for."""
    done = {
        name: {int(path.stem.split("-")[1]) for path in folder.glob("fold-*.json")}
        for name, folder in folders.items()
    }
    folds = sorted(set(wanted) if wanted else set.intersection(*done.values()))
    for name, some in done.items():
        if not set(folds) <= some:
            sys.exit(f"{name} has done folds {sorted(some)}, not all of {folds}")
    if not folds:
        sys.exit(f"no fold is done in all rows: {done}")
    return folds


def _row(name: str, folder: Path, folds: Sequence[int]) -> System:
    """Read the folds of a row; all of them must have been made with the same settings and data."""
    records = tuple(read_json(folder / f"fold-{fold}.json") for fold in folds)
    if any(record["inputs"] != records[0]["inputs"] for record in records):
        sys.exit(f"{folder}: its folds were made with different settings or data")
    summary = folder / "cv.json"
    whole = read_json(summary) if summary.exists() else {}
    same = whole.get("inputs") == records[0]["inputs"]

    def found(ending: str) -> dict[str, Document]:
        return {one.id: one for fold in folds for one in read(folder / f"fold-{fold}.{ending}")}

    settings = whole["settings"] if same else None
    return System(name, found("jsonl"), found("given.jsonl"), records, settings)


def _teacher(name: str, path: Path) -> System:
    return System(name, {document.id: document for document in read(path)})


def _also_empty(negatives: Sequence[Document], path: Path | None) -> list[Document] | None:
    """Return the negatives that a teacher has read and found nothing in."""
    if path is None:
        return None
    empty = {one.id for one in read(path) if not one.relations and not ungrounded(one)}
    return [document for document in negatives if document.id in empty]


def _table(
    systems: Sequence[System],
    scored: Sequence[Document],
    negatives: Sequence[Document],
    empty: Sequence[Document] | None,
) -> Iterator[str]:
    heads = ["", *(f"{match} F1, {by}" for match, by in SETTINGS)]
    heads += ["P / R, lenient, surface", f"{DRUG} lenient", "lenient, drugs given"]
    if negatives:
        heads.append(f"false alarms in {len(negatives):,}")
    if negatives and empty is not None:
        heads.append(f"in {len(empty):,} also empty")
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for system in systems:
        metrics = evaluate(scored, list(system.found.values()))
        cells = [_name(system, metrics), *(metrics.relations[one].f1.percent for one in SETTINGS)]
        surface = metrics.relations["lenient", "surface"]
        cells.append(f"{100 * surface.precision.value:.1f} / {100 * surface.recall.value:.1f}")
        drugs = metrics.span_labels.get(DRUG)
        cells.append(drugs["lenient", "offsets"].f1.percent if drugs else "")
        cells.append(_given(system, scored))
        if negatives:
            cells.append(_alarms(system, negatives))
        if negatives and empty is not None:
            cells.append(_alarms(system, empty))
        yield f"| {' | '.join(cells)} |"


def _reliability(
    rows: Sequence[System], scored: Sequence[Document], path: Path | None
) -> Iterator[str]:
    if path is None:
        return
    found = {row.name: relation_calibration(scored, list(row.found.values())) for row in rows}
    calibrations = {name: one for name, one in found.items() if one is not None}
    write_chart(path, chart.draw_reliability(calibrations))
    yield "\nExpected calibration error, lenient by offsets:"
    for name, calibration in calibrations.items():
        yield f"- {name}: {calibration.ece.percent}"


def _name(system: System, metrics: Metrics) -> str:
    n_missing = len(metrics.missing)
    return system.name + (f" ({n_missing:,} not labelled)" if n_missing else "")


def _given(system: System, scored: Sequence[Document]) -> str:
    if not system.given:
        return ""
    metrics = evaluate(scored, list(system.given.values()))
    return metrics.relations["lenient", "offsets"].f1.percent


def _alarms(system: System, negatives: Sequence[Document]) -> str:
    """Return the false-alarm rate in the negatives that a system has read."""
    seen = [document for document in negatives if document.id in system.found]
    if not seen:
        return ""
    found = evaluate(seen, list(system.found.values()), n_resamples=1).negatives
    assert found is not None
    some = f" of {len(seen):,}" if len(seen) < len(negatives) else ""
    return found.rate.percent + some


def _tests(
    asked: Sequence[str], systems: dict[str, System], scored: Sequence[Document]
) -> Iterator[str]:
    if not asked:
        return
    yield "\n| | against | F1 | difference | p |"
    yield "|---|---|---|---|---|"
    for text in asked:
        one, other = _two(text, systems)
        for match, by in TESTS:
            test = compare(
                scored, list(one.found.values()), list(other.found.values()), match=match, by=by
            )
            low, value, high = (
                100 * part
                for part in (test.difference.low, test.difference.value, test.difference.high)
            )
            yield (
                f"| {one.name} | {other.name} | {match}, {by} "
                f"| {value:+.1f} [{low:+.1f}, {high:+.1f}] | {test.p:.4f} |"
            )


def _two(text: str, systems: dict[str, System]) -> tuple[System, System]:
    """Return the two that `NAME:NAME` names, whose names may have colons themselves."""
    for at in (at for at, char in enumerate(text) if char == ":"):
        if text[:at] in systems and text[at + 1 :] in systems:
            return systems[text[:at]], systems[text[at + 1 :]]
    sys.exit(f"--against {text}: must be two of {', '.join(systems)}, with a colon between")


def _made(
    rows: Sequence[System], folds: Sequence[int], scored: Sequence[Document]
) -> Iterator[str]:
    """Yield how the rows were made, and the signature."""
    divisions = {
        (str(row.records[0]["folding"]), row.records[0]["inputs"]["gold_sha256"]) for row in rows
    }
    if len(divisions) > 1:
        yield "Rows were divided into folds differently: scored is what all have held out.\n"
    for row in rows:
        yield f"- {row.name}: {_how(row)}"
    signature = evaluate(scored, scored).strict.signature.split("|", 2)[2]
    folding = Folding(**rows[0].records[0]["folding"])
    yield (
        f"\nFolds {', '.join(map(str, folds))} of {folding.n_folds} by "
        f"{folding.group_by or 'text'}, fold seed {folding.seed}, {len(scored):,} sentences; "
        f"signature `{signature}|{folding.signature(folds)}`."
    )


def _how(row: System) -> str:
    first = row.records[0]
    inputs = first["inputs"]
    learnt = fmean(record["n_learnt_from"] for record in row.records)
    seconds = fmean(record["training"]["seconds"] for record in row.records)
    parts = [f"{learnt:.0f} documents of {inputs['learnt_from']} a fold"]
    if row.settings is None:
        parts.append("settings not written yet (no cv.json of these folds)")
    else:
        parts += [f"encoder {row.settings['encoder']}", f"seed {row.settings['seed']}"]
        changed = _changed(row.settings, StudentSettings().model_dump(mode="json"))
        parts.append(", ".join(changed) or "default settings")
    if inputs["self_training"]:
        parts.append("self-training")
    parts.append(f"{seconds:.0f} s a fold on {first['training']['device']}")
    return ", ".join(parts)


def _changed(settings: dict[str, Any], defaults: dict[str, Any], below: str = "") -> list[str]:
    """Return `name value` of the settings that are not the defaults, tables by dotted names."""
    changed = []
    for name, value in settings.items():
        if isinstance(value, dict) and isinstance(defaults.get(name), dict):
            changed += _changed(value, defaults[name], f"{below}{name}.")
        elif value != defaults.get(name) and below + name not in _SAID:
            changed.append(f"{below}{name} {value}")
    return changed


if __name__ == "__main__":
    main()

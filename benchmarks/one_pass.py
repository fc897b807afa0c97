"""Extraction time of a sentence against its number of drugs, head by head.

    python benchmarks/one_pass.py --work work/one_pass --plot docs/images/one_pass.svg

Students with three heads learn from the rules teacher's labels of the example corpus; they and the
labels are kept in the work folder, so that a rerun only measures. Two readings, both over texts of
one length, in batches and one at a time:

- drugs given: one text that names eight drugs and three effects, with the first k as subjects;
- end to end: texts in which k of eight places hold a drug and the others a word that is none.

Every round measures all heads by turns, so that what else the machine does hits all alike; the best
round counts. The tables are Markdown, the plot shows the ratio to one drug.
"""

from __future__ import annotations

import argparse
import platform
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from _plot import write_svg

from decoct.cli.screen import Screen
from decoct.errors import ArtifactError
from decoct.evaluation import chart
from decoct.formats.base import read
from decoct.recipes.label import label_file
from decoct.records import Document, Span
from decoct.store import write_text
from decoct.student.fit import fit
from decoct.student.settings import StudentSettings
from decoct.student.student import Student
from decoct.tasks.base import get_task

DOCUMENTS = Path(__file__).parents[1] / "examples" / "ade" / "unlabeled.jsonl"
HEADS = ("subject_centric", "pairwise", "markers")
TARGET = 1.2
# words of three tokens each in the vocabulary of the embedded encoder
DRUGS = (
    *("aspirin", "amiodarone", "warfarin", "ramipril"),
    *("tramadol", "olanzapine", "valsartan", "digoxin"),
)
OTHERS = (
    *("dishwashing", "birdwatching", "housewarming", "sightseeing"),
    *("babysitting", "wallpapering", "hitchhiking", "thunderstorms"),
)
FRAME = "Acute renal failure, seizures and rash from {}, {}, {}, {}, {}, {}, {} and {}."
READINGS = {"drugs given": True, "end to end": False}
MODES = ("batches", "one at a time")
_COUNTS = range(1, len(DRUGS) + 1)
_LINES = {
    "subject_centric": (chart._STRICT, "o", "-"),
    "pairwise": (chart._INK, "s", "--"),
    "markers": (chart._LENIENT, "D", "-"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """What is timed together: a head, a reading, a number of drugs and a way to hand texts over."""

    head: str
    reading: str
    n_drugs: int
    mode: str = MODES[0]


@dataclass(frozen=True, slots=True)
class Found:
    """What a student does with a sentence of a case, on average."""

    n_passes: float
    n_drugs: float
    n_pairs: float


def main() -> None:
    """Train what is not there yet, measure, write table and plot."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    students = dict(_students(arguments))
    texts = {
        (reading, n): _documents(reading, n, arguments.copies)
        for reading in READINGS
        for n in _COUNTS
    }
    n_tokens = _check_length(students[HEADS[0]], [one for docs in texts.values() for one in docs])
    found = {
        Case(head, *which): _look(student, documents, READINGS[which[0]])
        for head, student in students.items()
        for which, documents in texts.items()
    }
    best = _measure(students, texts, arguments)
    lines = [*_tables(best, found), _setting(students, n_tokens, arguments)]
    table = "\n".join(lines) + "\n"
    write_text(arguments.work / "one_pass.md", table)
    for path in filter(None, (arguments.work / "one_pass.svg", arguments.plot)):
        write_svg(path, lambda figure: _draw(figure, best), (9, 3.6))
    sys.stdout.write(table)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for labels and students")
    parser.add_argument("--plot", type=Path, help="where the plot goes too")
    parser.add_argument("--encoder", default="embedded")
    parser.add_argument("--epochs", type=int, default=StudentSettings().epochs)
    parser.add_argument("--documents", type=int, help="learn from the first so many, for a try")
    parser.add_argument("--copies", type=int, default=64, help="texts handed over in batches")
    parser.add_argument("--singles", type=int, default=16, help="texts handed over one at a time")
    parser.add_argument("--rounds", type=int, default=7, help="the best of so many counts")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def _students(arguments: argparse.Namespace) -> Iterator[tuple[str, Student]]:
    """Yield a student of each head, trained unless the work folder has it."""
    work: Path = arguments.work
    label_file(DOCUMENTS, work / "silver.jsonl", "ade", "rules")
    silver = read(work / "silver.jsonl")[: arguments.documents]
    for head in HEADS:
        settings = StudentSettings(head=head, encoder=arguments.encoder, epochs=arguments.epochs)
        folder = work / f"{head}.student"
        student = _kept(folder, settings, len(silver))
        if student is None:
            screen = Screen()
            screen.note(f"training {head}")
            student = fit(silver, get_task("ade"), settings, progress=screen).student
            student.save_pretrained(folder)
        yield head, student


def _kept(folder: Path, settings: StudentSettings, n_documents: int) -> Student | None:
    """Return the student of a folder, if there is one with these settings."""
    try:
        student = Student.from_pretrained(folder)
    except ArtifactError:
        return None
    settled = {"max_tokens": settings.max_tokens, "unit": settings.unit}  # in training
    made = student.card.settings.model_copy(update=settled)
    same = made == settings and student.card.silver["documents"] == n_documents
    return student if same else None


def _documents(reading: str, n_drugs: int, n: int) -> list[Document]:
    """Return n texts with so many drugs, marked where they are to be given."""
    if READINGS[reading]:
        text = FRAME.format(*DRUGS)
        spans = [_span(text, drug) for drug in DRUGS[:n_drugs]]
        return [Document(id=str(number), text=text, spans=spans) for number in range(n)]
    draw = random.Random(n_drugs)
    documents = []
    for number in range(n):
        words = draw.sample(DRUGS, n_drugs) + draw.sample(OTHERS, len(DRUGS) - n_drugs)
        draw.shuffle(words)
        documents.append(Document(id=str(number), text=FRAME.format(*words)))
    return documents


def _span(text: str, drug: str) -> Span:
    start = text.index(drug)
    return Span(id=drug, start=start, end=start + len(drug), label="Drug", text=drug)


def _check_length(student: Student, documents: Sequence[Document]) -> int:
    """Return how many tokens all the texts have; stop if they differ."""
    tokenizer = student._reader.tokenizer
    lengths = {sum(map(len, tokenizer.pieces(document.text))) for document in documents}
    if len(lengths) > 1:
        sys.exit(f"texts have {min(lengths)} to {max(lengths)} tokens; choose words of one length")
    return lengths.pop()


def _look(student: Student, documents: Sequence[Document], given: bool) -> Found:
    """Count passes through the encoder, drugs and pairs, a sentence."""
    passes: list[int] = []

    def count(module: torch.nn.Module, args: object, output: Any) -> None:  # noqa: ANN401
        del module, args
        passes.append(len(output.last_hidden_state))

    hook = student.model.encoder.register_forward_hook(count)
    found = list(student.extract(documents, given_subjects=given))
    hook.remove()
    n = len(documents)
    n_drugs = sum(span.label == "Drug" for document in found for span in document.spans)
    return Found(sum(passes) / n, n_drugs / n, sum(len(one.relations) for one in found) / n)


def _measure(
    students: dict[str, Student],
    texts: dict[tuple[str, int], list[Document]],
    arguments: argparse.Namespace,
) -> dict[Case, float]:
    """Return the best seconds a sentence of every case; the first round warms up."""
    best: dict[Case, float] = {}
    rounds = range(arguments.rounds + 1)
    for turn in Screen().track(rounds, len(rounds), "rounds"):
        shift = turn % len(HEADS)
        order = HEADS[shift:] + HEADS[:shift]  # none is always first
        for which, documents in texts.items():
            given = READINGS[which[0]]
            for head in order:
                for mode in MODES:
                    seconds = _seconds(students[head], documents, given, mode, arguments.singles)
                    case = Case(head, *which, mode)
                    if turn:
                        best[case] = min(seconds, best.get(case, seconds))
    return best


def _seconds(
    student: Student, documents: Sequence[Document], given: bool, mode: str, n_singles: int
) -> float:
    started = time.perf_counter()
    if mode == MODES[0]:
        n = sum(1 for _ in student.extract(documents, given_subjects=given))
    else:
        n = len([student.extract(one, given_subjects=given) for one in documents[:n_singles]])
    return (time.perf_counter() - started) / n


def _ratio(best: dict[Case, float], head: str, reading: str, n_drugs: int, mode: str) -> float:
    one = best[Case(head, reading, 1, mode)]
    return best[Case(head, reading, n_drugs, mode)] / one


def _tables(best: dict[Case, float], found: dict[Case, Found]) -> Iterator[str]:
    for reading in READINGS:
        yield f"**{reading[0].upper()}{reading[1:]}**\n"
        yield (
            "| head | drugs | ms a sentence, batches | to one drug | ms, one at a time "
            "| to one drug | encoder passes | drugs found | pairs found |"
        )
        yield "|---|---|---|---|---|---|---|---|---|"
        for head in HEADS:
            for n in _COUNTS:
                cells = " | ".join(
                    f"{1000 * best[Case(head, reading, n, mode)]:.2f} "
                    f"| {_ratio(best, head, reading, n, mode):.2f}"
                    for mode in MODES
                )
                seen = found[Case(head, reading, n)]
                counts = f"{seen.n_passes:.1f} | {seen.n_drugs:.2f} | {seen.n_pairs:.1f}"
                yield f"| {head} | {n} | {cells} | {counts} |"
        yield ""
    last = _COUNTS[-1]
    for head in HEADS:
        ratios = ", ".join(
            f"{reading}, {mode} {_ratio(best, head, reading, last, mode):.2f}"
            for reading in READINGS
            for mode in MODES
        )
        yield f"- {head}, {last} drugs to one: {ratios}"
    yield f"\nThe target for {HEADS[0]} is at most {TARGET}."


def _setting(students: dict[str, Student], n_tokens: int, arguments: argparse.Namespace) -> str:
    card = students[HEADS[0]].card
    reader: Any = students[HEADS[0]]._reader.network
    precision = "bf16" if reader.bf16 else "fp32"
    return (
        f"\nTexts of {n_tokens} tokens, {arguments.copies} in batches, {arguments.singles} one at "
        f"a time, best of {arguments.rounds} rounds; encoder {card.settings.encoder}, "
        f"{reader.device}, {precision}, {arguments.threads} thread(s), torch {torch.__version__}, "
        f"{platform.machine()}; students of {card.silver['documents']} documents, "
        f"{card.settings.epochs} epochs."
    )


def _draw(figure: Any, best: dict[Case, float]) -> None:  # noqa: ANN401 (matplotlib's)
    panels = figure.subplots(1, len(READINGS), sharey=True, squeeze=False)[0]
    for axes, reading in zip(panels, READINGS, strict=True):
        for head, (color, marker, style) in _LINES.items():
            ratios = [_ratio(best, head, reading, n, MODES[0]) for n in _COUNTS]
            axes.plot(
                _COUNTS, ratios, color=color, marker=marker, linestyle=style, ms=5, label=head
            )
        target = f"{TARGET} times"
        axes.axhline(TARGET, color=chart._INK, linewidth=0.8, linestyle=":", label=target)
        axes.set_title(reading, color=chart._INK, fontsize=10)
        axes.set_xlabel("drugs in the sentence", color=chart._INK)
        axes.set_xticks(list(_COUNTS))
        chart._plain(axes)
        axes.grid(axis="y", color=chart._LINE, linewidth=0.6)
    panels[0].set_ylim(bottom=0)
    panels[0].set_ylabel("time, one drug = 1", color=chart._INK)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper right", ncols=4, frameon=False, labelcolor=chart._INK
    )


if __name__ == "__main__":
    main()

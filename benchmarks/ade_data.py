"""The ADE corpus and its recorded teachers, as the files that the other benchmarks read.

    python benchmarks/ade_data.py --data ../shared/data --work work/ade

Written to the work folder, all JSONL:

- `gold.jsonl`: the sentences with an event; `mixed.jsonl`: those and the ones without.
- `silver.TEACHER.jsonl`: each teacher's labels of the sentences with an event.
- `silver.mix.jsonl`: the votes of all four on them.
- `silver.beside.jsonl`: Claude's labels of 700 sentences of the corpus without an event and of
  3,694 sentences of other text.
- `silver.first.jsonl`: what Claude says where it was asked, and what the mix says elsewhere: the
  teachers that were asked for events about a third of the sentences with one.
- `unlabeled.jsonl`: sentences of other text that name a drug and hold a cue of an adverse effect.

The four teachers' own scores are written as `teachers.md`. No gold label gets into silver.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from _corpus import read_corpus

from decoct.cli.screen import Screen
from decoct.evaluation.evaluate import evaluate
from decoct.evaluation.metrics import SETTINGS
from decoct.formats.base import read
from decoct.formats.jsonl import write_jsonl
from decoct.recipes.label import label_file
from decoct.recipes.mix import mix_file
from decoct.records import Document
from decoct.store import write_text
from decoct.student.silver.settings import MixSettings

TEACHERS = ("claude", "o1-2024-12-17", "gpt-4-1106-function", "gpt-4-1106-json")
MAX_CHARS = 400


def main() -> None:
    """Write every file, then the teachers' scores."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with ade/ and unlabeled/")
    parser.add_argument("--work", type=Path, required=True, help="folder for the files")
    arguments = parser.parse_args()
    data, work = arguments.data, arguments.work

    mixed = read_corpus(data / "ade")
    gold = [document for document in mixed if document.relations]
    write_jsonl(work / "mixed.jsonl", mixed)
    write_jsonl(work / "gold.jsonl", gold)
    for teacher in TEACHERS:
        _label(data, work / "gold.jsonl", work / f"silver.{teacher}.jsonl", teacher)
    _mix(work)
    _broaden(data, work, mixed)
    write_jsonl(work / "unlabeled.jsonl", _unlabeled(data / "unlabeled", mixed))
    table = "\n".join(_teacher_rows(work, gold))
    write_text(work / "teachers.md", table + "\n")
    sys.stdout.write(table + "\n")


def _label(data: Path, documents: Path, out: Path, teacher: str) -> None:
    spec = f"replay:{data / 'ade' / 'teacher' / teacher}.jsonl.gz"
    label_file(documents, out, "ade", spec, progress=Screen())


def _mix(work: Path) -> None:
    """What both recordings of GPT-4 say is one vote; what any of the three voters says is kept.

    LLMs that are asked for events leave out more than they make up, so one vote is enough.
    """
    claude, o1, *gpt4 = (work / f"silver.{teacher}.jsonl" for teacher in TEACHERS)
    mix_file(gpt4, work / "silver.gpt-4.jsonl", "ade", MixSettings(min_share=1.0))
    voters = [claude, o1, work / "silver.gpt-4.jsonl"]
    mix_file(voters, work / "silver.mix.jsonl", "ade", MixSettings(min_share=0.33))


def _broaden(data: Path, work: Path, mixed: list[Document]) -> None:
    """Write all that Claude labelled beside the sentences with an event, and its labels first."""
    rows = _rows(data / "ade" / "teacher" / "claude.jsonl.gz")
    of_text = {_folded(document.text): document for document in mixed}
    beside: dict[str, Document] = {}
    for row in rows:
        known = of_text.get(_folded(row["text"]))
        if known is None:
            beside[row["id"]] = Document(id=row["id"], text=row["text"])
        elif not known.relations:
            beside[known.id] = known.bare()
    write_jsonl(work / "beside.jsonl", beside.values())
    _label(data, work / "beside.jsonl", work / "silver.beside.jsonl", "claude")
    best_first = [work / f"silver.{name}.jsonl" for name in ("claude", "beside", "mix")]
    mix_file(best_first, work / "silver.first.jsonl", "ade", MixSettings(rule="first"))


def _unlabeled(folder: Path, mixed: list[Document]) -> Iterator[Document]:
    """Yield sentences with a cue, none of the corpus, each text once."""
    seen = {_folded(document.text) for document in mixed}
    for number, row in enumerate(_rows(folder / "drug_sentences.jsonl.gz")):
        text = row["text"]
        if row["ae_cue"] and len(text) <= MAX_CHARS and _folded(text) not in seen:
            seen.add(_folded(text))
            yield Document(id=f"unlabeled-{number}", text=text)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _teacher_rows(work: Path, gold: list[Document]) -> Iterable[str]:
    yield "| teacher | documents | strict F1 | lenient F1 | strict, surface | lenient, surface |"
    yield "|---|---|---|---|---|---|"
    for name in (*TEACHERS, "gpt-4", "mix", "first"):
        silver = read(work / f"silver.{name}.jsonl")
        ids = {document.id for document in silver}
        # a teacher that was asked about a part is scored on that part
        asked = [one for one in gold if one.id in ids] if name == "claude" else gold
        metrics = evaluate(asked, silver)
        cells = " | ".join(metrics.relations[setting].f1.percent for setting in SETTINGS)
        yield f"| {name} | {len(asked)} | {cells} |"


if __name__ == "__main__":
    main()

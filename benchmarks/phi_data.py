"""The PHI queries and their recorded teacher, as the files that the other benchmarks read.

    python benchmarks/phi_data.py --data ../shared/data --work work/phi

Written to the work folder, all JSONL:

- `gold.jsonl`: all queries. The data name strings, not offsets: every occurrence of a named string
  that begins and ends at a word's edge is PHI, a longer string's place is not a shorter one's too,
  and a string that is named under two labels has them in the order of its places. Curly and
  straight apostrophes are the same. A string that is not in the text is counted and left out.
- `silver.claude.jsonl`: the teacher's spans of the queries that it was asked about, placed alike.
- `train.gold.jsonl`: gold of those, for a supervised twin and the teacher's score.
- `score.jsonl`: gold of all others, which are scored; `score.distinct.jsonl`: of them those whose
  template (the query with its PHI and numbers taken out) is like none of the teacher's queries.

The teacher's own scores are written as `teacher.md`. No gold label gets into silver.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz, process

from decoct.evaluation.evaluate import evaluate
from decoct.evaluation.leaks import leak_rate
from decoct.formats.jsonl import write_jsonl
from decoct.records import Document, Source, number_annotations
from decoct.store import sha256_file, write_text

ALIKE = 90.0  # rapidfuzz ratio from which two templates count as one


def main() -> None:
    """Write every file, then the teacher's scores."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with phi/")
    parser.add_argument("--work", type=Path, required=True, help="folder for the files")
    arguments = parser.parse_args()
    work, recorded = arguments.work, arguments.data / "phi" / "teacher" / "claude.jsonl.gz"

    lost: Counter[str] = Counter()
    queries = (arguments.data / "phi" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    gold = [_placed(row, row["gold"], "gold", {}, lost) for row in map(json.loads, queries)]
    meta = {
        "backend": "replay",
        "model": "claude",
        "prompt_hash": sha256_file(recorded)[:16],  # the prompt itself was not kept
        "confidence": None,
    }
    silver = [_placed(row, row["phi"], "silver", meta, lost) for row in _rows(recorded)]
    asked = {document.id for document in silver}
    train = [document for document in gold if document.id in asked]
    score = [document for document in gold if document.id not in asked]
    distinct = _unlike(score, train)

    write_jsonl(work / "gold.jsonl", gold)
    write_jsonl(work / "silver.claude.jsonl", silver)
    write_jsonl(work / "train.gold.jsonl", train)
    write_jsonl(work / "score.jsonl", score)
    write_jsonl(work / "score.distinct.jsonl", distinct)
    told = [
        f"{len(gold)} queries, {sum(len(one.spans) for one in gold)} spans; not in the text: "
        f"{lost['gold']} gold strings, {lost['silver']} of the teacher's",
        f"{len(train)} labelled by the teacher, {len(score)} to score, of them {len(distinct)} "
        f"with a template of their own",
        "",
        *_teacher_rows(train, silver),
    ]
    write_text(work / "teacher.md", "\n".join(told) + "\n")
    sys.stdout.write("\n".join(told) + "\n")


def _placed(
    row: dict[str, Any],
    claims: Sequence[tuple[str, str]],
    source: Source,
    meta: dict[str, object],
    lost: Counter[str],
) -> Document:
    """Find each string's places, longest strings first, and make a document of them."""
    text = row["text"]
    marks: dict[tuple[int, int, str], float | None] = {}
    taken: list[tuple[int, int]] = []
    labels: dict[str, list[str]] = {}
    for label, string in claims:
        labels.setdefault(string, []).append(label)
    ungrounded = []
    for string in sorted(labels, key=lambda one: (-len(one), one)):
        places = _find(text, string)
        free = [one for one in places if not any(a <= one[0] and one[1] <= b for a, b in taken)]
        if not places:
            lost[source] += 1
            ungrounded.append({"label": labels[string][0], "reason": "not_in_text"})
        for number, (start, end) in enumerate(free):
            label = labels[string][min(number, len(labels[string]) - 1)]
            marks[start, end, label] = None
        taken.extend(free)
    spans, _ = number_annotations(text, marks, {})
    more: dict[str, object] = {"ungrounded": ungrounded} if ungrounded and meta else {}
    return Document(id=row["id"], text=text, source=source, spans=spans, meta={**meta, **more})


def _find(text: str, string: str) -> list[tuple[int, int]]:
    """Return the places of a string at words' edges, or any where there is none at edges."""
    quoted = re.sub("['’]", "['’]", re.escape(string.strip()))
    for pattern in (rf"(?<!\w){quoted}(?!\w)", quoted):
        if found := [match.span() for match in re.finditer(pattern, text)]:
            return found
    return []


def _unlike(score: Iterable[Document], train: Iterable[Document]) -> list[Document]:
    known = [_template(document) for document in train]
    return [
        document
        for document in score
        if process.extractOne(
            _template(document), known, scorer=fuzz.ratio, processor=None, score_cutoff=ALIKE
        )
        is None
    ]


def _template(document: Document) -> str:
    """Return what is left of a query without its PHI and numbers."""
    text = document.text
    for span in sorted(document.spans, key=lambda span: -span.start):
        text = f"{text[: span.start]} {span.label} {text[span.end :]}"
    return " ".join(re.findall(r"[^\W\d]+", text.casefold()))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _teacher_rows(gold: list[Document], silver: list[Document]) -> Iterator[str]:
    metrics = evaluate(gold, silver)
    yield "| teacher | spans | precision | recall | F1 |"
    yield "|---|---|---|---|---|"
    for match, by in (("strict", "offsets"), ("lenient", "offsets"), ("strict", "surface")):
        one = metrics.spans[match, by]  # type: ignore[index]
        cells = " | ".join(each.percent for each in (one.precision, one.recall, one.f1))
        yield f"| claude | {match}, by {by} | {cells} |"
    yield ""
    leaks = leak_rate(gold, silver)
    yield f"claude: {leaks.headline}"


if __name__ == "__main__":
    main()

"""What goes wrong: the kinds of error in predictions, and a hundred of them for a person to read.

    python benchmarks/ade_errors.py --gold work/ade/gold.jsonl --pred work/cv/NAME/predicted.jsonl \
        --teacher work/ade/silver.gpt-4-1106-function.jsonl --sample 100 --seed 1 --out errors.jsonl
    python benchmarks/ade_errors.py --tally errors.jsonl

Pairs are compared leniently by offsets. A wrong one agrees with no gold pair, a missed one with no
predicted one; where both are one mistake, such as a wrong drug, it shows up as both. Only documents
that there are predictions for count. The teacher makes an error as well where its own has the same
kind at an overlapping place.

Each line of the sample has the text, the pairs of all three, and an empty `reading` for a verdict,
in a word or two, on who is wrong, such as `student`, `gold` or `either`. `--tally` counts them.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from decoct.evaluation.items import (
    Place,
    PlacePair,
    normalize_surface,
    place_pairs,
    place_pairs_agree,
    places,
    places_agree,
    ungrounded_place_pairs,
)
from decoct.evaluation.metrics import wilson
from decoct.formats.base import read
from decoct.records import Document
from decoct.store import write_text

KINDS = {
    "wrong": (
        "wrong drug",
        "wrong effect",
        "both wrong",
        "wrong pair of right spans",
        "another mention",
        "not in the text",
    ),
    "missed": ("drug not found", "effect not found", "both not found", "pair not linked"),
    "twice": ("duplicate fragment",),
}
MEANINGS = {
    "wrong drug": "overlaps no gold drug",
    "wrong effect": "overlaps no gold effect",
    "both wrong": "neither overlaps",
    "wrong pair of right spans": "both overlap, not linked in gold",
    "another mention": "the words of a gold pair, one of them elsewhere",
    "not in the text": "a teacher's strings only",
    "drug not found": "no predicted drug overlaps",
    "effect not found": "no predicted effect overlaps",
    "both not found": "neither",
    "pair not linked": "both found, not linked",
    "duplicate fragment": "agrees with a gold pair that another has: right leniently",
}


@dataclass(frozen=True, slots=True)
class Error:
    """A pair that is wrong, missed, or right for a second time."""

    document_id: str
    side: str
    kind: str
    pair: PlacePair

    def same_as(self, other: Error) -> bool:
        """Whether the other is the same error at an overlapping place."""
        return self.kind == other.kind and place_pairs_agree(self.pair, other.pair)


def main() -> None:
    """Count errors, draw a sample of them, or count what was read in it."""
    arguments = _arguments()
    if arguments.tally:
        sys.stdout.write(_tally(arguments.tally))
        return
    if not (arguments.gold and arguments.pred):
        sys.exit("--gold and --pred are needed, or --tally")
    predicted = _by_id(arguments.pred)
    gold = [document for document in read(arguments.gold) if document.id in predicted]
    teacher = _by_id([arguments.teacher]) if arguments.teacher else {}
    errors = _all_errors(gold, predicted)
    of_teacher: dict[str, list[Error]] = {}
    for error in _all_errors([one for one in gold if one.id in teacher], teacher):
        of_teacher.setdefault(error.document_id, []).append(error)
    shared = {
        error: any(map(error.same_as, of_teacher.get(error.document_id, ()))) for error in errors
    }
    totals = Counter(error.kind for some in of_teacher.values() for error in some)
    lines = _table(shared, totals, with_teacher=bool(teacher))
    print("\n".join(lines))
    n_gold = sum(len(place_pairs(document)) for document in gold)
    n_found = sum(len(_pairs(predicted[document.id])) for document in gold)
    without = sum(document.id not in teacher for document in gold) if teacher else 0
    print(
        f"\n{len(gold)} sentences, {n_gold} gold pairs, {n_found} predicted"
        + (f"; {without} sentences without a label of the teacher" if without else "")
    )
    if arguments.out:
        _write_sample(arguments, shared, {one.id: one for one in gold}, predicted, teacher)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gold", type=Path)
    parser.add_argument("--pred", type=Path, nargs="+", help="one or more, such as one a fold")
    parser.add_argument("--teacher", type=Path, help="its silver")
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where the sample goes")
    parser.add_argument("--tally", type=Path, help="a sample that was read")
    return parser.parse_args()


def _by_id(paths: Sequence[Path]) -> dict[str, Document]:
    return {document.id: document for path in paths for document in read(path)}


def _all_errors(gold: Sequence[Document], predicted: Mapping[str, Document]) -> list[Error]:
    return [error for one in gold for error in find_errors(one, predicted[one.id])]


def find_errors(gold: Document, predicted: Document) -> Iterator[Error]:
    """Yield the errors of one document, in order of place."""
    true, found = sorted(place_pairs(gold)), sorted(place_pairs(predicted))
    for pair in found:
        if not _agrees(pair, true):
            yield Error(gold.id, "wrong", _kind_of_wrong(pair, true, gold.text), pair)
    for nowhere in sorted(ungrounded_place_pairs(predicted)):
        yield Error(gold.id, "wrong", "not in the text", nowhere)
    marked = places(predicted)
    for pair in true:
        hits = [other for other in found if place_pairs_agree(pair, other)]
        if not hits:
            yield Error(gold.id, "missed", _kind_of_missed(pair, marked), pair)
        for other in hits[1:]:
            yield Error(gold.id, "twice", "duplicate fragment", other)


def _kind_of_wrong(pair: PlacePair, true: Sequence[PlacePair], text: str) -> str:
    if any(_same_words(pair, other, text) for other in true):
        return "another mention"
    subject = any(places_agree(pair[1], other[1]) for other in true)
    object_ = any(places_agree(pair[2], other[2]) for other in true)
    if subject and object_:
        return "wrong pair of right spans"
    if not subject and not object_:
        return "both wrong"
    return "wrong effect" if subject else "wrong drug"


def _kind_of_missed(pair: PlacePair, marked: set[Place]) -> str:
    subject = any(places_agree(pair[1], other) for other in marked)
    object_ = any(places_agree(pair[2], other) for other in marked)
    if subject and object_:
        return "pair not linked"
    if not subject and not object_:
        return "both not found"
    return "effect not found" if subject else "drug not found"


def _agrees(pair: PlacePair, others: Sequence[PlacePair]) -> bool:
    return any(place_pairs_agree(pair, other) for other in others)


def _same_words(one: PlacePair, other: PlacePair, text: str) -> bool:
    """Whether both sides of two pairs overlap or are the same string elsewhere."""
    return one[0] == other[0] and all(
        places_agree(mine, theirs) or _string(mine, text) == _string(theirs, text)
        for mine, theirs in zip(one[1:], other[1:], strict=True)
    )


def _string(place: Place, text: str) -> tuple[str, str]:
    words = " ".join(text[start:end] for start, end in place[1])
    return place[0], normalize_surface(words)


def _table(shared: Mapping[Error, bool], totals: Counter[str], with_teacher: bool) -> list[str]:
    more = (
        (" the teacher makes it too | the teacher's own |", "---|---|")
        if with_teacher
        else ("",) * 2
    )
    lines = [f"| error | meaning | n | of its side |{more[0]}", f"|---|---|---|---|{more[1]}"]
    counts = Counter(error.kind for error in shared)
    both = Counter(error.kind for error, too in shared.items() if too)
    for side, kinds in KINDS.items():
        n_side = sum(counts[kind] for kind in kinds)
        rows = [(kind, MEANINGS[kind], (kind,)) for kind in kinds if counts[kind] or totals[kind]]
        if len(rows) > 1:
            rows.insert(0, (f"**{side}**", "", kinds))
        for name, meaning, some in rows:
            n = sum(counts[kind] for kind in some)
            share = f"{100 * n / n_side:.0f} %" if n_side else ""
            n_both, n_own = (sum(count[kind] for kind in some) for count in (both, totals))
            also = (
                f" {n_both} ({100 * n_both / max(n, 1):.0f} %) | {n_own} |" if with_teacher else ""
            )
            lines.append(f"| {name} | {meaning} | {n} | {share} |{also}")
    return lines


def _write_sample(
    arguments: argparse.Namespace,
    shared: Mapping[Error, bool],
    gold: Mapping[str, Document],
    predicted: Mapping[str, Document],
    teacher: Mapping[str, Document],
) -> None:
    """Draw from what is wrong or missed; a sample that somebody has read is not written over."""
    if arguments.out.exists() and any(row["reading"] for row in _rows(arguments.out)):
        sys.exit(f"{arguments.out} has readings; give another --out")
    pool = [error for error in shared if error.side != "twice"]
    chosen = random.Random(arguments.seed).sample(pool, min(arguments.sample, len(pool)))
    lines = []
    for number, error in enumerate(chosen, start=1):
        id_ = error.document_id
        text = gold[id_].text
        row = {
            "number": number,
            "id": id_,
            "error": error.side,
            "kind": error.kind,
            "pair": _shown(error.pair, text),
            "teacher_too": shared[error] if id_ in teacher else None,
            "text": text,
            "gold": _pairs(gold[id_]),
            "predicted": _pairs(predicted[id_]),
            "teacher": _pairs(teacher[id_]) if id_ in teacher else None,
            "reading": "",
        }
        lines.append(json.dumps(row, ensure_ascii=False))
    write_text(arguments.out, "\n".join(lines) + "\n")
    print(f"{len(lines)} of {len(pool)} errors drawn with seed {arguments.seed}: {arguments.out}")


def _pairs(document: Document) -> list[str]:
    pairs = sorted(place_pairs(document)) + sorted(ungrounded_place_pairs(document))
    return [_shown(pair, document.text) for pair in pairs]


def _shown(pair: PlacePair, text: str) -> str:
    """Return a pair as `drug@12 -> effect@33`, the numbers being where each begins."""
    if not pair[1][1]:
        return f"{pair[1][0]} -> {pair[2][0]}, not in the text"
    return " -> ".join(
        f"{' '.join(text[start:end] for start, end in place[1])}@{place[1][0][0]}"
        for place in pair[1:]
    )


def _rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def _tally(path: Path) -> str:
    """Count verdicts, and how they spread over wrong and missed pairs."""
    rows = _rows(path)
    read_rows = [row for row in rows if row["reading"].strip()]
    if not read_rows:
        return f"{path}: none of {len(rows)} has a reading\n"
    verdicts = Counter(row["reading"].strip().casefold() for row in read_rows)
    lines = ["| reading | n | share | wrong pairs | missed pairs |", "|---|---|---|---|---|"]
    for verdict, n in verdicts.most_common():
        sides = Counter(
            row["error"] for row in read_rows if row["reading"].strip().casefold() == verdict
        )
        share = wilson(n, len(read_rows)).percent
        lines.append(f"| {verdict} | {n} | {share} | {sides['wrong']} | {sides['missed']} |")
    return "\n".join([*lines, "", f"{len(read_rows)} of {len(rows)} read"]) + "\n"


if __name__ == "__main__":
    main()

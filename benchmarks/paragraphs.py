r"""What a student finds in paragraphs against what it finds in their sentences.

    decoct distill --silver work/ade/silver.gpt-4-1106-function.jsonl --epochs 3 --out student
    python benchmarks/paragraphs.py --student student --gold work/ade/mixed.jsonl --n 300

The sentences of an abstract, with and without events, are put together; the same student reads them
alone, and the paragraphs with each `unit`. In-sample if it learnt from them: only the differences
say something.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import torch

from decoct.evaluation.evaluate import evaluate
from decoct.formats.base import read
from decoct.records import Document, Relation, Span
from decoct.student.student import Student
from decoct.student.torch_student import make_reader


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--student", type=Path, required=True)
    parser.add_argument("--gold", type=Path, required=True)
    parser.add_argument("--n", type=int, default=300, help="Abstracts.")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    by_abstract = defaultdict(list)
    for document in read(args.gold):
        by_abstract[document.meta["pmid"]].append(document)
    drawn = random.Random(args.seed).sample(sorted(by_abstract), args.n)
    sentences = [document for pmid in drawn for document in by_abstract[pmid]]
    paragraphs = [joined(pmid, by_abstract[pmid]) for pmid in drawn]
    student = Student.from_pretrained(args.student)
    print("| read | strict F1, offsets | lenient F1, offsets |\n|---|---|---|")
    print(row("sentences alone", sentences, list(student.extract(sentences))))
    for unit in ("sentence", "document"):
        settings = student.card.settings.model_copy(update={"unit": unit})
        card = student.card.model_copy(update={"settings": settings})
        reader = make_reader(student.model, student.tokenizer, card, torch.device("cpu"))
        found = list(reader.read(paragraphs))
        print(row(f"{len(paragraphs)} paragraphs, unit {unit}", paragraphs, found))


def joined(id_: str, sentences: Sequence[Document]) -> Document:
    """Return sentences and their annotations as one text."""
    text, spans, relations = "", [], []
    for sentence in sentences:
        ids = {}
        for span in sentence.spans:
            ids[span.id] = f"T{len(spans) + 1}"
            spans.append(
                Span(
                    id=ids[span.id],
                    start=span.start + len(text),
                    end=span.end + len(text),
                    label=span.label,
                    text=span.text,
                )
            )
        relations += [
            Relation(label=one.label, subject=ids[one.subject], object=ids[one.object])
            for one in sentence.relations
        ]
        text += f"{sentence.text} "
    return Document(id=id_, text=text, source="gold", spans=spans, relations=relations)


def row(name: str, gold: list[Document], found: list[Document]) -> str:
    """Return a line of the table."""
    metrics = evaluate(gold, found)
    scores = [metrics.relations[match, "offsets"].f1.percent for match in ("strict", "lenient")]
    return f"| {name} | {' | '.join(scores)} |"


if __name__ == "__main__":
    main()

r"""Drugs and their doses: a task that is no more than a TOML file, from gold and from rules.

    python benchmarks/drug_dose.py --data ../shared/data --work work/dose
    T=examples/tasks/drug_dose.toml
    decoct label --task $T --in work/dose/gold.jsonl --teacher scripted:work/dose/answers.jsonl \
        --out work/dose/silver.jsonl
    decoct evaluate --folds 5 --group-by pmid --task $T --gold work/dose/gold.jsonl \
        --epochs 15 --out work/dose/cv.gold
    decoct evaluate --folds 5 --group-by pmid --task $T --gold work/dose/gold.jsonl \
        --silver work/dose/silver.jsonl --epochs 15 --out work/dose/cv.rules

Writes the corpus's `DRUG-DOSE.rel` as documents, and what a scripted teacher answers about them:
the drugs that the rules teacher's lexicon knows, a pattern for doses, each dose given to the
nearest drug. That teacher has seen no gold.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from decoct.errors import Faults
from decoct.formats.base import read_documents
from decoct.formats.jsonl import write_jsonl
from decoct.teacher.annotator import RulesAnnotator

_UNIT = r"(?:mg|g|mcg|µg|ug|micrograms?|milligrams?|grams?|ml|mL|IU|I\.U\.|units?|mEq|mmol|Gy)"
_PER = r"(?:\s*/\s*(?:kg|m2|m\(2\)|day|d|h|hr|hour|week|wk|dose|min)\b)*"
_OFTEN = r"(?:\s*(?:daily|per day|a day|/day|per week|weekly|twice daily|once daily|b\.?i\.?d\.?))?"
_DOSE = re.compile(rf"\b\d[\d,.]*(?:\s*(?:-|to)\s*\d[\d,.]*)?\s*{_UNIT}\b{_PER}{_OFTEN}")


def main() -> None:
    """Write gold and the scripted answers."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    gold = list(read_documents(args.data / "ade" / "DRUG-DOSE.rel", Faults(), "ade_corpus"))
    write_jsonl(args.work / "gold.jsonl", gold)
    annotator = RulesAnnotator()
    with (args.work / "answers.jsonl").open("w", encoding="utf-8") as handle:
        for document in gold:
            content = json.dumps(answer(annotator, document.text), ensure_ascii=False)
            line = {"text": document.text, "content": content}
            handle.write(json.dumps(line, ensure_ascii=False) + "\n")
    print(f"{args.work}: {len(gold)} sentences")


def answer(annotator: RulesAnnotator, text: str) -> dict[str, list[dict[str, str]]]:
    """Return what the rules find, in the task's schema."""
    drugs = annotator.annotate(text).drugs
    relations = []
    for dose in _DOSE.finditer(text):
        if drugs:
            nearest = min(
                drugs, key=lambda drug: max(drug.start - dose.end(), dose.start() - drug.end)
            )
            found = {"label": "DOSE_OF", "subject": nearest.text, "object": dose.group().strip()}
            relations.append(found)
    return {
        "spans": [{"label": "Drug", "text": text} for text in dict.fromkeys(d.text for d in drugs)],
        "relations": relations,
    }


if __name__ == "__main__":
    main()

"""The corpora of labels and their recorded teachers, as the files that `labels.py` reads.

    python benchmarks/labels_data.py --data ../shared/data --work work/labels

Written to `WORK/gad`, sentences with a marked gene and disease, `associated` or `not associated`:

- `train.jsonl`, `dev.jsonl`: gold. Sentences of train that dev has too are left out of train.
- `silver.jsonl`: an LLM's labels for 900 sentences of train, confidence h, m, l as 0.9, 0.7, 0.5;
  `recorded.jsonl`: gold of the same sentences, to score the LLM itself.

Written to `WORK/nli`, statements on trials with the sections that they are about as `premise` in
`meta`, `Entailment` or `Contradiction`:

- `train.jsonl`, `dev.jsonl`: gold. `train.other.jsonl`: of train what speaks of no trial that
  `silver.jsonl` speaks of, `train.apart.jsonl` what speaks of none that dev does.
- `silver.jsonl`: GPT-4's labels for the unlabeled statements; nothing of dev's trials is in it.

How many there are, how alike the splits, and the LLM's score are written as `data.md`.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from decoct.evaluation.labels import evaluate_labels
from decoct.formats.jsonl import write_jsonl
from decoct.records import Document
from decoct.store import write_text

GAD_LABELS = ("not associated", "associated")
CERTAINTIES = {"h": 0.9, "m": 0.7, "l": 0.5}
TRIALS = ("primary", "secondary")


def main() -> None:
    """Write every file, then what there is to say of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with gad/ and nli/")
    parser.add_argument("--work", type=Path, required=True, help="folder for the files")
    arguments = parser.parse_args()
    lines = [
        *_gad(arguments.data / "gad", arguments.work / "gad"),
        *_nli(arguments.data / "nli", arguments.work / "nli"),
    ]
    text = "\n".join(lines) + "\n"
    write_text(arguments.work / "data.md", text)
    sys.stdout.write(text)


def _gad(data: Path, work: Path) -> list[str]:
    gold = {part: _gad_gold(data / f"{part}.tsv", part) for part in ("train", "dev")}
    dev_texts = {document.text for document in gold["dev"]}
    train = [one for one in gold["train"] if one.text not in dev_texts]
    by_id = {document.id: document for document in gold["train"]}
    silver = [
        Document(
            id=f"train-{row['index']}",
            text=row["text"],
            source="silver",
            label=GAD_LABELS[row["label"]],
            meta={
                "backend": "recorded",
                "model": "claude",
                "confidence": CERTAINTIES[row["confidence"]],
            },
        )
        for row in _rows(data / "teacher" / "claude.jsonl.gz")
    ]
    recorded = [by_id[document.id] for document in silver]
    kept = [one for one in silver if one.text not in dev_texts]
    _write(work, {"train": train, "dev": gold["dev"], "recorded": recorded})
    _write(work, {"silver": kept, "teacher": silver})
    teacher = evaluate_labels(recorded, silver, positive="associated")
    return [
        f"gad: {len(train)} train, {len(gold['dev'])} dev; left out as dev's sentences too: "
        f"{len(gold['train']) - len(train)} of train, {len(silver) - len(kept)} of silver",
        f"gad: the LLM on its {len(silver)} sentences: {teacher.headline}",
    ]


def _gad_gold(path: Path, part: str) -> list[Document]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [
            Document(
                id=f"{part}-{row['index']}",
                text=row["sentence"],
                source="gold",
                label=GAD_LABELS[int(row["label"])],
            )
            for row in rows
        ]


def _nli(data: Path, work: Path) -> list[str]:
    trials = {row["Clinical Trial ID"]: row for row in _rows(data / "trials.jsonl.gz")}
    train, dev = (
        [_statement(row, trials, "gold") for row in _rows(data / f"{part}.jsonl.gz")]
        for part in ("train", "dev")
    )
    said = {row["id"]: row for row in _rows(data / "teacher" / "gpt-4.jsonl.gz")}
    silver = [
        _statement(
            {**row, "label": said[row["id"]]["label"]}, trials, "silver", said[row["id"]]["model"]
        )
        for row in _rows(data / "unlabeled.jsonl.gz")
        if row["id"] in said
    ]
    of_dev, of_silver = _trials(dev), _trials(silver)
    apart = [one for one in train if not _trials([one]) & of_dev]
    other = [one for one in train if not _trials([one]) & of_silver]
    _write(work, {"train": train, "dev": dev, "silver": silver})
    _write(work, {"train.apart": apart, "train.other": other})
    n_shared = sum(bool(_trials([one]) & _trials(train)) for one in dev)
    return [
        f"nli: {len(train)} train, {len(dev)} dev, {len(silver)} silver; dev speaks of "
        f"{len(of_dev)} trials, {len(of_dev & _trials(train))} of which train speaks of too "
        f"({n_shared} of dev's statements), {len(of_dev & of_silver)} of which silver does",
        f"nli: {len(apart)} of train speak of no trial of dev's, {len(other)} of none of silver's",
    ]


def _statement(
    row: dict[str, Any], trials: dict[str, dict[str, Any]], source: str, model: str = ""
) -> Document:
    """Return a statement with its premise: the section of the trials that it is about."""
    parts = []
    for role in TRIALS:
        if row[role]:
            section = [line.strip() for line in trials[row[role]][row["section"]]]
            parts += [f"{role} trial, {row['section']}:", *(line for line in section if line)]
    made_by = {"backend": "recorded", "model": model} if model else {}
    about = {role: row[role] for role in TRIALS if row[role]}
    return Document(
        id=row["id"],
        text=row["statement"],
        source=source,
        label=row["label"],
        meta={"premise": "\n".join(parts), **about, "section": row["section"], **made_by},
    )


def _trials(documents: Iterable[Document]) -> set[str]:
    return {one.meta[role] for one in documents for role in TRIALS if role in one.meta}


def _write(folder: Path, parts: dict[str, Sequence[Document]]) -> None:
    for name, documents in parts.items():
        write_jsonl(folder / f"{name}.jsonl", documents)


def _rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()

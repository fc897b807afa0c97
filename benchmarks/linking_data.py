"""The linking corpora and their recorded teachers, as the files that the other benchmarks read.

    python benchmarks/linking_data.py --data ../shared/data --work work/linking

Written to `WORK/askapatient` and `WORK/icd10_zh`, mentions one a document, each surface once (case,
width and spacing aside; where people disagree, the concept that most of them gave):

- `kb.tsv`: the knowledge base as it is.
- `train.jsonl`: all that may be learnt from. `gold.N.SEED.jsonl`: N of them, drawn from those that
  no teacher was asked about. AskAPatient also has `gold200.jsonl`, the ones that the few-shot
  teacher had seen.
- what is scored: AskAPatient's `validation.jsonl`, with its repetitions, and ICD-10's `test.jsonl`,
  a tenth of the mentions, none of which a teacher was asked about.
- `recorded.jsonl`: the mentions that teachers were asked about, with gold links.
  `teacher.NAME.jsonl`: the same with the teacher's; `silver.NAME.jsonl`: those of them that are not
  in `gold200.jsonl`, to learn from. No gold label gets into silver.

Written to `WORK/ncbi_disease`: `kb.jsonl`, MEDIC; `train.jsonl` and `dev.jsonl`, abstracts. The
file has the 593 abstracts of the published training set first and then the 100 of the development
set; an abstract that it has twice is taken once. MeSH ids get the prefix `MESH:`. Gold that names
an alternative id of MEDIC is given its main one, since a knowledge base has each concept once.

The teachers' own scores are written as `teachers.md`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import shutil
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from decoct.errors import Faults
from decoct.evaluation.items import normalize_surface
from decoct.evaluation.linking import evaluate_linking
from decoct.formats.base import FORMATS, read
from decoct.formats.jsonl import write_jsonl
from decoct.kb.base import Entity
from decoct.records import Candidate, Document, Link, Span
from decoct.store import write_text
from decoct.tasks.choice import CERTAINTIES

SEEDS = (1, 2, 3)
SIZES = (50, 100, 200, 400)
SPLIT_SEED = 13
N_TRAIN_ABSTRACTS, N_ABSTRACTS = 593, 693
TEACHERS = {"askapatient": ("claude", "claude-fewshot"), "icd10_zh": ("claude",)}
HEADER = "| corpus | teacher | mentions | recall@1 | recall@5 | recall@20 | Acc@1 |"


def main() -> None:
    """Write every file, then the teachers' scores."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with linking/")
    parser.add_argument("--work", type=Path, required=True, help="folder for the files")
    arguments = parser.parse_args()
    data, work = arguments.data / "linking", arguments.work
    rows = [HEADER, "|---" * HEADER.count(" |") + "|"]
    rows += _askapatient(data / "askapatient", work / "askapatient")
    rows += _icd10(data / "icd10_zh", work / "icd10_zh")
    _ncbi(data / "ncbi_disease", work / "ncbi_disease")
    table = "\n".join(rows) + "\n"
    write_text(work / "teachers.md", table)
    sys.stdout.write(table)


def _askapatient(data: Path, work: Path) -> list[str]:
    train = _distinct(read(data / "train.tsv"))
    gold = _distinct(read(data / "gold200.tsv"))
    write_jsonl(work / "gold200.jsonl", gold.values())
    write_jsonl(work / "validation.jsonl", read(data / "validation.tsv"))
    return _common(data, work, train, gold)


def _icd10(data: Path, work: Path) -> list[str]:
    mentions = _distinct(read(data / "train.tsv"))
    asked = {_folded(row["mention"]) for row in _recorded(data, "claude")}
    free = sorted(mentions.keys() - asked)
    test = set(random.Random(SPLIT_SEED).sample(free, round(len(mentions) / 10)))
    write_jsonl(work / "test.jsonl", (mentions[key] for key in mentions if key in test))
    train = {key: document for key, document in mentions.items() if key not in test}
    return _common(data, work, train, {})


def _common(
    data: Path, work: Path, train: dict[str, Document], gold: dict[str, Document]
) -> list[str]:
    """Write what both corpora have, and return a row for each teacher."""
    shutil.copyfile(data / "kb.tsv", work / "kb.tsv")
    write_jsonl(work / "train.jsonl", train.values())
    teachers = {name: _recorded(data, name) for name in TEACHERS[data.name]}
    asked = {_folded(row["mention"]) for rows in teachers.values() for row in rows}
    free = sorted(train.keys() - asked)
    for seed in SEEDS:
        order = random.Random(seed).sample(free, len(free))
        for n in SIZES:  # the smaller draws are part of the greater ones
            write_jsonl(work / f"gold.{n}.{seed}.jsonl", (train[key] for key in order[:n]))
    lines = []
    for name, rows in teachers.items():
        answers = [_answer(row, name) for row in rows]
        recorded = [_with_gold(one, train) for one in answers]
        write_jsonl(work / "recorded.jsonl", recorded)
        write_jsonl(work / f"teacher.{name}.jsonl", answers)
        write_jsonl(
            work / f"silver.{name}.jsonl", (one for one in answers if _folded(one.text) not in gold)
        )
        scores = evaluate_linking(recorded, answers).all
        cells = [scores.recall[k].percent for k in (1, 5, 20)] + [scores.accuracy[1].percent]
        lines.append(f"| {data.name} | {name} | {scores.n_mentions} | {' | '.join(cells)} |")
    return lines


def _distinct(documents: Iterable[Document]) -> dict[str, Document]:
    """Return each surface's first document, with the concept that it has most often."""
    of_surface: defaultdict[str, list[Document]] = defaultdict(list)
    for document in documents:
        of_surface[_folded(document.text)].append(document)
    return {key: _commonest(found) for key, found in of_surface.items()}


def _commonest(documents: Sequence[Document]) -> Document:
    links = Counter(document.spans[0].link for document in documents)
    (link, _), *_ = links.most_common(1)  # of equals the one that came first
    return next(one for one in documents if one.spans[0].link == link)


def _recorded(data: Path, name: str) -> list[dict[str, object]]:
    with gzip.open(data / "teacher" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _answer(row: dict[str, object], model: str) -> Document:
    candidates = tuple(Candidate(**one) for one in row["candidates"])
    names = {one.id: one.name for one in candidates}
    choice = row["choice"]
    sure = CERTAINTIES[str(row["confidence"])]
    link = Link(id=choice, name=names.get(choice), confidence=sure, candidates=candidates)
    return Document(
        id=row["id"],
        text=row["mention"],
        source="silver",
        spans=(_span(row["mention"], link),),
        meta={"backend": "replay", "model": model, "certainty": row["confidence"]},
    )


def _with_gold(answer: Document, train: dict[str, Document]) -> Document:
    link = train[_folded(answer.text)].spans[0].link
    return Document(
        id=answer.id, text=answer.text, source="gold", spans=(_span(answer.text, link),)
    )


def _span(text: str, link: Link | None) -> Span:
    return Span(id="T1", start=0, end=len(text), label="Mention", text=text, link=link)


def _folded(text: str) -> str:
    return normalize_surface(unicodedata.normalize("NFKC", text))


def _ncbi(data: Path, work: Path) -> None:
    main_ids: dict[str, str] = {}
    entities = list(_medic(data / "medic_06Jul2012.txt", main_ids))
    write_text(work / "kb.jsonl", "".join(f"{one.to_json()}\n" for one in entities))
    faults = Faults()
    path = data / "train_dev.PubTator"
    abstracts = list(FORMATS.get("pubtator").read(path, faults, prefixes="add"))
    if faults or len(abstracts) != N_ABSTRACTS:
        sys.exit(f"{path}: {len(abstracts)} abstracts, {faults.n} lines that can't be read")
    known = {one.id for one in entities}
    for name, part in (
        ("train", abstracts[:N_TRAIN_ABSTRACTS]),
        ("dev", abstracts[N_TRAIN_ABSTRACTS:]),
    ):
        distinct = {one.id: one for one in reversed(part)}
        documents = [_with_main_ids(one, main_ids) for one in reversed(distinct.values())]
        ids = [id_ for one in documents for span in one.spans if span.link for id_ in span.link.ids]
        outside = sorted(set(ids) - known)
        if outside:
            sys.exit(f"{path}: {len(outside)} ids are not in MEDIC, such as {outside[0]}")
        write_jsonl(work / f"{name}.jsonl", documents)


def _medic(path: Path, main_ids: dict[str, str]) -> Iterator[Entity]:
    """Yield MEDIC's concepts, and put its alternative ids into `main_ids`."""
    for line in path.read_text(encoding="utf-8").splitlines():
        ids, _, names = line.partition("||")
        main, *others = map(_curie, ids.split("|"))
        name, *aliases = dict.fromkeys(filter(None, names.split("|")))
        main_ids.update(dict.fromkeys(others, main))
        yield Entity(id=main, name=name, aliases=tuple(aliases))


def _curie(id_: str) -> str:
    return f"OMIM:{id_}" if id_.isdecimal() else f"MESH:{id_}"


def _with_main_ids(document: Document, main_ids: dict[str, str]) -> Document:
    spans = []
    for span in document.spans:
        ids = () if span.link is None else span.link.ids
        first, *also = dict.fromkeys(main_ids.get(id_, id_) for id_ in ids)
        spans.append(span.model_copy(update={"link": Link(id=first, also=tuple(also))}))
    return document.model_copy(update={"spans": tuple(spans)})


if __name__ == "__main__":
    main()

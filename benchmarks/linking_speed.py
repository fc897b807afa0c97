r"""How fast mentions are encoded and re-ranked, in torch and by what `decoct export` writes.

    python benchmarks/linking_speed.py --kb examples/linking/kb.tsv \
        --mentions examples/linking/mentions.tsv

An index with vectors is built of the knowledge base, and a cross-encoder taught for a moment, since
how well it ranks does not matter here; both are exported. Each engine is a process of its own; the
processes take turns, and the best turn counts. Encoding is of mentions alone; re-ranking is of 16
candidates and NIL, with tokenizing and all that a linker does. The table is Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decoct.kb.base import Query
    from decoct.reranker.base import Question
    from decoct.retriever.index import Index

K = 16
ROWS = {"torch fp32": "torch", "ONNX fp32": "fp32", "ONNX int8": "int8"}
UNITS = {
    "encode": "mentions encoded a second",
    "rerank": "mentions re-ranked a second",
    "single": "ms to re-rank one mention",
}


def main() -> None:
    """Build and export, measure each row in turns, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kb", type=Path, required=True)
    parser.add_argument("--mentions", type=Path, required=True, help="documents with spans")
    parser.add_argument("--encoder", default="embedded")
    parser.add_argument("--n", type=int, default=512, help="mentions; repeated if there are fewer")
    parser.add_argument("--turns", type=int, default=3, help="the best of this many is shown")
    parser.add_argument("--row", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        json.dump(_measure(arguments.row, _queries(arguments)), sys.stdout)
        return
    found: dict[str, list[dict[str, float]]] = {row: [] for row in ROWS}
    with tempfile.TemporaryDirectory(prefix="decoct-linking-speed-") as folder:
        for name in ROWS.values():
            _make(Path(folder) / name, name, arguments)
        for _ in range(arguments.turns):
            for row, name in ROWS.items():
                command = [*sys.argv, "--row", str(Path(folder) / name)]
                done = subprocess.run([sys.executable, *command], check=True, capture_output=True)
                found[row].append(json.loads(done.stdout))
    best = {row: {what: _best(what, turns) for what in UNITS} for row, turns in found.items()}
    base = best["torch fp32"]
    print("| | " + " | ".join(f"{unit} | to torch" for unit in UNITS.values()) + " |")
    print("|---|" + "---|" * 2 * len(UNITS))
    for row, numbers in best.items():
        cells = [f"{numbers[what]:.0f} | {numbers[what] / base[what]:.2f}" for what in UNITS]
        print(f"| {row} | " + " | ".join(cells) + " |")
    print(f"{os.cpu_count()} cores; {arguments.n} mentions; encoder {arguments.encoder}.")


def _best(what: str, turns: Sequence[dict[str, float]]) -> float:
    numbers = [one[what] for one in turns]
    return min(numbers) if what == "single" else max(numbers)


def _make(folder: Path, name: str, arguments: argparse.Namespace) -> None:
    """Make an index and a re-ranker, or copy those that are there and export them."""
    from decoct.recipes.export_linking import export_index, export_reranker

    if name == "torch":
        _teach(folder, arguments)
        return
    shutil.copytree(folder.with_name("torch"), folder)
    precision = "int8" if name == "int8" else "fp32"
    export_index(folder / "index", precision, force=True)
    export_reranker(folder / "reranker", precision, force=True)


def _teach(folder: Path, arguments: argparse.Namespace) -> None:
    from decoct.kb.reading import read_kb
    from decoct.reranker.base import Choice
    from decoct.reranker.kinds.cross_encoder import CrossEncoder
    from decoct.reranker.ranker import Ranker
    from decoct.retriever.index import Index
    from decoct.retriever.settings import DenseSettings, IndexSettings

    how = {"encoder": arguments.encoder, "device": "cpu", "precision": "fp32"}
    settings = IndexSettings(dense=DenseSettings.model_validate(how))
    index = Index.build(read_kb(arguments.kb), folder / "index", settings)
    choices = [Choice(question, 0) for question in _questions(index, _queries(arguments)[:16])]
    made = CrossEncoder.fit(choices, index.entity, {**how, "epochs": 1})
    Ranker(made).save(folder / "reranker")


def _queries(arguments: argparse.Namespace) -> list[Query]:
    from decoct.formats.base import read
    from decoct.kb.base import queries_of

    asked = [query for one in read(arguments.mentions) for _, query in queries_of(one)]
    return list(islice(cycle(asked), arguments.n))


def _questions(index: Index, queries: Sequence[Query]) -> list[Question]:
    from decoct.reranker.base import Question

    lists = index.search(queries, K)
    return [Question(query, found) for query, found in zip(queries, lists, strict=True)]


def _measure(folder: Path, queries: Sequence[Query]) -> dict[str, float]:
    from decoct.reranker.ranker import Ranker
    from decoct.retriever.index import Index
    from decoct.retriever.indexes.dense import Dense

    index, ranker = Index.open(folder / "index"), Ranker.load(folder / "reranker")
    dense = index.retriever("dense")
    assert isinstance(dense, Dense)
    encoder, questions = dense.encoder, _questions(index, queries)
    some = questions[:32]

    def one_by_one() -> None:
        for question in some:
            ranker.log_probs([question], index.entity)

    return {
        "encode": len(queries) / _seconds(lambda: encoder.encode(queries)),
        "rerank": len(queries) / _seconds(lambda: ranker.log_probs(questions, index.entity)),
        "single": 1000 * _seconds(one_by_one) / len(some),
    }


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()  # what is loaded at the first call was, by the search
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

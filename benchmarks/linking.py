r"""Entity linking from few labels and a teacher's choices, system by system.

    python benchmarks/linking_data.py --data ../shared/data --work work/linking
    python benchmarks/linking.py --work work/linking/askapatient --score validation.jsonl \
        --gold gold200.jsonl --silver silver.claude-fewshot.jsonl

Systems that learn do so from gold alone (`gold`) and from gold and silver (`both`):

- `ngram`, `bm25`, `dense` (the encoder as it comes): nothing learnt;
- `alias`: trusted mentions become aliases of an n-gram and word index; needs no encoder;
- `learnt`: the encoder fine-tuned as well, dense alone; `self`: and on unlabeled mentions of
  `train.jsonl` that it is sure of; `fused`: n-grams, words and the fine-tuned encoder together;
- `KIND:SYSTEM`, such as `features:alias`: a re-ranker over one of these, trained on lists that the
  retriever made without having learnt their mentions.

What is learnt and found is kept in `WORK/systems`; what is there is not done again. Every mention
is known to have an entity, so nothing is NIL. Printed are Acc@1 and Acc@5 with intervals, recall at
20, Acc@1 over mentions not in the labelled data, and paired tests of `both` against `gold`.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from decoct.cli.screen import Screen
from decoct.evaluation.items import normalize_surface
from decoct.evaluation.linking import compare_linking, evaluate_linking
from decoct.formats.base import read
from decoct.formats.jsonl import write_jsonl
from decoct.kb.base import Entity, Query
from decoct.kb.reading import read_kb
from decoct.linker.abbreviations import expanded_queries
from decoct.linker.linker import Linker
from decoct.linker.settings import LinkerSettings
from decoct.records import Candidate, Document, Link, Span
from decoct.reranker.choices import Choices, choices_of
from decoct.reranker.fit import fit_ranker
from decoct.reranker.ranker import Ranker
from decoct.reranker.settings import RankerSettings
from decoct.retriever.fit_settings import LearnSettings, Pair
from decoct.retriever.index import Index
from decoct.retriever.lists import build_learnt, cross_fitted_lists
from decoct.retriever.settings import DenseSettings, IndexSettings
from decoct.retriever.untaught import untaught, write_learnt
from decoct.store import write_text

LEXICAL = ("ngram", "bm25")
RETRIEVERS = {
    "ngram": ("ngram",),
    "bm25": ("bm25",),
    "dense": ("dense",),
    "alias": LEXICAL,
    "learnt": ("dense",),
    "self": ("dense",),
    "fused": (*LEXICAL, "dense"),
}
UNTRAINED = ("ngram", "bm25", "dense")
K = 20
SPLIT_SEED = 13
NO_GOLD = "none"
SCREEN = Screen()


@dataclass(frozen=True)
class Bench:
    """What all systems have in common.

    Attributes:
        work: the corpus's folder.
        entities: its knowledge base.
        gold: linked by people, to learn from.
        silver: linked by a teacher.
        unlabeled: mentions of `train.jsonl`, their labels not looked at.
        scored: with gold links.
        learning: how encoders learn.
        dense: how they read.
        k: candidates.
        tag: names this choice of gold and silver.
    """

    work: Path
    entities: list[Entity]
    gold: list[Document]
    silver: list[Document]
    unlabeled: list[Query]
    scored: list[Document]
    learning: LearnSettings
    dense: DenseSettings
    k: int
    tag: str

    @cached_property
    def known(self) -> set[str]:
        """The knowledge base's ids; a corpus may link to others."""
        return {entity.id for entity in self.entities}

    def predictions(self, system: str, source: str) -> list[Document]:
        """Return what a system finds, made now or before."""
        path = self._folder(system, source) / "predicted.jsonl"
        if not path.is_file():
            linker = self._linker(system, source)
            write_jsonl(path, linker.link_documents(self.scored))  # it lets go of gold links
        return list(read(path))

    def _folder(self, system: str, source: str) -> Path:
        return self.work / "systems" / f"{self.tag}.{source}.{system.replace(':', '-')}"

    def _linker(self, system: str, source: str) -> Linker:
        kind, _, below = system.rpartition(":")
        linking = LinkerSettings(k=self.k, keep=self.k, nil=False)
        index = self._index(below, source)
        if not kind:
            return Linker(index, None, linking)
        folder = self._folder(system, source)
        if not (folder / "ranker.json").is_file():
            self._ranker(kind, below, source, index).save(folder)
        return Linker(index, Ranker.load(folder), linking)

    def _index(self, system: str, source: str) -> Index:
        folder = self._folder(system, source)
        if (folder / "index").is_dir():
            return Index.open(folder / "index")
        settings, learning = self._how(system)
        if system in UNTRAINED:
            return Index.build(self.entities, folder / "index", settings, SCREEN)
        unlabeled = self.unlabeled if system == "self" else ()
        pairs = list(self._pairs(source))
        made = build_learnt(
            *(self.entities, pairs, unlabeled, settings, learning),
            *(folder / "index", folder),
            progress=SCREEN,
        )
        write_learnt(folder / "index", self.entities, made.aliases)
        return made.index

    def _how(self, system: str) -> tuple[IndexSettings, LearnSettings | None]:
        retrievers = RETRIEVERS[system]
        reads = "dense" in retrievers
        settings = IndexSettings(retrievers=retrievers, dense=self.dense if reads else None)
        return settings, self.learning if reads else None

    def _ranker(self, kind: str, below: str, source: str, index: Index) -> Ranker:
        """Train a re-ranker on lists by indexes that have not learnt their mentions."""
        pairs = list(self._pairs(source))
        lists = self._lists(below, source, pairs)

        def search(queries: list[Query], k: int) -> list[tuple[Candidate, ...]]:
            return [  # NIL is not learnt, so the index itself will do
                lists[key][:k]
                if (key := normalize_surface(query.text)) in lists
                else index.search([query], k)[0]
                for query in queries
            ]

        made = Choices()
        for documents, by_people in self._sources(source):
            choices_of(
                *(documents, search, self.k),  # type: ignore[arg-type]
                mentions=expanded_queries,
                gold=by_people,
                made=made,
            )
        return fit_ranker(made.found, untaught(index), RankerSettings(kind=kind), SCREEN).ranker

    def _lists(
        self, below: str, source: str, pairs: list[Pair]
    ) -> dict[str, tuple[Candidate, ...]]:
        """Return the labelled mentions' candidates, by indexes that have not learnt them."""
        path = self._folder(below, source) / f"lists.{self.k}.jsonl"
        if not path.is_file():
            made = cross_fitted_lists(
                self.entities, pairs, *self._how(below), k=self.k, progress=SCREEN
            )
            write_jsonl(path, [mention(key, found) for key, found in made.items()])
        return {one.text: one.spans[0].link.candidates for one in read(path)}  # type: ignore[union-attr]

    def _sources(self, source: str) -> Iterator[tuple[list[Document], bool]]:
        yield self.gold, True
        if source == "both":
            yield self.silver, False

    def _pairs(self, source: str) -> Iterator[Pair]:
        for documents, by_people in self._sources(source):
            for document in documents:
                for span, query in expanded_queries(document):
                    if span.link is not None and span.link.id in self.known:
                        sure = 1.0 if by_people else span.link.confidence or 0.7
                        yield Pair.of(query, span.link.id, sure)


def mention(text: str, candidates: tuple[Candidate, ...]) -> Document:
    """Return a document of one mention and its candidates."""
    link = Link(candidates=candidates)
    span = Span(id="T1", start=0, end=len(text), label="Mention", text=text, link=link)
    return Document(id=text, text=text, source="predicted", spans=(span,))


def main() -> None:
    """Make what is not made yet, then the table."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    work: Path = arguments.work
    silver = list(read(work / arguments.silver)) if arguments.silver else []
    tag = Path(arguments.gold).stem + (".context" if arguments.context else "")
    if arguments.n_silver is not None:
        silver = random.Random(SPLIT_SEED).sample(silver, arguments.n_silver)
        tag += f".{arguments.n_silver}"
    if arguments.doubt != "keep":
        tag += f".{arguments.doubt}"
    bench = Bench(
        work=work,
        entities=list(read_kb(next(work.glob("kb.*"))).entities),
        gold=[] if arguments.gold == NO_GOLD else list(read(work / arguments.gold)),
        silver=silver,
        unlabeled=[
            query for one in read(work / "train.jsonl") for _, query in expanded_queries(one)
        ],
        scored=list(read(work / arguments.score)),
        learning=LearnSettings(
            encoder=arguments.encoder, epochs=arguments.epochs, doubt=arguments.doubt
        ),
        dense=DenseSettings(
            encoder=arguments.encoder,
            glossary=arguments.glossary,
            template="mention_context" if arguments.context else "mention",
        ),
        k=arguments.k,
        tag=tag,
    )
    sources = {}  # of what is learnt -> how it is called
    if bench.gold:
        sources["gold"] = "gold"
    if bench.silver:
        sources["both"] = "gold, silver" if bench.gold else "silver"
    labelled = [*bench.gold, *bench.silver]
    rows, tests = [], []
    for system in arguments.systems:
        found = {
            source: bench.predictions(system, source)
            for source in (["gold"] if system in UNTRAINED else sources)
        }
        for source, predicted in found.items():
            groups = evaluate_linking(bench.scored, predicted, labelled=labelled).groups
            whole, unseen = groups["all"], groups["unseen mentions"]
            cells = [
                whole.accuracy[1],
                whole.accuracy[5],
                whole.recall.get(K),
                unseen.accuracy[1],
            ]
            learnt = "-" if system in UNTRAINED else sources[source]
            rows.append(f"| {system} | {learnt} | " + " | ".join(map(_percent, cells)) + " |")
        if len(found) > 1:
            test = compare_linking(bench.scored, found["both"], found["gold"])
            change = f"{test.difference.percent} points, p = {test.p:.4f}"
            tests.append(f"- {system}, with silver against without: {change}")
    text = "\n".join([*_HEADER, *rows, "", *tests, ""])
    write_text(work / f"table.{bench.tag}.md", text)
    sys.stdout.write(text)


_HEADER = (
    "| system | learnt from | Acc@1 | Acc@5 | recall@20 | Acc@1, unseen |",
    "|---|---|---|---|---|---|",
)


def _percent(score: object) -> str:
    return "-" if score is None else str(getattr(score, "percent", score))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="a corpus of linking_data.py")
    parser.add_argument("--score", default="validation.jsonl")
    parser.add_argument("--gold", default="gold200.jsonl", help=f"or {NO_GOLD}: silver alone")
    parser.add_argument("--silver")
    parser.add_argument("--n-silver", type=int, help="so many of the silver, drawn by lot")
    parser.add_argument("--systems", nargs="+", default=["ngram", "dense", "alias", "learnt"])
    parser.add_argument("--encoder", default="embedded")
    parser.add_argument("--glossary", default="", help="cc-cedict, or a file: see EncoderSettings")
    parser.add_argument("--context", action="store_true", help="encoders read it too")
    parser.add_argument("-k", type=int, default=K, help="candidates")
    parser.add_argument("--epochs", type=int, default=LearnSettings().epochs)
    parser.add_argument("--doubt", choices=("keep", "check"), default="keep", help="LearnSettings")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()

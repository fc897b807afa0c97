"""`run` of a file with an `[index]`: index, judge, learn, rerank, evaluate and link."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from decoct.config import Settings, check, read_toml
from decoct.errors import Faults
from decoct.evaluation.linking import evaluate_linking
from decoct.evaluation.linking_metrics import LinkingMetrics
from decoct.evaluation.linking_report import LinkingSection
from decoct.evaluation.report import write_report
from decoct.formats.base import read_documents
from decoct.formats.jsonl import write_jsonl
from decoct.linker.settings import LinkerSettings
from decoct.progress import Progress, Silent
from decoct.recipes.evaluate import by_own_ids
from decoct.records import Document
from decoct.reranker.settings import RankerSettings
from decoct.retriever.fit_settings import LearnSettings
from decoct.retriever.settings import IndexSettings
from decoct.run_folder import RunFolder
from decoct.store import sha256_file, write_json
from decoct.teacher.judging.settings import JudgeSettings
from decoct.teacher.settings import LOG_NAME, PATH_OPTIONS

_INDEX, _SILVER, _LINKER, _LINKED = "index", "silver.jsonl", "linker", "linked.jsonl"


class IndexTable(IndexSettings):
    """`[index]`: the knowledge base and how its file is read, and the index's settings.

    Attributes:
        kb: a file or folder.
        kb_format: None guesses.
        kb_options: of its reader, such as `id = "code"`.
    """

    kb: Path
    kb_format: str | None = None
    kb_options: dict[str, str] = Field(default_factory=dict)

    def settings(self) -> IndexSettings:
        """Return the index's own settings."""
        own = IndexSettings.model_fields.keys()
        return IndexSettings(**{name: value for name, value in self if name in own})


class LearnTable(LearnSettings):
    """`[learn]`: linked and unlinked mentions, and how the encoder learns from them.

    Attributes:
        gold: mentions that people linked.
        unlabeled: mentions without a link.
        parts: into which the labelled mentions are divided for candidate lists.
    """

    gold: Path | None = None
    unlabeled: Path | None = None
    parts: int = Field(default=3, ge=2)

    def settings(self) -> LearnSettings:
        """Return the settings alone."""
        own = LearnSettings.model_fields.keys()
        return LearnSettings(**{name: value for name, value in self if name in own})


class JudgeTable(JudgeSettings):
    """`[judge]`: the mentions to judge, who judges them and how."""

    mentions: Path


class EvaluateLinksTable(Settings):
    """`[evaluate]`: gold to score on."""

    gold: Path


class LinkTable(LinkerSettings):
    """`[link]`: how the linker works, and documents to link at the end."""

    documents: Path | None = None

    def settings(self) -> LinkerSettings:
        """Return the linker's settings alone."""
        own = LinkerSettings.model_fields.keys()
        return LinkerSettings(**{name: value for name, value in self if name in own})


class LinkingRunSettings(Settings):
    """The whole file. Paths are relative to the file's folder.

    Attributes:
        name: of the run folder.
        runs: where run folders are.
        index: knowledge base and retrievers.
        learn: mentions that people linked; without any the index learns from the teacher's alone.
        judge: mentions for a teacher; without it nobody is asked.
        rerank: how the re-ranker is trained; None for none.
        evaluate: gold; without it nothing is scored.
        link: the linker, and documents for it.
    """

    name: str = Field(pattern=r"^\w[\w.-]*$")
    runs: Path = Path("runs")
    index: IndexTable
    learn: LearnTable | None = None
    judge: JudgeTable | None = None
    rerank: RankerSettings | None = None
    evaluate: EvaluateLinksTable | None = None
    link: LinkTable = LinkTable()


@dataclass(frozen=True, slots=True)
class LinkingRunResult:
    """What a run came to.

    Attributes:
        folder: the run folder.
        systems: name -> metrics; empty where no gold is named.
        skipped: steps that an earlier run had done.
        faults: items that were skipped.
    """

    folder: Path
    systems: dict[str, LinkingMetrics]
    skipped: tuple[str, ...]
    faults: Faults


def is_linking_run(data: Mapping[str, Any]) -> bool:
    """Whether a run's file is about linking."""
    return "index" in data


def read_linking_run(path: Path) -> LinkingRunSettings:
    """Read a linking run's TOML file; its relative paths are taken from its own folder.

    Raises:
        ConfigError: it is not TOML, or a key or value is wrong.
    """
    settings = check(LinkingRunSettings, read_toml(path), str(path))
    here = path.parent
    updates: dict[str, Any] = {"runs": Path(os.path.normpath(here / settings.runs))}
    for table, names in {
        "index": ("kb",),
        "learn": ("gold", "unlabeled"),
        "judge": ("mentions",),
        "evaluate": ("gold",),
        "link": ("documents",),
    }.items():
        found = getattr(settings, table)
        if found is not None:
            given = {name: getattr(found, name) for name in names}
            moved = {name: here / one if one else None for name, one in given.items()}
            own = found.beside(here) if table == "judge" else found
            updates[table] = own.model_copy(update=moved)
    return settings.model_copy(update=updates)


def run_linking(
    settings: LinkingRunSettings | Path, *, progress: Progress | None = None
) -> LinkingRunResult:
    """Index, judge, learn, rerank, evaluate and link into a run folder; done steps are skipped.

    Args:
        settings: read by `read_linking_run`, or the path of the TOML file.
        progress: shown each step.

    Raises:
        DecoctError: a step failed; what was done before stays done.
    """
    if isinstance(settings, Path):
        settings = read_linking_run(settings)
    progress = progress or Silent()
    return _Run(settings, progress, RunFolder(settings.runs / settings.name, progress)).go()


@dataclass(frozen=True, slots=True)
class _Run:
    settings: LinkingRunSettings
    progress: Progress
    folder: RunFolder

    def go(self) -> LinkingRunResult:
        settings = self.settings
        hashes = self._hash_inputs()
        self.folder.open(settings.model_dump(mode="json"))
        index = self._index(hashes)
        silver = self._judge(index, hashes) if settings.judge else None
        if settings.learn or silver:
            index = self._learn(silver, hashes)
        linker = self._rerank(index, silver, hashes)
        systems = self._evaluate(index, linker, hashes) if settings.evaluate else {}
        if settings.link.documents:
            key = [self._key("rerank"), hashes["link"], settings.link.model_dump(mode="json")]
            self.folder.step("link", _LINKED, key, self._link(linker, settings.link.documents))
        self.folder.close(name=settings.name)
        return LinkingRunResult(
            self.folder.path, systems, tuple(self.folder.skipped), self.folder.faults
        )

    def _hash_inputs(self) -> dict[str, str]:
        """Hash every file that a step will need, so that none is missed only after hours."""
        settings = self.settings
        files = {
            "kb": settings.index.kb if settings.index.kb.is_file() else None,
            "learn": settings.learn and settings.learn.gold,
            "unlabeled": settings.learn and settings.learn.unlabeled,
            "judge": settings.judge and settings.judge.mentions,
            "evaluate": settings.evaluate and settings.evaluate.gold,
            "link": settings.link.documents,
        }
        return {name: sha256_file(path) for name, path in files.items() if path}

    def _key(self, step: str) -> str:
        return str(self.folder.done[step]["key"])

    def _index_inputs(self, hashes: Mapping[str, str]) -> list[Any]:
        table = self.settings.index.model_dump(mode="json", exclude={"kb"})
        return [hashes.get("kb", str(self.settings.index.kb)), table]

    def _index(self, hashes: Mapping[str, str]) -> Path:
        from decoct.recipes.index import index

        def work(folder: Path) -> dict[str, Any]:
            shutil.rmtree(folder / _INDEX, ignore_errors=True)
            table = self.settings.index
            made = index(
                table.kb,
                folder / _INDEX,
                table.settings(),
                format=table.kb_format,
                options=table.kb_options,
                faults=self.folder.faults,
                progress=self.progress,
            )
            return {"n_entities": made.n_entities, "n_names": made.n_names}

        return self.folder.step("index", _INDEX, self._index_inputs(hashes), work)

    def _judge(self, index: Path, hashes: Mapping[str, str]) -> Path:
        from decoct.recipes.judge import judge_file

        table = self.settings.judge
        assert table is not None

        def work(folder: Path) -> dict[str, Any]:
            summary = judge_file(
                table.mentions,
                folder / _SILVER,
                index,
                teacher=table.open(),
                log=self.folder.path / LOG_NAME,
                faults=self.folder.faults,
                progress=self.progress,
                **table.asking(),
            )
            return {"summary": summary.to_dict()}

        asked = table.model_dump(mode="json", exclude={"mentions"})
        asked["options"] = {k: v for k, v in asked["options"].items() if k not in PATH_OPTIONS}
        argument = Path(table.teacher.partition(":")[2])
        recorded = sha256_file(argument) if argument.is_file() else None
        inputs = [self._key("index"), hashes["judge"], asked, recorded]
        return self.folder.step("judge", _SILVER, inputs, work)

    def _learn(self, silver: Path | None, hashes: Mapping[str, str]) -> Path:
        from decoct.recipes.teach import teach_file

        table = self.settings.learn or LearnTable()

        def work(folder: Path) -> dict[str, Any]:
            shutil.rmtree(folder / _INDEX, ignore_errors=True)
            source = self.settings.index
            made = teach_file(
                source.kb,
                folder / _INDEX,
                source.settings(),
                format=source.kb_format,
                options=source.kb_options,
                gold=table.gold,
                silver=silver,
                unlabeled=table.unlabeled,
                learning=table.settings(),
                n_parts=table.parts,
                faults=self.folder.faults,
                progress=self.progress,
            )
            return made.to_dict()

        inputs = [
            *(self._index_inputs(hashes), hashes.get("learn"), hashes.get("unlabeled")),
            sha256_file(silver) if silver else None,
            table.model_dump(mode="json", exclude={"gold", "unlabeled"}),
        ]
        return self.folder.step("learn", _INDEX, inputs, work)

    def _rerank(self, index: Path, silver: Path | None, hashes: Mapping[str, str]) -> Path:
        from decoct.recipes.rerank import rerank_file

        settings = self.settings
        gold = settings.learn.gold if settings.learn else None

        def work(folder: Path) -> dict[str, Any]:
            shutil.rmtree(folder / _LINKER, ignore_errors=True)
            if settings.rerank is None or not (gold or silver):
                from decoct.linker.linker import Linker

                Linker.describe(folder / _LINKER, index, None, settings.link.settings())
                return {"kind": None}
            made = rerank_file(
                index,
                folder / _LINKER,
                silver=silver,
                gold=gold,
                settings=settings.rerank,
                linking=settings.link.settings(),
                faults=self.folder.faults,
                progress=self.progress,
            )
            return {"kind": settings.rerank.kind, **made.to_dict()}

        inputs = [
            self._key("learn" if "learn" in self.folder.done else "index"),
            settings.rerank and settings.rerank.model_dump(mode="json"),
            settings.link.model_dump(mode="json", exclude={"documents"}),
        ]
        return self.folder.step("rerank", _LINKER, inputs, work)

    def _evaluate(
        self, index: Path, linker: Path, hashes: Mapping[str, str]
    ) -> dict[str, LinkingMetrics]:
        table = self.settings.evaluate
        assert table is not None
        renamed = by_own_ids(index)
        gold = renamed(read_documents(table.gold, self.folder.faults))
        sources = {"retriever": index, "linker": linker}
        if self.settings.rerank is None:
            del sources["retriever"]
        found = {}
        for name, source in sources.items():
            inputs = [self._key("rerank"), hashes["evaluate"]]
            path = self.folder.step(
                f"evaluate/{name}", _LINKED, inputs, self._link(source, table.gold, gold)
            )
            found[name] = list(read_documents(path, self.folder.faults))
        learnt = self.settings.learn and self.settings.learn.gold
        labelled = renamed(read_documents(learnt, Faults())) if learnt else []
        systems = {
            name: evaluate_linking(gold, documents, labelled=labelled)
            for name, documents in found.items()
        }
        path = self.folder.path
        write_json(path / "metrics.json", {name: one.to_dict() for name, one in systems.items()})
        write_report(
            path / "report.html",
            f"decoct run: {self.settings.name}",
            {},
            {"knowledge base": str(self.settings.index.kb)},
            linking=LinkingSection(systems),
        )
        return systems

    def _link(self, source: Path, documents: Path, read: list[Document] | None = None) -> Any:  # noqa: ANN401 (a step's work)
        from decoct.recipes.link import link_file, load_linker

        def work(folder: Path) -> dict[str, Any]:
            own = self.settings.link.settings().model_dump()
            linker = load_linker(source, **own)
            if read is not None:
                n_documents = write_jsonl(folder / _LINKED, linker.link_documents(read))
                return {"n_documents": n_documents}
            made = link_file(
                *(linker, documents, folder / _LINKED),
                faults=self.folder.faults,
                progress=self.progress,
            )
            return made.to_dict()

        return work

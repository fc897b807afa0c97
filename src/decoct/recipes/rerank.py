"""`rerank`: linked mentions in, a re-ranker that chooses among an index's candidates out."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decoct.config import check, read_toml
from decoct.errors import ConfigError, Faults, MissingExtraError
from decoct.evaluation.items import normalize_surface
from decoct.formats.base import read, read_documents
from decoct.kb.links import known_links
from decoct.linker.settings import LinkerSettings
from decoct.progress import Progress, Silent
from decoct.reranker.settings import RankerSettings
from decoct.retriever.card import LISTS
from decoct.store import check_writable, sha256_file

if TYPE_CHECKING:
    from decoct.kb.base import Query
    from decoct.linker.linker import Linker
    from decoct.records import Candidate
    from decoct.reranker.choices import Search
    from decoct.retriever.index import Index

RERANKER = "reranker"


@dataclass(frozen=True, slots=True)
class Reranked:
    """A linker with its new re-ranker, and what that was made of.

    Attributes:
        linker: loaded.
        counts: of choices, see `reranker.fit.Fitted`, and of mentions `out_of_reach` and
            `unlinked`.
        out_of_fold_accuracy: see `reranker.fit.Fitted`.
    """

    linker: Linker
    counts: dict[str, int]
    out_of_fold_accuracy: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {**self.counts, "out_of_fold_accuracy": self.out_of_fold_accuracy}


def rerank_file(
    index: Path,
    out: Path,
    *,
    silver: Path | None = None,
    gold: Path | None = None,
    settings: RankerSettings | None = None,
    linking: LinkerSettings | None = None,
    faults: Faults | None = None,
    progress: Progress | None = None,
) -> Reranked:
    """Train a re-ranker on links and make a linker of it and the index.

    Args:
        index: the folder of `decoct index`.
        out: the linker's folder, with the re-ranker in `reranker/`; the index stays where it is.
        silver: documents that a teacher linked.
        gold: documents that people linked.
        settings: of the training.
        linking: of the linker; its `k` is what the re-ranker learns from.
        faults: gets lines that can't be read, and links to what the knowledge base does not have.
        progress: shown how far it is.

    Raises:
        ConfigError: no links are given, too few are of use, or a setting is wrong.
        ArtifactError: the index can't be read.
        MissingExtraError: the kind needs a library that is not installed.
        StoreError: a file can't be read or written.
    """
    if silver is None and gold is None:
        raise ConfigError("nothing to learn from; give --silver, --gold or both")
    settings, linking = settings or RankerSettings(), linking or LinkerSettings()
    progress, faults = progress or Silent(), faults if faults is not None else Faults()
    check_writable(out / RERANKER / "config.json")
    try:
        from decoct.linker.linker import Linker
        from decoct.reranker.choices import Choices, choices_of
        from decoct.reranker.fit import fit_ranker
        from decoct.reranker.ranker import Ranker
        from decoct.retriever.untaught import untaught
    except ImportError as error:
        raise MissingExtraError(error.name or "a library", "link", "rerank") from None
    linker = Linker.open(index, None, linking)
    made = Choices()
    search = _as_unlearnt(linker.index)
    for path, by_people in ((gold, True), (silver, False)):
        if path is not None:
            read_links = read_documents(path, faults)
            documents = known_links(read_links, linker.index.store.main_id, faults)
            choices_of(
                *(documents, search, linking.k),
                mentions=linker.mentions,
                gold=by_people,
                made=made,
            )
    fitted = fit_ranker(made.found, untaught(linker.index), settings, progress)
    counts = {
        **fitted.counts,
        "out_of_reach": made.n_out_of_reach,
        "unlinked": made.n_unlinked,
    }
    about = {
        "settings": settings.model_dump(mode="json"),
        "k": linking.k,
        "counts": counts,
        "out_of_fold_accuracy": fitted.out_of_fold_accuracy,
        "silver_sha256": sha256_file(silver) if silver else None,
        "gold_sha256": sha256_file(gold) if gold else None,
    }
    ranker = Ranker(fitted.ranker.reranker, fitted.ranker.blend, about)
    ranker.save(out / RERANKER)
    Linker.describe(out, index, out / RERANKER, linking)
    made_linker = Linker(linker.index, ranker, linking)
    return Reranked(made_linker, counts, fitted.out_of_fold_accuracy)


def _as_unlearnt(index: Index) -> Search:
    """Return a search that gives mentions which the index has learnt the lists that it kept."""
    path = index.folder / LISTS
    kept = {
        normalize_surface(span.text): span.link.candidates
        for document in (read(path) if path.is_file() else ())
        for span in document.spans
        if span.link is not None
    }

    def search(queries: Sequence[Query], k: int) -> list[tuple[Candidate, ...]]:
        lists = [kept.get(normalize_surface(query.text)) for query in queries]
        fresh = [query for query, own in zip(queries, lists, strict=True) if own is None]
        found = iter(index.search(fresh, k) if fresh else [])
        return [next(found) if own is None else own[:k] for own in lists]

    return search


def read_ranker_settings(
    config: Path | None, flags: Mapping[str, Any], options: Sequence[str]
) -> RankerSettings:
    """Read how a re-ranker is trained: from a TOML file, and from flags, which go before it.

    Args:
        config: None for flags alone.
        flags: settings; one that is None was not given.
        options: of the kind, as `name=value`, a value as TOML would have it, or a bare string.

    Raises:
        ConfigError: it is not TOML, or a key or value is wrong.
        StoreError: it can't be read.
    """
    read = check(RankerSettings, read_toml(config), str(config)) if config else RankerSettings()
    given = {name: value for name, value in flags.items() if value is not None}
    own = {**read.options, **dict(map(_option, options))}
    return check(RankerSettings, {**read.model_dump(), **given, "options": own}, "rerank")


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"--option {text}: write it as name=value")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name.strip(), value

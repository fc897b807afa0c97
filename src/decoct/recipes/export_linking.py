"""`export` for linking: an index's encoder and a re-ranker, to run without torch."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decoct.errors import ConfigError, EvaluationError, MissingExtraError
from decoct.evaluation.linking import evaluate_linking
from decoct.inference.onnx_graph import FOLDER, Precision
from decoct.kb.base import Query, queries_of
from decoct.kb.links import renamed
from decoct.progress import Progress, Silent
from decoct.recipes.export import (
    MAX_LOSS,
    Exported,
    check_loss,
    compared,
    exported,
    keep_checked,
    need_gold,
    replacing,
)
from decoct.records import Document
from decoct.reranker.artifact import read_kind

if TYPE_CHECKING:
    from decoct.linker.linker import Linker
    from decoct.reranker.kinds.cross_encoder import CrossEncoder
    from decoct.retriever.encoder import TextEncoder
    from decoct.retriever.index import Index

K = 16  # candidates that are looked at
_N_NAMES = 1000
_SHORT = 3  # characters of a name that is asked as it is
_CROSS_ENCODER, _CAUSAL_LM = "cross_encoder", "causal_lm"


def export_index(
    folder: Path,
    precision: Precision = "fp32",
    *,
    gold: Sequence[Document] | None = None,
    max_loss: float = MAX_LOSS,
    force: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write an index's encoder into its folder as ONNX Runtime runs it, without torch.

    The names' vectors stay those that were built; it is mentions that are read by it. It is
    compared by what is found first and among the first `K`: on gold mentions in the index as it
    is, else on names of the index with a slip (see `slip`) and by vectors alone, where each is to
    find its own entity. As they are, names find themselves at any precision.

    Args:
        folder: the index's.
        precision: `fp32`, `fp16` or `int8`.
        gold: documents with links.
        max_loss: the most, 0 to 1, of accuracy or recall that it may lose.
        force: keep what loses more.
        progress: shown how far it is.

    Raises:
        ConfigError: it loses more than that, or the index has no vectors.
        EvaluationError: gold has no links.
        ArtifactError: the folder holds no index, or its encoder can't be loaded.
        MissingExtraError: torch, onnx, onnxruntime or faiss is not installed.
        StoreError: the folder can't be written.
    """
    progress = progress or Silent()
    index, encoder = _open(folder)
    if encoder is None:
        raise ConfigError(f"{folder}: has no vectors, and runs without torch as it is")
    with replacing(folder) as part:
        progress.note(f"export: {precision} ...")
        _write_encoder(encoder, part, precision)
        progress.note("export: compared with what torch finds ...")
        checked = _compare_indexes(index, _index_of(folder, part), gold)
        check_loss(folder, precision, checked, max_loss, force)
        keep_checked(part, checked)
    return exported(folder, precision, checked)


def export_reranker(
    folder: Path,
    precision: Precision = "fp32",
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write a re-ranker into its folder as ONNX Runtime runs it, without torch.

    Alone it has no candidates to be compared on; see `export_linker`.

    Args:
        folder: the re-ranker's.
        precision: `fp32`, `fp16` or `int8`.
        force: do without a comparison at a lower precision.
        progress: shown how far it is.

    Raises:
        ConfigError: the precision is lower and not forced, or its kind can't be exported.
        ArtifactError: the folder holds no re-ranker.
        MissingExtraError: torch, onnx or onnxruntime is not installed.
        StoreError: the folder can't be written.
    """
    if not _can_be_exported(folder):
        raise ConfigError(f"{folder}: its re-ranker runs without torch as it is")
    if precision != "fp32" and not force:
        raise ConfigError(
            f"{precision} changes links a little; export the linker, by --linker and --gold, to "
            "see by how much, or --force to do without"
        )
    (progress or Silent()).note(f"export: {precision} ...")
    with replacing(folder) as part:
        _write_reranker(_cross_encoder(folder), folder, part, precision)
    return exported(folder, precision, {})


def export_linker(
    folder: Path,
    precision: Precision = "fp32",
    *,
    gold: Sequence[Document] | None = None,
    max_loss: float = MAX_LOSS,
    force: bool = False,
    progress: Progress | None = None,
) -> list[Exported]:
    """Export what of a linker has an encoder: its index, its re-ranker, or both.

    They are compared by the links that they make together.

    Args:
        folder: the linker's.
        precision: `fp32`, `fp16` or `int8`.
        gold: documents with links.
        max_loss: the most accuracy, 0 to 1, that the links may lose on them.
        force: keep what loses more, or was not compared.
        progress: shown how far it is.

    Returns:
        What was exported, the index first.

    Raises:
        ConfigError: it loses more than that, is of a lower precision and there is no gold, has
            nothing to export, or a re-ranker that can't be.
        EvaluationError: gold has no links.
        ArtifactError: the folder holds no linker.
        MissingExtraError: torch, onnx, onnxruntime or faiss is not installed.
        StoreError: a folder can't be written.
    """
    from decoct.linker.linker import Linker, read_parts
    from decoct.reranker.ranker import Ranker

    progress = progress or Silent()
    need_gold(precision, gold is not None or force)
    at, ranker_at, settings = read_parts(folder)
    reads = ranker_at is not None and _can_be_exported(ranker_at)
    index, encoder = _open(at)
    if encoder is None and not reads:
        raise ConfigError(f"{folder}: runs without torch as it is")
    ranker = Ranker.load(ranker_at, "torch") if ranker_at else None
    before = after = Linker(index, ranker, settings)
    folders: list[Path] = []
    with ExitStack() as stack:
        parts: list[Path] = []
        progress.note(f"export: {precision} ...")
        if encoder is not None:
            parts.append(stack.enter_context(replacing(at)))
            folders.append(at)
            _write_encoder(encoder, parts[-1], precision)
            after = replace(after, index=_index_of(at, parts[-1]))
        if reads:
            assert ranker is not None
            assert ranker_at is not None
            parts.append(stack.enter_context(replacing(ranker_at)))
            folders.append(ranker_at)
            made = _cross_encoder(ranker_at)
            _write_reranker(made, ranker_at, parts[-1], precision)
            before = replace(before, ranker=replace(ranker, reranker=made))
            after = replace(after, ranker=replace(ranker, reranker=_scorer(made, parts[-1])))
        checked: dict[str, Any] = {}
        if gold is not None:
            progress.note(f"export: compared on {len(gold)} documents ...")
            checked = _compare_linkers(before, after, gold)
        check_loss(folder, precision, checked, max_loss, force)
        for part in parts:
            keep_checked(part, checked)
    return [exported(one, precision, checked) for one in folders]


def _open(folder: Path) -> tuple[Index, TextEncoder | None]:
    """Return an index as torch runs it, and its encoder, at full precision."""
    try:
        from decoct.retriever.encoder import TextEncoder
        from decoct.retriever.index import Index
        from decoct.retriever.indexes.dense import Dense
    except ImportError as error:
        missing = error.name or "torch"
        raise MissingExtraError(missing, "train", "export") from None
    index = Index.open(folder, engine="torch")
    dense = index.retriever("dense")
    if not isinstance(dense, Dense):
        return index, None
    encoder = dense.encoder
    assert isinstance(encoder, TextEncoder)  # what the engine torch runs
    encoder.bf16 = False
    return index, encoder


def _index_of(folder: Path, part: Path) -> Index:
    """Return an index as the exported encoder in another folder reads its mentions."""
    from decoct.retriever.index import Index

    return Index.open(folder, encoder=str(part / FOLDER))


def _write_encoder(encoder: TextEncoder, part: Path, precision: Precision) -> None:
    from decoct.retriever.export import write_onnx

    write_onnx(encoder, part, precision)


def _can_be_exported(folder: Path) -> bool:
    """Whether a re-ranker has an encoder that can be exported.

    Raises:
        ConfigError: it needs torch, and can't.
        ArtifactError: the folder holds none.
    """
    kind = read_kind(folder)
    if kind == _CAUSAL_LM:
        raise ConfigError(
            f"{folder}: a re-ranker of the kind {_CAUSAL_LM} is run by torch and can't be "
            f"exported; decoct rerank --kind {_CROSS_ENCODER} makes one that can"
        )
    return kind == _CROSS_ENCODER


def _cross_encoder(folder: Path) -> CrossEncoder:
    """Return a cross-encoder as torch runs it at full precision."""
    try:
        from decoct.reranker.kinds.cross_encoder import CrossEncoder
    except ImportError:
        raise MissingExtraError("torch and transformers", "train", "export") from None
    made = CrossEncoder.load(folder)
    made.bf16 = False
    return made


def _write_reranker(made: CrossEncoder, folder: Path, part: Path, precision: Precision) -> None:
    from decoct.reranker.cross_encoder_card import read_cross_encoder
    from decoct.reranker.export import write_onnx

    card, _, _ = read_cross_encoder(folder)
    write_onnx(made, part, precision, card)


def _scorer(made: CrossEncoder, part: Path) -> Any:  # noqa: ANN401
    from decoct.reranker.onnx_cross_encoder import OnnxPairScorer

    return OnnxPairScorer(part, made.settings, made.retriever, made.tokenizer, made.pad_id)


def _compare_indexes(
    before: Index, after: Index, gold: Sequence[Document] | None
) -> dict[str, Any]:
    if gold is None:
        drawn = before.draw_names(_N_NAMES)
        asked = [(Query(slip(name)), frozenset([id_])) for name, id_ in drawn]
        before, after, unit = before.only("dense"), after.only("dense"), "n_misspelt_names"
    else:
        asked = [
            (query, frozenset(span.link.ids))
            for document in gold
            for span, query in queries_of(renamed(document, before.store.main_id))
            if span.link is not None and span.link.id is not None
        ]
        unit = "n_mentions"
    if not asked:
        raise EvaluationError("no gold span has a link; an index is compared on spans that have")
    firsts, scores = [], []
    for index in (before, after):
        lists = index.search([query for query, _ in asked], K)
        found = [[candidate.id for candidate in candidates] for candidates in lists]
        firsts.append([ids[:1] for ids in found])
        right = [not own.isdisjoint(ids[:1]) for ids, (_, own) in zip(found, asked, strict=True)]
        there = [not own.isdisjoint(ids) for ids, (_, own) in zip(found, asked, strict=True)]
        scores.append({"Acc@1": _share(right), f"recall@{K}": _share(there)})
    same = _share([one == other for one, other in zip(*firsts, strict=True)])
    checked = compared(scores[0], scores[1], {unit: len(asked)})
    return {**checked, "same_first": same}


def _compare_linkers(before: Linker, after: Linker, gold: Sequence[Document]) -> dict[str, Any]:
    gold = [renamed(document, before.index.store.main_id) for document in gold]
    links, scores, n = [], [], 0
    for linker in (before, after):
        linked = list(linker.link_documents(gold))
        metrics = evaluate_linking(gold, linked, n_resamples=1)
        n = metrics.all.n_mentions
        scores.append({"Acc@1": metrics.all.accuracy[1].value})
        links.append([span.link and span.link.id for one in linked for span in one.spans])
    same = _share([one == other for one, other in zip(*links, strict=True)])
    checked = compared(scores[0], scores[1], {"n_mentions": n})
    return {**checked, "same_first": same}


def slip(name: str) -> str:
    """Return a name as a hasty writer has it: without its middle character, if it has four or more.

    Example:
        >>> slip("nausea"), slip("MI")
        ('nauea', 'MI')
    """
    middle = len(name) // 2
    return name[:middle] + name[middle + 1 :] if len(name) > _SHORT else name


def _share(right: Sequence[bool]) -> float:
    return sum(right) / len(right)

"""Re-rankers on disk: a folder whose `config.json` says which kind it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from decoct.errors import ArtifactError, MissingExtraError, RegistryError, StoreError
from decoct.inference.onnx_graph import Engine, chosen_engine
from decoct.records import describe
from decoct.reranker.base import KINDS, Reranker, Scorer
from decoct.store import read_json, write_json

CONFIG = "config.json"
OTHER_VERSION = "if another version of decoct made it, train it again"
_EXTRAS = {
    **dict.fromkeys(("torch", "transformers", "safetensors"), "train"),
    "scipy": "link",
    "peft": "lora",
}
C = TypeVar("C", bound="Card")


class Card(BaseModel):
    """What a re-ranker's folder says of itself, under `decoct` in `config.json`.

    Attributes:
        training: what it learnt from and how it went.
        versions: of decoct and its libraries.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    training: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)


def get_kind(name: str) -> type[Reranker]:
    """Return the kind of that name.

    Raises:
        RegistryError: there is none; the message lists those there are.
        MissingExtraError: a library that it needs is not installed.
    """
    try:
        kind: type[Reranker] = KINDS.get(name)
    except ModuleNotFoundError as error:
        library = str(error.name).partition(".")[0]
        if library not in _EXTRAS:
            raise
        raise MissingExtraError(library, _EXTRAS[library], f"re-ranker {name!r}") from None
    return kind


def load_reranker(folder: str | Path, engine: Engine = "auto", device: str = "auto") -> Scorer:
    """Load a re-ranker of whichever kind.

    Args:
        folder: of the re-ranker.
        engine: what runs it: `onnx` for what `decoct export` wrote into the folder, which needs no
            torch; `torch` for its kind's own; `auto` for the first where it is there. Of the kinds
            only `cross_encoder` can be exported; others are loaded as they are.
        device: where torch runs it.

    Raises:
        ArtifactError: the folder holds none, one of a kind that is not there, or a damaged one, or
            one that is not exported.
        ConfigError: there is no such device, or the engine does not run on it.
        MissingExtraError: a library that its kind needs is not installed.
    """
    folder = Path(folder)
    kind = read_kind(folder)
    if chosen_engine(folder, device, engine) == "onnx":
        from decoct.reranker.onnx_cross_encoder import OnnxCrossEncoder

        if kind == OnnxCrossEncoder.kind:
            return OnnxCrossEncoder.load(folder)
    try:
        return get_kind(kind).load(folder, device)
    except RegistryError as error:
        raise ArtifactError(f"{folder / CONFIG}: {error}") from None


def read_kind(folder: Path) -> str:
    """Return the kind of a folder's re-ranker.

    Raises:
        ArtifactError: it holds none.
    """
    return _read(folder)[0]


def read_config(folder: Path, kind: str, card: type[C]) -> tuple[C, dict[str, Any]]:
    """Read a folder's card, and what else its `config.json` holds.

    Raises:
        ArtifactError: it is not a re-ranker's folder, or one of another kind, or damaged.
    """
    found, config = _read(folder)
    if found != kind:
        raise ArtifactError(
            f"{folder}: is a re-ranker of the kind {found}, not {kind}; "
            "decoct.reranker.artifact.load_reranker loads any"
        )
    try:
        return card.model_validate(config.pop("decoct", None)), config
    except ValidationError as error:
        raise ArtifactError(f"{folder / CONFIG}: {describe(error)}; {OTHER_VERSION}") from None


def write_config(folder: Path, kind: str, card: Card, more: dict[str, Any] | None = None) -> None:
    """Write `config.json`, the file that makes a folder a re-ranker's; written last.

    Raises:
        StoreError: it can't be written.
    """
    write_json(
        folder / CONFIG, {**(more or {}), "kind": kind, "decoct": card.model_dump(mode="json")}
    )


def _read(folder: Path) -> tuple[str, dict[str, Any]]:
    if not (folder / CONFIG).is_file():
        raise ArtifactError(f"{folder}: holds no {CONFIG}; a re-ranker comes from decoct rerank")
    try:
        config = read_json(folder / CONFIG)
        kind = config.pop("kind")
    except (StoreError, KeyError, AttributeError, TypeError):
        kind = None
    if not isinstance(kind, str):
        raise ArtifactError(
            f"{folder}: is not a re-ranker (no 'kind' in {CONFIG}); make one with decoct rerank"
        )
    return kind, config

"""`index`: a knowledge base in, an index that mentions are looked up in out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decoct.config import check, read_toml
from decoct.errors import ConfigError, Faults, StoreError
from decoct.inference.onnx_graph import Engine, has_onnx, read_onnx_card
from decoct.kb.base import Entity
from decoct.kb.links import UNKNOWN
from decoct.kb.reading import KnowledgeBase, read_kb
from decoct.kb.store import EntityStore
from decoct.progress import Progress
from decoct.retriever.index import Index
from decoct.retriever.onnx_encoder import EncoderCard
from decoct.retriever.settings import DenseSettings, IndexSettings

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Changed:
    """What a change did to an index.

    Attributes:
        index: as it is now.
        n_added: entities that were not there before.
        n_replaced: entities that took the place of one of their id.
        n_removed: entities that are no longer there.
    """

    index: Index
    n_added: int
    n_replaced: int
    n_removed: int

    def to_dict(self) -> dict[str, int]:
        """Return plain JSON types."""
        return {
            "n_added": self.n_added,
            "n_replaced": self.n_replaced,
            "n_removed": self.n_removed,
            "n_entities": self.index.n_entities,
            "n_names": self.index.n_names,
        }


def index(
    kb: str | Path | KnowledgeBase | EntityStore | Iterable[Entity],
    out: str | Path,
    settings: IndexSettings | None = None,
    *,
    format: str | None = None,
    options: Mapping[str, Any] | None = None,
    faults: Faults | None = None,
    progress: Progress | None = None,
) -> Index:
    """Make an index of a knowledge base.

    Args:
        kb: a file or folder of a known format, or what was read already.
        out: folder for the index, with a copy of the knowledge base; must not be there or be empty.
        settings: which retrievers, and how they work.
        format: of a file; None guesses.
        options: of its reader, such as `{"id": "code"}`.
        faults: gets what can't be read of a file as it stands.
        progress: shown how far it is.

    Raises:
        StoreError: `kb` can't be read, `out` not written, or there is something in it.
        FormatError: `kb` is of no known format, or holds no entity.
        ConfigError: an option or setting is wrong.
        RegistryError: no such format or retriever.
        ArtifactError: the encoder can't be loaded.
        MissingExtraError: a library is not installed.

    Example:
        made = index("doid.obo", "doid-index")
        made.search(["heart atack"])[0][0].name
    """
    if isinstance(kb, str | Path):
        with reading(Path(kb), format, options, faults, progress) as read:
            return Index.build(read, out, settings, progress)
    return Index.build(kb, out, settings, progress)


def change(
    folder: str | Path,
    *,
    add: str | Path | Iterable[Entity] | None = None,
    remove: Iterable[str] = (),
    compact: bool = False,
    encoder: str | None = None,
    format: str | None = None,
    options: Mapping[str, Any] | None = None,
    faults: Faults | None = None,
    progress: Progress | None = None,
) -> Changed:
    """Add entities to an index and remove some, in one step.

    Args:
        folder: the index.
        add: a file of a known format, or entities; one takes the place of the one of its id.
        remove: ids; one that is not there is a fault, and the others are removed.
        compact: free what was removed, and make one of what was added bit by bit.
        encoder: where the encoder is now, if it is not where it was.
        format: of a file to add; None guesses.
        options: of its reader.
        faults: gets ids that are not there, and what can't be read as it stands.
        progress: shown how far it is.

    Raises:
        ArtifactError: there is no index, or it is damaged.
        StoreError: a file can't be read, or the folder not written.
        RecordError: nothing would be left; nothing is changed.
    """
    found = Index.open(folder, encoder=encoder, engine=_engine(Path(folder), add is not None))
    if isinstance(add, str | Path):
        with reading(Path(add), format, options, faults, progress) as read:
            new = list(read)
    else:
        new = list(add or ())
    known = {entity.id for entity in new if _own(found, entity.id)}
    ids = list(dict.fromkeys(remove))
    there = [id_ for id_ in ids if _own(found, id_)]
    for id_ in sorted(set(ids) - set(there), key=ids.index):
        if faults is not None:
            faults.add(f"--remove {id_}", f"{folder} has no entity of this id", UNKNOWN)
    if new or there:
        found.change(new, there, progress)
    if compact:
        found.compact(progress)
    fresh = {entity.id for entity in new} - known
    return Changed(found, len(fresh), len(known), len(set(there) - known))


def read_ids(given: Iterable[str]) -> list[str]:
    """Return ids that are given as such or as a file with one a line.

    Raises:
        StoreError: a file can't be read.
    """
    ids = []
    for one in given:
        path = Path(one)
        try:
            lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else [one]
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"{path}: can't be read: {error}") from None
        ids += [line.strip() for line in lines if line.strip()]
    return ids


def read_index_settings(config: Path | None, flags: Mapping[str, Any]) -> IndexSettings:
    """Read how to make an index: from a TOML file, and from flags, which go before it.

    Args:
        config: with fields of `IndexSettings`; None for flags alone.
        flags: `retrievers`, and fields of `DenseSettings` under `dense`; None for those not given.

    Raises:
        ConfigError: it is not TOML, or a key or value is wrong.
        StoreError: it can't be read.
    """
    below = read_toml(config) if config else {}
    if config:
        check(IndexSettings, below, str(config))
    dense = {name: value for name, value in flags.get("dense", {}).items() if value is not None}
    retrievers = flags.get("retrievers") or below.get("retrievers")
    wanted = {**below, "retrievers": retrievers}
    if dense:
        wanted["dense"] = {**below.get("dense", {}), **dense}
    elif "dense" in (retrievers or ()) and "dense" not in below:
        wanted["dense"] = DenseSettings().model_dump()
    if dense and retrievers and "dense" not in retrievers:
        raise ConfigError(
            f"{', '.join(dense)}: of vectors, which are not among the retrievers "
            f"{', '.join(retrievers)}; add --retriever dense"
        )
    return check(IndexSettings, wanted, "index")


def _engine(folder: Path, adds: bool) -> Engine:
    """Return what runs an index's encoder: new names are read with whole weights."""
    rounded = has_onnx(folder) and read_onnx_card(folder, EncoderCard).precision != "fp32"
    return "torch" if adds and rounded else "auto"


def _own(index: Index, id_: str) -> bool:
    """Whether an entity has this id itself, rather than as another one's alternative."""
    entity = index.store.get(id_)
    return entity is not None and entity.id == id_


@contextmanager
def reading(
    path: Path,
    format: str | None,
    options: Mapping[str, Any] | None,
    faults: Faults | None,
    progress: Progress | None,
) -> Iterator[KnowledgeBase]:
    """Read a file into a folder that goes when it is done with."""
    with tempfile.TemporaryDirectory(prefix="decoct-kb-") as folder:
        yield read_kb(path, format, faults, into=folder, progress=progress, **(options or {}))

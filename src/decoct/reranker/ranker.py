"""The artifact: a re-ranker of any kind and its blend, in one folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from decoct.errors import ArtifactError
from decoct.inference.onnx_graph import Engine
from decoct.reranker.artifact import load_reranker
from decoct.reranker.base import Lookup, Question, Scorer
from decoct.reranker.blend import Blend
from decoct.reranker.onnx_cross_encoder import OnnxCrossEncoder
from decoct.store import read_json, versions, write_json

RANKER = "ranker.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Ranker:
    """A re-ranker and its blend.

    Attributes:
        reranker: of any kind.
        blend: with what retrievers say.
        about: how it came about; kept in the folder and shown, not used.
    """

    reranker: Scorer
    blend: Blend = field(default_factory=Blend)
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def precision(self) -> str | None:
        """Of the exported encoder that it runs; None where none is exported."""
        found = self.reranker
        return found.exported.precision if isinstance(found, OnnxCrossEncoder) else None

    def log_probs(self, questions: Sequence[Question], lookup: Lookup) -> list[NDArray[np.float64]]:
        """Return for each question the log-probabilities of its candidates, and last of NIL."""
        logits = self.reranker.scores(questions, lookup)
        return [
            self.blend.log_probs(own, question.candidates)
            for own, question in zip(logits, questions, strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Write it into a folder; the file without which it does not load comes last.

        Raises:
            StoreError: it can't be written.
        """
        (folder / RANKER).unlink(missing_ok=True)
        self.reranker.save(folder)
        data = {
            "format": _FORMAT,
            "kind": self.reranker.kind,
            "blend": self.blend.to_dict(),
            "about": dict(self.about),
            "versions": versions(),
        }
        write_json(folder / RANKER, data)

    @classmethod
    def load(cls, folder: Path, engine: Engine = "auto", device: str = "auto") -> Ranker:
        """Read it from a folder.

        Args:
            folder: that `save` wrote.
            engine: what runs the re-ranker, see `load_reranker`.
            device: where torch runs it.

        Raises:
            ArtifactError: there is none, it is damaged or not exported, or a newer decoct wrote it.
            ConfigError: there is no such device, or the engine does not run on it.
            MissingExtraError: its kind needs a library that is not installed.
        """
        if not (folder / RANKER).is_file():
            raise ArtifactError(f"{folder}: no re-ranker here; make one with decoct rerank")
        data = read_json(folder / RANKER)
        if not isinstance(data, dict) or not isinstance(data.get("format"), int):
            raise ArtifactError(f"{folder / RANKER}: damaged; make it again with decoct rerank")
        if data["format"] > _FORMAT:
            raise ArtifactError(f"{folder}: made by a newer decoct; update decoct")
        blend = Blend.from_dict(data.get("blend"))
        return cls(load_reranker(folder, engine, device), blend, data.get("about") or {})

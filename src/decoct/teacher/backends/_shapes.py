"""How an endpoint likes to be asked, as the batches that it has answered have shown."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from decoct.errors import StoreError
from decoct.store import read_json, write_json
from decoct.teacher.backends._chat import Complaint, Shape


class Shapes:
    """The shape of requests to one model, kept in `shapes.json` of a batch folder.

    Args:
        folder: the folder.
        whom: the model and where it is; a folder may hold several.
        first: the shape to begin with.

    Attributes:
        now: the shape for the next request.

    Raises:
        StoreError: the file is broken.
    """

    def __init__(self, folder: Path, whom: str, first: Shape) -> None:
        self._path, self._whom = folder / "shapes.json", whom
        try:
            self._known = dict(read_json(self._path)) if self._path.is_file() else {}
            self.now = Shape(**self._known[whom]) if whom in self._known else first
        except (TypeError, ValueError):
            raise StoreError(f"{self._path}: not what decoct wrote; delete it") from None

    def learn(self, written: Shape, complaint: Complaint) -> None:
        """Heed a complaint, unless another one of the same batch has said so already.

        Args:
            written: the shape of the request that it is about.
            complaint: what is wrong with it.

        Raises:
            StoreError: what was learnt can't be written down.
        """
        learnt = written.learn(complaint)
        if learnt is None:
            return
        before, now = asdict(written), asdict(self.now)
        news = {
            name: value
            for name, value in asdict(learnt).items()
            if value != before[name] == now[name]
        }
        if news:
            self.now = replace(self.now, **news)
            self._known[self._whom] = asdict(self.now)
            write_json(self._path, self._known)

"""The folder of a run: a folder for each step, a marker when it is done, a manifest at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from decoct.errors import Faults
from decoct.progress import Progress
from decoct.store import read_json, sha256_json, versions, write_json

MANIFEST = "manifest.json"
_OPEN = {"unavailable", "waiting", "over_budget"}  # faults that another run may mend
_MARKER = "done.json"


@dataclass(slots=True)
class RunFolder:
    """Does a run's steps, each once for the same inputs.

    Attributes:
        path: the folder.
        progress: shown each step.
        faults: items that were skipped, also by an earlier run whose step is kept.
        done: step -> its marker: key, seconds, faults, and what the step returned.
        skipped: steps that an earlier run had done.
    """

    path: Path
    progress: Progress
    faults: Faults = field(default_factory=Faults)
    done: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def open(self, config: dict[str, Any]) -> None:
        """Write the resolved configuration; until `close` the run is not whole.

        Raises:
            StoreError: the folder can't be written.
        """
        write_json(self.path / "config.json", config)
        (self.path / MANIFEST).unlink(missing_ok=True)

    def step(
        self, name: str, output: str, inputs: list[Any], work: Callable[[Path], dict[str, Any]]
    ) -> Path:
        """Do a step in its folder, unless it was done on these inputs; return its output's path.

        A step whose marker counts documents that the teacher could not be reached for is done
        again: the log asks for those alone.

        Args:
            name: of the step and its folder.
            output: the file or folder that it makes in there.
            inputs: everything that the output depends on, as JSON types.
            work: does it in the folder that it is given, and returns what to remember.
        """
        folder = self.path / name
        marker = folder / _MARKER
        key = sha256_json([name, inputs])
        found = read_json(marker) if marker.is_file() else {}
        if (
            found.get("key") == key
            and (folder / output).exists()
            and not _OPEN & found["faults"].keys()
        ):
            self.done[name] = found
            self.skipped.append(name)
            self.faults.counts.update(found["faults"])
            self.progress.note(f"{name}: done before, skipped")
            return folder / output
        marker.unlink(missing_ok=True)
        before = self.faults.counts.copy()
        started = time.perf_counter()
        self.progress.note(f"{name} ...")
        result = work(folder)
        self.done[name] = {
            "key": key,
            "seconds": round(time.perf_counter() - started, 1),
            "faults": dict(self.faults.counts - before),
            **result,
        }
        write_json(marker, self.done[name])
        return folder / output

    def close(self, **facts: Any) -> None:  # noqa: ANN401 (JSON types)
        """Write the manifest: facts, versions, steps, faults. Its presence means done."""
        manifest = {
            **facts,
            "versions": versions(),
            "steps": self.done,
            "faults": dict(self.faults.counts),
        }
        write_json(self.path / MANIFEST, manifest)

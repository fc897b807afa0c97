"""`serve`: models in, an HTTP server out, which runs until it is told to end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from decoct.errors import ConfigError, MissingExtraError
from decoct.inference.cores import n_cores
from decoct.inference.onnx_graph import Engine, chosen_engine
from decoct.privacy.key import Key
from decoct.recipes.extract import load_any_student
from decoct.recipes.link import load_linker
from decoct.serving.models import Models
from decoct.serving.settings import ServeKey, ServeSettings
from decoct.student.student import Student, fetch_folder

if TYPE_CHECKING:
    from decoct.student.loading import AnyStudent

Tell = Callable[[str], None]


def load_models(
    student: str | Path | None = None,
    linker: Path | None = None,
    deidentify_student: str | Path | None = None,
    *,
    device: str = "auto",
    engine: Engine = "auto",
    threads: int | None = None,
) -> Models:
    """Load what a server is to serve.

    Args:
        student: of spans and relations or of classes: its folder, or a hub id.
        linker: the folder of a linker, or of an index.
        deidentify_student: a student that finds PHI.
        device: where torch runs students and linkers.
        engine: what runs students, see `Student.from_pretrained`.
        threads: that students may use; None for as many as there are cores.

    Raises:
        ConfigError: there is nothing to load, or the engine runs on no such device.
        ArtifactError: one of them is not there, or broken.
        MissingExtraError: a library is not installed.
    """
    if student is None and linker is None and deidentify_student is None:
        raise ConfigError("nothing to serve; give --student FOLDER, --linker FOLDER or both")
    alone = {"linker"}

    def load(part: str, source: str | Path | None) -> AnyStudent | None:
        if source is None:
            return None
        folder = fetch_folder(str(source))
        exported = chosen_engine(folder, device, engine) == "onnx"
        if not exported:
            alone.add(part)
        # the server runs batches of its own side by side, each on one core
        return load_any_student(folder, None, device, engine, 1 if exported else threads)

    phi = load("phi_student", deidentify_student)
    if phi is not None and not isinstance(phi, Student):
        raise ConfigError(f"{deidentify_student}: is a classifier, which finds no PHI")
    return Models(
        load("student", student),
        load_linker(linker, device=device) if linker else None,
        phi,
        Key.read(None),
        n_runners=threads or n_cores(),
        alone=frozenset(alone),
    )


def serve(
    models: Models,
    settings: ServeSettings | None = None,
    key: ServeKey | None = None,
    *,
    tell: Tell = lambda line: None,
    log: Tell | None = None,
) -> bool:
    """Serve models until SIGTERM or SIGINT.

    Args:
        models: from `load_models`.
        settings: where to listen, and how much to take; None for the defaults.
        key: that clients must show; None for none.
        tell: told, in a line, where it listens.
        log: takes a line of JSON for each request; None for standard error.

    Returns:
        Whether all that was accepted is answered.

    Raises:
        ConfigError: it can't listen there, or others could use it without a key.
        MissingExtraError: FastAPI or uvicorn is not installed.
    """
    settings = settings or ServeSettings()
    settings.check_exposed(key)
    try:
        import fastapi  # noqa: F401 (to say which of them is missing)
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(error.name or "FastAPI", "serve", "the server") from None
    from decoct.serving.app import build_app
    from decoct.serving.log import LineLog
    from decoct.serving.server import Server, address_of, bind

    listening = bind(settings)
    with closing(LineLog(sys.stderr)) as to_stderr:
        server = Server(build_app(models, settings, key, log or to_stderr), listening)
        tell(f"listening at {address_of(listening)}")
        return server.run()

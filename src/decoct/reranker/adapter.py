"""A causal language model with LoRA: what is frozen stays on disk, what is learnt is small."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from decoct.encoder.load import looks_local, one_line
from decoct.errors import ArtifactError, StoreError
from decoct.reranker.artifact import OTHER_VERSION

_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


class Adapter(nn.Module):
    """A language model and its adapter; only what is learnt counts as its state.

    Args:
        model: from peft.
    """

    def __init__(self, model: PeftModel) -> None:
        super().__init__()
        self.model = model
        takes = inspect.signature(model.get_base_model().forward).parameters
        self._places = "position_ids" in takes
        self._last_only = "logits_to_keep" in takes

    def forward(self, rows: Sequence[Sequence[int]], pad_id: int) -> Tensor:
        """Return the logits after the last token of each row, (n_rows, n_vocabulary) float32.

        Rows are padded on the left, so that all end at one place.
        """
        device = next(self.model.parameters()).device
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), pad_id, dtype=torch.long)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for at, row in enumerate(rows):
            ids[at, width - len(row) :] = torch.tensor(row)
            mask[at, width - len(row) :] = 1
        more: dict[str, Any] = {"use_cache": False}
        if self._places:
            more["position_ids"] = (mask.cumsum(dim=1) - 1).clamp(min=0).to(device)
        if self._last_only:
            more["logits_to_keep"] = 1
        out = self.model(input_ids=ids.to(device), attention_mask=mask.to(device), **more)
        last: Tensor = out.logits[:, -1].float()
        return last

    def state_dict(  # type: ignore[override]  # torch overloads it, for its own callers
        self,
        *args: Any,  # noqa: ANN401 (torch's own)
        **kwargs: Any,  # noqa: ANN401
    ) -> dict[str, Any]:
        """Return what is learnt; the rest is as large as the language model, and never changes."""
        learnt = {name for name, one in self.named_parameters() if one.requires_grad}
        everything = super().state_dict(*args, **kwargs)
        return {name: tensor for name, tensor in everything.items() if name in learnt}

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:  # noqa: ANN401 (torch's own)
        """Take on what `state_dict` gave."""
        del strict
        return super().load_state_dict(state_dict, strict=False, assign=assign)


def load_base(name: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """Load a causal language model and its tokenizer.

    Raises:
        ArtifactError: there is none, or it can't be read.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    if looks_local(name) and not (Path(name) / "config.json").is_file():
        raise ArtifactError(f"{name}: is no language model's folder (no config.json)")
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            name, dtype=dtype, use_safetensors=True, trust_remote_code=False
        )
    except Exception as error:  # whatever is in the folder, the libraries have no one tree
        raise ArtifactError(f"language model {name!r} can't be loaded: {one_line(error)}") from None
    finally:
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
    return model, tokenizer


def add_lora(
    model: Any,  # noqa: ANN401
    *,
    rank: int,
    alpha: int,
    dropout: float,
    targets: str | Sequence[str],
    gradient_checkpointing: bool,
) -> Adapter:
    """Put a fresh adapter on a language model, which is frozen."""
    wanted = LoraConfig(
        task_type="CAUSAL_LM",
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
    )
    if gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    with _quiet():
        return Adapter(get_peft_model(model, wanted))


def save_adapter(folder: Path, adapter: Adapter) -> None:
    """Write an adapter in peft's layout.

    Raises:
        StoreError: the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        adapter.model.save_pretrained(
            str(folder), safe_serialization=True, save_embedding_layers=False
        )
    except (OSError, SafetensorError) as error:
        raise StoreError(f"{folder}: re-ranker can't be written: {one_line(error)}") from None


def base_of(folder: Path) -> str:
    """Return the name of the language model that an adapter belongs to.

    Raises:
        ArtifactError: the folder holds no LoRA adapter.
    """
    try:
        stated = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        name, kind = stated["base_model_name_or_path"], stated["peft_type"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ArtifactError(f"{folder / _CONFIG}: is missing or damaged") from None
    if kind != "LORA" or not isinstance(name, str):
        raise ArtifactError(f"{folder / _CONFIG}: is not of a LoRA adapter but of {kind!r}")
    return name


def load_adapter(folder: Path, base: Any) -> Adapter:  # noqa: ANN401
    """Put a saved adapter on its language model.

    Raises:
        ArtifactError: it is missing, damaged, or does not fit.
    """
    path = folder / _WEIGHTS
    try:
        with safe_open(path, framework="pt") as stored:
            found = set(stored.keys())
        with _quiet():
            model = PeftModel.from_pretrained(base, str(folder))
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{path}: can't be read: {one_line(error)}") from None
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ArtifactError(
            f"{folder}: the adapter does not fit its language model; {OTHER_VERSION}: {reason}"
        ) from None
    if found != set(get_peft_model_state_dict(model)):
        raise ArtifactError(f"{path}: holds other weights than {_CONFIG} says; {OTHER_VERSION}")
    return Adapter(model)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep from the user's screen what two libraries have to say to each other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield

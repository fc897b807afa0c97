"""Tiny twins of encoders on the hub: same architecture, same files, weights drawn at random.

What a repository holds is what makes loading it hard: no tokenizer.json, a vocabulary and no word
on its case, a pickle for weights. File lists as on the hub's main branches in 2024 and 2025.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM

_SIZE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
_BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_GPT_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def _save(folder: Path, auto: type, family: str, n_tokens: int) -> None:
    config = AutoConfig.for_model(family, vocab_size=n_tokens, **_SIZE)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = auto.from_config(config)
    model.save_pretrained(folder)


def _bert(
    folder: Path, texts: Iterable[str], auto: type, stated: dict[str, object] | None, *, cased: bool
) -> None:
    """A BERT of a bare vocab.txt, and of a tokenizer_config.json if anything is stated there."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=not cased)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(
        texts,
        trainers.WordPieceTrainer(
            vocab_size=500, special_tokens=_BERT_SPECIAL, show_progress=False
        ),
    )
    by_id = sorted(tokenizer.get_vocab(), key=tokenizer.token_to_id)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(by_id) + "\n", encoding="utf-8")
    if stated is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(stated), encoding="utf-8")
    _save(folder, auto, "bert", len(by_id))


def biomedbert(folder: Path, texts: Sequence[str]) -> None:
    """BiomedBERT: a masked language model with an uncased vocabulary."""
    _bert(folder, texts, AutoModelForMaskedLM, {"do_lower_case": True}, cased=False)


def biobert(folder: Path, texts: Sequence[str]) -> None:
    """BioBERT: a cased vocabulary, and a configuration that says so."""
    stated = {"do_lower_case": False, "model_max_length": 512}
    _bert(folder, texts, AutoModel, stated, cased=True)


def bio_clinicalbert(folder: Path, texts: Sequence[str]) -> None:
    """Bio_ClinicalBERT: a cased vocabulary, and no word on it."""
    _bert(folder, texts, AutoModelForMaskedLM, None, cased=True)


def sapbert(folder: Path, texts: Sequence[str]) -> None:
    """SapBERT: the files of an older BERT."""
    _bert(folder, texts, AutoModel, {"do_lower_case": True, "strip_accents": None}, cased=False)
    names = {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]"}
    (folder / "special_tokens_map.json").write_text(json.dumps(names), encoding="utf-8")


def biogpt(folder: Path, texts: Sequence[str]) -> None:
    """BioGPT: a vocab.json without tokens that no word ends in, a merges.txt of three columns."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=_GPT_SPECIAL, end_of_word_suffix="</w>", show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    counts = Counter(token for text in texts for token in tokenizer.encode(text).tokens)
    tokens = list(dict.fromkeys([*_GPT_SPECIAL, *(token for token, _ in counts.most_common())]))
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    lines = [f"{left} {right} {100 - at}" for at, (left, right) in enumerate(merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _save(folder, AutoModelForCausalLM, "biogpt", len(tokens))


TWINS: dict[str, Callable[[Path, Sequence[str]], None]] = {
    "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract-fulltext": biomedbert,
    "dmis-lab/biobert-v1.1": biobert,
    "emilyalsentzer/Bio_ClinicalBERT": bio_clinicalbert,
    "cambridgeltl/SapBERT-from-PubMedBERT-fulltext": sapbert,
    "microsoft/biogpt": biogpt,
}


def pickle_weights(folder: Path) -> None:
    """Put a pickle in the place of a twin's safetensors."""
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def save_in_cache(cache: Path, repository: str, texts: Sequence[str]) -> Path:
    """Save a hub repository's twin where huggingface_hub keeps what it has fetched.

    Args:
        cache: to be put in the place of `huggingface_hub.constants.HF_HUB_CACHE`.
        repository: one of `TWINS`.
        texts: for the vocabulary.

    Returns:
        The folder with the files.
    """
    commit = "0" * 40
    at = cache / f"models--{repository.replace('/', '--')}"
    folder = at / "snapshots" / commit
    TWINS[repository](folder, texts)
    (at / "refs").mkdir()
    (at / "refs" / "main").write_text(commit, encoding="utf-8")
    return folder

"""Tiny, randomly initialised encoders of several families, in folders laid out as a hub has them.

Real transformers models and real fast tokenizers, trained on the spot; small enough that a step
takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from tokenizers import (
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

HIDDEN = 32
N_POSITIONS = 64
_SIZE = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": N_POSITIONS,
    "type_vocab_size": 2,
}
_BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_BYTE_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def wordpiece(texts: Iterable[str], vocab_size: int = 400) -> Tokenizer:
    """A BERT tokenizer: lower-cased word pieces between [CLS] and [SEP]."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size, special_tokens=_BERT_SPECIAL, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    ends = [(sign, tokenizer.token_to_id(sign)) for sign in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=ends
    )
    return tokenizer


def byte_level(texts: Iterable[str], vocab_size: int = 500, *, gpt: bool = False) -> Tokenizer:
    """A RoBERTa tokenizer, or a GPT-2 one, without special tokens and with spaces in tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=["<|endoftext|>"] if gpt else _BYTE_SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = (
        processors.ByteLevel(trim_offsets=False)
        if gpt
        else processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    )
    return tokenizer


def sentencepiece(texts: Iterable[str], vocab_size: int = 400) -> Tokenizer:
    """A DeBERTa-v3 tokenizer: unigram pieces that carry the space before them as a mark."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=vocab_size, special_tokens=_BERT_SPECIAL, unk_token="[UNK]", show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def gpt(texts: Iterable[str]) -> Tokenizer:
    """A GPT-2 tokenizer."""
    return byte_level(texts, gpt=True)


FAMILIES: dict[str, tuple[Callable[[Iterable[str]], Tokenizer], dict[str, Any]]] = {
    "bert": (wordpiece, _SIZE | {"pad_token_id": 0}),
    "electra": (wordpiece, _SIZE | {"pad_token_id": 0, "embedding_size": 16}),
    "albert": (wordpiece, _SIZE | {"pad_token_id": 0, "embedding_size": 16}),
    "roberta": (byte_level, _SIZE | {"pad_token_id": 1}),
    "mpnet": (byte_level, _SIZE | {"pad_token_id": 1}),
    "distilbert": (
        wordpiece,
        {
            "dim": HIDDEN,
            "n_layers": 2,
            "n_heads": 2,
            "hidden_dim": 64,
            "max_position_embeddings": N_POSITIONS,
            "pad_token_id": 0,
        },
    ),
    "deberta-v2": (
        sentencepiece,
        _SIZE
        | {
            "pad_token_id": 0,
            "type_vocab_size": 0,
            "relative_attention": True,
            "pos_att_type": ["c2p", "p2c"],
            "position_biased_input": False,
            "position_buckets": 16,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
        },
    ),
    "gpt2": (
        gpt,
        {
            "n_embd": HIDDEN,
            "n_layer": 2,
            "n_head": 2,
            "n_positions": N_POSITIONS,
            "bos_token_id": 0,
            "eos_token_id": 0,
        },
    ),
    "biogpt": (gpt, _SIZE | {"pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0}),
}


def save_encoder(folder: Path, family: str, texts: Iterable[str], seed: int = 0) -> Path:
    """Save a tiny encoder of a family whose tokenizer has seen `texts`; return `folder`."""
    train_tokenizer, values = FAMILIES[family]
    tokenizer = train_tokenizer(texts)
    config = AutoConfig.for_model(family, vocab_size=tokenizer.get_vocab_size(), **values)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModel.from_config(config)
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return folder

"""Tiny, randomly initialised causal language models, in folders laid out as a hub has them."""

from __future__ import annotations

import string
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

CHAT = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
_SPECIAL = ["<unk>", "<s>", "<|end|>", "<|user|>", "<|assistant|>"]
_LETTERS = [*string.ascii_letters, *string.digits]


def words_only(texts: Iterable[str]) -> Tokenizer:
    """A tokenizer whose tokens are whole words, letters and signs; it has a start token."""
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordLevelTrainer(special_tokens=_SPECIAL, show_progress=False)
    tokenizer.train_from_iterator([*texts, " ".join(_LETTERS)], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return tokenizer


def byte_pairs(texts: Iterable[str]) -> Tokenizer:
    """A tokenizer as Qwen's: byte-level pairs, no start token, spaces in tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=_SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save_language_model(
    folder: Path,
    family: str,
    tokenizer: Tokenizer,
    *,
    chat: bool = False,
    width: int = 64,
    layers: int = 2,
    spread: float = 0.2,
) -> Path:
    """Save a language model of a family, such as `llama` or `qwen2`; return `folder`.

    Args:
        folder: made.
        family: of transformers.
        tokenizer: what it reads with.
        chat: give it a chat template.
        width: of its states.
        layers: how many.
        spread: of its first weights; such as trained models have, rather than the usual 0.02.
    """
    config = AutoConfig.for_model(
        family,
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=spread,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config)
        torch.nn.init.normal_(model.get_input_embeddings().weight)
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token="<s>" if tokenizer.encode("a").ids[:1] == [1] else None,
        eos_token="<|end|>",
        pad_token="<|end|>",
        chat_template=CHAT if chat else None,
    ).save_pretrained(folder)
    return folder

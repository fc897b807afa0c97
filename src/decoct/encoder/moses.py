"""BioGPT's tokenizer, made of its `vocab.json` and `merges.txt`: transformers has only a slow one.

BioGPT's text went through Moses (`tokenizer.perl -l en -a`), which cuts it into words and writes
some signs as entities, and then through fastBPE; case is kept. Here the first is a list of
replacements and the second is `tokenizers`' own, so that every token knows its place in the text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from decoct.errors import ArtifactError

_ALONE = r"[^[:alnum:]\s.'`,-]"  # a sign that is always a word by itself
_KEEP_THEIR_DOT = (
    "[A-Z]|D[rR]|M[rRsSM]|Mrs|Prof|Ph|Sr|St|Res|Rs|vs?|Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec"
)
# Done in turn; what then stands between spaces is a word.
_REPLACEMENTS = (
    (rf"(?={_ALONE})|(?<={_ALONE})", " "),
    (r"(?<=[[:alnum:]])-(?=[[:alnum:]])", " @-@ "),
    (r"(?<!\.)(?=\.\.)|(?<=\.\.)(?!\.)", " "),  # dots in a row stay together
    (r"(?<!\p{N}),|,(?!\p{N})", " , "),
    (r"(?<=\p{L})'(?=\P{L})|(?<=\P{L})'(?=\P{L})|(?<=[^\p{L}\p{N}])'(?=\p{L})", " ' "),
    (r"(?<=\p{L})'(?=\p{L})|(?<=\p{N})'(?=s)", " '"),
    # A dot ends a sentence if its word holds no other, as in e.g., unless without letters, as 3.5,
    # and if no small letter follows.
    (
        rf"(?<!\S)(?!(?:{_KEEP_THEIR_DOT})\.)(?:[^\s.]+|[^\s\p{{L}}]*[^\s\p{{L}}.])\K\."
        r"(?=\s+[^\s\p{Ll}]|\s*\z)",
        " .",
    ),
    ("&", "&amp;"),
    (r"\|", "&#124;"),
    ("<", "&lt;"),
    (">", "&gt;"),
    ("'", "&apos;"),
    ('"', "&quot;"),
    (r"\[", "&#91;"),
    (r"\]", "&#93;"),
)


def moses_bpe(vocabulary: Path, merges: Path) -> Tokenizer:
    r"""Make a fast tokenizer that gives the ids of transformers' `BioGptTokenizer`.

    A merge may lead over tokens that the vocabulary lacks, since no word ends up in them (`&apos`
    on the way to `&apos;`). These get ids above all others; where a word does end in one, the slow
    tokenizer says `<unk>`, and so does the encoder after `add_rows`.

    Args:
        vocabulary: JSON, token -> id; tokens at a word's end carry `</w>`.
        merges: two tokens a line, the most frequent pair first; a third column is not read.

    Raises:
        ArtifactError: these are no such files.

    Source: Koehn et al. 2007 (Moses, P07-2045) as ported by sacremoses, and Luo et al. 2022
    (BioGPT, arXiv 2210.10341). Departures: control characters stay, and of the abbreviations that
    keep their dot only the usual ones are known. The words are sacremoses 0.2.0's in all 3,830
    different sentences of the ADE corpus with a relation; in 3,001 of 3,002 PubMed documents the
    ids are the slow tokenizer's.
    """
    try:
        ids: dict[str, int] = json.loads(vocabulary.read_text(encoding="utf-8"))
        lines = [line.split() for line in merges.read_text(encoding="utf-8").split("\n")]
        pairs = [(line[0], line[1]) for line in lines if len(line) > 1]
        for left, right in pairs:
            for token in (left, right, left + right):
                ids.setdefault(token, len(ids))
        model = models.BPE(ids, pairs, unk_token="<unk>", end_of_word_suffix="</w>")
        first = ("</s>", ids["</s>"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ArtifactError(
            f"{vocabulary.parent}: vocab.json and merges.txt are not those of a BioGPT"
        ) from None
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Replace(Regex(pattern), content) for pattern, content in _REPLACEMENTS]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="</s> $A", special_tokens=[first]
    )
    return tokenizer


def add_rows(encoder: Any, tokenizer: Tokenizer) -> None:  # noqa: ANN401
    """Give each token that is none of the encoder's the embedding of `<unk>`; `config` follows."""
    import torch

    embedding = encoder.get_input_embeddings()
    n_missing = tokenizer.get_vocab_size() - len(embedding.weight)
    unknown = tokenizer.token_to_id("<unk>")
    if n_missing > 0 and unknown is not None:
        rows = embedding.weight.detach()
        rows = torch.cat([rows, rows[unknown].repeat(n_missing, 1)])
        embedding.weight = torch.nn.Parameter(rows)
        embedding.num_embeddings = encoder.config.vocab_size = len(rows)

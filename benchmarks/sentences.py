"""How well and how fast texts are split into sentences, beside libraries that do it.

python benchmarks/sentences.py --corpus ../shared/data/ade

Libraries that are not installed are left out: `pip install pysbd sentencex sentencesplit syntok`
(into an environment of their own, with decoct; none of them is needed by decoct).
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from _corpus import read_corpus

from decoct.text.sentences import split_sentences

PASSAGES = Path(__file__).parents[1] / "tests" / "text" / "passages"
SEED = 13
MIN_MEGABYTES = 1.0
MAX_SLOW_BYTES = 300_000  # of text for those that take seconds for it
Splitter = Callable[[str], set[int]]
Passage = tuple[str, set[int]]  # text, and where its sentences end, but for the last one


def main() -> None:
    """Print a row for each splitter."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shared = os.environ.get("DECOCT_SHARED")
    folder = Path(shared) / "data" / "ade" if shared else None
    parser.add_argument("--corpus", type=Path, default=folder, help="the ADE corpus")
    parser.add_argument("--passages", type=Path, default=PASSAGES)
    parser.add_argument("--errors", action="store_true", help="show what decoct gets wrong")
    options = parser.parse_args()
    sets = {path.stem: list(read_passages(path)) for path in sorted(options.passages.glob("*.txt"))}
    if options.corpus:
        sets["ADE corpus"] = list(rejoin(options.corpus))
    print(
        "| splitter | language | "
        + " | ".join(f"{name}: P R F1" for name in sets)
        + " | MB/s of one core |"
    )
    print("|" + "---|" * (len(sets) + 3))
    for name, language, split in splitters():
        cells = [show(passages, split) for passages in sets.values()]
        speed = megabytes_a_second(split, "\n\n".join(text for text, _ in sets[list(sets)[-1]]))
        print(f"| {name} | {language} | " + " | ".join(cells) + f" | {speed:.2f} |", flush=True)
    for name, passages in sets.items():
        print(f"{name}: {sum(len(ends) for _, ends in passages):,} boundaries")
    if options.errors:
        for passages in sets.values():
            show_errors(passages)


def read_passages(path: Path) -> Iterator[Passage]:
    """Yield texts of a file where they are apart by `====` and `|` says where sentences end."""
    for passage in path.read_text(encoding="utf-8").split("\n====\n"):
        text, ends = "", set()
        for sentence in passage.strip().split("|"):
            text += sentence
            ends.add(len(text))
        yield text, ends - {len(text)}


def rejoin(folder: Path) -> Iterator[Passage]:
    """Yield the corpus's sentences joined by spaces, those of an abstract in one text."""
    by_abstract: dict[str, list[str]] = defaultdict(list)
    for document in read_corpus(folder):
        by_abstract[str(document.meta.get("pmid"))].append(document.text)
    for sentences in by_abstract.values():
        random.Random(SEED).shuffle(sentences)
        text, ends = "", set()
        for sentence in dict.fromkeys(sentences):
            text += sentence.strip()
            ends.add(len(text))
            text += " "
        yield text.rstrip(), ends - {len(text.rstrip())}


def splitters() -> Iterator[tuple[str, str, Splitter]]:
    """Yield the splitters that are installed."""
    yield "decoct", "both", lambda text: {place.end for place in split_sentences(text)}
    for name, languages, make in (
        ("sentencex", ("en", "zh"), sentencex),
        ("syntok", ("en",), syntok),
        ("sentencesplit", ("en", "zh"), sentencesplit),
        ("pysbd", ("en", "zh"), pysbd),
    ):
        try:
            import_module(name)
        except ImportError:
            continue
        for language in languages:
            yield f"{name} {version(name)}", language, make(language)


def pysbd(language: str) -> Splitter:
    """Return it without its own offsets, which are not always right; see `found_in`."""
    segmenter = import_module("pysbd").Segmenter(language=language, clean=False)
    return lambda text: found_in(text, segmenter.segment(text))


def sentencesplit(language: str) -> Splitter:
    """Return the fork of pysbd."""
    segmenter = import_module("sentencesplit").Segmenter(language=language)
    return lambda text: found_in(text, segmenter.segment(text))


def sentencex(language: str) -> Splitter:
    """Return Wikimedia's."""
    segment = import_module("sentencex").segment
    return lambda text: found_in(text, segment(language, text))


def syntok(_: str) -> Splitter:
    """Return the one for indo-European languages, whose tokens have offsets."""
    analyze = import_module("syntok.segmenter").analyze

    def split(text: str) -> set[int]:
        last = [tokens[-1] for part in analyze(text) for tokens in part if tokens]
        return {token.offset + len(token.value) for token in last}

    return split


def found_in(text: str, sentences: Iterable[str]) -> set[int]:
    """Return where sentences end, each looked for after the one before it."""
    ends, at = set(), 0
    for sentence in sentences:
        bare = sentence.strip()
        found = text.find(bare, at)
        if bare and found >= 0:
            at = found + len(bare)
            ends.add(at)
    return ends


def show(passages: list[Passage], split: Splitter) -> str:
    """Return precision, recall and F1 of the boundaries within texts."""
    n_found = n_wanted = n_right = 0
    for text, wanted in passages:
        found = {end for end in split(text) if end < len(text)}
        n_found += len(found)
        n_wanted += len(wanted)
        n_right += len(found & wanted)
    precision, recall = n_right / max(n_found, 1), n_right / max(n_wanted, 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return f"{precision:.1%} {recall:.1%} **{f1:.1%}**"


def show_errors(passages: list[Passage]) -> None:
    """Print what comes before and after each wrong and each missing boundary."""
    for text, wanted in passages:
        found = {place.end for place in split_sentences(text) if place.end < len(text)}
        for end in sorted(found ^ wanted):
            what = "missing" if end in wanted else "wrong"
            print(what, repr(text[max(0, end - 40) : end]), "|", repr(text[end : end + 30]))


def megabytes_a_second(split: Splitter, text: str) -> float:
    """Return the speed on one text, of at most `MAX_SLOW_BYTES` for slow ones."""
    sample = text[:20_000]
    started = time.process_time()
    split(sample)
    per_char = (time.process_time() - started) / len(sample)
    if per_char * 1e6 > 1:
        text = text[:MAX_SLOW_BYTES]
    else:
        text = (text + "\n\n") * max(1, round(MIN_MEGABYTES * 1e6 / len(text)))
    started = time.process_time()
    split(text)
    return len(text.encode()) / 1e6 / (time.process_time() - started)


if __name__ == "__main__":
    main()

"""The ADE corpus in its native files: `DRUG-AE.rel` (sentences with events) and `ADE-NEG.txt`.

Its third one, `DRUG-DOSE.rel`, drugs and their doses, is read where it is named itself.

A line of `DRUG-AE.rel` is `PMID|sentence|effect|start|end|drug|start|end`. The offsets count from
the start of the abstract, whose text is not in the file, so the sentence's own start has to be
worked out: it is the one at which every string of every line of that sentence stands where its
offsets say.

Source: Gurulingappa et al. 2012, "Development of a benchmark corpus to support the automatic
extraction of drug-related adverse effects from medical case reports", J Biomed Inform 45(5).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from decoct.errors import Faults, FormatError
from decoct.formats.base import read_lines
from decoct.records import Document, Mark, number_annotations

POSITIVES, NEGATIVES, DOSES = "DRUG-AE.rel", "ADE-NEG.txt", "DRUG-DOSE.rel"
_ADE, _DOSE_OF = ("ADE", "AdverseEffect"), ("DOSE_OF", "Dose")  # relation, its object
_NEGATIVE = re.compile(r"(\d+) NEG (.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Mention:
    text: str
    start: int
    end: int

    def sentence_starts(self, sentence: str) -> set[int]:
        """Where the sentence may start in the abstract, going by this mention."""
        if not self.text or self.end != self.start + len(self.text):
            return set()
        found = re.finditer(f"(?={re.escape(self.text)})", sentence)
        return {self.start - match.start() for match in found if match.start() <= self.start}


@dataclass(frozen=True, slots=True)
class _Row:
    where: str
    object: _Mention
    drug: _Mention

    def sentence_starts(self, sentence: str) -> set[int]:
        return self.object.sentence_starts(sentence) & self.drug.sentence_starts(sentence)


class AdeCorpus:
    """Read the corpus folder; sentences are documents, the lines of one sentence merged."""

    name = "ade_corpus"
    suffixes = (".rel",)

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether it is a folder that holds `DRUG-AE.rel`."""
        del head
        return (path / POSITIVES).is_file()

    def read(
        self,
        path: Path,
        faults: Faults,
        *,
        positives_only: bool = False,
        **_options: Any,  # noqa: ANN401
    ) -> Iterator[Document]:
        """Yield the positives, then the negatives.

        Args:
            path: the folder that holds `DRUG-AE.rel` and `ADE-NEG.txt`, or the former itself; or
                `DRUG-DOSE.rel`.
            faults: gets a line for each that can't be read or placed.
            positives_only: leave out `ADE-NEG.txt`.

        Raises:
            FormatError: the folder lacks one of the two files.
            StoreError: a file can't be opened.
        """
        folder, positives = (path, path / POSITIVES) if path.is_dir() else (path.parent, path)
        if path.is_dir() and not positives.exists():
            raise FormatError(f"{path}: holds no {POSITIVES}; give the ADE corpus folder")
        lacking = positives.name != DOSES and not (folder / NEGATIVES).exists()
        if positives.exists() and not positives_only and lacking:
            raise FormatError(f"{folder}: holds no {NEGATIVES}; add it or use --positives-only")
        if positives.name == DOSES:
            yield from _read_positives(positives, _DOSE_OF, faults)
            return
        yield from _read_positives(positives, _ADE, faults)
        if not positives_only:
            yield from _read_negatives(folder / NEGATIVES, faults)


def _read_positives(path: Path, kind: tuple[str, str], faults: Faults) -> Iterator[Document]:
    sentences: dict[tuple[str, str], list[_Row]] = defaultdict(list)
    for number, line in read_lines(path, faults):
        where = f"{path}:{number}"
        try:
            pmid, sentence, *mentions = line.split("|")
            target, target_start, target_end, drug, drug_start, drug_end = mentions
            row = _Row(
                where,
                _Mention(target, int(target_start), int(target_end)),
                _Mention(drug, int(drug_start), int(drug_end)),
            )
        except ValueError:
            faults.add(where, "not PMID|sentence|effect|start|end|drug|start|end", "bad_line")
            continue
        sentences[pmid, sentence].append(row)
    for (pmid, sentence), rows in sentences.items():
        for start, placed in _by_sentence_start(sentence, rows, faults).items():
            yield _positive(pmid, sentence, start, placed, kind)


def _by_sentence_start(sentence: str, rows: list[_Row], faults: Faults) -> dict[int, list[_Row]]:
    """Group a sentence's rows by where it starts in the abstract; mostly that is one place."""
    groups: list[tuple[set[int], list[_Row]]] = []
    for row in rows:
        starts = row.sentence_starts(sentence)
        if not starts:
            faults.add(
                row.where,
                "the strings do not stand in the sentence at their offsets",
                "bad_offsets",
            )
            continue
        for position, (common, members) in enumerate(groups):
            if common & starts:
                groups[position] = (common & starts, [*members, row])
                break
        else:
            groups.append((starts, [row]))
    return {max(starts): members for starts, members in groups}


def _positive(
    pmid: str, sentence: str, start: int, rows: list[_Row], kind: tuple[str, str]
) -> Document:
    def mark(mention: _Mention, label: str) -> Mark:
        return (mention.start - start, mention.end - start, label)

    label, object_label = kind
    links = {(label, mark(row.drug, "Drug"), mark(row.object, object_label)): None for row in rows}
    marks = {place: None for _, *places in links for place in places}
    spans, relations = number_annotations(sentence, marks, links)
    return Document(
        id=f"{pmid}:{start}",
        text=sentence,
        source="gold",
        spans=spans,
        relations=relations,
        meta={"pmid": pmid},
    )


def _read_negatives(path: Path, faults: Faults) -> Iterator[Document]:
    seen: dict[str, dict[str, None]] = defaultdict(dict)
    for number, line in read_lines(path, faults):
        match = _NEGATIVE.fullmatch(line)
        if match is None:
            faults.add(f"{path}:{number}", "not 'PMID NEG sentence'", "bad_line")
            continue
        pmid, sentence = match.groups()
        if sentence in seen[pmid]:
            continue
        seen[pmid][sentence] = None
        yield Document(
            id=f"{pmid}:neg{len(seen[pmid])}", text=sentence, source="gold", meta={"pmid": pmid}
        )


plugin = AdeCorpus()

"""UMLS in its Rich Release Format: names from MRCONSO, types from MRSTY, definitions from MRDEF.

The three files are in order of concept, as they are released, and read side by side: memory holds
one concept at a time.

Source: UMLS Reference Manual, chapter 3, "Metathesaurus: Rich Release Format". A concept's
preferred name is the preferred form (ISPREF) of the preferred string (STT) of the preferred term
(TS), in the first of the languages asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from decoct.errors import Faults, FormatError
from decoct.kb.lines import text_lines
from decoct.kb.readers.base import Entry, Notes, ReaderSettings, Words

_CONCEPTS, _TYPES, _DEFINITIONS = "MRCONSO.RRF", "MRSTY.RRF", "MRDEF.RRF"
_N_COLUMNS = {_CONCEPTS: 18, _TYPES: 6, _DEFINITIONS: 8}
_TAGS = {
    "ARA": "ar", "BAQ": "eu", "CHI": "zh", "CZE": "cs", "DAN": "da", "DUT": "nl", "ENG": "en",
    "EST": "et", "FIN": "fi", "FRE": "fr", "GER": "de", "GRE": "el", "HEB": "he", "HUN": "hu",
    "ITA": "it", "JPN": "ja", "KOR": "ko", "LAV": "lv", "NOR": "no", "POL": "pl", "POR": "pt",
    "RUS": "ru", "SCR": "hr", "SPA": "es", "SWE": "sv", "TUR": "tr", "UKR": "uk",
}  # fmt: skip

Row = tuple[int, list[str]]


class RrfSettings(ReaderSettings):
    """Which names of the Metathesaurus are taken.

    Attributes:
        languages: UMLS's words for them, such as `ENG,CHI`, the one to prefer first; empty for all.
        sources: abbreviations (SAB) such as `SNOMEDCT_US,MSH`; empty for all.
        suppressed: whether to take names that are marked as obsolete or suppressible.
    """

    languages: Words = ("ENG",)
    sources: Words = ()
    suppressed: bool = False


class Rrf:
    """Read a release, or a subset of one, from its folder or its MRCONSO file."""

    name = "rrf"
    suffixes = (".rrf",)
    settings = RrfSettings
    repeats = True

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether a folder holds MRCONSO.RRF, or a file looks like it."""
        if path.is_dir():
            return _folder(path) is not None
        return head.partition(b"\n")[0].count(b"|") == _N_COLUMNS[_CONCEPTS]

    def files(self, path: Path) -> list[Path]:
        """Return MRCONSO and what there is beside it.

        Raises:
            FormatError: the folder has none.
        """
        if not path.is_dir():
            beside = (_found(path.parent, name) for name in (_TYPES, _DEFINITIONS))
            return [path, *(each for each in beside if each)]
        folder = _folder(path)
        if folder is None:
            raise FormatError(f"{path}: holds no {_CONCEPTS}; give the folder META of a release")
        found = (_found(folder, name) for name in _N_COLUMNS)
        return [each for each in found if each]

    def read(self, path: Path, settings: RrfSettings, notes: Notes) -> Iterator[Entry]:
        """Yield an entry for each concept that has a name of the kind asked for.

        Raises:
            FormatError: a file is not in order of concept.
        """
        concepts, *beside = self.files(path)
        notes.release = _release(concepts.parent)
        by_name = {each.name.removesuffix(".gz"): each for each in beside}
        types = _Beside(by_name.get(_TYPES), _N_COLUMNS[_TYPES], notes.faults)
        definitions = _Beside(by_name.get(_DEFINITIONS), _N_COLUMNS[_DEFINITIONS], notes.faults)
        for cui, rows in _concepts(concepts, _N_COLUMNS[_CONCEPTS], notes.faults):
            atoms = list(_atoms(rows, settings, notes))
            said = definitions.of(cui)
            tuis = [row[1] for row in types.of(cui)]
            if not atoms:
                continue
            atoms.sort(key=lambda atom: atom.rank)
            kept = {atom.aui for atom in atoms}
            defined = (
                row[5] for row in said if row[1] in kept and (row[6] == "N" or settings.suppressed)
            )
            yield Entry(
                id=cui,
                names=[(atom.name, atom.language) for atom in atoms],
                definition=next(defined, ""),
                types=tuis,
                line=min(atom.line for atom in atoms),
            )


@dataclass(frozen=True, slots=True)
class _Atom:
    rank: tuple[int, bool, bool, bool]
    name: str
    language: str
    aui: str
    line: int


def _atoms(rows: Iterable[Row], settings: RrfSettings, notes: Notes) -> Iterator[_Atom]:
    for line, row in rows:
        _, language, status, _, string, _, preferred, aui = row[:8]
        if settings.languages and language not in settings.languages:
            notes.left_out["other_language"] += 1
        elif settings.sources and row[11] not in settings.sources:
            notes.left_out["other_source"] += 1
        elif row[16] != "N" and not settings.suppressed:
            notes.left_out["suppressed"] += 1
        else:
            place = settings.languages.index(language) if settings.languages else language != "ENG"
            rank = (int(place), status != "P", string != "PF", preferred != "Y")
            yield _Atom(rank, row[14], _TAGS.get(language, language.lower()), aui, line)


class _Beside:
    """A file in order of concept, asked for one concept after another."""

    def __init__(self, path: Path | None, n_columns: int, faults: Faults) -> None:
        self._groups = _concepts(path, n_columns, faults) if path else iter(())
        self._cui = ""
        self._rows: list[list[str]] = []

    def of(self, cui: str) -> list[list[str]]:
        """Return the rows of a concept, which comes after the one asked for before."""
        while self._cui < cui:
            found = next(self._groups, None)
            if found is None:
                self._cui, self._rows = "\U0010ffff", []
            else:
                self._cui, self._rows = found[0], [row for _, row in found[1]]
        return self._rows if self._cui == cui else []


def _concepts(path: Path, n_columns: int, faults: Faults) -> Iterator[tuple[str, Iterator[Row]]]:
    """Yield (CUI, its rows with their line numbers).

    Raises:
        FormatError: concepts are not in order.
    """
    return groupby(_rows(path, n_columns, faults), key=lambda row: row[1][0])


def _rows(path: Path, n_columns: int, faults: Faults) -> Iterator[Row]:
    before = ""
    for number, line in text_lines(path, faults):
        if not line:
            continue
        row = line.split("|")
        if len(row) == n_columns + 1 and not row[-1]:  # each column ends in a bar
            row.pop()
        if len(row) != n_columns or not row[0]:
            wrong = f"{len(row)} columns where there should be {n_columns}" if row[0] else "no CUI"
            reason = f"{wrong}; the row is left out"
            faults.add(f"{path}:{number}", reason, "bad_row")
            continue
        if row[0] < before:
            raise FormatError(
                f"{path}:{number}: {row[0]} comes after {before}; put the file in order: "
                f"LC_ALL=C sort -s -t'|' -k1,1 {path.name}"
            )
        before = row[0]
        yield number, row


def _folder(path: Path) -> Path | None:
    """Return where MRCONSO is: the folder itself, or META in it."""
    return next((each for each in (path, path / "META") if _found(each, _CONCEPTS)), None)


def _found(folder: Path, name: str) -> Path | None:
    return next((each for each in (folder / name, folder / f"{name}.gz") if each.is_file()), None)


def _release(folder: Path) -> str:
    """Return what `release.dat` beside the files, or above them, says."""
    for path in (folder / "release.dat", folder.parent / "release.dat"):
        if path.is_file():
            for _, line in text_lines(path, Faults()):
                key, _, value = line.partition("=")
                if key.strip() == "umls.release.name":
                    return value.strip()
    return ""


plugin = Rrf()

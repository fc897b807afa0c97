"""A Metathesaurus in small: rows of MRCONSO, MRSTY and MRDEF, made up."""

from pathlib import Path


def atom(
    cui: str,
    aui: str,
    name: str,
    *,
    language: str = "ENG",
    term: str = "P",
    string: str = "PF",
    preferred: str = "Y",
    source: str = "MSH",
    suppress: str = "N",
) -> str:
    """Return a line of MRCONSO."""
    fields = [cui, language, term, f"L{aui}", string, f"S{aui}", preferred, aui, "", "", ""]
    return "|".join([*fields, source, "PT", "X1", name, "0", suppress, "", ""])


def semantic_type(cui: str, tui: str) -> str:
    """Return a line of MRSTY."""
    return f"{cui}|{tui}|B2|A type|AT{cui}{tui}||"


def definition(cui: str, aui: str, text: str, *, suppress: str = "N") -> str:
    """Return a line of MRDEF."""
    return f"{cui}|{aui}|AT{aui}||MSH|{text}|{suppress}||"


def write_release(folder: Path, concepts: list[str], types=(), definitions=()) -> Path:
    """Write the three files, those that have a line, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = {"MRCONSO": concepts, "MRSTY": types, "MRDEF": definitions}
    for name, each in lines.items():
        if each:
            (folder / f"{name}.RRF").write_text("".join(f"{line}\n" for line in each))
    return folder

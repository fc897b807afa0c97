from decoct.errors import Faults
from decoct.formats.text import plugin


def test_each_line_is_a_document(tmp_path):
    path = tmp_path / "notes.txt"
    long = "x" * 200_000
    path.write_bytes(f"\ufeff One. \r\n\n\xa0\nTwo\0.\n{long}\n".encode() + b"\xff\n")
    faults = Faults()
    found = [(document.id, document.text) for document in plugin.read(path, faults)]
    assert found == [
        ("notes.txt:1", " One. "),
        ("notes.txt:4", "Two\0."),
        ("notes.txt:5", long),
    ]
    assert [fault.where for fault in faults.kept] == [f"{path}:6"]

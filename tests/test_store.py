"""What touches disk: whole or not at all, and an interrupted run goes on where it was."""

import json
import os
import stat
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct import store
from decoct.errors import StoreError


class Interrupt(BaseException):
    pass


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_write_that_ends_well(tmp_path):
    path = tmp_path / "new" / "folders" / "f.txt"
    with store.atomic_write(path) as handle:
        handle.write("a\u2028b\r\nc\n")
        assert not path.exists()
    assert path.read_bytes() == "a\u2028b\r\nc\n".encode()
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    assert names(path.parent) == ["f.txt"]


def test_what_killed_writers_left_is_swept_away(tmp_path):
    path = tmp_path / "f[1].txt"
    old = time.time() - 60
    others = [".f[1].txt.abcdefgh", ".f[1].txt.new_copy", ".f[1].txt.short", ".other.abcdefgh"]
    for name in others:
        (tmp_path / name).write_text("left")
        os.utime(tmp_path / name, (old, old))
    os.utime(tmp_path / others[1])
    with store.atomic_write(path) as slow:
        slow.write("slow")
        (mine,) = (tmp_path / name for name in names(tmp_path) if name not in others)
        os.utime(mine, (old, old))
        store.write_text(path, "quick")  # another writer leaves one that is at work alone
    assert path.read_text() == "slow"
    assert names(tmp_path) == sorted([*others[1:], path.name])


@pytest.mark.parametrize("error", [Interrupt, KeyboardInterrupt, ValueError])
def test_an_interrupted_write_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "f.txt"
    store.write_text(path, "old")
    with pytest.raises(error):
        write_and_raise(path, error)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["f.txt"]


def write_and_raise(path, error):
    with store.atomic_write(path) as handle:
        handle.write("new" * 100_000)
        raise error


def below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "f.txt"


@pytest.mark.parametrize("place", ["below a file", "a folder"])
def test_what_can_not_be_written_is_one_line(tmp_path, place):
    path = below_a_file(tmp_path) if place == "below a file" else tmp_path / "folder"
    if place == "a folder":
        path.mkdir()

    def resume():
        with store.resumable_lines(path, "x"):
            pytest.fail("it must not come to the work")

    for write in (
        lambda: store.write_text(path, ""),
        lambda: store.write_json(path, {}),
        lambda: store.check_writable(path),
        resume,
    ):
        with pytest.raises(StoreError, match=r"can't be written: \w") as caught:
            write()
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
    assert not [name for name in names(tmp_path) if name.startswith(".")]


def test_a_full_disk(tmp_path):
    with pytest.raises(StoreError, match="No space left"):
        write_and_raise(tmp_path / "f.txt", OSError(28, "No space left on device"))
    assert names(tmp_path) == []


def test_check_writable_leaves_nothing(tmp_path):
    path = tmp_path / "new" / "f.txt"
    store.check_writable(path)
    assert names(tmp_path / "new") == []
    store.write_text(path, "old")
    store.check_writable(path)
    assert path.read_text() == "old"


def test_json(tmp_path):
    path = tmp_path / "f.json"
    store.write_json(path, {"b": "é", "a": [1]})
    assert store.read_json(path) == {"b": "é", "a": [1]}
    assert path.read_text(encoding="utf-8").startswith('{\n  "b": "é"')
    for wrong in (b"{", b"\xff", b"[" * 100_000):
        path.write_bytes(wrong)
        with pytest.raises(StoreError, match="not valid JSON"):
            store.read_json(path)
    with pytest.raises(StoreError, match="can't be read"):
        store.read_json(tmp_path / "none")
    with pytest.raises(StoreError, match="can't be read"):
        store.sha256_file(tmp_path / "none")


def test_hashes(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert store.sha256_file(tmp_path / "f").startswith("ba7816bf8f01cfea")
    assert store.sha256_json({"a": 1, "b": 2}) == store.sha256_json({"b": 2, "a": 1})
    assert store.sha256_json(["\ud800"]) != store.sha256_json(["\ud801"])
    assert {"python", "machine", "decoct", "pydantic"} <= set(store.versions())


def run(path, fingerprint, lines, stop_after=None) -> int:
    """Write the lines that are not there yet; return how many were."""
    with store.resumable_lines(path, fingerprint) as (n_there, write):
        for number, line in enumerate(lines[n_there:], start=1):
            write(line)
            if number == stop_after:
                raise Interrupt
    return n_there


LINES = [f"line {number} 阿\n" for number in range(10)]


def test_lines_go_on(tmp_path):
    path = tmp_path / "new" / "f.txt"
    for _ in range(2):
        with pytest.raises(Interrupt):
            run(path, "x", LINES, stop_after=3)
        assert not path.exists()
    assert run(path, "x", LINES) == 6
    assert path.read_text(encoding="utf-8") == "".join(LINES)
    assert names(path.parent) == ["f.txt"]
    assert run(path, "x", ["again\n"]) == 0
    assert path.read_text() == "again\n"


def test_a_torn_line_is_written_again(tmp_path):
    path, part = tmp_path / "f.txt", tmp_path / "f.txt.part"
    with pytest.raises(Interrupt):
        run(path, "x", LINES, stop_after=3)
    for cut in (1, 3, 4):  # the line's end; within a character; before it
        part.write_bytes("".join(LINES[:3]).encode()[:-cut])
        with pytest.raises(Interrupt):
            run(path, "x", LINES, stop_after=1)
        assert part.read_text(encoding="utf-8") == "".join(LINES[:3])
    part.write_bytes(b"torn at once")
    assert run(path, "x", LINES) == 0
    assert path.read_text(encoding="utf-8") == "".join(LINES)


@pytest.mark.parametrize("fingerprint", ["y", None])
def test_another_run_s_lines_are_left(tmp_path, fingerprint):
    path = tmp_path / "f.txt"
    with pytest.raises(Interrupt):
        run(path, "x", LINES, stop_after=3)
    assert run(path, fingerprint, ["other\n"]) == 0
    assert path.read_text() == "other\n"
    assert names(tmp_path) == ["f.txt"]


def test_a_run_without_fingerprint_does_not_pass_for_an_earlier_one(tmp_path):
    path = tmp_path / "f.txt"
    with pytest.raises(Interrupt):
        run(path, "x", LINES, stop_after=3)
    with pytest.raises(Interrupt):
        run(path, None, ["other\n"] * 5, stop_after=2)
    assert run(path, "x", LINES) == 0
    assert path.read_text(encoding="utf-8") == "".join(LINES)


@pytest.mark.parametrize("mark", ["", "{", "[]", '{"fingerprint": 1}', '{"other": "x"}'])
def test_a_broken_mark_is_no_mark(tmp_path, mark):
    (tmp_path / "f.txt.part").write_text("other\n")
    (tmp_path / "f.txt.part.json").write_text(mark)
    assert run(tmp_path / "f.txt", "x", LINES) == 0
    assert (tmp_path / "f.txt").read_text(encoding="utf-8") == "".join(LINES)


def test_a_mark_names_its_run(tmp_path):
    with pytest.raises(Interrupt):
        run(tmp_path / "f.txt", "x", LINES, stop_after=1)
    assert json.loads((tmp_path / "f.txt.part.json").read_text()) == {"fingerprint": "x"}


@given(st.lists(st.integers(1, 6), max_size=5), st.integers(0, 30))
def test_however_often_it_stops_all_is_there_once(tmp_path_factory, stops, cut):
    path = tmp_path_factory.mktemp("lines") / "f.txt"
    part = path.with_name("f.txt.part")
    for stop in stops:
        try:
            run(path, "x", LINES, stop_after=stop)
            break
        except Interrupt:
            part.write_bytes(part.read_bytes()[: -cut or None])
    run(path, "x", LINES) if not path.exists() else None
    assert path.read_text(encoding="utf-8") == "".join(LINES)

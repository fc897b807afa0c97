from decoct.progress import Silent


def test_silence_passes_everything_on(capsys):
    silent = Silent()
    silent.note("said")
    assert list(silent.track(range(3), 3, "title")) == [0, 1, 2]
    assert list(silent.track([], None, "title")) == []
    assert capsys.readouterr() == ("", "")

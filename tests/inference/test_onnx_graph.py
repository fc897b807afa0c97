"""What every exported network has in common."""

import json
import threading

import pytest

from decoct.errors import ArtifactError, ConfigError
from decoct.inference.onnx_graph import (
    OnnxCard,
    OnnxGraph,
    check_source,
    chosen_engine,
    has_onnx,
    hash_network,
    read_onnx_card,
    remove_onnx,
    run_all,
)

CARD = {"precision": "int8", "source_sha256": "abc", "opset": 17}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "onnx.json").write_text(json.dumps(CARD))
    return tmp_path


def test_a_card_is_read(folder):
    assert has_onnx(folder)
    card = read_onnx_card(folder, OnnxCard)
    assert (card.precision, card.source_sha256) == ("int8", "abc")
    check_source(folder, card, "abc", "student")
    with pytest.raises(ArtifactError, match="was exported from another student"):
        check_source(folder, card, "abd", "student")
    remove_onnx(folder)
    assert not has_onnx(folder)
    with pytest.raises(ArtifactError, match="is not exported"):
        read_onnx_card(folder, OnnxCard)


def test_a_card_of_an_older_student_is_read(folder):
    older = {"precision": "fp32", "student_sha256": "abc", "opset": 17}
    (folder / "onnx" / "onnx.json").write_text(json.dumps(older))
    assert read_onnx_card(folder, OnnxCard).source_sha256 == "abc"
    (folder / "onnx" / "onnx.json").write_text(json.dumps(older | {"more": 1}))
    with pytest.raises(ArtifactError, match="more"):
        read_onnx_card(folder, OnnxCard)


def test_the_engine_that_is_chosen(folder, tmp_path):
    assert chosen_engine(folder, "auto", "auto") == "onnx"
    assert chosen_engine(folder, "cuda", "auto") == "torch"
    assert chosen_engine(folder, "cpu", "torch") == "torch"
    assert chosen_engine(tmp_path / "other", "cpu", "auto") == "torch"
    with pytest.raises(ConfigError, match="runs on cpu, not on mps"):
        chosen_engine(folder, "mps", "onnx")


def test_batches_are_done_at_the_same_time_and_come_in_order():
    both = threading.Barrier(2, timeout=30)

    def work(number):
        both.wait()
        return -number

    assert run_all(work, [1, 2, 3, 4], threads=2) == [-1, -2, -3, -4]
    assert run_all(str, [], threads=2) == []
    assert run_all(str, [1, 2], threads=1) == ["1", "2"]

    def fails(number):
        raise ValueError(number)

    with pytest.raises(ValueError, match="1"):
        run_all(fails, [1, 2], threads=2)


def test_a_graph_that_is_none(tmp_path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "encode.onnx").write_bytes(b"\n\nno graph")
    for name in ("encode.onnx", "gone.onnx"):
        with pytest.raises(ArtifactError, match=name) as caught:
            OnnxGraph(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_the_hash_of_a_network_is_that_of_graphs_and_weights(tmp_path):
    (tmp_path / "onnx").mkdir()
    for name in ("encode.onnx", "encode.weights", "onnx.json"):
        (tmp_path / "onnx" / name).write_text("{}")
    before = hash_network(tmp_path)
    assert len(before) == 2
    (tmp_path / "onnx" / "encode.weights").write_text("others")
    after = hash_network(tmp_path)
    assert after[0] == before[0]
    assert after[1] != before[1]

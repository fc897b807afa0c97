"""Writing graphs: what they compute, at each precision, and what can't be written."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
import torch

from decoct.encoder.onnx import Graph, write_graphs
from decoct.errors import ConfigError, StoreError
from decoct.inference.onnx_graph import OnnxGraph


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.table = torch.nn.Embedding(500, 16)
        self.body = torch.nn.Linear(16, 16)
        self.head = torch.nn.Linear(16, 3)

    def forward(self, ids):
        return self.head(torch.tanh(self.body(self.table(ids).mean(1))))


class Fails(torch.nn.Module):
    def forward(self, ids):
        raise RuntimeError("no such\nthing")


def graph(module):
    ids = torch.tensor([[1, 2, 3], [4, 5, 0]])
    return Graph("a.onnx", module, (ids,), {"ids": {0: "n", 1: "m"}}, {"out": {0: "n"}})


@pytest.mark.parametrize(("precision", "atol"), [("fp32", 1e-6), ("fp16", 5e-3), ("int8", 5e-2)])
def test_what_is_written_computes_the_same(tmp_path, precision, atol):
    network = Network()
    write_graphs(tmp_path / "onnx", [graph(network)], precision, whole=("/head/",))
    ids = np.arange(40).reshape(5, 8)
    (found,) = OnnxGraph(tmp_path / "onnx" / "a.onnx").run({"ids": ids, "unasked": ids})
    wanted = network(torch.from_numpy(ids)).detach().numpy()
    np.testing.assert_allclose(found, wanted, atol=atol)
    names = sorted(path.name for path in (tmp_path / "onnx").iterdir())
    assert names == ["a.onnx", "a.weights"]


@pytest.mark.skipif(sys.platform != "linux", reason="tells what is mapped by /proc")
def test_weights_are_mapped_into_memory(tmp_path):
    write_graphs(tmp_path / "onnx", [graph(Network())], "fp32")
    weights = tmp_path / "onnx" / "a.weights"
    assert weights.stat().st_mode == (tmp_path / "onnx" / "a.onnx").stat().st_mode
    loaded = OnnxGraph(tmp_path / "onnx" / "a.onnx")
    assert str(weights) in Path("/proc/self/maps").read_text()
    del loaded
    assert str(weights) not in Path("/proc/self/maps").read_text()


def test_weights_are_found_through_the_links_of_a_hubs_cache(tmp_path):
    write_graphs(tmp_path / "made", [graph(Network())], "int8")
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "onnx"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    for number, path in enumerate(sorted((tmp_path / "made").iterdir())):
        path.rename(blobs / str(number))
        (snapshot / path.name).symlink_to(blobs / str(number))
    ids = np.arange(40).reshape(5, 8)
    (found,) = OnnxGraph(snapshot / "a.onnx").run({"ids": ids})
    assert found.shape == (5, 3)


def test_what_is_to_stay_whole_does(tmp_path):
    for name, whole in (("some", ("/head/",)), ("all", ())):
        write_graphs(tmp_path / name, [graph(Network())], "int8", whole)
    some, every = (
        list(onnx.load(tmp_path / name / "a.onnx").graph.node) for name in ("some", "all")
    )
    assert any(node.op_type == "MatMulInteger" for node in some)
    assert not any("/head/" in node.name and "Integer" in node.op_type for node in some)
    assert any("/head/" in node.name and node.op_type == "MatMul" for node in some)
    assert any("/head/" in node.name and "Integer" in node.op_type for node in every)


def test_what_can_not_be_written(tmp_path):
    with pytest.raises(ConfigError, match="can't be exported: no such") as caught:
        write_graphs(tmp_path / "onnx", [graph(Fails())], "fp32", whole=())
    assert "\n" not in str(caught.value)
    with pytest.raises(StoreError, match="onnx: can't be written"):
        write_graphs(tmp_path / "onnx", [graph(Network())], "fp32", whole=())

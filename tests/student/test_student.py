"""The artifact: what is saved comes back, and what is broken is refused in one line."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from decoct.encoder import files
from decoct.errors import ArtifactError, StoreError
from decoct.records import Document
from decoct.student.calibrate import uncalibrated
from decoct.student.card import model_card
from decoct.student.student import Student, as_document
from decoct.student.torch_student import TorchStudent
from fakes.drugs import corpus

DOCUMENTS = [document.bare() for document in corpus(60, seed=5)]


@pytest.fixture
def spoilt(student_folder, tmp_path):
    """A copy of a good student, to be spoilt."""
    return shutil.copytree(student_folder, tmp_path / "student")


def edit(folder, change):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


def refused(folder, match=None):
    with pytest.raises(ArtifactError, match=match) as caught:
        Student.from_pretrained(folder, device="cpu")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_saved_and_loaded_it_predicts_the_same_to_the_bit(student, student_folder):
    loaded = Student.from_pretrained(student_folder, device="cpu")
    assert list(loaded.extract(DOCUMENTS)) == list(student.extract(DOCUMENTS))
    assert loaded.fingerprint == student.fingerprint
    assert loaded.card == student.card
    assert loaded.card.calibration is not None
    before, after = student.model.state_dict(), loaded.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_student_from_before_there_were_heads_is_loaded(student, spoilt):
    def older(config):
        for name in ("head", "combination"):
            del config["decoct"]["settings"][name]
        del config["decoct"]["settings"]["silver"]["soft_targets"]

    edit(spoilt, older)
    loaded = Student.from_pretrained(spoilt, device="cpu")
    assert loaded.card.settings.head == "subject_centric"
    assert list(loaded.extract(DOCUMENTS)) == list(student.extract(DOCUMENTS))
    assert {name for name in load_file(spoilt / "model.safetensors") if "decoct." in name} == {
        *(f"decoct.subject_head.out.{part}" for part in ("weight", "bias")),
        *(f"decoct.object_head.word.{part}" for part in ("weight", "bias")),
        "decoct.object_head.subject.weight",
        "decoct.object_head.product.weight",
        *(f"decoct.object_head.norm.{part}" for part in ("weight", "bias")),
        *(f"decoct.object_head.out.{part}" for part in ("weight", "bias")),
    }


def test_a_student_from_before_there_was_calibration_gives_out_what_it_did(student, spoilt):
    def older(config):
        del config["decoct"]["calibration"]
        for name in ("calibrate", "tune_threshold", "relation_threshold"):
            del config["decoct"]["settings"][name]

    edit(spoilt, older)
    loaded = Student.from_pretrained(spoilt, device="cpu")
    assert loaded.card.calibration is None
    raw = TorchStudent(student.model, student.tokenizer, uncalibrated(student.card), "cpu")
    assert list(loaded.extract(DOCUMENTS)) == list(raw.extract(DOCUMENTS))
    assert "not calibrated" in model_card(loaded.card)


def test_saved_twice_it_is_the_same_bytes(student_folder, tmp_path):
    Student.from_pretrained(student_folder, device="cpu").save_pretrained(tmp_path)
    for path in student_folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_folder_is_laid_out_as_a_hub_has_it(student_folder):
    assert {path.name for path in student_folder.iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_transformers_loads_the_finetuned_encoder(student, student_folder):
    from transformers import AutoModel, AutoTokenizer

    encoder, report = AutoModel.from_pretrained(
        student_folder, add_pooling_layer=False, output_loading_info=True
    )
    assert not report["missing_keys"]
    wanted = student.model.encoder.state_dict()
    assert all(torch.equal(wanted[name], found) for name, found in encoder.state_dict().items())
    ids = AutoTokenizer.from_pretrained(student_folder)("zorafen caused rash")["input_ids"]
    assert ids == student.tokenizer.encode("zorafen caused rash").ids


def test_the_fingerprint_follows_weights_and_card(student_folder, spoilt):
    before = Student.from_pretrained(student_folder, device="cpu").fingerprint
    edit(spoilt, lambda config: config["decoct"]["settings"].update(object_threshold=0.6))
    assert Student.from_pretrained(spoilt, device="cpu").fingerprint != before
    other = Student.from_pretrained(student_folder, device="cpu")
    with torch.no_grad():
        next(other.model.parameters())[0, 0] += 1
    assert other.fingerprint != before


def test_the_model_card(student, student_folder):
    text = (student_folder / "README.md").read_text(encoding="utf-8")
    assert text == model_card(student.card)
    assert text.startswith("---\nlibrary_name: decoct\n")
    assert "for each that starts a relation, `AdverseEffect` spans linked from `Drug`" in text
    assert f"| silver: documents | {student.card.silver['documents']} |" in text
    assert "{{" not in text
    assert "{%" not in text
    assert "\n\n\n" not in text


def with_settings(card, **changes):
    return card.model_copy(update={"settings": card.settings.model_copy(update=changes)})


def test_the_model_card_says_what_confidences_are_worth(student):
    text, found = model_card(student.card), student.card.calibration
    assert f"The temperature is {found.temperature:.4g}, " in text
    assert f"{100 * found.ece_before:.1f} % without it and {100 * found.ece_after:.1f} %" in text
    assert "A relation's confidence says how often the teacher agrees" in text
    assert "left out" not in text
    off = model_card(with_settings(student.card, calibrate=False))
    assert "A relation's confidence is the network's own" in off
    tuned = model_card(with_settings(student.card, tune_threshold=True))
    assert f"Relations below {found.threshold}, " in tuned
    explicit = model_card(with_settings(student.card, relation_threshold=0.25))
    assert "Relations below 0.25 are left out." in explicit
    assert all("\n\n\n" not in one for one in (off, tuned, explicit))


def test_the_model_card_says_of_its_head_only_what_is_so(student):
    text = model_card(student.card)
    assert "| head | `subject_centric` |" in text
    assert "linked from `Drug` by `ADE`. One pass of the encoder" in text
    other = model_card(with_settings(student.card, head="markers"))
    assert "| head | `markers` |" in other
    assert "One pass" not in other


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file(spoilt, name):
    (spoilt / name).unlink()
    refused(spoilt, name.replace(".", r"\."))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"x" * 100])
def test_a_file_of_other_content(spoilt, name, content):
    (spoilt / name).write_bytes(content)
    refused(spoilt)


@pytest.mark.parametrize("n_bytes", [1, 1000, 20_000])
def test_truncated_weights(spoilt, n_bytes):
    weights = spoilt / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-n_bytes])
    refused(spoilt, "model.safetensors")


def test_weights_of_another_size_or_number(spoilt):
    path = spoilt / "model.safetensors"
    weights = load_file(path)
    save_file({**weights, "decoct.subject_head.out.bias": torch.zeros(7)}, path)
    refused(spoilt, "weights do not fit")
    weights.pop("decoct.subject_head.out.bias")
    save_file(weights, path)
    refused(spoilt, "weights do not fit")


def test_a_student_of_another_version_is_to_be_distilled_again(spoilt):
    path = spoilt / "model.safetensors"
    weights = load_file(path)
    edit(spoilt, lambda config: config["decoct"]["settings"].update(object_bridge=0.1))
    refused(spoilt, "object_bridge.*distil it again")
    edit(spoilt, lambda config: config["decoct"]["settings"].pop("object_bridge"))
    for name in ("weight", "bias"):
        weights[f"decoct.subject_head.out.{name}"] = weights[f"decoct.subject_head.out.{name}"][:3]
    save_file(weights, path)
    refused(spoilt, "another version .*distil it again")


def test_a_plain_encoder_is_not_a_student(encoders):
    refused(encoders("bert"), "is not a student")


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config.pop("decoct"),
        lambda config: config.update(decoct=None),
        lambda config: config.update(decoct=[]),
        lambda config: config["decoct"].pop("task"),
        lambda config: config["decoct"].update(surprise=1),
        lambda config: config["decoct"].update(tagged=[]),
        lambda config: config["decoct"]["settings"].update(dropout=3),
        lambda config: config["decoct"]["settings"].update(relation_threshold=1.5),
        lambda config: config["decoct"]["settings"].update(
            relation_threshold=0.5, tune_threshold=True
        ),
        lambda config: config["decoct"]["calibration"].update(temperature=0),
        lambda config: config["decoct"]["calibration"].pop("threshold"),
        lambda config: config["decoct"]["settings"].update(head="no-such-head"),
        lambda config: config["decoct"]["settings"].update(head="markers"),
        lambda config: config["decoct"]["settings"].update(combination="concat"),
        lambda config: config.pop("model_type"),
        lambda config: config.update(model_type="no-such-model"),
        lambda config: config.update(hidden_size="wide"),
        lambda config: config.update(hidden_size=33),
        lambda config: config.update(hidden_size=64),
        lambda config: config.update(num_hidden_layers=3),
        lambda config: config.update(num_hidden_layers=1),
    ],
)
def test_a_wrong_configuration(spoilt, change):
    edit(spoilt, change)
    refused(spoilt)


def test_a_failed_load_leaves_no_trace(spoilt):
    from transformers.utils import logging

    level = logging.get_verbosity()
    before = {path: path.read_bytes() for path in spoilt.iterdir()}
    edit(spoilt, lambda config: config.update(model_type="no-such-model"))
    before[spoilt / "config.json"] = (spoilt / "config.json").read_bytes()
    refused(spoilt)
    assert {path: path.read_bytes() for path in spoilt.iterdir()} == before
    assert logging.get_verbosity() == level


@pytest.mark.parametrize("source", ["/no/such/student", "nowhere", "./runs/student", "a/b/c"])
def test_no_such_folder(source):
    refused(source, "no such student folder")


def test_pickled_weights_are_not_read(spoilt):
    weights = load_file(spoilt / "model.safetensors")
    torch.save(weights, spoilt / "pytorch_model.bin")
    (spoilt / "model.safetensors").unlink()
    refused(spoilt, "model.safetensors")


def test_a_full_disk_is_an_error_and_the_student_there_stays(student, spoilt, monkeypatch):
    before = {path: path.read_bytes() for path in spoilt.iterdir()}

    def full(_tensors, path, *_args):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "save_file", full)
    with pytest.raises(StoreError, match="No space left"):
        student.save_pretrained(spoilt)
    assert {path: path.read_bytes() for path in spoilt.iterdir()} == before


@pytest.mark.parametrize("taken", ["folder", "tokenizer.json"])
def test_a_folder_that_cannot_be_written(student, tmp_path, taken):
    folder = tmp_path / "student"
    if taken == "folder":
        folder.write_text("a file")
    else:
        (folder / "tokenizer.json").mkdir(parents=True)
    with pytest.raises(StoreError):
        student.save_pretrained(folder)


def test_extract_takes_texts_and_documents_one_or_many(student):
    text = "zorafen caused rash ."
    document = Document(id="x", text=text, meta={"page": 1})
    one = student.extract(text)
    assert (one.id, one.source) == ("1", "predicted")
    assert one.relations
    assert student.extract(document).id == "x"
    assert student.extract(document).meta == {"page": 1}
    assert student.extract(document).spans == one.spans
    many = student.extract(iter([text, document, ""]))
    assert iter(many) is many, "not streamed"
    assert [found.id for found in many] == ["1", "x", "3"]
    assert list(student.extract([])) == []


def test_as_document():
    assert as_document("rash", 4) == Document(id="4", text="rash")


def test_repr(student):
    assert repr(student).startswith("Student(task='ade', encoder=")
    assert "\n" not in repr(student)


def test_loading_takes_the_device_by_name(student_folder):
    from decoct.errors import ConfigError

    with pytest.raises(ConfigError, match="toaster"):
        Student.from_pretrained(student_folder, device="toaster")

"""What holds for every head the day that it appears on its shelf."""

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

from decoct.config import check
from decoct.encoder.load import load_encoder
from decoct.errors import ConfigError
from decoct.evaluation.evaluate import evaluate
from decoct.inference.decode import N_TAGS, SINGLE
from decoct.inference.tokenize import WordTokenizer
from decoct.records import Document
from decoct.student.batches import Batches
from decoct.student.examples import make_examples
from decoct.student.heads.base import HeadModel, Inputs, get_head
from decoct.student.model import Tagger
from decoct.student.settings import HEADS, StudentCard, StudentSettings
from decoct.student.student import Student
from fakes.drugs import DRUGS, EFFECTS, corpus, sentence
from fakes.students import SILVER, learn

NAMES = [name for name in HEADS.names() if name != "token"]  # which finds no relations
HELD_OUT = [d for d in corpus(60, seed=9, prefix="g") if d.text not in {s.text for s in SILVER}]
UNPAIRED = "unconditioned"  # says nothing of who caused what
TWO_TYPES = StudentCard(
    task="ade",
    tagged=("Drug",),
    relation_types=(
        ("ADE", "Drug", "AdverseEffect"),
        ("TAKES", "Drug", "Dose"),
    ),
    settings=StudentSettings(),
)
on_each = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def made(encoders):
    """Make a head on a new encoder, with two relation types, and a step to learn from."""

    def make(name, documents=SILVER[:12]):
        torch.manual_seed(0)
        encoder, tokenizer = load_encoder(str(encoders("bert")))
        model = get_head(name)(encoder, TWO_TYPES).eval()
        words = WordTokenizer(tokenizer, 60)
        items = make_examples(documents, words, TWO_TYPES).items
        step = Batches(items, TWO_TYPES.settings, 0, torch.device("cpu")).step(range(len(items)))
        return model, step

    return make


def alone(inputs, row):
    """One piece of a batch without its padding."""
    n_tokens = int(inputs.attention_mask[row].sum())
    owner = inputs.word_of_token[row : row + 1, :n_tokens]
    n_words = int(owner[owner < inputs.n_words].max()) + 1
    return Inputs(
        inputs.input_ids[row : row + 1, :n_tokens],
        inputs.attention_mask[row : row + 1, :n_tokens],
        owner.clamp(max=n_words),
        n_words,
    )


def relations_f1(gold, predicted):
    scores = evaluate(gold, predicted, n_resamples=10).to_dict()["relations"]["offsets"]["strict"]
    return scores["f1"]["value"]


def test_the_paper_and_its_baselines_are_there():
    assert {"subject_centric", "markers", "pairwise", "unconditioned"} <= set(NAMES)


@on_each
def test_a_head_says_who_it_is(name, made):
    head = get_head(name)
    assert issubclass(head, HeadModel)
    assert head.name == name
    assert head.__doc__
    assert sys.modules[head.__module__].__doc__
    assert 0 <= head.extra_tokens < 8
    model, _ = made(name)
    own = {name for name, _ in model.named_parameters() if not name.startswith("encoder.")}
    assert all(parameter.startswith(head.head_names) for parameter in own)
    assert all(any(p.startswith(prefix) for p in own) for prefix in head.head_names)


@on_each
def test_probabilities_have_their_shapes(name, made):
    model, step = made(name)
    pieces, words = step.targets.subject_piece, step.targets.subject_words
    with torch.inference_mode():
        states, tags = model.encode(step.inputs)
        objects = model.objects(states, pieces, words)
    assert tags.shape == (12, step.inputs.n_words, 1, 5)
    assert objects.shape == (len(pieces), step.inputs.n_words, 2, 5)
    assert tags.dtype == objects.dtype == torch.float32
    for probs in (tags, objects):
        torch.testing.assert_close(probs.sum(dim=-1), torch.ones(probs.shape[:-1]))
    assert ((objects >= 0) & (objects <= 1)).all()


@on_each
def test_neighbours_and_padding_change_nothing(name, made):
    model, step = made(name)
    with torch.no_grad():  # every word is likely to be tagged, padding too
        for tagger in (module for module in model.modules() if isinstance(module, Tagger)):
            tagger.out.bias[SINGLE::N_TAGS] += 2.0
    with torch.inference_mode():
        together, tags = model.encode(step.inputs)
        objects = model.objects(together, step.targets.subject_piece, step.targets.subject_words)
        for row, piece in enumerate(step.targets.subject_piece.tolist()):
            inputs = alone(step.inputs, piece)
            n = inputs.n_words
            box, own_tags = model.encode(inputs)
            words = step.targets.subject_words[row : row + 1, :n]
            own = model.objects(box, torch.tensor([0]), words)
            torch.testing.assert_close(own_tags[0], tags[piece, :n], atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(own[0], objects[row, :n], atol=1e-5, rtol=1e-4)


def gradients(model, step):
    model.zero_grad()
    loss = model.loss(step.inputs, step.targets)
    loss.backward()
    return loss.detach(), {
        name: parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


def caveated(number, document):
    """Say of the first subject that its objects are unknown, and of the last words to be wary."""
    unknown = [document.spans[0].id] if number % 2 else []
    return document.model_copy(
        update={
            "meta": {
                "unknown_subjects": unknown,
                "doubtful": [[len(document.text) - 8, len(document.text)]],
                "weight": 0.5 if number % 3 else 1.0,
            }
        }
    )


@on_each
def test_what_has_no_weight_is_not_learnt(name, made):
    """Other targets there leave loss and gradient as they are; other targets elsewhere do not."""
    model, step = made(name, [caveated(n, document) for n, document in enumerate(SILVER[:12])])
    targets = step.targets
    weighed = {
        "tags": targets.tag_weights[..., None, None],
        "objects": targets.object_weights[..., None],
        "object_tags": targets.object_tag_weights[..., None],
        "links": targets.link_weights,
    }
    assert all((weights == 0).any() and (weights > 0).any() for weights in weighed.values())
    loss, slopes = gradients(model, step)

    def changed(where):
        values = {
            name: torch.where(where(weights), 1 - getattr(targets, name), getattr(targets, name))
            for name, weights in weighed.items()
        }
        return gradients(model, replace(step, targets=replace(targets, **values)))

    same_loss, same_slopes = changed(lambda weights: weights == 0)
    assert same_loss == loss
    assert all(torch.equal(slopes[name], same_slopes[name]) for name in slopes)
    assert changed(lambda weights: weights > 0)[0] != loss


@on_each
def test_a_weight_is_a_documents_share_of_the_loss(name, made):
    """A document of no weight beside another is as good as not there."""
    light = SILVER[0].model_copy(update={"meta": {"weight": 0.0}})
    both, one = (gradients(*made(name, some)) for some in ([light, SILVER[1]], [SILVER[1]]))
    torch.testing.assert_close(both[0], one[0])
    half = [d.model_copy(update={"meta": {"weight": 0.5}}) for d in SILVER[:12]]
    torch.testing.assert_close(gradients(*made(name, half))[0], gradients(*made(name))[0])


@on_each
def test_a_batch_without_subjects_or_objects_has_a_loss(name, made):
    plain = [Document(id=str(n), text="nothing was given .") for n in range(3)]
    loss, slopes = gradients(*made(name, plain))
    assert loss.isfinite()
    assert all(slope.isfinite().all() for slope in slopes.values())


@on_each
def test_an_easy_pattern_is_learnt(name, taught):
    student = taught(name).student
    one_drug = [d for d in HELD_OUT if len(d.relations) == 1 and len(d.spans) == 2]
    assert len(one_drug) > 5
    assert relations_f1(one_drug, list(student.extract(one_drug))) >= 0.9
    if name != UNPAIRED:
        assert relations_f1(SILVER, list(student.extract(SILVER))) >= 0.95
        assert relations_f1(HELD_OUT, list(student.extract(HELD_OUT))) >= 0.9


@on_each
def test_two_drugs_with_an_effect_each(name, taught):
    """Who does not know whose objects it reads gives every drug those of both."""
    documents = [
        sentence(3, (one, other, EFFECTS[0], EFFECTS[2]), f"d{one}{other}")
        for one, other in zip(DRUGS, DRUGS[3:], strict=False)
    ]
    found = list(taught(name).student.extract(documents))
    crossed = sum(len(document.relations) for document in found) / len(documents)
    if name == UNPAIRED:
        assert crossed > 3.5
        assert relations_f1(documents, found) < 0.75
    else:
        assert relations_f1(documents, found) >= 0.9


@on_each
def test_saved_and_loaded_it_predicts_the_same_to_the_bit(name, taught, tmp_path):
    student = taught(name).student
    student.save_pretrained(tmp_path)
    loaded = Student.from_pretrained(tmp_path, device="cpu")
    assert type(loaded.model) is get_head(name)
    assert loaded.card.settings.head == name
    assert loaded.fingerprint == student.fingerprint
    assert list(loaded.extract(HELD_OUT)) == list(student.extract(HELD_OUT))


@on_each
def test_half_precision_survives_saving(name, encoders, tmp_path):
    trained = learn(SILVER[:40], encoders("bert"), head=name, epochs=2, precision="bf16")
    assert trained.training.bf16
    trained.student.save_pretrained(tmp_path)
    loaded = Student.from_pretrained(tmp_path, device="cpu")
    given = list(loaded.extract(SILVER, given_subjects=True))
    assert given == list(trained.student.extract(SILVER, given_subjects=True))
    assert all(weight.dtype == torch.float32 for weight in loaded.model.parameters())


@on_each
def test_given_subjects_replace_those_that_would_be_found(name, taught):
    student = taught(name).student
    gold = sentence(3, (DRUGS[0], DRUGS[4], EFFECTS[0], EFFECTS[2]), "d")
    for drug in (span for span in gold.spans if span.label == "Drug"):
        given = Document(id="d", text=gold.text, spans=[drug])
        found = student.extract(given, given_subjects=True)
        assert [s.text for s in found.spans if s.label == "Drug"] == [drug.text]
        assert len(found.relations) == (2 if name == UNPAIRED else 1)
    assert not student.extract(given.bare(), given_subjects=True).spans


@on_each
def test_everything_found_has_a_confidence(name, taught):
    found = list(taught(name).student.extract(HELD_OUT))
    said = [one.confidence for document in found for one in (*document.spans, *document.relations)]
    assert len(said) > 100
    assert all(confidence is not None and 0.2 < confidence <= 1.0 for confidence in said)
    assert len(set(said)) > 20


@on_each
def test_more_than_one_window_and_no_words_at_all(name, taught):
    student = taught(name).student
    unit = f"{DRUGS[0]} caused rash .\n"
    assert len(student.extract(unit * 60).relations) >= 50
    assert student.extract("").spans == ()
    assert student.extract("nothing was given .").text == "nothing was given ."


@on_each
def test_the_encoder_has_room_for_what_a_head_adds(name, encoders):
    fitted = learn(SILVER[:20], encoders("roberta"), head=name, epochs=1, max_tokens=1000)
    most = 62  # positions that this encoder has
    assert fitted.student.card.settings.max_tokens == most - get_head(name).extra_tokens
    fitted.student.extract("zorafen caused rash and " * 100)
    few = learn(SILVER[:20], encoders("roberta"), head=name, epochs=1, max_tokens=20)
    assert few.student.card.settings.max_tokens == 20


def test_an_unknown_head_is_refused_at_once_with_the_nearest_name():
    with pytest.raises(ConfigError, match=r"did you mean 'markers'\?.*pairwise") as caught:
        check(StudentSettings, {"head": "markrs"}, "distill")
    assert "\n" not in str(caught.value)


def test_settings_know_the_heads_without_torch():
    code = (
        "import sys; from decoct.student.settings import StudentSettings as S; "
        "assert S(head='markers').head == 'markers'; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_file_of_the_shelf_is_a_head():
    files = Path(sys.modules["decoct.student.heads"].__path__[0]).glob("*.py")
    assert {file.stem for file in files} - {"__init__", "base"} <= set(HEADS.names())


def test_the_targets_above_are_all_there_are():
    """A target that is added is one that the test of weights has to know."""
    model_reads = {"tags", "objects", "object_tags", "links"}
    where = {"subject_piece", "subject_words", "pairs"}
    weights = {"tag_weights", "object_weights", "object_tag_weights", "link_weights"}
    from decoct.student.heads.base import Targets

    assert {field.name for field in fields(Targets)} == model_reads | where | weights

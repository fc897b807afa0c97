"""The loop on a model of two layers: resuming, stopping, seeds, and what can go wrong on disk."""

import math

import pytest
import torch
from safetensors.torch import load_file, save_file

from decoct.errors import ConfigError, StoreError
from decoct.progress import Silent
from decoct.training import checkpoint
from decoct.training.loop import Job, learning_rate_factor, train
from decoct.training.settings import TrainingSettings

STATE = "state.safetensors"


class Interrupting(Silent):
    """Raises at the n-th call of `note` or of an epoch's bar."""

    def __init__(self, at_note=0, at_epoch=0):
        self.at_note, self.at_epoch = at_note, at_epoch
        self.notes, self.epochs = [], 0

    def note(self, message):
        self.notes.append(message)
        if len(self.notes) == self.at_note:
            raise KeyboardInterrupt

    def track(self, items, total, title):
        self.epochs += 1
        for number, item in enumerate(items):
            if self.epochs == self.at_epoch and number == 1:
                raise KeyboardInterrupt
            yield item


def settings(**changes):
    return TrainingSettings.model_validate(
        {"device": "cpu", "precision": "fp32", "epochs": 4, "patience": 0} | changes
    )


def network(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1)
        )


def job(scores=None, seed=13, fingerprint="f", model=None):
    """Learn y = x0 - x1; `scores` replaces the dev score, epoch by epoch."""
    model = model or network(seed)
    data = torch.randn(5, 8, 4, generator=torch.Generator().manual_seed(0))
    told = iter(scores or ())

    def batches(epoch):
        order = torch.randperm(5, generator=torch.Generator().manual_seed(seed * 100 + epoch))
        return [data[index] for index in order]

    def loss(batch):
        return ((model(batch)[:, 0] - (batch[:, 0] - batch[:, 1])) ** 2).mean()

    def dev_score():
        assert not model.training
        return next(told) if scores else -float(loss(data.flatten(0, 1)))

    return Job(model, ("2.",), 5, batches, loss, dev_score, fingerprint)


def weights(a_job):
    return {name: tensor.clone() for name, tensor in a_job.model.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def untimed(training):
    return [{key: entry[key] for key in entry if key != "seconds"} for entry in training.history]


@pytest.mark.parametrize(
    "progress",
    [
        Interrupting(at_note=1),
        Interrupting(at_note=3),
        Interrupting(at_epoch=2),
        Interrupting(at_epoch=4),
    ],
    ids=["note-1", "note-3", "in-epoch-2", "in-epoch-4"],
)
def test_a_resumed_run_is_the_uninterrupted_run(tmp_path, progress):
    whole = job()
    expected = train(whole, settings(), Silent())

    with pytest.raises(KeyboardInterrupt):
        train(job(), settings(), progress, tmp_path)
    resumed = job()
    told = Interrupting()
    training = train(resumed, settings(), told, tmp_path)

    done = max(progress.at_note, progress.at_epoch - 1)
    assert training.resumed_at == done
    assert told.notes[0] == f"resumed after epoch {done}"
    assert told.epochs == 4 - done
    assert same(weights(resumed), weights(whole))
    assert untimed(training) == untimed(expected)
    assert (training.best_epoch, training.best_score) == (expected.best_epoch, expected.best_score)


def test_a_finished_run_is_not_trained_again(tmp_path):
    first = job()
    expected = train(first, settings(), Silent(), tmp_path)
    again = job()
    progress = Interrupting()
    training = train(again, settings(), progress, tmp_path)
    assert progress.epochs == 0
    assert training.history == expected.history
    assert same(weights(first), weights(again))


def test_a_checkpoint_of_another_run_is_not_resumed(tmp_path):
    train(job(), settings(epochs=2), Silent(), tmp_path)
    training = train(job(fingerprint="other"), settings(epochs=2), Silent(), tmp_path)
    assert training.resumed_at == 0


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def _empty(path):
    path.write_bytes(b"")


def _no_metadata(path):
    save_file(load_file(path), path)


def _garbage(path):
    path.write_bytes(b"\xff" * 500)


def _strange_position(path):
    save_file(load_file(path), path, {"position": '{"epoch": 1}'})


def _no_position_object(path):
    save_file(load_file(path), path, {"position": "3"})


@pytest.mark.parametrize(
    "spoil",
    [_truncate, _empty, _no_metadata, _garbage, _strange_position, _no_position_object],
)
def test_a_corrupt_checkpoint_is_ignored(tmp_path, spoil):
    expected = job()
    train(expected, settings(epochs=2), Silent())
    with pytest.raises(KeyboardInterrupt):
        train(job(), settings(epochs=2), Interrupting(at_note=1), tmp_path)
    spoil(tmp_path / STATE)
    found = job()
    assert train(found, settings(epochs=2), Silent(), tmp_path).resumed_at == 0
    assert same(weights(found), weights(expected))


def test_a_checkpoint_that_does_not_fit_leaves_the_model_alone(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(job(), settings(), Interrupting(at_note=1), tmp_path)
    other = job(
        model=torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2)
        )
    )
    before = weights(other)
    optimizer = torch.optim.AdamW(other.model.parameters())
    assert checkpoint.load_checkpoint(tmp_path, "f", other.model, optimizer) is None
    assert same(weights(other), before)


def test_the_checkpoint_is_safetensors_and_nothing_else_is_left(tmp_path):
    train(job(), settings(epochs=2), Silent(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [STATE]
    load_file(tmp_path / STATE)


def test_a_checkpoint_that_cannot_be_written_is_an_error_that_keeps_the_last(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        train(job(), settings(), Interrupting(at_note=1), tmp_path)
    before = (tmp_path / STATE).read_bytes()

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        train(job(), settings(), Silent(), tmp_path)
    assert "\n" not in str(caught.value)
    assert (tmp_path / STATE).read_bytes() == before


def test_a_checkpoint_folder_that_is_a_file_is_an_error(tmp_path):
    (tmp_path / "taken").write_text("x")
    with pytest.raises(StoreError, match="checkpoint can't be written"):
        train(job(), settings(), Silent(), tmp_path / "taken")


def test_seeds():
    def learn(seed):
        a_job = job(seed=seed)
        train(a_job, settings(seed=seed), Silent())
        return weights(a_job)

    assert same(learn(1), learn(1))
    assert not same(learn(1), learn(2))


def test_dropout_follows_the_seed_of_the_settings_alone():
    one, other = job(), job()
    train(one, settings(seed=1), Silent())
    torch.rand(7)  # what happened before does not matter
    train(other, settings(seed=1), Silent())
    assert same(weights(one), weights(other))
    third = job()
    train(third, settings(seed=2), Silent())
    assert not same(weights(one), weights(third))


def test_early_stopping_keeps_the_best_weights():
    seen = []
    stopped = job([0.1, 0.5, 0.5, 0.4, 0.9])
    score = stopped.dev_score

    def watching():
        seen.append(weights(stopped))
        return score()

    watched = Job(**{**{n: getattr(stopped, n) for n in Job.__slots__}, "dev_score": watching})
    training = train(watched, settings(epochs=5, patience=2), Silent())
    assert (training.best_epoch, training.best_score) == (2, 0.5)
    assert [entry["dev_score"] for entry in training.history] == [0.1, 0.5, 0.5, 0.4]
    assert same(weights(stopped), seen[1])


def test_patience_0_never_stops_early():
    training = train(job([0.9, 0.1, 0.1, 0.1]), settings(patience=0), Silent())
    assert (len(training.history), training.best_epoch) == (4, 1)


@pytest.mark.parametrize("scores", [[math.nan] * 4, [-math.inf] * 4])
def test_scores_that_are_no_numbers_keep_the_first_epoch(scores):
    assert train(job(scores), settings(), Silent()).best_epoch == 1


def test_a_loss_that_is_no_number_is_an_error():
    broken = job()
    broken = Job(
        **{
            **{n: getattr(broken, n) for n in Job.__slots__},
            "loss": lambda b: broken_loss(broken, b),
        }
    )
    with pytest.raises(ConfigError, match="no longer a number in epoch 1"):
        train(broken, settings(), Silent())


def broken_loss(a_job, batch):
    return a_job.model(batch).sum() * math.nan


def test_the_head_has_its_own_learning_rate_and_norms_do_not_decay():
    a_job = job()
    before = weights(a_job)
    train(a_job, settings(epochs=1, learning_rate=1e-12, weight_decay=0.0), Silent())
    moved = {name: float((weights(a_job)[name] - before[name]).abs().max()) for name in before}
    assert max(moved["0.weight"], moved["0.bias"]) < 1e-9
    assert min(moved["2.weight"], moved["2.bias"]) > 1e-6


@pytest.mark.parametrize(("n_steps", "warmup"), [(1, 0.1), (10, 0.0), (10, 0.3), (100, 0.99)])
def test_learning_rate_rises_to_its_peak_and_falls(n_steps, warmup):
    factors = [learning_rate_factor(step, n_steps, warmup) for step in range(n_steps)]
    peak = factors.index(max(factors))
    assert max(factors) == 1.0
    assert min(factors) > 0.0
    assert factors[: peak + 1] == sorted(factors[: peak + 1])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)
    assert learning_rate_factor(n_steps, n_steps, warmup) == 0.0


def test_a_model_that_has_found_nothing_yet_is_not_given_up_on():
    training = train(job([0.0, 0.0, 0.0, 0.2]), settings(patience=2), Silent())
    assert training.best_epoch == 4

"""The steps in their order, each with its switch and its count."""

from decoct.student.silver import SilverSettings, doubtful_places, prepare, unknown_subjects
from decoct.student.silver.caveats import add_doubtful, add_unknown_subjects, drop_caveats, weigh
from decoct.tasks.ade import plugin as ade
from decoct.text.align import Place
from fakes.marked import marked, shown

SILVER = [
    *[marked(name, f"On oral ‹{name}›.") for name in ("gold", "iron", "zinc", "tin", "lead")],
    marked("last", "On ‹oral nickel›."),
    marked("other", "Nickel."),
]


def test_a_step_that_is_off_is_not_taken():
    done = prepare(SILVER, ade, SilverSettings())
    assert (done.documents, done.counts) == (tuple(SILVER), {})


def test_boundaries_come_before_completion():
    done = prepare(SILVER, ade, SilverSettings(harmonise_boundaries=True, complete_subjects=True))
    assert [shown(one) for one in done.documents[-2:]] == ["On oral ‹nickel›.", "‹Nickel›."]
    assert done.counts == {"moved_spans": 1, "completed_subjects": 1}
    done = prepare(SILVER, ade, SilverSettings(complete_subjects=True))
    assert [shown(one) for one in done.documents[-2:]] == ["On ‹oral nickel›.", "Nickel."]
    assert done.counts == {"completed_subjects": 0}


def test_its_settings_reach_a_step():
    strict = SilverSettings(harmonise_boundaries=True, min_observations=7)
    assert prepare(SILVER, ade, strict).counts == {"moved_spans": 0}
    certain = SilverSettings(harmonise_boundaries=True, clear_majority=0.84)
    assert prepare(SILVER, ade, certain).counts == {"moved_spans": 0}


def test_prepared_silver_is_completed_no_further():
    settings = SilverSettings(complete_subjects=True)
    silver = [marked("a", "‹gold›"), marked("b", "gold")]
    done = prepare(silver, ade, settings).documents
    again = prepare(done, ade, settings)
    assert (again.documents, again.counts) == (done, {"completed_subjects": 0})
    more = prepare([*done, marked("c", "‹iron›"), marked("d", "gold iron")], ade, settings)
    assert more.counts == {"completed_subjects": 2}
    assert unknown_subjects(more.documents[1]) == {"S1"}


def test_caveats_add_up():
    document = marked("d", "‹gold› ‹iron›", pmid="1")
    said = add_unknown_subjects(add_unknown_subjects(document, ["T1"]), ["T2", "T1"])
    assert said.meta["unknown_subjects"] == ["T1", "T2"]
    said = weigh(weigh(said, 0.5), 0.5)
    assert said.meta["weight"] == 0.25
    said = add_doubtful(add_doubtful(said, [Place(5, 7)]), [Place(9, 10), Place(0, 2), Place(1, 5)])
    assert doubtful_places(said) == [Place(0, 7), Place(9, 10)]
    assert drop_caveats(said) == document

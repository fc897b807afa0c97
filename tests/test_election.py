"""Elections: whose boundaries are taken, and who votes for what. See also teacher/test_vote.py."""

from decoct.election import Ballot, elect, poll
from fakes.marked import marked


def test_each_voter_says_what_it_says_in_the_elected_boundaries():
    short = marked("d", "‹Gold›: severe «rash»", ("Gold", "rash"))
    long = marked("d", "‹Gold›: «severe rash»")
    drug, effect = (0, 4, "Drug"), (6, 17, "AdverseEffect")
    assert elect([short, long, long]) == [
        Ballot(frozenset({drug, effect}), frozenset({("ADE", drug, effect)})),
        Ballot(frozenset({drug, effect}), frozenset()),
        Ballot(frozenset({drug, effect}), frozenset()),
    ]
    assert elect([short, long])[1].marks == {drug, (13, 17, "AdverseEffect")}


def test_nobody_votes_for_what_it_does_not_have():
    silent = marked("d", "Gold: severe rash")
    other = marked("d", "Gold: ‹severe rash›")
    effect = marked("d", "Gold: severe «rash»")
    assert [len(ballot.marks) for ballot in elect([silent, other, effect])] == [0, 1, 1]
    assert elect([]) == []


def test_a_poll_keeps_what_enough_say_and_counts_the_rest():
    votes = [["a", "b", "a"], ["a"], ["a", "c"], []]
    assert poll(votes, 0.5) == ({"a": 0.75}, 2)
    assert poll(votes, 0.25) == ({"a": 0.75, "b": 0.25, "c": 0.25}, 0)
    assert poll([], 0.5) == ({}, 0)

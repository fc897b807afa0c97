"""Which steps are taken between silver and training, each with a switch that is off by default."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from decoct.config import Settings

Doubt = Literal["keep", "drop", "weigh", "adopt"]
Share = Annotated[float, Field(ge=0, le=1)]


class SilverSettings(Settings):
    """The steps, in the order in which they are taken.

    Attributes:
        harmonise_boundaries: take a word at a span's edge in, or leave it out, as the teacher does
            more often with that word.
        min_observations: times that a word has to have been seen at an edge, in or out, for
            anything to be moved because of it.
        clear_majority: share of those times that have to be alike, above a half.
        expand_aliases: a name in brackets behind a subject, or short for a subject or object, is
            another name of it, with the same relations.
        complete_subjects: mark a subject that the teacher names in one document in the others too;
            whether it has an object there is taken as not known.
        min_share: share of the documents with a string in which the teacher has to name it as a
            subject, for the string to be one everywhere.
        doubt: what is done about a relation that a student who did not learn from the document
            does not find, and about one that it alone finds. `keep`: nothing. `drop`: nothing is
            learnt from their words. `weigh`: the document counts less, the less the two agree.
            `adopt`: what the student alone finds is taken into the labels; a teacher that is asked
            for events leaves out more than it makes up.
        doubt_folds: how many such students; each learns from all parts but the one it judges.
        doubt_confidence: how sure that student has to be, 0 to 1, to call a label doubtful; None
            for the mean, for each relation label, of its confidences where it agrees with silver.
        min_weight: the least that a document is weighed down to.
        soft_targets: learn the confidences of spans and relations, where they have any, in place
            of certainty.
    """

    harmonise_boundaries: bool = False
    min_observations: Annotated[int, Field(ge=1)] = 5
    clear_majority: Annotated[float, Field(gt=0.5, le=1)] = 0.75
    expand_aliases: bool = False
    complete_subjects: bool = False
    min_share: Share = 0.2
    doubt: Doubt = "keep"
    doubt_folds: Annotated[int, Field(ge=2)] = 5
    doubt_confidence: Share | None = None
    min_weight: Share = 0.2
    soft_targets: bool = False


class MixSettings(Settings):
    """How several teachers' labels become one.

    Attributes:
        rule: `vote`, or `first`: a document has the labels of the first teacher that labelled it,
            so that the best one is believed alone and others fill the gaps.
        min_share: share of the votes on a document that a relation has to have.
        silent_on_bare_subjects: for each teacher, whether it names no subject that has no relation,
            so that its silence about one says nothing; None to tell by its labels.
        min_bare_share: share of a teacher's documents that have to have such a subject for it to be
            taken for one who lists them, where it is told by the labels.
    """

    rule: Literal["vote", "first"] = "vote"
    min_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    silent_on_bare_subjects: tuple[bool, ...] | None = None
    min_bare_share: Share = 0.01

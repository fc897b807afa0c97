"""Several teachers' labels of the same texts become one.

Teachers differ in what they are silent about. One that was asked for events names no drug without
one, so that its silence about such a drug is no vote against it; one that was asked for every drug
means what it leaves out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from decoct.election import Ballot, elect, poll
from decoct.errors import ConfigError, RecordError
from decoct.evaluation.items import ungrounded
from decoct.records import Document, Mark, number_annotations
from decoct.student.silver.caveats import drop_caveats
from decoct.student.silver.completion import fold
from decoct.student.silver.prepare import Prepared
from decoct.student.silver.settings import MixSettings
from decoct.tasks.base import SpanTask

Labels = tuple[int, Document]  # a teacher's number, and what it says of a document
_ORIGIN = ("backend", "model", "prompt_hash")


def mix(
    labellings: Sequence[Sequence[Document]],
    task: SpanTask,
    settings: MixSettings | None = None,
) -> Prepared:
    """Put to the vote what teachers say of the same document, the same id and text.

    Boundaries are those that most teachers have (see `election.elect`), of equals the earlier
    teacher's. A relation is kept where enough of the teachers who labelled the document have it,
    and so are its spans; its confidence is their share. So it is with other spans, but a teacher
    that lists no bare subjects votes on no subject that it does not name. A document that one
    teacher labelled keeps its labels as they are.

    This comes before the other steps: of what they say of a document nothing is left.

    Args:
        labellings: each teacher's silver, the one to be believed first where votes are equal.
        task: gives the labels of subjects.
        settings: None for the defaults.

    Returns:
        The documents in the order in which they come first, with the counts `documents`,
        `labelled_by_one`, of relations `unanimous`, `by_majority` and `outvoted`, and
        `outvoted_spans`, `outvoted_ungrounded`. A document's `meta["confidence"]` is the share of
        its teachers whose relations are exactly the elected ones.

    Raises:
        ConfigError: `silent_on_bare_subjects` is not as long as `labellings`.
        RecordError: a teacher has a document twice, or two texts have one id.
        EvaluationError: a document's `meta["ungrounded"]` is malformed.
    """
    settings = settings or MixSettings()
    listing = _listing(labellings, task.tagged, settings)
    counts = Counter(dict.fromkeys(("documents", "labelled_by_one"), 0))
    mixed = []
    for labels in _by_document(labellings):
        counts["documents"] += 1
        counts["labelled_by_one"] += len(labels) == 1
        if len(labels) == 1 or settings.rule == "first":
            mixed.append(drop_caveats(labels[0][1]))
        else:
            mixed.append(_vote(labels, listing, task.tagged, settings.min_share, counts))
    return Prepared(tuple(mixed), dict(counts))


def lists_bare_subjects(
    documents: Sequence[Document],
    tagged: Collection[str],
    min_share: float = MixSettings().min_bare_share,
) -> bool:
    """Whether a teacher names subjects that have no relation.

    Other mentions of a subject that has one do not count, nor does the subject of a claim that is
    not in the text.

    Args:
        documents: what it labelled.
        tagged: labels of subjects, and of other spans that are found by themselves.
        min_share: of its documents, those with such a subject.
    """
    n_listing = sum(_has_bare_subject(document, tagged) for document in documents)
    return n_listing > 0 and n_listing >= min_share * len(documents)


def _has_bare_subject(document: Document, tagged: Collection[str]) -> bool:
    related = {fold(subject.text) for _, subject, _ in document.pairs()}
    related |= {fold(subject) for _, subject, _ in ungrounded(document)}
    return any(span.label in tagged and fold(span.text) not in related for span in document.spans)


def _listing(
    labellings: Sequence[Sequence[Document]], tagged: Collection[str], settings: MixSettings
) -> frozenset[int]:
    """Return the numbers of the teachers whose silence about a bare subject is a vote."""
    silent = settings.silent_on_bare_subjects
    if silent is None:
        share = settings.min_bare_share
        silent = tuple(not lists_bare_subjects(one, tagged, share) for one in labellings)
    if len(silent) != len(labellings):
        raise ConfigError(
            f"silent_on_bare_subjects has {len(silent)} values for {len(labellings)} teachers; "
            "give one for each"
        )
    return frozenset(number for number, is_silent in enumerate(silent) if not is_silent)


def _by_document(labellings: Sequence[Sequence[Document]]) -> Iterable[list[Labels]]:
    by_id: dict[str, dict[int, Document]] = {}
    for number, documents in enumerate(labellings):
        for document in documents:
            known = by_id.setdefault(document.id, {})
            if number in known:
                raise RecordError(
                    f"document {document.id!r} occurs twice in labelling {number + 1}"
                )
            if any(other.text != document.text for other in known.values()):
                raise RecordError(
                    f"document {document.id!r} has another text in labelling {number + 1} than in "
                    "one before it; mix labels of the same documents"
                )
            known[number] = document
    return [list(known.items()) for known in by_id.values()]


def _vote(
    labels: Sequence[Labels],
    listing: Collection[int],
    tagged: Collection[str],
    min_share: float,
    counts: Counter[str],
) -> Document:
    documents = [document for _, document in labels]
    ballots = elect(documents)
    links, n_lost_links = poll([ballot.links for ballot in ballots], min_share)
    voters = [number in listing for number, _ in labels]
    shares = _shares(ballots, voters, tagged)
    marks = {mark: share for mark, share in shares.items() if share >= min_share}
    claims, n_lost_claims = poll([_claims(document) for document in documents], min_share)
    counts["unanimous"] += sum(share == 1 for share in links.values())
    counts["by_majority"] += sum(share < 1 for share in links.values())
    counts["outvoted"] += n_lost_links
    counts["outvoted_spans"] += len(shares) - len(marks)
    counts["outvoted_ungrounded"] += n_lost_claims
    spans, relations = number_annotations(documents[0].text, marks, links)
    meta = _meta(documents)
    meta["confidence"] = sum(one.links == links.keys() for one in ballots) / len(ballots)
    if claims:
        meta["ungrounded"] = [dict(claim) for claim in claims]
    update = {"spans": spans, "relations": relations, "meta": meta}
    return documents[0].model_copy(update=update)


def _shares(
    ballots: Sequence[Ballot], listing: Sequence[bool], tagged: Collection[str]
) -> dict[Mark, float]:
    """Return for each span the share of those who vote on it that have it."""
    shares: dict[Mark, float] = {}
    for mark in frozenset[Mark]().union(*(ballot.marks for ballot in ballots)):
        has = [mark in ballot.marks for ballot in ballots]
        is_subject = mark[2] in tagged
        n_voting = sum(
            own or lists or not is_subject for own, lists in zip(has, listing, strict=True)
        )
        shares[mark] = sum(has) / n_voting
    return shares


def _claims(document: Document) -> list[tuple[tuple[str, Any], ...]]:
    return [tuple(claim.items()) for claim in document.meta.get("ungrounded") or ()]


def _meta(documents: Sequence[Document]) -> dict[str, Any]:
    """Return what any of them says of the document itself, and all of their origins."""
    meta: dict[str, Any] = {}
    for document in reversed(documents):
        meta |= drop_caveats(document.bare()).meta
    for key in _ORIGIN:
        stated = [document.meta[key] for document in documents if document.meta.get(key)]
        if stated:
            meta[key] = "+".join(dict.fromkeys(map(str, stated)))
    return meta

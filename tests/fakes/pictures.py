"""Documents that are hard to draw: many arrows, nested and torn spans, signs of two units."""

from __future__ import annotations

from collections.abc import Sequence

from decoct.records import Candidate, Document, Link, Relation, Span

PARAGRAPH = (
    "A 71-year-old woman was started on amiodarone and simvastatin after a second infarction; "
    "within five weeks she had proximal weakness and dark urine, and simvastatin was stopped. "
    "Her cough and angioedema were put down to ramipril, which was replaced by losartan without "
    "further trouble. Tramadol, given for back pain, was followed by a seizure on the second day, "
    "and fluoxetine may have added to it, as serotonin syndrome was suspected as well. A rash "
    "that spread from the trunk appeared after co-trimoxazole; clindamycin, given in its place, "
    "caused watery diarrhoea, and the stools held the toxin of Clostridioides difficile. Metformin "
    "was continued throughout."
)
PAIRS = (
    ("amiodarone", "proximal weakness"),
    ("simvastatin", "proximal weakness"),
    ("simvastatin", "dark urine"),
    ("ramipril", "cough"),
    ("ramipril", "angioedema"),
    ("Tramadol", "seizure"),
    ("fluoxetine", "seizure"),
    ("fluoxetine", "serotonin syndrome"),
    ("co-trimoxazole", "rash"),
    ("clindamycin", "watery diarrhoea"),
)


def paragraph() -> Document:
    """Return a long paragraph in which ten arrows join seven of nine drugs and eight effects."""
    return related("paragraph", PARAGRAPH, PAIRS, also=("losartan", "Metformin"))


def chinese() -> Document:
    """Return a Chinese text with signs outside of the basic plane before and within its spans."""
    text = (
        "患者🙂服用阿司匹林三天后出现皮疹👩🏽‍⚕️，随后改用氯吡格雷，无不适。"
        "𠮷野家附近的医院记录：布洛芬引起胃痛🤢与黑便，停药后两周内完全恢复。"
    )
    pairs = (("阿司匹林", "皮疹👩🏽‍⚕️"), ("布洛芬", "胃痛🤢"), ("布洛芬", "黑便"))
    return related("中文", text, pairs, also=("氯吡格雷",))


def torn() -> Document:
    """Return a text with a discontinuous span, one inside another and two that cross; links too."""
    text = (
        "Hereditary breast and ovarian cancer was known; after acute renal failure "
        "he got cisplatin <b>& carboplatin</b>."
    )

    def at(surface: str) -> tuple[int, int]:
        start = text.index(surface)
        return start, start + len(surface)

    breast, cancer = at("breast"), at("cancer")
    candidates = (
        Candidate(id="D001943", name="Breast Neoplasms", score=0.91),
        Candidate(id="D010051", name="Ovarian Neoplasms", score=0.42),
    )
    link = Link(id="D001943", name="Breast Neoplasms", confidence=0.88, candidates=candidates)
    spans = (
        Span(
            id="T1",
            start=breast[0],
            end=cancer[1],
            label="Disease",
            text="breast cancer",
            fragments=(breast, cancer),
            link=link,
        ),
        _span("T2", text, "ovarian cancer", "Disease", link=Link(id=None, confidence=0.7)),
        _span("T3", text, "acute renal failure", "Disease", confidence=0.97),
        _span("T4", text, "renal", "Anatomy"),
        _span("T5", text, "failure he got", "Odd"),
        _span("T6", text, "cisplatin", "Drug", confidence=0.5),
        _span("T7", text, "<b>& carboplatin</b>", "Drug"),
    )
    relations = (
        Relation(label="treats", subject="T6", object="T1", confidence=0.31),
        Relation(label="causes", subject="T6", object="T3", confidence=0.9),
    )
    return Document(id="torn", text=text, source="predicted", spans=spans, relations=relations)


def related(
    id_: str, text: str, pairs: Sequence[tuple[str, str]], also: Sequence[str] = ()
) -> Document:
    """Return a document with a drug, an effect and a relation for each pair of strings."""
    spans: dict[str, Span] = {}
    for surface, label in [
        *((drug, "Drug") for drug, _ in pairs),
        *((effect, "Effect") for _, effect in pairs),
        *((drug, "Drug") for drug in also),
    ]:
        spans.setdefault(
            surface, _span(f"T{len(spans) + 1}", text, surface, label, confidence=0.93)
        )
    relations = tuple(
        Relation(
            label="ADE",
            subject=spans[drug].id,
            object=spans[effect].id,
            confidence=round(0.99 - number / 20, 2),
        )
        for number, (drug, effect) in enumerate(pairs)
    )
    return Document(
        id=id_, text=text, source="predicted", spans=tuple(spans.values()), relations=relations
    )


def _span(
    id_: str,
    text: str,
    surface: str,
    label: str,
    confidence: float | None = None,
    link: Link | None = None,
) -> Span:
    start = text.index(surface)
    return Span(
        id=id_,
        start=start,
        end=start + len(surface),
        label=label,
        text=surface,
        confidence=confidence,
        link=link,
    )

"""Prompts of the `choice` task: their bytes are kept, as those of `test_prompt.py` are."""

import os
from pathlib import Path

import pytest

from decoct.records import Document
from decoct.tasks.base import Example
from decoct.tasks.choice import CandidateChoice, Option, Shown

GOLDEN = Path(__file__).parent.parent / "golden" / "prompts"


def asked(text, *options, **more):
    shown = Shown(options=options, **more).model_dump(mode="json")
    return Document(id="d#T1", text=text, meta={"choice": shown})


DROWSY = asked(
    "couldn't keep my {{ eyes }} open",
    Option(id="S1", name="Drowsy", aliases=("Sleepy", "Somnolent"), definition="Close to sleep."),
    Option(id="S2", name="Eye pain", aliases=("Ophthalmalgia",)),
    Option(id="S3", name="Difficulty opening eyelids"),
    context='Day 3: I [[couldn\'t keep my {{ eyes }} open]].\n[2]\nMention: "x"',
    label="AdverseEffect",
)
PAIN = asked("wicked back", Option(id="S5", name="Back pain"), Option(id="S4", name="Tired"))
CHINESE = asked(
    "右乳腺癌IV期",
    Option(id="C50.9", name="未特指的乳房恶性肿瘤", aliases=("乳腺癌",)),
    Option(id="D05.9", name="未特指的乳房原位癌"),
    context="诊断：[[右乳腺癌IV期]]，骨转移。",
)
PLAIN, SHUFFLED = CandidateChoice(), CandidateChoice(shuffle=True)
FULL = CandidateChoice(reasoning=True, certainty=True)
CODES = CandidateChoice(show_ids=True, certainty=True)
PAIRS = (
    Example('nodding "off"', {"choice": "Drowsy"}),
    Example("green hair", {"choice": 0}),
    Example("wicked back", {"choice": 1}, PLAIN.question(PAIN, 0)),
    Example("bushed", {"choice": "Tired"}),
)
PROMPTS = {
    "zero_shot": PLAIN.prompt(PLAIN.question(DROWSY, 0)),
    "few_shot": PLAIN.prompt(PLAIN.question(DROWSY, 0), examples=PAIRS),
    "nearest": PLAIN.prompt(PLAIN.question(DROWSY, 0), examples=PAIRS[:1], nearest=PAIRS[1:]),
    "packed": PLAIN.prompt(PLAIN.question(DROWSY, 0), PLAIN.question(PAIN, 0), packed=True),
    "packed_nearest": FULL.prompt(
        FULL.question(DROWSY, 0), FULL.question(PAIN, 0), nearest=PAIRS[2:], packed=True
    ),
    "reasoning": FULL.prompt(FULL.question(DROWSY, 0)),
    "shuffled": SHUFFLED.prompt(SHUFFLED.question(DROWSY, 1)),
    "chinese": CODES.prompt(
        CODES.question(CHINESE, 0), nearest=[Example("左乳癌", {"choice": "未特指的乳房恶性肿瘤"})]
    ),
}


@pytest.mark.parametrize("name", PROMPTS)
def test_golden_prompts(name):
    shown = f"{PROMPTS[name].system}\n======== user ========\n{PROMPTS[name].user}".encode()
    path = GOLDEN / f"choice_{name}.txt"
    if os.environ.get("DECOCT_RENEW_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(shown)
    assert path.read_bytes() == shown


def test_the_standing_part_is_the_same_for_every_mention():
    for packed in (False, True):
        first, second = (
            PLAIN.prompt(PLAIN.question(one, 0), examples=PAIRS, nearest=PAIRS[:n], packed=packed)
            for n, one in enumerate((DROWSY, PAIN))
        )
        assert first.system == second.system
        assert first.user != second.user

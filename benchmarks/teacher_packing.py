"""Tokens of packed prompts against one document a prompt.

    python benchmarks/teacher_packing.py --documents FILE.jsonl [--packs 1 2 5 10 20]

Prompts are those that decoct would send, counted by its own estimate (`decoct/teacher/tokens.py`;
its error is in docs/results.md); answers are those of the rules teacher, in the form asked for.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from decoct.formats.base import read
from decoct.records import Document
from decoct.tasks.base import get_task
from decoct.teacher.base import Request
from decoct.teacher.few_shot import open_shots
from decoct.teacher.prices import PriceTable
from decoct.teacher.questions import Questions
from decoct.teacher.settings import AskSettings
from decoct.teacher.tokens import n_tokens, request_tokens


def main() -> None:
    """Count, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=Path, required=True, help="annotated JSONL")
    parser.add_argument("--packs", type=int, nargs="+", default=[1, 2, 5, 10, 20])
    parser.add_argument("--examples", type=Path)
    parser.add_argument("--model", default="gpt-4o")
    given = parser.parse_args()
    documents = read(given.documents)
    price = PriceTable.load().price(given.model)
    assert price is not None
    task = get_task("ade")
    alone = None
    print("| pack | calls | tokens to send | to come back | $ per 1,000 documents | saved |")
    print("|---|---|---|---|---|---|")
    for pack in given.packs:
        settings = AskSettings(pack=pack, examples=given.examples)
        questions = Questions(task, open_shots(settings, task), pack)
        n_prompt = n_answer = n_calls = 0
        for start in range(0, len(documents), pack):
            together = documents[start : start + pack]
            requests = [questions.first(document, 0) for document in together]
            sent: Request = requests[0] if pack == 1 else questions.together(requests)
            n_calls += 1
            n_prompt += request_tokens(sent)
            n_answer += n_tokens(answer(together, pack))
        usd = (n_prompt * price.input_usd + n_answer * price.output_usd) / 1e6
        per_thousand = 1000 * usd / len(documents)
        alone = alone or (n_prompt + n_answer, per_thousand)
        saved = 1 - (n_prompt + n_answer) / alone[0]
        print(
            f"| {pack} | {n_calls:,} | {n_prompt:,} | {n_answer:,} | {per_thousand:.3f} | "
            f"{saved:.1%} of the tokens, {1 - per_thousand / alone[1]:.1%} of the price |"
        )


def answer(documents: list[Document], pack: int) -> str:
    """Return what a perfect teacher answers, in the form asked for."""
    answers = [get_task("ade").answer(document) for document in documents]
    if pack == 1:
        return json.dumps(answers[0])
    return json.dumps({"items": [{"item": n, **one} for n, one in enumerate(answers, start=1)]})


if __name__ == "__main__":
    main()

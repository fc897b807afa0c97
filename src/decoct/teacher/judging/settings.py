"""Which mentions a teacher judges, and what it is shown of each."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from decoct.config import Settings
from decoct.records import Probability
from decoct.tasks.choice import CERTAINTIES, CandidateChoice
from decoct.teacher.settings import Count, TeacherSettings

Number = Annotated[int, Field(ge=0)]


class Certainties(Settings):
    """The probability that each letter of a teacher's certainty stands for.

    Those by default are priors, not measured: calibrate them where there is gold.
    """

    h: Probability = CERTAINTIES["h"]
    m: Probability = CERTAINTIES["m"]
    l: Probability = CERTAINTIES["l"]  # noqa: E741 (the teacher's letter)


class JudgeSettings(TeacherSettings):
    """Who judges, and how: a file for `decoct judge --config`.

    `samples` are asked for each mention, `pack` is mentions in one prompt, and `examples` is a file
    of documents whose mentions are linked, in any format.

    Attributes:
        k: candidates that are shown.
        labels: only mentions with one of these labels; all where there are none.
        shuffle: show the candidates in an order of chance, in each sample another.
        seed: of that order.
        reasoning: ask for a sentence of reasoning before the choice.
        certainty: ask how sure the choice is.
        certainties: what its letters stand for.
        aliases: other names of a candidate that are shown, at most.
        definition_chars: what is shown of a candidate's definition, at most; 0 for none.
        candidate_tokens: what the candidates of one mention may take together, estimated. Names are
            always shown, then as many aliases and definitions as fit.
        show_ids: show the candidates' ids, where they mean something, such as ICD codes.
        context_chars: what is shown of the text around a mention, at most; 0 for none.
        n_nearest: so many examples more that are most like the mention, beside `n_examples`.
        example_candidates: candidates that an example shows; 0 for the mention and its entry alone.
    """

    k: Count = 20
    labels: tuple[str, ...] = ()
    shuffle: bool = False
    seed: int = 0
    reasoning: bool = False
    certainty: bool = False
    certainties: Certainties = Certainties()
    aliases: Number = 3
    definition_chars: Number = 120
    candidate_tokens: Number = 600
    show_ids: bool = False
    context_chars: Number = 300
    n_nearest: Number = 0
    example_candidates: Number = 0

    def asking(self) -> dict[str, Any]:
        """Return what was set but teacher and options, as keyword arguments of a recipe."""
        asked = JudgeSettings.model_fields.keys() - {"teacher", "options"}
        return self.model_dump(include=set(asked), exclude_unset=True)

    def task(self) -> CandidateChoice:
        """Return the task that asks so."""
        return CandidateChoice(
            reasoning=self.reasoning,
            certainty=self.certainty,
            certainties=self.certainties.model_dump(),
            shuffle=self.shuffle,
            seed=self.seed,
            show_ids=self.show_ids,
        )

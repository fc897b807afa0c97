"""The model card: what a student is, what it learnt from, and what it can't do."""

from __future__ import annotations

from importlib.resources import files

from decoct.student.settings import StudentCard


def model_card(card: StudentCard) -> str:
    """Render the README.md of a student's folder."""
    from jinja2 import Environment, StrictUndefined

    template = files("decoct.student").joinpath("model_card.md.jinja").read_text(encoding="utf-8")
    made = Environment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    return made.from_string(template).render(card=card)

"""The model card of a classifier."""

from __future__ import annotations

from importlib.resources import files

from decoct.student.classifier.settings import ClassifierCard


def model_card(card: ClassifierCard) -> str:
    """Render the README.md of a classifier's folder."""
    from jinja2 import Environment, StrictUndefined

    source = files("decoct.student.classifier").joinpath("model_card.md.jinja")
    made = Environment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    return made.from_string(source.read_text(encoding="utf-8")).render(card=card)

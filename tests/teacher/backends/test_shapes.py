"""What batches have shown of an endpoint's likes is heeded once, and kept."""

from __future__ import annotations

from pathlib import Path

from decoct.teacher.backends._chat import Complaint, Shape
from decoct.teacher.backends._shapes import Shapes

NO_FORMAT = Complaint(param="response_format", message="not supported")
NO_TEMPERATURE = Complaint(param="temperature", message="not supported")


def test_many_complaints_about_one_thing_are_one_step(tmp_path: Path) -> None:
    shapes = Shapes(tmp_path, "m at here", Shape())
    for complaint in (NO_FORMAT, NO_TEMPERATURE, NO_FORMAT, NO_TEMPERATURE, Complaint()):
        shapes.learn(Shape(), complaint)
    assert shapes.now == Shape("json_object", temperature=False)
    shapes.learn(Shape("json_object"), NO_FORMAT)  # sent before the temperature was left out
    assert shapes.now == Shape("text", temperature=False)


def test_each_model_has_its_own(tmp_path: Path) -> None:
    first = Shape(limit="max_completion_tokens")
    Shapes(tmp_path, "m at here", Shape()).learn(Shape(), NO_FORMAT)
    Shapes(tmp_path, "n at here", first).learn(first, NO_TEMPERATURE)
    assert Shapes(tmp_path, "m at here", first).now == Shape("json_object")
    assert not Shapes(tmp_path, "n at here", Shape()).now.temperature
    assert Shapes(tmp_path, "m at another", first).now == first

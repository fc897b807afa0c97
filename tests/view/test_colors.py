"""Whether what is written can be read: contrasts of at least 4.5, light and dark."""

from __future__ import annotations

import re

import pytest

from decoct.view.render import asset

Color = tuple[float, float, float]


def themes() -> list[dict[str, str]]:
    """Return the custom properties of the light theme, and of the dark one."""
    light, dark = re.findall(r":root \{(.*?)\}", asset("annotations.css"), re.DOTALL)
    read = [dict(re.findall(r"--([\w-]+): ([^;]+);", one)) for one in (light, dark)]
    return [read[0], {**read[0], **read[1]}]


def color(word: str) -> Color:
    return tuple(int(word[at : at + 2], 16) / 255 for at in (1, 3, 5))  # type: ignore[return-value]


def over(front: Color, back: Color, opacity: float) -> Color:
    return tuple(opacity * f + (1 - opacity) * b for f, b in zip(front, back, strict=True))  # type: ignore[return-value]


def contrast(one: Color, other: Color) -> float:
    """Return the ratio of two colors as WCAG 2 defines it."""

    def luminance(color: Color) -> float:
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_ratio_is_the_standards() -> None:
    assert contrast(color("#000000"), color("#ffffff")) == pytest.approx(21)
    assert contrast(color("#777777"), color("#ffffff")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", themes(), ids=["light", "dark"])
def test_all_that_is_written_can_be_read(theme: dict[str, str]) -> None:
    labels = [theme[f"c{number}"] for number in range(8)]
    for back in (theme["paper"], theme["back"]):
        for word in (theme["ink"], theme["quiet"], theme["bad"], *labels):
            assert contrast(color(word), color(back)) >= 4.5, (word, back)
        for line in (theme["strong"], theme["focus"], theme["arrow"]):  # not text
            assert contrast(color(line), color(back)) >= 3, (line, back)
    for label in labels:  # two spans, one in the other
        tint = over(color(label), color(theme["paper"]), float(theme["tint"]))
        deeper = over(color(label), tint, float(theme["tint"]))
        assert contrast(color(theme["ink"]), deeper) >= 4.5, label

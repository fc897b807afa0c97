"""XML that is read safely: no entities, no DTDs, no network; and text that XML can hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lxml import etree

# all that is not a Char of XML 1.0
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
REPLACEMENT = "\ufffd"
SAFE: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
}


def clean(value: Any) -> Any:  # noqa: ANN401 (JSON)
    """Return JSON whose strings XML can hold: a character that it can't becomes U+FFFD."""
    if isinstance(value, str):
        return FORBIDDEN.sub(REPLACEMENT, value)
    if isinstance(value, dict):
        return {clean(key): clean(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [clean(one) for one in value]
    return value


def has_entity(element: etree._Element) -> bool:
    """Whether a text in it refers to an entity of its own, which is not looked up."""
    from lxml import etree

    return next(element.iter(etree.Entity), None) is not None


def complaint(error: Exception) -> str:
    """Return what lxml found, on one line."""
    return str(getattr(error, "msg", None) or error).replace("\n", " ")

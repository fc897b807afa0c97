"""Documents into one HTML file that needs no other, and loads nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from decoct.view.shown import Shown

STYLES = ("annotations.css", "viewer.css")
SCRIPTS = ("annotations.js", "card.js", "viewer.js")

_ENDS_SCRIPT = re.compile("[<>&\u2028\u2029]")


def render(shown: Sequence[Shown], title: str) -> str:
    """Return an HTML page that draws documents, ten at a time.

    Whatever the documents hold, it is data: it stands in the page as JSON without a sign that could
    end it, and the script puts it on the screen as text. The page's policy lets only its own script
    and style run.

    Args:
        shown: the documents.
        title: the page's heading; the page of a single document has none.

    Raises:
        RecordError: a document holds what UTF-8 can't.
    """
    style, script = (_joined(names) for names in (STYLES, SCRIPTS))
    return _template().render(
        title=title,
        single=len(shown) == 1,
        compared=_compared(shown),
        policy=(
            f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}; "
            "base-uri 'none'; form-action 'none'"
        ),
        style=style,
        script=script,
        data=_data(shown),
    )


def asset(name: str) -> str:
    """Return one of the files that draw, by its name."""
    return files("decoct.view").joinpath(name).read_text(encoding="utf-8")


def _compared(shown: Sequence[Shown]) -> bool:
    return any(one.compared for one in shown)


def _joined(names: Sequence[str]) -> str:
    return "\n" + "\n".join(map(asset, names))


def _source(content: str) -> str:
    """Return the policy's word for an inline script or style: its hash."""
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _data(shown: Sequence[Shown]) -> str:
    """Return the documents as JSON, one a line, that no reader of HTML takes for markup."""
    documents = ",\n".join(
        json.dumps(one.to_dict(), ensure_ascii=False, separators=(",", ":")) for one in shown
    )
    data = f'{{"compared":{json.dumps(_compared(shown))},"documents":[\n{documents}\n]}}'
    return _ENDS_SCRIPT.sub(lambda sign: f"\\u{ord(sign[0]):04x}", data)


def _template() -> Template:
    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    return environment.from_string(asset("viewer.html.jinja"))

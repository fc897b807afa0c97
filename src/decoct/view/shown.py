"""A document as it is to be drawn: itself, and what is known of its annotations beside gold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from decoct.records import Document, Link

Verdict = Literal["right", "missed", "invented"]
_META = ("backend", "model", "confidence", "ungrounded")  # all that a picture says of a document's


@dataclass(frozen=True, slots=True)
class Shown:
    """A document as it is to be drawn.

    Attributes:
        document: with the annotations of both sides, where it was compared.
        compared: whether it was compared with gold; without it the rest says nothing.
        spans: a verdict for each id of a span.
        relations: a verdict for each relation, in their order.
        links: id of a span -> gold's link, where the document has another.
        label: gold's class, where gold has one.
    """

    document: Document
    compared: bool = False
    spans: Mapping[str, Verdict] = field(default_factory=dict)
    relations: tuple[Verdict, ...] = ()
    links: Mapping[str, Link] = field(default_factory=dict)
    label: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what the script that draws it reads: the document's JSON, and verdicts in it.

        Raises:
            RecordError: the document holds what JSON in UTF-8 can't.
        """
        record: dict[str, Any] = json.loads(self.document.to_json())
        record["meta"] = {key: record["meta"][key] for key in _META if key in record["meta"]}
        for span in record["spans"]:
            if span["id"] in self.spans:
                span["verdict"] = self.spans[span["id"]]
            if span["id"] in self.links:
                gold = self.links[span["id"]]
                span["gold_link"] = {"id": gold.id, "name": gold.name, "also": list(gold.also)}
        for relation, verdict in zip(record["relations"], self.relations, strict=False):
            relation["verdict"] = verdict
        if self.label is not None:
            record["gold_label"] = self.label
        return record

"""Parquet: a document a row, spans and relations as lists of structs.

    SELECT id, span.label, span.text FROM (SELECT id, unnest(spans) AS span FROM 'gold.parquet')

Columns: `id`, `text`, `source`, `label`; `spans` with id, start, end, label, text, fragments
(start, end), confidence and link (id, name, confidence, also, candidates as JSON); `relations` with
label, subject, object and confidence; `meta` as JSON. Nothing is lost. A table of others is read
too: text, id and label by their columns' names, the other columns into meta.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from decoct.errors import Faults, FormatError, MissingExtraError, RecordError
from decoct.formats._files import atomic_bytes
from decoct.formats._losses import Losses
from decoct.formats._options import check_column
from decoct.formats.base import unreadable, writable
from decoct.records import Document, one_line

ROWS = 1000
_GROUP_CHARS = 1 << 24
_OURS = ("source", "spans", "relations", "meta")


class Parquet:
    """Read and write Parquet files."""

    name = "parquet"
    suffixes = (".parquet", ".pq")
    endings = suffixes
    carries = ("everything",)

    def knows(self, path: Path, head: bytes) -> bool:
        """Whether it begins as a Parquet file does."""
        del path
        return head.startswith(b"PAR1")

    def read(
        self,
        path: Path,
        faults: Faults,
        *,
        text: str = "text",
        id: str = "id",
        label: str = "label",
        **_options: Any,  # noqa: ANN401
    ) -> Iterator[Document]:
        """Yield documents, some rows at a time.

        Args:
            path: the file.
            faults: gets a line for each row that is no document.
            text: the column that holds the texts.
            id: the column that holds ids, if there is one of that name.
            label: the column that holds classes, likewise.

        Raises:
            FormatError: it is no Parquet, or no column is named `text`.
            MissingExtraError: pyarrow is not installed.
            StoreError: it can't be opened.
        """
        arrow, parquet = _libraries()
        number = 0
        try:
            with path.open("rb") as handle, parquet.ParquetFile(handle) as file:
                names = file.schema_arrow.names
                check_column(path, text, names)
                for batch in file.iter_batches(batch_size=ROWS):
                    for row in batch.to_pylist():
                        number += 1
                        try:
                            yield _document(row, (text, id, label), f"{path.name}:{number}")
                        except (RecordError, ValueError, RecursionError) as error:
                            faults.add(f"{path}: row {number}", one_line(str(error)), "bad_line")
        except arrow.ArrowInvalid as error:
            reason = one_line(str(error).splitlines()[0])
            raise FormatError(f"{path}: not Parquet: {reason}") from None
        except OSError as error:
            raise unreadable(path, error) from None

    def write(
        self,
        path: Path,
        documents: Iterable[Document],
        losses: Losses,
        faults: Faults,
        *,
        compression: str = "zstd",
        **_options: Any,  # noqa: ANN401
    ) -> int:
        """Write a file; see `Writer.write`. Nothing is lost.

        Args:
            path: the file.
            documents: what to write.
            losses: gets nothing.
            faults: gets documents that can't be written.
            compression: of columns: zstd, snappy, gzip or none.
        """
        del losses
        arrow, parquet = _libraries()
        schema = _schema(arrow)
        n_documents = 0
        with (
            atomic_bytes(path) as raw,
            parquet.ParquetWriter(raw, schema, compression=compression) as file,
        ):
            for rows in _groups(map(_row, writable(documents, faults))):
                file.write_table(arrow.Table.from_pylist(rows, schema=schema))
                n_documents += len(rows)
        return n_documents


def _libraries() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", "Parquet") from None
    return pyarrow, pyarrow.parquet


def _groups(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    n_chars = 0
    for row in rows:
        group.append(row)
        n_chars += len(row["text"])
        if len(group) >= ROWS or n_chars >= _GROUP_CHARS:
            yield group
            group, n_chars = [], 0
    if group:
        yield group


def _schema(arrow: Any) -> Any:  # noqa: ANN401 (the library)
    text, number, real = arrow.string(), arrow.int64(), arrow.float64()
    piece = arrow.struct([("start", number), ("end", number)])
    link = arrow.struct(
        [
            ("id", text),
            ("name", text),
            ("confidence", real),
            ("also", arrow.list_(text)),
            ("candidates", text),
        ]
    )
    span = [("id", text), ("start", number), ("end", number), ("label", text), ("text", text)]
    span += [("fragments", arrow.list_(piece)), ("confidence", real), ("link", link)]
    relation = [("label", text), ("subject", text), ("object", text), ("confidence", real)]
    return arrow.schema(
        [
            arrow.field("id", text, nullable=False),
            arrow.field("text", text, nullable=False),
            ("source", text),
            ("label", text),
            ("spans", arrow.list_(arrow.struct(span))),
            ("relations", arrow.list_(arrow.struct(relation))),
            ("meta", text),
        ]
    )


def _row(document: Document) -> dict[str, Any]:
    row = document.model_dump(mode="json")
    for span in row["spans"]:
        if span["fragments"] is not None:
            span["fragments"] = [{"start": a, "end": b} for a, b in span["fragments"]]
        if span["link"] is not None:
            candidates = span["link"]["candidates"]
            span["link"]["candidates"] = json.dumps(candidates) if candidates else None
    row["meta"] = json.dumps(row["meta"]) if row["meta"] else None
    return row


def _document(row: Mapping[str, Any], columns: tuple[str, str, str], id_: str) -> Document:
    text, id_column, label = columns
    known = {"id": _string(row.get(id_column)) or id_, "text": row[text]}
    known["label"] = _string(row.get(label))
    ours = isinstance(row.get("spans"), list) or isinstance(row.get("relations"), list)
    if ours:
        known["source"] = row.get("source")
        known["spans"] = [_span(span) for span in row.get("spans") or ()]
        known["relations"] = row.get("relations") or ()
    else:
        known["source"] = None if known["label"] is None else "gold"
    taken = {*columns, *(_OURS if ours else ())}
    meta = {k: _json(v) for k, v in row.items() if k not in taken and v is not None}
    if ours and row.get("meta"):
        meta |= json.loads(row["meta"])
    return Document.from_dict({**known, "meta": meta})


def _span(row: Mapping[str, Any]) -> dict[str, Any]:
    span = {name: value for name, value in row.items() if value is not None}
    if "fragments" in span:
        span["fragments"] = tuple((one["start"], one["end"]) for one in span["fragments"])
    if "link" in span:
        link = dict(span["link"])
        link["candidates"] = json.loads(link["candidates"]) if link.get("candidates") else ()
        span["link"] = link
    return span


def _string(value: object) -> str | None:
    return None if value is None else str(value)


def _json(value: object) -> object:
    """Return a cell as JSON has it; dates and the like as strings."""
    return json.loads(json.dumps(value, default=str))


plugin = Parquet()

"""The Files endpoint: what is uploaded, and what a batch leaves."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from decoct.testing.faults import Fault, status

_FIELD = re.compile(rb'\bname="([^"]*)"')
_FILENAME = re.compile(rb'\bfilename="([^"]*)"')
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')

Made = Mapping[str, Any] | bytes | Fault


class Files:
    """Files by id, in memory."""

    def __init__(self) -> None:
        self._content: dict[str, bytes] = {}
        self._described: dict[str, dict[str, Any]] = {}

    def add(self, content: bytes, name: str, purpose: str) -> dict[str, Any]:
        """Keep a file; return its description."""
        file_id = f"file-{len(self._described) + 1:06d}"
        self._content[file_id] = content
        self._described[file_id] = {
            "id": file_id,
            "object": "file",
            "bytes": len(content),
            "created_at": int(time.time()),
            "filename": name,
            "purpose": purpose,
            "status": "processed",
        }
        return self._described[file_id]

    def upload(self, body: bytes, content_type: str) -> Made:
        """Keep what a multipart form with `purpose` and `file` holds."""
        fields = _form(body, content_type)
        if "purpose" not in fields or "file" not in fields:
            return status(400, message="expected a form with purpose and file", param="file")
        name, content = fields["file"]
        return self.add(content, name, fields["purpose"][1].decode("utf-8", "replace"))

    def get(self, file_id: str) -> Made:
        """Return a file's description."""
        return self._described.get(file_id) or no_such("File", file_id)

    def content(self, file_id: str) -> bytes | None:
        """Return what is in a file; None where there is none of that id."""
        return self._content.get(file_id)

    def delete(self, file_id: str) -> Made:
        """Forget what is in a file, and that it was there."""
        if self._content.pop(file_id, None) is None:
            return no_such("File", file_id)
        self._described[file_id] = {}
        return {"id": file_id, "object": "file", "deleted": True}


def no_such(kind: str, its_id: str) -> Fault:
    """Return the 404 for an id that there is not."""
    message = f"No such {kind} object: {its_id}"
    return status(404, message=message, type="invalid_request_error", param="id")


def _form(body: bytes, content_type: str) -> dict[str, tuple[str, bytes]]:
    """Return a multipart form's fields: name -> (file name, content)."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        return {}
    fields: dict[str, tuple[str, bytes]] = {}
    for part in body.split(b"--" + found.group(1).encode("latin-1")):
        head, _, content = part.partition(b"\r\n\r\n")
        if named := _FIELD.search(head):
            filename = _FILENAME.search(head)
            shown = filename.group(1).decode("utf-8", "replace") if filename else ""
            fields[named.group(1).decode("utf-8", "replace")] = (
                shown,
                content.removesuffix(b"\r\n"),
            )
    return fields

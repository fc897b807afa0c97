"""Every error that decoct raises on purpose.

The tree::

    DecoctError                 anything a user can act on; one line: what, where, the way out
    ├── ConfigError             a TOML file, a flag or a combination of them is wrong
    ├── RecordError             a document, span or relation contradicts itself
    ├── FormatError             a file is not what its format promises
    ├── MissingExtraError       an optional dependency is not installed
    ├── RegistryError           no plug-in of that name on that shelf
    ├── TeacherError            a teacher can't answer at all (wrong key, no endpoint, no recording)
    │   ├── RefusedError        it answered this one request with a refusal: counted, never retried
    │   ├── TransientError      it may answer if asked again: throttled, timed out, 5xx
    │   ├── WaitingError        it took the request down and answers later (a batch)
    │   └── BudgetSpentError    the next call might cost more than is left of the budget
    ├── AnswerError             an answer does not fit the task's schema
    ├── ArtifactError           a student folder is missing, broken or of another task
    ├── StoreError              a file or folder can't be written or read
    └── EvaluationError         gold and predictions can't be compared

`Faults` is not an error: it collects items that were skipped while the rest went on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


class DecoctError(Exception):
    """Anything that a user can act on; `str(error)` is one line and names the way out."""


class ConfigError(DecoctError):
    """A TOML file, a flag or a combination of them is wrong."""


class RecordError(DecoctError, ValueError):
    """A document, span or relation contradicts itself (offsets, ids, references)."""


class FormatError(DecoctError):
    """A file is not what its format promises."""


class MissingExtraError(DecoctError):
    """An optional dependency is not installed."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {library}: pip install 'decoct[{extra}]'")


class RegistryError(DecoctError):
    """No plug-in of that name is on that shelf."""


class TeacherError(DecoctError):
    """A teacher can't answer at all: wrong key, no endpoint, no recording file."""


class RefusedError(TeacherError):
    """A teacher answered this one request with a refusal; it is counted and not asked again.

    Attributes:
        reason: one word, such as `content_filter`.
        detail: one line more, without text of the document.
        prompt_tokens: what was billed all the same.
        completion_tokens: likewise.
    """

    def __init__(
        self, reason: str, detail: str = "", prompt_tokens: int = 0, completion_tokens: int = 0
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = completion_tokens


class TransientError(TeacherError):
    """A teacher may answer if asked again: throttled, timed out, server error.

    Attributes:
        retry_after_s: how long it wants to be left alone, where it says so.
        throttled: whether it was asked too much, rather than broken.
    """

    def __init__(
        self, message: str, retry_after_s: float | None = None, throttled: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.throttled = throttled


class WaitingError(TeacherError):
    """A teacher has taken the request down and will answer it later: a batch.

    Attributes:
        where: the batch it is in.
    """

    def __init__(self, where: str) -> None:
        super().__init__(f"its answer is due in {where}")
        self.where = where


class BudgetSpentError(TeacherError):
    """The next call might cost more than is left of the budget; what was paid for is kept."""


class AnswerError(DecoctError):
    """A teacher's answer does not fit the task's schema."""


class ArtifactError(DecoctError):
    """A student folder is missing, broken or of another task."""


class StoreError(DecoctError):
    """A file or folder can't be written or read: permissions, full disk, no such path."""


class EvaluationError(DecoctError):
    """Gold and predictions can't be compared."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One item that was skipped, and why.

    Attributes:
        where: file and line, or document id.
        reason: one line.
        kind: a short word to count by, such as `bad_line` or `no_answer`.
    """

    where: str
    reason: str
    kind: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


@dataclass(slots=True)
class Faults:
    """What went wrong with single items while the rest was processed.

    A reader or recipe adds to it and goes on; the caller shows it and sets the exit code. Every
    fault is counted; the first `keep` are kept word for word, so memory stays flat.
    """

    keep: int = 1000
    kept: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, where: str, reason: str, kind: str) -> None:
        """Count one skipped item."""
        self.counts[kind] += 1
        if len(self.kept) < self.keep:
            self.kept.append(Fault(where, reason, kind))

    def extend(self, other: Faults) -> None:
        """Count what another met."""
        self.counts.update(other.counts)
        self.kept.extend(other.kept[: max(0, self.keep - len(self.kept))])

    def clear(self) -> None:
        """Forget everything."""
        self.counts.clear()
        self.kept.clear()

    @property
    def n(self) -> int:
        """How many items were skipped."""
        return self.counts.total()

    def __bool__(self) -> bool:
        return self.n > 0

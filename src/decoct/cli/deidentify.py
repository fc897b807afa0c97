"""`decoct deidentify`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from decoct.cli.flags import AsJson, Device, In, Out, Quiet, check_out

if TYPE_CHECKING:
    from decoct.recipes.deidentify import DeidentifySummary


class How(Enum):
    """What becomes of PHI."""

    mask = "mask"
    tag = "tag"
    replace = "replace"


def deidentify(
    source: In,
    out: Out,
    how: Annotated[
        How,
        typer.Option(help="mask: each character a sign; tag: [NAME]; replace: by a stand-in."),
    ] = How.replace,
    student: Annotated[
        str | None, typer.Option(help="A student's folder, or a hub id: it marks PHI as well.")
    ] = None,
    also_patterns: Annotated[
        bool, typer.Option("--also-patterns", help="Take what has the form of PHI as well.")
    ] = False,
    labels: Annotated[
        Path | None, typer.Option(help="TOML: [labels] with NAME = TYPE, and keep = [NAMES].")
    ] = None,
    keep_label: Annotated[
        list[str] | None, typer.Option(help="A label that is no PHI, such as Drug; repeatable.")
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(help="File with the secret of stand-ins [env DECOCT_DEID_KEY, or random]."),
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Field of meta that tells patients apart: patient_id.")
    ] = None,
    number_tags: Annotated[
        bool, typer.Option("--number-tags", help="[NAME_1]: the same person, the same number.")
    ] = False,
    sign: Annotated[str, typer.Option(help="What a masked character becomes.")] = "*",
    no_sweep: Annotated[
        bool, typer.Option("--no-sweep", help="Leave strings of PHI where they stand unmarked.")
    ] = False,
    keep_spans: Annotated[
        bool, typer.Option("--keep-spans", help="PHI spans mark what stands for them.")
    ] = False,
    keep_meta: Annotated[
        list[str] | None, typer.Option(help="A key of meta to keep; all others go; repeatable.")
    ] = None,
    new_ids: Annotated[
        bool, typer.Option("--new-ids", help="Documents get other ids, the same with one key.")
    ] = False,
    day_first: Annotated[
        bool, typer.Option("--day-first", help="03/04 is in April, where no other date tells.")
    ] = False,
    device: Device = "auto",
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Take protected health information out of documents, and check that none of it is left."""
    from decoct.cli.screen import Screen, close, show_json
    from decoct.config import check
    from decoct.errors import Faults
    from decoct.privacy.key import Key
    from decoct.privacy.labels import Labels
    from decoct.privacy.settings import DeidentifySettings
    from decoct.recipes.deidentify import deidentify_file

    check_out(out, source)
    settings = check(
        DeidentifySettings,
        {
            "how": how.value,
            "sign": sign,
            "number_tags": number_tags,
            "patterns": also_patterns,
            "sweep": not no_sweep,
            "keep_spans": keep_spans,
            "keep_meta": tuple(keep_meta or ()),
            "new_ids": new_ids,
            "day_first": day_first,
        },
        "deidentify",
    )
    table, key = Labels.read(labels, keep_label or ()), Key.read(key_file)
    loaded = None
    if student is not None:
        from decoct.recipes.extract import load_student

        loaded = load_student(student, None, device)
    faults = Faults()
    made = deidentify_file(
        source,
        out,
        key=key,
        settings=settings,
        labels=table,
        student=loaded,
        by=by,
        faults=faults,
        progress=Screen(quiet),
    )
    if json:
        show_json(
            {"out": str(out), **made.to_dict(), "n_skipped": faults.n - faults.counts["left"]}
        )
    else:
        typer.echo("\n".join(_report(out, made, how)))
    close(faults, quiet)


def _report(out: Path, made: DeidentifySummary, how: How) -> list[str]:
    """Say in a few lines what went and what is left, by type and number."""
    resumed = f", {made.n_resumed} of them by an earlier run" if made.n_resumed else ""
    patients = f" of {made.n_patients} patients" if made.n_patients is not None else ""
    found = ", ".join(f"{n} by {origin}" for origin, n in sorted(made.origins.items()))
    lines = [
        f"{out}: {made.n_documents} documents{patients}{resumed}, {made.counts.total()} pieces of "
        f"PHI taken out{f' ({found})' if found else ''}, {made.left.total()} left"
    ]
    if made.counts:
        lines.append(", ".join(f"{n} {label}" for label, n in made.counts.most_common()))
    if made.n_generalised:
        lines.append(f"{made.n_generalised} got a tag, as no stand-in could be made")
    if made.n_spans_lost or made.n_relations_lost:
        lines.append(
            f"lost with PHI: {made.n_spans_lost} other spans, {made.n_relations_lost} relations"
        )
    for label, n in sorted(made.unknown_labels.items()):
        lines.append(
            f"label {label!r} ({n} documents) is in no table and was taken for UNIQUE_IDENTIFIER; "
            "--keep-label keeps it, --labels names its type"
        )
    if made.is_key_random and how is How.replace:
        lines.append(
            "the key was made for this run and is gone: another run makes other stand-ins "
            "(--key-file keeps them the same)"
        )
    return lines

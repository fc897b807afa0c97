"""`decoct index`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from decoct.cli.flags import AsJson, Quiet

if TYPE_CHECKING:
    from decoct.errors import Faults
    from decoct.retriever.card import IndexCard

_MIB = 1 << 20


class DenseKind(StrEnum):
    """How vectors are compared."""

    exact = "exact"
    hnsw = "hnsw"
    pq = "pq"
    int8 = "int8"


def _panel(help: str, *names: str, panel: str) -> Any:  # noqa: ANN401 (what typer wants)
    return typer.Option(*names, help=help, rich_help_panel=panel)


_MAKE, _LEARN = "Make an index", "Let a new index learn"
_CHANGE, _LOOK = "Change an index", "Look into an index"


def index(
    kb: Annotated[
        Path | None,
        _panel("The knowledge base: a file or folder of a known format.", panel=_MAKE),
    ] = None,
    out: Annotated[Path | None, _panel("Folder for the index.", panel=_MAKE)] = None,
    retriever: Annotated[
        list[str] | None,
        _panel(
            "ngram, bm25 or dense; more than once. If none is named: ngram and bm25.", panel=_MAKE
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        _panel("For dense: embedded, a local folder or a hub id.", panel=_MAKE),
    ] = None,
    dense_kind: Annotated[
        DenseKind | None, _panel("How vectors are compared; exact if nothing is said.", panel=_MAKE)
    ] = None,
    glossary: Annotated[
        str | None,
        _panel(
            "For dense, of Chinese names: cc-cedict, or a file of words, tabs, meanings.",
            panel=_MAKE,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        _panel("TOML with any of the settings; flags go before it.", panel=_MAKE),
    ] = None,
    kb_format: Annotated[
        str | None, _panel("The knowledge base's format, such as obo.", panel=_MAKE)
    ] = None,
    kb_option: Annotated[
        list[str] | None,
        _panel("An option of its reader, such as id=code; more than once.", panel=_MAKE),
    ] = None,
    gold: Annotated[
        Path | None, _panel("Mentions that people linked, to learn from.", panel=_LEARN)
    ] = None,
    silver: Annotated[
        Path | None, _panel("Mentions that decoct judge linked, likewise.", panel=_LEARN)
    ] = None,
    unlabeled: Annotated[
        Path | None,
        _panel("Mentions without a link; the sure ones are learnt too (dense).", panel=_LEARN),
    ] = None,
    check_doubtful: Annotated[
        bool,
        _panel(
            "Learn a doubtful silver link only if what the others teach finds it too (dense).",
            "--check-doubtful",
            panel=_LEARN,
        ),
    ] = False,
    at: Annotated[Path | None, _panel("The index's folder.", "--index", panel=_CHANGE)] = None,
    add: Annotated[
        Path | None, _panel("Add the entities of a knowledge base.", panel=_CHANGE)
    ] = None,
    remove: Annotated[
        list[str] | None,
        _panel("Remove an id, or those of a file, one a line; more than once.", panel=_CHANGE),
    ] = None,
    compact: Annotated[
        bool, _panel("Free what was removed, join what was added.", "--compact", panel=_CHANGE)
    ] = False,
    show: Annotated[
        bool, _panel("Show what is in it, and its memory.", "--show", panel=_LOOK)
    ] = False,
    search: Annotated[str | None, _panel("Look a mention up.", panel=_LOOK)] = None,
    k: Annotated[int, _panel("Candidates to show.", "-k", panel=_LOOK)] = 10,
    device: Annotated[
        str | None, typer.Option(help="Where the encoder runs: auto, cpu, cuda, mps.")
    ] = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make an index of a knowledge base, change it, or look into it."""
    from decoct.cli.screen import close
    from decoct.errors import Faults

    _check(
        make={"--kb": kb, "--out": out},
        change={"--add": add, "--remove": remove, "--compact": compact},
        look={"--show": show, "--search": search},
        at=at,
        made_of={
            **{"--retriever": retriever, "--dense-kind": dense_kind, "--config": config},
            "--glossary": glossary,
            **{"--gold": gold, "--silver": silver, "--unlabeled": unlabeled},
            "--check-doubtful": check_doubtful,
        },
    )
    faults = Faults()
    options = _options(kb_option or [])
    if kb is not None and out is not None:
        dense = {
            **{"encoder": encoder, "kind": dense_kind and dense_kind.value},
            **{"glossary": glossary, "device": device},
        }
        flags = {"retrievers": retriever, "dense": dense}
        learning = {"doubt": "check"} if check_doubtful else {}
        learnt = {"gold": gold, "silver": silver, "unlabeled": unlabeled}
        _make(kb, out, config, flags, learnt, learning, kb_format, options, faults, json, quiet)
    elif at is not None and (add is not None or remove or compact):
        _change(at, add, remove or [], compact, encoder, kb_format, options, faults, json, quiet)
    elif at is not None and search is not None:
        _search(at, search, k, encoder, device, json)
    elif at is not None:
        _show(at, json)
    close(faults, quiet)


def _check(
    make: dict[str, object],
    change: dict[str, object],
    look: dict[str, object],
    at: Path | None,
    made_of: dict[str, object],
) -> None:
    """See that the flags go together."""
    from decoct.errors import ConfigError

    making, changing, looking = (
        [name for name, value in group.items() if value] for group in (make, change, look)
    )
    if making and (at is not None or changing or looking):
        other = [*(["--index"] if at is not None else []), *changing, *looking]
        raise ConfigError(f"{', '.join(making)} make an index; leave out {', '.join(other)}")
    if making and len(making) < len(make):
        lacking = next(name for name in make if name not in making)
        raise ConfigError(f"{lacking} is missing: an index is made with --kb FILE --out FOLDER")
    if not making and at is None:
        raise ConfigError(
            "name what to index with --kb FILE --out FOLDER, or an index with --index"
        )
    if (changing and looking) or len(looking) > 1:
        raise ConfigError(f"one thing at a time: {', '.join([*changing, *looking])}")
    given = [name for name, value in made_of.items() if value]
    if not making and given:
        raise ConfigError(
            f"{', '.join(given)}: set when an index is made; make another one with --kb and --out"
        )


def _options(given: list[str]) -> dict[str, str]:
    from decoct.errors import ConfigError

    options = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise ConfigError(f"--kb-option {one}: an option is given as name=value")
        options[name] = value
    return options


def _make(
    kb: Path,
    out: Path,
    config: Path | None,
    flags: dict[str, Any],
    learnt: dict[str, Path | None],
    learning: dict[str, Any],
    kb_format: str | None,
    options: dict[str, str],
    faults: Faults,
    json: bool,
    quiet: bool,
) -> None:
    from decoct.cli.screen import Screen, show_json
    from decoct.recipes.index import index as recipe
    from decoct.recipes.index import read_index_settings

    settings = read_index_settings(config, flags)
    if any(learnt.values()):
        from decoct.recipes.teach import teach_file
        from decoct.retriever.fit_settings import LearnSettings

        taught = teach_file(
            kb,
            out,
            settings,
            format=kb_format,
            options=options,
            faults=faults,
            progress=Screen(quiet),
            learning=LearnSettings(**learning),
            **learnt,
        )
        if json:
            facts = {**_facts(taught.index.card), **taught.to_dict()}
            show_json({"index": str(out), **facts, "n_skipped": faults.n})
        else:
            typer.echo(
                f"{out}: {taught.index.n_entities:,} entities, {taught.index.n_names:,} names, "
                f"{taught.n_aliases:,} of them learnt from {taught.n_gold:,} gold and "
                f"{taught.n_silver:,} silver mentions; {taught.n_sure:,} unlabeled ones learnt; "
                f"{taught.n_nil:,} that are NIL teach nothing"
            )
        return
    made = recipe(
        kb,
        out,
        settings,
        format=kb_format,
        options=options,
        faults=faults,
        progress=Screen(quiet),
    )
    if json:
        show_json({"index": str(out), **_facts(made.card), "n_skipped": faults.n})
    else:
        typer.echo(
            f"{out}: {made.n_entities:,} entities, {made.n_names:,} names{_shared(made.card)}, "
            f"{', '.join(made.settings.kinds)}, {made.card.seconds:,.1f} s"
        )


def _change(
    at: Path,
    add: Path | None,
    remove: list[str],
    compact: bool,
    encoder: str | None,
    kb_format: str | None,
    options: dict[str, str],
    faults: Faults,
    json: bool,
    quiet: bool,
) -> None:
    from decoct.cli.screen import Screen, show_json
    from decoct.recipes.index import change, read_ids

    changed = change(
        at,
        add=add,
        remove=read_ids(remove),
        compact=compact,
        encoder=encoder,
        format=kb_format,
        options=options,
        faults=faults,
        progress=Screen(quiet),
    )
    if json:
        show_json({"index": str(at), **changed.to_dict(), "n_skipped": faults.n})
    else:
        typer.echo(
            f"{at}: {changed.n_added} entities added, {changed.n_replaced} replaced, "
            f"{changed.n_removed} removed; {changed.index.n_entities:,} entities, "
            f"{changed.index.n_names:,} names"
        )


def _search(
    at: Path, text: str, k: int, encoder: str | None, device: str | None, json: bool
) -> None:
    from decoct.cli.screen import show_json, show_table
    from decoct.retriever.index import Index

    opened = Index.open(at, encoder=encoder, device=device)
    [candidates] = opened.search([text], k)
    if json:
        found = [one.model_dump(mode="json", exclude_defaults=True) for one in candidates]
        show_json({"index": str(at), "search": text, "candidates": found})
        return
    kinds = list(opened.settings.kinds)
    rows = [
        [candidate.id, candidate.name, candidate.alias or ""]
        + [f"{candidate.scores.get(kind, 0.0):.3f}" for kind in kinds]
        for candidate in candidates
    ]
    show_table("", ["id", "name", "found by", *kinds], rows)


def _show(at: Path, json: bool) -> None:
    from decoct.cli.screen import show_json, show_table
    from decoct.retriever.card import read_card

    card = read_card(at)
    if json:
        show_json({"index": str(at), **_facts(card)})
        return
    source = card.source.get("source") or "entities"
    typer.echo(
        f"{at}: {card.n_entities:,} entities, {card.n_names:,} names of {source}"
        f"{_in_brackets(card.source.get('release'))}; {len(card.segments)} segments, "
        f"built in {card.seconds:,.1f} s by decoct {card.decoct}"
    )
    rows = []
    for kind in card.settings.kinds:
        facts = dict(card.facts.get(kind, {}))
        n_bytes = int(facts.pop("n_bytes", 0))
        held = facts.pop("n_bytes_held", 0)
        said = ", ".join(f"{name} {value}" for name, value in facts.items())
        if kind == "dense" and card.settings.dense:
            said = f"{said}, encoder {card.settings.dense.encoder}"
        memory = f"{(n_bytes - held) / _MIB:,.1f}", f"{held / _MIB:,.1f}"
        rows.append([kind, *memory, f"{n_bytes / max(card.n_names, 1):,.0f}", said])
    header = ["retriever", "MiB mapped", "MiB held", "bytes a name", "what"]
    show_table("", header, rows)


def _facts(card: IndexCard) -> dict[str, object]:
    """Return what is in an index, as JSON types."""
    return card.model_dump(
        mode="json", include={"n_entities", "n_names", "segments", "facts", "seconds", "decoct"}
    ) | {
        "settings": card.settings.model_dump(mode="json", exclude_defaults=True),
        "retrievers": list(card.settings.kinds),
        "kb": card.source,
        "content_hash": card.kb.content_hash,
    }


def _shared(card: IndexCard) -> str:
    return f", {n:,} of several entities" if (n := card.source.get("n_ambiguous")) else ""


def _in_brackets(text: object) -> str:
    return f" ({text})" if text else ""

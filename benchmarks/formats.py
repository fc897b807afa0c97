r"""What formats carry: any documents and two corpora through each and back; PubMed's pace.

    python benchmarks/formats.py cases --n 10000
    python benchmarks/formats.py corpora --data ../shared/data
    python benchmarks/formats.py pubmed --n 3000 30000

`cases` draws documents with hypothesis (any Unicode, nested, overlapping and discontinuous spans,
relations, links, meta), writes all of them in each format and reads the files again. A difference
that was not told as a loss when the file was written is an error of ours, and ends the program with
exit code 1. `corpora` does the same with the NCBI disease abstracts and the ADE corpus. `pubmed`
makes up citations of the size that a baseline file has; each file is read by its own process.
The tables are Markdown.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from decoct.errors import Faults
from decoct.formats._losses import missing
from decoct.formats.base import FORMATS, Losses, Writer
from decoct.records import Document

BATCH = 1000
SEED = 0
SYLLABLES = tuple(
    "ra be ko tan mi sol vex du lin pra fen zo mab ti cor ul nex ga ri do".split()  # noqa: SIM905
)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["cases", "corpora", "pubmed", "read"])
    parser.add_argument("--n", type=int, nargs="+", default=[10_000])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--file", type=Path)
    given = parser.parse_args()
    if given.what == "cases":
        sys.exit(cases(given.n[0]))
    elif given.what == "corpora":
        sys.exit(corpora(given.data))
    elif given.what == "pubmed":
        pubmed(given.n)
    else:
        read_alone(given.file)


def cases(n: int) -> int:
    """Print a row for each format, and return how many differences were not told."""
    drawn = draw(n)
    print(f"{len(drawn)} documents drawn, {sum(len(one.spans) for one in drawn)} spans\n")
    print("| format | written | come back whole | with losses, all told | not told | s |")
    print("|---|---|---|---|---|---|")
    untold_in_all = 0
    for name in written_formats():
        started = time.perf_counter()
        n_written = n_whole = n_untold = 0
        with tempfile.TemporaryDirectory() as folder:
            for first in range(0, len(drawn), BATCH):
                path = Path(folder) / str(first)
                some, back, losses, faults = through(path, name, drawn[first : first + BATCH])
                told, found = losses.counts, Counter[str]()
                for before, after in zip(some, back, strict=True):
                    lost = missing(before, after)
                    found.update(lost)
                    n_whole += not lost
                    n_untold += not lost and not same(before, after)
                n_untold += sum(((told - found) + (found - told)).values())
                n_untold += sum(n for kind, n in faults.counts.items() if kind != "not_written")
                n_written += len(some)
        seconds = time.perf_counter() - started
        lossy = n_written - n_whole
        print(f"| {name} | {n_written} | {n_whole} | {lossy} | {n_untold} | {seconds:.0f} |")
        untold_in_all += n_untold
    return min(1, untold_in_all)


def draw(n: int) -> list[Document]:
    """Draw documents, with ids that differ and tell their order; every other one an odd id."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from hypothesis import HealthCheck, Phase, given, settings

    from fakes.annotated import documents

    drawn: list[Document] = []

    @settings(
        max_examples=n,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(documents())
    def take(document: Document) -> None:
        id_ = f"{len(drawn):06d}" + (document.id if len(drawn) % 2 else "")
        drawn.append(document.model_copy(update={"id": id_}))

    take()
    return drawn


def same(before: Document, after: Document) -> bool:
    """Whether two documents say the same; in another order maybe, and the one perhaps more."""
    offsets = all(
        " ".join(after.text[a:b] for a, b in span.fragments or ((span.start, span.end),))
        == span.text
        for span in after.spans
    )
    return offsets and len(before.spans) == len(after.spans)


def through(
    path: Path, name: str, documents: Sequence[Document]
) -> tuple[list[Document], list[Document], Losses, Faults]:
    """Write and read; return what was written, what came back, and what was said."""
    plugin: Any = FORMATS.get(name)
    path = path.with_name(path.name + (*plugin.endings, "")[0])
    losses, faults = Losses(), Faults(keep=len(documents))
    plugin.write(path, documents, losses, faults)
    refused = {fault.where for fault in faults.kept}
    from decoct.records import one_line

    some = [one for one in documents if one_line(one.id) not in refused]
    back = list(plugin.read(path, faults))
    if name == "brat":  # by file name
        some, back = (sorted(each, key=lambda one: one.id[:6]) for each in (some, back))
    return some, back, losses, faults


def corpora(data: Path) -> int:
    """Print what each format loses of two corpora, and return whether anything went untold."""
    untold = 0
    for source, path in {
        "pubtator": data / "linking" / "ncbi_disease" / "train_dev.PubTator",
        "ade_corpus": data / "ade",
    }.items():
        faults = Faults()
        documents = each_id_once(FORMATS.get(source).read(path, faults))
        n_spans = sum(len(one.spans) for one in documents)
        n_relations = sum(len(one.relations) for one in documents)
        print(
            f"\n{source}: {len(documents)} documents, {n_spans} spans, {n_relations} relations, "
            f"{faults.n} lines not read\n"
        )
        print("| format | documents back | s | MB | lost |")
        print("|---|---|---|---|---|")
        for name in written_formats():
            with tempfile.TemporaryDirectory() as folder:
                started = time.perf_counter()
                numbered = documents
                if name == "brat":
                    numbered = sorted(documents, key=lambda one: one.id)
                some, back, losses, faults = through(Path(folder) / "f", name, numbered)
                if name == "brat":
                    some, back = (sorted(each, key=lambda one: one.id) for each in (some, back))
                seconds = time.perf_counter() - started
                size = sum(one.stat().st_size for one in Path(folder).rglob("*") if one.is_file())
            found: Counter[str] = Counter()
            for before, after in zip(some, back, strict=True):
                found.update(missing(before, after))
            untold += found != losses.counts or faults.n > 0
            lost = ", ".join(f"{n} {kind}" for kind, n in found.most_common()) or "nothing"
            print(f"| {name} | {len(back)} | {seconds:.1f} | {size / 1e6:.1f} | {lost} |")
    return min(1, untold)


def each_id_once(documents: Iterable[Document]) -> list[Document]:
    """Give a document whose id was there before another, so that none is left out."""
    seen: Counter[str] = Counter()
    made = []
    for document in documents:
        seen[document.id] += 1
        again = f"-{seen[document.id]}" if seen[document.id] > 1 else ""
        made.append(document.model_copy(update={"id": document.id + again}))
    return made


def pubmed(sizes: Sequence[int]) -> None:
    """Print citations a second and peak memory for made-up files of these sizes."""
    print("| citations | MB zipped | MB | citations a second of processor | peak RSS, MB |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            path = Path(folder) / f"{n}.xml.gz"
            n_bytes = 0
            with gzip.open(path, "wt", encoding="utf-8", compresslevel=6) as handle:
                for part in citations(n):
                    n_bytes += len(part.encode())
                    handle.write(part)
            command = [sys.executable, __file__, "read", "--file", str(path)]
            made = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(made.stdout)
            assert (found["n"], found["skipped"]) == (n, 0), found
            print(
                f"| {n} | {path.stat().st_size / 1e6:.1f} | {n_bytes / 1e6:.1f} | "
                f"{n / found['seconds']:.0f} | {found['peak_mb']:.0f} |"
            )


def read_alone(path: Path) -> None:
    """Read a file of citations and say how long it took and in how much memory."""
    faults = Faults()
    reader = FORMATS.get("pubmed_xml")
    started = time.process_time()  # of this processor, whatever else runs on it
    n = sum(1 for _ in reader.read(path, faults))
    seconds = time.process_time() - started
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"n": n, "skipped": faults.n, "seconds": seconds, "peak_mb": peak_kb / 1024}))


def citations(n: int) -> Iterator[str]:
    """Yield a file of made-up citations, each about as long as those of a baseline file."""
    chance = random.Random(SEED)

    def words(n_words: int) -> str:
        return " ".join(
            "".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(n_words)
        )

    yield '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD '
    yield 'PubMedArticle, 1st January 2025//EN" "https://example.invalid/pubmed.dtd">\n'
    yield "<PubmedArticleSet>\n"
    for pmid in range(1, n + 1):
        parts = "".join(
            f'<AbstractText Label="{label}" NlmCategory="{label}">{words(50)} p &lt; 0.05, '
            f"10<sup>6</sup> {words(5)}.</AbstractText>\n"
            for label in ("BACKGROUND", "METHODS", "RESULTS", "CONCLUSIONS")
        )
        authors = "".join(
            f'<Author ValidYN="Y"><LastName>{words(1)}</LastName><ForeName>{words(1)}</ForeName>'
            f"<Initials>A</Initials><AffiliationInfo><Affiliation>{words(12)}</Affiliation>"
            "</AffiliationInfo></Author>\n"
            for _ in range(6)
        )
        mesh = "".join(
            f'<MeshHeading><DescriptorName UI="D{chance.randint(1, 99999):06d}" MajorTopicYN="N">'
            f"{words(2)}</DescriptorName></MeshHeading>\n"
            for _ in range(10)
        )
        yield (
            f'<PubmedArticle>\n<MedlineCitation Status="MEDLINE"><PMID Version="1">{pmid}</PMID>\n'
            f'<Article PubModel="Print"><Journal><JournalIssue><PubDate><Year>2020</Year></PubDate>'
            f"</JournalIssue><Title>{words(4)}</Title></Journal>\n"
            f"<ArticleTitle>{words(12)}.</ArticleTitle>\n<Abstract>{parts}</Abstract>\n"
            f"<AuthorList>{authors}</AuthorList><Language>eng</Language></Article>\n"
            f"<MeshHeadingList>{mesh}</MeshHeadingList></MedlineCitation>\n</PubmedArticle>\n"
        )
    yield "</PubmedArticleSet>\n"


def written_formats() -> list[str]:
    """Return the names of the formats that can be written."""
    return [name for name in FORMATS.names() if isinstance(FORMATS.get(name), Writer)]


if __name__ == "__main__":
    main()

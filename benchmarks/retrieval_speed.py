r"""How fast retrievers are built and searched, in how much memory, and what they find.

    python benchmarks/retrieval_speed.py --names 100000 1000000

Names are made up of syllables and of words that diseases are named with; mentions are names with
slips of the pen, and some of them lack a word, so the right name is known. Every row builds in one
process and searches in another, one after the other on the same machine, and is beside the same
names and mentions in scikit-learn's TF-IDF (brute force), rapidfuzz's `process.extract` and bm25s.
Encoding a million names takes hours on two cores, so the rows of vectors are of n-grams' TF-IDF
projected at random to 384 dimensions, and their build times are without the making of vectors; how
many names an encoder reads in a second is said below the table. The table is Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

K = 16
N_DIMENSIONS = 384
SEED = 0
ONSETS = "b c d f g h l m n p r s t v br cr dr fr gl gr pl pr st tr th ch ph sph x z"
NUCLEI = "a e i o u y ae eu io ia ou"
CODAS = "n r l s m t x c nd st rm ct"
ENDINGS = "itis osis oma emia pathy algia ectasia plasia trophy uria pnea penia plegia"
BEFORE = (
    "acute chronic recurrent congenital familial severe mild idiopathic primary secondary "
    "bilateral left right juvenile benign malignant atypical diffuse focal unspecified"
)
AFTER = "due to;without;with;of the;syndrome;disorder;disease;deficiency;injury"
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Row:
    """One system.

    Attributes:
        build: makes it in a folder.
        search: opens it and returns, for mentions, the rows of names found: (n, K), -1 for none.
        n_mentions: how many are looked up among 100,000 names; fewer among more.
        reference: the row that is exact, to agree with; None for none.
    """

    build: Callable[[Path, Path], None]
    search: Callable[[Path, Path], Callable[[list[str]], Any]]
    n_mentions: int = 4096
    reference: str | None = None


def make_names(n: int) -> list[str]:
    """Make different names, some words in many and most in few."""
    rng = np.random.default_rng(SEED)
    onsets, nuclei, codas = ONSETS.split(), NUCLEI.split(), [*CODAS.split(), *[""] * 14]
    endings, before, after = ENDINGS.split(), BEFORE.split(), AFTER.split(";")
    after += [f"type {n}" for n in range(1, 13)] + [f"stage {n}" for n in range(1, 5)]

    def stem() -> str:
        parts = range(rng.integers(2, 4))
        return "".join(
            onsets[rng.integers(len(onsets))]
            + nuclei[rng.integers(len(nuclei))]
            + codas[rng.integers(len(codas))]
            for _ in parts
        )

    stems = list(dict.fromkeys(stem() for _ in range(60_000)))
    ended = rng.random(len(stems)) < 0.5
    words = [
        stem + (endings[rng.integers(len(endings))] if has_ending else "")
        for stem, has_ending in zip(stems, ended, strict=True)
    ]
    names: dict[str, None] = {}
    while len(names) < n:
        rare = (len(words) ** rng.random((n, 3))).astype(int) - 1
        shapes, first, last = (rng.integers(0, size, n) for size in (6, len(before), len(after)))
        for at in range(n):
            one, two, three = (words[number] for number in rare[at])
            parts = [before[first[at]]] if shapes[at] % 2 else []
            parts += [one, after[last[at]]] if shapes[at] < 2 else [one, two]
            parts += [after[last[at]], three] if shapes[at] > 3 else []
            names[" ".join(parts)] = None
            if len(names) == n:
                break
    return list(names)


def misspell(name: str, rng: np.random.Generator) -> str:
    """Write a name as somebody in a hurry does."""
    words = name.split()
    if len(words) > 2 and rng.random() < 0.4:
        words.pop(rng.integers(len(words)))
    signs = list(" ".join(words))
    for _ in range(rng.integers(1, 3)):
        at, slip = int(rng.integers(len(signs))), rng.integers(3)
        if slip == 0 and len(signs) > 4:
            signs.pop(at)
        elif slip == 1:
            signs.insert(at, LETTERS[rng.integers(26)])
        elif at + 1 < len(signs):
            signs[at], signs[at + 1] = signs[at + 1], signs[at]
    return "".join(signs)


def _names(work: Path) -> list[str]:
    return (work / "names.txt").read_text(encoding="utf-8").splitlines()


def _index(kinds: tuple[str, ...], **settings: Any) -> Row:  # noqa: ANN401
    """An index of decoct's, whole: the knowledge base, the table of names, the retrievers."""

    def build(work: Path, at: Path) -> None:
        from decoct.kb.base import Entity
        from decoct.retriever.index import Index
        from decoct.retriever.settings import IndexSettings

        def entities() -> Iterator[Entity]:
            with (work / "names.txt").open(encoding="utf-8") as lines:
                for number, line in enumerate(lines):
                    yield Entity(id=str(number), name=line.rstrip("\n"))

        Index.build(entities(), at, IndexSettings(retrievers=kinds, **settings))

    def search(work: Path, at: Path) -> Callable[[list[str]], Any]:
        from decoct.retriever.index import Index

        index = Index.open(at)

        def find(mentions: list[str]) -> Any:  # noqa: ANN401
            found = index.search(mentions, K)
            return np.array([_padded([int(one.id) for one in line]) for line in found])

        return find

    return Row(build, search)


def _padded(rows: list[int]) -> list[int]:
    return [*rows, *[-1] * (K - len(rows))]


def _vectors(kind: str) -> Row:
    """One of the ways to compare vectors; the vectors are projected beforehand."""

    def settings() -> Any:  # noqa: ANN401
        from decoct.retriever.settings import DenseSettings

        return DenseSettings(kind=kind)  # type: ignore[arg-type]

    def build(work: Path, at: Path) -> None:
        from decoct.retriever.arrays import open_array
        from decoct.retriever.vectors import FAISS, build_faiss

        at.mkdir()
        if kind != "exact":
            build_faiss(open_array(work / "vectors.npy", np.float16), at / FAISS, settings())

    def search(work: Path, at: Path) -> Callable[[list[str]], Any]:
        from decoct.retriever.arrays import open_array
        from decoct.retriever.vectors import FAISS, Approximate, Exact

        names = open_array(work / "vectors.npy", np.float16)
        asked = np.load(work / "mention_vectors.npy").astype(np.float32)
        found = Exact(names) if kind == "exact" else Approximate(at / FAISS, names, settings())
        return lambda mentions: found.search(asked[: len(mentions)], K)[0]

    return Row(build, search, 1024 if kind == "exact" else 4096, "vectors, exact")


def project(work: Path) -> None:
    """Write vectors of names and mentions: their n-grams' TF-IDF, projected at random."""
    from scipy.sparse import csr_matrix

    from decoct.retriever.arrays import ArrayFile
    from decoct.retriever.terms import ngrams

    names, mentions = _names(work), json.loads((work / "mentions.json").read_text())["mentions"]
    n_buckets = 1 << 16
    table = np.random.default_rng(SEED).standard_normal((n_buckets, N_DIMENSIONS), np.float32)
    n_with = np.zeros(n_buckets)
    pieces = [names[first : first + 8192] for first in range(0, len(names), 8192)]

    def counted(texts: list[str]) -> Any:  # noqa: ANN401
        terms = ngrams(texts, (3,), (1,))
        places = (terms.owners, terms.hashes % n_buckets)
        ones = np.ones(len(terms.hashes), dtype=np.float32)
        return csr_matrix((ones, places), shape=(len(texts), n_buckets))

    for piece in pieces[:16]:
        n_with += np.asarray((counted(piece) > 0).sum(axis=0)).ravel()
    idf = np.log((1 + sum(map(len, pieces[:16]))) / (1 + n_with)).astype(np.float32)
    table *= idf[:, None]
    for path, parts in (("vectors.npy", pieces), ("mention_vectors.npy", [mentions])):
        with ArrayFile(work / path, np.float16, N_DIMENSIONS) as file:
            for piece in parts:
                vectors = counted(piece) @ table
                file.append(vectors / np.maximum(np.linalg.norm(vectors, axis=1), 1e-6)[:, None])


def _sklearn() -> Row:
    from_names: dict[str, Any] = {}

    def build(work: Path, at: Path) -> None:
        from scipy.sparse import save_npz
        from sklearn.feature_extraction.text import TfidfVectorizer

        at.mkdir()
        made = TfidfVectorizer(analyzer="char", ngram_range=(3, 3), dtype=np.float32)
        save_npz(at / "names.npz", made.fit_transform(_names(work)))

    def search(work: Path, at: Path) -> Callable[[list[str]], Any]:
        from scipy.sparse import load_npz
        from sklearn.feature_extraction.text import TfidfVectorizer

        # what it learns it keeps in memory alone: fitted anew, outside of what is timed
        from_names["made"] = TfidfVectorizer(analyzer="char", ngram_range=(3, 3), dtype=np.float32)
        from_names["made"].fit(_names(work))
        names = load_npz(at / "names.npz").T.tocsr()

        def find(mentions: list[str]) -> Any:  # noqa: ANN401
            lines = []
            for first in range(0, len(mentions), 16):
                block = from_names["made"].transform(mentions[first : first + 16])
                scores = (block @ names).toarray()
                best = np.argpartition(-scores, K, axis=1)[:, :K]
                order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
                lines.append(np.take_along_axis(best, order, axis=1))
            return np.concatenate(lines)

        return find

    return Row(build, search, 512)


def _rapidfuzz() -> Row:
    def search(work: Path, at: Path) -> Callable[[list[str]], Any]:
        from rapidfuzz import process

        names = _names(work)

        def find(mentions: list[str]) -> Any:  # noqa: ANN401
            found = [process.extract(mention, names, limit=K) for mention in mentions]
            return np.array([_padded([place for _, _, place in line]) for line in found])

        return find

    return Row(lambda work, at: at.mkdir(), search, 16)


def _bm25s() -> Row:
    def build(work: Path, at: Path) -> None:
        import bm25s

        made = bm25s.BM25(k1=1.2, b=0.75, backend="numpy")
        made.index([name.split() for name in _names(work)], show_progress=False)
        made.save(at, show_progress=False)

    def search(work: Path, at: Path) -> Callable[[list[str]], Any]:
        import bm25s

        found = bm25s.BM25.load(at, mmap=True)

        def find(mentions: list[str]) -> Any:  # noqa: ANN401
            known = [
                [word for word in mention.split() if word in found.vocab_dict]
                for mention in mentions
            ]
            there = [number for number, words in enumerate(known) if words]
            rows = np.full((len(mentions), K), -1)
            asked = [known[number] for number in there]
            places, scores = found.retrieve(asked, k=K, show_progress=False)
            rows[there] = np.where(scores > 0, places, -1)
            return rows

        return find

    return Row(build, search, 512)


WHOLE = {"share": 1.0}
ROWS: dict[str, Row] = {
    "n-grams": _index(("ngram",)),
    "n-grams, nothing left out": _index(("ngram",), ngram=WHOLE),
    "BM25": _index(("bm25",)),
    "BM25, nothing left out": _index(("bm25",), bm25=WHOLE),
    "n-grams and BM25 (default)": _index(("ngram", "bm25")),
    "vectors, exact": _vectors("exact"),
    "vectors, HNSW": _vectors("hnsw"),
    "vectors, PQ": _vectors("pq"),
    "vectors, int8": _vectors("int8"),
    "scikit-learn TF-IDF, brute force": _sklearn(),
    "rapidfuzz process.extract": _rapidfuzz(),
    "bm25s": _bm25s(),
}
AGREES_WITH = {
    "n-grams": "n-grams, nothing left out",
    "BM25": "BM25, nothing left out",
    "bm25s": "BM25, nothing left out",
    "vectors, HNSW": "vectors, exact",
    "vectors, PQ": "vectors, exact",
    "vectors, int8": "vectors, exact",
}


def main() -> None:
    """Measure each row in processes of its own, then print a table for each size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--names", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW")
    parser.add_argument("--quick", action="store_true", help="20,000 names, few mentions")
    parser.add_argument("--repeat", type=int, default=3, help="the best of this many is shown")
    parser.add_argument("--work", type=Path, help="folder to work in; kept where it is named")
    parser.add_argument("--step", choices=("build", "search", "project"), help=argparse.SUPPRESS)
    parser.add_argument("--n-mentions", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        json.dump(_step(arguments), sys.stdout)
        return
    sizes = [20_000] if arguments.quick else arguments.names
    for n in sizes:
        with tempfile.TemporaryDirectory(prefix="decoct-retrieval-") as folder:
            work = arguments.work / str(n) if arguments.work else Path(folder)
            work.mkdir(parents=True, exist_ok=True)
            _measure(n, work, arguments)
    print(f"\n{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end.")


def _measure(n: int, work: Path, arguments: argparse.Namespace) -> None:
    names = make_names(n)
    rng = np.random.default_rng(SEED + 1)
    right = rng.integers(0, n, 4096).tolist()
    mentions = [misspell(names[row], rng) for row in right]
    (work / "names.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    (work / "mentions.json").write_text(json.dumps({"mentions": mentions, "right": right}))
    mean = sum(map(len, names)) / n
    del names
    if any(row.startswith("vectors") for row in arguments.rows):
        _process(work, "project", next(iter(ROWS)), 0, arguments)
    found: dict[str, dict[str, Any]] = {}
    for row in arguments.rows:
        shutil.rmtree(_folder(work, row), ignore_errors=True)
        n_mentions = max(8, int(ROWS[row].n_mentions * min(1.0, 100_000 / n) ** 0.75))
        n_mentions = min(n_mentions, 256) if arguments.quick else n_mentions
        built = _process(work, "build", row, 0, arguments)
        searched = _process(work, "search", row, n_mentions, arguments)
        found[row] = {"built": built, **searched}
        print(f"{n} {row}: {built['seconds']:.1f} s, {searched['rate']:.0f}/s", file=sys.stderr)
    _table(n, mean, right, found)


def _folder(work: Path, row: str) -> Path:
    return work / "".join(sign if sign.isalnum() else "-" for sign in row)


def _process(
    work: Path, step: str, row: str, n_mentions: int, arguments: argparse.Namespace
) -> dict[str, Any]:
    command = [sys.executable, __file__, "--work", work, "--step", step, "--rows", row]
    command += ["--repeat", str(arguments.repeat), "--n-mentions", str(n_mentions)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def _step(arguments: argparse.Namespace) -> dict[str, Any]:
    """Do one step in this process, and say what it took."""
    [name] = arguments.rows
    row, at = ROWS[name], _folder(arguments.work, name)
    started = time.perf_counter()
    if arguments.step == "project":
        project(arguments.work)
        return {}
    if arguments.step == "build":
        row.build(arguments.work, at)
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "rss_mib": _rss_mib(), "disk_mib": _disk_mib(at)}
    mentions = json.loads((arguments.work / "mentions.json").read_text())["mentions"]
    mentions = mentions[: arguments.n_mentions]
    find = row.search(arguments.work, at)
    find(mentions[: max(1, len(mentions) // 8)])
    wall, cpu = [], []
    for _ in range(arguments.repeat):
        started, used = time.perf_counter(), time.process_time()
        rows = find(mentions)
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
    return {
        "rate": len(mentions) / min(wall),
        "cpu_ms": min(cpu) / len(mentions) * 1000,
        "rss_mib": _rss_mib(),
        "rows": np.asarray(rows).tolist(),
    }


def _table(n: int, mean: float, right: list[int], found: dict[str, dict[str, Any]]) -> None:
    base = found.get("scikit-learn TF-IDF, brute force")
    print(f"\n{n:,} names of {mean:.0f} characters, {K} candidates:\n")
    print(
        "| retriever | build, s | peak RSS | on disk | search: mentions/s | ratio to sklearn "
        "| CPU ms a mention | peak RSS | Acc@1 | recall@16 | agrees with exact |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, row in found.items():
        built, rows = row["built"], row["rows"]
        hits = [answer in line for answer, line in zip(right, rows, strict=False)]
        first = [line[0] == answer for answer, line in zip(right, rows, strict=False)]
        ratio = f"{row['rate'] / base['rate']:.1f}" if base else "-"
        print(
            f"| {name} | {built['seconds']:.1f} | {built['rss_mib']:.0f} MiB "
            f"| {built['disk_mib']:.0f} MiB | {row['rate']:,.0f} | {ratio} | {row['cpu_ms']:.2f} "
            f"| {row['rss_mib']:.0f} MiB | {np.mean(first):.3f} | {np.mean(hits):.3f} "
            f"| {_agreement(name, found)} |"
        )


def _agreement(name: str, found: dict[str, dict[str, Any]]) -> str:
    """Return which share of an exact row's names one finds too."""
    exact = found.get(AGREES_WITH.get(name, ""))
    if exact is None:
        return "-"
    shares = [
        len(set(one) & set(other) - {-1}) / max(1, len(set(other) - {-1}))
        for one, other in zip(found[name]["rows"], exact["rows"], strict=False)
    ]
    return f"{np.mean(shares):.3f}"


def _rss_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _disk_mib(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


if __name__ == "__main__":
    main()

"""Ways to compare vectors: exact against numpy, the others against exact."""

import numpy as np
import pytest

pytest.importorskip("faiss")

from decoct.errors import ArtifactError
from decoct.retriever.arrays import open_array, save_array
from decoct.retriever.settings import DenseSettings
from decoct.retriever.vectors import Approximate, Exact, build_faiss

N, D = 3000, 32


def units(n, seed):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((40, D))
    vectors = centres[rng.integers(40, size=n)] + 0.5 * rng.standard_normal((n, D))
    return (vectors / np.linalg.norm(vectors, axis=1)[:, None]).astype(np.float32)


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    path = tmp_path_factory.mktemp("vectors") / "vectors.npy"
    save_array(path, units(N, 0).astype(np.float16))
    return open_array(path, np.float16)


ASKED = units(50, 1)


def test_exact_is_exact(vectors, monkeypatch):
    monkeypatch.setattr("decoct.retriever.vectors._BLOCK", 700)
    rows, scores = Exact(vectors).search(ASKED, 20)
    products = ASKED @ vectors.astype(np.float32).T
    expected = np.sort(products, axis=1)[:, ::-1][:, :20]
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(products, rows, axis=1), scores, atol=1e-5)


@pytest.mark.parametrize("kind", ["hnsw", "pq", "int8"])
def test_the_others_find_nearly_the_same_and_score_it_exactly(vectors, tmp_path, kind):
    settings = DenseSettings(kind=kind, pq_bytes=8, n_probed=16)
    build_faiss(vectors, tmp_path / "index.faiss", settings)
    found = Approximate(tmp_path / "index.faiss", vectors, settings)
    rows, scores = found.search(ASKED, 10)
    exact_rows, exact_scores = Exact(vectors).search(ASKED, 10)
    same = [len(set(one) & set(other)) for one, other in zip(rows, exact_rows, strict=True)]
    assert np.mean(same) > 9
    products = ASKED @ vectors.astype(np.float32).T
    np.testing.assert_allclose(np.take_along_axis(products, rows, axis=1), scores, atol=1e-5)
    assert (scores[:, 0] <= exact_scores[:, 0] + 1e-5).all()
    whole = N * D * 4
    links = N * 2 * settings.n_links * 4  # of the graph's lowest level; a tenth more lies above it
    most = {"hnsw": whole / 4 + 1.1 * links, "pq": whole / 2, "int8": whole / 3}
    assert found.n_bytes() < most[kind]


def test_more_than_there_are(vectors, tmp_path):
    few = vectors[:5]
    settings = DenseSettings(kind="int8")
    build_faiss(few, tmp_path / "index.faiss", settings)
    for search in (Exact(few), Approximate(tmp_path / "index.faiss", few, settings)):
        rows, scores = search.search(ASKED[:3], 8)
        assert (rows[:, 5:] == -1).all()
        assert sorted(rows[0, :5]) == [0, 1, 2, 3, 4]
        assert np.isneginf(scores[:, 5:]).all()


def test_pq_codes_fit_any_number_of_dimensions(vectors, tmp_path):
    settings = DenseSettings(kind="pq", pq_bytes=48)
    build_faiss(vectors[:1000], tmp_path / "index.faiss", settings)
    assert Approximate(tmp_path / "index.faiss", vectors[:1000], settings).n_bytes() > 0


def test_damage(vectors, tmp_path):
    path, settings = tmp_path / "index.faiss", DenseSettings(kind="int8")
    with pytest.raises(ArtifactError, match=r"index\.faiss.*decoct index --kb"):
        Approximate(path, vectors, settings)
    build_faiss(vectors, path, settings)
    with pytest.raises(ArtifactError, match="holds 3000 vectors of 32"):
        Approximate(path, vectors[:-1], settings)
    whole = path.read_bytes()
    for content in (whole[:100], whole[:-50], b"", b"nothing of faiss's"):
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match="damaged"):
            Approximate(path, vectors, settings)

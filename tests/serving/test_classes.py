"""A server of a classifier: documents get a label, and what has no sense for it is refused."""

import pytest

from decoct.serving.models import Models
from decoct.student.classifier.fit import distil_labels
from decoct.student.classifier.settings import ClassifierSettings
from fakes.encoders import save_encoder
from fakes.labelled import PAIR, pairs
from fakes.servers import served

SILVER = pairs(24, 4)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    words = [text for one in SILVER for text in (one.text, str(one.meta["premise"]))]
    encoder = save_encoder(tmp_path_factory.mktemp("encoder") / "tiny", "bert", words)
    settings = ClassifierSettings(
        encoder=str(encoder), epochs=1, batch_size=8, precision="fp32", device="cpu", max_tokens=32
    )
    return distil_labels(SILVER, PAIR, settings).student


def test_classes(classifier, linker):
    document = SILVER[0]
    given = {"id": "p", "text": document.text, "meta": dict(document.meta)}
    with served(Models(classifier, linker)) as server:
        found = server.post("/v1/extract", {"documents": [given]}).json()["documents"][0]
        expected = classifier.extract(document)
        assert found["label"] == expected.label
        assert found["meta"]["confidence"] == pytest.approx(expected.meta["confidence"], abs=1e-3)
        about = server.get("/v1/models").json()["student"]
        assert about["kind"] == "classes"
        assert about["labels"] == ["better", "worse"]
        assert about["second_text"] == "meta.premise"
        alone = server.post("/v1/extract", {"documents": [given, "no premise"]})
        assert alone.status_code == 422
        assert "premise" in alone.json()["error"]["message"]
        body = {"documents": [given], "given_subjects": True}
        refused = server.post("/v1/extract", body)
        assert refused.status_code == 422
        assert refused.json()["error"]["field"] == "given_subjects"

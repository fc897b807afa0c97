"""Which labels mean what."""

import pytest

from decoct.errors import ConfigError, StoreError
from decoct.privacy.labels import PHI_LABELS, Labels


def test_the_types_and_other_corpora_s_words():
    labels = Labels()
    assert all(labels.type_of(label) == label for label in PHI_LABELS)
    words = {
        "PATIENT": "NAME", "doctor": "NAME", "Person": "NAME", "HOSPITAL": "GEOGRAPHIC_LOCATION",
        "LOCATION-OTHER": "GEOGRAPHIC_LOCATION", "MEDICALRECORD": "MEDICAL_RECORD_NUMBER",
        "Medical Record": "MEDICAL_RECORD_NUMBER", "IDNUM": "UNIQUE_IDENTIFIER", "ssn":
        "SOCIAL_SECURITY_NUMBER", "E-mail": "EMAIL_ADDRESS", "ip": "IP_ADDRESS", "姓名": "NAME",
    }  # fmt: skip
    assert {word: labels.type_of(word) for word in words} == words


def test_what_is_no_phi_and_what_nobody_knows():
    labels = Labels()
    assert {labels.type_of(label) for label in ("Drug", "Effect", "BODY_PART", "Gene")} == {None}
    assert labels.type_of("Profession") == "UNIQUE_IDENTIFIER"
    assert not labels.is_known("Profession")
    assert labels.is_known("drug")


def test_a_table_of_one_s_own(tmp_path):
    table = tmp_path / "map.toml"
    table.write_text('keep = ["Profession"]\n[labels]\nKlient = "NAME"\nDrug = "DATE"\n')
    labels = Labels.read(table, ["X-ray"])
    assert labels.type_of("klient") == "NAME"
    assert labels.type_of("Drug") == "DATE"
    assert labels.type_of("profession") is labels.type_of("xray") is None
    assert labels.type_of("PATIENT") == "NAME"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[labels]\nKlient = "NAMES"\n', "labels.Klient: 'NAMES' is no type of PHI"),
        ('[label]\nKlient = "NAME"\n', "unknown key 'label'"),
        ("[labels\n", "not valid TOML"),
    ],
)
def test_a_table_that_is_wrong(tmp_path, content, message):
    table = tmp_path / "map.toml"
    table.write_text(content)
    with pytest.raises(ConfigError, match=message) as caught:
        Labels.read(table)
    assert "\n" not in str(caught.value)
    with pytest.raises(StoreError):
        Labels.read(tmp_path / "none.toml")

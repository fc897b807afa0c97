"""What has the form of PHI, and what only looks like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.privacy.deidentifier import mark_patterns
from decoct.privacy.patterns import find_patterns


def found(text):
    return {(form, piece.label, piece.text) for piece, form in find_patterns(text)}


@pytest.mark.parametrize(
    ("text", "form", "label", "string"),
    [
        ("SSN 301-22-4567.", "ssn", "SOCIAL_SECURITY_NUMBER", "301-22-4567"),
        ("ssn: 301224567", "ssn", "SOCIAL_SECURITY_NUMBER", "301224567"),
        ("call (614) 555-0139 now", "phone", "PHONE_NUMBER", "(614) 555-0139"),
        ("614-555-0139", "phone", "PHONE_NUMBER", "614-555-0139"),
        ("614.555.0139 x22", "phone", "PHONE_NUMBER", "614.555.0139 x22"),
        ("+1 614 555-0139", "phone", "PHONE_NUMBER", "+1 614 555-0139"),
        ("+44 20 7946 0958", "phone", "PHONE_NUMBER", "+44 20 7946 0958"),
        ("tel. no. 555 0139 2", "phone", "PHONE_NUMBER", "555 0139 2"),
        ("Fax: 614-555-0140", "phone", "FAX_NUMBER", "614-555-0140"),
        ("传真：0551-6655001", "zh_phone", "FAX_NUMBER", "0551-6655001"),
        ("电话13912345678。", "zh_phone", "PHONE_NUMBER", "13912345678"),
        ("座机010-66550011", "zh_phone", "PHONE_NUMBER", "010-66550011"),
        ("身份证11010519491231002X，", "zh_id", "UNIQUE_IDENTIFIER", "11010519491231002X"),
        ("mail edda.p+x@prewitt-mail.co.uk.", "email", "EMAIL_ADDRESS",
         "edda.p+x@prewitt-mail.co.uk"),
        ("发至edda@mail.cn，", "email", "EMAIL_ADDRESS", "edda@mail.cn"),
        ("see https://notes.harrow.org/a?b=1.", "url", "WEB_URL", "https://notes.harrow.org/a?b=1"),
        ("(www.harrow.org)", "url", "WEB_URL", "www.harrow.org"),
        ("from 192.168.2.10.", "ipv4", "IP_ADDRESS", "192.168.2.10"),
        ("from fe80::1c2:3d4 on", "ipv6", "IP_ADDRESS", "fe80::1c2:3d4"),
        ("MRN: HX-204481", "record", "MEDICAL_RECORD_NUMBER", "HX-204481"),
        ("(MRN #204481)", "record", "MEDICAL_RECORD_NUMBER", "204481"),
        ("medical record number is 99-88123", "record", "MEDICAL_RECORD_NUMBER", "99-88123"),
        ("病历号：A204481", "record", "MEDICAL_RECORD_NUMBER", "A204481"),
        ("住院号2044812", "record", "MEDICAL_RECORD_NUMBER", "2044812"),
        ("account no. 7781234", "account", "ACCOUNT_NUMBER", "7781234"),
        ("member ID QX-99812", "health_plan", "HEALTH_PLAN_BENEFICIARY_NUMBER", "QX-99812"),
        ("Quillport, OH 45990-1234", "zip", "GEOGRAPHIC_LOCATION", "45990-1234"),
        ("zip code 45990", "zip", "GEOGRAPHIC_LOCATION", "45990"),
        ("邮编：100730", "zip", "GEOGRAPHIC_LOCATION", "100730"),
        ("a 93-year-old man", "age", "AGE", "93-year-old"),
        ("aged 101 and", "age", "AGE", "101"),
        ("患者，92岁", "age", "AGE", "92岁"),
        ("on March 3rd, 2023 and", "date", "DATE", "March 3rd, 2023"),
        ("于2023年4月12日入院", "date", "DATE", "2023年4月12日"),
    ],
)  # fmt: skip
def test_found(text, form, label, string):
    assert (form, label, string) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "BP 120/80, pulse 72, SpO2 98 %, weight 70.5 kg",
        "amoxicillin 500 mg 3/day for 7-10 days, 1.5 mg/kg",
        "a 45-year-old woman, aged 89, 95 months, aged 92 days",
        "platelets 150000, WBC 4.5-11.0, ratio 1/2/10, 5-10-15",
        "version 1.2.3.4, build v10.2.3.4, chapter 4.5.6",
        "300.400.500.600 and 1.2.3",
        "the patient number was small; account of 1234 patients; member 5",
        "at 10:30:45 and 12:15, ratio 3:1:2",
        "Fax it. Phone him. MRN unknown. SSN not given. E-mail: none",
        "in 2019, March, Monday, 03/14, Q3 2021",
        "NCT01234567, PMID 12345678, rs1234567, 12345-6",
        "血压120/80，体温36.5，剂量500毫克，45岁",
        "110105194912310021",  # its check sign does not fit
        "IN 2 of 3 OR 5",
        "user@host, @handle, a@b",
    ],
)
def test_not_found(text):
    assert found(text) == set()


@given(st.text(max_size=60))
def test_any_text(text):
    for piece, _ in find_patterns(text):
        assert text[piece.start : piece.end] == piece.text


def test_marked_with_their_form(build):
    note = build("Tobin, MRN 204481, tel 614-555-0139.", ("NAME", "Tobin"), ("ID", "204481"))
    marked = mark_patterns(note)
    [new] = [span for span in marked.spans if span.id.startswith("pattern:")]
    assert (new.label, new.text) == ("PHONE_NUMBER", "614-555-0139")
    assert marked.meta["phi_patterns"] == {new.id: "phone"}
    nothing = build("Rash.")
    assert mark_patterns(nothing) is nothing

"""Other numbers: of the same shape, and nobody's."""

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.privacy.dates import Shift
from decoct.privacy.draw import Draw
from decoct.privacy.key import Key
from decoct.privacy.labels import EMAIL, IP, OTHER, PHONE, RECORD, SSN, URL
from decoct.privacy.numbers import Numbers, is_zh_id

KEY = Key(b"a key for tests only")
ZH_ID = "11010519491231002X"  # the example of GB 11643-1999


def numbers(is_fit=lambda made: True):
    return Numbers(KEY, Draw(KEY, is_fit), Shift(200))


def shape(text):
    return re.sub(r"[A-Z]", "A", re.sub(r"[a-z]", "a", re.sub(r"\d", "0", text)))


@pytest.mark.parametrize(
    "text", ["HX-204481", "#SP-112233", "204481", "AB 12/34.5", "12345-JHU", "v1.2.3", "7Q"]
)
def test_digits_become_digits_and_letters_letters(text):
    made = numbers().stand_in(RECORD, text)
    assert shape(made) == shape(text)
    assert made != text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Patient ID: AB1234", "Patient ID: "),
        ("Medicare #AB-987654", "Medicare #"),
        ("MRN 204481", "MRN "),
        ("no. 77812", "no. "),
    ],
)
def test_what_says_what_it_is_stays(text, kept):
    made = numbers().stand_in(OTHER, text)
    assert made.startswith(kept)
    assert shape(made) == shape(text)


def test_phones():
    made = numbers()
    assert re.fullmatch(r"\([1-9]\d\d\) \d{3}-\d{4}", made.stand_in(PHONE, "(614) 555-0139"))
    assert re.fullmatch(r"\+1 [1-9]\d\d \d{3} \d{4}", made.stand_in(PHONE, "+1 614 555 0139"))
    assert re.fullmatch(r"\+44 20 \d{4} \d{4}", made.stand_in(PHONE, "+44 20 7946 0958")) is None
    assert made.stand_in(PHONE, "+44 20 7946 0958").startswith("+44 ")
    assert re.fullmatch(r"1[3-9]\d{9}", made.stand_in(PHONE, "13912345678"))
    assert re.fullmatch(r"\+86 1[3-9]\d{9}", made.stand_in(PHONE, "+86 13912345678"))


@given(st.from_regex(r"[0-8][0-9]{2}-[0-9]{2}-[0-9]{4}", fullmatch=True))
def test_social_security_numbers_are_never_given_out(text):
    made = numbers().stand_in(SSN, text)
    assert re.fullmatch(r"9\d\d-(0[1-9]|[1-4]\d)-\d{4}", made)


def test_addresses_that_lead_nowhere():
    made = numbers()
    mail = made.stand_in(EMAIL, "edda.prewitt@mail.host.org")
    assert re.fullmatch(r"[a-z]{4}\.[a-z]{7}@[a-z]{4}\.[a-z]{4}\.example", mail)
    link = made.stand_in(URL, "https://www.harrow.org/notes/77?id=AB12")
    assert re.fullmatch(
        r"https://www\.[a-z]{6}\.example/[a-z]{5}/\d\d\?[a-z]{2}=[A-Z]{2}\d\d", link
    )
    assert ipaddress.ip_address(made.stand_in(IP, "192.168.2.1")) in ipaddress.ip_network(
        "10.0.0.0/8"
    )
    new = ipaddress.ip_address(made.stand_in(IP, "fe80::1"))
    assert new in ipaddress.ip_network("2001:db8::/32")


def test_chinese_identity_numbers():
    assert is_zh_id(ZH_ID)
    assert not is_zh_id(ZH_ID[:-1] + "1")
    assert not is_zh_id("110105194913310021")
    made = numbers().stand_in(OTHER, ZH_ID)
    assert is_zh_id(made)
    assert made.startswith("99")  # no such province
    assert made[6:14] == "19500719"  # born 200 days later


def test_the_same_again_and_never_two_alike():
    one = numbers()
    texts = [f"{number:02}" for number in range(60)]
    made = [one.stand_in(RECORD, text) for text in texts]
    assert made == [one.stand_in(RECORD, text) for text in texts]
    assert len({text for text in made if text}) == len([text for text in made if text])
    assert all(a != b for a, b in zip(texts, made, strict=True))


def test_where_nothing_is_left_to_draw():
    one = numbers()
    made = [one.stand_in(RECORD, str(digit)) for digit in range(1, 10)]
    assert len([text for text in made if text]) <= 9
    assert numbers(is_fit=lambda made: False).stand_in(RECORD, "12345") is None
    assert numbers().stand_in(RECORD, " -- ") is None


@given(st.text(max_size=30), st.sampled_from([EMAIL, IP, OTHER, PHONE, SSN, URL]))
def test_any_text(text, label):
    assert numbers().stand_in(label, text) != text

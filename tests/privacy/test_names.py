"""Stand-ins for people: consistent, in form, and never the name itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.privacy import lists
from decoct.privacy.draw import Draw
from decoct.privacy.key import Key
from decoct.privacy.names import People, name_tokens

KEY = Key(b"a key for tests only")


def people(*names, key=KEY, is_fit=lambda made: True):
    made = People(key, Draw(key, is_fit))
    for name in names:
        made.add(name)
    made.settle()
    return made


def stand_ins(*names, **more):
    made = people(*names, **more)
    return [made.stand_in(name) for name in names]


def test_one_person_has_one_name_in_every_form():
    full, titled, short, turned, upper, owned = stand_ins(
        "Tobin Harrow", "Mr. Harrow", "T. Harrow", "Harrow, Tobin", "HARROW", "Harrow's"
    )
    given_name, surname = full.split()
    assert titled == f"Mr. {surname}"
    assert short == f"{given_name[0]}. {surname}"
    assert turned == f"{surname}, {given_name}"
    assert upper == surname.upper()
    assert owned == f"{surname}'s"
    assert not {"tobin", "harrow"} & {given_name.lower(), surname.lower()}


def test_initials_fit():
    full, initial, both = stand_ins("Edda Prewitt", "Edda P.", "E.P.")
    given_name, surname = full.split()
    assert initial == f"{given_name} {surname[0]}."
    assert both == f"{given_name[0]}.{surname[0]}."
    alone, again = stand_ins("Edda P.", "Mrs. Edda P.")
    assert alone.split()[1] == again.split()[2] != "P."


def test_an_initial_of_somebody_else_is_not_taken_for_his():
    _, other = stand_ins("John Smith", "Anna S.")
    assert people("John Smith", "Anna S.").person_of("Anna S.") != "john smith"
    assert other.endswith(".")


@pytest.mark.parametrize(
    ("title", "names"), [("Mr.", lists.MALE), ("Mrs.", lists.FEMALE), ("Dr.", lists.NEUTRAL)]
)
def test_the_title_says_which_given_names_fit(title, names):
    titled, full = stand_ins(f"{title} Harrow", "Robin Harrow")
    assert titled.startswith(title)
    assert full.split()[0] in names


def test_titles_degrees_and_particles_stay():
    assert stand_ins("Prof. van der Berg")[0].startswith("Prof. van der ")
    made = stand_ins("Dr. Maria Gomez-Lunt, MD, PhD")[0]
    assert made.startswith("Dr. ")
    assert made.endswith(", MD, PhD")
    assert made.count("-") == 1


def test_names_that_look_like_something_else_go():
    assert not {"al", "ben", "della", "do"} & {
        word
        for name in stand_ins("Al Harrow", "Ben Harrow", "Della Menk", "Anh Do", "Menk, Ben")
        for word in name.casefold().replace(",", "").split()
    }
    assert stand_ins("Ulla Menk, DO")[0].endswith(", DO")


def test_who_is_who():
    made = people("Tobin Harrow", "Mr. Harrow", "Edda Prewitt", "Edda P.", "沈若兰", "沈女士")
    assert made.person_of("Mr. Harrow") == made.person_of("Tobin") == made.person_of("T. Harrow")
    assert made.person_of("Edda P.") == made.person_of("Prewitt") == "edda prewitt"
    assert made.person_of("沈女士") == made.person_of("沈若兰")


def test_in_chinese():
    full, titled, doctor, compound, foreign, unnamed = stand_ins(
        "沈若兰", "沈女士", "李医生", "欧阳若兰", "约翰·史密斯", "王某某"
    )
    assert len(full) == 3
    assert titled == f"{full[0]}女士"
    assert doctor.endswith("医生")
    assert doctor[0] not in {"李", full[0]}
    assert compound[:2] in lists.ZH_COMPOUND
    assert compound[2:] == full[1:]
    assert "·" in foreign
    assert unnamed[1:] == "某某"


@pytest.mark.parametrize("name", ["", "Dr.", "jsmith12", "...", "van"])
def test_what_is_no_name(name):
    assert stand_ins(name) == [None]


def test_what_must_not_stand_in_the_text_is_not_drawn():
    taken = {stand_ins("Tobin")[0]}
    assert stand_ins("Tobin", is_fit=lambda made: made not in taken)[0] not in taken


def test_tokens():
    assert name_tokens("Dr. Maria van Gomez-Lunt, MD") == ["Maria", "Gomez", "Lunt"]
    assert name_tokens("J. Ng") == []
    assert name_tokens("沈女士") == []
    assert name_tokens("沈若兰") == ["沈若兰"]


WORD = st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=9).map(str.capitalize)


@given(st.lists(st.tuples(WORD, WORD), min_size=1, max_size=90, unique=True))
def test_no_two_share_a_name_and_none_has_its_own(pairs):
    names = [f"{given_name} {surname}" for given_name, surname in pairs]
    made = stand_ins(*names)
    assert len({one.casefold() for one in made}) == len({one.casefold() for one in names})
    for name, other in zip(names, made, strict=True):
        assert not set(name.casefold().split()) & set(other.casefold().split())


@given(st.lists(st.tuples(WORD, WORD), min_size=2, max_size=8, unique=True), st.randoms())
def test_the_order_makes_no_difference(pairs, random):
    names = [" ".join(pair) for pair in pairs]
    shuffled = random.sample(names, len(names))
    assert dict(zip(names, stand_ins(*names), strict=True)) == dict(
        zip(shuffled, stand_ins(*shuffled), strict=True)
    )


@given(st.text(max_size=30))
def test_any_text_is_a_name_or_not(text):
    made = people(text)
    assert made.stand_in(text) != text
    made.person_of(text)
    name_tokens(text)

"""Dates move by a fixed number of days and are written as they were; python-dateutil reads both."""

from datetime import date, timedelta

import pytest
from dateutil import parser
from hypothesis import given
from hypothesis import strategies as st

from decoct.privacy.dates import Shift, find_dates, is_day_first, shift_dates
from decoct.privacy.key import Key

DAYS = st.dates(date(1901, 1, 1), date(2090, 12, 31))
SHIFTS = st.integers(0, 10_000).map(lambda n: Shift.of(Key(f"key number {n:05}".encode())))
WHOLE = (
    *("%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%B %d, %Y", "%b %d, %Y", "%b. %d %Y", "%d %B %Y"),
    *("%d-%b-%Y", "%A, %B %d, %Y", "%d of %B, %Y", "%Y%m%d", "%B %d %Y"),
)


@given(DAYS, st.sampled_from(WHOLE), SHIFTS)
def test_whole_dates_as_dateutil_reads_them(day, form, shift):
    moved = shift_dates(day.strftime(form), shift)
    assert moved is not None
    assert parser.parse(moved).date() == day + timedelta(days=shift.days)
    if "%b" not in form and "%B" not in form:
        assert len(moved) == len(day.strftime(form))


@given(DAYS, DAYS, st.sampled_from(WHOLE), st.sampled_from(WHOLE), SHIFTS)
def test_the_time_between_two_stays(one, other, form, other_form, shift):
    moved = shift_dates(one.strftime(form), shift), shift_dates(other.strftime(other_form), shift)
    days = [parser.parse(text).date() for text in moved]
    assert days[1] - days[0] == other - one


@given(
    DAYS,
    st.sampled_from(
        (
            *WHOLE,
            "%B %d",
            "%B %dth",
            "%d %B",
            "%m/%d",
            "%B %Y",
            "%b '%y",
            "%Y-%m",
            "%Y",
            "%A",
            "%a",
            "%B",
            "%m/%d/%y",
            "%Y年%m月%d日",
            "%m月%d日",
            "%Y年",
            "%Y年%m月",
        )
    ),
    SHIFTS,
)
def test_nothing_comes_out_as_itself(day, form, shift):
    text = day.strftime(form)
    assert shift_dates(text, shift) not in (text, None)


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("April 12, 2023", "October 29, 2023"),
        ("03/14/19", "09/30/19"),
        ("3/4/2019", "9/20/2019"),
        ("May 30th", "December 16th"),
        ("2021-07-03", "2022-01-19"),
        ("2021-07-03T10:22:05Z", "2022-01-19T10:22:05Z"),
        ("2023/04/12 10:30 am", "2023/10/29 10:30 am"),
        ("Sept 1st", "Mar 20th"),
        ("SEPT. 1ST, 2022", "MAR. 20TH, 2023"),
        ("Monday", "Friday"),
        ("Mon, March 3rd", "Fri, September 19th"),
        ("April 4 '23", "October 21 '23"),
        ("12APR2023", "29OCT2023"),
        ("14.03.2019", "30.09.2019"),
        ("25/12/2019", "12/07/2020"),
        ("2019", "2020"),
        ("2019-2021", "2020-2022"),
        ("03/2022", "10/2022"),
        ("March 3-5, 2023", "September 19-21, 2023"),
        ("March 12 to 16, 2023", "September 28 to October 2, 2023"),
        ("June 12-16, 2023", "December 29, 2023-January 2, 2024"),
        ("3-5 March 2023", "19-21 September 2023"),
        ("12-16 March 2023", "28 September-2 October 2023"),
        ("from 3/14 to 3/18", "from 9/30 to 10/4"),
        ("March 30 to April 2, 2023", "October 16 to October 19, 2023"),
        ("DOB: 01/02/1950", "DOB: 07/21/1950"),
        ("2023年4月12日", "2023年10月29日"),
        ("二〇二三年四月十二日", "二〇二三年十月二十九日"),
        ("4月12日至16日", "10月29日至11月2日"),
        ("2023年6月12日-16日", "2023年12月29日-2024年1月2日"),
        ("星期一", "星期五"),
        ("周日", "周四"),
        ("2023年4月12日上午10点", "2023年10月29日上午10点"),
        ("Feb 29, 2020", "Sep 16, 2020"),
        ("February 29", "September 16"),
    ],
)
def test_written_as_it_was(text, moved):
    assert shift_dates(text, Shift(200)) == moved


@pytest.mark.parametrize(
    "text",
    [
        "last week",
        "Q3 2021",
        "spring 2022",
        "the 5th",
        "1990s",
        "13/13/2020",
        "30/30",
        "Easter 2021",
        "February 30, 2021",
        "yesterday",
        "2019-20",
        "",
        "12345",
        "2023年13月",
        "上周",
    ],
)
def test_what_is_not_clear_is_left_to_a_tag(text):
    assert shift_dates(text, Shift(200)) is None


def test_the_order_of_day_and_month():
    assert shift_dates("03/04/2019", Shift(10)) == "03/14/2019"
    assert shift_dates("03/04/2019", Shift(10, day_first=True)) == "13/04/2019"
    assert [is_day_first(text) for text in ("25/12/2019", "12/25/19", "03/04", "May 1")] == [
        *(True, False, None, None),
    ]


def test_a_day_without_a_year_takes_that_beside_it():
    assert shift_dates("Feb 29 and March 1, 2024", Shift(366)) == "Mar 1 and March 2, 2025"


@given(SHIFTS)
def test_how_far(shift):
    assert 190 <= abs(shift.days) <= 705
    assert shift.days % 7
    assert str(abs(shift.days)) not in repr(shift)


@given(st.text(max_size=40))
def test_any_text_is_a_date_or_not(text):
    assert shift_dates(text, Shift(200)) != text
    list(find_dates(text))


@given(st.text(alphabet="0123456789/-. ,'aeJMrtuh年月日至十一二〇", max_size=20))
def test_any_text_that_looks_like_one(text):
    assert shift_dates(text, Shift(-391)) != text or not text
    for start, end in find_dates(text):
        assert 0 <= start < end <= len(text)


def test_only_dates_with_their_year_are_found_in_text():
    text = (
        "On 12 April 2023 BP 120/80, 3/4 pain, ratio 1/2/10, seen 2023-04-05 and 5/25/2023 in 2019"
    )
    assert [text[a:b] for a, b in find_dates(text)] == ["12 April 2023", "2023-04-05", "5/25/2023"]
    assert [*find_dates("in February 30, 2023 or 99/99/2020")] == []

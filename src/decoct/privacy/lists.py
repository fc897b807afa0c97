"""Names of people and places to put in other ones' stead: written for decoct, none of a register.

Given names are everyday ones. Surnames and places are put together of two halves, so that there are
hundreds of a kind and hardly one is a known person's or place's.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NEUTRAL = _words(
    "Alex Ariel Avery Blair Cameron Casey Charlie Corey Dana Devon Drew Eden Ellis Emery Finley "
    "Frankie Harper Hayden Jamie Jesse Jody Jordan Jules Kelly Kendall Kerry Kim Lane Lee Leslie "
    "Logan Morgan Noel Parker Pat Perry Quinn Reese Riley Robin Rowan Sage Sasha Shawn Sidney "
    "Skyler Stacy Tatum Taylor Terry Toby Tracy Val Wren"
)
FEMALE = _words(
    "Adele Agnes Alice Amelia Beatrice Bridget Carla Celia Clara Cora Daphne Della Edith Elsa "
    "Esther Fiona Flora Gemma Greta Hannah Hazel Helen Ida Irene Iris Josie Judith Lena Lillian "
    "Lorna Lucy Mabel Marian Martha Mira Nadia Nora Olive Paula Petra Rhoda Rosa Ruth Selma Sonia "
    "Stella Tessa Thea Ursula Vera Viola Wilma Yvonne Zelda"
)
MALE = _words(
    "Abel Adrian Albert Alfred Anton Arthur Basil Bruno Carl Cedric Clive Conrad Cyril Desmond "
    "Edgar Edwin Emil Ernest Felix Floyd Gilbert Gordon Harold Hector Hugo Ivan Jasper Jerome "
    "Julius Karl Laurence Leo Leonard Lionel Magnus Malcolm Martin Milo Nigel Norman Oscar Otto "
    "Percy Ralph Rex Roland Rufus Simon Theodore Tobias Victor Vincent Walter Wilbur"
)
_SURNAME_HEADS = (
    "Ash Beck Bram Cald Dun Elm Fair Gran Hart Holl Ked Lang Marl Nor Oak Pem Quen Rad Sel Thorn "
    "Ul Vann Wex Win Yar Hask Lind Mer Stan Tarr Cren Fenn"
)
_SURNAME_TAILS = (
    "bury by combe croft dale den field ford gate ham hurst land ley low man mere mont ridge sett "
    "shaw son stead ster ton well wick worth"
)
_PLACE_HEADS = (
    "Alder Amber Birch Bramble Cedar Copper Eagle Ember Fern Fox Glen Granite Harbor Hawk Heron "
    "Hollow Ivy Juniper Laurel Linden Maple Meadow Mill Oaken Otter Pebble Pine Raven River Sable "
    "Silver Stone Summer Sunny Thistle Timber Violet Willow Winter Wren"
)
_PLACE_TAILS = (
    "brook burg bridge cliff cove crest dell falls fell glade grove haven heath hollow lea mead "
    "mere moor pass point port reach rest rise shore side spring vale view ville wood"
)
STATES = _words(
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM "
    "NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC"
)
ZH_SURNAMES = tuple(
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
)
ZH_COMPOUND = _words(
    "欧阳 司马 诸葛 上官 慕容 司徒 夏侯 令狐 皇甫 尉迟 东方 独孤 南宫 长孙 宇文 公孙"
)
ZH_GIVEN = tuple("安宁文清明远若初思源书言景行知新乐天嘉和以宁亦凡一诺子墨星辰雨泽")
_ZH_HEADS = _words(
    "青云 白石 临江 松风 望海 金桥 南溪 北岭 东渚 西塘 梅岭 竹山 柳河 荷塘 星湖 月湾"
)
_ZH_TAILS = _words("安 宁 和 泰 平 康 兴 丰 隆 昌 新 明 祥 瑞 源 城")


@cache
def surnames() -> tuple[str, ...]:
    """Return all surnames."""
    return tuple(_joined(_SURNAME_HEADS.split(), _SURNAME_TAILS.split()))


@cache
def places() -> tuple[str, ...]:
    """Return all names of places."""
    return tuple(_joined(_PLACE_HEADS.split(), _PLACE_TAILS.split()))


@cache
def zh_places() -> tuple[str, ...]:
    """Return all Chinese names of places, without what kind of place they are."""
    return tuple(head + tail for head in _ZH_HEADS for tail in _ZH_TAILS)


@cache
def zh_given(n_chars: int) -> tuple[str, ...]:
    """Return Chinese given names of that length."""
    signs = tuple(dict.fromkeys(ZH_GIVEN))
    if n_chars <= 1:
        return signs
    return tuple(one + rest for one in signs for rest in zh_given(n_chars - 1) if one != rest[0])


def _joined(heads: list[str], tails: list[str]) -> Iterator[str]:
    """Yield head + tail where that can be read: no letter three times, no half twice."""
    for head in heads:
        for tail in tails:
            if head.lower() != tail and head[-1] != tail[0]:
                yield head + tail

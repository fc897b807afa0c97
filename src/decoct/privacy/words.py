"""Words that say what a piece of PHI is and not whose: they stay, and are not looked for."""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MALE_TITLES = _words("mr mister sir señor herr monsieur")
FEMALE_TITLES = _words("mrs ms miss madam mme señora frau")
TITLES = (
    MALE_TITLES
    | FEMALE_TITLES
    | _words(
        "dr doctor prof professor nurse pt patient pts rev fr sr br capt col lt sgt maj hon judge "
        "mx attending resident"
    )
)
DEGREES = _words(
    "md m.d do d.o phd ph.d rn np pa pa-c dds dmd pharmd lpn msw lcsw mba facs frcp mrcp mbbs "
    "bsc msc jr sr ii iii iv esq"
)
PARTICLES = _words("van von der den de del della di da dos la le el bin ibn")
ZH_TITLES = _words(
    "主任医师 副主任医师 主治医师 住院医师 医生 医师 大夫 教授 主任 护士长 护士 先生 女士 小姐 "
    "太太 同学 患者 病人 氏"
)
# parts of an address or an institution's name
INSTITUTIONS = _words(
    "hospital hospitals clinic clinics center centre centers medical health healthcare care "
    "system institute infirmary hospice rehab rehabilitation nursing home university college "
    "school memorial general regional community county city state national federal veterans "
    "children's children childrens women's womens cancer heart cardiology neurology oncology "
    "surgery surgical emergency urgent primary family outpatient department dept unit ward icu "
    "ed er lab laboratory pharmacy physicians practice group associates services foundation "
    "network campus suite apt apartment room floor building bldg po box women children men's "
    "facility office hosp med ctr specialists specialty imaging dental eye"
)
ROADS = _words(
    "street st avenue ave road rd drive dr lane ln boulevard blvd court ct way place pl parkway "
    "pkwy highway hwy square sq terrace route"
)
SMALL = _words("of the and at in on for near from to a an & no")
COMPASS = _words("north south east west northern southern eastern western upper lower")
ZH_PLACES = _words(
    "人民医院 中心医院 中医院 附属医院 妇幼保健院 第一医院 第二医院 第三医院 医院 诊所 卫生院 "
    "卫生所 卫生服务中心 保健院 疗养院 大学 学院 中学 小学 自治区 省 市 区 县 镇 乡 村 街道 路 "
    "街 巷 小区 社区"
)
# words before a number that say what kind of number it is
CUES = _words(
    "id ids no nr num number numbers mrn medical record records patient pt hospital chart file "
    "case account acct site subject study member policy group plan health insurance beneficiary "
    "hpbn hpb hic medicare medicaid ssn social security license licence dea npi vin plate device "
    "serial sn imei model phone tel telephone fax mobile cell ext extension call email mail url "
    "ip passport driver driver's cert certificate visit encounter accession specimen order and "
    "or is the"
)
SAYS_WHAT = TITLES | DEGREES | PARTICLES | INSTITUTIONS | ROADS | SMALL | COMPASS | CUES | {"www"}
# names that are also words: only with a capital are they taken for the name
ORDINARY = _words(
    "an art august bank bay bell best bill bishop black blue bond bowl brown bush care carter "
    "case chance chase church coast cook cole cross dale day dean dear drew early east fair "
    "faith fall field fish ford forest fox frank gene grace grant gray green grey hall hand "
    "hardy harm heart hill home hope house hunter jack joy june king lake lane law lee light "
    "long love low major man mark may mercy mill miles miller mobile moody moon moore north norm "
    "nurse page park pat patient payne pearl pitt pope price ray reading rich rob rose rush "
    "sally salt sharp short sky small south spring steel stone strong summer sun union virgin "
    "wade walker wall ward waters way weeks west white will winter wise wood woods worth young "
    "van den del"
)


def plain(word: str) -> str:
    """Return a word in lower case without the signs around it, and without a closing `'s`."""
    return re.sub(r"['’]s$", "", word.casefold().strip(".,;:()[]\"'’“”"))


def folded(text: str) -> str:
    """Return a text in lower case with single spaces: equal ones name the same."""
    return " ".join(text.casefold().replace("’", "'").split())


def is_cjk(text: str) -> bool:
    """Whether a text has a Chinese character."""
    return any("\u3400" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff" for char in text)


def in_case_of(word: str, like: str) -> str:
    """Write a name in the case of another: all capitals, none, or a capital first."""
    letters = [char for char in like if char.isalpha()]
    if len(letters) > 1 and all(char.isupper() for char in letters):
        return word.upper()
    return word.lower() if letters and all(char.islower() for char in letters) else word

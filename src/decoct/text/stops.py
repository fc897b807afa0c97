"""Which full stops end a sentence: abbreviations, and the words that sentences begin with."""

from __future__ import annotations

import re


def words_of(line: str) -> frozenset[str]:
    """Return the words of a line."""
    return frozenset(line.split())


# never the last word of a sentence
_NEVER = words_of(
    "Dr Drs Mr Mrs Ms Prof Profs Rev Hon Messrs St Fig Figs Eq Eqs vs viz cf eg ie e.g i.e"
    " i.a q.v c.f ca approx resp incl excl esp pers N.B n.b"
)
# no end where a number comes next
_NUMBERED = words_of(
    "no nos nr vol vols ch chap sec sect p pp ref refs tab tabs fig figs eq eqs ver suppl ed"
    " eds jan feb mar apr jun jul aug sep sept oct nov dec gr"
)
# last words before a sentence that begins as sentences do, and seldom else
_SELDOM = words_of(
    "etc al Jr Sr Inc Ltd Co Corp Dept Univ Hosp var subsp spp sp ssp cv iv im sc po temp"
    " Temp pt Pt pts Pts wt ht Mass Calif Biol Chem Clin Med Pharmacol Exp Am Br Eur Int Proc"
    " Natl Acad Sci Soc Res Lett Ann Arch Dis Surg Neurol Psychiatr Psychiatry Immunol"
    " Microbiol Toxicol Physiol Biochem Biophys Mol Epidemiol Pediatr Gastroenterol Cardiol"
    " Dermatol Nephrol Hematol Oncol Ph.D B.Sc M.Sc D.Sc"
)
# how often and when: last words before any capital but a day's or month's
_FREQUENT = words_of(
    "q.d q.o.d q.i.d b.i.d t.i.d b.d t.d.s q.d.s o.d h.s q.h.s p.r.n a.c p.c a.m p.m bid tid"
    " qid qd prn"
)
_DAYS = re.compile(
    r"(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?s?\b"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
)
# what is told apart by a single letter, which then is no initial
_LETTERED = words_of(
    "vitamin vitamins hepatitis type group grade class stage protein factor influenza"
    " immunoglobulin panel patient case cyclosporine cyclosporin ciclosporin amphotericin"
    " toxin coenzyme plan schedule appendix figure table part section phase level cohort"
    " category strain virus arm regimen drug compound subtype streptococcus polymyxin cyclin"
    " interferon child"
)
_STARTERS = re.compile(
    r"(?:The|This|Th[eo]se|That|There(?:fore|after)?|They|Their|Then|Thus|Its?|He|She|Hi[sm]|Her|We"
    r"|Our|You|In|On|At|An?|As|After|Afterwards|Before|Both|During|When|While|Where(?:as)?|Wh(?:at|o|y)"
    r"|Although|Though|Because|Since|Such|If|For|From|To|Of|With(?:out|in)?|However|Moreover"
    r"|Further(?:more)?|Hence|Here|Each|Every|All|Any|Some|Several|Many|Most|More|Much|Few|Others?"
    r"|Another|No(?:ne|body|r|t)?|One|Two|Three|Four|Five|Six|Seven|Eight|Nine|Ten|But|And|Or|Yet|So"
    r"|By|Until|Upon|Under|Over|Only|Once|Despite|Due|Patients?|Treatment|Subsequently|Finally"
    r"|Similarly|Avoid|Do|Does|Did|Is|Are|Was|Were|Has|Had|Have|Can|May|Not|Neither|Either"
    r"|Based|Among|Between|Through(?:out)?|Results?|Methods?|Conclusions?|Background|Objectives?)"
    r"(?![\w.'’-])"
)
_TOKEN = re.compile(r"[^\s()\[\]{}\"“”‘’'/,;:\-–—=<>+~≥≤\u3000-\u9fff\uff00-\uff65]*\Z")
_WORD_BEFORE = re.compile(r"([^\W_]+)[\s-]+\Z")
_HYPHENED = re.compile(r"\w\w-\w\Z")  # HTLV-I, no initial
_NOT_LETTERED = frozenset(
    ["by", "and", "to", "with", "of", "the", "from", "for", "dr", "mr", "mrs", "prof"]
)
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]\Z")
_MARKER = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){0,4}|[A-Za-z]|[ivxIVX]{1,5})\Z")
_MARKER_OPENERS = frozenset(["", "(", "[", "（"])
_CAPTION = re.compile(r"(?:Table|Fig\.?|Figure|Box|Chart|Scheme)\s{1,3}[A-Z]?\d{1,3}[A-Za-z]?\Z")
_NUMBER = re.compile(r"[A-Z]?\d")
_LOOK_BACK_CHARS = 24
_MAX_CAPTION_CHARS = 20


def word_before(text: str, start: int, stop: int) -> str:
    """Return the word that a full stop at `stop` is on, from `start` on, or an empty one."""
    found = _TOKEN.search(text[max(start, stop - _LOOK_BACK_CHARS) : stop])
    return found.group() if found else ""


def is_abbreviation(word: str) -> bool:
    """Whether a word that a full stop is on is known to be short for something."""
    return (
        (len(word) == 1 and word.isalpha())
        or word in _NEVER
        or word in _SELDOM
        or word.lower() in _NUMBERED
        or word.lower() in _FREQUENT
        or bool(_DOTTED.match(word))
    )


def is_marker(text: str, start: int, stop: int, word: str) -> bool:
    """Whether `1.`, `2.1.`, `a.`, `IV.` or `Table 2.` is all there is since `start`."""
    first = stop - len(word)
    if first - start <= 1 and _MARKER.match(word) and text[start:first] in _MARKER_OPENERS:
        return True
    return stop - start <= _MAX_CAPTION_CHARS and bool(_CAPTION.match(text[start:stop]))


def ends_before(text: str, start: int, stop: int, word: str, after: int) -> bool | None:
    """Whether a full stop ends a sentence, given what comes next, which is no lower-case word.

    Args:
        text: the text.
        start: where the sentence begins.
        stop: where the full stop is.
        word: from `word_before`.
        after: where the next word begins.

    Returns:
        None where none is likely but a line end might tell: the word is an abbreviation that
        rarely ends a sentence, and no usual first word of one comes next.
    """
    lower = word.lower()
    if word in _NEVER:
        return False
    if lower in _NUMBERED and _NUMBER.match(text, after):
        return False
    if lower in _NUMBERED and len(word) > 1:
        return True
    if lower in _FREQUENT:
        return not text[after].isdigit() and not _DAYS.match(text, after)
    if len(word) == 1 and word.isalpha():
        return _letter_ends(text, start, stop, after)
    if word in _SELDOM or _DOTTED.match(word):
        return True if _STARTERS.match(text, after) else None
    return not (word == "0" and text[after].isdigit())


def _letter_ends(text: str, start: int, stop: int, after: int) -> bool:
    """Whether a sentence ends after a single letter: a unit or `vitamin C`, but no initial."""
    if text[stop - 2 : stop - 1] == "/" or _HYPHENED.search(text[max(start, stop - 5) : stop]):
        return True
    found = _WORD_BEFORE.search(text[max(start, stop - _LOOK_BACK_CHARS) : stop - 1])
    before = found.group(1) if found else ""
    is_unit = before.isdigit() and text[stop - 1].islower()
    if before.lower() in _LETTERED or is_unit:
        return True
    is_named = before.isdigit() or (before.islower() and before not in _NOT_LETTERED)
    return is_named and bool(_STARTERS.match(text, after))

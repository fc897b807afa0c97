"""Entities of any kind, for hypothesis."""

from hypothesis import strategies as st

from decoct.kb.base import Entity

_text = st.text(
    alphabet=st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=12
).filter(str.strip)

any_entity = st.builds(
    Entity,
    id=_text,
    name=_text,
    aliases=st.lists(_text, max_size=4).map(tuple),
    definition=st.just("") | _text,
    types=st.lists(_text, max_size=2).map(tuple),
    languages=st.dictionaries(_text, st.sampled_from(["en", "zh"]), max_size=2),
    alternatives=st.lists(_text, max_size=2).map(tuple),
)

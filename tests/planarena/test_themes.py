"""The themes: each is as it should be, and no two share a noun or a proper name."""

from dataclasses import replace

import pytest

from toolgym.composing.fields import Choice
from toolgym.composing.names import SPLITS
from toolgym.envs.planarena.lexicon import themes, themes_of
from toolgym.envs.planarena.lexicon.checking import problems_of, shared_words
from toolgym.envs.planarena.lexicon.theme import Theme, Verb

MARINA = next(theme for theme in themes() if theme.name == "marina")


@pytest.mark.parametrize("theme", themes(), ids=lambda theme: theme.name)
def test_a_theme_is_right(theme: Theme) -> None:
    assert problems_of(theme) == []


def test_no_two_themes_share_a_noun_or_a_proper_name() -> None:
    assert shared_words(themes()) == []


def test_the_splits_share_out_the_themes() -> None:
    shared_out = [theme.name for split in SPLITS for theme in themes_of(split)]
    assert sorted(shared_out) == [theme.name for theme in themes()]
    for split in ("train", "test", "test_unseen"):
        assert themes_of(split)


def test_what_is_wrong_with_a_theme_is_told() -> None:
    berth, pump = MARINA.things
    wrong = replace(berth, fields={**berth.fields, "pier": Choice(("North", "south"), label="pier")})
    told = " ".join(problems_of(replace(MARINA, things=(wrong, pump))))
    assert "pier has values that are no lower-case words" in told
    assert "the Choice pier has no told" in told
    booking, job = MARINA.cases
    cancel = Verb(name="cancel", past="cancelled", ask=("Cancel {it}.", "Cancel that."), unseen=("Off with {it}.",))
    told = " ".join(problems_of(replace(MARINA, cases=(replace(booking, drop=cancel), job))))
    assert "'Cancel that.' has the placeholders [], not ['it']" in told


def test_a_word_of_two_themes_is_told() -> None:
    told = " ".join(shared_words([MARINA, replace(MARINA, name="harbour")]))
    assert "the noun 'berth' occurs 2 times" in told
    assert "the proper name 'Heron' occurs 2 times" in told

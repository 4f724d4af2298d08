"""World keys, and the names that are drawn for a world."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.composing.composer import worlds_of
from toolgym.composing.names import SPLITS, draw_name, owner, rng_for
from toolgym.composing.worlds import split_of, world_key
from toolgym.domain import Split
from toolgym.envs.library import LIBRARY
from toolgym.errors import ConfigError


def test_a_world_key_names_its_split() -> None:
    # (seed 2, four splits a seed, test is the third): (2 * 4 + 2) * 10^8 + 7.
    assert world_key("test", 7, seed=2) == 1_000_000_007
    assert split_of(1_000_000_007) == "test"
    assert split_of(3) == "train"


@given(seed=st.integers(0, 10**6), split=st.sampled_from(SPLITS), longest=st.integers(4, 9))
@settings(max_examples=50, deadline=None)
def test_names_are_of_one_spelling_and_of_their_split(seed: int, split: Split, longest: int) -> None:
    name = draw_name(rng_for(seed), split, longest)
    assert 3 <= len(name) <= longest
    assert name.isascii()
    assert name.isalpha()
    assert name == name.capitalize()
    assert owner(name) == split


def test_unusable_keys_and_sizes_are_refused() -> None:
    for key in (-1, True, "0", 1.0):
        with pytest.raises(ConfigError, match="int >= 0; given"):
            worlds_of(LIBRARY, "small", "standard")(key)
    with pytest.raises(ConfigError, match="Did you mean 'standard'"):
        worlds_of(LIBRARY, "standart", "standard")(0)  # type: ignore[arg-type]

"""Requests with unknown words: what counts stays, what the policy says stays, the rest varies by the seed."""

import re

import gymnasium
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toolgym  # noqa: F401 (registers the environments)
from toolgym.agents.builtin.tokenizer import build_tokenizer
from toolgym.agents.builtin.unknown import LITTLE, with_unknown_words
from toolgym.agents.rollouts.demonstrations import Example, demonstrate, examples

TOKENIZER = build_tokenizer()


@pytest.fixture(scope="module")
def episodes() -> list[Example]:
    env = gymnasium.make("ToolGym/Airline-v0", split="train", size="small", prompt="short").unwrapped
    return examples(demonstrate(env, TOKENIZER, [env.tasks[i] for i in range(12)]))  # pyright: ignore[reportArgumentType,reportAttributeAccessIssue]


def _request(example: Example) -> str:
    return TOKENIZER.decode(example.ids[: example.mask.index(1)])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_what_counts_stays_in_the_request_and_the_policys_part_is_untouched(episodes: list[Example], seed: int):
    little = set(LITTLE.split())
    for before, after in zip(
        episodes, with_unknown_words(episodes, TOKENIZER, seed=seed, share=1.0, rate=0.9), strict=True
    ):
        first, begins = before.mask.index(1), after.mask.index(1)
        assert (after.ids[begins:], after.mask[begins:]) == (before.ids[first:], before.mask[first:])
        assert len(after.ids) == len(after.mask)
        assert not any(after.mask[:begins])
        parts = re.findall(r"[\w|-]+", _request(before))
        counts = [part for part in parts if part not in little]
        kept = iter(re.findall(r"[\w|-]+", _request(after)))
        assert all(part in kept for part in counts), (_request(before), _request(after))  # in order


def test_a_share_of_none_changes_nothing_and_one_changes_most(episodes: list[Example]):
    assert with_unknown_words(episodes, TOKENIZER, seed=0, share=0.0) == episodes
    made = with_unknown_words(episodes, TOKENIZER, seed=0, share=1.0, rate=1.0)
    changed = sum(_request(a) != _request(b) for a, b in zip(episodes, made, strict=True))
    assert changed == len(episodes)  # each request has a word that carries little


def test_the_same_seed_gives_the_same_words(episodes: list[Example]):
    first, again, other = (with_unknown_words(episodes, TOKENIZER, seed=seed, share=1.0) for seed in (1, 1, 2))
    assert first == again
    assert first != other

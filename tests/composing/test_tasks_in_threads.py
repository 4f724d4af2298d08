"""Environments reset in threads: what is made at once is what is made in turn."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from toolgym.composing.composer import DeclaredComposer
from toolgym.composing.domain import Workshop
from toolgym.composing.making import Source
from toolgym.envs.library import LIBRARY


@pytest.fixture
def hasty():
    """Threads that take turns every few microseconds."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def _workshop() -> Workshop:
    composer = DeclaredComposer(LIBRARY)
    made = Workshop(composer, LIBRARY.new_server)
    composer.server = made.server
    return made


def test_tasks_made_in_threads_are_those_made_in_turn(hasty: None) -> None:
    source = Source(split="train", size="small", dialect="standard", seed=3)
    in_turn, at_once = _workshop(), _workshop()
    expected = [in_turn.task(source, index).model_dump() for index in range(24)]
    with ThreadPoolExecutor(6) as pool:
        made = pool.map(lambda index: at_once.task(source, index).model_dump(), range(24))
    assert list(made) == expected

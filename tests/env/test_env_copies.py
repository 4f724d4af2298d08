"""Environments are forked; copying and pickling them is refused with words that say so."""

import copy
import pickle

import cloudpickle
import gymnasium
import pytest
from gymnasium.wrappers import TimeLimit

import toolgym  # noqa: F401
from toolgym.errors import CopyError

WAYS = [copy.copy, copy.deepcopy, pickle.dumps, cloudpickle.dumps]


@pytest.mark.parametrize("way", WAYS)
def test_an_environment_names_fork(way):
    env = gymnasium.make("ToolGym/Airline-v0", size="small")
    env.reset(seed=0)
    with pytest.raises(CopyError, match=r"fork\(\)"):
        way(env.unwrapped)
    if way is not copy.copy:  # a wrapper's shallow copy shares the environment
        for wrapped in (env, TimeLimit(env, 3)):
            with pytest.raises(CopyError, match=r"env\.unwrapped\.fork\(\)"):
                way(wrapped)
    twin = env.unwrapped.fork()  # type: ignore[attr-defined]
    assert twin.step("<response>Hello.</response>")[1:] == env.step("<response>Hello.</response>")[1:]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["vector_entry_point", "sync"])
def test_a_vector_environment_names_fork(way, mode):
    envs = gymnasium.make_vec("ToolGym/Airline-v0", num_envs=2, vectorization_mode=mode, size="small")
    if mode == "sync" and way in (copy.copy, pickle.dumps):
        return  # Gymnasium's own: its shallow copy shares the environments, and it holds what pickle alone refuses
    with pytest.raises(CopyError, match=r"fork\(\)"):
        way(envs)

"""Several vLLM servers as one: who is asked, and what a run gets where one dies, hangs, lies or comes back."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolgym.agents import grpo
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.vllm_servers import VLLMServers
from toolgym.agents.rollouts.rollout import Rollout, Start, rollouts
from toolgym.agents.training.running import RunConfig
from toolgym.errors import ChatError, ConfigError

TROUBLES = ("killed", "hangs", "stuck", "garbage", "refuses", "busy")
OPTIONS = SamplingOptions(max_new_tokens=4, context_tokens=200)


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[..., VLLMServers]]:
    """Makes clients of several servers, which wait for nothing long."""
    made: list[VLLMServers] = []

    def client(servers: list[Any], **options: Any) -> VLLMServers:
        urls = [server if isinstance(server, str) else server.url for server in servers]
        made.append(VLLMServers(urls, tmp_path / "weights", **{"timeout_s": 60.0, "check_s": 1.0, **options}))
        return made[-1]

    yield client
    for servers in made:
        servers.close()


@pytest.fixture
def play(fresh: Any, tokenizer: Any, toy_envs: Any) -> Callable[..., list[Rollout]]:
    """Plays six episodes, all at once, by servers; seeded alike."""

    def played(servers: VLLMServers, policy: LMPolicy | None = None) -> list[Rollout]:
        policy = policy or LMPolicy(fresh(), tokenizer, OPTIONS, server=servers)
        policy.reseed(7)
        out = rollouts(policy, toy_envs(6), [Start(options={"task": task}) for task in range(6)])
        policy.release()
        return out

    return played


def tokens(played: list[Rollout]) -> list[list[int]]:
    return [rollout.completion_ids for rollout in played]


def falls_ill(server: Any, trouble: str, turn: int) -> None:
    """Makes a server get into trouble when it is asked for its n-th turn."""

    def change(turns: int) -> None:
        if turns == turn:
            server.on_turn = lambda turns: None
            if trouble == "killed":
                server.kill()
            else:
                server.trouble = trouble

    server.on_turn = change


def patience(trouble: str) -> dict[str, float]:
    """How long a server is waited for, where one that lives does nothing: as short as a busy machine allows."""
    return {"timeout_s": 5.0} if trouble == "stuck" else {}


def left_out(text: str) -> list[str]:
    return [line for line in text.splitlines() if "is left out" in line]


# Who is asked ---------------------------------------------------------------------------------------------------------


def test_episodes_are_spread_and_stay_with_the_server_of_their_prefix(standins: Any, connect: Any, play: Any) -> None:
    servers = standins(3)
    expected = tokens(play(connect(standins(1))))
    assert tokens(play(connect(servers))) == expected
    openings = []
    for server in servers:
        prompts = [request["prompt"] for request in server.turns]
        first = [ids for ids in prompts if not any(ids != other and ids[: len(other)] == other for other in prompts)]
        assert len(first) == 2  # of six episodes, by three servers
        assert len(prompts) > 2
        openings += first
    assert len({tuple(ids) for ids in openings}) == 6  # nobody's later turn is at another server


def test_a_new_episode_goes_to_the_server_that_holds_the_fewest(
    standins: Any, connect: Any, fresh: Any, tokenizer: Any
) -> None:
    one, two = standins(2)
    policy = LMPolicy(fresh(), tokenizer, OPTIONS, server=connect([one, two]))
    for slot in range(4):
        policy.start(slot, "hello", {"messages": [{"role": "user", "content": f"hello {slot}"}]})
        policy.generate([slot])
    assert (len(one.turns), len(two.turns)) == (2, 2)
    for slot in (0, 2):  # both of the first server's have ended
        policy.end(slot)
    for slot in (4, 5):
        policy.start(slot, "hello", {"messages": [{"role": "user", "content": f"hello {slot}"}]})
        policy.generate([slot])
    assert (len(one.turns), len(two.turns)) == (4, 2)


# Servers in trouble ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", TROUBLES)
def test_turns_of_a_server_in_trouble_are_sampled_elsewhere(
    trouble: str, standins: Any, connect: Any, play: Any, capsys: Any
) -> None:
    expected = play(connect(standins(1)))
    ill, sound = standins(2)
    falls_ill(ill, trouble, 2)
    played = play(connect([ill, sound], **patience(trouble)))
    assert tokens(played) == tokens(expected)
    assert [rollout.outcome for rollout in played] == [rollout.outcome for rollout in expected]
    for one, other in zip(played, expected, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)
    (said,) = left_out(capsys.readouterr().err)
    assert ill.url in said
    assert "1 of 2 go on" in said
    assert len(ill.turns) <= 1 + 6 * 2  # each episode asks it for a turn, at most twice, and never again


@pytest.mark.slow
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(script=st.lists(st.tuples(st.sampled_from(TROUBLES), st.integers(1, 6)), min_size=2, max_size=2))
def test_any_troubles_of_others_change_no_episode(
    script: list[tuple[str, int]], standins: Any, connect: Any, play: Any
) -> None:
    expected = tokens(play(connect(standins(1))))
    servers = standins(3)
    for server, (trouble, turn) in zip(servers[:2], script, strict=True):
        falls_ill(server, trouble, turn)
    assert tokens(play(connect(servers, timeout_s=5.0))) == expected


@pytest.mark.parametrize("trouble", ["killed", "hangs"])
def test_where_all_are_dead_it_is_said(trouble: str, standins: Any, connect: Any, play: Any) -> None:
    servers = standins(2)
    for server in servers:
        falls_ill(server, trouble, 2)
    with pytest.raises(ChatError, match=r"none of the 2 vLLM servers is left; start one again and go on with") as told:
        play(connect(servers))
    assert all(server.url in str(told.value) for server in servers)


def test_mistakes_of_all_are_mistakes(standins: Any, connect: Any, fresh: Any) -> None:
    servers = standins(2)
    for server in servers:
        server.dev_mode = False
    with pytest.raises(ConfigError, match=r"none of the 2 .*has no /collective_rpc.*has no /collective_rpc"):
        connect(servers).load(fresh())


def test_a_server_that_is_not_there_at_the_start(standins: Any, connect: Any, play: Any, capsys: Any) -> None:
    late, sound = standins(2)
    late.kill()
    play(connect([late, sound]))
    assert len(left_out(capsys.readouterr().err)) == 1
    with pytest.raises(ChatError, match=r"none of the 2 vLLM servers is left"):
        connect([late.url, "http://127.0.0.1:9"])


def test_a_server_is_named_once(standins: Any, connect: Any) -> None:
    (server,) = standins(1)
    with pytest.raises(ConfigError, match="must name each server once"):
        connect([server.url, server.url + "/v1/"])


# Weights --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def smaller(fresh: Any) -> Any:
    """Other weights than those that servers begin with."""
    model = fresh()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.8)
    return model


def test_a_server_that_comes_back_has_new_weights_before_it_samples(
    standins: Any, connect: Any, play: Any, fresh: Any, smaller: Any, tokenizer: Any, capsys: Any
) -> None:
    alone = LMPolicy(fresh(), tokenizer, OPTIONS, server=connect(standins(1)))
    first = tokens(play(alone.decoder.servers, alone))
    alone.use(smaller)
    second = tokens(play(alone.decoder.servers, alone))
    assert first != second

    lost, sound = standins(2)
    servers = connect([lost, sound])
    policy = LMPolicy(fresh(), tokenizer, OPTIONS, server=servers)
    falls_ill(lost, "killed", 2)
    assert tokens(play(servers, policy)) == first
    lost.begin()  # with the weights that it was started with
    asked = len(lost.seen)
    assert tokens(play(servers, policy)) == first
    assert len(lost.seen) == asked  # nobody knows what it would sample by
    assert len(left_out(capsys.readouterr().err)) == 1
    policy.use(smaller)
    assert tokens(play(servers, policy)) == second
    after = [request["path"] for request in lost.seen[asked:]]
    assert after[:2] == ["/collective_rpc", "/reset_prefix_cache"]
    assert "/v1/completions" in after
    said = capsys.readouterr().err
    assert left_out(said) == []
    assert f"{lost.url} has the run's weights and is used again" in said


@pytest.mark.parametrize("trouble", [*TROUBLES, "reads nothing"])
def test_a_server_that_does_not_read_the_weights_is_left_out(
    trouble: str, standins: Any, connect: Any, play: Any, fresh: Any, smaller: Any, tokenizer: Any, capsys: Any
) -> None:
    alone = LMPolicy(fresh(), tokenizer, OPTIONS, server=connect(standins(1)))
    alone.use(smaller)
    expected = tokens(play(alone.decoder.servers, alone))
    ill, sound = standins(2)
    servers = connect([ill, sound], **patience(trouble))
    policy = LMPolicy(fresh(), tokenizer, OPTIONS, server=servers)
    if trouble == "killed":
        ill.kill()
    elif trouble == "reads nothing":
        ill.dev_mode = False
    else:
        ill.trouble = trouble
    for _ in range(2):
        policy.use(smaller)
        assert tokens(play(servers, policy)) == expected
    assert ill.turns == []
    assert len(left_out(capsys.readouterr().err)) == 1
    ill.trouble, ill.dev_mode = "", True
    if trouble == "killed":
        ill.begin()
    policy.use(smaller)
    assert tokens(play(servers, policy)) == expected
    assert ill.turns != []


def test_weights_are_written_once_for_all(
    standins: Any, connect: Any, fresh: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    home = "toolgym.agents.policies.vllm_servers.write_weights"
    from toolgym.agents.policies.vllm import write_weights

    monkeypatch.setattr(home, lambda model, folder: (written.append(folder), write_weights(model, folder)))
    servers = standins(3)
    connect(servers).load(fresh())
    assert len(written) == 1
    assert [[request["path"] for request in server.seen] for server in servers] == [
        ["/collective_rpc", "/reset_prefix_cache"]
    ] * 3


def test_another_process_says_which_servers_have_the_weights(standins: Any, connect: Any, play: Any) -> None:
    one, two = standins(2)
    servers = connect([one, two])
    servers.use_only([two.url])
    expected = tokens(play(servers))
    assert one.turns == []
    servers.use_only([one.url, two.url])
    assert tokens(play(servers)) == expected
    assert one.turns != []


# Runs -----------------------------------------------------------------------------------------------------------------


def test_a_run_goes_on_where_a_server_dies(
    standins: Any, start: str, tmp_path: Path, metrics: Any, capsys: Any
) -> None:
    """The same run with servers of which one dies, and with one that does not."""

    def lines(name: str, *urls: str) -> Any:
        where = ["--model", start, "--size", "small", "--prompt", "short", "--threads", "1", "--no-progress"]
        size = ["--groups", "1", "--rollouts", "4", "--micro-batch", "4", "--max-new-tokens", "4", "--steps", "2"]
        grpo.main([*where, *size, "--output", str(tmp_path / name), "--vllm", *urls])
        return metrics(tmp_path / name)

    servers = standins(3)
    for server in servers:
        server.context = 1024
    falls_ill(servers[1], "killed", 2)
    for two, one in zip(lines("two", servers[1].url, servers[2].url), lines("one", servers[0].url), strict=True):
        assert two == pytest.approx(one, abs=1e-6)
    assert len(left_out(capsys.readouterr().err)) == 1
    config = json.loads((tmp_path / "two" / "config.json").read_text())
    assert config["vllm"] == [servers[1].url, servers[2].url]


def test_one_url_may_be_a_text() -> None:
    assert RunConfig(vllm="http://x").vllm == "http://x"
    with pytest.raises(ConfigError, match="temperature must be"):
        RunConfig(vllm=("http://x", "http://y"), temperature=0.5)

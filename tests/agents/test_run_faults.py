"""What a run cannot do is told in one line as it begins; what goes wrong later loses nothing that was written."""

import json
import math
import resource
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerCallback

from toolgym.agents import grpo, rft
from toolgym.agents.dupo import DUPOOptions
from toolgym.agents.grpo import GRPOOptions
from toolgym.agents.rft import RFTOptions
from toolgym.agents.sft import SFTOptions
from toolgym.agents.training import registry
from toolgym.agents.training.run_folder import begin, kept, latest_checkpoint
from toolgym.agents.training.running import run
from toolgym.agents.training.sizing import settled
from toolgym.cli.app import main as cli
from toolgym.errors import ConfigError


def one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a command says that ends with exit status 2: one line."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli(words)
    assert ended.value.code == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "Error" in line]
    return line


def test_where_nothing_can_be_reported_to_is_told_before_anything_is_played(
    airline_arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rft, "training_examples", None)  # playing
    words = [*airline_arguments[:8], "--report-to", "clearml", "--output", str(tmp_path / "run")]
    assert "report_to='clearml' needs a package that is not installed" in one_line(
        ["train", "--algo", "rft", *words], capsys
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", [GRPOOptions, SFTOptions, RFTOptions, DUPOOptions])
def test_absurd_numbers_are_told(kind: Any) -> None:
    for name, value in (
        ("learning_rate", math.inf),
        ("learning_rate", math.nan),
        ("learning_rate", -math.inf),
        ("steps", 99999999999999999999999),
        ("save_steps", 2**31),
        ("env_steps", 10**30),
        ("threads", 10**6),
        ("lora_rank", 10**12),
    ):
        with pytest.raises(ConfigError, match=f"^{name} must be"):
            kind(**{name: value})
    with pytest.raises(ConfigError, match="epochs must be a finite number"):
        SFTOptions(epochs=math.inf)
    with pytest.raises(ConfigError, match="type_weights must be a finite number"):
        DUPOOptions(type_weights=(1.0, 1.0, 1.0, 1.0, 1.0, math.nan))
    with pytest.raises(ConfigError, match="at most 65536 are possible"):
        GRPOOptions(groups=10**6)


class Once(TrainerCallback):
    """Ends a run behind its first step."""

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_training_stop = True


def test_steps_to_come_take_no_memory(fresh: Any, tokenizer: Any, tmp_path: Path, shape: dict[str, Any]) -> None:
    changes = {"steps": 50_000_000, "size": "small", "prompt": "short", "context_tokens": 700}
    config = GRPOOptions(output=tmp_path, **{**shape, **changes})
    tracemalloc.start()
    try:
        run(grpo.make_trainer(config, model=fresh(), tokenizer=tokenizer, callbacks=[Once()]), config)
        assert tracemalloc.get_traced_memory()[1] < 300e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("output", ["/dev/null/run", "/proc/nothing/run"])
def test_a_folder_that_cannot_be_made(
    output: str, airline_arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = one_line(["train", "--algo", "grpo", *airline_arguments, "--output", output], capsys)
    assert f"cannot write to '{output}'" in said


LIMITED = """
import resource, sys
from toolgym.agents.training import callbacks
from toolgym.cli.app import main

class Limit(callbacks.ReleaseMemory):
    def on_step_end(self, args, state, control, **_):
        if state.global_step == 2:  # the disk is full: no file may grow beyond what a checkpoint needs
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))

callbacks.ReleaseMemory = Limit
main(sys.argv[2:])
"""


@pytest.mark.slow
@pytest.mark.parametrize("most", [20_000, 200])  # within the weights; within the small files
def test_a_disk_that_is_full_in_a_checkpoint(most: int, airline_arguments: list[str], tmp_path: Path) -> None:
    output = tmp_path / "run"
    words = ["train", "--algo", "grpo", *airline_arguments, "--steps", "3", "--save-steps", "1"]
    command = [sys.executable, "-c", LIMITED, str(most), *words, "--output", str(output)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert ended.returncode == 2, ended.stderr[-2000:]
    assert "Traceback" not in ended.stderr
    assert f"cannot write to '{output}'" in ended.stderr.replace("\n", "")
    assert "checkpoint-1 with --resume" in ended.stderr
    assert latest_checkpoint(output) == str(output / "checkpoint-1")
    assert registry.main("grpo", [*words[3:], "--output", str(output), "--resume"]) == 0
    lines = [json.loads(line)["step"] for line in (output / "metrics.jsonl").read_text().splitlines()]
    assert lines == [1, 2, 3]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


# Going on elsewhere -------------------------------------------------------------------------------------------------


def begun(config: Any, output: Path, **device: Any) -> Any:
    """A run that was begun, as another device or other processes chose what was not given."""
    made = replace(settled(replace(config, output=output)), **device)
    begin(made)
    (output / "checkpoint-1").mkdir()
    (output / "checkpoint-1" / "trainer_state.json").write_text("{}")
    return made


def test_what_was_not_given_is_no_difference(tmp_path: Path) -> None:
    elsewhere = {"bf16": True, "dtype": "bfloat16", "micro_batch": 2, "context_tokens": 4096, "concurrency": 5}
    first = begun(GRPOOptions(), tmp_path, **elsewhere)
    again = GRPOOptions(output=tmp_path, resume=True)
    now = settled(kept(again))
    # Taken from there; but how many episodes run at once follows from what is here.
    assert (now.bf16, now.dtype, now.micro_batch, now.context_tokens) == (True, "bfloat16", 2, 4096)
    assert now.concurrency == 64
    assert begin(now) == str(tmp_path / "checkpoint-1")
    assert settled(kept(again)) == now  # and once more
    # What is given is compared, but for what changes nothing.
    assert begin(settled(kept(replace(again, micro_batch=1, gradient_checkpointing=True, concurrency=3))))
    with pytest.raises(ConfigError, match="context_tokens=4096, not 2048"):
        begin(settled(kept(replace(again, context_tokens=2048))))
    assert first.derived == now.derived


def test_what_was_given_must_be_given_again(tmp_path: Path) -> None:
    begun(GRPOOptions(learning_rate=1e-5), tmp_path)
    again = GRPOOptions(output=tmp_path, resume=True)
    with pytest.raises(ConfigError, match=r"learning_rate=1e-05, not 0\.0002"):
        begin(settled(kept(again)))
    assert begin(settled(kept(replace(again, learning_rate=1e-5))))


def test_runs_that_explore_keep_how_they_explored(tmp_path: Path) -> None:
    begun(RFTOptions(), tmp_path, concurrency=6)  # how many tasks are played together decides what is drawn
    assert settled(kept(RFTOptions(output=tmp_path, resume=True))).concurrency == 6


def test_a_model_may_be_named_in_another_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    begun(GRPOOptions(model="model"), tmp_path / "run")
    again = GRPOOptions(model=str(tmp_path / "model"), output=tmp_path / "run", resume=True)
    assert begin(settled(kept(again)))


def test_two_processes_go_on_with_what_one_began(start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--model", start, "--steps", "2", "--groups", "2", "--rollouts", "2", "--output", str(tmp_path / "run")]
    words += ["--size", "small", "--prompt", "short", "--max-new-tokens", "5", "--threads", "1", "--no-progress"]
    assert registry.main("grpo", words) == 0
    from toolgym.agents.training import running
    from toolgym.agents.training.options import parse_options

    monkeypatch.setattr(running, "processes", lambda: 2)
    monkeypatch.setenv("WORLD_SIZE", "2")
    config, _, _ = running.load(parse_options(GRPOOptions, [*words, "--resume"], prog="p", description="d"))
    assert config.concurrency == 2  # it was 4
    assert begin(config)

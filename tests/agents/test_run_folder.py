"""The folder of a run: nothing in it is lost or mixed, and its model knows the world that it was trained in."""

import itertools
import json
import shutil
import signal
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.integrations import integration_utils
from transformers.utils import logging

from tests.agents.programs import Program
from toolgym.agents.grpo import GRPOOptions
from toolgym.agents.policies.models import load_model, quiet
from toolgym.agents.sft import SFTOptions
from toolgym.agents.training import registry
from toolgym.agents.training.common_options import RunConfig, check_reports, places_of
from toolgym.agents.training.rft_options import RFTOptions
from toolgym.agents.training.run_folder import begin, latest_checkpoint, save_settings, settings_of
from toolgym.agents.training.running import env_options, lora
from toolgym.agents.training.tree_options import TreeOptions
from toolgym.cli import main as cli
from toolgym.errors import ConfigError, DivergenceError

AIRLINE, SERVER = "ToolGym/Airline-v0", "ToolGym/MCP-v0"


@pytest.fixture
def config(tmp_path: Path) -> GRPOOptions:
    """Options whose folder holds a checkpoint, two lines of metrics and a model."""
    config = GRPOOptions(output=tmp_path / "run", learning_rate=2e-4)
    assert begin(config) is None
    (config.output / "checkpoint-20").mkdir()
    (config.output / "checkpoint-20" / "trainer_state.json").write_text("{}")
    (config.output / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2}\n')
    (config.output / "final").mkdir()
    return config


def test_a_run_is_not_begun_over_another(config: GRPOOptions) -> None:
    with pytest.raises(ConfigError, match=r"holds a run \(checkpoint-20\): go on with it \(--resume\), begin anew"):
        begin(replace(config, seed=1))
    assert json.loads((config.output / "config.json").read_text())["seed"] == 0
    assert latest_checkpoint(config.output)
    assert begin(replace(config, seed=1, overwrite=True)) is None
    assert [path.name for path in config.output.iterdir()] == ["config.json"]
    # A run that was stopped before its first step has left nothing that would be missed.
    (config.output / "metrics.jsonl").touch()
    assert begin(config) is None
    (config.output / "metrics.jsonl").write_text('{"step": 1}\n')
    with pytest.raises(ConfigError, match=r"metrics\.jsonl"):
        begin(config)


def test_the_model_to_begin_from_is_not_overwritten(config: GRPOOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    model = config.output / "final"
    (model / "weights").write_text("kept")
    with pytest.raises(ConfigError, match="--overwrite would remove the model to begin from"):
        begin(replace(config, model=str(model), overwrite=True))
    assert (model / "weights").read_text() == "kept"
    monkeypatch.chdir(config.output)  # where a model that is no file would lie, by its name
    begin(replace(config, output=Path(), overwrite=True))
    assert not model.exists()


def test_nothing_to_resume_says_how_to_begin(tmp_path: Path) -> None:
    config = GRPOOptions(output=tmp_path / "run", resume=True)
    with pytest.raises(ConfigError, match="begin anew, without --resume"):
        begin(config)
    begin(replace(config, resume=False))  # and killed before its first checkpoint
    with pytest.raises(ConfigError, match="begin anew, with --overwrite in its place"):
        begin(config)


def test_the_split_is_an_option_of_its_own(config: GRPOOptions) -> None:
    with pytest.raises(ConfigError, match="--split"):
        env_options(replace(config, set=("split=test",)))


@pytest.mark.parametrize("twice", [{"size": "small"}, {"prompt": "short"}, {"depth": (1,)}])
def test_an_option_of_the_environment_is_given_once(config: GRPOOptions, twice: dict[str, Any]) -> None:
    other = {"size": "large", "prompt": "full", "depth": 4}
    for name in twice:
        settings = (f"{name}={other[name]}",)
        assert env_options(replace(config, set=settings))[name] == other[name]
        with pytest.raises(ConfigError, match=f"--{name} and --set {name}=… are two: give one of them"):
            env_options(replace(config, **twice, set=settings))


def test_a_run_goes_on_or_begins_anew() -> None:
    with pytest.raises(ConfigError, match="resume keeps what the output folder holds and overwrite removes it"):
        GRPOOptions(resume=True, overwrite=True)


def test_a_run_goes_on_with_its_own_options(config: GRPOOptions) -> None:
    more = replace(config, resume=True, steps=70, threads=1, progress=False)
    assert begin(more) == str(config.output / "checkpoint-20")
    with pytest.raises(ConfigError, match=r"learning_rate=0\.0002, not 1e-05.*same options"):
        begin(replace(more, learning_rate=1e-5))
    with pytest.raises(ConfigError, match="another algorithm"):
        begin(SFTOptions(output=config.output, resume=True))
    shutil.rmtree(config.output / "checkpoint-20")
    with pytest.raises(ConfigError, match="nothing to resume"):
        begin(more)
    made = config.output / "examples.jsonl"
    made.write_text("{}\n")
    assert begin(more, made) is None


def test_an_option_that_is_new_had_its_default_in_older_runs(config: GRPOOptions) -> None:
    """Whichever it is: the file of a run that was begun before it existed lacks it."""
    path, more = config.output / "config.json", replace(config, resume=True)
    written = json.loads(path.read_text())
    for names in (["share_prefixes"], ["stale", "vllm"], ["overlong", "attempts"], ["derived"], ["tool_role", "set"]):
        path.write_text(json.dumps({name: value for name, value in written.items() if name not in names}))
        assert begin(more) == str(config.output / "checkpoint-20")
        assert json.loads(path.read_text()).keys() == written.keys()  # and it has them now
    # What is given otherwise than it was then is another run.
    path.write_text(json.dumps({name: value for name, value in written.items() if name != "stale"}))
    with pytest.raises(ConfigError, match=r"holds a run with stale=0, not 1\. Resume it with the same options"):
        begin(replace(more, stale=1))
    # What follows from the model where it is not given did so then, too.
    path.write_text(json.dumps({name: value for name, value in written.items() if name != "max_new_tokens"}))
    assert begin(replace(more, max_new_tokens=200, derived=("max_new_tokens",)))
    path.write_text(json.dumps({name: value for name, value in written.items() if name != "max_new_tokens"}))
    with pytest.raises(ConfigError, match="max_new_tokens=None, not 64"):
        begin(replace(more, max_new_tokens=64))


@pytest.mark.parametrize(
    "kinds", [*itertools.permutations((RunConfig, GRPOOptions, TreeOptions, SFTOptions, RFTOptions), 2)]
)
def test_a_run_of_another_algorithm_is_none_that_lacks_options(kinds: tuple[Any, Any], tmp_path: Path) -> None:
    begun, resumed = kinds
    begin(begun(output=tmp_path))
    (tmp_path / "checkpoint-1").mkdir()
    (tmp_path / "checkpoint-1" / "trainer_state.json").write_text("{}")
    with pytest.raises(ConfigError, match="holds a run of another algorithm"):
        begin(resumed(output=tmp_path, resume=True))


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is a file"):
        begin(GRPOOptions(output=tmp_path / "file"))


def test_a_model_knows_the_world_it_was_trained_in(tmp_path: Path) -> None:
    small = {"size": "small", "prompt": "short"}
    assert settings_of("builtin:imperfect", AIRLINE) == small
    assert settings_of("builtin", SERVER) == {"prompt": "short"}  # a server of one's own has no size
    assert settings_of("Qwen/Qwen3-0.6B", AIRLINE) == settings_of(str(tmp_path), AIRLINE) == {}
    save_settings(tmp_path, AIRLINE, {"size": "large", "depth": (1,)})
    assert settings_of(str(tmp_path), AIRLINE) == {"size": "large"}
    # What is given wins.
    given = GRPOOptions(model=str(tmp_path), prompt="short", set=("max_turns=9", 'kinds=["cancel"]', "size=small"))
    assert env_options(given) == {"size": "small", "prompt": "short", "max_turns": 9, "kinds": ["cancel"]}
    with pytest.raises(ConfigError, match="NAME=VALUE"):
        env_options(GRPOOptions(set=("max_turns",)))


def tiny(start: str, *more: str) -> list[str]:
    words = ["--model", start, "--groups", "1", "--rollouts", "2", "--steps", "1", "--max-new-tokens", "6"]
    return [*words, "--threads", "1", "--no-progress", *more]


def test_one_stage_after_another_plays_in_the_same_world(
    start: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "sft", tmp_path / "grpo"
    words = ["--model", start, "--episodes", "2", "--batch", "2", "--steps", "1", "--threads", "1", "--no-progress"]
    assert registry.main("sft", [*words, "--size", "small", "--prompt", "short", "--output", str(first)]) == 0
    assert json.loads((first / "final" / "environment.json").read_text()) == {
        "env": AIRLINE,
        "size": "small",
        "prompt": "short",
    }
    # The full observation of this environment alone would fill the context.
    assert registry.main("grpo", tiny(str(first / "final"), "--output", str(second))) == 0
    capsys.readouterr()
    assert settings_of(str(second / "final"), AIRLINE) == {"size": "small", "prompt": "short"}
    with pytest.raises(SystemExit) as ended:
        cli(["eval", "--agent", f"hf:{second / 'final'}", "--episodes", "1", "--max-new-tokens", "6", "--json"])
    assert not ended.value.code
    assert json.loads(capsys.readouterr().out)["env_options"] == {"size": "small", "prompt": "short"}


def test_an_adapter_is_trained_further(start: str, tmp_path: Path) -> None:
    from peft import get_peft_model

    words = tiny(start, "--size", "small", "--prompt", "short", "--lora-rank", "2", "--output", str(tmp_path / "one"))
    assert registry.main("grpo", words) == 0
    # An adapter that does something: the merged model says what the two together do.
    model, tokenizer = load_model(start)
    with warnings.catch_warnings():
        quiet()
        both = get_peft_model(model, lora(2))
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in both.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    both.save_pretrained(str(tmp_path / "adapter"))
    tokenizer.save_pretrained(str(tmp_path / "adapter"))
    merged, _ = load_model(tmp_path / "adapter")
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        plain = load_model(start)[0](input_ids=ids).logits
        assert torch.allclose(merged(input_ids=ids).logits, both(input_ids=ids).logits, atol=1e-4)
        assert not torch.allclose(merged(input_ids=ids).logits, plain, atol=1e-2)
    assert all(parameter.requires_grad for parameter in merged.parameters())
    assert registry.main("grpo", tiny(str(tmp_path / "one" / "final"), "--output", str(tmp_path / "two"))) == 0


def test_tensorboard_draws_a_resumed_run_as_one(start: str, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def points(output: Path) -> list[int]:
        (folder,) = {path.parent for path in output.rglob("events.out.tfevents*")}
        assert folder == output / "tensorboard"
        return [point.step for point in EventAccumulator(str(folder)).Reload().Scalars("train/loss")]

    output = tmp_path / "run"
    words = tiny(start, "--size", "small", "--prompt", "short", "--report-to", "tensorboard", "--save-steps", "2")
    words += ["--output", str(output)]
    assert registry.main("grpo", [*words, "--steps", "3"]) == 0
    shutil.rmtree(output / "checkpoint-3")  # killed behind step 3: step 3 is taken again
    assert registry.main("grpo", [*words, "--steps", "4", "--resume"]) == 0
    assert points(output) == [1, 2, 3, 4]
    assert registry.main("grpo", [*words, "--steps", "1", "--overwrite"]) == 0
    assert points(output) == [1]
    assert not (output / "README.md").exists()  # TRL's model card, which would name no base model


def test_missing_weights_are_told_unless_they_are_tied(
    start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import trainer

    told: list[str] = []
    monkeypatch.setattr(trainer.logger, "warning", told.append)
    words = tiny(start, "--size", "small", "--prompt", "short", "--save-steps", "1", "--output", str(tmp_path / "run"))
    assert registry.main("grpo", words) == 0
    assert registry.main("grpo", [*words, "--steps", "2", "--resume"]) == 0
    assert not [text for text in told if "missing keys" in text]
    file = tmp_path / "run" / "checkpoint-2" / "model.safetensors"
    weights = load_file(file)
    assert "lm_head.weight" not in weights
    save_file({name: value for name, value in weights.items() if name != "model.norm.weight"}, file)
    assert registry.main("grpo", [*words, "--steps", "3", "--resume"]) == 0
    (text,) = (text for text in told if "missing keys" in text)
    assert "['model.norm.weight']" in text


def test_training_on_a_server_of_ones_own(start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        cli(["new", "server", "shop"])
    assert not ended.value.code
    words = tiny(start, "--env", SERVER, "--prompt", "short", "--output", "run")
    assert registry.main("grpo", [*words, "--set", "servers=shop/server.py:server", "tasks=shop/tasks.yaml"]) == 0
    (line,) = Path("run/metrics.jsonl").read_text().splitlines()
    assert json.loads(line)["infra_errors"] == 0
    assert json.loads(line)["env_steps"] >= 2


def test_ctrl_c_is_given_back_however_a_run_ends(start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)
    words = tiny(start, "--size", "small", "--prompt", "short")
    assert registry.main("grpo", [*words, "--output", str(tmp_path / "one")]) == 0
    assert signal.getsignal(signal.SIGINT) == before

    def breaks(*_: Any, **__: Any) -> Any:
        assert signal.getsignal(signal.SIGINT) != before
        raise DivergenceError("it diverged")

    monkeypatch.setattr("toolgym.agents.training.trainer.ToolTrainer.training_step", breaks)
    with pytest.raises(DivergenceError):
        registry.main("grpo", [*words, "--output", str(tmp_path / "two")])
    assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.slow
def test_ctrl_c_leaves_a_checkpoint_from_which_the_run_goes_on(start: str, tmp_path: Path) -> None:
    output = tmp_path / "run"
    words = ["--groups", "1", "--rollouts", "2", "--max-new-tokens", "6", "--size", "small", "--prompt", "short"]
    words += ["--model", start, "--threads", "1", "--no-progress", "--output", str(output)]
    command = ["-m", "toolgym", "train", "--algo", "grpo", *words]
    with Program([*command, "--steps", "500"], tmp_path / "out", tmp_path / "err") as run:
        lines, ends = output / "metrics.jsonl", time.monotonic() + 120
        while not (lines.is_file() and len(lines.read_text().splitlines()) >= 2) and time.monotonic() < ends:
            time.sleep(0.1)
        run.interrupt()
        assert run.wait(120) == 130
    step = len(lines.read_text().splitlines())
    assert 2 <= step < 500
    assert f"Stopped at step {step} of 500; go on with --resume." in run.said()
    assert latest_checkpoint(output) == str(output / f"checkpoint-{step}")
    assert not (output / "final").exists()
    with Program([*command, "--steps", step + 1, "--resume"], tmp_path / "more", tmp_path / "more.err") as more:
        assert more.wait(240) == 0, more.said()
    assert more.out.read_text().strip().endswith("final")
    assert [json.loads(line)["step"] for line in lines.read_text().splitlines()] == list(range(1, step + 2))


def test_a_place_to_report_to_is_known() -> None:
    for kind in (GRPOOptions, SFTOptions):
        with pytest.raises(ConfigError, match=r"report_to: .*Did you mean 'tensorboard'"):
            kind(report_to="tensorbord")
        assert kind(report_to="wandb").report_to == "wandb"
        assert places_of(kind(report_to="tensorboard, trackio").report_to) == ["tensorboard", "trackio"]
        with pytest.raises(ConfigError, match=r"report_to: .*Did you mean 'trackio'"):
            kind(report_to="tensorboard,trakio")
        for alone in ("none,wandb", "wandb,all", "none,none"):
            with pytest.raises(ConfigError, match="stands alone"):
                kind(report_to=alone)


def test_each_place_to_report_to_is_there_before_anything_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integration_utils, "get_available_reporting_integrations", lambda: ["tensorboard"])
    check_reports("tensorboard")
    with pytest.raises(
        ConfigError, match=r"report_to='trackio' .*pip install trackio\), or report to one of none, all, ten"
    ):
        check_reports("tensorboard,trackio")


def test_a_device_that_is_not_there(start: str) -> None:
    with pytest.raises(ConfigError, match="cannot be put on 'cuda:97'"):
        load_model(start, device="cuda:97")


def test_the_command_line_names_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        registry.main("grpo", ["--stps", "3"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "Did you mean '--steps'?" in said
    assert len(said.splitlines()) == 1
    with pytest.raises(SystemExit):
        registry.main("grpo", ["--step", "3"])  # no abbreviations
    assert "--steps" in capsys.readouterr().err
    for algo, first in (("ppo", "final reward only"), ("vine", "forked continuations"), ("rloo", "RLOO")):
        with pytest.raises(SystemExit):
            registry.main(algo, ["--help"])
        said = capsys.readouterr().out
        assert first in said
        assert "default: None" not in said
        assert "(default: 2e-4; from 50M parameters on 1e-6" in " ".join(said.split())


def test_the_library_draws_no_bars_of_its_own_into_the_runs(
    airline_arguments: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logging.enable_progress_bar()
    assert registry.main("grpo", [*airline_arguments, "--save-steps", "1", "--output", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "checkpoint-1" / "model.safetensors").is_file()
    assert "shards" not in capfd.readouterr().err
    assert logging.is_progress_bar_enabled()

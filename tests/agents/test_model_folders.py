"""A model's folder is data: what it may say, what is told, and what it cannot do."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from toolgym.agents.builtin.shipped import checkpoint_path
from toolgym.agents.evaluation.evaluation import make_policy
from toolgym.agents.grpo import GRPOOptions
from toolgym.agents.policies.gguf_files import gguf_of
from toolgym.agents.policies.gguf_files import main as convert_main
from toolgym.agents.policies.model_files import refuse_code
from toolgym.agents.policies.models import lasting_name, load_model, load_tokenizer, model_path
from toolgym.agents.policies.sizes import named_size
from toolgym.agents.rollouts.recording import cut_later
from toolgym.agents.search.value import ValueScore
from toolgym.agents.training import registry
from toolgym.agents.training.critic import ValueHead
from toolgym.agents.training.explore import Progress, once
from toolgym.agents.training.run_folder import begin, drop_later, one_writer, read_number, save_settings, settings_of
from toolgym.agents.training.running import env_options
from toolgym.cli import main
from toolgym.errors import ConfigError, LockedError, ToolGymError, TrajectoryError

AIRLINE = "ToolGym/Airline-v0"
EVIL = "import pathlib\npathlib.Path({mark!r}).write_text('ran')\n\n\ndef r(trajectory, task):\n    return 1.0\n"


def copied(start: str, folder: Path) -> Path:
    """A model's folder of one's own."""
    model, tokenizer = load_model(start)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def stranger(start: str, tmp_path: Path) -> Path:
    """A model's folder that would like to run code."""
    folder = copied(start, tmp_path / "m")
    (folder / "evil.py").write_text(EVIL.format(mark=str(tmp_path / "mark")))
    return folder


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


def test_a_model_cannot_choose_what_is_measured_or_run_code(
    stranger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = {"reward": f"{stranger}/evil.py:r", "depth": 1, "kinds": ["cancel"], "max_turns": 1, "reveal_gold": True}
    said = {"env": AIRLINE, "size": "small", "prompt": "short"}
    (stranger / "environment.json").write_text(json.dumps({**said, **wanted}))
    assert settings_of(str(stranger), AIRLINE) == {"size": "small", "prompt": "short"}
    assert env_options(GRPOOptions(model=str(stranger))) == {"size": "small", "prompt": "short"}
    small = ("--episodes", "1", "--max-new-tokens", "4", "--json")
    capsys.readouterr()
    assert run("eval", "--agent", f"hf:{stranger}", *small) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["env_options"] == {"size": "small", "prompt": "short"}
    assert f"As {stranger} was trained: size=small, prompt=short\n" in printed.err
    assert "not taken: 'depth, kinds, max_turns, reveal_gold, reward'" in printed.err
    assert run("eval", "--agent", f"hf:{stranger}", "--set", "size=standard", *small) == 0
    assert "was trained: prompt=short\n" in capsys.readouterr().err  # what was given otherwise is not told
    assert not (tmp_path / "mark").exists()


def test_training_tells_what_it_took_from_the_model(
    stranger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_settings(stranger, AIRLINE, {"size": "small", "prompt": "short", "depth": 3})
    words = ["--model", str(stranger), "--episodes", "2", "--batch", "2", "--steps", "1", "--threads", "1"]
    assert registry.main("sft", [*words, "--no-progress", "--output", str(tmp_path / "run")]) == 0
    assert f"As {stranger} was trained: size=small, prompt=short\n" in capsys.readouterr().err
    assert not (tmp_path / "run" / ".lock").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"size": "evil.py:r"}', "size is 'evil.py:r'; expected 'small' or 'standard' or 'large'"),
        ('{"prompt": ["short"]}', r"prompt is \['short'\]; expected 'full'"),
        ("[1]", "damaged: expected a JSON object, got list"),
        ("{", "damaged: no JSON"),
        ("[" * 100_000, "damaged: no JSON"),
        ('{"size": ' + "1" * 5000 + "}", "damaged: no JSON"),
        ("\udcff", "damaged: no JSON"),
    ],
)
def test_a_damaged_environment_json_is_one_error(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "environment.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=f"environment.json.*{message}"):
        settings_of(str(tmp_path), AIRLINE)


def test_code_that_comes_with_a_model_is_never_run_nor_asked_about(
    stranger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever answers "y" to everything on stdin runs nothing either."""
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    config = json.loads((stranger / "config.json").read_text())
    named = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model", "AutoTokenizer": ["evil.Tok", None]}
    own = {**config, "model_type": "evil", "architectures": ["Model"], "auto_map": named}
    (stranger / "config.json").write_text(json.dumps(own))
    for load in (load_model, named_size):
        with pytest.raises(ConfigError, match="cannot load the model"):
            load(str(stranger))
    (stranger / "config.json").write_text(json.dumps(config))
    tokenizer = json.loads((stranger / "tokenizer_config.json").read_text())
    tokenizer |= {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Tok", None]}}
    (stranger / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    try:
        load_tokenizer(str(stranger))  # a tokenizer of the library's own, or an error
    except ConfigError as error:
        assert "cannot load the model" in str(error)  # noqa: PT017
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("file", "more"),
    [
        ("config.json", {"attn_implementation": "somebody/kernels"}),
        ("config.json", {"_attn_implementation": {"text": "somebody/kernels@main:f"}}),
        ("adapter_config.json", {"megatron_core": "evil", "megatron_config": {}}),
    ],
)
def test_modules_and_kernels_that_a_model_s_files_name_are_refused(stranger: Path, file: str, more: dict) -> None:
    path = stranger / file
    held = json.loads(path.read_text()) if path.exists() else {"peft_type": "LORA", "base_model_name_or_path": ""}
    refuse_code(stranger)
    path.write_text(json.dumps({**held, **more}))
    with pytest.raises(ConfigError, match=f"{file} has {next(iter(more))}="):
        refuse_code(stranger)
    with pytest.raises(ConfigError, match="by which code would be loaded"):
        load_model(str(stranger))
    with pytest.raises(ConfigError, match="by which code would be loaded"):
        named_size(str(stranger))


def test_the_base_of_an_adapter_is_looked_at_too(stranger: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    load_tokenizer(str(stranger)).save_pretrained(adapter)
    named = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": str(stranger)}
    (adapter / "adapter_config.json").write_text(json.dumps(named))
    assert named_size(str(adapter)) == named_size(str(stranger))
    config = json.loads((stranger / "config.json").read_text())
    (stranger / "config.json").write_text(json.dumps({**config, "attn_implementation": "a/b"}))
    for load in (load_model, named_size):
        with pytest.raises(ConfigError, match="attn_implementation"):
            load(str(adapter))


# A run's own files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", ["5", "{}", '{"step": "1"}', "{", "[" * 50_000, '{"step": 1.5}', "\udcff", '{"step": true}']
)
def test_damaged_lines_of_a_run_are_one_error_with_the_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "metrics.jsonl"
    content = b'{"step": 1}\n' + line.encode(errors="surrogateescape") + b"\n"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"metrics\.jsonl, line 2: "):
        drop_later(path, 3)
    assert path.read_bytes() == content
    with pytest.raises(TrajectoryError, match=r"metrics\.jsonl, line 1: "):
        cut_later(path, 3)
    if line in ("{", "[" * 50_000, "\udcff"):
        with pytest.raises(ConfigError, match=r"metrics\.jsonl, line 2: "):
            Progress(path)
        with pytest.raises(ConfigError, match=r"metrics\.jsonl, line 2: "):
            once(path, True, list)
    assert path.read_bytes() == content
    (tmp_path / "state.json").write_bytes(content.splitlines()[1])
    with pytest.raises(ConfigError, match=r"state\.json is damaged"):
        read_number(tmp_path / "state.json", "peak")


def test_lines_of_figures_that_are_no_numbers_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": NaN}\n{"step": 2, "loss": Infinity}\n{"step": 3}\n{"st')
    drop_later(path, 2)
    assert path.read_text() == '{"step": 1, "loss": NaN}\n{"step": 2, "loss": Infinity}\n'


TRAINS = """
import sys
from pathlib import Path
from toolgym.agents.training.run_folder import one_writer
with one_writer(Path(sys.argv[1])):
    print("begun", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_two_runs_of_one_folder_are_noticed(start: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "run"
    command = [sys.executable, "-c", TRAINS, str(output)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "begun\n"
        for algo, more in (
            ("sft", ("--episodes", "2", "--batch", "2", "--size", "small", "--prompt", "short")),
            ("grpo", ("--groups", "1", "--rollouts", "2", "--size", "small", "--prompt", "short")),
        ):
            words = ("--model", start, "--steps", "1", "--threads", "1", "--no-progress", *more)
            assert run("train", "--algo", algo, *words, "--output", output) == 2
            said = capsys.readouterr().err
            assert f"Error: {output} is being written by process ({other.pid} on " in said
        assert sorted(path.name for path in output.iterdir()) == [".lock"]
        other.communicate("")
    assert not output.exists()  # it had nothing to keep
    with one_writer(output), pytest.raises(LockedError, match="this process"), one_writer(output):
        pass


def test_processes_of_one_run_share_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with one_writer(tmp_path):
        monkeypatch.setenv("RANK", "1")
        with one_writer(tmp_path):
            pass
        monkeypatch.setenv("RANK", "0")
        with pytest.raises(LockedError), one_writer(tmp_path):
            pass


def test_a_run_that_cannot_begin_leaves_no_folder(tmp_path: Path) -> None:
    config = GRPOOptions(output=tmp_path / "run", resume=True)
    with pytest.raises(ToolGymError, match="without --resume"), one_writer(config.output, config.resume):
        begin(config)
    assert not config.output.exists()
    with pytest.raises(RuntimeError), one_writer(config.output):
        raise RuntimeError
    assert not config.output.exists()
    begin(replace(config, resume=False))
    (config.output / "config.json").write_text("{")
    (config.output / "checkpoint-2").mkdir()
    (config.output / "checkpoint-2" / "trainer_state.json").write_text('{"log_history": [{"loss": NaN}]}')
    with pytest.raises(ConfigError, match=r"config\.json is damaged"):
        begin(config)
    assert os.listdir(config.output / "checkpoint-2") == ["trainer_state.json"]  # noqa: PTH208


def test_a_gguf_file_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "model.Q4_1.gguf").write_bytes(b"GGUF")
    for name in (tmp_path, tmp_path / "model.Q4_1.gguf"):
        for read in (load_model, load_tokenizer, named_size):
            with pytest.raises(ConfigError, match=r"is a GGUF file.*toolgym\.agents\.policies\.gguf_files .*FOLDER"):
                read(str(name))
    (tmp_path / "config.json").write_text("{}")  # a folder of transformers' that holds one beside: the folder counts
    assert gguf_of(tmp_path) is None
    with pytest.raises(ConfigError, match="give a GGUF file"):
        convert_main(["nothing.gguf", str(tmp_path)])


def test_what_reads_gguf_files_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr("toolgym.agents.policies.gguf_files.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install .toolgym\[gguf\]"):
        convert_main([str(tmp_path / "m.gguf"), str(tmp_path / "out")])


def test_models_of_toolgym_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLGYM_DATA", str(tmp_path))
    with pytest.raises(ConfigError, match="toolgym data get smollm2"):
        load_model("data:smollm2")
    (tmp_path / "bfcl").mkdir()
    with pytest.raises(ConfigError, match=r"is no model\. Models: data:smollm2"):
        load_model("data:bfcl")
    (tmp_path / "data").mkdir()  # a folder of that name is a folder
    monkeypatch.chdir(tmp_path)
    assert model_path("data") == "data"


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "mine").symlink_to(checkpoint_path("builtin:imperfect"))
    policy = make_policy("hf:~/mine")
    assert model_path("~/mine") == str(tmp_path / "mine")
    assert lasting_name("~/mine") == str((tmp_path / "mine").resolve())
    with pytest.raises(ConfigError, match=r"has no value_head\.safetensors"):
        ValueScore("~/mine", policy)
    shutil.copytree(tmp_path / "mine", tmp_path / "critic")
    ValueHead(load_model("~/critic")[0]).save(tmp_path / "critic")
    ValueScore("~/critic", policy)
    for gone in ("~/none", "~no-such-user/mine"):
        with pytest.raises(ConfigError, match="there is no such folder"):
            load_tokenizer(gone)

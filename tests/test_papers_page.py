"""Every `toolgym` command of docs/papers.md is one that the command line takes, as far as that shows without a run."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from toolgym import data
from toolgym.agents.training import options as training_options
from toolgym.agents.training import registry
from toolgym.benchmark import benchmark, benchmark_names
from toolgym.cli import app
from toolgym.domain import Size
from toolgym.errors import ToolGymError
from toolgym.opening import takes
from toolgym.options import EnvOptions, parse_settings
from toolgym.registration import env_ids

PAGE = Path(__file__).resolve().parents[1] / "docs" / "papers.md"
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
AGENT = re.compile(r"oracle|random|noop|builtin(:clean|:imperfect|:habits)?|(hf|api):\S+")
COMMAND: Any = typer.main.get_command(app)
NOTING = r"""
command_not_found_handle() {
    while [ $# -gt 0 ] && [ "$1" != toolgym ]; do shift; done
    [ $# -eq 0 ] || printf '%s\0' "$@" $'\n' >> "$NOTES"
}
"""
"""Notes the words of a `toolgym` command, also behind a launcher; every other program is passed over."""


class Refused(Exception):
    """The command line would not take it."""


class Read(Exception):
    """The options of a training run, in place of the run."""

    def __init__(self, options: Any):
        self.options = options


def commands_of(block: str, folder: Path) -> list[list[str]]:
    """The words of each `toolgym` command as bash hands them over, variables, loops and quotes read; none is run."""
    notes, nothing = folder / "notes", folder / "nothing"
    notes.write_text("")
    nothing.mkdir(exist_ok=True)
    bash = shutil.which("bash")
    assert bash is not None
    done = subprocess.run(
        [bash, "-uc", f"{NOTING}\n{block}\nwait"],
        env={"PATH": str(nothing), "NOTES": str(notes)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return [said.split("\0")[1:-1] for said in notes.read_text().split("\n\0")[:-1]]


def take(words: Sequence[str], patch: pytest.MonkeyPatch) -> None:
    """Reads a command as the command line does.

    Raises:
        Refused: an option, an algorithm, an environment, a reward, a benchmark or the like is not there.
    """
    command = COMMAND
    rest = list(words)
    name = ""
    try:
        while hasattr(command, "commands"):
            name, *rest = rest
            if name not in command.commands:
                raise Refused(f"no command {name!r}")
            command = command.commands[name]
        context = command.make_context(name, rest)
        if name == "train":
            take_training(context.params["algo"], context.args, patch)
        elif name in benchmark_names():
            take_benchmark(name, context.params)
        elif name == "eval":
            take_agent(context.params["agent"])
            settings = parse_settings(context.params["settings"])
            take_env(context.params["env"], settings, split=context.params["split"])
        elif name == "get":
            data.data_set(context.params["name"])
    except (ToolGymError, SystemExit) as error:
        raise Refused(str(error)) from error
    except Exception as error:
        if not hasattr(error, "format_message"):  # not one of the command line's own
            raise
        raise Refused(str(error)) from error


def take_training(algo: str, words: Sequence[str], patch: pytest.MonkeyPatch) -> None:
    parse = training_options.parse_options

    def read(*given: Any, **more: Any) -> Any:
        raise Read(parse(*given, **more))

    patch.setattr(training_options, "parse_options", read)
    with pytest.raises(Read) as found:
        registry.main(algo, words)
    patch.undo()
    options = found.value.options
    chosen = {"reward": options.reward} if hasattr(options, "reward") and options.reward else {}
    take_env(options.env, parse_settings(options.set), split=options.split, **chosen)
    if options.size not in (None, *get_args(Size)):
        raise Refused(f"no size {options.size!r}")


def take_benchmark(name: str, params: dict[str, Any]) -> None:
    take_agent(params["agent"])
    settings = parse_settings(params["settings"])
    for part in benchmark(name).parts(params["category"] or None):
        take_env(part.env_id, settings)


def take_env(env_id: str, settings: dict[str, Any], **options: Any) -> None:
    if env_id not in env_ids():
        raise Refused(f"no environment {env_id!r}")
    for name in settings:
        if not takes(env_id, name):
            raise Refused(f"{env_id} has no option {name!r}")
    EnvOptions(**options).make_reward()


def take_agent(agent: str) -> None:
    if not AGENT.fullmatch(agent):
        raise Refused(f"no agent {agent!r}")


def test_every_command_of_the_page_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: set[str] = set()
    refused: list[str] = []
    for block in BLOCKS:
        for words in commands_of(block, tmp_path):
            try:
                take(words, monkeypatch)
            except Refused as error:
                refused.append(f"toolgym {' '.join(words)}: {error}")
            taken.add(" ".join(words[:3]))
    assert not refused, "\n".join(refused)
    algorithms = {
        "awpo",
        "dapo",
        "dr_grpo",
        "dupo",
        "eto",
        "grpo",
        "ppo",
        "rft",
        "rlhf",
        "sft",
        "steptool",
        "toolrl",
        "toolupt",
    }
    assert taken >= {f"train --algo {name}" for name in algorithms}
    assert {"bench bfcl --agent", "bench api-bank --agent", "planarena build --trajectories"} <= taken


def test_no_command_of_the_page_is_passed_over(tmp_path: Path) -> None:
    """Variables, loops and launchers are read; each line of the page that has a command gives at least one."""
    block = 'A="--algo x"\nB=1 toolgym train $A \\\n  --set "a b"\n'
    block += "for n in 1 2; do\n  run --with toolgym eval $n  # as well\ndone\n"
    found = commands_of(block, tmp_path)
    assert found == [["train", "--algo", "x", "--set", "a b"], ["eval", "1"], ["eval", "2"]]
    with pytest.raises(AssertionError, match="unbound variable"):
        commands_of("toolgym train $ALGOO", tmp_path)
    shown = sum(
        len(re.findall(r"^[^#\n]*\btoolgym (?:train|bench|eval|data|planarena) ", block, re.MULTILINE))
        for block in BLOCKS
    )
    assert shown > 40
    for block in BLOCKS:
        lines = re.findall(r"^[^#\n]*\btoolgym (?:train|bench|eval|data|planarena) ", block, re.MULTILINE)
        assert len(commands_of(block, tmp_path)) >= len(lines)


@pytest.mark.parametrize(
    "line",
    [
        "trian --algo grpo",
        "train --algo grop",
        "train --algo grpo --stpes 5",
        "train --algo grpo --steps five",
        "train --algo grpo --decay linear",  # another algorithm's
        "train --algo dupo --decay linaer",
        "train --algo awpo --no-gaet",
        "train --algo grpo --reward tolrl",
        "train --algo grpo --env ToolGym/Cals-v0",
        "train --algo grpo --env ToolGym/Calls-v0 --set daat=rows",
        "train --algo sft --size smal",
        "train --algo sft --split trian",
        "train --algo dapo --no-dynamic-sampling --attempts 2",  # would have no effect
        "bench bfc --agent oracle",
        "bench bfcl --agnet oracle",
        "bench bfcl --agent hff:model",
        "bench bfcl --category multi_trun",
        "bench bfcl --set moed=prompting",
        "bench api-bank --set dta=folder",
        "bench compare runs/one",
        "eval --env ToolGym/PlanArena-v1",
        "eval --env ToolGym/PlanArena-v0 --splti test",
        "data get bfclv3",
        "planarena build --trajectory 10 --output corpus",
    ],
)
def test_a_mistyped_command_is_refused(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused):
        take(line.split(), monkeypatch)


def test_every_table_of_results_has_a_row() -> None:
    """StepTool 3 to 6, ToolUPT 2 to 5 (1 is their overall), AWPO 1 to 5, AC-Planner 1 to 7."""
    page = PAGE.read_text()
    sections = dict(
        re.findall(r"^## (StepTool|ToolUPT|AWPO|AC-Planner)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    )
    tables = {"StepTool": range(3, 7), "ToolUPT": range(2, 6), "AWPO": range(1, 6), "AC-Planner": range(1, 8)}
    for paper, numbers in tables.items():
        assert [int(number) for number in re.findall(r"^\| (\d) \|", sections[paper], re.MULTILINE)] == list(numbers)
        assert "**Hardware**" in sections[paper]

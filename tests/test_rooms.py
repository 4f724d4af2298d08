"""The house: which room may know which, that no two modules know each other, and that README's map shows what is there.

Imports inside functions and for type checkers count like all others.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALGORITHMS = (
    *("awpo", "dupo", "eto", "grpo", "rft", "sft", "steptool", "toolupt", "tree"),
    *("archer", "arpo", "hazard", "loop", "mua_rl", "scribe", "spear", "toolpo"),
)
ESTIMATORS = ("efficiency", "steptool_group")
"""Of `grpo`'s: files of their own beside the algorithms."""
AGENTS = (
    "policies",
    "rollouts",
    "memory",
    "search",
    "evaluation",
    "exploring",
    "training",
    "algorithms",
    "builtin",
)
"""The rooms of agents/: each knows those before it."""
LIBRARY = (
    {"errors", "_exports", "_checkout", "_json", "_strict_json"},
    {"_files"},
    {"data", "world", "loading", "formats", "openai_client", "hub", "hub_files", "sharing"},
    {"benchmark", "messages", "plugins", "sampling", "saying"},
    {"trajectory"},
    {"mcp", "rendering", "pushing"},
    {"budget", "tasks", "observations", "spaces"},
    {"users", "rewards", "domain"},
    {"composing", "retrieval"},
    {"options", "registration", "custom"},
    {"perturbing"},
    {"episode"},
    {"env"},
    {"vector", "wrappers", "mistakes"},
    {"env_maker"},
    {"mcp_env", "mixed", "checker"},
    {"opening"},
    {"ray_envs", "reopening", "adapters", "otel"},
    {"scaffold", "view"},
    {"cli"},
    {"__main__"},
)
"""The parts of toolgym/, floor by floor: each knows those of the floors below it, none on its own."""
ROOMS = ("builtin", "evaluation", "exploring", "memory", "policies", "rollouts", "search", "training")


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by name, the folders beside toolgym/ included."""
    found: dict[str, Path] = {}
    for top in ("toolgym", "agents", "envs", "mcp_servers"):
        for path in (ROOT / top).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            parts = parts if top == "toolgym" else ("toolgym", *parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports() -> dict[str, set[str]]:
    """Module -> the modules of the package that it imports, anywhere in its file."""
    return {name: set(_imports(name)) for name in modules()}


def _imports(module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(modules()[module].read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{item.name}" for item in node.names]
            names = [name if name in modules() else node.module for name in inner]
        elif isinstance(node, ast.Import):
            names = [item.name for item in node.names]
        yield from (name for name in names if name in modules() and name not in (module, "toolgym"))


def agents_room(module: str) -> str:
    """The room of a module of `toolgym.agents`."""
    first = module.split(".")[2]
    return "algorithms" if first in (*ALGORITHMS, *ESTIMATORS) else first


def of_agents() -> list[str]:
    return [name for name in modules() if name.startswith("toolgym.agents.")]


def test_at_the_top_of_agents_stand_the_algorithms_and_the_rooms():
    there = {path.stem for path in (ROOT / "agents").iterdir() if path.suffix == ".py"}
    assert there == {*ALGORITHMS, *ESTIMATORS}
    folders = {path.name for path in (ROOT / "agents").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(AGENTS) - {"algorithms"}


@pytest.mark.parametrize("name", ALGORITHMS)
def test_each_algorithm_is_a_script(name):
    tree = ast.parse((ROOT / "agents" / f"{name}.py").read_text(encoding="utf-8"))
    assert any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)
    assert isinstance(tree.body[-1], ast.If)
    assert ast.unparse(tree.body[-1].test) == "__name__ == '__main__'"


def test_the_rooms_of_agents_know_those_before_them():
    for module in of_agents():
        for other in imports()[module]:
            if other.startswith("toolgym.agents."):
                here, there = AGENTS.index(agents_room(module)), AGENTS.index(agents_room(other))
                assert there <= here, f"{module} imports {other}"


def test_the_parts_of_the_library_know_those_below_them():
    floor = {part: height for height, parts in enumerate(LIBRARY) for part in parts}
    own = [name for name in modules() if name.split(".")[1:2] not in ([], ["agents"], ["envs"], ["mcp_servers"])]
    assert {name.split(".")[1] for name in own} == set(floor)
    for module in own:
        here = module.split(".")[1]
        for other in imports()[module]:
            there = other.split(".")[1]
            if there in floor and there != here:
                assert floor[there] < floor[here], f"{module} imports {other}"


def test_no_two_modules_know_each_other():
    TopologicalSorter(imports()).prepare()  # raises a CycleError that names the modules of a ring


def test_the_library_knows_no_domain_and_only_commands_know_agents():
    for module in modules():
        part = [*module.split("."), ""][1]
        for other in imports()[module]:
            if other.split(".")[1] == "agents":
                assert part in ("agents", "cli"), f"{module} imports {other}"
            if other.split(".")[1] in ("envs", "mcp_servers"):
                about = part == "cli" and other.startswith("toolgym.envs.planarena.")  # it has commands of its own
                assert about or part in ("agents", "envs", "mcp_servers"), f"{module} imports {other}"


@pytest.mark.parametrize("room", ROOMS)
def test_a_rooms_names_are_short_and_there(room):
    package = import_module(f"toolgym.agents.{room}")
    assert 0 < len(package.__all__) <= 12
    assert set(package.__all__) == set(package._HOME)
    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        package.nothing  # noqa: B018


def test_names_of_policies_that_need_no_torch_bring_none():
    code = (
        "import sys; from toolgym.agents.policies import ApiPolicy, OraclePolicy; "
        "from toolgym.agents.rollouts import Rollout, Start, rollouts; from toolgym.agents.evaluation import evaluate; "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_readmes_map_shows_what_is_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = next(part for part in re.findall(r"```text\n(.*?)```", text, re.DOTALL) if part.startswith("toolgym/"))
    lines = block.splitlines()
    assert len(lines) <= 40, "one screen"
    top, shown = "", set()
    for line in lines:
        names = re.findall(r"(?:^|(?<= ))([\w.]+/|\w+\.py)(?= |$)", line)
        if not line.startswith(" "):
            top = names[0]
            assert (ROOT / top).is_dir(), top
            shown.add(top)
        else:
            for name in names:
                assert (ROOT / top / name).exists(), f"{top}{name}"
                shown.add(top + name)
    folders = [path for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")]
    tracked = {f"{path.name}/" for path in folders if any(path.rglob("*.py")) or path.name == "docs"}
    assert tracked - shown <= {"build/", "dist/", "venv/", "runs/"}
    for top in ("toolgym", "agents"):
        for path in (ROOT / top).iterdir():
            if (path / "__init__.py").is_file():
                assert f"{top}/{path.name}/" in shown, f"{top}/{path.name}/ is not in README's map"


def test_the_floors_are_told_apart():
    parts = [part for floor in LIBRARY for part in floor]
    assert len(parts) == len(set(parts))
    assert all(a.isdisjoint(b) for a, b in pairwise(LIBRARY))

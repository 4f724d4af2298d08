"""Plug-ins: installed packages whose entry points bring domains, rewards and algorithms."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
GARAGE = '''
print("IMPORTED")
from toolgym.custom import CustomDomain
from toolgym.envs.library import LIBRARY
from toolgym.mcp.server import ToolServer
from toolgym.rewards import Reward
from toolgym.tasks import GoldAction, Task
from toolgym.world import Base, World

server = ToolServer("garage", lambda key: Base({"cars": {"a": {"washed": False}}}), default_world_key=0)


@server.tool(writes=True)
def wash(world: World, car: str) -> str:
    """Washes a car."""
    world.edit("cars", car)["washed"] = True
    return "washed"


TASKS = [
    Task(
        id="t", domain="garage", kind=("greet",), split="train", request="Hello.", gold=(GoldAction(response="Hello."),)
    )
]


def garage(size=None, dialect=None, seed=None):
    return CustomDomain(server.session, TASKS, name="garage")


def brief(trajectory, task):
    return 0.25


def weighed(*, weight=1.0):
    return Reward({"brief": brief}, {"brief": weight})


def fails(trajectory, task):
    raise RuntimeError("no reward today")


def train(argv):
    print("trained with", argv)
    return 3


def bad_maker(**options):
    raise RuntimeError("no domain today")


def bad_domain(**options):
    domain = garage()
    domain.tasks = lambda *args, **kwargs: 1 / 0
    return domain


def makes_text(**options):
    return "text"


number = 7
text = "default"
'''


def install(site: Path, package: str, groups: Mapping[str, Iterable[str]], code: str = GARAGE) -> None:
    """Lays out a package as pip does: its module, and its metadata beside it."""
    (site / f"{package}.py").write_text(code)
    info = site / f"{package}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    lines = [line for group, entries in groups.items() for line in (f"[toolgym.{group}]", *entries)]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def run(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), str(ROOT)])
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def python(site: Path, code: str) -> str:
    done = run(site, "-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout


FAILURE = """
import json, sys, toolgym, gymnasium
from toolgym.errors import ConfigError
from toolgym.registration import make_domain
from toolgym.rewards import make_reward
from toolgym.agents.training import registry
said = []
for code in json.loads(sys.argv[1]):
    try:
        exec(code)
        said.append("")
    except ConfigError as error:
        said.append(str(error))
assert make_domain("library", size="small").name == "library"
make_reward("steptool")
print(json.dumps(said))
"""


def failures(site: Path, *codes: str) -> list[str]:
    """What the error of each says; ToolGym's own are there all the same."""
    done = run(site, "-c", FAILURE, json.dumps(codes))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def site(tmp_path: Path) -> Path:
    install(
        tmp_path,
        "acme_garage",
        {
            "domains": ["garage = acme_garage:garage", "books = acme_garage:LIBRARY"],
            "rewards": ["brief = acme_garage:brief", "weighed = acme_garage:weighed"],
            "algorithms": ["wash = acme_garage:train"],
        },
    )
    return tmp_path


def test_names_are_known_at_once_and_code_is_imported_when_it_is_asked_for(site: Path) -> None:
    code = """
import sys, toolgym, gymnasium
from toolgym.registration import env_ids
assert {"ToolGym/Garage-v0", "ToolGym/Books-v0"} <= set(env_ids())
assert "acme_garage" not in sys.modules and "torch" not in sys.modules
env = gymnasium.make("ToolGym/Garage-v0", reward="weighed", reward_options={"weight": 2.0})
assert "acme_garage" in sys.modules
env.reset(seed=0)
print([tool.name for tool in env.unwrapped.tools], env.step("Hello.")[1])
books = gymnasium.make("ToolGym/Books-v0", size="small", reward="brief")
books.reset(seed=0)
print(books.unwrapped.domain.name, books.step("Hello.")[1])
"""
    # brief gives 0.25 for a step: twice that by its weight of 2
    assert python(site, code).splitlines() == ["IMPORTED", "['wash'] 0.5", "library 0.25"]


def test_an_algorithm_runs_by_its_name(site: Path) -> None:
    done = run(site, "-m", "toolgym", "train", "--algo", "wash", "--steps", "2")
    assert done.returncode == 3, done.stderr
    assert done.stdout.splitlines()[-1] == "trained with ['--steps', '2']"
    assert "wash" in run(site, "-m", "toolgym", "train", "--help").stdout


def test_list_says_where_they_come_from(site: Path) -> None:
    done = run(site, "-m", "toolgym", "list")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if "acme_garage 1.2" in line]
    cells = [[cell.strip() for cell in line.split("│")[1:3]] for line in lines]
    assert cells == [
        ["books", "domain"],
        ["garage", "domain"],
        ["brief", "reward"],
        ["weighed", "reward"],
        ["wash", "algorithm"],
    ]
    assert "cannot be used" not in done.stdout
    found = json.loads(run(site, "-m", "toolgym", "list", "ToolGym/Books-v0", "--json").stdout.partition("\n")[2])
    assert found[0]["package"] == "acme_garage 1.2"


def test_without_plugins_list_says_nothing_of_them(tmp_path: Path) -> None:
    assert "plug-ins" not in run(tmp_path, "-m", "toolgym", "list").stdout


BAD = {
    "no_such_module:x": "No module named 'no_such_module'",
    "acme_bad:nothing": "has no attribute 'nothing'",
    "not a place": "cannot be loaded",
    "acme_raises:x": "RuntimeError: broken today",
    "acme_exits:x": "SystemExit: 4",
}
BAD_OF = {
    "domains": BAD
    | {
        "acme_bad:number": "is a int; it must be a Declaration",
        "acme_bad:bad_maker": "RuntimeError: no domain today",
        "acme_bad:makes_text": "made a str, not a Domain",
        "acme_bad:TASKS": "is a list",
    },
    "rewards": BAD
    | {
        "acme_bad:number": "is no reward: A reward is a preset's name",
        "acme_bad:makes_text": "made a str, not a Reward",
        "acme_bad:text": "is a text",
    },
    "algorithms": BAD | {"acme_bad:number": "is a int; it must be a function main(argv)"},
}
ASKED = {
    "domains": 'gymnasium.make("ToolGym/{}-v0")',
    "rewards": 'make_reward("{}")',
    "algorithms": 'registry.main("{}", [])',
}


@pytest.mark.parametrize("group", list(ASKED))
def test_a_broken_plugin_is_one_error_that_names_its_package(tmp_path: Path, group: str) -> None:
    cases = {f"bad{place}": case for place, case in enumerate(BAD_OF[group].items())}
    install(tmp_path, "acme_bad", {group: [f"{name} = {value}" for name, (value, _) in cases.items()]})
    (tmp_path / "acme_raises.py").write_text("raise RuntimeError('broken today')")
    (tmp_path / "acme_exits.py").write_text("raise SystemExit(4)")
    asked = [ASKED[group].format(name.capitalize() if group == "domains" else name) for name in cases]
    said = failures(tmp_path, *asked)
    assert len(said) == len(cases)
    for (name, (value, says)), text in zip(cases.items(), said, strict=True):
        assert text.startswith(f"The plug-in {group[:-1]} {name!r} of acme_bad 1.2 ({value})")
        assert says in text


def test_a_term_that_raises_is_named_with_its_package(tmp_path: Path) -> None:
    install(tmp_path, "acme_bad", {"rewards": ["bad = acme_bad:fails"]})
    code = 'env = gymnasium.make("ToolGym/Library-v0", size="small", reward="bad"); env.reset(); env.step("Hello.")'
    [said] = failures(tmp_path, code)
    assert "'bad' of acme_bad 1.2" in said
    assert "RuntimeError in the term 'fails': no reward today" in said


def test_broken_plugins_leave_the_list_whole(tmp_path: Path) -> None:
    install(
        tmp_path,
        "acme_bad",
        {
            "domains": ["gone = no_such_module:x", "late = acme_bad:bad_domain"],
            "rewards": ["Odd-name = acme_bad:brief"],
        },
    )
    done = run(tmp_path, "-m", "toolgym", "list")
    assert done.returncode == 0, done.stderr
    for name in ("Gone", "Late"):
        assert any(f"ToolGym/{name}-v0" in line and "plug-in fails" in line for line in done.stdout.splitlines())
    assert "ToolGym/Airline-v0" in done.stdout
    assert "a name consists of small letters" in done.stdout
    assert "a name consists of small letters" in failures(tmp_path, 'make_reward("Odd-name")')[0]


def test_a_name_of_toolgym_stays_its_own(tmp_path: Path) -> None:
    taken = {"domains": ["bank"], "rewards": ["toolrl", "default"], "algorithms": ["grpo"]}
    ids = ["Bank", "all", "mcp", "planarena", "tauairline"]  # ids but for capitals, and a family of domains
    entries = {group: [f"{name} = acme_thief:number" for name in names] for group, names in taken.items()}
    entries["domains"] += [f"{name} = acme_thief:number" for name in ids]
    install(tmp_path, "acme_thief", entries)
    code = """
import warnings
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    import toolgym, gymnasium
    from toolgym.registration import domains
    from toolgym.rewards import make_reward
    from toolgym.agents.training import registry
    assert not [one for one in told if "acme" in str(one.message)]
    assert gymnasium.make("ToolGym/Bank-v0", size="small", reward="state").unwrapped.domain.name == "bank"
    make_reward("toolrl"), make_reward("default")
    try:
        registry.main("grpo", ["--help"])
    except SystemExit as ended:
        assert not ended.code
print()
print([str(one.message) for one in told if "acme" in str(one.message)])
print(sorted({"Bank", "all", "mcp", "planarena", "tauairline"} & set(domains())))
"""
    *_, told, known = python(tmp_path, code).splitlines()
    for name, kind in (("bank", "domain"), ("toolrl", "reward"), ("default", "reward"), ("grpo", "algorithm")):
        assert told.count(f"'{name}' is ToolGym's own {kind}; that of acme_thief 1.2 is not used") == 1
    assert known == "[]"
    listed = run(tmp_path, "-m", "toolgym", "list")
    assert listed.stdout.count("the name is ToolGym's own") == len(ids) + 4
    assert "IMPORTED" not in listed.stdout


def test_two_packages_with_one_name_are_both_named(tmp_path: Path) -> None:
    for package in ("acme_one", "acme_two"):
        install(tmp_path, package, {group: [f"bad = {package}:garage"] for group in ASKED})
    said = failures(tmp_path, *(code.format("Bad" if "make(" in code else "bad") for code in ASKED.values()))
    assert len(said) == 3
    for text in said:
        assert "acme_one 1.2 and acme_two 1.2" in text or "acme_two 1.2 and acme_one 1.2" in text
        assert "claimed more than once" in text


def test_what_a_program_registers_goes_before_what_is_installed(site: Path) -> None:
    code = """
from toolgym.registration import make_domain, register_domain
register_domain("garage", "toolgym.envs.library:LIBRARY")
print(make_domain("garage", size="small").name)
"""
    assert python(site, code) == "library\n"


def test_an_unknown_name_is_answered_with_the_names_of_plugins(site: Path) -> None:
    asked = 'make_reward("wieghed")', 'make_domain("garge")', 'registry.main("wahs", [])'
    said = failures(site, *asked)
    assert [
        f"Did you mean {name!r}" in text for name, text in zip(("weighed", "garage", "wash"), said, strict=True)
    ] == [True] * 3


def test_plugins_lend_no_distractors(site: Path) -> None:
    code = """
from toolgym.perturbing.distractors import pool
tools = pool("airline", (), 1)
import sys
print("wash" in {tool.name for tool in tools}, "acme_garage" in sys.modules)
"""
    assert python(site, code) == "False False\n"

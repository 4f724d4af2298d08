"""The package as it is installed: which packages, what an import brings in, which names it leaves alone."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PROJECT["tool"]["setuptools"]
HEAVY = {
    "torch",
    "transformers",
    "trl",
    "docker",
    "psycopg",
    "ray",
    "datasets",
    "accelerate",
    "matplotlib",
    "sentence_transformers",
}


def run_python(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )


def packages_on_disk() -> set[str]:
    found = set()
    for name, folder in SETUPTOOLS["package-dir"].items():
        top = ROOT / folder
        found.add(name)
        found |= {
            f"{name}.{init.parent.relative_to(top).as_posix().replace('/', '.')}"
            for init in top.rglob("__init__.py")
            if init.parent != top
        }
    return found


def test_every_package_on_disk_is_listed():
    # One that is missing from the list works from a checkout and is absent from the wheel.
    assert set(SETUPTOOLS["packages"]) == packages_on_disk()
    assert len(SETUPTOOLS["packages"]) == len(set(SETUPTOOLS["packages"]))


def test_the_mapped_folders_are_no_packages_themselves():
    for folder in ("agents", "envs", "mcp_servers"):
        assert not (ROOT / folder / "__init__.py").exists()


def test_every_data_file_is_listed():
    """What is no Python in a package's folder is shipped, or named here as not meant to be."""
    listed = SETUPTOOLS["package-data"]
    for name in SETUPTOOLS["packages"]:
        top = max((key for key in SETUPTOOLS["package-dir"] if name == key or name.startswith(key + ".")), key=len)
        folder = ROOT / SETUPTOOLS["package-dir"][top] / name[len(top) :].lstrip(".").replace(".", "/")
        shipped = {path for pattern in listed.get(name, []) for path in folder.glob(pattern)}
        packages = {init.parent for init in folder.rglob("__init__.py")} - {folder}
        packages.add(ROOT / "toolgym" / "view" / "web")  # what static/ beside it is built from
        for path in folder.rglob("*"):
            if not path.is_file() or path.suffix in (".py", ".pyc") or packages & set(path.parents):
                continue
            assert path in shipped, f"{path} is not in package-data of {name}"


def test_import_is_light_and_silent(tmp_path):
    code = "import sys, json, toolgym; print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    done = run_python(code, tmp_path)
    lines = done.stdout.splitlines()
    assert len(lines) == 1, "import toolgym printed something"
    assert done.stderr == ""
    assert not HEAVY & set(json.loads(lines[0]))


def test_import_adds_little_to_gymnasium_and_fastmcp(tmp_path):
    # Half a second is what it may add; modules are counted rather than seconds, which depend on the machine's load.
    code = (
        "import sys, gymnasium, fastmcp; before = set(sys.modules)\n"
        "import toolgym; new = sorted(set(sys.modules) - before)\n"
        "print(len(new)); print(*[name for name in new if not name.startswith('toolgym')])"
    )
    count, _, others = run_python(code, tmp_path).stdout.partition("\n")
    assert int(count) < 120, others


def test_import_registers_the_environments(tmp_path):
    code = "import gymnasium, toolgym; print('ToolGym/Airline-v0' in gymnasium.registry)"
    assert run_python(code, tmp_path).stdout.strip() == "True"


@pytest.mark.parametrize("name", ["agents", "envs", "mcp_servers"])
def test_no_bare_top_level_names(name, tmp_path):
    # `agents` is the OpenAI Agents SDK's. Another distribution may have it; ToolGym must not.
    code = (
        f"import importlib.util as u, toolgym; s = u.find_spec({name!r}); "
        "print([] if s is None else [s.origin, *(s.submodule_search_locations or [])])"
    )
    assert str(ROOT) not in run_python(code, tmp_path).stdout


@pytest.mark.parametrize(
    "module", ["toolgym.agents.policies.policy", "toolgym.envs.airline", "toolgym.mcp_servers.airline"]
)
def test_mapped_modules_import_under_their_full_name(module, tmp_path):
    done = run_python(f"import importlib, toolgym; print(importlib.import_module({module!r}).__name__)", tmp_path)
    assert done.stdout.strip() == module


def test_constraints_fit_the_ranges():
    pins = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            assert len(pin.specifier) == 1, line
            assert line.count("==") == 1, f"{line} is no exact pin"
            pins[canonicalize_name(pin.name)] = Version(str(pin.specifier).removeprefix("=="))
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [text for extra in ("train", "docker", "ray", "docs", "dev") for text in extras[extra]]
    wanted += PROJECT["project"]["dependencies"]
    for text in wanted:
        requirement = Requirement(text)
        if requirement.name == "toolgym":
            continue
        pinned = pins[canonicalize_name(requirement.name)]
        assert pinned in requirement.specifier, f"{requirement} does not allow the tested {pinned}"


def test_bare_imports_are_banned():
    banned = PROJECT["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    assert set(banned) == {"agents", "envs", "mcp_servers"}
    bad = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--select",
            "TID",
            "--stdin-filename",
            str(ROOT / "toolgym" / "bad.py"),
            "-",
        ],
        input="from agents import policy\n",
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert bad.returncode == 1
    assert "TID251" in bad.stdout


def test_pyright_and_pytest_look_at_every_folder():
    folders = set(SETUPTOOLS["package-dir"].values())
    assert set(PROJECT["tool"]["pyright"]["include"]) == folders
    links = ROOT / ".pyright" / "toolgym"
    assert {path.name: path.resolve() for path in links.iterdir() if path.is_symlink()} == {
        folder: ROOT / folder for folder in folders - {"toolgym"}
    }
    assert PROJECT["tool"]["pytest"]["ini_options"]["filterwarnings"] == ["error"]


def test_the_citation_is_of_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (cited["version"], cited["license"]) == (PROJECT["project"]["version"], PROJECT["project"]["license"])
    assert cited["cff-version"] == "1.2.0"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"title   = {{{cited['title']}}}" in readme
    assert all({"name"} <= set(author) for author in cited["authors"])

"""Runs every code block of README.md and docs/, compares printed output with what the page shows, follows the links.

A block's fate is told by its language and by an HTML comment on the line before it:

- `python`: executed; the blocks of one page share their names, in order. A `text` block right after one shows what it
  prints, exactly.
- `bash`: executed in an empty folder that links to the checkout's folders. A `text` block after it shows its output.
- `json`: must be JSON. `text`, `mermaid`, `bibtex`: shown only.
- `<!-- run: no (reason) -->`: not executed, and why.
- `<!-- run: slow -->`: executed, but only with the slow tests.
"""

import ast
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = {"python", "bash", "json", "text", "mermaid", "bibtex", "toml"}
BLOCK = re.compile(
    r"^(?P<indent> *)(?:<!-- run: (?P<run>[^\n]*?) -->\n+(?P=indent))?"
    r"```(?P<language>\S*)\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"(?<!`)\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    body: str
    run: str
    output: str | None
    """What the page says it prints: the `text` block that follows it, where there is one."""

    @property
    def id(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text()
    matches = list(BLOCK.finditer(text))
    found = []
    for at, match in enumerate(matches):
        indent = len(match["indent"])
        body = "".join(line[indent:] for line in match["body"].splitlines(keepends=True))
        output = None
        if at + 1 < len(matches):
            following = matches[at + 1]
            if following["language"] == "text" and not text[match.end() : following.start()].strip():
                output = "".join(line[indent:] for line in following["body"].splitlines(keepends=True))
        line = text.count("\n", 0, match.start("language")) + 1
        found.append(Block(page, line, match["language"], body, match["run"] or "", output))
    return found


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def without_colour_and_padding(text: str) -> str:
    return "\n".join(line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", text).strip().splitlines())


def test_every_block_is_accounted_for():
    for block in BLOCKS:
        assert block.language in LANGUAGES, f"{block.id}: unknown language {block.language!r}"
        if block.run and block.run != "slow":
            assert re.fullmatch(r"no \(.{8,}\)", block.run), f"{block.id}: say why it is not run: no (reason)"
        if block.language == "json":
            json.loads(block.body)
    fences = sum(len(re.findall(r"^ *```", page.read_text(), re.MULTILINE)) for page in PAGES)
    assert fences == 2 * len(BLOCKS), "some fenced block was not recognised"


PROGRAMS = [page for page in PAGES if any(b.language == "python" and not b.run for b in blocks_of(page))]


@pytest.mark.parametrize("page", PROGRAMS, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_blocks(page, capsys, tmp_path, monkeypatch):
    blocks = [block for block in blocks_of(page) if block.language == "python" and not block.run]
    monkeypatch.chdir(_workplace(tmp_path))
    names: dict[str, object] = {"__name__": "__page__"}
    for block in blocks:
        # Padded, so that a traceback points to the page's own line.
        source = ast.parse("\n" * block.line + block.body, str(page))
        capsys.readouterr()
        exec(compile(source, str(page), "exec"), names)
        printed = capsys.readouterr().out
        if block.output is not None:
            assert without_colour_and_padding(printed) == without_colour_and_padding(block.output), block.id


def _bash(block: Block, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.body],
        cwd=_workplace(tmp_path),
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{block.id} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    if block.output is not None:
        assert without_colour_and_padding(done.stdout) == without_colour_and_padding(block.output), block.id


QUICK = [block for block in BLOCKS if block.language == "bash" and not block.run]
SLOW = [block for block in BLOCKS if block.language in ("bash", "python") and block.run == "slow"]


@pytest.mark.parametrize("block", QUICK, ids=lambda block: block.id)
def test_bash_blocks(block, tmp_path):
    _bash(block, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("block", SLOW, ids=lambda block: block.id)
def test_slow_blocks(block, tmp_path):
    if block.language == "python":
        (tmp_path / "block.py").write_text(block.body)
        block = Block(block.page, block.line, "bash", f"python {tmp_path / 'block.py'}", "", block.output)
    _bash(block, tmp_path)


def _workplace(folder: Path) -> Path:
    """A folder of its own to write into, in which the checkout's folders can be named."""
    place = folder / "work"
    place.mkdir()
    for name in ("agents", "benchmarks", "docs", "examples", "constraints.txt"):
        (place / name).symlink_to(ROOT / name)
    return place


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = BLOCK.sub("", page.read_text())
    for match in LINK.finditer(text):
        target, _, anchor = match["target"].partition("#")
        if target.startswith(("https://", "http://")):
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{page.name} links to {target}, which does not exist"
        if anchor:
            assert anchor in _anchors(path), f"{page.name} links to #{anchor} in {path.name}"


def _anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ +(.*)$", BLOCK.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_shows_every_command():
    from toolgym.cli import app

    commands = {command.name for command in app.registered_commands}
    shown = set(re.findall(r"toolgym ([a-z]+)", (ROOT / "docs" / "cli.md").read_text()))
    assert commands <= shown


def test_the_tests_that_are_named_exist():
    page = (ROOT / "docs" / "reliability.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)?(?:::(\w+))?`", page)
    file = ""
    checked = 0
    for path, name in named:
        file = path or file
        if path or name:
            text = (ROOT / file).read_text()
            assert not name or f"def {name}(" in text, f"{file} has no {name}"
            checked += 1
    assert checked > 30


def test_the_file_tree_is_true():
    tree = next(block.body for block in blocks_of(ROOT / "README.md") if block.body.startswith("toolgym/"))
    names = re.findall(r"(?:^|\s)([a-z_]+(?:/|\.py))(?=\s)", tree)
    assert len(names) > 12
    for name in names:
        there = any((ROOT / place / name).exists() for place in ("", "toolgym", "agents"))
        assert there, f"the README's tree names {name}"
    folders = {path.name + "/" for path in ROOT.iterdir() if path.is_dir()}
    tracked = {name for name in folders if not name.startswith((".", "_")) and not name.endswith(".egg-info/")}
    assert tracked - {"build/", "dist/", "runs/", "shared/", "venv/"} <= set(names)

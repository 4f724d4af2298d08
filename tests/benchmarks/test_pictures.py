"""The pictures of README.md and docs, and the figures on README's first screen: they say what was recorded."""

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import pictures
from benchmarks.learning_report import read_runs, summary
from toolgym.registration import own_domains

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "img"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def text_of(svg: str) -> list[str]:
    """What a terminal's picture shows, line by line."""
    lines: dict[str, str] = {}
    for place, text in re.findall(r'<text [^>]*clip-path="([^"]+)"[^>]*>([^<]*)</text>', svg):
        lines[place] = lines.get(place, "") + html.unescape(text).replace("\xa0", " ")
    return [line.rstrip() for line in lines.values()]


def test_the_picture_of_show_is_what_show_prints(tmp_path):
    pictures.show_picture(tmp_path)
    made = text_of((tmp_path / "show.svg").read_text(encoding="utf-8"))
    assert made == text_of((IMAGES / "show.svg").read_text(encoding="utf-8"))
    assert made[0] == "$ toolgym show unsolved.jsonl --episode 0"
    why = made.index("why it is not solved")
    assert made[why + 2].split() == ["expected", '"Ipi"']


@pytest.mark.parametrize("name", ["airline", "library", "telecom"])
def test_the_picture_of_a_domain_is_the_experts_episode(name, tmp_path):
    pictures.domain_pictures(tmp_path, [name])
    made = text_of((tmp_path / "domains" / f"{name}.svg").read_text(encoding="utf-8"))
    assert made == text_of((IMAGES / "domains" / f"{name}.svg").read_text(encoding="utf-8"))
    assert any(line.startswith("solved, reward 1 in ") for line in made)


def test_each_domain_has_a_picture_of_a_solved_episode():
    assert {path.stem for path in (IMAGES / "domains").iterdir()} == set(own_domains())
    for path in (IMAGES / "domains").iterdir():
        lines = text_of(path.read_text(encoding="utf-8"))
        assert any(line.startswith("solved, ") for line in lines), path.name


@pytest.mark.parametrize("name", ["demo.svg", "show.svg", *(f"domains/{name}.svg" for name in own_domains())])
def test_a_terminals_picture_fetches_nothing(name):
    svg = (IMAGES / name).read_text(encoding="utf-8")
    assert not re.search(r"@font-face|@import|<image|<script|url\((?!#)", svg)
    assert set(re.findall(r"https?://[^\s\"']+", svg)) == {"http://www.w3.org/2000/svg", "https://www.textualize.io"}


def test_a_picture_that_names_a_font_of_the_web_would_be_seen():
    svg = pictures.terminal_svg("toolgym list", "\x1b[1mall\x1b[0m of it")
    assert text_of(svg) == ["$ toolgym list", "all of it"]
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "").replace("https://www.textualize.io", "")


def test_of_the_demo_the_stages_are_kept_and_what_moves_a_cursor_is_not():
    bold = "\x1b[1m"
    printed = f"an expert episode\n{bold}1{bold}. The start.\x1b[0m It solves\n\x1b[?25l\x1b[2K\r\n\n\nthe table\n"
    assert pictures.stages(printed) == f"{bold}1{bold}. The start.\x1b[0m It solves\n\nthe table\n"


def test_the_demos_picture_shows_the_recorded_figures():
    lines = text_of((IMAGES / "demo.svg").read_text(encoding="utf-8"))
    results = json.loads((ROOT / "benchmarks" / "results" / "demo" / "results.json").read_text(encoding="utf-8"))
    gains = [results["gain"][way] for way in ("sampled", "greedy")]
    shown = [f"{100 * one['mean']:+.0f} [{100 * one['low']:+.0f}, {100 * one['high']:+.0f}]" for one in gains]
    (row,) = (line for line in lines if "gain in points" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")][1:3] == shown
    assert f"of {results['episodes']} held-out test tasks" in next(line for line in lines if "Solved, of" in line)
    assert f"{results['episodes']} held-out tasks | sampled {shown[0]} points, greedily {shown[1]} |" in README


def test_the_demos_curve_is_drawn_of_its_figures(tmp_path):
    pictures.demo_curve(tmp_path)
    assert (tmp_path / "demo.png").read_bytes()[:4] == b"\x89PNG"


def test_a_step_is_smoothed_with_those_beside_it():
    # Widths at the ends: of 0, 1, 2 the means of what is within two steps: (0+1+2)/3 = 1 at each of the three.
    assert pictures.smoothed(np.array([[0.0, 1.0, 2.0]])).tolist() == [[1.0, 1.0, 1.0]]
    # Six steps: (0+0+6)/3 = 2, (0+0+6+0)/4 = 1.5, (0+0+6+0+0)/5 = 1.2, (0+6+0+0+0)/5, (6+0+0+0)/4, (0+0+0)/3.
    assert pictures.smoothed(np.array([[0.0, 0, 6, 0, 0, 0]])).round(6).tolist() == [[2.0, 1.5, 1.2, 1.2, 1.5, 0.0]]


def test_readmes_figures_are_those_that_were_measured():
    runs, _ = read_runs(ROOT / "benchmarks" / "results" / "learning", "warm start")
    grpo, start = summary(runs["grpo"], 1, runs["warm start"][0]), summary(runs["warm start"], 1)
    gain, (low, high) = grpo["gain"]["iqm"], grpo["gain"]["interval"]
    solved = f"{start['pass@1']['iqm']:.0%} to {grpo['pass@1']['iqm']:.0%}"
    assert f"{solved}, {100 * gain:+.0f} [{100 * low:+.0f}, {100 * high:+.0f}] points" in README
    assert f"GRPO, {grpo['cpu_seconds'] / 60:.0f} CPU minutes, five seeds" in README
    measured = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    for what, row in (("a step:", r"step: parse"), ("a fork", r"fork, "), ("the tool call alone", r".*in memory")):
        (said,) = re.findall(rf"^\| {what}.* \| ([\d,]+) µs \|", README, re.MULTILINE)
        (found,) = re.findall(rf"^\| {row}[^|]*\| ([\d.,]+) \|", measured, re.MULTILINE)
        assert int(said.replace(",", "")) == round(float(found.replace(",", "")))
    rows = [
        re.findall(rf"^\| {tools} \| ours, stale 0 \|[^|]*\| ([\d.]+) times", measured, re.MULTILINE)
        for tools in ("at once", "after 100 ms")
    ]
    at_once, waiting = (float(found) for (found,) in rows)
    assert f"{at_once:.1f} times as fast; with tools that take 100 ms {waiting:.1f} times" in README


def test_the_first_screen_has_the_picture_and_the_figures():
    top = README.splitlines()[:40]
    assert any(line.startswith("![") and line.endswith("(docs/img/grpo.png)") for line in top)
    _, *rows = [line for line in top if line.startswith("| ") and line.count("|") == 4]  # without the heads
    assert len(rows) >= 6
    assert all("`" in row.split("|")[3] for row in rows), "each figure names the command that measures it"


def test_the_learning_picture_is_drawn(tmp_path):
    pictures.learning_picture(tmp_path)
    assert (tmp_path / "grpo.png").read_bytes().startswith(b"\x89PNG")

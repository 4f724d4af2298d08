"""The manual as a site: it builds without a warning, fetches nothing, and its tutorials run.

The build is a subprocess of MkDocs without what the tutorials print; they have tests of their own here.
"""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
CONFIG = DOCS / "site" / "mkdocs.yml"
TUTORIALS = sorted((DOCS / "tutorials").glob("*.py"))
SHOWN = {
    "first_episode": ["in the fork: policy_error", "here: solved"],
    "own_server": ["solved", "emma is lent already", "True ['oracle', 'gold_is_hidden', 'fork']"],
    "own_reward": ["solved {'brief': 0.9}", "brief    pays the solved one more in 100%"],
    "grpo": ["of 48 held-out tasks, 95% interval"],
    "results": ["pass@1", "request: ", "wanted "],
}
"""What a tutorial says in words, and must therefore print."""
SLOW = {"own_reward", "grpo", "results"}
NEEDED = ("mkdocs", "material", "mkdocstrings_handlers.python", "jupytext", "nbclient", "ipykernel", "latex2mathml")
"""What the extra `docs` brings."""


class Page(HTMLParser):
    """What a page makes a browser fetch, the text in its body, and whether it has an element."""

    def __init__(self, text: str):
        super().__init__()
        self.fetched: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        values = dict(attrs)
        followed = {"a"} if tag == "a" else set()
        if not followed:
            self.fetched += [value for name in ("src", "href", "data", "srcset") if (value := values.get(name))]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site."""
    for package in NEEDED:
        pytest.importorskip(package, reason="needs the extra docs")
    place, package = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("package")
    own = {"TUTORIALS": "false", "SITE_PACKAGE": str(package), "NO_MKDOCS_2_WARNING": "1"}
    environment = {**os.environ, **own}
    command = ["-m", "mkdocs", "build", "--strict", "--quiet", "-f", str(CONFIG), "-d", str(place)]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    return place


def pages(site: Path) -> dict[str, str]:
    return {str(path.relative_to(site)): path.read_text(encoding="utf-8") for path in site.rglob("*.html")}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_page_of_the_manual_is_on_the_site(site):
    made = set(pages(site))
    for page in DOCS.rglob("*.md"):
        assert str(page.relative_to(DOCS).with_suffix(".html")) in made
    for tutorial in TUTORIALS:
        assert f"tutorials/{tutorial.stem}.html" in made
        assert (site / "tutorials" / f"{tutorial.stem}.ipynb").is_file()
    assert "source/examples/own_server.py.html" in made, "what the manual links to outside docs/ is shown too"
    assert "changelog.html" in made
    assert not (site / "site").exists(), "the configuration is no page"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_reader_fetches_nothing_from_elsewhere(site):
    for name, text in pages(site).items():
        elsewhere = [link for link in Page(text).fetched if re.match(r"(https?:)?//", link)]
        assert not elsewhere, f"{name} fetches {elsewhere}"
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style


def test_a_page_that_fetches_from_elsewhere_would_be_seen():
    page = Page(
        '<link href="https://fonts.example/a.css"><a href="https://paper.example">paper</a><script src="//x/y.js">'
    )
    assert page.fetched == ["https://fonts.example/a.css", "//x/y.js"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_equations_are_drawn_by_the_browser_itself(site):
    text = (site / "equations.html").read_text(encoding="utf-8")
    equations = (DOCS / "equations.md").read_text(encoding="utf-8").count("\n$$\n") // 2
    assert text.count('display="block"') == equations > 15
    assert text.count('display="inline"') > 10
    body = text[text.index("<article") : text.index("</article")]
    assert "$" not in body
    assert r"\frac" not in body


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_reference_shows_docstrings_and_signatures(site):
    text = (site / "reference" / "agents.html").read_text(encoding="utf-8")
    for name in ("toolgym.agents.policies.lm.LMPolicy", "toolgym.agents.rollouts.rollout.rollouts"):
        assert f'id="{name}"' in text
    assert "keeps every" in text or "episode for each start" in text


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_marks_of_the_tests_are_not_shown(site):
    for name, text in pages(site).items():
        assert "<!-- run:" not in text, name


def test_the_functions_that_the_equations_name_exist():
    text = (DOCS / "equations.md").read_text(encoding="utf-8")
    named = re.findall(r"`(toolgym(?:\.\w+)+)`", text)
    assert len(named) > 20
    for name in named:
        module, _, function = name.rpartition(".")
        assert callable(getattr(import_module(module), function)), name


def test_the_reference_names_what_there_is():
    for page in sorted((DOCS / "reference").glob("*.md")):
        for name in re.findall(r"^::: ([\w.]+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
            module, _, last = name.rpartition(".")
            if name.startswith("toolgym.adapters."):  # knows another project's package, which may not be there
                assert find_spec(name), f"{page.name}: {name}"
                continue
            try:
                found = hasattr(import_module(module), last)
            except ModuleNotFoundError:
                found = False
            assert found or import_module(name), f"{page.name}: {name}"


def test_what_is_public_is_in_the_reference():
    import toolgym

    text = "\n".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))
    listed = {name.rpartition(".")[2] for name in re.findall(r"^::: ([\w.]+)$", text, re.MULTILINE)}
    public = set(toolgym.__all__)
    for room in ("policies", "rollouts", "memory", "evaluation", "training"):
        public |= set(import_module(f"toolgym.agents.{room}").__all__)
    assert public - listed <= {"all_equal", "summarise"}, public - listed


@pytest.mark.parametrize(
    "tutorial",
    [pytest.param(path, marks=[pytest.mark.slow] if path.stem in SLOW else []) for path in TUTORIALS],
    ids=lambda path: path.stem,
)
@pytest.mark.timeout(900)
def test_a_tutorial_runs_and_prints_what_it_speaks_of(tutorial, tmp_path):
    jupytext, nbclient, _ = (
        pytest.importorskip(package, reason="needs the extra docs") for package in ("jupytext", "nbclient", "ipykernel")
    )
    notebook = jupytext.read(tutorial)
    assert not any(cell.get("outputs") for cell in notebook.cells), "kept without outputs"
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output.get("text", "") for output in outputs)
    for words in SHOWN[tutorial.stem]:
        assert words in printed
    if tutorial.stem == "grpo":
        assert any("image/png" in output.get("data", {}) for output in outputs)


def test_each_tutorial_is_listed():
    text = (DOCS / "tutorials" / "index.md").read_text(encoding="utf-8")
    assert {f"{path.name}" for path in TUTORIALS} == set(re.findall(r"\((\w+\.py)\)", text))
    assert set(SHOWN) == {path.stem for path in TUTORIALS}


def test_every_picture_is_in_the_gallery():
    shown = (DOCS / "gallery.md").read_text(encoding="utf-8") + (DOCS / "worlds.md").read_text(encoding="utf-8")
    pictures = [path for path in DOCS.rglob("*") if path.suffix in (".png", ".svg")]
    assert len(pictures) > 15
    for path in pictures:
        assert f"]({path.relative_to(DOCS).as_posix()})" in shown, path.name


def test_the_model_cards_figures_are_those_that_were_measured():
    measured = (DOCS / "learning.md").read_text(encoding="utf-8").splitlines()
    card = (DOCS / "model_card.md").read_text(encoding="utf-8").splitlines()
    figures = [line for line in card if line.startswith("| `builtin:")]
    assert len(figures) == 6
    assert set(figures) <= set(measured)

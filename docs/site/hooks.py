"""What the manual needs to be a site, beside MkDocs: the pages that are made, and links that lead out of docs/.

- Tutorials (`docs/tutorials/NAME.py`, jupytext's percent form) are run and become pages and notebooks.
- A link to a file outside docs/ (an example, a module, the changelog) gets a page here that shows the file.
- Equations become MathML, which browsers draw by themselves.
- For the reference, the package as it is imported: `agents/`, `envs/` and `mcp_servers/` are parts of `toolgym`.
"""

import ast
import os
import re
import shutil
import tempfile
from base64 import b64decode
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import jupytext
from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
LINK = re.compile(r"(?<!`)(?P<before>\[[^\]\n]*\]\()(?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
FENCED = re.compile(r"^( *)(`{3,}|~{3,}).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
RUN = re.compile(r"^ *<!-- run: .*? -->\n+", re.MULTILINE)
OUTPUT = re.compile(r"^(?P<fence> *```)\n\n*(?P=fence)text$", re.MULTILINE)
EQUATION = re.compile(r'<div class="arithmatex">\s*\\\[(?P<latex>.*?)\\\]\s*</div>', re.DOTALL)
SYMBOLS = re.compile(r"\$<code>(?P<latex>.*?)</code>\$")
LANGUAGES = {".py": "python", ".sh": "bash", ".toml": "toml", ".json": "json", ".yaml": "yaml"}
RENDERED = {"README.md": "index.md", "CHANGELOG.md": "changelog.md"}
"""Files at the top that are pages, not listings."""


def on_startup(**_: object) -> None:
    """Puts the package together as it is imported, for what reads docstrings without importing anything."""
    place = Path(os.environ.get("SITE_PACKAGE", ROOT / "build" / "site_package"))  # each of several builds has its own
    shutil.rmtree(place, ignore_errors=True)
    for folder, name in (("toolgym", "."), ("agents", "agents"), ("envs", "envs"), ("mcp_servers", "mcp_servers")):
        package = place / "toolgym" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        for part in (ROOT / folder).iterdir():
            if part.name == "__init__.py":
                shutil.copy(part, package)  # a link would lead back to the folder, where the three are not
            else:
                (package / part.name).symlink_to(part)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made."""
    _add(files, config, "changelog.md", _moved((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), ROOT))
    for tutorial in sorted((DOCS / "tutorials").glob("*.py")):
        for name, content in tutorial_page(tutorial, run=bool(config.extra["tutorials"])).items():
            _add(files, config, f"tutorials/{name}", content)
    wanted = {target for file in files.documentation_pages() for target in _outside(file)}
    listed = {inner for target in wanted if target.is_dir() for inner in target.iterdir() if inner.suffix in LANGUAGES}
    for target in sorted(wanted | listed):
        if target.name not in RENDERED:
            _add(files, config, _page_of(target), _listing(target))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leaves out the marks of the tests, and points links to tutorials and out of docs/ to their pages."""
    here = Path(page.file.src_uri).parent
    home = (DOCS / here).resolve()

    def inside(match: re.Match[str]) -> str:
        target = _target(match["target"], home)
        if target is None or (target.is_relative_to(DOCS) and target.suffix != ".py"):
            return match[0]
        page_of_it = target.relative_to(DOCS).with_suffix(".md") if target.is_relative_to(DOCS) else _page_of(target)
        to = os.path.relpath(page_of_it, here)
        return f"{match['before']}{to}{match['anchor'] or ''})"

    markdown = RUN.sub("", markdown)
    markdown = _outside_fences(markdown, lambda text: LINK.sub(inside, text))
    return OUTPUT.sub(r"\g<fence>\n\n\g<fence> { .text .output }", markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Equations (`$$ ... $$`) and symbols in a line (a code span in dollars), as MathML."""
    html = EQUATION.sub(lambda match: f'<div class="equation">{_mathml(match["latex"], "block")}</div>', html)
    return SYMBOLS.sub(lambda match: _mathml(match["latex"], "inline"), html)


def tutorial_page(path: Path, *, run: bool) -> dict[str, str | bytes]:
    """A tutorial as a page, a notebook and the pictures that it draws, by name.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    notebook = jupytext.read(path)
    if run:
        with tempfile.TemporaryDirectory() as folder:
            NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
    made: dict[str, str | bytes] = {f"{path.stem}.ipynb": jupytext.writes(notebook, fmt="ipynb")}
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        else:
            parts.append(f"```python\n{cell.source}\n```")
            parts += _outputs(cell, made, path.stem)
    title, _, rest = "\n\n".join(parts).partition("\n")
    note = f"[This page as a notebook]({path.stem}.ipynb), to run and to change."
    made[f"{path.stem}.md"] = f"{title}\n\n{note}\n{rest}\n"
    return made


def _outputs(cell: NotebookNode, made: dict[str, str | bytes], name: str) -> Iterator[str]:
    """What a cell prints and draws; pictures go to `made`. Warnings and bars are left out."""
    printed = "".join(output.text for output in cell.outputs if output.get("name") == "stdout")
    if printed:
        yield f"``` {{ .text .output }}\n{printed.rstrip()}\n```"
    for output in cell.outputs:
        if picture := output.get("data", {}).get("image/png"):
            made[f"{name}_{len(made)}.png"] = b64decode(picture)
            yield f"![What this cell draws]({name}_{len(made) - 1}.png)"


def _add(files: Files, config: MkDocsConfig, uri: str, content: str | bytes) -> None:
    made = File.generated(config, uri, content=content)
    if made.is_documentation_page() and not made.src_uri.startswith(("tutorials/", "changelog")):
        made.inclusion = InclusionLevel.NOT_IN_NAV
    files.append(made)


def _target(link: str, home: Path) -> Path | None:
    """The file or folder that a relative link leads to."""
    return None if re.match(r"[a-z]+:", link) else (home / link).resolve()


def _outside(file: File) -> Iterator[Path]:
    """What a page links to outside docs/."""
    home = (DOCS / file.src_uri).resolve().parent
    for match in LINK.finditer(FENCED.sub("", file.content_string)):
        target = _target(match["target"], home)
        if target is not None and not target.is_relative_to(DOCS) and target.is_relative_to(ROOT) and target.exists():
            yield target


def _page_of(target: Path) -> str:
    """The page that stands for a file outside docs/."""
    inside = target.relative_to(ROOT)
    if inside.name in RENDERED:
        return RENDERED[inside.name]
    return f"source/{inside / 'index' if target.is_dir() else inside}.md"


def _listing(target: Path) -> str:
    """A page that shows a file, or what is in a folder, each with the first sentence that it says of itself."""
    title = f"# {target.relative_to(ROOT)}\n\n"
    if target.is_dir():
        lines = [
            f"- [{path.name}]({path.name}.md): {_about(path)}"
            for path in sorted(target.iterdir())
            if path.suffix in LANGUAGES
        ]
        return title + "\n".join(lines) + "\n"
    language = LANGUAGES.get(target.suffix, "text")
    return f"{title}~~~~{language}\n{target.read_text(encoding='utf-8')}~~~~\n"


def _about(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    said = (ast.get_docstring(ast.parse(text)) or "") if path.suffix == ".py" else text.partition("# ")[2]
    return said.partition("\n")[0]


def _moved(markdown: str, home: Path) -> str:
    """The links of a page that stands at `home`, as they are from docs/."""

    def inside(match: re.Match[str]) -> str:
        target = _target(match["target"], home)
        to = match["target"] if target is None else os.path.relpath(target, DOCS)
        return f"{match['before']}{to}{match['anchor'] or ''})"

    return _outside_fences(markdown, lambda text: LINK.sub(inside, text))


def _outside_fences(markdown: str, change: Callable[[str], str]) -> str:
    """`change` done to all but the fenced blocks."""
    kept, at = [], 0
    for fence in FENCED.finditer(markdown):
        kept += [change(markdown[at : fence.start()]), fence[0]]
        at = fence.end()
    return "".join([*kept, change(markdown[at:])])


def _mathml(latex: str, display: str) -> str:
    return convert(unescape(latex).strip(), display=display)

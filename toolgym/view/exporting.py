"""`toolgym view --export`: the pages and the data as files, which open from disk and on any static host.

A page that was opened from disk may fetch nothing, so the data are scripts: each line calls `TOOLGYM_PUT` with a key
and a value in which no character can end the script or mean anything to HTML.
"""

import itertools
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from toolgym import _strict_json
from toolgym._files import write_whole
from toolgym.errors import ConfigError, ToolGymError
from toolgym.trajectory._lines import MAX_DEPTH
from toolgym.view import queries
from toolgym.view.curves import curves
from toolgym.view.episodes import episode, group_tree, recorded, tokens
from toolgym.view.explaining import Explainer
from toolgym.view.library import Library
from toolgym.view.server import STATIC
from toolgym.view.sources import Source

__all__ = ["export"]

_MARK = "toolgym-view-export"
_EPISODES_A_FILE = 20
_MOST_PAIRED = 8
_POLICY = (
    "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src 'self' file:; base-uri 'none'; "
    "form-action 'none'"
)


def export(
    library: Library, folder: Path, *, limit: int = 1000, explainer: Explainer | None = None, overwrite: bool = False
) -> Path:
    """Writes a site; returns the page to open.

    Args:
        library: what is shown.
        folder: where to; made where it is not there.
        limit: episodes of each run, the first ones.
        explainer: adds what tells the gold chains: checklists, the state, credit. None: it is left out.
        overwrite: whether an earlier export makes way.

    Raises:
        ConfigError: the folder holds something that is no earlier export, or one that is to stay.
        OSError: it cannot be written to.
    """
    _prepare(folder, overwrite)
    try:
        library.read_all()
        sources = list(library.sources.values())
        data = folder / "data"
        data.mkdir()
        runs = {"runs": [_public(queries.summary(library, source)) for source in sources]}
        figures = {"runs": {source.id: curves(source.folder) if source.folder else {} for source in sources}}
        _write(data / "runs.js", [("runs", runs), ("curves", figures)])
        _write(data / "pairs.js", _pairs(library, sources))
        for source in sources:
            if source.episodes is not None:
                _write_source(library, source, data, limit, explainer)
    finally:
        library.close()
    for file in STATIC.iterdir():
        if file.name != "index.html":
            shutil.copyfile(file, folder / file.name)
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    page = page.replace("<html ", "<html data-static ", 1).replace("<head>", f"<head>\n    {policy}", 1)
    write_whole(folder / "index.html", page)  # last: a site without it is none
    return folder / "index.html"


def _prepare(folder: Path, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{str(folder)!r} is a file; --export takes a folder")
    mark = folder / f".{_MARK}"
    if folder.is_dir() and any(folder.iterdir()):
        if not mark.is_file():
            raise ConfigError(f"{str(folder)!r} holds something that is no export: give another --export")
        if not overwrite:
            raise ConfigError(f"{str(folder)!r} holds an export: replace it (--overwrite), or give another --export")
        (folder / "index.html").unlink(missing_ok=True)
        shutil.rmtree(folder / "data", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    mark.touch()


def _public(summary: dict[str, Any]) -> dict[str, Any]:
    """Without how far the reading was."""
    return {**summary, "done": 0, "size": 0}


def _pairs(library: Library, sources: list[Source]) -> Iterator[tuple[str, Any]]:
    """Any two runs with episodes, in either order, and all of them together."""
    paired = [source for source in sources if source.episodes is not None][:_MOST_PAIRED]
    every: list[tuple[Source, ...]] = list(itertools.permutations(paired, 2))
    if len(paired) > 2:
        every.append(tuple(paired))
    for some in every:
        yield f"pairs-{','.join(source.id for source in some)}", queries.pairs(library, some)


def _write_source(library: Library, source: Source, data: Path, limit: int, explainer: Explainer | None) -> None:
    with library.index(source) as index:
        rows: list[dict[str, Any]] = []
        for start in range(0, limit, queries.MOST_ROWS):
            count = min(queries.MOST_ROWS, limit - start)
            more = queries.page(index, {}, start=start, count=count)["rows"]
            rows += more
            if not more:
                break
        texts = {} if index is None else dict(map(tuple, index.execute("SELECT n, text FROM texts LIMIT ?", (limit,))))
        found = {**queries.facets(index), **queries.note(index), "name": source.name, "kind": source.kind}
        found |= {"done": 0, "size": 0, "tail": 0}
        broken = {"lines": queries.broken_lines(index), "total": found["bad"]}
    rows = [{**row, "text": texts.get(row["n"], "")} for row in rows]
    keyed = [(f"facets-{source.id}", found), (f"broken-{source.id}", broken), (f"rows-{source.id}", rows)]
    _write(data / f"{source.id}-rows.js", keyed)
    numbers = [row["n"] for row in rows]
    for file, some in itertools.groupby(numbers, lambda n: n // _EPISODES_A_FILE):
        values = itertools.chain.from_iterable(_episode(library, source, n, set(numbers), explainer) for n in some)
        _write(data / f"{source.id}-{file}.js", values)


def _episode(
    library: Library, source: Source, n: int, there: set[int], explainer: Explainer | None
) -> Iterator[tuple[str, Any]]:
    """All that is known of an episode, by the names under which the page asks for it."""
    at = f"{source.id}-{n}"
    try:
        whole = episode(library, source, n)
    except (ToolGymError, OSError) as error:
        yield f"episode-{at}", {"error": str(error)}
        return
    yield f"episode-{at}", whole
    tree = group_tree(library, source, n)
    yield f"tree-{at}", tree if all(end["n"] in there for end in tree["ends"]) else _only(tree, there)
    if whole["tokens"]:
        with suppress(ToolGymError, OSError):  # the page says that they are not part of the site
            yield f"tokens-{at}", tokens(library, source, n)
    if explainer is None:
        return
    try:
        found = recorded(library, source, n)
        yield f"explain-{at}", explainer.explain(found)
        for value in ("outcome", "checklist", "state"):
            yield f"credit-{at}-{value}-leave_one_out", explainer.credit(found, value, "leave_one_out")
    except (ToolGymError, ValueError):
        return  # the page says that it is not part of the site


def _only(tree: dict[str, Any], there: set[int]) -> dict[str, Any]:
    """The tree without the episodes that are not part of the site."""

    def kept(node: dict[str, Any]) -> dict[str, Any]:
        children = [kept(child) for child in node["children"]]
        episodes = [n for n in node["episodes"] if n in there]
        return {**node, "episodes": episodes, "children": [child for child in children if child["episodes"]]}

    return {**tree, "root": kept(tree["root"]), "ends": [end for end in tree["ends"] if end["n"] in there]}


def _write(path: Path, values: Any) -> None:
    """A script that hands over each value: ASCII, and no character that HTML or JavaScript could take for its own."""
    write_whole(path, (f"TOOLGYM_PUT({_script(key)}, {_script(value)});\n" for key, value in values))


def _script(value: Any) -> str:
    plain = json.loads(_strict_json.dumps(value, depth=MAX_DEPTH + 10))  # null for what is no number
    text = json.dumps(plain, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

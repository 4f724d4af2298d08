"""The world of API-Bank: its initial databases, read from the user's own copy of the benchmark."""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolgym import _json
from toolgym.errors import ConfigError
from toolgym.world import Base

TABLES = (
    "Account",
    "Agenda",
    "Alarm",
    "Appointments",
    "Bank",
    "BankAccount",
    "Dictionary",
    "HealthData",
    "History",
    "Hotel",
    "ImageCaptioning",
    "Meeting",
    "PasswordReset",
    "QuestionAnswering",
    "Reminder",
    "Scenes",
    "SearchEngine",
    "SpeechRecognition",
    "Stock",
    "Symptom",
    "TimeSwitch",
    "Translation",
    "Wiki",
)
_OURS = {"BankAccount", "Dictionary", "PasswordReset", "Translation"}
"""Tables that the data has no file for."""
FILES = tuple(f"{name}.json" for name in TABLES if name not in _OURS)


def find_folder(data: Path) -> Path:
    """The folder of the databases: `data` itself, or a folder `init_database` in it or one below it.

    Raises:
        ConfigError: there is none.
    """
    for folder in (data, data / "init_database", *sorted(data.glob("*/init_database"))):
        if (folder / "Account.json").is_file():
            return folder
    raise ConfigError(
        f"{data} has no databases of API-Bank: data=DIR is a copy of its folder `api-bank`, whose `init_database` has "
        f"{', '.join(FILES[:3])}, …"
    )


def load_base(data: Path) -> Base:
    """The world of the files.

    Raises:
        ConfigError: a file is missing or is not what it should be.
    """
    folder = find_folder(data)
    files = {name: _read(folder / f"{name}.json") for name in TABLES if name not in _OURS}
    return make_base(files, read_tools(folder.parent / "apis"))


def make_base(files: Mapping[str, Any], tools: Mapping[str, Any]) -> Base:
    """The world of databases as API-Bank has them, and of what its tools are said to be."""
    tables: dict[str, dict[str, Any]] = {name: {} for name in TABLES}
    tables["BankAccount"]["0"] = {"account": "test"}
    for name, content in files.items():
        tables[name] = _table(name, content)
    return Base(tables, {"tools": dict(tools)})


def _table(name: str, content: Any) -> dict[str, Any]:
    try:
        if name == "ImageCaptioning":
            return {item["url"]: item["caption"] for item in reversed(content)}
        if name == "SearchEngine":
            pages = zip(content["raw_documents"], content["tokenized_documents"], strict=True)
            return {str(at): {"page": page, "words": words} for at, (page, words) in enumerate(pages)}
        return dict(content)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{name}.json is not API-Bank's: {type(error).__name__}: {error}") from error


def _read(path: Path) -> Any:
    try:
        return _json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}; API-Bank's `init_database` has it") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON: {error}") from error


def read_tools(folder: Path) -> dict[str, dict[str, Any]]:
    """What API-Bank says of its tools, read from the classes of its folder `apis` without running them.

    Name -> `name`, `description`, `input_parameters`, `output_parameters`; empty where the folder is not there.
    """
    tools: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.py")):
        try:
            body = ast.parse(path.read_text(encoding="utf-8")).body
        except (OSError, SyntaxError, ValueError):
            continue
        for item in body:
            if isinstance(item, ast.ClassDef):
                said = dict(_constants(item))
                if "description" in said and "input_parameters" in said:
                    tools[item.name] = {"name": item.name, **said}
    return tools


def _constants(item: ast.ClassDef) -> Any:
    for statement in item.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if name in ("description", "input_parameters", "output_parameters"):
                try:
                    yield name, ast.literal_eval(statement.value)
                except ValueError:
                    continue

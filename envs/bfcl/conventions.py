"""How BFCL words what a model is told: its own functions, taken from the user's data and run in the tools' process.

Scores depend on these words, so they are the benchmark's, not ours: the documents of functions with their hints, the
tools in the endpoints' form, the system prompt of its prompting mode, and what is said when tools are added.
"""

import ast
import copy
import json
import re
import typing
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from toolgym.envs.bfcl.tool_classes import CLASSES
from toolgym.errors import ConfigError

__all__ = ["Conventions"]

_FUNCTIONS: Final = {
    "utils.py": ("is_java", "is_js", "_get_language_specific_hint", "_func_doc_language_specific_pre_processing"),
    "model_handler/utils.py": (
        "_cast_to_openai_type",
        "convert_to_tool",
        "formulate_system_prompt",
        "format_function_doc",
        "parse_prompt_variation_params",
    ),
}
"""File -> those of its functions that are needed: the files themselves import what talks to every vendor."""


class Conventions:
    """What a case's model is told.

    Args:
        folder: the benchmark's data.

    Raises:
        ConfigError: it has not what is needed.
    """

    def __init__(self, folder: Path):
        package = folder / "bfcl_eval"
        words, kinds = (import_module(f"bfcl_eval.constants.{name}") for name in ("default_prompts", "enums"))
        types = import_module("bfcl_eval.constants.type_mappings")
        made: dict[str, Any] = {**vars(typing), "json": json, "re": re, "copy": copy}
        made |= {
            name: value for found in (words, kinds, types) for name, value in vars(found).items() if name[:2] != "__"
        }
        for file, wanted in _FUNCTIONS.items():
            exec(compile(_only(package / file, wanted), str(package / file), "exec"), made)
        self._made, self._docs_folder = made, package / "data" / "multi_turn_func_doc"
        self._docs: dict[str, list[dict[str, Any]]] = {}

    def told(self, case: Mapping[str, Any], prompting: bool) -> dict[str, Any]:
        """What a model is told of a case.

        Returns:
            `tools`: the tools in OpenAI's function form, with `_` for the dots in names; `added`: turn -> those that
            are added then; `system`: the system prompt of the prompting mode; `turns`: turn -> chat messages.
        """
        category = str(case["id"]).rsplit("_", 1)[0]
        functions, missing = self._functions(case)
        made = self._made
        functions = made["_func_doc_language_specific_pre_processing"](functions, category)
        turns = [[dict(message) for message in turn] for turn in case["question"]]
        for number, docs in missing.items():
            said = made["DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_FC"]
            if prompting:
                said = made["DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_PROMPTING"].format(functions=docs)
            turns[number] = [{"role": "user", "content": said}]
        system = made["formulate_system_prompt"](made["DEFAULT_SYSTEM_PROMPT_FORMAT"], functions) if prompting else ""
        if prompting and turns[0] and turns[0][0]["role"] == "system":
            system = f"{system}\n\n{turns[0].pop(0)['content']}"
        return {
            "tools": self._tools(functions),
            "added": {str(number): self._tools(docs) for number, docs in missing.items()},
            "system": system,
            "turns": turns,
        }

    def _functions(self, case: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[int, list[dict[str, Any]]]]:
        """The documents of a case's functions, and turn -> those that are added then."""
        if "function" in case:
            return copy.deepcopy(list(case["function"])), {}
        functions = [doc for name in case["involved_classes"] for doc in self._class_docs(name)]
        missing: dict[int, list[dict[str, Any]]] = {}
        for turn, names in (case.get("missed_function") or {}).items():
            missing[int(turn)] = [doc for name in names for doc in functions if doc["name"] == name][: len(names)]
            functions = [doc for doc in functions if doc["name"] not in names]
        return copy.deepcopy(functions), missing

    def _class_docs(self, name: str) -> list[dict[str, Any]]:
        if name not in self._docs:
            if name not in CLASSES:
                raise ConfigError(f"BFCL's multi-turn cases have no tool class {name!r}")
            lines = (self._docs_folder / f"{CLASSES[name]}.json").read_text(encoding="utf-8").splitlines()
            self._docs[name] = [json.loads(line) for line in lines if line.strip()]
        return self._docs[name]

    def all_tools(self) -> list[dict[str, Any]]:
        """The tools of all classes, as `told` gives them."""
        return self._tools([doc for name in CLASSES for doc in self._class_docs(name)])

    def _tools(self, functions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        made = self._made
        tools = made["convert_to_tool"](
            list(functions), made["GORILLA_TO_OPENAPI"], made["ModelStyle"].OPENAI_COMPLETIONS
        )
        return [tool["function"] for tool in tools]


def _only(file: Path, wanted: Sequence[str]) -> ast.Module:
    """The functions of these names in a file.

    Raises:
        ConfigError: one is missing.
    """
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror}): `toolgym data get bfcl --anew`") from error
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in wanted}
    if missing := set(wanted) - found.keys():
        raise ConfigError(f"{file} has no {', '.join(sorted(missing))}: it is of another version of the benchmark")
    return ast.Module([found[name] for name in wanted], [])

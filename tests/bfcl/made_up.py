"""A benchmark in the form of BFCL's data, made up here: tools, words and a few cases of each category.

What the real one does is tested where it was fetched; what is ours is tested on this one everywhere.
"""

import json
from pathlib import Path
from typing import Any

_PLACE = "bfcl_eval/eval_checker/multi_turn_eval/func_source_code"

FILES = """
import time


class Node:
    def __init__(self, name, parent=None):
        self.name, self.parent, self.contents = name, parent, {}

    def __eq__(self, other):
        return isinstance(other, Node) and self.name == other.name and self.contents == other.contents


class GorillaFileSystem:
    def __init__(self):
        self._api_description = "files"

    def _load_scenario(self, scenario, long_context=False):
        self.root = self._here = Node("root")
        self.long_context = long_context
        for name, content in scenario.get("root", {}).items():
            self.root.contents[name] = content

    def ls(self):
        return {"contents": sorted(self._here.contents)}

    def mkdir(self, name: str):
        if name in self._here.contents:
            return {"error": f"{name} exists"}
        self._here.contents[name] = Node(name, self._here)

    def cd(self, folder: str):
        if folder == "..":
            self._here = self._here.parent
        elif isinstance(self._here.contents.get(folder), Node):
            self._here = self._here.contents[folder]
        else:
            return {"error": f"no folder {folder}"}
        return {"now": self._here.name}

    def echo(self, content: str, file_name: str = None):
        if file_name is None:
            return {"terminal": content}
        self._here.contents[file_name] = content

    def nap(self):
        time.sleep(60)

    def swallow(self, folder: str):
        inner = self._here.contents[folder]
        inner.contents["again"] = inner
        return "swallowed"

    def remember(self, word: str):
        self.words = getattr(self, "words", []) + [word]
        raise ValueError(f"cannot keep {word}")
"""
MATHS = """
class MathAPI:
    def mean(self, numbers: list):
        return {"result": sum(numbers) / len(numbers)}

    def power(self, base, exponent):
        return {"result": base ** exponent}

    def logarithm(self, value, base, precision):
        return {"result": Wide(value)}


class Wide:
    def __init__(self, value):
        self.value = value

    def __repr__(self):
        return f"Wide({self.value})"
"""
TICKETS = """
import random


class TicketAPI:
    def _load_scenario(self, scenario, long_context=False):
        self.tickets = scenario.get("tickets", [])
        self._random = random.Random(scenario.get("seed", 1))

    def create_ticket(self, title: str, priority: int = 1):
        ticket = {"id": self._random.randint(1, 10**6), "title": title, "priority": priority}
        self.tickets.append(ticket)
        return ticket

    def tags(self):
        return str({"open", "new", "old"})
"""
EMPTY = """
class {name}:
    def _load_scenario(self, scenario, long_context=False):
        pass
"""
CLASSES = {
    "gorilla_file_system": FILES,
    "math_api": MATHS,
    "ticket_api": TICKETS,
    **{
        module: EMPTY.format(name=name)
        for module, name in {
            "message_api": "MessageAPI",
            "trading_bot": "TradingBot",
            "travel_booking": "TravelAPI",
            "posting_api": "TwitterAPI",
            "vehicle_control": "VehicleControlAPI",
        }.items()
    },
}
PROMPTS = """
DEFAULT_SYSTEM_PROMPT_FORMAT = "plain"
DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_FC = "Here is more."
DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_PROMPTING = "{functions} Here is more."
"""
ENUMS = """
from enum import Enum


class ModelStyle(Enum):
    OPENAI_COMPLETIONS = "openai"
"""
TYPES = 'GORILLA_TO_OPENAPI = {"dict": "object", "float": "number", "any": "string", "String": "string"}\n'
UTILS = """
import nothing_that_is_installed


def is_java(category):
    return "java" in category and not is_js(category)


def is_js(category):
    return "javascript" in category


def _get_language_specific_hint(category):
    return " (Java)" if is_java(category) else ""


def _func_doc_language_specific_pre_processing(functions, category):
    for function in functions:
        function["description"] += _get_language_specific_hint(category)
    return functions
"""
HANDLERS = """
import nothing_that_is_installed


def _cast_to_openai_type(properties, mapping):
    return {name: {**value, "type": mapping.get(value["type"], value["type"])} for name, value in properties.items()}


def convert_to_tool(functions, mapping, style):
    tools = []
    for function in functions:
        parameters = {**function["parameters"], "type": "object"}
        parameters["properties"] = _cast_to_openai_type(parameters["properties"], mapping)
        named = {**function, "name": re.sub(r"\\.", "_", function["name"]), "parameters": parameters}
        tools.append({"type": "function", "function": named})
    return tools


def parse_prompt_variation_params(text: Optional[str]):
    return text


def format_function_doc(functions, form):
    return json.dumps(functions)


def formulate_system_prompt(form, functions):
    return f"Use these: {format_function_doc(functions, parse_prompt_variation_params(form))}"
"""


def document(name: str, /, **parameters: str) -> dict[str, Any]:
    """A function's document; a type that ends in `?` need not be given."""
    properties = {key: {"type": kind.rstrip("?"), "description": key} for key, kind in parameters.items()}
    required = [key for key, kind in parameters.items() if not kind.endswith("?")]
    schema = {"type": "dict", "properties": properties, "required": required}
    return {"name": name, "description": f"Does {name}.", "parameters": schema}


DOCUMENTS = {  # `remember` has none: it writes and then fails, which no tool of an environment should
    "gorilla_file_system": [
        document("ls"),
        document("mkdir", name="string"),
        document("cd", folder="string"),
        document("echo", content="string", file_name="string?"),
        document("swallow", folder="string"),
    ],
    "math_api": [document("mean", numbers="array"), document("power", base="float", exponent="float")],
    "ticket_api": [document("create_ticket", title="string", priority="integer?"), document("tags")],
}
WEATHER = document("weather.get", city="string", days="integer?")
CLOCK = document("clock", zone="string")


def single(category: str) -> list[tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]]:
    """(messages, functions, ground truth) of a category's cases."""
    ask = [{"role": "user", "content": "The weather in Paris, please."}]
    paris = {"weather.get": {"city": ["Paris", "paris, FR"], "days": ["", 1]}}
    lyon = {"weather.get": {"city": ["Lyon"], "days": [2]}}
    if "relevance" in category:
        return [(ask, [CLOCK] if "irr" in category else [WEATHER, CLOCK], []), (ask, [CLOCK], [])]
    if category in ("simple_java", "simple_javascript"):
        text = "String"
        doc = document(
            "Weather.of", city=text, days="integer", wet="boolean" if category == "simple_java" else "Boolean"
        )
        return [(ask, [doc], [{"Weather.of": {"city": ["Paris"], "days": [2], "wet": [True]}}])] * 2
    if "parallel" in category:
        return [(ask, [WEATHER, CLOCK], [paris, lyon]), (ask, [CLOCK, WEATHER], [lyon, paris])]
    system = {"role": "system", "content": "You are brief."}
    return [(ask, [WEATHER, CLOCK][: 2 if "multiple" in category else 1], [paris]), ([system, *ask], [WEATHER], [lyon])]


def conversations(category: str) -> list[dict[str, Any]]:
    """The rows of a multi-turn category, each with its `ground_truth`."""
    says = ["Make a folder a and go there.", "Write hi into x.txt there.", "The mean of 1 and 3?"]
    gold = [["mkdir('a')", "cd(folder='a')"], ["echo(content='hi',file_name='x.txt')"], ["mean([1, 3])"]]
    row: dict[str, Any] = {
        "question": [[{"role": "user", "content": text}] for text in says],
        "initial_config": {"GorillaFileSystem": {"root": {"old.txt": "old"}}},
        "involved_classes": ["GorillaFileSystem", "MathAPI"],
        "ground_truth": gold,
    }
    if category == "multi_turn_miss_func":
        row["question"] = [row["question"][0], row["question"][1], [], row["question"][2]]
        row["missed_function"] = {"2": ["echo"]}
        row["ground_truth"] = [gold[0], [], gold[1], gold[2]]
    ticket = {
        "question": [
            [{"role": "user", "content": "A ticket: no heat."}],
            [{"role": "user", "content": "And the files?"}],
        ],
        "initial_config": {"TicketAPI": {"seed": 3}},
        "involved_classes": ["TicketAPI", "GorillaFileSystem"],
        "ground_truth": [["create_ticket(title='no heat')"], ["ls()"]],
    }
    return [{"id": f"{category}_{number}", **each} for number, each in enumerate((row, ticket))]


def write_benchmark(folder: Path) -> Path:
    """Writes it; returns the folder, as `data=` takes it."""
    from toolgym.envs.bfcl.cases import CATEGORIES, is_multi_turn

    texts = {
        "bfcl_eval/__init__.py": "",
        "bfcl_eval/utils.py": UTILS,
        "bfcl_eval/model_handler/utils.py": HANDLERS,
        "bfcl_eval/constants/default_prompts.py": PROMPTS,
        "bfcl_eval/constants/enums.py": ENUMS,
        "bfcl_eval/constants/type_mappings.py": TYPES,
        **{f"{_PLACE}/{module}.py": code for module, code in CLASSES.items()},
        **{
            f"bfcl_eval/data/multi_turn_func_doc/{module}.json": _lines(DOCUMENTS.get(module, [])) for module in CLASSES
        },
    }
    for category in CATEGORIES:
        if is_multi_turn(category):
            rows = conversations(category)
        else:
            cases = enumerate(single(category))
            rows = [
                {"id": f"{category}_{n}", "question": [said], "function": docs, "ground_truth": gold}
                for n, (said, docs, gold) in cases
            ]
        answers = [{"id": row["id"], "ground_truth": row.pop("ground_truth")} for row in rows]
        texts[f"bfcl_eval/data/BFCL_v4_{category}.json"] = _lines(rows)
        if "relevance" not in category:
            texts[f"bfcl_eval/data/possible_answer/BFCL_v4_{category}.json"] = _lines(answers)
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def _lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)

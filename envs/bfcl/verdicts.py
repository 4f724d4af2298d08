"""The verdicts of the Berkeley Function Calling Leaderboard (BFCL) on a single turn's calls and on an agent's answer.

The official checker counts the calls, looks at the function's name, at the required parameters, at each given one, and
last at what was left out and may not be. The first thing that is wrong names the error.

In three places the official verdict can be wrong; `strict=False` gives it:

- parallel calls: the official checker gives each answer the first call that fits, so that an answer that takes many
  values can take the call that another one needs. Here calls and answers are paired so that all fit, where they can.
- a Java array of texts: the official checker takes `new String[]{"a"}` for a text with quotes in it, which no answer
  has; it finds only `new String[]{a}` right. Here both are.
- a sign in a text: the official decoder takes each sign before a constant for a minus, as in `x=+5`; `--5` it cannot
  read.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolgym.envs.bfcl.decode import decode
from toolgym.envs.bfcl.values import JAVA, JAVASCRIPT, OFFICIAL_JAVA, PYTHON, Language, argument_error, standardized
from toolgym.errors import TaskError

_PARALLEL = "parallel_function_checker_no_order"


@dataclass(frozen=True)
class Verdict:
    """Whether an output is right; `error_type` is the official name of what is wrong, None where nothing is."""

    valid: bool
    error_type: str | None = None


def check(case: Mapping[str, Any], output: Any, underscore_to_dot: bool = False, *, strict: bool = True) -> Verdict:
    """The verdict on a model's calls in one turn.

    Args:
        case: a row of the benchmark with its `category`, the `function` documents and the `ground_truth`: for each
            call `{name: {parameter: [each value that is right]}}`. 5 and 5.0 must stay apart, as `json` reads them.
        output: the calls as `[{name: {parameter: value}}, …]`, or the model's text in the prompting form. Values for
            Java and JavaScript are source text.
        underscore_to_dot: the model was given function names with `_` for each dot.
        strict: False gives the official verdict also where it is not what is right.

    Raises:
        TaskError: the case is not such a row.
    """
    try:
        category, functions, answers = str(case["category"]), case["function"], case["ground_truth"]
    except (KeyError, TypeError):
        raise TaskError("a BFCL case needs `category`, `function` and `ground_truth`: give a row of the data") from None
    decoded = _decoded(output, category, strict)
    calls = _calls(decoded)
    if "relevance" in category:  # also irrelevance
        called = bool(calls)
        if "irrelevance" in category:
            return _verdict("irrelevance_error:decoder_success" if called else None)
        return _verdict(None if called else "relevance_error:decoder_failed")
    if decoded is None and isinstance(output, str):
        return _verdict("ast_decoder:decoder_failed")
    if calls is None:
        return _verdict("ast_decoder:decoder_wrong_output_format")
    kind = "multiple" if "multiple" in category else "simple"
    kind = _PARALLEL if "parallel" in category else f"{kind}_function_checker"
    expected = [_expected(answer, functions) for answer in answers or []]
    if len(calls) != len(expected):
        return _verdict(f"{kind}:wrong_count")
    language = _language(category, strict)
    if kind == _PARALLEL:
        fits = [[item.error(call, language, underscore_to_dot) is None for call in calls] for item in expected]
        found = _paired(fits) if strict else _paired_in_turn(fits)
        return _verdict(None if found else f"{_PARALLEL}:cannot_find_match")
    errors = (item.error(call, language, underscore_to_dot) for item, call in zip(expected, calls, strict=True))
    return _verdict(next((error for error in errors if error is not None), None))


def check_agentic(response: Any, possible_answers: Sequence[str]) -> Verdict:
    """The verdict on a free-text answer: right if one of the possible answers stands in it, as whole words.

    Both are compared in lower case, without `, . / - _ * ^` and parentheses; spaces count. Of a list the first is read.
    """
    if isinstance(response, list):
        response = response[0] if response else ""
    said = _plain(response)
    for answer in possible_answers:
        if re.search(rf"\b{re.escape(_plain(answer))}\b", said):
            return Verdict(True)
    return Verdict(False, "agentic:answer_not_found")


def _plain(text: Any) -> str:
    return " ".join(standardized(word) for word in re.sub(r"[()]", "", str(text)).split(" "))


def _verdict(error: str | None) -> Verdict:
    return Verdict(error is None, error)


def _language(category: str, strict: bool = True) -> Language:
    if "javascript" in category:
        return JAVASCRIPT
    if "java" in category:
        return JAVA if strict else OFFICIAL_JAVA
    return PYTHON


def _decoded(output: Any, category: str, strict: bool) -> Any:
    """The calls of a text, or None; what is no text stays as it is."""
    if not isinstance(output, str):
        return output
    try:
        return decode(output, "python" if _language(category) is PYTHON else "source", official=not strict)
    except ValueError:
        return None


def _calls(decoded: Any) -> list[Mapping[str, Any]] | None:
    """`decoded` where it is a list of `{name: {parameter: value}}`, one name each; else None."""
    if isinstance(decoded, list) and all(
        isinstance(call, Mapping) and len(call) == 1 and isinstance(next(iter(call.values())), Mapping)
        for call in decoded
    ):
        return decoded
    return None


@dataclass(frozen=True)
class _Expected:
    """One call of the ground truth: its name, each parameter's possible values, and the function's schema."""

    name: str
    answers: Mapping[str, list[Any]]
    properties: Mapping[str, Any]
    required: Sequence[str]

    def error(self, call: Mapping[str, Mapping[str, Any]], language: Language, underscored: bool) -> str | None:
        """What is wrong with `call`, the first in the official order."""
        ((name, arguments),) = call.items()
        if name != (self.name.replace(".", "_") if underscored else self.name):
            return "simple_function_checker:wrong_func_name"
        if any(parameter not in arguments for parameter in self.required):
            return "simple_function_checker:missing_required"
        for parameter, value in arguments.items():
            if parameter not in self.properties or parameter not in self.answers:
                return "simple_function_checker:unexpected_param"
            error = argument_error(value, self.answers[parameter], self.properties[parameter], language)
            if error is not None:
                return error
        left_out = (answers for parameter, answers in self.answers.items() if parameter not in arguments)
        return None if all("" in answers for answers in left_out) else "simple_function_checker:missing_optional"


def _expected(answer: Mapping[str, Any], functions: Sequence[Mapping[str, Any]]) -> _Expected:
    ((name, answers),) = answer.items()
    for function in functions:
        if function["name"] == name:
            schema = function["parameters"]
            return _Expected(name, answers, schema.get("properties", {}), schema.get("required", []))
    raise TaskError(f"the ground truth calls {name!r}, which the case's `function` does not describe")


def _paired_in_turn(fits: list[list[bool]]) -> bool:
    """Whether each answer in turn finds a call that fits and is not taken."""
    free = set(range(len(fits)))
    for row in fits:
        call = next((index for index in sorted(free) if row[index]), None)
        if call is None:
            return False
        free.remove(call)
    return True


def _paired(fits: list[list[bool]]) -> bool:
    """Whether answers and calls can be paired so that all fit: a perfect matching, by augmenting paths."""
    taken: dict[int, int] = {}  # call -> answer

    def place(answer: int, seen: set[int]) -> bool:
        for call, fit in enumerate(fits[answer]):
            if fit and call not in seen:
                seen.add(call)
                if call not in taken or place(taken[call], seen):
                    taken[call] = answer
                    return True
        return False

    return all(place(answer, set()) for answer in range(len(fits)))

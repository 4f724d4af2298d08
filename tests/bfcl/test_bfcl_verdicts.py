"""The verdict on each kind of call, argument and answer, worked out by hand from the rules that `values.py` states."""

import json

import pytest

from toolgym.envs.bfcl import Verdict, check, check_agentic
from toolgym.errors import TaskError

PROPERTIES = {
    "city": {"type": "string"},
    "days": {"type": "integer"},
    "least": {"type": "float"},
    "all": {"type": "boolean"},
    "tags": {"type": "array", "items": {"type": "string"}},
    "sizes": {"type": "array", "items": {"type": "float"}},
    "at": {"type": "tuple", "items": {"type": "float"}},
    "where": {"type": "dict", "properties": {"x": {"type": "integer"}}},
    "rows": {"type": "array", "items": {"type": "dict"}},
    "what": {"type": "any"},
}


def case(answers, category="simple_python", required=(), properties=PROPERTIES, name="f.go"):
    """A row with one function; `answers` is one call's possible values, or a list of such for several calls."""
    calls = answers if isinstance(answers, list) else [answers]
    schema = {"type": "dict", "properties": properties, "required": list(required)}
    return {
        "category": category,
        "function": [{"name": name, "parameters": schema}],
        "ground_truth": [{name: call} for call in calls],
    }


def error_of(answers, arguments, category="simple_python", required=(), properties=PROPERTIES):
    verdict = check(case(answers, category, required, properties), [{"f.go": arguments}])
    assert verdict.valid is (verdict.error_type is None)
    return verdict.error_type


@pytest.mark.parametrize(
    ("parameter", "answers", "value", "error"),
    [
        # Text is compared without spaces, punctuation and case; other signs count.
        ("city", ["New York"], "new-york.", None),
        ("city", ["it's"], 'IT"S', None),
        ("city", ["Paris"], "Paris!", "value_error:string"),
        ("city", ["Paris"], 5, "type_error:simple"),
        ("city", ["Paris"], None, "type_error:simple"),
        ("city", ["", None], None, None),
        # 5 is right for a float, 5.0 is wrong for an integer, and a boolean is no number.
        ("days", [5], 5, None),
        ("days", [5], 6, "value_error:others"),
        ("days", [5], 5.0, "type_error:simple"),
        ("days", [1], True, "type_error:simple"),
        ("least", [5.0], 5, None),
        ("least", [5.0], "5.0", "type_error:simple"),
        ("least", [5.0], 10**400, "type_error:simple"),
        ("all", [True], True, None),
        ("all", [True], 1, "type_error:simple"),
        # A list is compared as a whole, in order; its items must have the declared type.
        ("tags", [["a b", "c"]], ["A-B", "c"], None),
        ("tags", [["a", "b"]], ["b", "a"], "value_error:list/tuple"),
        ("tags", [["a", "b"], ["b", "a"]], ["b", "a"], None),
        ("tags", [["a"]], [1], "type_error:nested"),
        ("tags", [["a"]], "a", "type_error:simple"),
        ("tags", [["a"], ""], [], None),
        ("tags", [["a"], ""], [1], "value_error:list/tuple"),
        ("sizes", [[1.0]], [1], "type_error:nested"),
        ("at", [[1.0, 2.0]], (1.0, 2.0), None),
        ("tags", [["a"]], ("a",), "type_error:simple"),
        # A dict: each key's values are listed; a key with "" among them may be left out.
        ("where", [{"x": [1], "y": ["", "b"]}], {"x": 1}, None),
        ("where", [{"x": [1], "y": ["", "b"]}], {"x": 1, "y": "B."}, None),
        ("where", [{"x": [1]}], {"x": 2}, "value_error:dict_value"),
        ("where", [{"x": [1]}], {"y": 1}, "value_error:dict_key"),
        ("where", [{"x": [1]}], {}, "value_error:dict_key"),
        ("where", [{"x": [1]}, {"x": [2]}], {"x": 2}, None),
        ("where", [""], {"x": 2}, "dict_checker:unclear"),
        ("where", [{"x": "no"}], {"x": "no"}, "value_error:dict_value"),
        ("rows", [[{"x": [1]}, {"x": [2]}]], [{"x": 1}, {"x": 2}], None),
        ("rows", [[{"x": [1]}, {"x": [2]}]], [{"x": 2}, {"x": 1}], "value_error:dict_value"),
        ("rows", [[{"x": [1]}, {"x": [2]}]], [{"x": 1}], "value_error:list_dict_count"),
        ("rows", [[{"x": [1]}]], [{"y": 1}], "value_error:dict_key"),
        ("rows", [[{"x": [1]}]], ["x"], "type_error:nested"),
        ("rows", ["", [{"x": [1]}]], ["x"], "type_error:nested"),
        # A value of the answers' own type is a variable's name: compared as it is.
        ("days", ["width"], "width", None),
        ("days", ["width"], "Width", "value_error:others"),
        ("tags", ["names"], "names", None),
        ("tags", ["names"], ["names"], "value_error:others"),
        ("what", [3], 3, None),
        ("what", [3], "3", "value_error:others"),
    ],
)
def test_one_argument(parameter, answers, value, error):
    assert error_of({parameter: answers}, {parameter: value}) == error


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"city": "Paris"}, None),
        ({"city": "Paris", "days": 1}, None),
        ({"days": 1}, "simple_function_checker:missing_required"),
        ({"days": 1, "nothing": 2}, "simple_function_checker:missing_required"),
        ({"city": "Paris", "nothing": 2}, "simple_function_checker:unexpected_param"),
        # Declared, but no answer has it.
        ({"city": "Paris", "all": True}, "simple_function_checker:unexpected_param"),
        # The first that is wrong names the error.
        ({"city": "Rome", "nothing": 2}, "value_error:string"),
        ({"nothing": 2, "city": "Rome"}, "simple_function_checker:unexpected_param"),
    ],
)
def test_which_parameters(arguments, error):
    assert error_of({"city": ["Paris"], "days": [1, ""]}, arguments, required=["city"]) == error


def test_what_is_not_required_may_still_be_wanted():
    assert error_of({"city": ["Paris"], "days": [1]}, {"city": "Paris"}) == "simple_function_checker:missing_optional"


@pytest.mark.parametrize(
    ("name", "underscored", "valid"),
    [
        ("f.go", False, True),
        ("f_go", False, False),
        ("f.go", True, False),
        ("f_go", True, True),
        ("F.GO", False, False),
    ],
)
def test_dots_in_names(name, underscored, valid):
    verdict = check(case({"days": [1]}), [{name: {"days": 1}}], underscored)
    assert verdict == Verdict(valid, None if valid else "simple_function_checker:wrong_func_name")


@pytest.mark.parametrize(
    ("category", "checker"),
    [
        ("simple_python", "simple_function_checker"),
        ("live_simple", "simple_function_checker"),
        ("multiple", "multiple_function_checker"),
        ("live_multiple", "multiple_function_checker"),
        ("parallel", "parallel_function_checker_no_order"),
        ("live_parallel_multiple", "parallel_function_checker_no_order"),
    ],
)
def test_how_many_calls(category, checker):
    row = case({"days": [1]}, category)
    call = {"f.go": {"days": 1}}
    assert check(row, [call]).valid
    assert check(row, [call, call]) == Verdict(False, f"{checker}:wrong_count")
    assert check(row, []) == Verdict(False, f"{checker}:wrong_count")


def test_the_described_function_is_found_among_many():
    row = case({"days": [1]}, "multiple")
    other = {"name": "g", "parameters": {"type": "dict", "properties": {}, "required": ["z"]}}
    row["function"].insert(0, other)
    assert check(row, [{"f.go": {"days": 1}}]).valid
    assert check(row, [{"g": {"z": 1}}]) == Verdict(False, "simple_function_checker:wrong_func_name")


@pytest.mark.parametrize(
    "output", [{}, [{}], [[]], ["text"], None, 5, [{"f.go": "{}"}], [{"f.go": {"days": 1}, "other": {}}], [None]]
)
def test_what_is_no_list_of_calls(output):
    assert check(case({"days": [1]}), output) == Verdict(False, "ast_decoder:decoder_wrong_output_format")


def test_parallel_calls_are_paired_without_order():
    row = case([{"days": [1]}, {"days": [2]}], "parallel")
    assert check(row, [{"f.go": {"days": 2}}, {"f.go": {"days": 1}}]).valid
    wrong = Verdict(False, "parallel_function_checker_no_order:cannot_find_match")
    assert check(row, [{"f.go": {"days": 1}}, {"f.go": {"days": 1}}]) == wrong


def test_a_wide_answer_leaves_the_call_that_another_needs():
    # The first answer takes 1 or 2, the second 1 only. In turn, the first takes the call with 1 and nothing is left.
    row = case([{"days": [1, 2]}, {"days": [1]}], "parallel")
    calls = [{"f.go": {"days": 1}}, {"f.go": {"days": 2}}]
    assert check(row, calls).valid
    assert check(row, calls[::-1]).valid
    assert check(row, calls, strict=False).error_type == "parallel_function_checker_no_order:cannot_find_match"
    assert check(row, calls[::-1], strict=False).valid


@pytest.mark.parametrize("category", ["irrelevance", "live_irrelevance", "live_relevance"])
@pytest.mark.parametrize(
    ("output", "called"),
    [
        ("[g(x=1)]", True),
        ("[print('hello')]", True),
        ([{"g": {"x": 1}}], True),
        ("I cannot help.", False),
        ("", False),
        ("[]", False),
        ("[{}]", False),
        ([], False),
        ([{}], False),
    ],
)
def test_relevance(category, output, called):
    row = {"category": category, "function": [], "ground_truth": None}
    if category == "live_relevance":
        assert check(row, output) == Verdict(called, None if called else "relevance_error:decoder_failed")
    else:
        assert check(row, output) == Verdict(not called, "irrelevance_error:decoder_success" if called else None)


def test_json_keeps_5_and_5_0_apart():
    row = json.loads(json.dumps(case({"days": [5]})))
    assert check(row, json.loads('[{"f.go": {"days": 5}}]')).valid
    assert check(row, json.loads('[{"f.go": {"days": 5.0}}]')).error_type == "type_error:simple"


@pytest.mark.parametrize("row", [{}, {"category": "simple_python"}, None, case({"days": [1]}) | {"function": []}])
def test_a_broken_case_says_what_is_wrong(row):
    with pytest.raises(TaskError, match="`function`"):
        check(row, [{"f.go": {"days": 1}}])


@pytest.mark.parametrize(
    ("response", "valid"),
    [
        ("steam wand", True),
        ("It is not a STEAM WAND.", True),
        ("(steam wand)", True),
        ("steam, wand", True),
        ("{'answer': 'steam wand'}", True),
        (["Answer: steam wand", "other"], True),
        ("steam-wand", False),
        ("steam  wand", False),
        ("steam\nwand", False),
        ("steam wands", False),
        ("presteam wand", False),
        ("", False),
        ([], False),
        (None, False),
        (35, False),
    ],
)
def test_agentic_answers(response, valid):
    expected = Verdict(True) if valid else Verdict(False, "agentic:answer_not_found")
    assert check_agentic(response, ["no", "steam wand"]) == expected


def test_an_agentic_number():
    assert check_agentic(35, ["35"]).valid
    assert not check_agentic(3.5, ["3"]).valid

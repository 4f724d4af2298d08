"""What holds for every case: its gold is right, the order of parallel calls and parameters does not matter."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from toolgym.envs.bfcl import check

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(min_size=1),
    "integer": st.integers(),
    "float": st.floats(allow_nan=False) | st.integers(-99, 99).map(float),
    "boolean": st.booleans(),
    "array": st.lists(st.text(min_size=1), min_size=1),
    "dict": st.dictionaries(st.text(), st.integers() | st.text(min_size=1)),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def answer_of(kind: str, value: Any) -> Any:
    """An answer that lists `value`: a dict's answer lists the values of each key."""
    return {key: [item] for key, item in value.items()} if kind == "dict" else value


@st.composite
def golds(draw, least=1, most=4, category="parallel"):
    """(case, its gold): some functions, of which each call names one and gives its required parameters."""
    kinds = draw(st.lists(st.dictionaries(st.sampled_from("abcd"), st.sampled_from(sorted(VALUES))), min_size=1))
    functions = [
        {
            "name": f"f.g{number}",
            "parameters": {
                "type": "dict",
                "properties": {key: {"type": kind, "items": {"type": "string"}} for key, kind in parameters.items()},
                "required": sorted(parameters)[:1],
            },
        }
        for number, parameters in enumerate(kinds)
    ]
    gold, truth = [], []
    for number in draw(st.lists(st.integers(0, len(kinds) - 1), min_size=least, max_size=most)):
        call = {key: draw(VALUES[kind]) for key, kind in kinds[number].items()}
        optional = sorted(kinds[number])[1:]
        truth.append(
            {
                f"f.g{number}": {
                    key: [answer_of(kinds[number][key], value), *([""] if key in optional else [])]
                    for key, value in call.items()
                }
            }
        )
        left_out = draw(st.sets(st.sampled_from(optional))) if optional else set()
        gold.append({f"f.g{number}": {key: value for key, value in call.items() if key not in left_out}})
    return {"category": category, "function": functions, "ground_truth": truth}, gold


@given(golds(), st.data())
def test_the_gold_is_right_in_any_order(made, data):
    case, gold = made
    assert check(case, gold).valid
    mixed = [
        {name: dict(data.draw(st.permutations(list(call.items()))))}
        for item in data.draw(st.permutations(gold))
        for name, call in item.items()
    ]
    assert check(case, mixed).valid


@given(golds(), st.data(), JSON)
def test_the_order_of_parallel_calls_never_matters(made, data, value):
    # One argument is changed, so that most of these outputs are wrong.
    case, gold = made
    changed = [
        {name: {**call, "a": value}} if not index else {name: call}
        for index, item in enumerate(gold)
        for name, call in item.items()
    ]
    expected = check(case, changed)
    assert check(case, data.draw(st.permutations(changed))) == expected
    # What the official order of pairing accepts is right: it can only miss a pairing.
    assert expected.valid or not check(case, changed, strict=False).valid


@given(golds(most=1, category="simple_python"))
def test_one_gold_call_is_right_and_no_other_number(made):
    case, gold = made
    assert check(case, gold).valid
    assert check(case, gold * 2).error_type == "simple_function_checker:wrong_count"


@given(golds(most=1, category="multiple"), st.booleans())
def test_names_with_underscores(made, underscored):
    case, gold = made
    ((name, call),) = gold[0].items()
    output = [{name.replace(".", "_"): call}]
    assert check(case, output, underscored).valid is underscored


@given(golds(), JSON)
def test_no_output_raises(made, value):
    case, gold = made
    for output in (value, [value], [{next(iter(gold[0])): value}], [{next(iter(gold[0])): {"a": value}}]):
        verdict = check(case, output)
        assert verdict.valid is (verdict.error_type is None)

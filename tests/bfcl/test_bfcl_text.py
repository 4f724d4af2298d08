"""What is read from a model's text: calls in Python's form, and the Java and JavaScript values of arguments."""

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgym.envs.bfcl import check
from toolgym.envs.bfcl.decode import decode
from toolgym.envs.bfcl.source import read_java, read_javascript


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("[f(a=1), g.h(b='x')]", [{"f": {"a": 1}}, {"g.h": {"b": "x"}}]),
        ("f(a=1)", [{"f": {"a": 1}}]),
        ("f(a=1), g()", [{"f": {"a": 1}}, {"g": {}}]),
        ("```\n[f(a=1)]\n```", [{"f": {"a": 1}}]),
        ("[]", []),
        ("", []),
        ("[f(1, 'x', b=2)]", [{"f": {"b": 2}}]),
        ("[f(a=-1, b=+2.5, c=-(-3))]", [{"f": {"a": -1, "b": 2.5, "c": 3}}]),
        ("[f(a=[1, (2, 3)], b={'k': [None, True]})]", [{"f": {"a": [1, (2, 3)], "b": {"k": [None, True]}}}]),
        ("[f(a=width, b=x[0], c=...)]", [{"f": {"a": "width", "b": "x[0]", "c": "..."}}]),
        ("[f(a=5*60, b=2**10, c=7/2, d='a'+'b')]", [{"f": {"a": 300, "b": 1024, "c": 3.5, "d": "ab"}}]),
        ("[f(a=[1]*2, b=2*'ab', c=(1,)+(2,))]", [{"f": {"a": [1, 1], "b": "abab", "c": (1, 2)}}]),
        ("[f(a=1<<4, b=6|1, c=~1, d=not 0, e=7 % 4)]", [{"f": {"a": 16, "b": 7, "c": -2, "d": True, "e": 3}}]),
        ("[f(a=g(b=1), c=h(1), d=k())]", [{"f": {"a": {"g": {"b": 1}}, "c": "h(1)", "d": "k()"}}]),
    ],
)
def test_what_a_text_calls(text, calls):
    assert decode(text) == calls


@pytest.mark.parametrize(
    "text",
    [
        "Sure! [f(a=1)]",
        "```python\n[f(a=1)]\n```",
        "'[f(a=1)]'",
        "[f(a=1",
        "[f(a='x)]",
        "42",
        "[1, 2]",
        "None",
        "(f(a=1), f(a=2))",
        '[{"name": "f", "arguments": {"x": 1}}]',
        "f(a=1) is what you need",
        "[f(a=1), 5]",
        "[f(a={1, 2})]",
        "[f(a=lambda: 1)]",
        "[f(a={[1]: 2})]",
        "[f(a=x + 1)]",
        "[f(a=x.y)]",
        "[f(a=-'x')]",
        "[f(a=1 << 10**9)]",
        "[f(a='%999999999d' % 1)]",
        "[f(a=[1] * 1.5)]",
        "[f(a=__import__('os').getcwd() + 1)]",
        "[f(a=1/0)]",
        "[f(a=9**9**9**9)]",
        "[f(a='x' * 10**9)]",
        "[f(a=10.0**400)]",
        "[f(a=" + "-" * 50_000 + "1)]",
        "[f(a=" + "(" * 1000 + "1" + ")" * 1000 + ")]",
        "[f(a=" + "9" * 5000 + ")]",
        "[f(a='\0')]",
        "[" * 2_000_000,
    ],
)
def test_what_is_no_call(text):
    with pytest.raises(ValueError):  # noqa: PT011  the message is Python's own in places
        decode(text)


def test_the_official_signs():
    assert decode("[f(a=+5, b=-5, c=3 + +2)]", official=True) == [{"f": {"a": -5, "b": -5, "c": 5}}]
    with pytest.raises(ValueError, match="a sign"):
        decode("[f(a=--5)]", official=True)
    assert check(row("simple_python", "integer", [5]), "[A.go(x=+5)]").valid
    assert not check(row("simple_python", "integer", [5]), "[A.go(x=+5)]", strict=False).valid


def test_the_official_quotes_in_a_java_array():
    case = row("simple_java", "Array", [["a"]])
    for text, official in (("new String[]{a}", True), ('new String[]{"a"}', False)):
        output = [{"A.go": {"x": text}}]
        assert check(case, output).valid
        assert check(case, output, strict=False).valid is official


def test_an_odd_text_warns_of_nothing():
    with warnings.catch_warnings(record=True) as caught:
        assert decode(r"[f(a='\d')]") == [{"f": {"a": r"\d"}}]
    assert not caught


@pytest.mark.parametrize(
    ("kind", "item", "text", "value"),
    [
        ("integer", None, "-12", -12),
        ("integer", None, "12.0", "12.0"),
        ("byte", None, "7", 7),
        ("short", None, "7", 7),
        ("long", None, "7L", 7),
        ("long", None, "7", "7"),
        ("float", None, "5.5f", 5.5),
        ("float", None, "5.5", "5.5"),
        ("double", None, "5.5", 5.5),
        ("boolean", None, "true", True),
        ("boolean", None, "True", "True"),
        ("float", None, "5f", 5.0),
        ("char", None, "'a'", "'a'"),
        ("String", None, '"a"', '"a"'),
        ("any", None, "new X(1)", "new X(1)"),
        ("Array", "String", "new Object[]{-a, 2}", ["-a", "2"]),
        ("Array", "String", 'new String[]{"a, b", "c"}', ["a, b", "c"]),
        ("Array", "integer", "new int[] {1, 2}", [1, 2]),
        ("Array", "integer", "new int[]{}", []),
        ("Array", "integer", "{1, 2}", "{1, 2}"),
        ("Array", "integer", "new int[]{1, 2", "new int[]{1, 2"),
        ("Array", None, 'new Object[]{1, 2.5, true, "x", y}', [1, 2.5, True, "x", "y"]),
        ("ArrayList", "String", 'new ArrayList<String>(Arrays.asList("a", "b"))', ["a", "b"]),
        ("ArrayList", "integer", "new ArrayList<Integer>() {{ add(1); add(2); }}", [1, 2]),
        ("ArrayList", "integer", "new ArrayList<>()", []),
        ("ArrayList", "integer", "new ArrayList<>(Arrays.asList(1, 2)", "new ArrayList<>(Arrays.asList(1, 2)"),
        ("ArrayList", "integer", "new int[]{1, 2}", "new int[]{1, 2}"),
        ("ArrayList", "String", "new ArrayList<>(Arrays.asList(abc))", ["b"]),
        ("ArrayList", "integer", "numbers", "numbers"),
        ("HashMap", None, 'new HashMap<String, Object>() {{ put("k", 1); put("l", "x"); }}', {"k": 1, "l": "x"}),
        ("HashMap", None, "new HashMap<>()", {}),
        ("HashMap", None, 'new HashMap<String, Boolean>() {{ put("k", true); }}', {"k": True}),
        ("HashMap", None, "settings", "settings"),
    ],
)
def test_java_values(kind, item, text, value):
    read = read_java(text, kind, item)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "item", "text", "value"),
    [
        ("integer", None, "12", 12),
        ("integer", None, "12.5", "12.5"),
        ("float", None, "12", 12.0),
        ("float", None, "-1.5e3", "-1.5e3"),
        ("Bigint", None, "12n", 12),
        ("Bigint", None, "12", "12"),
        ("Boolean", None, "false", False),
        ("String", None, "'a'", "a"),
        ("String", None, "a", "a"),
        ("any", None, "getSales", "getSales"),
        ("array", "String", "[\"a, b\", 'c']", ["a, b", "c"]),
        ("array", "integer", "[1, 2]", [1, 2]),
        ("array", "integer", "new Array(1, 2)", [1, 2]),
        ("array", "integer", "[]", []),
        ("array", "integer", " [1]\t", [1]),
        ("array", "integer", "[1, 2", "[1, 2"),
        ("array", None, "[[1, 2], [3]]", [[1, 2], [3]]),
        ("array", "String", "names", "names"),
        ("array", "dict", "[{a: 1}, {a: 2}]", [{"a": 1}, {"a": 2}]),
        ("dict", None, '{"a": "x:y", b: [1, 2.5], \'c\': true}', {"a": "x:y", "b": [1, 2.5], "c": True}),
        ("dict", None, "{}", {}),
        ("dict", None, '{"a": "x"', '{"a": "x"'),
        ("dict", None, "config", "config"),
    ],
)
def test_javascript_values(kind, item, text, value):
    read = read_javascript(text, kind, item)
    assert (read, type(read)) == (value, type(value))


def row(category, kind, answers):
    schema = {"type": "dict", "properties": {"x": {"type": kind, "items": {"type": "String"}}}, "required": ["x"]}
    functions = [{"name": "A.go", "parameters": schema}]
    return {"category": category, "function": functions, "ground_truth": [{"A.go": {"x": answers}}]}


@pytest.mark.parametrize(
    ("category", "kind", "answers", "value", "error"),
    [
        ("simple_java", "integer", [5], "5", None),
        ("simple_java", "integer", [5], 5, "type_error:java"),
        ("simple_java", "integer", [5], "", "type_error:simple"),
        ("simple_java", "String", ["a"], None, "type_error:java"),
        ("simple_java", "Array", ["buffer"], "buffer", None),
        ("simple_java", "Array", ["buffer"], "Buffer", "value_error:others"),
        ("simple_java", "Array", [["a"]], "new String[]{b}", "value_error:list/tuple"),
        ("simple_java", "HashMap", [{"k": ["v"]}], 'new HashMap<>() {{ put("k", "V"); }}', None),
        ("simple_javascript", "float", [5.0], "5.0", None),
        ("simple_javascript", "float", [5.0], "(5.0)", "type_error:simple"),
        ("simple_javascript", "float", [5.0], 5.0, "type_error:js"),
        ("simple_javascript", "Boolean", [True], "true", None),
        ("simple_javascript", "dict", [{"k": ["v"]}], '{"K": "v"}', "value_error:dict_key"),
        ("simple_javascript", "any", ["f"], "g", "value_error:string"),
    ],
)
def test_source_text_as_an_argument(category, kind, answers, value, error):
    assert check(row(category, kind, answers), [{"A.go": {"x": value}}]).error_type == error


@pytest.mark.parametrize("category", ["simple_java", "simple_javascript"])
@pytest.mark.parametrize("text", ["[A.go(x=5)]", "A.go(x = 5);", "`[A.go(x=5)]`"])
def test_a_call_in_source_text(category, text):
    assert check(row(category, "integer", [5]), text).valid
    assert check(row(category, "integer", [5]), text.replace("(", " is ")).error_type == "ast_decoder:decoder_failed"


def test_a_call_with_many_sorts_of_source_text():
    text = """[A.go(m=new HashMap<String, List<Object>>() {{ put("k", 1); }}, s="a, b=c", n = -5L, f=x.y(1, 2), 7)]"""
    assert decode(text, "source") == [
        {
            "A.go": {
                "m": 'new HashMap<String, List<Object>>() {{ put("k", 1); }}',
                "s": "a, b=c",
                "n": "-5L",
                "f": "x.y(1, 2)",
            }
        }
    ]
    for broken in ("[A.go(x=1, x=2)]", "[A.go(x=1]", "Sure: A.go(x=1)", "A.go(x=1) it is", "5"):
        with pytest.raises(ValueError, match=r"not a call|given twice"):
            decode(broken, "source")


PIECES = st.sampled_from(["[", "]", "(", ")", "{", "}", "'", '"', "`", "\\", ",", ":", "=", "-", "**", "9", "f", "x"])
TEXTS = st.text() | st.lists(PIECES | st.sampled_from(["put(", "add(", "new int[]{", "new HashMap<>()"])).map("".join)
CATEGORIES = ["simple_python", "parallel", "simple_java", "simple_javascript", "irrelevance", "live_relevance"]


@given(text=TEXTS, category=st.sampled_from(CATEGORIES))
def test_no_text_raises(text, category):
    for given_text in (text, f"[A.go(x={text})]"):
        verdict = check(row(category, "integer", [5]), given_text)
        assert verdict.valid is (verdict.error_type is None)


KINDS = ["integer", "long", "float", "double", "char", "Array", "ArrayList", "HashMap", "array", "dict", "Bigint"]


@given(text=TEXTS, kind=st.sampled_from(KINDS), category=st.sampled_from(["simple_java", "simple_javascript"]))
def test_no_argument_raises(text, kind, category):
    verdict = check(row(category, kind, [[{"a": ["b"]}], ""]), [{"A.go": {"x": text}}])
    assert verdict.valid is (verdict.error_type is None)

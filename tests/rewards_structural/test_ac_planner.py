"""AC-Planner Eq. 15–23, and the reading of prefixes."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, Turn, parse, render
from toolgym.rewards import make_reward, score
from toolgym.rewards.ac_planner import chain_reward, decay, semantic, structure
from toolgym.rewards.prefix import read_prefix
from toolgym.rewards.semantic import causal_lm, lexical, similarity_by_name
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.trajectory import Step, Trajectory

GOLD = (
    '<plan>look</plan><tool_call>{"name": "get_user", "arguments": {"id": "u1", "n": 12, "f": [true, {"x": null}]}}'
    "</tool_call>\n<response>ok</response>"
)


def message(name: str, **arguments: object) -> str:
    return render(Turn(calls=(ToolCall(name, arguments),)))


def test_structure_of_whole_messages() -> None:
    gold = message("a", x=1, y="u")
    # Names {a} and {a}: 1. Parameters {(x,1),(y,u)} and {(x,1),(y,v)}: 1 of 3. Valid: 1.
    one_wrong = structure(message("a", x=1, y="v"), gold)
    assert (one_wrong.name, one_wrong.param, one_wrong.format) == (1.0, pytest.approx(1 / 3), 1.0)
    assert one_wrong.total == pytest.approx(7 / 3)
    # Names {b} and {a}: 0. Parameters {(x,1)}: 1 of 2.
    other = structure(message("b", x=1), gold)
    assert (other.name, other.param) == (0.0, 0.5)
    # Two calls for one: names {a, a} and {a}: 1 of 2; parameters {x, y, x, y} and {x, y}: 2 of 4.
    twice = structure(gold + gold, gold)
    assert (twice.name, twice.param) == (0.5, 0.5)
    # Not JSON: nothing found, not valid.
    assert structure("<tool_call>{name}</tool_call>", gold).total == 0.0


def test_structure_of_prefixes() -> None:
    gold = '<tool_call>{"name": "get_user", "arguments": {"id": "u1"'
    # The names are whole and differ; the parameter names differ in what is there of them.
    assert structure('<tool_call>{"name": "get_user", "arguments": {"id": "u2"', gold).param == 0.0
    assert structure('<tool_call>{"name": "get_user", "arguments": {"id": "u', gold[:-2]).param == 1.0
    # "get_u" against "get_c": neither is whole, and they are not the same beginning.
    assert structure('<tool_call>{"name": "get_c', '<tool_call>{"name": "get_u').name == 0.0
    # Before any name: two empty sides.
    assert structure("<tool_call>{", "<tool_call>{").total == 3.0
    # One character that makes it invalid costs the format, here nothing else.
    broken = structure("<tool_call>}", "<tool_call>{")
    assert (broken.name, broken.param, broken.format) == (1.0, 1.0, 0.0)


def test_every_beginning_of_a_valid_message_is_valid() -> None:
    for i in range(len(GOLD) + 1):
        assert read_prefix(GOLD[:i]).valid, GOLD[:i]
        assert structure(GOLD[:i], GOLD[:i]).total == 3.0
    whole = read_prefix(GOLD)
    assert whole.names == ("get_user",)
    assert [name for name, _ in whole.params] == ["id", "n", "f"]


@pytest.mark.parametrize(
    "text",
    [
        "words",
        "</plan>",
        "<plan>a</plan><plan>b</plan>",
        "<response>a</response><tool_call>",
        '<tool_call>{"name": "a"}}',
        '<tool_call>{"name": "a", "name"',
        '<tool_call>{"name" "a"',
        '<tool_call>{"name": tru ',
        "<tool_call>[1, 2",
        "<tool_call>7</tool_call>",
        '<tool_call>{"name": 7}</tool_call>',
        '<tool_call>{"name": "a", "arguments": [1]}</tool_call>',
        '<tool_call>{"name": "a"</tool_call>',
        "<tool_call></tool_call>",
        "<tool_call>{,",
        '<tool_call>{"a": 01',
        '<tool_call>{"a": "\\x',
        "<tool_call>" + "[" * 100,
    ],
)
def test_no_valid_message_begins_like_this(text: str) -> None:
    if text.startswith("<tool_call>[1"):
        text += "]</tool_call>"
    assert not read_prefix(text).valid


@settings(max_examples=100)
@given(
    st.lists(st.sampled_from([*'{}[]",:\\ 1-.eEtnu<', "<tool_call>", "</tool_call>", '"name"', "<plan>"]), max_size=14)
)
def test_any_text_can_be_read_as_a_prefix(pieces: list[str]) -> None:
    text = "<tool_call>" + "".join(pieces)
    found = read_prefix(text)
    value = structure(text, GOLD)
    assert 0.0 <= value.total <= 3.0
    if not found.valid:  # what cannot begin a valid message never becomes one
        assert not read_prefix(text + "}").valid or text.endswith("<")
    if not parse(text, "toolgym").problems:
        assert found.valid


def test_semantic_reward() -> None:
    # "abcd" and "abxd": the longest common subsequence is "abd", so the similarity is 2 · 3 / 8 = 0.75.
    assert lexical("abcd", "abxd") == pytest.approx(0.75)
    assert semantic("abcd", "abxd") == pytest.approx(0.5 * (0.75 - 1))
    assert semantic("abcd", "abxd", weight=0.8) == pytest.approx(-0.2)
    assert semantic("", "") == 0.0
    assert semantic("a", "b", similarity=lambda a, b: 7.0) == 0.0


def test_the_four_decays() -> None:
    # N = 3: β = log 4, so exp(-β n / N) = 4^(-n/3).
    assert [decay("exponential", n, 3) for n in (1, 2, 3)] == pytest.approx([4 ** (-1 / 3), 4 ** (-2 / 3), 1 / 4])
    assert [decay("linear", n, 7) for n in (1, 2, 3)] == pytest.approx([2, 1, 2 / 3])
    assert [decay("discrete", n, 7) for n in range(1, 9)] == [2, 1.5, 1, 0.5, 0.4, 0.3, 0.2, 0.2]
    assert decay("none", 5, 7) == 1.0
    with pytest.raises(ConfigError, match="Did you mean 'linear'"):
        decay("linaer", 1, 1)


def test_the_chain_reward() -> None:
    gold = message("a", x=1, y="u")
    made = message("a", x=1, y="v")
    # 7/3 of structure; the two texts have one differing character each of len(gold): the similarity is 1 - 1/len.
    expected = (7 / 3 - 0.5 / len(gold)) * math.exp(-math.log(3) * 1 / 2)
    assert chain_reward(made, gold, index=1, total=2) == pytest.approx(expected)
    assert chain_reward(gold, gold, kind="none") == 3.0


def test_the_preset_in_an_episode() -> None:
    first, second = GoldCall(name="a", arguments={"x": 1}), GoldCall(name="b", arguments={})
    task = Task(
        id="t",
        domain="d",
        kind=("k",),
        request="r",
        gold=(GoldAction(plan="p", calls=(first,)), GoldAction(calls=(second,))),
    )
    steps = [Step(parse(render(Turn("p", (first.call(),))))), Step(Turn(calls=(second.call(),)))]
    reward = make_reward("ac_planner")
    # Two actions that are exactly right: 3 · 3^(-1/2) and 3 · 3^(-1).
    assert reward.score(Trajectory("e", "t", steps=steps[:1]), task)[0] == pytest.approx(3 / math.sqrt(3))
    total, parts = reward.score(Trajectory("e", "t", steps=steps), task)
    assert total == pytest.approx(1.0)
    assert parts == pytest.approx({"name": 1 / 3, "param": 1 / 3, "format": 1 / 3, "semantic": 0.0})
    flat = make_reward("ac_planner", decay="none", semantic=0.0)
    assert flat.score(Trajectory("e", "t", steps=steps), task) == (3.0, {"name": 1.0, "param": 1.0, "format": 1.0})


def test_the_preset_on_text() -> None:
    gold = message("a", x=1)
    assert score("ac_planner", gold, gold, decay="none")["total"] == 3.0
    assert score("ac_planner", gold, gold, index=2, total=3)["total"] == pytest.approx(3 * 4 ** (-2 / 3))
    assert score("ac_planner", "no tags", gold)["format"] == 0.0


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="lexical"):
        make_reward("ac_planner", similarity="lexcal")
    with pytest.raises(ConfigError, match="negative"):
        make_reward("ac_planner", semantic=-1.0)
    with pytest.raises(ConfigError, match="no model"):
        similarity_by_name("lexical", "x")
    with pytest.raises(ConfigError, match="similarity_model"):
        make_reward("ac_planner", similarity=lexical, similarity_model="x")


@pytest.mark.slow
def test_a_causal_lm_measures_similarity(tmp_path) -> None:  # type: ignore[no-untyped-def]
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    words = {word: i for i, word in enumerate(["[UNK]", "get", "the", "user", "book", "flight"])}
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]").save_pretrained(tmp_path)
    config = transformers.Qwen3Config(
        vocab_size=8, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, head_dim=8,
    )  # fmt: skip
    transformers.Qwen3ForCausalLM(config).save_pretrained(tmp_path)
    alike = causal_lm(str(tmp_path))
    assert alike("get the user", "get the user") == 1.0
    assert 0.0 <= alike("get the user", "book flight") < alike("get the user", "get user the") <= 1.0
    assert alike("", "get") == 0.0

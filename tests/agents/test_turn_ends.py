"""How turns end in templates whose models declare several end tokens: no marker twice, none missing."""

from typing import Any

import pytest

from toolgym.agents.builtin.tokenizer import build_tokenizer
from toolgym.agents.policies.chat import ChatFormat
from toolgym.agents.rollouts.demonstrations import TeacherPolicy
from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, Turn
from toolgym.perturbing.retrying import Retrying

TOOL = {"role": "tool", "content": "42"}
USER = {"role": "user", "content": "hm"}

# Nothing ends a message: the next one's marker does (GLM's shape).
OPEN_ENDED = (
    "[gMASK]<sop>{% for m in messages %}{% if m.role == 'tool' %}<|observation|>{% elif m.role == 'assistant' %}"
    "<|assistant|>{% else %}<|{{ m.role }}|>{% endif %}{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
# The last answer ends otherwise than those before (gpt-oss' shape).
RETURNS = (
    "{% for m in messages %}<|start|>{{ m.role }}<|message|>{{ m.content }}"
    "{% if m.role == 'assistant' and loop.last %}<|return|>{% else %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
# Newlines behind the markers (Qwen's shape).
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# The end of a turn is eos, and what follows is the next message's marker, for every role alike.
EOS = (
    "{% for m in messages %}{% if m.role == 'assistant' %}{{ m.content }}<|endoftext|>{% else %}"
    "<|user|>{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
# No tool role, and nothing ends a message.
USERS_ONLY = (
    "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}"
    "<|{{ m.role }}|>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
MARKERS = {
    "open": ("<|endoftext|>", "[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"),
    "returns": ("<|return|>", "<|start|>", "<|message|>", "<|end|>", "<|call|>"),
    "chatml": ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    "eos": ("<|endoftext|>", "<|user|>", "<|assistant|>"),
    "users": ("<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>"),
}
TEMPLATES = {"open": OPEN_ENDED, "returns": RETURNS, "chatml": CHATML, "eos": EOS, "users": USERS_ONLY}


def tokenizer_of(shape: str) -> Any:
    """The built-in tokenizer with another model's markers, the first of which is eos."""
    tokenizer = build_tokenizer()
    tokenizer.add_special_tokens({"eos_token": MARKERS[shape][0], "additional_special_tokens": MARKERS[shape][1:]})
    tokenizer.chat_template = TEMPLATES[shape]
    return tokenizer


@pytest.mark.parametrize(
    ("shape", "by", "message", "said"),
    [
        ("open", "<|observation|>", TOOL, "<|observation|>42<|assistant|>"),
        ("open", "<|user|>", USER, "<|user|>hm<|assistant|>"),
        ("open", "<|user|>", TOOL, "<|user|><|observation|>42<|assistant|>"),
        ("open", "<|endoftext|>", TOOL, "<|endoftext|><|observation|>42<|assistant|>"),
        ("returns", "<|return|>", TOOL, "<|return|><|start|>tool<|message|>42<|end|><|start|>assistant"),
        ("returns", "<|end|>", TOOL, "<|end|><|start|>tool<|message|>42<|end|><|start|>assistant"),
        ("returns", "<|call|>", TOOL, "<|call|><|end|><|start|>tool<|message|>42<|end|><|start|>assistant"),
        ("chatml", "<|im_end|>", TOOL, "<|im_end|>\n<|im_start|>tool\n42<|im_end|>\n<|im_start|>assistant\n"),
        (
            "chatml",
            "<|endoftext|>",
            TOOL,
            "<|endoftext|><|im_end|>\n<|im_start|>tool\n42<|im_end|>\n<|im_start|>assistant\n",
        ),
        ("eos", "<|endoftext|>", USER, "<|endoftext|><|user|>hm<|assistant|>"),
        ("eos", "<|user|>", USER, "<|user|><|endoftext|><|user|>hm<|assistant|>"),
        ("users", "<|user|>", USER, "<|user|>hm<|assistant|>"),
        ("users", "<|user|>", TOOL, "<|user|><tool_response>42</tool_response><|assistant|>"),
    ],
)
def test_a_frame_is_closed_once_and_no_marker_comes_twice(
    shape: str, by: str, message: dict[str, str], said: str
) -> None:
    tokenizer = tokenizer_of(shape)
    ended = tokenizer.convert_tokens_to_ids(by)
    reply = ChatFormat(tokenizer).reply("", {"messages": [message]}, closed=True, by=ended)
    assert tokenizer.decode([ended, *reply]) == said


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("open", "<|observation|>42<|assistant|>"),
        ("returns", "<|end|><|start|>tool<|message|>42<|end|><|start|>assistant"),
        ("chatml", "<|im_end|>\n<|im_start|>tool\n42<|im_end|>\n<|im_start|>assistant\n"),
        ("eos", "<|endoftext|><|user|>42<|assistant|>"),
    ],
)
def test_a_turn_that_was_cut_is_closed_by_the_frame(shape: str, said: str) -> None:
    tokenizer = tokenizer_of(shape)
    assert tokenizer.decode(ChatFormat(tokenizer).reply("", {"messages": [TOOL]}, closed=False)) == said


@pytest.mark.parametrize(
    ("shape", "after_calls", "after_words"),
    [
        ("open", "<|observation|>", "<|user|>"),
        ("returns", "<|return|>", "<|return|>"),
        ("chatml", "<|im_end|>", "<|im_end|>"),
        ("eos", "<|endoftext|>", "<|endoftext|>"),
        ("users", "<|user|>", "<|user|>"),
    ],
)
def test_an_expert_ends_turns_as_the_template_does(shape: str, after_calls: str, after_words: str) -> None:
    tokenizer = tokenizer_of(shape)
    teacher = TeacherPolicy(tokenizer)
    teacher._turns[0] = Retrying([Turn(calls=(ToolCall("look", {}),)), Turn(response="Done.")])
    for end, message in ((after_calls, TOOL), (after_words, USER)):
        (turn,) = teacher.generate([0])
        assert tokenizer.decode(turn.token_ids[-1:]) == end
        assert turn.token_ids[-1] in teacher.chat.stop_ids()
        reply = tokenizer.decode(teacher.observe(0, "", {"messages": [message]}))
        assert not reply.startswith(end)
        assert tokenizer.decode(turn.token_ids[:-1]) == turn.text


def test_a_policy_tells_by_which_token_a_turn_ended(tiny_model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from toolgym.agents.policies.lm import LMPolicy, SamplingOptions

    tokenizer = tokenizer_of("open")
    tiny_model.resize_token_embeddings(len(tokenizer))
    tiny_model.generation_config.eos_token_id = [tokenizer.eos_token_id]
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=4))
    observation, user = (tokenizer.convert_tokens_to_ids(token) for token in ("<|observation|>", "<|user|>"))
    assert {observation, user} <= policy.decoder.stop_ids
    for first, doubled in ((observation, False), (user, True)):
        policy.start(0, "hello", {})
        monkeypatch.setattr(policy.decoder, "sample", lambda _, slots, first=first: ([first] * len(slots), [0.0]))
        (turn,) = policy.generate([0])
        assert (turn.token_ids, turn.stop, turn.text) == ([first], "end_of_turn", "")
        assert (policy.observe(0, "", {"messages": [TOOL]})[0] == observation) is doubled


def test_a_template_and_a_tokenizer_without_any_end_are_refused() -> None:
    tokenizer = build_tokenizer()
    tokenizer.chat_template = "{% for m in messages %}{{ m.role + ': ' + m.content + '. ' }}{% endfor %}"
    assert ChatFormat(tokenizer).end_id == tokenizer.eos_token_id
    tokenizer.eos_token = None
    with pytest.raises(ConfigError, match=r"a token that ends a turn; set eos_token in tokenizer_config\.json"):
        ChatFormat(tokenizer)

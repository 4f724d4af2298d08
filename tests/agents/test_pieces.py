"""What is tokenised in pieces is as the whole text is: openings, turns and replies of tokenizers that add spaces."""

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from toolgym.agents.policies.chat import ChatFormat
from toolgym.agents.rollouts.demonstrations import TeacherPolicy
from toolgym.messages import Turn

CORPUS = [
    "the user asks for a refund of the flight and the agent looks it up",
    'call {"name": "get_user", "arguments": {"id": "u1"}} and say what it gives',
    "[INST] ask the agent [/INST] answer the user",
    "user assistant tool system: Hello, hello. What? 12 + 30 = 42!",
] * 20
ALPHABET = [chr(code) for code in range(32, 127)] + ["\n", "\u2581"]
MARKERS = ["<unk>", "<s>", "</s>", "<|user|>", "<|assistant|>", "<|tool|>", "<|end|>", "<|im_start|>", "<|im_end|>"]


@cache
def trained(kind: str, scheme: str) -> Tokenizer:
    """A tokenizer of the SentencePiece family; newlines are tokens of their own, as they are in such models."""
    if kind == "bytes":
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=scheme == "always")
        made.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        made.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet))
        return made
    prepend: Any = "first" if scheme == "legacy" else scheme
    made = Tokenizer(models.BPE(unk_token="<unk>") if kind == "bpe" else models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=prepend)
    made.decoder = decoders.Metaspace(prepend_scheme=prepend)
    if kind == "bpe":
        trainer: Any = trainers.BpeTrainer(vocab_size=400, special_tokens=MARKERS, initial_alphabet=ALPHABET)
    else:
        trainer = trainers.UnigramTrainer(
            vocab_size=250, special_tokens=MARKERS, initial_alphabet=ALPHABET, unk_token="<unk>"
        )
    made.train_from_iterator(CORPUS, trainer)
    if scheme == "legacy":  # Llama's first: a normalizer puts the space before whatever stands between two markers
        made.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
        made.pre_tokenizer = pre_tokenizers.Split(" ", "isolated")
    return made


TEMPLATES = {
    # Markers around each message.
    "marked": "{% for m in messages %}<|{{ m.role if m.role != 'system' else 'user' }}|>{{ m.content }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
    # Qwen's shape: newlines behind the markers.
    "chatml": "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    # Mistral's: text around the user's messages, a space before the answer, its end a marker.
    "inst": "<s>{% for m in messages %}{% if m.role == 'assistant' %} {{ m.content }}</s>"
    "{% else %}[INST] {{ m.content }} [/INST]{% endif %}{% endfor %}",
    # Llama 2's: spaces on both sides of the answer.
    "spaces": "{% for m in messages %}{% if m.role == 'assistant' %} {{ m.content }} </s>"
    "{% else %}<s>[INST] {{ m.content }} [/INST]{% endif %}{% endfor %}",
    # No markers but one.
    "plain": "{% for m in messages %}{% if m.role == 'assistant' %}{{ m.content }}</s>{% else %}"
    "{{ '\nHuman: ' }}{{ m.content }}\n\nAssistant:\n{% endif %}{% endfor %}",
}
KINDS = [("bpe", "always"), ("bpe", "first"), ("bpe", "never"), ("bpe", "legacy")]
KINDS += [("unigram", "always"), ("unigram", "first"), ("unigram", "never"), ("bytes", "always"), ("bytes", "never")]

TEXT = st.text(st.sampled_from("the user asks Hello, {}\"':12?\n  "), min_size=1, max_size=24)
TURN = st.tuples(TEXT, st.sampled_from(["tool", "user"]), TEXT)


def tokenizer_of(kind: tuple[str, str], template: str) -> Any:
    made = PreTrainedTokenizerFast(tokenizer_object=trained(*kind), eos_token="</s>", pad_token="</s>", unk_token=None)
    made.add_special_tokens({"additional_special_tokens": MARKERS[1:]})
    made.chat_template = TEMPLATES[template]
    return made


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
@settings(max_examples=25, deadline=None)
@given(question=TEXT, turns=st.lists(TURN, min_size=1, max_size=3))
def test_pieces_are_as_the_whole(
    kind: tuple[str, str], template: str, question: str, turns: list[tuple[str, str, str]]
) -> None:
    """Opening, turns and replies, one after the other: the ids of the whole conversation's text."""
    tokenizer = tokenizer_of(kind, template)
    chat = ChatFormat(tokenizer)
    asked = [{"role": "user", "content": question}]
    ids, said = chat.opening("", {"messages": asked}), list(asked)
    for text, role, answer in turns:
        ids += chat.turn(text, calls=role == "tool")[1]
        new = [{"role": role, "content": answer}]
        ids += chat.reply("", {"messages": new}, closed=True)
        said += [{"role": "assistant", "content": text}, *chat.roles.adapt(new)]
    whole = tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
    assert ids == tokenizer(whole, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_a_reply_behind_a_turn_that_was_cut_gets_no_space(kind: tuple[str, str]) -> None:
    tokenizer = tokenizer_of(kind, "plain")
    tokenizer.chat_template = TEMPLATES["plain"].replace("</s>", "")
    chat = ChatFormat(tokenizer)
    ids = chat.reply("", {"messages": [{"role": "user", "content": "Hello"}]}, closed=False)
    behind = tokenizer("a\nHuman: Hello\n\nAssistant:\n", add_special_tokens=False)["input_ids"]
    assert behind[-len(ids) :] == ids
    assert tokenizer.decode(ids).startswith("\nHuman: Hello")


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_demonstrations_are_written_as_the_template_writes_turns(kind: tuple[str, str]) -> None:
    tokenizer = tokenizer_of(kind, "inst")
    teacher = TeacherPolicy(tokenizer)
    teacher._turns[0] = iter([Turn(response="Hello")])
    (turn,) = teacher.generate([0])
    asked = {"role": "user", "content": "hello"}
    opening = teacher.chat.opening("", {"messages": [asked]})
    said = [asked, {"role": "assistant", "content": turn.text.strip()}]
    whole = tokenizer.apply_chat_template(said, tokenize=False)
    assert opening + turn.token_ids == tokenizer(whole, add_special_tokens=False)["input_ids"]

"""The tokenizer: exact on every string, one tokenisation a value, the same on every machine."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from toolgym.agents.builtin.tokenizer import build_tokenizer, main
from toolgym.agents.policies.tokenizer import scalar_text, token_ends

LIMITS = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SCALARS = st.text(st.characters(exclude_categories=["Cs"]))
PIECES = st.sampled_from(
    ['{"name": "', '"reservation_id": "', '","user_id":"', " flight", "<|end|>", "<0x41>", "  ", "é😀"]
)


@LIMITS
@given(text=st.one_of(SCALARS, st.lists(PIECES).map("".join)))
def test_every_string_comes_back(text: str, tokenizer: Any) -> None:
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


@LIMITS
@given(text=st.one_of(SCALARS, st.lists(PIECES).map("".join)))
def test_token_ends_cover_the_text(text: str, tokenizer: Any) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    whole, ends = token_ends(tokenizer, ids)
    assert whole == text
    assert len(ends) == len(ids)
    assert ends == sorted(ends)
    if ends:
        assert ends[-1] == len(text)


def test_token_ends_of_a_character_in_bytes(tokenizer: Any) -> None:
    # "a" ends at 1; the emoji is four byte tokens, of which the last completes it at 2; "b" ends at 3.
    ids = tokenizer("a😀b", add_special_tokens=False)["input_ids"]
    assert len(ids) == 6
    assert token_ends(tokenizer, ids) == ("a😀b", [1, 1, 1, 1, 2, 3])


def test_a_value_has_one_tokenisation_wherever_it_stands(tokenizer: Any) -> None:
    def tokens(text: str) -> list[str]:
        return tokenizer.convert_ids_to_tokens(tokenizer(text, add_special_tokens=False)["input_ids"])

    for value in ("XK4P9Q", "mei_rossi_4821", "Zhuplo", "li"):
        spelt = list(value)
        for text in (
            f"cancel {value} now",
            f'{{"name": "cancel_reservation", "arguments": {{"reservation_id": "{value}"}}}}',
            f'{{"reservation_id":"{value}","user_id":"{value}","flights":[]}}',
            f"({value})",
        ):
            found = tokens(text)
            assert any(found[at : at + len(spelt)] == spelt for at in range(len(found))), (text, found)


def test_pad_is_not_end_and_roles_are_single_tokens(tokenizer: Any) -> None:
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    for marker in ("<|user|>", "<|tool|>", "<|assistant|>", "<tool_call>", "</plan>", "cancel_reservation"):
        assert len(tokenizer(marker, add_special_tokens=False)["input_ids"]) == 1


def test_saved_and_loaded_it_is_the_same(tokenizer: Any, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    text = '<plan>Look up AB12CD.</plan><tool_call>{"name": "think", "arguments": {}}</tool_call> é😀'
    assert loaded(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert loaded.decode(loaded(text)["input_ids"]) == text
    chat = [{"role": "user", "content": "hi"}]
    rendered = loaded.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert rendered == "<|user|>hi<|end|><|assistant|>"


def test_the_command_writes_the_same_file_in_any_process(tmp_path: Path) -> None:
    assert main(["--output", str(tmp_path / "here")]) == 0
    code = "import sys; from toolgym.agents.policies.tokenizer import main; main(['--output', sys.argv[1]])"
    made = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "there")],
        env={"PYTHONHASHSEED": "77", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    here, there = (tmp_path / name / "tokenizer.json" for name in ("here", "there"))
    assert here.read_bytes() == there.read_bytes()
    assert json.loads(made.stdout)["tokens"] == len(build_tokenizer())


def test_lone_surrogates_are_replaced() -> None:
    assert scalar_text("a\ud800b") == "a\ufffdb"
    assert scalar_text("é😀") == "é😀"

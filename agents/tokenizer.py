"""The built-in policy's tokenizer: characters, and single tokens for tags, JSON boilerplate and tool names.

Why characters: a tool-using policy mostly *copies* ids, names and dates, and copying breaks where one value has several
tokenisations (` li` and `li`). Here every value has one: a space, a digit and a capital are tokens of their own, and no
multi-character token can be part of a free value. Characters outside the alphabet fall back to their UTF-8 bytes, so that
`decode(encode(text)) == text` for every string of Unicode scalar values.

    python -m toolgym.agents.tokenizer --output DIR      # writes tokenizer.json and its configuration

The vocabulary comes from the fixed lists below and nothing else: the same file on every machine.
"""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

__all__ = ["build_tokenizer", "scalar_text", "token_ends", "vocabulary"]

PAD, END = "<|pad|>", "<|end|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>")
SPECIAL = (PAD, END, *ROLES)

TAGS = tuple(
    f"<{slash}{name}>" for name in ("plan", "tool_call", "response", "tool_response", "tool_error", "problem", "user", "notice", "answer") for slash in ("", "/")
)

TOOLS = (
    "book_reservation",
    "calculate",
    "cancel_reservation",
    "get_reservation_details",
    "get_user_details",
    "list_all_airports",
    "search_direct_flight",
    "search_onestop_flight",
    "send_certificate",
    "think",
    "transfer_to_human_agents",
    "update_reservation_baggages",
    "update_reservation_flights",
    "update_reservation_passengers",
    "cancel_pending_order",
    "exchange_delivered_order_items",
    "find_user_id_by_email",
    "find_user_id_by_name_zip",
    "get_order_details",
    "get_product_details",
    "list_all_product_types",
    "modify_pending_order_address",
    "modify_pending_order_items",
    "modify_pending_order_payment",
    "modify_user_address",
    "return_delivered_order_items",
)

# Keys of arguments, which a policy writes with spaces and results hold without.
ARGUMENT_KEYS = (
    "amount",
    "cabin",
    "date",
    "destination",
    "dob",
    "expression",
    "first_name",
    "flight_number",
    "flight_type",
    "flights",
    "insurance",
    "item_ids",
    "last_name",
    "new_item_ids",
    "nonfree_baggages",
    "order_id",
    "origin",
    "passengers",
    "payment_id",
    "payment_method_id",
    "payment_methods",
    "reason",
    "reservation_id",
    "summary",
    "thought",
    "total_baggages",
    "user_id",
    "zip",
)

# Keys that only results have.
RESULT_KEYS = (
    "actual_arrival_time_est",
    "actual_departure_time_est",
    "address",
    "address1",
    "address2",
    "airport",
    "airport_code",
    "available",
    "available_seats",
    "basic_economy",
    "brand",
    "business",
    "city",
    "country",
    "created_at",
    "dates",
    "economy",
    "email",
    "estimated_arrival_time_est",
    "estimated_departure_time_est",
    "fulfillments",
    "id",
    "item_id",
    "items",
    "last_four",
    "membership",
    "name",
    "options",
    "orders",
    "payment_history",
    "payment_method",
    "price",
    "prices",
    "product_id",
    "reservations",
    "saved_passengers",
    "scheduled_arrival_time_est",
    "scheduled_departure_time_est",
    "source",
    "state",
    "status",
    "transaction_type",
    "variants",
)

# Words of closed lists in results and arguments. None is likely inside a generated name or id.
WORDS = (
    "basic_economy",
    "economy",
    "business",
    "credit_card",
    "gift_card",
    "certificate",
    "round_trip",
    "one_way",
    "available",
    "cancelled",
    "reservation",
    "membership",
    "passenger",
    "insurance",
    "baggage",
    "payment",
    "airport",
    "flight",
    "silver",
    "regular",
    "delayed",
    "landed",
)

JSON_PIECES = (
    '{"name": "',
    '", "arguments": {',
    '", "arguments": {}}',
    '"}}',
    "}}",
    "}]",
    '"}]',
    '"]',
    '["',
    "[{",
    "[]",
    "{}",
    '"},{',
    "},{",
    '"}, {',
    "}, {",
    '"],',
    '"], ',
    "}],",
    "}], ",
    '"}],',
    '"}], ',
    '","',
    '", "',
    '":{',
    ":null",
    ":true",
    ":false",
    "null",
    "true",
    "false",
    "2026-",
    "2024-",
    "@example.com",
)

ALPHABET = tuple(chr(code) for code in range(0x20, 0x7F)) + ("\n", "\t", "é", "è", "ü", "ö", "ä", "ñ", "ç", "’", "–", "—", "…")

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|' + message['role'] + '|>' -}}"
    "{%- if message['role'] == 'assistant' -%}"
    "{%- generation -%}{{- message['content'] + '<|end|>' -}}{%- endgeneration -%}"
    "{%- else -%}{{- message['content'] + '<|end|>' -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


def _key_forms(key: str, *, argument: bool) -> list[str]:
    """A key with what stands around it: before it nothing, a comma, or the end of a string; after it a value's start.

    Longest match wins, so a key is one token wherever it stands, and the characters of the value before it are left
    alone.
    """
    forms = [f'{before}"{key}":{after}' for before in ("", ",", '",', "{") for after in ("", '"', "[")]
    if argument:
        forms += [f'{before}"{key}": {after}' for before in ("", ", ", '", ') for after in ("", '"')]
    return forms


def vocabulary() -> tuple[list[str], list[str]]:
    """(characters and byte tokens of the base model, multi-character tokens), each in id order."""
    keys = [form for key in ARGUMENT_KEYS for form in _key_forms(key, argument=True)]
    keys += [form for key in RESULT_KEYS for form in _key_forms(key, argument=False)]
    multi = list(dict.fromkeys([*TAGS, *TOOLS, *keys, *WORDS, *JSON_PIECES]))
    base = [*dict.fromkeys(ALPHABET), *(f"<0x{byte:02X}>" for byte in range(256))]
    return base, [piece for piece in multi if piece not in base]


def build_tokenizer() -> "PreTrainedTokenizerFast":
    """A new tokenizer from the fixed lists; pad and end-of-turn differ, padding is on the left."""
    from tokenizers import AddedToken, Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    base, multi = vocabulary()
    ids = {token: index for index, token in enumerate([*SPECIAL, *base])}
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=[], byte_fallback=True))
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in multi])
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])  # pyright: ignore[reportAttributeAccessIssue]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=list(ROLES),
        padding_side="left",
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
        model_max_length=4096,
    )


_SURROGATE = re.compile("[\ud800-\udfff]")


def scalar_text(text: str) -> str:
    """The text with lone surrogates (which no UTF-8 tokenizer takes) replaced by U+FFFD."""
    return _SURROGATE.sub("\ufffd", text) if _SURROGATE.search(text) else text


def token_ends(tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int]) -> tuple[str, list[int]]:
    """The decoded text of `ids`, special tokens included, and for each token where its characters end in it.

    Decodes a short window a token, as one token alone may be a part of a character: such a token ends where the one
    before it did, and the token that completes the character ends after it.
    """
    text, ends, window, done = "", [], 0, ""
    for index in range(len(ids)):
        piece: Any = tokenizer.decode(ids[window : index + 1], skip_special_tokens=False)
        if piece.endswith("\ufffd") and index + 1 - window < 8:
            ends.append(len(text))
            continue
        if len(piece) < len(done):  # a tokenizer whose decoding looks at the context: the window has no more to give
            piece = done
        text += piece[len(done) :]
        ends.append(len(text))
        # One token of context stays in the window, for tokenizers that drop a leading space.
        window, done = index, tokenizer.decode(ids[index : index + 1], skip_special_tokens=False)  # pyright: ignore[reportAssignmentType]
        if done.endswith("\ufffd"):
            window, done = index + 1, ""
    if ends and ends[-1] < len(text):
        ends[-1] = len(text)
    whole: Any = tokenizer.decode(list(ids), skip_special_tokens=False)
    if whole != text:
        # The windows disagree with the whole (broken bytes at the end): keep the whole, ends within it.
        ends = [min(end, len(whole)) for end in ends]
        if ends:
            ends[-1] = len(whole)
    return whole, ends


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the tokenizer's files."""
    parser = argparse.ArgumentParser(prog="python -m toolgym.agents.tokenizer", description="Write the tokenizer.")
    parser.add_argument("--output", type=Path, required=True, help="folder for the files")
    options = parser.parse_args(argv)
    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(options.output)
    print(json.dumps({"output": str(options.output), "tokens": len(tokenizer)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

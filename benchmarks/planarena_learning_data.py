"""What the learner of `benchmarks.planarena_learning` reads: its tokenizer, its prompt, and demonstrations without end.

The built-in policy's chat template and the environment's own messages are kept. What is added is what a model of a few
million parameters needs so that it can use tools that it has never seen:

- **the tools are listed in the prompt, one a line**: name, parameters, choices (`berths.search(pier:north|south)`);
- **a word has one spelling**: it is its lower-case pieces wherever it stands (`BerthBooking`, `berth_booking` and
  `berth booking` share them), a capital is a mark before its letter, digits stand alone. Copying is then a matter of
  looking up what came after the same tokens before;
- **words are exchanged**: those of a theme (nouns, verbs, choices, names of people, beginnings of ids) become invented
  ones, the same wherever they stand in the episode. Thirty-two themes could be learnt by heart, these cannot.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, cast

import numpy as np
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from toolgym.agents.builtin.tokenizer import CHAT_TEMPLATE
from toolgym.agents.builtin.vocabulary import END, PAD, ROLES, SPECIAL, TAGS
from toolgym.agents.policies.chat import ChatFormat
from toolgym.agents.rollouts.demonstrations import Example, TeacherPolicy, examples
from toolgym.agents.rollouts.rollout import Start, rollouts
from toolgym.domain import Domain
from toolgym.env import ToolEnv
from toolgym.tasks import GoldAction, Task

__all__ = ["Exchanger", "ListingChat", "build_tokenizer", "demonstrations", "listing", "short_chain", "theme_words"]

_CAPITAL: Final = "\u21e7"
"""The mark of a capital."""
_JSON_PIECES: Final = (
    '<tool_call>{"name": "', '", "arguments": {"', '": "', '": ', '", "', ', "', '"}}</tool_call>', "}}</tool_call>",
    '[{"', '{"', '"}]', "}]", '"}', '":"', '","', '":', ',"', '"},{"', '},{"',
    "2026-", ":00", ":30", "_id", "Id", ")\n",
)  # fmt: skip
_WORD: Final = re.compile(r"[A-Z]?[a-z]+")
_RESULT: Final = "<|tool|>"
_SHARED: Final = 0.25
"""A word that occurs in so many of the themes is of the language, not of a theme."""


# What is read ------------------------------------------------------------------------------------------------------


def listing(tools: Iterable[dict[str, Any]]) -> str:
    """The tools, one a line: `name(parameter, parameter:choice|choice)`."""
    lines = []
    for tool in tools:
        function = tool["function"]
        given = function["parameters"].get("properties", {})
        parts = [f"{name}:{'|'.join(map(str, of['enum']))}" if "enum" in of else name for name, of in given.items()]
        lines.append(f"{function['name']}({', '.join(parts)})")
    return "\n".join(lines)


class ListingChat(ChatFormat):
    """The chat format, with the tools listed in the system's place."""

    def opening(self, observation: str, info: dict[str, Any]) -> list[int]:
        messages = [{"role": "system", "content": listing(info["tools"])}, *info["messages"]]
        return super().opening(observation, {**info, "messages": messages})


def short_chain(task: Task, domain: Domain) -> Iterable[GoldAction]:
    """The gold chain, with no more of its plans than choices among records and sums: the rest repeats the calls."""
    for action in task.gold:
        kept = [part for part in (action.plan or "").rstrip(".").split(". ") if ": " in part or " = " in part]
        yield action.model_copy(update={"plan": ". ".join(kept) + "." if kept else None})


def build_tokenizer(texts: Iterable[str], tokens: int = 1024) -> PreTrainedTokenizerFast:
    """A byte-pair tokenizer of lower-case words (see the module's beginning), trained on texts.

    Args:
        texts: of the training split.
        tokens: size of the learnt vocabulary; tags, pieces of JSON and bytes come on top.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    capitals = [(chr(code), _CAPITAL + chr(code).lower()) for code in range(ord("A"), ord("Z") + 1)]
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizers.Sequence([normalizers.Replace(*pair) for pair in capitals])  # pyright: ignore
    words = pre_tokenizers.Split(Regex("[a-z]+|[^a-z]"), behavior="isolated")
    trained.pre_tokenizer = words  # pyright: ignore
    alphabet = [*(chr(code) for code in range(0x20, 0x7F) if not chr(code).isupper()), _CAPITAL]
    trainer = trainers.BpeTrainer(vocab_size=tokens, initial_alphabet=alphabet, show_progress=False)  # pyright: ignore
    trained.train_from_iterator(texts, trainer)
    made = json.loads(trained.to_str())
    vocab = [*SPECIAL, *made["model"]["vocab"], *(f"<0x{byte:02X}>" for byte in range(256))]
    made["model"].update(vocab={token: index for index, token in enumerate(vocab)}, byte_fallback=True)
    tokenizer = Tokenizer.from_str(json.dumps(made))
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in (*TAGS, *_JSON_PIECES)])
    back = [decoders.Replace(mark, capital) for capital, mark in capitals]
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse(), *back])  # pyright: ignore
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


# Demonstrations ----------------------------------------------------------------------------------------------------


def demonstrations(env: ToolEnv, tokenizer: PreTrainedTokenizerBase, tasks: Iterable[Task]) -> list[Example]:
    """Plays the tasks' short chains in `env`; the episodes as training sequences, in order."""
    teacher = TeacherPolicy(tokenizer, short_chain)
    teacher.chat = ListingChat(tokenizer)
    return examples(rollouts(teacher, [env], [Start(options={"task": task}) for task in tasks]))


def theme_words(texts: Iterable[tuple[str, str]]) -> tuple[frozenset[str], list[str]]:
    """(the words that themes share, the words of single themes), lower-case, of (theme, text) pairs."""
    of: dict[str, set[str]] = {}
    for theme, text in texts:
        of.setdefault(theme, set()).update(word.lower() for word in _WORD.findall(text))
    counts = Counter(word for words in of.values() for word in words)
    shared = frozenset(word for word, count in counts.items() if count >= _SHARED * len(of))
    return shared, sorted(word for word in counts if word not in shared and len(word) > 2)


class Exchanger:
    """Exchanges the words of a theme for invented ones, the same throughout an episode.

    Args:
        tokenizer: of the sequences.
        shared: words that stay.
        words: what invented words are made of.
        share: of the episodes, and of the words of one, that are exchanged.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, shared: frozenset[str], words: Sequence[str], share: float):
        self.tokenizer, self.shared, self.words, self.share = tokenizer, shared, words, share
        special = {cast(int, tokenizer.convert_tokens_to_ids(token)) for token in SPECIAL}
        self._special = special

    def __call__(self, example: Example, rng: np.random.Generator) -> Example:
        if rng.random() >= self.share:
            return example
        pieces = [(cast(str, self.tokenizer.decode(ids)), mask) for ids, mask in self._runs(example)]
        said = pieces[1][0] if len(pieces) > 1 else ""  # the tools; and results, which no mask and no request are
        shown = [said, *(text for (text, _), before in zip(pieces[1:], pieces, strict=False) if before[0] == _RESULT)]
        found = sorted({word.lower() for text in shown for word in _WORD.findall(text)} - self.shared)
        stems: dict[str, str] = {}
        new: dict[str, str] = {}
        for word in found:  # "berth" before "berths": what a word begins with, its own ending apart
            stem = next((word[:end] for end in range(max(len(word) - 3, 4), len(word)) if word[:end] in new), word)
            stems[word] = stem
            if stem not in new:
                new[stem] = self._invented(stem, rng) if rng.random() < self.share else stem
        table = {word: new[stem] + word[len(stem) :] for word, stem in stems.items()}

        def exchanged(match: re.Match[str]) -> str:
            word = match.group()
            made = table.get(word.lower(), word.lower())
            return made.capitalize() if word[0].isupper() else made

        out = replace(example, ids=[], mask=[])
        for text, mask in pieces:
            text = text if text in SPECIAL else _WORD.sub(exchanged, text)
            ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
            out.ids.extend(cast(list[int], ids))
            out.mask.extend([mask] * len(cast(list[int], ids)))
        return out

    def _runs(self, example: Example) -> Iterator[tuple[list[int], int]]:
        """The sequence in pieces: special tokens alone, and what lies between them, each with its mask."""
        run: list[int] = []
        for index, (token, mask) in enumerate(zip(example.ids, example.mask, strict=True)):
            if run and (token in self._special or run[-1] in self._special or mask != example.mask[index - 1]):
                yield run, example.mask[index - 1]
                run = []
            run.append(token)
        if run:
            yield run, example.mask[-1]

    def _invented(self, word: str, rng: np.random.Generator) -> str:
        """A word of another theme, or the beginning of one with the end of another; for a short one, letters."""
        if len(word) <= 3:
            return "".join(chr(ord("a") + letter) for letter in rng.integers(0, 26, len(word)))
        one, other = (str(self.words[int(index)]) for index in rng.integers(0, len(self.words), 2))
        if rng.random() < 0.5:
            return one
        cut = int(rng.integers(2, 5))
        return one[:cut] + other[-int(rng.integers(1, 5)) :]

"""Models that judge: an OpenAI-compatible endpoint, a local transformers model, a cache and a budget around either.

    backend = Cached(Budgeted(Endpoint(EndpointOptions("judge-model", base_url)), max_requests=1000), "judge.sqlite")
    judge = ModelJudge(backend)

Answers are cached by content (model, sampling options, messages, choices), so that a rerun costs nothing and gives
the same.
"""

import hashlib
import json
import sqlite3
import threading
import warnings
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from toolgym.errors import ChatError, ConfigError, JudgeModelError
from toolgym.hub import reaching
from toolgym.openai_client import ChatClient, ChatOptions
from toolgym.rewards.judge import Backend
from toolgym.world import canonical

__all__ = ["Budgeted", "CacheWarning", "Cached", "Endpoint", "EndpointOptions", "LocalModel", "LocalModelOptions"]


@dataclass(frozen=True)
class EndpointOptions(ChatOptions):
    """How the judge's endpoint is reached."""

    temperature: float = 0.0
    max_tokens: int = 64
    seed: int = 0


class Endpoint:
    """An OpenAI-compatible chat endpoint. Safe to use from several threads."""

    def __init__(self, options: EndpointOptions):
        self.options = options
        self._chat = ChatClient(options, "The judge")

    @property
    def identity(self) -> str:
        o = self.options
        return f"endpoint {o.endpoint} {o.model} t={o.temperature} n={o.max_tokens} seed={o.seed}"

    def complete(self, messages: Sequence[dict[str, str]], choices: Sequence[str] = ()) -> str:
        """The first choice's text.

        Raises:
            JudgeModelError: no answer after all attempts, a refusal, or an answer without text.
        """
        try:
            content = self._chat.ask(messages, lambda choice: choice["message"].get("content"))
        except ChatError as error:
            raise JudgeModelError(str(error)) from error
        if not isinstance(content, str):
            raise JudgeModelError("The judge gave an empty answer: a model that reasons needs more max_tokens")
        return content

    def close(self) -> None:
        """Closes the connections."""
        self._chat.close()


@dataclass(frozen=True)
class LocalModelOptions:
    """Which local model judges."""

    model: str
    """A hub id or a folder."""
    device: str = "cpu"
    dtype: str = "auto"
    max_new_tokens: int = 64
    at_once: int = 8
    """Questions a forward pass, at most."""


@dataclass(eq=False)
class _Question:
    messages: Sequence[dict[str, str]]
    choices: tuple[str, ...]
    answer: str = ""
    error: Exception | None = None
    done: bool = False


class LocalModel:
    """A transformers model in this process, loaded at the first question.

    Where there are choices it answers with the likeliest of them (by mean log-probability a token), so that even a
    small model always gives a verdict; otherwise it decodes greedily.

    Safe to use from several threads: what they ask while an answer is being made goes through the model together next.
    """

    def __init__(self, options: LocalModelOptions):
        self.options = options
        self._loaded: tuple[Any, Any] | None = None
        self._lock = threading.Lock()
        self._waiting: list[_Question] = []
        self._queue = threading.Lock()

    @property
    def identity(self) -> str:
        return f"local {self.options.model} {self.options.dtype} n={self.options.max_new_tokens}"

    def complete(self, messages: Sequence[dict[str, str]], choices: Sequence[str] = ()) -> str:
        """The likeliest choice, or a greedy answer.

        Raises:
            JudgeModelError: the model could not be loaded.
        """
        question = _Question(messages, tuple(choices))
        with self._queue:
            self._waiting.append(question)
        with self._lock:
            if not question.done:  # else another thread has answered it with its own
                with self._queue:
                    batch, self._waiting = self._waiting, []
                self._answer(batch)
        if question.error is not None:
            raise question.error
        return question.answer

    def _answer(self, batch: "list[_Question]") -> None:
        """Answers questions, those with equal choices together."""
        by_choices: dict[tuple[str, ...], list[_Question]] = {}
        for question in batch:
            by_choices.setdefault(question.choices, []).append(question)
            question.done = True
        try:
            model, tokenizer = self._load()
            for choices, questions in by_choices.items():
                for at in range(0, len(questions), self.options.at_once):
                    part = questions[at : at + self.options.at_once]
                    prompts = [self._prompt(tokenizer, question.messages) for question in part]
                    answers = (
                        self._choose(model, tokenizer, prompts, choices)
                        if choices
                        else [self._generate(model, tokenizer, prompt) for prompt in prompts]
                    )
                    for question, answer in zip(part, answers, strict=True):
                        question.answer = answer
        except Exception as error:  # each of those who asked must hear of it
            for question in batch:
                question.error = error

    @staticmethod
    def _prompt(tokenizer: Any, messages: Sequence[dict[str, str]]) -> str:
        if getattr(tokenizer, "chat_template", None):
            return tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
        return "\n\n".join(f"{m['role']}: {m['content']}" for m in messages) + "\n\nassistant: "

    def _generate(self, model: Any, tokenizer: Any, prompt: str) -> str:
        import torch

        prompt_ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).input_ids.to(model.device)
        with torch.no_grad():
            out = model.generate(
                prompt_ids,
                attention_mask=torch.ones_like(prompt_ids),
                max_new_tokens=self.options.max_new_tokens,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id or 0,
            )
        return tokenizer.decode(out[0, prompt_ids.shape[1] :], skip_special_tokens=True)

    @staticmethod
    def _choose(model: Any, tokenizer: Any, prompts: Sequence[str], choices: Sequence[str]) -> list[str]:
        """The likeliest choice behind each prompt, by mean log-probability a token; one forward pass a choice."""
        import torch

        def ids(text: str) -> list[int]:
            return tokenizer(text, add_special_tokens=False)["input_ids"]

        begins, scores = [ids(prompt) for prompt in prompts], []
        for end in map(ids, choices):
            rows = [begin + end for begin in begins]
            width = max(map(len, rows))
            # Padded behind: causal attention never sees it.
            padded = [row + [0] * (width - len(row)) for row in rows]
            held = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
            with torch.no_grad():
                out = model(
                    input_ids=torch.tensor(padded, device=model.device),
                    attention_mask=torch.tensor(held, device=model.device),
                ).logits
            wanted = torch.tensor(end, device=out.device)[:, None]
            for row, begin in enumerate(begins):
                logits = out[row, len(begin) - 1 : len(begin) - 1 + len(end)].float()
                scores.append(float(torch.log_softmax(logits, dim=-1).gather(1, wanted).mean()))
        by_choice = [scores[at : at + len(prompts)] for at in range(0, len(scores), len(prompts))]
        return [choices[max(range(len(choices)), key=lambda c: by_choice[c][row])] for row in range(len(prompts))]

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            try:
                from transformers import AutoModelForCausalLM, AutoTokenizer
            except ImportError as error:
                raise ConfigError("A local judge needs transformers: pip install 'toolgym[train]'") from error
            try:
                only_data = {"trust_remote_code": False}  # else it is asked for, on the terminal
                with reaching(self.options.model):
                    tokenizer = AutoTokenizer.from_pretrained(self.options.model, **only_data)
                    model = AutoModelForCausalLM.from_pretrained(
                        self.options.model, dtype=self.options.dtype, **only_data
                    )
            except (OSError, ValueError) as error:
                raise JudgeModelError(f"The judge model {self.options.model!r} cannot be loaded: {error}") from error
            self._loaded = cast(Any, model).to(self.options.device).eval(), tokenizer
        return self._loaded


class Budgeted:
    """Lets a backend answer so many times, or read and write so many characters; then it fails.

    Raises:
        ConfigError: neither is limited.
    """

    def __init__(self, backend: Backend, *, max_requests: int | None = None, max_characters: int | None = None):
        if max_requests is None and max_characters is None:
            raise ConfigError("A judge's budget limits max_requests or max_characters.")
        self._backend, self._max_requests, self._max_characters = backend, max_requests, max_characters
        self.requests = 0
        """Requests made."""
        self.characters = 0
        """Characters sent and received."""
        self._lock = threading.Lock()

    @property
    def identity(self) -> str:
        return self._backend.identity

    def complete(self, messages: Sequence[dict[str, str]], choices: Sequence[str] = ()) -> str:
        """The backend's answer.

        Raises:
            JudgeModelError: the budget is spent, or the backend failed.
        """
        with self._lock:
            if self._max_requests is not None and self.requests >= self._max_requests:
                raise JudgeModelError(f"The judge's budget of {self._max_requests} requests is spent")
            if self._max_characters is not None and self.characters >= self._max_characters:
                raise JudgeModelError(f"The judge's budget of {self._max_characters} characters is spent")
            self.requests += 1
            self.characters += sum(len(message["content"]) for message in messages)
        answer = self._backend.complete(messages, choices)
        with self._lock:
            self.characters += len(answer)
        return answer


class CacheWarning(UserWarning):
    """A judge's answers are not kept: the file cannot be read or written."""


class Cached:
    """Keeps a backend's answers in a SQLite file, keyed by content. Failures are not kept.

    Several processes may share the file. Where it cannot be read or written later on (a full disk, a file that was
    removed) the backend is asked, and a `CacheWarning` says so once.

    Raises:
        ConfigError: the file cannot be opened, or is none of SQLite's.
    """

    def __init__(self, backend: Backend, path: str | Path):
        self._backend, self._path = backend, Path(path)
        self._warned = False
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as db, db:
                db.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)")
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"The judge's answers cannot be kept in {self._path}: {error}") from error

    @property
    def identity(self) -> str:
        return self._backend.identity

    def complete(self, messages: Sequence[dict[str, str]], choices: Sequence[str] = ()) -> str:
        """The kept answer, or the backend's.

        Raises:
            JudgeModelError: the backend failed.
        """
        asked = [self.identity, list(messages), list(choices)]
        try:
            content = canonical(asked)
        except TypeError:  # half characters, which a policy may write, are no UTF-8
            content = json.dumps(asked, sort_keys=True).encode()
        key = hashlib.sha256(content).hexdigest()
        row = self._try("SELECT answer FROM answers WHERE key = ?", (key,))
        if row is not None and isinstance(row[0], str):
            return row[0]
        answer = self._backend.complete(messages, choices)
        self._try("INSERT OR IGNORE INTO answers VALUES (?, ?)", (key, answer))
        return answer

    def _try(self, statement: str, values: tuple[str, ...]) -> Any:
        """The first row that a statement gives; None where there is none, or the file cannot be used."""
        try:
            with closing(self._connect()) as db, db:
                return db.execute(statement, values).fetchone()
        except (OSError, sqlite3.Error, UnicodeError) as error:
            if not self._warned:
                self._warned = True
                message = f"The judge's answers are not kept in {self._path} ({error}); it is asked again each time"
                warnings.warn(message, CacheWarning, stacklevel=3)
            return None

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=30.0)

"""Models that judge: an OpenAI-compatible endpoint, a local transformers model, a cache and a budget around either.

    backend = Cached(Budgeted(Endpoint(EndpointOptions("judge-model", base_url)), max_requests=1000), "judge.sqlite")
    judge = ModelJudge(backend)

Answers are cached by content (model, sampling options, messages, choices), so that a rerun costs nothing and gives
the same.
"""

import hashlib
import os
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx2
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential, wait_random

from toolgym.errors import ConfigError, JudgeModelError
from toolgym.rewards.judge import Backend
from toolgym.world import canonical

__all__ = ["Budgeted", "Cached", "Endpoint", "EndpointOptions", "LocalModel", "LocalModelOptions"]

_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class _PassingError(Exception):
    """A failure that another attempt may mend."""


@dataclass(frozen=True)
class EndpointOptions:
    """How the judge's endpoint is reached."""

    model: str
    base_url: str = "https://api.openai.com/v1"
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the key; an unset one sends none."""
    timeout_s: float = 60.0
    attempts: int = 4
    backoff_s: float = 0.5
    """The first pause between attempts; it doubles each time, with jitter."""
    temperature: float = 0.0
    max_tokens: int = 64
    seed: int = 0


class Endpoint:
    """An OpenAI-compatible chat endpoint. Safe to use from several threads."""

    def __init__(self, options: EndpointOptions):
        self.options = options
        self._client = httpx2.Client(timeout=options.timeout_s)

    @property
    def identity(self) -> str:
        o = self.options
        return f"endpoint {o.base_url} {o.model} t={o.temperature} n={o.max_tokens} seed={o.seed}"

    def complete(self, messages: Sequence[dict[str, str]], choices: Sequence[str] = ()) -> str:
        """The first choice's text.

        Raises:
            JudgeModelError: no answer after all attempts, or one of another shape.
        """
        options = self.options
        retrying = Retrying(
            stop=stop_after_attempt(options.attempts),
            wait=wait_exponential(multiplier=options.backoff_s, max=30.0) + wait_random(0, options.backoff_s),
            retry=retry_if_exception_type(_PassingError),
            reraise=True,
        )
        try:
            return retrying(self._ask, messages)
        except _PassingError as error:
            raise JudgeModelError(
                f"The judge at {options.base_url} failed {options.attempts} times; the last: {error}"
            ) from error

    def _ask(self, messages: Sequence[dict[str, str]]) -> str:
        options = self.options
        key = os.environ.get(options.api_key_env)
        body = {
            "model": options.model,
            "messages": list(messages),
            "temperature": options.temperature,
            "max_tokens": options.max_tokens,
            "seed": options.seed,
        }
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            answer = self._client.post(f"{options.base_url.rstrip('/')}/chat/completions", json=body, headers=headers)
        except httpx2.HTTPError as error:
            raise _PassingError(f"{type(error).__name__}: {error}") from error
        if answer.status_code in _PASSING:
            raise _PassingError(f"status {answer.status_code}")
        if answer.status_code != 200:
            raise JudgeModelError(f"The judge at {options.base_url} answered {answer.status_code}: {answer.text[:300]}")
        try:
            content = answer.json()["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError):
            raise JudgeModelError(f"The judge gave no chat completion: {answer.text[:300]}") from None
        if not isinstance(content, str):
            raise JudgeModelError("The judge gave an empty answer")
        return content

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()


@dataclass(frozen=True)
class LocalModelOptions:
    """Which local model judges."""

    model: str
    """A hub id or a folder."""
    device: str = "cpu"
    dtype: str = "auto"
    max_new_tokens: int = 64


class LocalModel:
    """A transformers model in this process, loaded at the first question.

    Where there are choices it answers with the likeliest of them (by mean log-probability a token), so that even a
    small model always gives a verdict; otherwise it decodes greedily.
    """

    def __init__(self, options: LocalModelOptions):
        self.options = options
        self._loaded: tuple[Any, Any] | None = None
        self._lock = threading.Lock()

    @property
    def identity(self) -> str:
        return f"local {self.options.model} {self.options.dtype} n={self.options.max_new_tokens}"

    def complete(self, messages: Sequence[dict[str, str]], choices: Sequence[str] = ()) -> str:
        """The likeliest choice, or a greedy answer.

        Raises:
            JudgeModelError: the model could not be loaded.
        """
        import torch

        with self._lock:
            model, tokenizer = self._load()
            prompt = self._prompt(tokenizer, messages)
            prompt_ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).input_ids.to(model.device)
            with torch.no_grad():
                if choices:
                    scores = [self._score(model, tokenizer, prompt_ids, choice) for choice in choices]
                    return choices[scores.index(max(scores))]
                out = model.generate(
                    prompt_ids,
                    attention_mask=torch.ones_like(prompt_ids),
                    max_new_tokens=self.options.max_new_tokens,
                    do_sample=False,
                    pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id or 0,
                )
            return tokenizer.decode(out[0, prompt_ids.shape[1] :], skip_special_tokens=True)

    @staticmethod
    def _prompt(tokenizer: Any, messages: Sequence[dict[str, str]]) -> str:
        if getattr(tokenizer, "chat_template", None):
            return tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
        return "\n\n".join(f"{m['role']}: {m['content']}" for m in messages) + "\n\nassistant: "

    @staticmethod
    def _score(model: Any, tokenizer: Any, prompt_ids: Any, choice: str) -> float:
        import torch

        choice_ids = tokenizer(choice, return_tensors="pt", add_special_tokens=False).input_ids.to(model.device)
        ids = torch.cat([prompt_ids, choice_ids], dim=1)
        logits = model(ids).logits[0, prompt_ids.shape[1] - 1 : -1].float()
        logps = torch.log_softmax(logits, dim=-1)
        return float(logps.gather(1, choice_ids[0].unsqueeze(1)).mean())

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            try:
                from transformers import AutoModelForCausalLM, AutoTokenizer
            except ImportError as error:
                raise ConfigError("A local judge needs transformers: pip install 'toolgym[train]'") from error
            try:
                tokenizer = AutoTokenizer.from_pretrained(self.options.model)
                model = AutoModelForCausalLM.from_pretrained(self.options.model, dtype=self.options.dtype)
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


class Cached:
    """Keeps a backend's answers in a SQLite file, keyed by content. Failures are not kept.

    Several processes may share the file.
    """

    def __init__(self, backend: Backend, path: str | Path):
        self._backend, self._path = backend, Path(path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._connect()) as db, db:
            db.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)")

    @property
    def identity(self) -> str:
        return self._backend.identity

    def complete(self, messages: Sequence[dict[str, str]], choices: Sequence[str] = ()) -> str:
        """The kept answer, or the backend's.

        Raises:
            JudgeModelError: the backend failed.
        """
        content = canonical([self.identity, list(messages), list(choices)])
        key = hashlib.sha256(content).hexdigest()
        with closing(self._connect()) as db:
            row = db.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
        if row is not None:
            return row[0]
        answer = self._backend.complete(messages, choices)
        with closing(self._connect()) as db, db:
            db.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", (key, answer))
        return answer

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=30.0)

"""`cases`: similar episodes from before in the prompt, solved ones and failed ones.

AgentFly (Memento), "Fine-tuning LLM Agents without Fine-tuning LLMs": an episodic memory of (request, what was done,
outcome), read by similarity (its non-parametric memory) or by a learnt value of reading a case (its parametric memory;
`toolgym.agents.memory.ranking`). Deviations: a case holds the calls of an episode, not a planner's plan; requests are
compared by BM25, or by sentence embeddings among the best by BM25, not by SimCSE alone; the learnt value is logistic
regression; and the memory is rewritten between runs (`toolgym memory build`), not within one, so that no evaluation
learns from itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolgym import _json
from toolgym.agents.memory.learning import request_of
from toolgym.agents.memory.ranking import features, value
from toolgym.agents.memory.records import Case, CaseTurn, Memory
from toolgym.agents.memory.words import TextIndex, words
from toolgym.agents.memory.worn import Worn
from toolgym.agents.policies.policy import Policy
from toolgym.errors import ConfigError, OpeningError, did_you_mean
from toolgym.observations import escape_tags
from toolgym.rewards.semantic import Similarity, embedding

if TYPE_CHECKING:
    from toolgym.env import ToolEnv

__all__ = ["CaseBank", "CasesOptions", "CasesPolicy", "Found", "case_text"]

SIMILARITIES = ("dense", "learnt", "words")
_POOL = 10
"""Cases by BM25 that `learnt` and `dense` choose each case from."""
_HEADING = "# Similar tasks from before"
_FAILED = "Failed: this was not right as it stands."


@dataclass(frozen=True)
class CasesOptions:
    """How cases are chosen."""

    k: int = 3
    """Cases in the prompt, at most."""
    failed: int = 1
    """How many of them failed, at most; the others were solved."""
    similarity: str = "words"
    """`words`: BM25 over the requests. `dense`: the best of those by sentence embeddings. `learnt`: by the ranker."""

    def __post_init__(self) -> None:
        if self.similarity not in SIMILARITIES:
            raise ConfigError(did_you_mean(self.similarity, SIMILARITIES, "similarity"))
        if not (self.k >= 1 and 0 <= self.failed <= self.k):
            raise ConfigError(
                f"k must be at least 1 and failed from 0 to k, got k={self.k}, failed={self.failed}: of k cases so "
                "many may have failed"
            )


@dataclass(frozen=True, slots=True)
class Found:
    """A case for a request, and how it was found."""

    case: Case
    features: list[float]
    """Those of `toolgym.agents.memory.ranking`."""


class CaseBank:
    """Finds cases for a request.

    Args:
        memory: the cases, and the ranker for `learnt`.
        options: how they are chosen.
        similarity: of two texts, for `dense`; default: sentence embeddings (the `semantic` extra).

    Raises:
        ConfigError: `learnt`, and the memory has no ranker.
    """

    def __init__(self, memory: Memory, options: CasesOptions, similarity: Similarity | None = None):
        if options.similarity == "learnt" and memory.ranker is None:
            raise ConfigError(
                "similarity=learnt needs a memory that has learnt from episodes with cases: play another split with "
                "--memory cases --output FILE, then give that file to `toolgym memory build` too"
            )
        self.memory, self.options = memory, options
        self._index = TextIndex([case.request for case in memory.cases])
        self._words = [words(case.request) for case in memory.cases]
        places = range(len(memory.cases))
        self._solved = [place for place in places if memory.cases[place].solved]
        self._failed = [place for place in places if not memory.cases[place].solved]
        self._similarity = similarity or embedding()

    def find(self, request: str) -> list[Found]:
        """The cases for a request: the solved ones, then the failed ones, each with the best first.

        No two have the same request. Where there are fewer failed ones than wanted, more are solved.
        """
        best = self._index.best(request, 1)
        if not best:
            return []
        failed = self._choose(request, best[0][1], self._failed, self.options.failed)
        return self._choose(request, best[0][1], self._solved, self.options.k - len(failed)) + failed

    def _choose(self, request: str, top: float, among: list[int], count: int) -> list[Found]:
        asked, cases = words(request), self.memory.cases
        found: dict[str, Found] = {}
        for place, score in self._index.best(request, _POOL * count, among):
            pair = features(score, top, asked, self._words[place], len(cases[place].turns))
            found.setdefault(cases[place].request, Found(cases[place], pair))
        order = list(found.values())
        worth = self._worth(request)
        return (sorted(order, key=worth, reverse=True) if worth else order)[:count]

    def _worth(self, request: str) -> Callable[[Found], float] | None:
        """What the pool is ordered by; None: as BM25 has it."""
        if self.options.similarity == "dense":
            return lambda found: self._similarity(request, found.case.request)
        ranker = self.memory.ranker
        if self.options.similarity == "learnt" and ranker is not None:
            return lambda found: value(ranker.weights, found.features)
        return None


def case_text(case: Case) -> str:
    """A case as a model reads it: the request, the calls in order, the last words and how it ended."""
    lines = [f"Request: {escape_tags(case.request)}"]
    lines += [f"Calls: {_calls_text(turn)}" for turn in case.turns if turn.calls]
    if case.response:
        lines.append(f"Answer: {escape_tags(case.response)}")
    return "\n".join([*lines, "Solved." if case.solved else _FAILED])


def _calls_text(turn: CaseTurn) -> str:
    told = []
    for call in turn.calls:
        arguments = ", ".join(f"{name}={_json.dumps(given).decode()}" for name, given in call.arguments.items())
        told.append(f"{call.name}({escape_tags(arguments)})" + (" -> error" if call.failed else ""))
    return "; ".join(told)


class CasesPolicy(Worn):
    """A policy that reads cases in its opening.

    Where the opening with them leaves the policy no room, cases are left out, the last first.
    """

    name = "cases"

    def __init__(
        self, inner: Policy, memory: Memory, options: CasesOptions | None = None, similarity: Similarity | None = None
    ):
        super().__init__(inner, memory)
        self.bank = CaseBank(memory, options or CasesOptions(), similarity)

    def _open(self, slot: int, observation: str, info: dict[str, Any], env: "ToolEnv | None") -> list[int]:
        found = [] if "context_ids" in info else self.bank.find(request_of(observation))  # a fork has read them
        while True:
            try:
                ids = self.inner.start(slot, *_with_cases(observation, info, found), env)
            except OpeningError:
                if not found:
                    raise
                found.pop()
            else:
                break
        self._episodes[slot].notes["shown"] = [
            {
                "env_id": each.case.env_id,
                "split": each.case.split,
                "task_id": each.case.task_id,
                "solved": each.case.solved,
                "features": each.features,
            }
            for each in found
        ]
        return ids


def _with_cases(observation: str, info: dict[str, Any], found: list[Found]) -> tuple[str, dict[str, Any]]:
    """An opening with cases: at the end of the system's message, or as one where there is none."""
    if not found:
        return observation, info
    text = "\n\n".join([_HEADING, *(case_text(each.case) for each in found)])
    messages = [dict(message) for message in info.get("messages") or ()]
    if messages and messages[0].get("role") == "system":
        messages[0]["content"] = f"{messages[0]['content']}\n\n{text}"
    elif messages:
        messages.insert(0, {"role": "system", "content": text})
    return f"{text}\n\n{observation}", {**info, "messages": messages}

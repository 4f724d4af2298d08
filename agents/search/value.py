"""A learnt value of a state: the critic of a StepTool checkpoint, which reads the trunk that it was trained on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file

from toolgym.agents.policies.models import load_model, model_path
from toolgym.agents.policies.policy import Policy
from toolgym.agents.search.talk import Talk, talk_of
from toolgym.agents.search.tree import Ask, Node
from toolgym.errors import ConfigError

__all__ = ["ValueScore"]

_FILE = "value_head.safetensors"


class ValueScore:
    """V before the policy's next token; of an episode that is over, before the last token of its last turn.

    Args:
        folder: the checkpoint, with its model and its `value_head.safetensors`.
        policy: whose tokens the states are made of.

    Raises:
        ConfigError: there is no value head, or it reads other tokens than the policy's.
    """

    def __init__(self, folder: str, policy: Policy):
        file = Path(model_path(folder)) / _FILE
        if not file.is_file():
            raise ConfigError(
                f"scorer=value: {folder!r} has no {_FILE}. toolgym train --algo steptool (or ppo) keeps one in its "
                "checkpoints and its final model; or take another scorer"
            )
        if getattr(policy, "chat", None) is None:
            raise ConfigError("scorer=value is of a model whose tokens are known here (hf:, builtin:, data:)")
        self.model, tokenizer = load_model(folder)
        if tokenizer.get_vocab() != cast(Any, policy).tokenizer.get_vocab():
            raise ConfigError(f"scorer=value: the critic of {folder!r} reads other tokens than the agent writes")
        head = load_file(file)
        device = self.model.device
        self.weight_1D, self.bias_1 = head["weight"].to(device).float(), head["bias"].to(device).float()
        self.talk: Talk = talk_of(policy)

    @torch.no_grad()
    def __call__(self, nodes: Sequence[Node]) -> list[float]:
        return [self._value(self._ids(node)) for node in nodes]

    def _ids(self, node: Node) -> list[int]:
        if not node.over or node.parent is None:
            return self.talk.at(Ask(node), "")[1]["context_ids"]
        ids = list(self.talk.at(Ask(node.parent), "")[1]["context_ids"])
        for turn in node.played:
            ids += turn.completion.token_ids
            if turn is not node.played[-1]:
                ids += self.talk.reply(turn.completion, turn.observation or "", turn.info)
        return ids[:-1] if node.played and node.played[-1].completion.token_ids else ids

    def _value(self, ids: Sequence[int]) -> float:
        base = cast(Any, self.model).base_model
        ids_1T = torch.tensor([ids], device=self.model.device)
        hidden_D = base(input_ids=ids_1T).last_hidden_state[0, -1].float()
        return float(torch.nn.functional.linear(hidden_D, self.weight_1D, self.bias_1))

"""ToolGym's episodes in one's own TRL `GRPOTrainer`: a `rollout_func` that plays them, and their returns as rewards.

    python examples/own_grpo_trainer.py runs/trl
    python examples/own_grpo_trainer.py runs/trl 30

A prompt of the data set is the index of a task. The tokens are those that were sampled; `env_mask` is 0 on what the
environment wrote, which TRL leaves out of the loss. The environment is the airline; yours goes in its place.
"""

import sys
from typing import Any

from datasets import Dataset
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.models import load_model, load_tokenizer
from toolgym.agents.rollouts.rollout import Start, rollouts
from toolgym.opening import open_env

TASKS, GROUP = 4, 4
env = open_env("ToolGym/Airline-v0", split="train", size="small", prompt="short")
envs = [env, *(env.spawn() for _ in range(GROUP - 1))]


def play(prompts: list[str], trainer: GRPOTrainer) -> dict[str, Any]:
    """An episode for each prompt: its tokens, and its return for the reward function."""
    model: Any = trainer.accelerator.unwrap_model(trainer.model)
    sampling = SamplingOptions(temperature=1.0, max_new_tokens=100, context_tokens=1536)
    tokenizer: Any = trainer.processing_class
    policy = LMPolicy(model, tokenizer, sampling, seed=trainer.state.global_step)
    played = rollouts(policy, envs, [Start(options={"task": int(prompt)}) for prompt in prompts])
    return {
        "prompt_ids": [rollout.prompt_ids for rollout in played],
        "completion_ids": [rollout.completion_ids for rollout in played],
        "logprobs": [rollout.logprobs for rollout in played],
        "env_mask": [rollout.env_mask for rollout in played],
        "episode_return": [rollout.total_reward for rollout in played],
    }


def episode_return(episode_return: list[float], **_: Any) -> list[float]:
    """TRL's reward function: what the rollouts say."""
    return episode_return


def main(output: str, steps: int = 1) -> None:
    model, _ = load_model("builtin:imperfect")
    args = GRPOConfig(
        output_dir=output,
        max_steps=steps,
        per_device_train_batch_size=GROUP,
        num_generations=GROUP,
        max_completion_length=1536,
        learning_rate=2e-4,
        logging_steps=1,
        report_to="none",
        use_cpu=True,
        bf16=False,
        save_strategy="no",
        disable_tqdm=True,
    )
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=episode_return,  # pyright: ignore[reportArgumentType]
        args=args,
        train_dataset=Dataset.from_dict({"prompt": [str(index) for index in range(TASKS)]}),
        processing_class=load_tokenizer("builtin:imperfect"),
        rollout_func=play,  # pyright: ignore[reportArgumentType]
    )
    trainer.train()
    trainer.save_model(output)
    rewards = [line["reward"] for line in trainer.state.log_history if "reward" in line]
    print(f"{trainer.state.global_step} steps, mean return {sum(rewards) / len(rewards):.2f}")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))

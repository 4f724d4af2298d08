"""Which options of a run may be others: where it is resumed, and where runs of several seeds are put together."""

__all__ = ["HOW_IT_RUNS", "MAY_CHANGE"]

HOW_IT_RUNS = (
    "concurrency",
    "derived",
    "env_workers",
    "gradient_checkpointing",
    "judge_cache",
    "judge_url",
    "judge_workers",
    "micro_batch",
    "output",
    "overwrite",
    "progress",
    "record",
    "report_to",
    "resume",
    "save_steps",
    "share_prefixes",
    "step_timeout",
    "threads",
    "vllm",
    "vllm_weights",
    "weights",
)
"""How and where a run goes on: nothing of what it learns."""
MAY_CHANGE = (
    *HOW_IT_RUNS,
    "env_steps",
    "eval_episodes",
    "eval_split",
    "eval_steps",
    "eval_temperature",
    "steps",
)
"""What a resumed run may have other than it began with."""

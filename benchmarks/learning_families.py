"""What the learning benchmark compares, as data: families of rows that share one reward, and what refutes each paper.

A family is a paper's method, its ablations and the baselines that the paper compares it with, all on that paper's
reward, from the same warm start, with the same environment steps. A row is one or two command lines of `toolgym train`.
A comparison is a claim that was written down before anything was run: the row is better than the other by more than so
many points. `shown` where the paired 95% interval lies above, `refuted` where it lies below, otherwise `not told`.

Experts, where a row has some, do tasks of one or two calls; training is on tasks of one, two, four and five calls, for
all rows alike; held-out tasks have four and more.
"""

from dataclasses import dataclass

__all__ = ["ALL", "CONDITIONS", "FAMILIES", "Comparison", "Condition", "Family", "Row", "Stage", "family"]


@dataclass(frozen=True)
class Stage:
    """A training: an algorithm's command line, and its share of the row's environment steps."""

    algo: str
    flags: tuple[str, ...] = ()
    share: float = 1.0


@dataclass(frozen=True)
class Row:
    """A row of a family's table; a stage goes on from the model of the one before it."""

    name: str
    stages: tuple[Stage, ...]


@dataclass(frozen=True)
class Condition:
    """What must be so that a mechanism can act, measured by what the trainer logs."""

    name: str
    about: str
    logged: tuple[str, ...]
    """Names of `metrics.jsonl`: of the first that a run has, the mean over the run; of two with `share`, the first's
    part of their sum."""
    least: float | None = None
    below: float | None = None
    share: bool = False
    skip: int = 0
    """How many of the first values are left out."""


@dataclass(frozen=True)
class Comparison:
    """A claim: what the row solves is more than `points` above what the other solves."""

    row: str
    other: str
    points: float
    conditions: tuple[str, ...]
    """Without which the figures say nothing of the claim."""


@dataclass(frozen=True)
class Family:
    """A paper's rows."""

    name: str
    paper: str
    reward: str
    flags: tuple[tuple[str, ...], ...]
    """Options of every stage that plays while it learns, each with its values; a stage's own go before them."""
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]

    def row(self, name: str) -> Row:
        """A row by its name."""
        return next(row for row in self.rows if row.name == name)

    @property
    def conditions(self) -> tuple[tuple[str, str], ...]:
        """Each a row, and a condition that is measured on it: what the claims about it rest on."""
        pairs = [(claim.row, name) for claim in self.comparisons for name in claim.conditions]
        return tuple(dict.fromkeys(pairs))


CONDITIONS = {
    condition.name: condition
    for condition in (
        Condition(
            "clips act",
            "of the tokens that had a choice (p < 0.99) clips cut off at least 5%",
            ("clipped_choices",),
            least=0.05,
        ),
        Condition(
            "SPO pulls",
            "SPO's part of the gradient at the logits at least 20%",
            ("toolupt/expert_pull", "toolupt/rl_pull"),
            least=0.2,
            share=True,
        ),
        Condition(
            "judge says more",
            "correlation of R_reasoning with R_out within groups below 0.7",
            ("awpo/judge_correlation",),
            below=0.7,
        ),
        Condition(
            "gates open",
            "of the groups with flat outcomes and unlike mixed rewards at least half let these in",
            ("awpo/flat_open",),
            least=0.5,
        ),
        Condition(
            "difficulty is told",
            "groups with solved and unsolved episodes that are taken for too easy or too hard below 25%",
            ("awpo/miskeyed",),
            below=0.25,
        ),
        Condition(
            "critic predicts",
            "explained variance of the returns above 0.3, from the third batch on, when a fit can have proved itself",
            ("value/explained_variance",),
            least=0.3,
            skip=2,
        ),
        Condition(
            "early errors",
            "negatives whose first error stands in the first half of the chain at least 20%",
            ("dupo/early_errors",),
            least=0.2,
        ),
    )
}


def _row(name: str, command: str) -> Row:
    """A row of one stage."""
    algo, *flags = command.split()
    return Row(name, (Stage(algo, tuple(flags)),))


def _after_sft(name: str, command: str) -> Row:
    """SFT on the experts' tasks with a quarter of the environment steps, then the other with the rest."""
    algo, *flags = command.split()
    return Row(name, (Stage("sft", ("--depth", "1", "2"), 0.25), Stage(algo, tuple(flags), 0.75)))


_DEPTHS = ("--depth", "1", "2", "4", "5")
# Several updates a batch, or no ratio leaves 1 and no clip acts: four minibatches, two passes.
# All rates fall to 0 over the budget, as SFT's does over its data: constant ones end in noise.
_PLAYED = (_DEPTHS, ("--schedule", "linear"), ("--minibatches", "4"), ("--iterations", "2"))
_EXPERT = "--expert-depth 1 2"
_DAPO = "toolupt --expert none --no-fine-grained --epsilon-high 0.28"
_MIXED = """--set reward_options={"judge":"facts"}"""
# The gate is open where outcomes are flat, at the highest R_out too: right calls say nothing of the answer.
_GATE = "--epsilon-mix 1 --peak 2.01"
_AWPO = f"awpo --judge facts --quantiles 0.05 0.95 {_GATE}"
_PPO = "--beta 0.05 --value-coef 0.1"
_DUPO = f"dupo {_EXPERT} --zeta 0.02"

TOOLUPT = Family(
    "toolupt",
    "ToolUPT",
    "toolupt",
    _PLAYED,
    (
        _row("dapo-star", _DAPO),
        _row("fg-dapo-star", "toolupt --expert none --epsilon-high 0.28"),
        _after_sft("sft-dapo-star", _DAPO),
        _row("luffy", f"toolupt --expert luffy --no-fine-grained --epsilon-high 0.28 {_EXPERT}"),
        _row("srft", f"toolupt --expert srft --no-fine-grained {_EXPERT}"),
        _row("chord", f"toolupt --expert chord --no-fine-grained --epsilon-high 0.28 {_EXPERT}"),
        _row("toolupt-sft", f"toolupt --expert sft --epsilon-high 0.28 {_EXPERT}"),
        _row("toolupt", f"toolupt --epsilon-high 0.28 --gamma-low 0.9 --gamma-high 0.97 {_EXPERT}"),
    ),
    (
        Comparison("toolupt", "dapo-star", 2, ("clips act", "SPO pulls")),
        Comparison("fg-dapo-star", "dapo-star", 1, ("clips act",)),
        Comparison("toolupt", "toolupt-sft", 0, ("SPO pulls",)),
    ),
)
AWPO = Family(
    "awpo",
    "AWPO",
    "awpo",
    _PLAYED,
    (
        # DeepSeekMath's KL coefficient (its section 4.2); ToolRL leaves the KL out.
        _row("grpo", "grpo --reward awpo --beta 0.04"),
        _row("dapo", "dapo --reward awpo"),
        _row("dr_grpo", "dr_grpo --reward awpo"),
        _row("toolrl", "toolrl --reward awpo"),
        _row("mixed-grpo", f"grpo --reward awpo --beta 0.04 {_MIXED}"),
        _after_sft("sft-grpo", "grpo --reward awpo --beta 0.04"),
        _row("awpo", _AWPO),
        _row("awpo-no-gate", f"{_AWPO} --no-gate"),
        _row("awpo-no-difficulty", f"awpo --judge facts {_GATE} --no-difficulty"),
        _row("awpo-fixed-clip", f"{_AWPO} --no-dynamic-clip"),
    ),
    (
        Comparison("awpo", "toolrl", 1, ("clips act", "judge says more", "gates open", "difficulty is told")),
        Comparison("awpo", "awpo-no-gate", 0, ("judge says more", "gates open")),
        Comparison("awpo", "awpo-no-difficulty", 0, ("difficulty is told",)),
        Comparison("awpo", "awpo-fixed-clip", 0, ("clips act",)),
    ),
)
STEPTOOL = Family(
    "steptool",
    "StepTool",
    "steptool",
    _PLAYED,
    (
        _row("rlhf", f"rlhf {_PPO}"),
        _row("ppo", f"ppo {_PPO}"),
        _row("sft-own", "sft --demonstrations habits --depth 1 2 4 5"),
        _row("steptool", f"steptool {_PPO}"),
    ),
    (
        Comparison("steptool", "rlhf", 5, ("critic predicts", "clips act")),
        Comparison("steptool", "ppo", 5, ("critic predicts", "clips act")),
    ),
)
DUPO = Family(
    "dupo",
    "AC-Planner",
    "ac_planner",
    _PLAYED,
    (
        _row("toolrl-sft", f"{_DUPO} --credit group --no-dynamic-clip"),
        _row("dupo-token", "dupo --candidates token --zeta 0.02 --depth 1 2"),
        _row("dupo", _DUPO),
        _row("dupo-episode", f"{_DUPO} --credit episode"),
        _row("dupo-episode-no-decay", f"{_DUPO} --credit episode --decay none"),
    ),
    (
        Comparison("dupo", "toolrl-sft", 3, ("clips act",)),
        Comparison("dupo-token", "toolrl-sft", 3, ()),
        Comparison("dupo-episode", "dupo-episode-no-decay", 0, ("early errors",)),
    ),
)
HAZARD = Family(
    "hazard",
    "Hazard (ours)",
    "solved",
    _PLAYED,
    (
        _row("grpo", "grpo --reward solved"),
        _row("hazard", "hazard --reward solved"),
    ),
    (Comparison("hazard", "grpo", 0, ()),),
)
"""GRPO is paid by whether an episode is solved, and by nothing else. Hazard knows that and, from forks in which the
gold chain is played on, the step that lost the task."""
FAMILIES = {one.name: one for one in (TOOLUPT, AWPO, STEPTOOL, DUPO, HAZARD)}
ALL = "all"
"""The family of every algorithm as it comes, each on its own reward: nothing is claimed of it."""


def family(name: str) -> Family:
    """One of `FAMILIES`, or that of all algorithms.

    Raises:
        ConfigError: no such family.
    """
    from toolgym.agents.training import algorithms
    from toolgym.errors import ConfigError, did_you_mean

    if name == ALL:
        rows = tuple(_row(algo, algo) for algo in algorithms())
        return Family(ALL, "every algorithm as it comes", "each its own", (_DEPTHS, ("--schedule", "linear")), rows, ())
    if name not in FAMILIES:
        raise ConfigError(did_you_mean(name, [*FAMILIES, ALL], "family"))
    return FAMILIES[name]

"""Which cases help: a logistic model of (request, case) that is learnt from the episodes in which cases were shown.

AgentFly (Memento) calls it case selection and learns Q(s, c), the value of reading case c at request s, by soft
Q-learning; its one-step form is a classifier of success under cross-entropy. Here s and c are three plain features
instead of embeddings, and the classifier is logistic regression: a few dozen episodes suffice, and the fit is the same
for the same episodes.

Shapes: N pairs, F features and the intercept.
"""

from collections.abc import Collection, Sequence

import numpy as np

__all__ = ["FEATURES", "features", "fit", "value"]

FEATURES = ("score", "shared_words", "turns")
"""The case's BM25 score over that of the best case; the share of their words that both requests have (Jaccard); the
case's turns, in tens."""
_RIDGE = 0.1
"""Keeps the weights finite where the outcome can be told without error."""
_MOST_STEPS = 50


def features(score: float, best: float, request: Collection[str], case: Collection[str], turns: int) -> list[float]:
    """The `FEATURES` of a pair.

    Args:
        score: the case's BM25 score for the request.
        best: the highest score of any case for it.
        request: the request's words.
        case: the words of the case's request.
        turns: how many turns the case has.
    """
    mine, its = set(request), set(case)
    shared = len(mine & its) / len(mine | its) if mine | its else 0.0
    return [score / best if best else 0.0, shared, turns / 10]


def value(weights: Sequence[float], pair: Sequence[float]) -> float:
    """The log-odds of solving the task with that case in the prompt."""
    return float(np.dot(weights[:-1], pair) + weights[-1])


def fit(pairs: Sequence[Sequence[float]], solved: Sequence[bool]) -> list[float]:
    """The weights, the intercept last, under which the outcomes are likeliest, less a ridge on all but the intercept.

    Newton's method on a convex loss: the same pairs give the same weights.
    """
    x_NF = np.column_stack([np.asarray(pairs, dtype=np.float64), np.ones(len(pairs))])
    y_N = np.asarray(solved, dtype=np.float64)
    ridge_F = np.full(x_NF.shape[1], _RIDGE)
    ridge_F[-1] = 1e-6  # all solved or none: the intercept has an end too
    weights_F = np.zeros(x_NF.shape[1])
    for _ in range(_MOST_STEPS):
        p_N = 1.0 / (1.0 + np.exp(-np.clip(x_NF @ weights_F, -30, 30)))
        gradient_F = x_NF.T @ (p_N - y_N) + ridge_F * weights_F
        hessian_FF = (x_NF * np.maximum(p_N * (1 - p_N), 1e-9)[:, None]).T @ x_NF + np.diag(ridge_F)
        step_F = np.linalg.solve(hessian_FF, gradient_F)
        weights_F -= np.clip(step_F, -5, 5)
        if np.abs(step_F).max() < 1e-9:
            break
    return [float(weight) for weight in weights_F]

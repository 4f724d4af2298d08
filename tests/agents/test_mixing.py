"""The single-stage baselines: LUFFY, SRFT and CHORD by numbers worked by hand, and which way they push."""

import math

import pytest
import torch

from toolgym.agents.training.expert import clipped_objective
from toolgym.agents.training.mixing import (
    chord_expert_loss,
    luffy_expert_loss,
    mixed_advantages,
    srft_expert_loss,
    srft_self_loss,
)


def test_mixed_groups_by_hand() -> None:
    # Returns 0 and 1 with an expert's 2: mean 1, spread (2 / 2)^0.5 = 1: -1, 0 and 1, over 1.0001. The second group has
    # no expert: 0 and 1 have mean 0.5 and spread 0.5^0.5 = 0.70711: 0.5 / 0.70721 = 0.70700.
    returns, usable = torch.tensor([0.0, 1.0, 0.0, 1.0]), torch.ones(4, dtype=torch.bool)
    own, experts = mixed_advantages(returns, usable, torch.tensor([2.0, math.nan]), 2)
    assert own.tolist() == pytest.approx([-0.9999, 0.0, -0.7070, 0.7070], abs=1e-4)
    assert experts.tolist() == pytest.approx([0.9999, 0.0], abs=1e-4)


def test_equal_and_unusable_returns_count_for_nothing() -> None:
    own, experts = mixed_advantages(torch.ones(2), torch.ones(2, dtype=torch.bool), torch.ones(1), 2)
    assert own.tolist() == [0.0, 0.0]
    assert experts.tolist() == [0.0]
    # Sums of equal rewards differ by their rounding, of which SRFT would see the sign.
    own, experts = mixed_advantages(
        torch.tensor([3.8309998, 3.8310001]), torch.ones(2, dtype=torch.bool), torch.tensor([3.831]), 2
    )
    assert own.tolist() == [0.0, 0.0]
    assert experts.tolist() == [0.0]
    # Only 1 and the expert's 3 count: mean 2, spread 2^0.5.
    own, experts = mixed_advantages(torch.tensor([1.0, 9.0]), torch.tensor([True, False]), torch.tensor([3.0]), 2)
    assert own.tolist() == pytest.approx([-0.70706, 0.0], abs=1e-4)
    assert experts.tolist() == pytest.approx([0.70706], abs=1e-4)


def test_luffys_shaping_by_hand() -> None:
    # f(0.1) = 0.5 and f(0.9) = 0.9: times the advantage 2, to be minimised.
    losses = luffy_expert_loss(torch.tensor([[0.1, 0.9]]).log(), torch.tensor([2.0]))
    assert losses[0].tolist() == pytest.approx([-1.0, -1.8])


def test_srft_by_hand() -> None:
    # H = log 2: exp(-H) = 0.5, exp(H) = 2. p = 0.5: 0.25 * 0.69315 - 0.5 * 3 = -1.32671.
    logps, entropy = torch.tensor([[0.5, 0.5, 0.5]]).log(), torch.tensor(math.log(2))
    expert = srft_expert_loss(logps[:, :1], torch.tensor([3.0]), entropy)
    assert expert[0].tolist() == pytest.approx([-1.32671], abs=1e-5)
    # 0.2 * 0.69315 for a positive advantage, -0.69315 for a negative one, whatever its size.
    own = srft_self_loss(logps, torch.tensor([[0.7, -0.2, 0.0]]), entropy)
    assert own[0].tolist() == pytest.approx([0.13863, -0.69315, 0.0], abs=1e-5)


def test_chord_by_hand() -> None:
    # p (1 - p) (-log p): 0.25 * 0.69315, 0.09 * 0.10536. The weight has no gradient: d/dlog p = -0.25 at p = 0.5.
    logps = torch.tensor([[0.5, 0.9]]).log().requires_grad_()
    losses = chord_expert_loss(logps)
    assert losses[0].tolist() == pytest.approx([0.17329, 0.00948], abs=1e-5)
    losses.sum().backward()
    assert logps.grad is not None
    assert logps.grad[0].tolist() == pytest.approx([-0.25, -0.09])


def test_each_pushes_the_right_way() -> None:
    entropy, ones = torch.tensor(1.0), torch.ones(1)
    for loss_of, rises in (
        (lambda logps: luffy_expert_loss(logps[:, :1], ones), True),
        (lambda logps: luffy_expert_loss(logps[:, :1], -ones), False),
        (lambda logps: srft_expert_loss(logps[:, :1], 0 * ones, entropy), True),
        (lambda logps: srft_self_loss(logps[:, :1], ones[:, None], entropy), True),
        (lambda logps: srft_self_loss(logps[:, :1], -ones[:, None], entropy), False),
        (lambda logps: chord_expert_loss(logps[:, :1]), True),
    ):
        logits = torch.tensor([[0.3, -0.2, 0.1]], requires_grad=True)
        loss_of(torch.log_softmax(logits, -1)).sum().backward()
        assert logits.grad is not None
        before, after = torch.softmax(logits, -1)[0, 0], torch.softmax(logits - 0.5 * logits.grad, -1)[0, 0]
        assert bool(after > before) is rises


def test_the_gradient_is_whole_at_a_bound_of_the_clip() -> None:
    # The ratio is 1, the upper bound where high = 0 (DUPO, Eq. 12, without reward so far): d(r A) / d logp = r A.
    for advantage in (1.0, -1.0):
        logps = torch.zeros(1, requires_grad=True)
        clipped_objective(logps, torch.zeros(1), torch.tensor([advantage]), 0.2, 0.0).sum().backward()
        assert logps.grad is not None
        assert logps.grad.item() == advantage

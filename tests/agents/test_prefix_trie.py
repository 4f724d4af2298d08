"""Rows that share their prefixes in one pass: the trie by hand, and the figures and gradients of rows apart."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention.bias import causal_lower_right as on_a_gpu
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoModelForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from trl.trainer.utils import add_fused_lm_head

from toolgym.agents.training.prefix_sharing import PrefixSharing
from toolgym.agents.training.prefix_trie import Piece, TrieMask, attend, dense_mask, lexicographic, shared_prefixes

VOCABULARY = 11
ROPE = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
ROPE |= {"num_key_value_heads": 1, "head_dim": 8, "max_position_embeddings": 64}
SHAPES: dict[str, dict[str, Any]] = {
    "qwen3": ROPE,
    "llama": ROPE,
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64},  # positions that are learned
}
SHAPES["gpt2"] |= {"attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0}


def tiny(kind: str, attention: str = "sdpa", **more: Any) -> Any:
    """A random model with a fused head, in double precision, whose next token's distribution is not flat."""
    torch.manual_seed(0)
    given = {"vocab_size": VOCABULARY, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, **SHAPES.get(kind, {})}
    model = AutoModelForCausalLM.from_config(CONFIG_MAPPING[kind](**given | more), attn_implementation=attention)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0, 0.4)
    add_fused_lm_head(model, outputs=("log_probs", "entropy"))
    return model.double()


def padded(rows: list[list[int]], fill: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows at the left edge with rubbish behind them, and their lengths."""
    longest = max(map(len, rows))
    ids = torch.tensor([row + [fill] * (longest - len(row)) for row in rows])
    return ids, torch.tensor([len(row) for row in rows])


def labels_of(ids: torch.Tensor, lengths: torch.Tensor, prompts: list[int]) -> torch.Tensor:
    """The ids of each row from its prompt's end on; -100 elsewhere."""
    columns = torch.arange(ids.shape[1])
    scored = (columns >= torch.tensor(prompts)[:, None]) & (columns < lengths[:, None])
    return ids.masked_fill(~scored, -100)


def gradients(model: Any, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    """The loss's gradient by parameter."""
    model.zero_grad()
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


def outcome(model: Any, sharing: PrefixSharing, ids: Any, lengths: Any, labels: Any) -> tuple[Any, Any, Any]:
    """Log-probabilities, entropies and a gradient that depends on each of both, of one pass."""
    trie = sharing.trie(model, ids, lengths)
    if sharing.mode == "off":
        assert trie is None
        out: Any = model(input_ids=ids, labels=labels, fused_lm_head=True)
    else:
        assert trie is not None
        out = sharing.scores(model, trie, ids, labels)
    weights = torch.linspace(0.3, 1.0, out.log_probs.numel(), dtype=torch.float64).view(out.log_probs.shape)
    loss = (weights * out.log_probs).sum() + 0.3 * (weights.flip(1) * out.entropy).sum()
    return out.log_probs.detach(), out.entropy.detach(), gradients(model, loss)


def equal(shared: Any, apart: Any, within: float) -> None:
    """Both outcomes are the same within a share of their size (norms are in single precision in every model)."""
    for one, other in zip(shared[:2], apart[:2], strict=True):
        torch.testing.assert_close(one, other, atol=within, rtol=within)
    assert shared[2].keys() == apart[2].keys()
    whole = float(torch.cat([gradient.flatten() for gradient in apart[2].values()]).norm())
    for name, gradient in apart[2].items():
        size = max(float(gradient.norm()), 0.01 * whole, 0.01)
        assert float((shared[2][name] - gradient).norm()) <= within * size, name


# By hand -------------------------------------------------------------------------------------------------------------

# Rows in order, each before those that it begins with, and what each has in common with the one before it:
#   3: 9 8      -    adds 9 8
#   1: 5 6 8    0    adds 5 6 8
#   0: 5 6 7 4  2    leaves after two tokens, so begins at the second: 6 7 4
#   2: 5 6      2    is the beginning of the row before it: adds nothing
#   4: 5 6      2    the same once more
ROWS = [[5, 6, 7, 4], [5, 6, 8], [5, 6], [9, 8], [5, 6]]


def test_the_trie_of_five_rows_by_hand() -> None:
    ids, lengths = padded(ROWS)
    trie = shared_prefixes(ids, lengths)
    assert lexicographic(ids.numpy(), lengths.numpy()).tolist() == [3, 1, 0, 2, 4]
    assert ids.flatten()[trie.nodes].tolist() == [9, 8, 5, 6, 8, 6, 7, 4]
    assert trie.positions.tolist() == [0, 1, 0, 1, 2, 1, 2, 3]
    assert trie.columns.tolist() == [[2, 5, 6, 7], [2, 3, 4, 0], [2, 5, 0, 0], [0, 1, 0, 0], [2, 5, 0, 0]]
    assert trie.pieces == (
        Piece(0, 2, 0, ((0, 2),)),
        Piece(2, 5, 0, ((2, 5),)),
        Piece(5, 8, 1, ((2, 3), (5, 8))),
    )
    assert trie.tokens == 13
    assert trie.saved == pytest.approx(5 / 13)
    # Each node sees its ancestors and itself: 9; 9 8; 5; 5 6; 5 6 8; 5 and the second 6; 5 6 7; 5 6 7 4.
    sees = [[0], [0, 1], [2], [2, 3], [2, 3, 4], [2, 5], [2, 5, 6], [2, 5, 6, 7]]
    mask = dense_mask(trie, torch.float32)
    assert mask.shape == (1, 1, 8, 8)
    assert [row.nonzero()[:, 0].tolist() for row in (mask[0, 0] == 0)] == sees
    assert set(mask.unique().tolist()) == {0.0, torch.finfo(torch.float32).min}


@pytest.mark.parametrize("rows", [[[3]], [[3], [3]], [[3], [4]], [[3, 4]] * 3, [[1, 2], [1], [1, 2, 3]]])
def test_the_smallest_tries(rows: list[list[int]]) -> None:
    ids, lengths = padded(rows)
    trie = shared_prefixes(ids, lengths)
    for row, columns in zip(rows, trie.columns.tolist(), strict=True):
        assert [int(ids.flatten()[trie.nodes[node]]) for node in columns[: len(row)]] == row
    assert len(trie.nodes) == len({tuple(row[: at + 1]) for row in rows for at in range(len(row))})


def test_attention_to_ancestors_by_hand() -> None:
    """Keys of 0: every node sees the mean of its ancestors' values and its own, which are their indexes."""
    trie = shared_prefixes(*padded(ROWS))
    zeros = torch.zeros(1, 1, 8, 4)
    values = torch.arange(8.0)[None, None, :, None].expand(1, 1, 8, 4)
    mask = TrieMask.of(trie)
    expected = [0, 1 / 2, 2, 5 / 2, 9 / 3, 7 / 2, 13 / 3, 20 / 4]
    for out in (
        torch.nn.functional.scaled_dot_product_attention(zeros, zeros, values, attn_mask=mask),
        attend(zeros, zeros, values, mask.pieces, mask.bias),
        attend(zeros, zeros, values, mask.pieces, lambda query, before, length: on_a_gpu(length - before, length)),
    ):
        assert out[0, 0, :, 0].tolist() == pytest.approx(expected)


# Equal to rows apart -------------------------------------------------------------------------------------------------

tokens = st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=5)


@st.composite
def tries(draw: Any) -> tuple[list[list[int]], list[int]]:
    """Rows that fork off each other, are the same or begin another; where each is scored from."""
    rows = [draw(tokens) + draw(tokens)]
    for _ in range(draw(st.integers(1, 6))):
        parent = draw(st.sampled_from(rows))
        cut = draw(st.integers(0, len(parent)))
        rows.append((parent[:cut] + draw(st.one_of(st.just([]), tokens))) or [draw(st.integers(0, VOCABULARY - 1))])
    return rows, [draw(st.integers(1, len(row))) for row in rows]


@pytest.fixture(scope="module", params=SHAPES)
def model(request: Any) -> Any:
    return tiny(request.param)


@settings(max_examples=40, deadline=None)
@given(made=tries(), order=st.randoms(use_true_random=False))
def test_shared_rows_have_the_figures_of_rows_apart(model: Any, made: Any, order: Any) -> None:
    rows, prompts = made
    places = list(range(len(rows)))
    order.shuffle(places)
    ids, lengths = padded([rows[at] for at in places])
    labels = labels_of(ids, lengths, [prompts[at] for at in places])
    if ids.shape[1] < 2 or shared_prefixes(ids, lengths).saved <= 0:
        return
    shared = outcome(model, PrefixSharing("on"), ids, lengths, labels)
    apart = outcome(model, PrefixSharing("off"), ids, lengths, labels)
    equal(shared, apart, 5e-6)


def forked(rng: np.random.Generator, longest: int = 24) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Six rows that leave the first one late; a half of them is scored."""
    first = rng.integers(VOCABULARY, size=longest).tolist()
    cuts = [longest, 18, 20, 20, 22, longest]
    rows = [first[:cut] + rng.integers(VOCABULARY, size=longest - cut).tolist() for cut in cuts]
    rows[3] = rows[3][:-2]
    ids, lengths = padded(rows)
    return ids, lengths, labels_of(ids, lengths, [12, 12, 11, 12, 10, 12])


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_in_single_precision_gradients_are_within_a_hundred_thousandth(
    kind: str, attention: str, rng: np.random.Generator
) -> None:
    model = tiny(kind, attention).float()
    ids, lengths, labels = forked(rng)
    shared = outcome(model, PrefixSharing("on"), ids, lengths, labels)
    apart = outcome(model, PrefixSharing("off"), ids, lengths, labels)
    equal(shared, apart, 1e-5)


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")
def test_adapters_and_recomputed_activations_change_nothing(rng: np.random.Generator) -> None:
    from peft import LoraConfig, get_peft_model

    base = tiny("qwen3")
    base.activation_checkpointing_enable()
    base.enable_input_require_grads()
    model = get_peft_model(base, LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False)).double().train()
    ids, lengths, labels = forked(rng)
    shared = outcome(model, PrefixSharing("on"), ids, lengths, labels)
    apart = outcome(model, PrefixSharing("off"), ids, lengths, labels)
    assert all("lora" in name for name in apart[2])
    equal(shared, apart, 5e-6)


class Squares(TorchDispatchMode):
    """Counts tensors that hold a number for each pair of `count` nodes, in their last two dimensions."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count, self.found = count, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for one in out if isinstance(out, tuple | list) else (out,):
            if torch.is_tensor(one) and one.shape[-2:] == (self.count, self.count):
                self.found += one.untyped_storage().nbytes() >= self.count**2
        return out


@pytest.mark.parametrize(("attention", "held"), [("sdpa", False), ("eager", True)])
def test_no_mask_of_all_nodes_by_all_nodes_is_held(attention: str, held: bool, rng: np.random.Generator) -> None:
    model = tiny("llama", attention).float()
    ids, lengths, labels = forked(rng)
    sharing = PrefixSharing("on")
    trie = sharing.trie(model, ids, lengths)
    assert trie is not None
    with Squares(len(trie.nodes)) as squares:
        sharing.scores(model, trie, ids, labels).log_probs.sum().backward()
    assert (squares.found > 0) == held


# Who shares, and when ------------------------------------------------------------------------------------------------


def test_rows_share_where_it_saves_a_tenth() -> None:
    model = tiny("llama")
    rows = [list(range(10)), [0, 1, 2, 10, 9, 8, 7, 6, 5, 4]]  # 3 in common, of which 2 are shared: 18 of 20
    for common, auto in ((3, True), (2, False)):
        ids, lengths = padded(
            [rows[0], rows[0][:common] + rows[1][common:] if common == 3 else [0, 1, *rows[1][3:], 3]]
        )
        assert len(shared_prefixes(ids, lengths).nodes) == 21 - common
        assert (PrefixSharing("auto").trie(model, ids, lengths) is not None) == auto
        assert PrefixSharing("on").trie(model, ids, lengths) is not None
        assert PrefixSharing("off").trie(model, ids, lengths) is None
    # The first token alone is no prefix: a fork costs a token.
    ids, lengths = padded([[0, 1, 2, 3], [0, 4, 5]])
    assert PrefixSharing("on").trie(model, ids, lengths) is None


FALCON = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
REFUSED = {
    "mamba": ("mamba", {"hidden_size": 16, "num_hidden_layers": 1}, "layers of the kind linear_attention"),
    "qwen3_next": (
        "qwen3_next",
        {**ROPE, "num_experts": 2, "num_experts_per_tok": 1},
        "layers of the kind linear_attention",
    ),
    "falcon with alibi": ("falcon", {**FALCON, "alibi": True}, "positions are those in the sequence"),
    "mpt": ("mpt", {"d_model": 16, "n_heads": 2, "n_layers": 1}, "positions are those in the sequence"),
}


@pytest.mark.parametrize(("kind", "given", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_models_that_cannot_share_are_apart_and_say_why(
    kind: str, given: dict[str, Any], reason: str, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny(kind, "eager", **given).float()
    ids, lengths, _ = forked(rng)
    sharing = PrefixSharing()
    for _ in range(2):
        assert sharing.trie(model, ids, lengths) is None
    said = capsys.readouterr().err
    assert said.count("Prefixes are not shared in the loss: ") == 1
    assert reason in said
    assert reason in str(sharing.why_not)


def test_an_attention_that_takes_no_mask_is_apart(rng: np.random.Generator) -> None:
    model = tiny("qwen3")
    model.config._attn_implementation = "flash_attention_2"
    sharing = PrefixSharing("on")
    assert sharing.trie(model, *forked(rng)[:2]) is None
    assert "flash_attention_2" in str(sharing.why_not)


def test_a_model_that_scores_otherwise_is_found_by_trying(rng: np.random.Generator) -> None:
    """One whose layers do not look at the mask that they are given; one that raises."""
    deaf, raises = tiny("llama"), tiny("llama")
    plain = deaf.model.forward
    deaf.model.forward = lambda *args, attention_mask=None, **kwargs: plain(*args, **kwargs)
    raises.model.forward = lambda *args, position_ids, **kwargs: 1 / 0
    for model, reason in ((deaf, "differ by"), (raises, "ZeroDivisionError")):
        sharing = PrefixSharing("on")
        assert sharing.trie(model, *forked(rng)[:2]) is None
        assert reason in str(sharing.why_not)


def test_rows_beyond_a_window_are_apart(rng: np.random.Generator) -> None:
    model = tiny("mistral", "sdpa", **{**ROPE, "sliding_window": 12})
    sharing = PrefixSharing("on")
    short, long = (forked(rng, longest)[:2] for longest in (24, 24))
    assert sharing.trie(model, short[0][:, :12], short[1].clamp(max=12)) is not None
    assert sharing.trie(model, *long) is None
    assert "sliding_window=12" in str(sharing.why_not)


def test_rows_that_begin_alike_come_into_one_micro_batch() -> None:
    """Two groups of two rows, mixed, and two rows without advantages, which come last."""
    model = tiny("llama")
    one, other = list(range(1, 9)), list(range(8, 0, -1))
    rows = [(one, 1.0), (other, 1.0), (one[:-1], 0.0), ([*one[:-1], 9, 9], 1.0), (other[:-1], -1.0), (other, 0.0)]

    def batch(chosen: list[tuple[list[int], float]]) -> dict[str, Any]:
        ids, lengths = padded([row for row, _ in chosen], fill=0)
        ids = torch.nn.functional.pad(ids, (0, 9 - ids.shape[1]))
        return {
            "prompt_ids": torch.cat([torch.zeros(len(ids), 1, dtype=torch.long), ids[:, :2]], dim=1),
            "prompt_mask": torch.tensor([[0, 1, 1]] * len(ids)),
            "completion_ids": ids[:, 2:],
            "completion_mask": (torch.arange(2, 9) < lengths[:, None]).long(),
            "advantages": torch.tensor([[value] * 7 for _, value in chosen]),
            "num_items_in_batch": torch.tensor(3),
        }

    batches = [batch(rows[:2]), batch(rows[2:4]), batch(rows[4:])]
    made = PrefixSharing("auto").in_order(model, batches, batches)
    # Falling by tokens: 8 7 6 ... before its beginning; then 1 2 3 ... 9 9 before 1 2 3 ... 8.
    assert [each["prompt_ids"][:, 1].tolist() for each in made] == [[8, 8], [1, 1], [8, 1]]
    assert [each["completion_mask"].sum(1).tolist() for each in made] == [[6, 5], [7, 6], [6, 5]]
    assert [each["advantages"][:, 0].tolist() for each in made] == [[1.0, -1.0], [1.0, 1.0], [0.0, 0.0]]
    assert all(each["num_items_in_batch"] == 3 for each in made)
    assert PrefixSharing("off").in_order(model, batches, batches) is batches


def test_an_order_without_gain_is_not_taken() -> None:
    model = tiny("llama")
    ids = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8], [9, 8, 7, 6], [4, 3, 2, 1]])
    whole = {"prompt_ids": ids[:, :2], "completion_ids": ids[:, 2:], "advantages": torch.ones(4)}
    whole |= {"prompt_mask": torch.ones(4, 2), "completion_mask": torch.ones(4, 2)}
    batches = [{name: value[at : at + 2] for name, value in whole.items()} for at in (0, 2)]
    assert PrefixSharing("on").in_order(model, batches, batches) is batches

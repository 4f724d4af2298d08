"""Each search on trees whose right answer a hand works out: what it asks for, in which order, and what it chooses.

A tree says which turns the policy draws in each state, one after another. A turn that ends in `.` is an answer, in `!`
gives up, in `~` is cut by a limit.
"""

import math
from collections import Counter
from collections.abc import Sequence

import pytest

from toolgym.agents.policies.policy import Completion
from toolgym.agents.search import Node, SearchOptions, parse_search
from toolgym.agents.search.astar import AStar, likeness, position
from toolgym.agents.search.mcts import uct
from toolgym.agents.search.scoring import consistency, logprob, verified
from toolgym.agents.search.tree import Ask, PlayedTurn, turn_key
from toolgym.messages import ToolCall, Turn
from toolgym.trajectory import Step, ToolResult, Trajectory

Tree = dict[str, str]
"""State (its turns, joined by spaces) -> what is drawn there, separated by spaces."""


class Sampler:
    """Answers what a search asks for, and notes it: `a b x2` two turns after a and b, `a ...` a whole episode."""

    def __init__(self, tree: Tree, logps: dict[str, float] | None = None):
        self.left = {state: drawn.split() for state, drawn in tree.items()}
        self.logps = logps or {}
        self.asked: list[str] = []
        self.notes: list[str] = []

    def run(self, options: SearchOptions, score=lambda nodes: [0.0] * len(nodes)) -> str:
        search = options.search(Node(), score)
        made = None
        while True:
            try:
                asks = next(search) if made is None else search.send(made)
            except StopIteration as end:
                return name_of(end.value)
            made = [self.answer(ask) for ask in asks]

    def answer(self, ask: Ask) -> list[Node]:
        state = name_of(ask.node)
        self.asked.append(f"{state} ...".strip() if ask.whole else f"{state} x{ask.count}".strip())
        self.notes.append(ask.note)
        made = [self.draw(ask.node, whole=ask.whole) for _ in range(ask.count)]
        votes = Counter(node.key for node in made)
        for node in made:
            node.share = votes[node.key] / len(made)
        ask.node.children += made
        return made

    def draw(self, node: Node, *, whole: bool) -> Node:
        state, names = name_of(node), []
        while not names or (whole and names[-1][-1] not in ".!~"):
            names.append(self.left[" ".join([state, *names]).strip()].pop(0))
        turns = [PlayedTurn(Completion(name, [1], [self.logps.get(name, 0.0)]), "ok") for name in names]
        last = names[-1]
        made = Node(node, turns, key=last.encode(), over=last[-1] in ".!~", gave_up=last[-1] == "!")
        made.outcome = {"~": "truncated", ".": "unsolved"}.get(last[-1])
        return made


def name_of(node: Node) -> str:
    return " ".join(turn.completion.text for turn in node.turns)


def by_name(values: dict[str, float]):
    """A scorer that knows the value of each last turn."""
    return lambda nodes: [values[name_of(node).split()[-1]] for node in nodes]


# Whole episodes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drawn", "chosen"),
    [
        ("x. y. y. z. y. x.", "y."),  # 3 votes of 6
        ("x. y. y. x. z. z.", "x."),  # 2 each: the first that was seen
        ("x~ x~ x~ y. z. z.", "z."),  # what a limit ended does not vote beside answers
        ("x~ y~ y~ x~ x~ y~", "x~"),  # unless there is nothing else
    ],
)
def test_majority_counts_endings(drawn, chosen):
    sampler = Sampler({"": drawn})
    assert sampler.run(parse_search("majority:n=6")) == chosen
    assert sampler.asked == ["..."]


def test_best_of_takes_the_first_of_the_best():
    values = by_name({"x.": 0.2, "y.": 0.7, "z.": 0.7})
    assert Sampler({"": "x. y. z."}).run(parse_search("best_of:n=3"), values) == "y."


# Beam ----------------------------------------------------------------------------------------------------------------


def test_beam_keeps_the_best_states_of_each_depth():
    # Depth 1: a 0.5 and b 0.9 (b drawn twice is one). Depth 2: after b an end of 0.6 and c of 0.3, after a twice e of
    # 0.7: e and the end survive, c does not. Depth 3: f. and g. are 0.65 both, and the end of 0.6 goes: f. is first.
    values = by_name({"a": 0.5, "b": 0.9, "c": 0.3, "d.": 0.6, "e": 0.7, "f.": 0.65, "g.": 0.65})
    sampler = Sampler({"": "b b a", "b": "c d. c", "a": "e e e", "a e": "f. g. f."})
    assert sampler.run(parse_search("beam:width=2,branch=3"), values) == "a e f."
    assert sampler.asked == ["x3", "b x3", "a x3", "a e x3"]


def test_beam_prefers_an_answer_to_a_way_that_a_limit_ended():
    values = by_name({"a~": 0.9, "b.": 0.1})
    assert Sampler({"": "a~ b."}).run(parse_search("beam:width=2,branch=2"), values) == "b."


# DFSDT ---------------------------------------------------------------------------------------------------------------


def test_dfsdt_goes_two_levels_back_after_giving_up():
    # a b is given up at its first turn: with a b its state is left, so that neither b nor a is tried once more there:
    # two levels above the turn that gave up is a, whose second turn c is next.
    sampler = Sampler({"": "a z.", "a": "b c", "a b": "up! never.", "a c": "x."})
    assert sampler.run(parse_search("dfsdt:width=2")) == "a c x."
    assert sampler.asked == ["x1", "a x1", "a b x1", "a x1", "a c x1"]
    # Only where something was tried before is the policy told of it.
    told = ["first time" in note for note in sampler.notes]
    assert told == [False, False, False, True, False]
    assert "1. b\n   It gave: ok" in sampler.notes[3]
    assert all("give_up" in note for note in sampler.notes)


def test_dfsdt_goes_one_level_back_at_the_depth_limit():
    # Depth 2: a a and a b are as deep as it may be; then b, and under it an answer.
    sampler = Sampler({"": "a b", "a": "a b", "b": "x."})
    assert sampler.run(parse_search("dfsdt:width=2,depth=2")) == "b x."
    assert sampler.asked == ["x1", "a x1", "a x1", "x1", "b x1"]


def test_dfsdt_asks_for_no_more_than_its_queries():
    # The third query ends it: a, a b, a b c. Nothing was answered; the longest way is what is played.
    sampler = Sampler({"": "a b", "a": "b c", "a b": "c d", "a b c": "e f"})
    assert sampler.run(parse_search("dfsdt:queries=3,prompts=false")) == "a b c"
    assert sampler.asked == ["x1", "a x1", "a b x1"]
    assert sampler.notes == ["", "", ""]


def test_dfsdt_ends_where_all_was_tried():
    sampler = Sampler({"": "a~ b~"})
    assert sampler.run(parse_search("dfsdt:width=2")) == "a~"
    assert sampler.asked == ["x1", "x1"]


# A* ------------------------------------------------------------------------------------------------------------------


def test_astar_follows_the_cheapest_way():
    # Costs are 1 - share, the guess is 1 before an answer. a: 3 of 4, 0.25 + 1 = 1.25. b: 0.75 + 1 = 1.75. After a
    # four different turns: 0.25 + 0.75 + 1 = 2 each, so b is next. After it all say x.: 0.75 + 0, the cheapest.
    sampler = Sampler({"": "a a b a", "a": "c d e f", "b": "x. x. x. x."})
    assert sampler.run(parse_search("astar")) == "b x."
    assert sampler.asked == ["x4", "a x4", "b x4"]


def test_astar_takes_the_first_of_equals_and_keeps_to_its_bounds():
    # a and b are 0.5 + 1 both. A frontier of 1 forgets b, and then d: c and d are 0.5 + 0.5 + 1. Of 5 queries one is
    # left for c, whose only sample is an answer, sure of itself.
    tree = {"": "a b", "a": "c d", "b": "e", "a c": "x."}
    narrow, wide = Sampler(tree), Sampler(tree)
    assert narrow.run(parse_search("astar:branch=2,queries=5,frontier=1")) == "a c x."
    assert narrow.asked == ["x2", "a x2", "a c x1"]
    # A frontier of 2 keeps b, which is cheaper than c: it gets the last query, and e is the cheapest way that waits.
    assert wide.run(parse_search("astar:branch=2,queries=5,frontier=2")) == "b e"
    assert wide.asked == ["x2", "a x2", "b x1"]


def test_astars_memory_by_hand():
    plans = [("look", "hand", "tell"), ("look", "pay", "look", "tell")]
    # Common to (look, hand) and the first: 2, of min(2, 3) = 2. To (pay, hand): 1 of 2 with either.
    assert likeness(("look", "hand"), plans) == 1.0
    assert likeness(("pay", "hand"), plans) == 0.5
    assert likeness((), plans) == likeness(("look",), []) == 0.0
    # look is 1st of 3 in one and 3rd of 4, at its last place, in the other: (1/3 + 3/4) / 2.
    assert position(("pay", "look"), plans) == pytest.approx((1 / 3 + 3 / 4) / 2)
    assert position(("fly",), plans) == 0.0
    called = [Step(Turn(calls=(ToolCall(name, {}),)), (ToolResult("ok"),)) for name in ("pay", "hand")]
    node = Node(Node(), [], trajectory=Trajectory("env", "task", steps=called), share=0.25)
    options = AStar()
    # (1 - 0.5)^0.5 * (1 - 0.25)^0.5, and hand stands 2nd of 3: (1 - 2/3)^0.5.
    assert options.cost(node, plans) == pytest.approx(math.sqrt(0.5 * 0.75))
    assert options.guess(node, plans) == pytest.approx(math.sqrt(1 / 3))
    # Without a memory only the samples count.
    assert (options.cost(node, []), options.guess(node, [])) == (0.75, 1.0)


# MCTS ----------------------------------------------------------------------------------------------------------------


def test_ucts_numbers():
    node = Node(visits=4, total=2.0)
    # 0.8 + 1 * 0.5 * sqrt(4) / (1 + 1), and of a child without visits the parent's mean: 0.5 + 0.25 * 2 / 1.
    assert uct(node, Node(visits=1, total=0.8, prior=0.5), 1.0) == pytest.approx(1.3)
    assert uct(node, Node(prior=0.25), 1.0) == pytest.approx(1.0)
    assert uct(node, Node(prior=0.25), 0.0) == pytest.approx(0.5)


def test_mcts_simulates_where_the_bound_is_highest():
    # Priors 0.6 and 0.4. 1: a is likelier; its end is worth 0.2. 2: a has 0.2 + 0.6 * 1 / 2 = 0.5, b the root's mean
    # 0.2 + 0.4 * 1 / 1 = 0.6: b, where both turns are the answer x. of 0.9. 3: a 0.2 + 0.6 * sqrt(2) / 2 = 0.62, b
    # 0.9 + 0.4 * sqrt(2) / 2 = 1.18: b again, and x. without asking for anything. b was simulated most often.
    logps = {"a": math.log(0.6), "b": math.log(0.4), "x.": math.log(0.5)}
    sampler = Sampler({"": "a b", "a": "y.", "b": "x. x."}, logps)
    seen: list[Node] = []

    def score(nodes: Sequence[Node]) -> list[float]:
        seen.extend(nodes)
        return by_name({"y.": 0.2, "x.": 0.9})(nodes)

    assert sampler.run(parse_search("mcts:simulations=3,branch=2"), score) == "b x."
    assert sampler.asked == ["x2", "a ...", "b x2"]
    root = seen[0].path[0]
    figures = {name_of(node): (node.visits, round(node.total, 9)) for node in root.walk() if node.visits}
    assert figures == {"": (3, 2.0), "a": (1, 0.2), "a y.": (1, 0.2), "b": (2, 1.8), "b x.": (2, 1.8)}
    assert [node.prior for node in root.children] == pytest.approx([0.6, 0.4])


# Scorers -------------------------------------------------------------------------------------------------------------


def test_scorers_by_hand():
    root = Node()
    first = Node(root, [PlayedTurn(Completion("a", [1, 2], [math.log(0.5), 0.0]))], share=0.5)
    ends = [Node(first, [PlayedTurn(Completion("b", [3], [math.log(0.25)]))], share=1.0, over=True, outcome="solved")]
    ends.append(Node(root, over=True, outcome="unsolved"))
    # (0.5 * 1 * 0.25)^(1/3) = 0.5; shares 0.5 and 1.
    assert logprob([ends[0], root]) == pytest.approx([0.5, 0.0])
    assert consistency([ends[0], root]) == [0.75, 0.0]
    assert verified([*ends, first]) == [1.0, 0.0, 0.5]


def test_turns_are_alike_that_do_the_same():
    call = (ToolCall("pay", {"sum": 5, "to": "ann"}),)
    assert turn_key(Turn(plan="a", calls=call)) == turn_key(Turn(calls=(ToolCall("pay", {"to": "ann", "sum": 5}),)))
    assert turn_key(Turn(calls=call)) != turn_key(Turn(calls=(ToolCall("pay", {"sum": 6, "to": "ann"}),)))
    said = [turn_key(Turn(response=text)) for text in ("It costs $50.00.", "The price: 50", "It costs $51.", "No.")]
    assert said[0] == said[1]
    assert len(set(said)) == 3

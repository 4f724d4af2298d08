"""The pages in a real browser: each of them, each filter, the keyboard, hostile text, a phone, the dark."""

import json

import pytest

from benchmarks.view_load import HEADER, lines_of, write, write_many
from toolgym.agents.evaluation import EvalOptions, evaluate
from toolgym.agents.policies import OraclePolicy
from toolgym.agents.policies.scripted import RandomPolicy

COUNT = 120

pytestmark = pytest.mark.slow


@pytest.fixture
def runs(tmp_path):
    """Made-up episodes, two training runs with curves, and one of them with episodes and tokens."""
    folder = tmp_path / "runs"
    write_many(write(folder / "many.jsonl", []), COUNT)
    for name, slope in (("one", 0.1), ("two", 0.05)):
        metrics = [{"step": step, "loss": 1 / step, "solved": slope * step} for step in range(1, 9)]
        write(folder / name / "metrics.jsonl", metrics)
        line = {"step": 8, "pass@1": 0.5 + slope, "intervals": {"pass@1": [0.4, 0.8]}}
        write(folder / name / "evaluations.jsonl", [line])
    write(folder / "one" / "episodes.jsonl", [HEADER, *lines_of(0, meta={"step": 1})])
    tokens = {"texts": ["<plan>", "Look", "\n", "\u202e", "<b>", "end"], "ids": [1, 2, 3, 4, 5, 6]}
    tokens |= {"mask": [1, 1, 1, 0, 0, 1], "logprobs": [-0.1, -3, -7, 0, 0, -0.5], "spans": [[0, 3], [5, 6]]}
    tokens |= {"types": ["tag", "plan", "plan", "env", "env", "resp"], "advantages": [1, 1, 0.5, 0, 0, -1]}
    write(folder / "one" / "tokens.jsonl", [{"step": 1, "episode": 0, **tokens}])
    return folder


def id_of(viewer, name):
    return next(id for id, source in viewer.library.sources.items() if source.name.endswith(name))


@pytest.fixture
def many(runs, open_viewer, tab):
    """The page of the made-up episodes."""
    viewer = open_viewer(runs)
    one = tab(viewer.address)
    one.go(f"#/run/{id_of(viewer, 'many.jsonl')}")
    one.wait("document.querySelectorAll('.episodes tbody tr').length")
    return one


def numbers(tab):
    return [int(text) for text in tab.texts(".episodes tbody tr td:first-child")]


def found(tab, count):
    tab.wait(f"document.querySelector('.list-head p').textContent.startsWith('{count} episode')")


def test_the_runs_have_their_figures_and_the_address_loses_the_token(runs, open_viewer, tab):
    viewer = open_viewer(runs)
    one = tab(viewer.address)
    one.wait("document.querySelectorAll('.runs tbody tr').length == 3")
    assert viewer.token not in one.page.url
    rows = dict(zip(one.texts(".runs a.to"), one.texts(".runs tbody tr"), strict=True))
    assert set(rows) == {"runs/many.jsonl", "runs/one", "runs/two"}
    for part in ("33.3%", "120", "0.060"):  # 40 of 120 solved
        assert part in rows["runs/many.jsonl"]
    assert "60.0%" in rows["runs/one"]
    assert "40 to 80" in rows["runs/one"]
    one.page.reload()  # the token is kept for this browser
    one.wait("document.querySelectorAll('.runs tbody tr').length == 3")
    one.page.fill("#find-run", "two")
    one.wait("document.querySelectorAll('.runs tbody tr').length == 1")
    one.page.fill("#find-run", "")
    one.page.click("text=Episodes >> nth=0")
    one.wait("document.querySelector('th[aria-sort=descending]')")
    assert one.texts(".runs a.to")[0] == "runs/many.jsonl"


def test_runs_side_by_side(runs, open_viewer, tab):
    viewer = open_viewer(runs)
    one = tab(viewer.address)
    one.wait("document.querySelectorAll('.runs tbody tr').length == 3")
    for name in ("runs/one", "runs/two"):
        one.page.check(f"input[aria-label='Compare {name}']")
    one.page.click("text=Compare 2")
    one.wait("document.querySelectorAll('.chart').length == 3")
    assert one.texts(".chart figcaption") == ["eval/pass@1", "solved", "loss"]
    assert one.page.locator(".chart >> nth=1").locator(".curve").count() == 2
    label = one.page.locator(".chart svg").nth(1).get_attribute("aria-label")
    assert label is not None
    assert "solved over steps 1 to 8" in label
    one.page.hover(".chart >> nth=2")
    one.wait("document.querySelectorAll('.chart-values .swatch').length == 2")
    one.page.click("text=/^Figures/")
    one.page.uncheck("label:text-is('loss') input")
    one.wait("document.querySelectorAll('.chart').length == 2")


def test_runs_paired_by_task(tmp_path, open_viewer, tab):
    for name, right in (("1.jsonl", {0, 1, 2}), ("2.jsonl", {2, 3, 4, 5})):
        records = [record for n in range(6) for record in lines_of(n, solved=n in right)]
        write(tmp_path / name, [HEADER, *records])
    viewer = open_viewer(tmp_path / "1.jsonl", tmp_path / "2.jsonl")
    one = tab(viewer.address)
    one.go(f"#/compare?runs={id_of(viewer, '1.jsonl')},{id_of(viewer, '2.jsonl')}")
    one.wait("document.querySelectorAll('.pairs tbody tr').length == 5")  # 0, 1 and 3, 4, 5
    assert "+16.7 points" in one.texts(".versus")[0]  # 4/6 - 3/6
    one.page.check("input[value=worse]", force=True)
    one.wait("document.querySelectorAll('.pairs tbody tr').length == 2")
    assert [text.split()[0] for text in one.texts(".pairs tbody th")] == ["task-000000", "task-000001"]
    one.page.check("input[value=both]", force=True)
    one.wait("document.querySelectorAll('.pairs tbody tr').length == 1")
    one.page.click(".pairs tbody a >> nth=1")
    one.wait("document.querySelector('h1').textContent.includes('Episode 2')")


@pytest.mark.parametrize(
    ("select", "value", "holds"),
    [
        ("select[name=tool]", "change", lambda n: n % 5 == 0),
        ("select[name=error]", "tool_error", lambda n: n % 35 == 0),
        ("select[name=kind]", "kind1", lambda n: n % 2 == 1),
        ("select[name=depth]", "3", lambda n: n % 4 == 2),
        ("input[value=solved]", None, lambda n: n % 3 == 0),
        ("input[name=min]", "0.11", lambda n: n >= 110),
        ("input[name=max]", "0.005", lambda n: n <= 5),
        ("input[name=text]", "customer USER_77", lambda n: n == 77),
    ],
)
def test_each_filter_leaves_what_it_says(many, select, value, holds):
    expected = [n for n in range(COUNT) if holds(n)]
    if value is None:
        many.page.check(select, force=True)
    elif select.startswith("select"):
        many.page.select_option(select, value)
    else:
        many.page.fill(select, value)
        many.page.press(select, "Tab")
    found(many, len(expected))
    many.wait(f"document.querySelectorAll('.episodes tbody tr').length == {min(50, len(expected))}")
    assert numbers(many) == expected[:50]
    many.page.click("text=Clear")
    found(many, COUNT)


def test_what_is_typed_does_not_undo_another_filter(many):
    many.page.fill("#filter-text", "user_3")  # is looked for a moment later
    many.page.check("input[value=solved]", force=True)
    found(many, 5)  # 3, 30, 33, 36, 39
    many.page.wait_for_timeout(500)
    found(many, 5)
    assert many.page.is_checked("input[value=solved]")


def test_sorting_and_pages(many):
    many.page.click(".episodes th >> text=Reward")
    many.wait("document.querySelector('.episodes tbody td').textContent == '119'")
    assert numbers(many) == list(range(119, 69, -1))
    many.page.click(".list-head button >> nth=1")
    many.wait("document.querySelector('.episodes tbody td').textContent == '69'")
    many.page.click(".episodes th >> text=Reward")
    many.wait("document.querySelector('.episodes tbody td').textContent == '0'")


def test_the_keyboard_reaches_everything(many):
    focused = "document.activeElement.closest('tr')?.querySelector('td').textContent"
    many.key("j", "j", "ArrowDown")
    assert many.page.evaluate(focused) == "2"
    many.key("k")
    assert many.page.evaluate(focused) == "1"
    many.key("/")
    assert many.page.evaluate("document.activeElement.id") == "filter-text"
    many.page.keyboard.type("jk user_3")  # j and k are letters here
    many.key("Escape")
    many.wait("document.querySelector('.list-head p').textContent.startsWith('0 episodes')")
    many.page.fill("#filter-text", "user_3")
    found(many, 11)  # 3, 30 to 39
    many.key("Escape", "j", "j", "Enter")
    many.wait("document.querySelector('h1').textContent.includes('Episode 30')")
    many.wait("!document.querySelector('.episode-head .pager a:last-child').classList.contains('off')")
    many.key("]")
    many.wait("document.querySelector('h1').textContent.includes('Episode 31')")
    many.wait("!document.querySelector('.episode-head .pager a').classList.contains('off')")
    many.key("[")
    many.wait("document.querySelector('h1').textContent.includes('Episode 30')")
    many.key("j", "j")
    assert many.page.evaluate("document.activeElement.getAttribute('aria-label')") == "Step 2"
    many.key("o")
    assert many.page.evaluate("[...document.querySelectorAll('.result.fold')].every(each => each.open)")
    many.key("3")
    many.wait("document.querySelector('.tree')")
    many.key("?")
    many.wait("document.querySelector('dialog').open")
    many.key("Escape")
    many.wait("!document.querySelector('dialog')")
    many.key("Escape")
    found(many, 11)  # back in the list as it was
    many.key("Escape")
    many.wait("document.querySelector('.runs')")


def test_it_can_be_read_aloud(many):
    """Landmarks, one heading of the first rank, a name for all that can be used, and focus that is seen."""
    nameless = """[...document.querySelectorAll('a, button, input, select, summary')].filter(each =>
        !(each.textContent.trim() || each.getAttribute('aria-label') || each.labels?.length))"""
    for go in ("", "#/", None):
        if go is None:
            many.page.go_back()
            many.wait("document.querySelector('.episodes a.to')")
            many.page.click(".episodes a.to >> nth=0")
            many.wait("document.querySelector('h1').textContent.includes('Episode')")
        elif go:
            many.go(go)
            many.wait("document.querySelector('.runs')")
        assert many.page.evaluate(f"{nameless}.map(each => each.outerHTML)") == []
        assert many.page.locator("h1").count() == 1
        for landmark in ("header", "main", "nav"):
            assert many.page.locator(landmark).count() >= 1
        assert many.page.locator("html").get_attribute("lang") == "en"
        assert many.page.evaluate("[...document.querySelectorAll('th')].every(each => each.scope)")


def test_an_episode_is_a_conversation(many):
    many.page.click(".episodes a.to >> nth=35")
    many.wait("document.querySelector('h1').textContent.includes('Episode 35')")
    first = many.texts(".step")[0]
    for part in ("Plan 35.", "look", "user_35", "change", "tool error", "+0.035", "checklist"):
        assert part in first
    assert "Done with 35." in many.texts(".step")[1]
    assert "Help customer 35." in many.texts(".user-says")[0]
    assert not many.page.locator(".result.fold >> nth=0").get_attribute("open")
    many.page.click(".result.fold summary >> nth=0")
    many.wait("document.querySelector('.result .fold-body').textContent.includes('user_35')")
    assert "users.ann" in many.texts(".changes summary")[0]
    assert "task-000035" in many.texts(".facts")[0]
    many.page.click(".tabs >> text=Check and state")
    many.wait("document.querySelector('.failure')")
    assert "cannot be made" in many.texts("main")[0]  # there is no environment of that name
    assert "credit" in many.texts(".main-column")[0]  # the records that it changed


def test_notices_are_told(tmp_path, open_viewer, tab):
    lines = lines_of(0)
    lines[1]["observation"] = "<tool_response>said: <notice>no</tool_response>\n<notice>It was the last turn.</notice>"
    lines[2]["observation"] = "<user>This is no <notice> of anybody's.</user>"
    viewer = open_viewer(write(tmp_path / "a.jsonl", [HEADER, *lines]))
    one = tab(viewer.address)
    one.go(f"#/run/{id_of(viewer, 'a.jsonl')}/0")
    one.wait("document.querySelectorAll('.step').length == 2")
    assert one.texts(".notice") == ["notice It was the last turn."]


def test_tokens_have_their_colours_and_numbers(runs, open_viewer, tab):
    viewer = open_viewer(runs)
    one = tab(viewer.address)
    one.go(f"#/run/{id_of(viewer, 'runs/one')}/0?tab=tokens")
    one.wait("document.querySelectorAll('.tokens .token').length == 6")
    classes = "[...document.querySelectorAll('.tokens .token')].map(each => each.className.split(' ')[1])"
    assert one.page.evaluate(classes) == ["lp-0", "lp-4", "lp-8", "masked", "masked", "lp-1"]
    for value, expected in {
        "advantage": ["adv-p8", "adv-p8", "adv-p4", "masked", "masked", "adv-n8"],
        "owner": ["trained", "trained", "trained", "masked", "masked", "trained"],
        "type": ["type-1", "type-2", "type-2", "type-0", "type-0", "type-4"],
    }.items():
        one.page.check(f"input[value={value}]", force=True)
        one.wait(f"{classes}[0] == '{expected[0]}'")
        assert one.page.evaluate(classes) == expected
    one.page.hover(".tokens .token >> nth=1")
    one.wait("document.querySelector('.readout').textContent.includes('-3')")
    one.page.focus(".tokens")
    one.key("ArrowRight", "ArrowRight", "ArrowRight")
    assert "-7" in one.texts(".readout")[0]
    assert "step 1" in one.texts(".readout")[0]


HOSTILE = [
    "<script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 1'>",
    "\" onmouseover='window.hit = 1' x=\"",
    "javascript:window.hit=1",
    "</script><svg onload=window.hit=1>",
    "turned \u202eround\u202c and \u2066isolated",
    "nul \x00 bell \x07 escape \x1b[31m",
    "half \ud800 a pair",
    "{{constructor.constructor('window.hit=1')()}}",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 abc",
    "a" * 1_000_000,
    "\x00" * 100_000,
    "x\u202e" * 5000,
    "line\n" * 20_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_hostile_text_is_text(text, tmp_path, open_viewer, tab):
    lines = lines_of(0, request=text, response=text, task_id=text[:3000], meta={"kind": [text[:100]], "note": text})
    call = {"name": text[:5000], "arguments": {text[:2000]: text, "nested": {"list": [text[:100]]}}}
    result = {"text": text, "structured": None, "is_error": True, "outcome": "tool_error"}
    lines[1] |= {"results": [result], "user": text, "diff": {text[:100]: {text[:50]: {"a": text}}}}
    lines[1]["turn"] = {**lines[1]["turn"], "plan": text, "calls": [call]}
    lines[1]["rewards"] = {text[:200]: 0.5}
    path = write(tmp_path / "a.jsonl", [HEADER, *lines])
    viewer = open_viewer(path)
    one = tab(viewer.address)
    one.go(f"#/run/{id_of(viewer, 'a.jsonl')}")
    one.wait("document.querySelector('.episodes tbody tr')")
    one.page.click(".episodes a.to")
    one.wait("document.querySelectorAll('.step').length == 2")
    one.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    one.page.wait_for_timeout(200)
    shown = one.page.evaluate("document.querySelector('main').textContent")
    assert one.page.evaluate("window.hit") is None
    assert one.page.locator("main script, main img, main iframe, main [onerror], main [onmouseover]").count() == 0
    assert not any(char in shown for char in "\x00\x07\x1b\u202e\u2066")
    for hidden in "\x00\u202e\ud800":
        if hidden in text:
            assert f"\\u{ord(hidden):04x}" in shown
    if text.isascii() and text.isprintable() and len(text) < 1000:
        assert shown.count(text) >= 6
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 1280
    one.go(f"#/run/{id_of(viewer, 'a.jsonl')}/0?tab=tree")
    one.wait("document.querySelector('.tree')")
    assert one.page.evaluate("window.hit") is None


def test_no_address_but_the_viewers_is_asked(runs, open_viewer, tab):
    viewer = open_viewer(runs)
    one = tab(viewer.address)
    for place in ("#/", f"#/run/{id_of(viewer, 'many.jsonl')}", f"#/run/{id_of(viewer, 'runs/one')}/0?tab=tokens"):
        one.go(place)
        one.page.wait_for_timeout(500)
    assert all(address.startswith(f"http://127.0.0.1:{viewer.port}/") for address in one.requests)


def test_episodes_come_as_they_are_written(tmp_path, open_viewer, tab):
    path = write(tmp_path / "a.jsonl", [HEADER, *lines_of(0)[:2]])
    viewer = open_viewer(tmp_path)
    one = tab(viewer.address)
    one.go(f"#/run/{id_of(viewer, 'a.jsonl')}")
    one.wait("document.querySelector('.episodes .is-unfinished')")
    write(path, lines_of(0)[2:] + lines_of(1), "a")
    one.wait("document.querySelectorAll('.episodes tbody tr').length == 2")
    one.wait("!document.querySelector('.episodes .is-unfinished')")
    one.go("#/")
    one.wait("document.querySelectorAll('.runs tbody tr').length == 1")
    write(tmp_path / "b.jsonl", [HEADER, *lines_of(5)])
    one.wait("document.querySelectorAll('.runs tbody tr').length == 2")


def test_broken_lines_are_said(tmp_path, open_viewer, tab):
    path = write(tmp_path / "a.jsonl", [HEADER, *lines_of(0)[:3]])
    with path.open("a") as file:
        file.write("{<b>broken\n")
    write(path, [*lines_of(0)[3:], *lines_of(1)], "a")
    viewer = open_viewer(tmp_path)
    one = tab(viewer.address)
    one.go(f"#/run/{id_of(viewer, 'a.jsonl')}")
    one.page.click("text=1 line cannot be read")
    one.wait("document.querySelector('.warn-fold .fold-body').textContent.includes('line 5')")
    one.page.click(".episodes a.to >> nth=0")
    one.wait("document.querySelector('.failure').textContent.includes('line 5')")


@pytest.mark.parametrize("dark", [False, True])
def test_on_a_phone_nothing_is_wider_than_the_screen(dark, runs, open_viewer, tab):
    viewer = open_viewer(runs)
    one = tab(viewer.address, width=375, height=700, dark=dark)
    many, trained = id_of(viewer, "many.jsonl"), id_of(viewer, "runs/one")
    for place, there in {
        "#/": ".runs tbody tr",
        f"#/run/{many}": ".episodes tbody tr",
        f"#/run/{many}/35": ".step",
        f"#/run/{many}/35?tab=tree": ".tree",
        f"#/run/{many}/35?tab=check": ".failure",
        f"#/run/{trained}/0?tab=tokens": ".tokens",
        f"#/compare?runs={trained},{id_of(viewer, 'runs/two')}": ".chart",
    }.items():
        one.go(place)
        one.wait(f"document.querySelector('{there}')")
        assert one.page.evaluate("document.documentElement.scrollWidth") <= 375, place
    back = one.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(20, 23, 28)") is dark


def test_light_and_dark_can_be_chosen(many):
    back = "getComputedStyle(document.body).backgroundColor"
    assert many.page.evaluate(back) == "rgb(255, 255, 255)"
    many.key("t", "t")  # auto, light, dark
    many.wait(f"{back} == 'rgb(20, 23, 28)'")
    many.page.reload()
    many.wait(f"{back} == 'rgb(20, 23, 28)'")
    # Words on their ground: at least 4.5 to 1 (WCAG AA), in both.
    ratio = """() => {
        const light = rgb => rgb.match(/[\\d.]+/g).slice(0, 3).map(Number).map(v => v / 255)
            .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const ground = light(getComputedStyle(document.body).backgroundColor);
        return Math.min(...[...document.querySelectorAll('.outcome, .faint, a, h1, .under, th')].map(each => {
            const ink = light(getComputedStyle(each).color);
            return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
        }));
    }"""
    many.wait("document.querySelector('.episodes tbody tr')")
    assert many.page.evaluate(ratio) >= 4.5
    many.key("t", "t")
    assert many.page.evaluate(ratio) >= 4.5


@pytest.fixture
def played(tmp_path):
    """Real episodes: one that is solved, one of random calls, of the same task."""
    options = {"env_id": "ToolGym/Library-v0", "split": "test", "episodes": 3, "env_options": {"size": "small"}}
    for name, policy in (("oracle", OraclePolicy()), ("random", RandomPolicy(0))):
        evaluate(policy, EvalOptions(**options, output=tmp_path / f"{name}.jsonl"), agent=name)
    return tmp_path


def test_the_environment_tells_the_checklist_the_state_and_credit(played, open_viewer, tab):
    viewer = open_viewer(played)
    solved, other = id_of(viewer, "oracle.jsonl"), id_of(viewer, "random.jsonl")
    one = tab(viewer.address)
    one.go(f"#/run/{solved}/0?tab=check")
    one.wait("document.querySelector('.checklist')")
    assert one.page.locator(".checklist .is-solved").count() == one.page.locator(".checklist tbody tr").count()
    one.page.click("#gold >> xpath=../.. >> summary")
    one.wait("document.querySelector('.gold li')")
    one.go(f"#/run/{other}/0?tab=check")
    one.wait("document.querySelector('.reasons li')")
    one.wait("document.querySelector('.checklist .is-unsolved')")
    one.go(f"#/run/{solved}/0")
    one.page.click("text=Credit: would it")
    one.page.click("text=Replay")
    one.wait("document.querySelectorAll('.step .credit').length == document.querySelectorAll('.step').length")
    assert "exact" in one.texts(".credit-bar")[0]
    one.page.select_option(".credit-bar select >> nth=1", "shapley")
    shares = "[...document.querySelectorAll('.step .credit strong')].map(each => Number(each.textContent))"
    one.wait(f"Math.abs({shares}.reduce((sum, each) => sum + each, 0) - 1) < 0.01")  # solved against nothing done


def test_a_big_number_and_a_deep_value_are_shown(tmp_path, open_viewer, tab):
    deep: object = 1
    for _ in range(200):
        deep = [deep]
    call = {"name": "deep", "arguments": {"number": 12345678901234567890123, "deep": deep}}
    lines = lines_of(1)
    lines[1]["turn"] = {**lines[1]["turn"], "calls": [call]}
    viewer = open_viewer(write(tmp_path / "a.jsonl", [HEADER, *lines]))
    one = tab(viewer.address)
    one.go(f"#/run/{id_of(viewer, 'a.jsonl')}/0")
    one.wait("document.querySelector('.call .fold')")
    assert "deep" in json.dumps(one.texts(".arguments"))

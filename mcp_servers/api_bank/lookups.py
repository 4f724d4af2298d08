"""Tools that look something up, and those that only answer: music, mail, hotels, the calculator, today."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.api_bank.calculator import value_of
from toolgym.mcp_servers.api_bank.times import DAY, day_of_year, lenient
from toolgym.world import Base, World

_TODAY = "2023-03-31"
_PICTURES = (".jpg", ".jpeg", ".png")
_ADDRESS = re.compile(r"[a-z0-9]+[._]?[a-z0-9]+@\w+\.\w{2,3}\n?")


def get_today(world: World) -> str:
    """Tells today's date."""
    return _TODAY


def calculator(world: World, formula: str) -> float:
    """Works out a formula of whole numbers with + - * / and parentheses."""
    return value_of(formula)


def query_stock(world: World, stock_code: str, date: str) -> Any:
    """Tells the price of a stock on a day."""
    code = stock_code.upper().strip()
    if not code:
        raise ToolError("The stock code cannot be empty.")
    date = lenient(date, DAY)
    if not world.has("Stock", code):
        raise ToolError("The stock code does not exist.")
    prices = world.get("Stock", code)
    if date not in prices:
        raise ToolError("The stock price of this date is not maintained.")
    return prices[date]


def query_history_today(world: World, date: str) -> list[str]:
    """Tells what happened on a day of the year, in any year."""
    day = day_of_year(date)
    if not world.has("History", day):
        raise ToolError("The date is not in the database.")
    told = []
    for event in world.get("History", day):
        title, when, what = (event[part].strip() for part in ("Title", "Date", "Description"))
        told.append(f"Title: {title}, Date: {when}, Description: {what}")
    return told


def wiki(world: World, keyword: str) -> dict[str, Any]:
    """Gives the address and the summary of an encyclopedia's article."""
    keyword = keyword.replace("_", " ").strip().lower()
    if not world.has("Wiki", keyword):
        raise ToolError("Keyword not found.")
    article = world.get("Wiki", keyword)
    return {"url": article["url"], "summary": article["summary"]}


def dictionary(world: World, keyword: str) -> Any:
    """Gives the meanings of a word."""
    word = keyword.replace("_", " ").strip().lower()
    if not world.has("Dictionary", word):
        raise ToolError("Failed.")
    return world.get("Dictionary", word)


def translate(world: World, src: str, src_lang: str | None = None, tgt_lang: str | None = None) -> str:
    """Translates a text that is known."""
    known = world.get("Translation", src)
    if known is None:
        raise ToolError("The translator is not reachable.")
    return known


def document_qa(world: World, url: str, question: str) -> Any:
    """Answers a question about a document."""
    url, question = url.strip(), question.strip()
    if not question:
        raise ToolError("The question is empty.")
    if not world.has("QuestionAnswering", url):
        raise ToolError("The document of this url failed to be processed.")
    answers = world.get("QuestionAnswering", url)
    return answers.get(question, _TOO_HARD) if isinstance(answers, dict) else _TOO_HARD


_TOO_HARD = "The question is too difficult to answer."


def image_caption(world: World, url: str) -> str:
    """Gives a caption for a picture."""
    url = url.strip()
    if not url.endswith(_PICTURES):
        raise ToolError("The url should end with .jpg, .jpeg or .png.")
    if not world.has("ImageCaptioning", url):
        raise ToolError("The image of this url failed to be processed.")
    return world.get("ImageCaptioning", url)


def speech_recognition(world: World, url: str) -> str:
    """Writes down what a recording says."""
    url = url.strip()
    if not url.endswith(".wav"):
        raise ToolError("The url should end with .wav.")
    if not world.has("SpeechRecognition", url):
        raise ToolError("The audio of this url failed to be processed.")
    return world.get("SpeechRecognition", url)


def play_music(world: World, music_name: str) -> str:
    """Plays a piece of music."""
    name = music_name.lower().strip()
    if not name:
        raise ToolError("The music name cannot be empty.")
    return f"music://{name}"


def send_email(world: World, receiver: str, subject: str, content: str) -> str:
    """Sends an e-mail."""
    if not _ADDRESS.fullmatch(receiver.strip()):
        raise ToolError("Email address of the receiver is invalid.")
    if not subject.strip():
        raise ToolError("Subject cannot be empty.")
    if not content.strip():
        raise ToolError("Content cannot be empty.")
    return "success"


def book_hotel(
    world: World,
    hotel_name: str,
    check_in_time: str,
    check_out_time: str,
    room_count: int,
    adult_count: int,
    child_count: int,
) -> str:
    """Books rooms in a hotel and gives the order's number."""
    arrival, departure = datetime.strptime(check_in_time, DAY), datetime.strptime(check_out_time, DAY)
    if adult_count > 2 and room_count == 1:
        raise ToolError("The number of adults is greater than 2. Two rooms are ordered.")
    for _, order in world.items("Hotel"):
        if order["hotel_name"] != hotel_name:
            continue
        taken, free = (datetime.strptime(order[part], DAY) for part in ("check_in_time", "check_out_time"))
        if taken <= arrival < free or taken < departure <= free:
            raise ToolError("The room is not available.")
    number = str(world.count("Hotel") + 1)
    order = {"hotel_name": hotel_name, "check_in_time": check_in_time, "check_out_time": check_out_time}
    counts = {"room_count": room_count, "adult_count": adult_count, "child_count": child_count}
    world.put("Hotel", number, order | counts)
    return number


def search_engine(world: World, keyword: str) -> Any:
    """Gives the two pages that fit a keyword best."""
    words = re.findall(r"\w+|[^\w\s]", keyword.lower().strip())
    index: _Okapi = world.base.index("search_engine", _Okapi.of)
    return [world.get("SearchEngine", key)["page"] for key in index.best(words, 2)]


class _Okapi:
    """Ranks pages by BM25 (k1 = 1.5, b = 0.75); what is in over half of them counts a quarter of a mean word."""

    def __init__(self, texts: Mapping[str, Sequence[str]]):
        self.counts = {key: Counter(words) for key, words in texts.items()}
        self.lengths = {key: len(words) for key, words in texts.items()}
        self.mean_length = sum(self.lengths.values()) / max(1, len(texts))
        pages = Counter(word for counts in self.counts.values() for word in counts)
        weights = {word: math.log(len(texts) - n + 0.5) - math.log(n + 0.5) for word, n in pages.items()}
        mean = sum(weights.values()) / max(1, len(weights))
        self.weights = {word: value if value >= 0 else 0.25 * mean for word, value in weights.items()}

    @classmethod
    def of(cls, base: Base) -> "_Okapi":
        """The index of a world's pages."""
        return cls({key: page["words"] for key, page in base.tables["SearchEngine"].items()})

    def score(self, key: str, words: Sequence[str]) -> float:
        """How well a page fits."""
        counts, norm = self.counts[key], 1.5 * (0.25 + 0.75 * self.lengths[key] / (self.mean_length or 1))
        return sum(self.weights.get(word, 0.0) * counts[word] * 2.5 / (counts[word] + norm) for word in words)

    def best(self, words: Sequence[str], most: int) -> list[str]:
        """The pages that fit best, the first first."""
        return sorted(self.counts, key=lambda key: -self.score(key, words))[:most]


def tool_searcher(world: World, keywords: str) -> Any:
    """Finds the tool that fits keywords best."""
    tools: Mapping[str, Mapping[str, Any]] = world.meta["tools"]
    wanted = _stems(keywords)
    index: dict[str, set[str]] = world.base.index("tool_searcher", lambda base: _tool_words(base.meta["tools"]))

    def fit(name: str) -> float:
        named = len(wanted & _stems(_spaced(name)))
        return len(wanted & index[name]) + named - len(index[name]) / 1000

    best = max(tools, key=fit)
    if "token" in tools[best]["input_parameters"]:
        return [tools["GetUserToken"], tools[best]]
    return tools[best]


def _tool_words(tools: Mapping[str, Mapping[str, Any]]) -> dict[str, set[str]]:
    return {name: _stems(f"{_spaced(name)} {tool['description']}") for name, tool in tools.items()}


def _spaced(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name)


def _stems(text: str) -> set[str]:
    return {re.sub(r"(ing|ion|s)$", "", word) for word in re.findall(r"[a-z]+", text.lower())}

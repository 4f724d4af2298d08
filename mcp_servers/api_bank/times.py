"""Days and times as the API-Bank tools read them."""

from datetime import datetime

DAY, TIME = "%Y-%m-%d", "%Y-%m-%d %H:%M:%S"


def strict(text: str) -> datetime:
    """A time in exactly the form `TIME`.

    Raises:
        ValueError, TypeError: it is something else.
    """
    return datetime.strptime(text, TIME)


def lenient(text: str, form: str) -> str:
    """A day or time in `form`, written in full: spaces around it are dropped, and a year may be short (`22` is 22 AD).

    Raises:
        ValueError, AttributeError: it is something else.
    """
    text = text.strip()
    parts = text.split("-")
    if len(parts) == 3:
        text = "-".join((parts[0].zfill(4), *parts[1:]))
    found = datetime.strptime(text, form)
    return found.date().isoformat() if form == DAY else found.isoformat(" ")


def day_of_year(text: str) -> str:
    """`MM-DD` of a day with a year or without."""
    try:
        return lenient(text, DAY)[5:]
    except ValueError:
        return datetime.strptime(text.strip(), "%m-%d").strftime("%m-%d")

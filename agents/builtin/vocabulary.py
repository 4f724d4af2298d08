"""The built-in tokenizer's vocabulary: fixed lists, and nothing else.

Every entry is boilerplate, a word, a value of a short closed list, or a date. What is drawn from an open generator
(names and ids) or a long list (airports, cities) is spelt in characters: one way of copying then serves all of it. With
a token an airport, the policy confused airports after a million training tokens, and copied ids without fault.
"""

__all__ = ["END", "PAD", "ROLES", "SPECIAL", "vocabulary"]

PAD, END = "<|pad|>", "<|end|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>")
SPECIAL = (PAD, END, *ROLES)

TAGS = tuple(
    f"<{slash}{name}>"
    for name in ("plan", "tool_call", "response", "tool_response", "tool_error", "problem", "user", "notice", "answer")
    for slash in ("", "/")
)

TOOLS = (
    "book_reservation",
    "calculate",
    "cancel_reservation",
    "get_reservation_details",
    "get_user_details",
    "list_all_airports",
    "search_direct_flight",
    "search_onestop_flight",
    "send_certificate",
    "think",
    "transfer_to_human_agents",
    "update_reservation_baggages",
    "update_reservation_flights",
    "update_reservation_passengers",
    "cancel_pending_order",
    "exchange_delivered_order_items",
    "find_user_id_by_email",
    "find_user_id_by_name_zip",
    "get_order_details",
    "get_product_details",
    "list_all_product_types",
    "modify_pending_order_address",
    "modify_pending_order_items",
    "modify_pending_order_payment",
    "modify_user_address",
    "return_delivered_order_items",
)

# Keys by what their values begin with: a string, a number, an array or an object. A policy writes arguments with spaces
# (`"date": "…"`); results come without (`"date":"…"`).
ARGUMENT_STRINGS = """
    cabin date destination dob expression first_name flight_number flight_type insurance last_name order_id
    origin payment_id payment_method_id reason reservation_id summary thought user_id zip
"""
"""Argument keys with string values."""

ARGUMENT_NUMBERS = """
    amount nonfree_baggages total_baggages
"""
"""Argument keys with numbers."""

ARGUMENT_ARRAYS = """
    flights item_ids new_item_ids passengers payment_methods
"""
"""Argument keys with arrays."""

RESULT_STRINGS = """
    actual_arrival_time_est actual_departure_time_est address1 address2 airport airport_code brand city country
    created_at email estimated_arrival_time_est estimated_departure_time_est id iata item_id last_four
    membership name payment_method product_id scheduled_arrival_time_est scheduled_departure_time_est source
    state status transaction_type
"""
"""Keys that only results have, with string values."""

RESULT_NUMBERS = """
    basic_economy business economy price available
"""
"""The same with numbers."""

RESULT_ARRAYS = """
    saved_passengers reservations payment_history fulfillments items orders
"""
"""The same with arrays."""

RESULT_OBJECTS = """
    address available_seats dates name options payment_methods prices variants
"""
"""The same with objects."""

WORDS = """
    about account added addition After after Afterwards afterwards agent airline airport airports Also also amount
    answer arrival arrives arriving baggage bags balance because becomes begins Besides besides billed billing
    birth Book book book_again book_connection book_flight book_seat booked booking born bring broke cabin called
    Cancel cancel cannot card Certificate certificate Change change changed cheaper cheapest checked child claim
    code comes coming compensate compensation compute connection connections correct cost costs could covers crew
    curious date departure destination difference direct does done earliest email ending everybody everyone expect
    expensive fare find first fixed flew flies flight flights flown following forecast found free from gift Given
    given goes goodwill handed have health heavy Hello help here human instead insurance insure insured into
    journey Kindly kindly know latest leaves list longer look mail Make many Mastercard meeting member membership
    mind mine misprint more most move moved much myself name need needs neither Next next nonstop note number ones
    onestop only onto origin ours over paid passenger passengers payment pays plans Please please price profile
    rather reason rebook redeem refunded refuse remove removed rename reschedule reservation reservations route
    search seat seats second send sent settle settled shall Shift should Since since single snow something Sorry
    stay step stop storm Subsequently take talk talking Tell tell than that Then then There there thing This this
    ticket tickets time together total transfer transferred travel trip twice upgrade user Visa want weather What
    what When when Which which While will wish with within without worth would write writing wrong your
"""
"""Words of requests, plans and closed lists, with and without a space before them: four letters or more, so that none
is likely inside a generated name or id."""

SHORT = """
    a am and are at be by can for has in is it me my no not of on one or the to up use you
"""
"""Short words: with both their spaces, for names and ids hold none."""

BEFORE_THE = """
    at for from in is of on to with
"""
"""The same with "the" behind them."""

PHRASES = (
    " id ",
    " I ",
    " I am ",
    ". The ",
    ". I ",
    " last name",
    " first name",
    " ending in ",
    " Visa ending in ",
    " Mastercard ending in ",
    "gift card",
    "one-stop",
)

VALUES = """
    basic_economy economy business gold silver regular one_way round_trip available delayed landed flying cancelled
"""
"""Values of closed lists: one token each, and no form with a space, so that a value is the same token everywhere."""

JSON_PIECES = (
    '{"name": "',
    '", "arguments": {',
    '", "arguments": {}}',
    '"}}',
    "}}",
    "}]",
    '"}]',
    '"]',
    '["',
    "[{",
    "[]",
    "{}",
    '"},{',
    "},{",
    '"}, {',
    "}, {",
    '"],',
    '"], ',
    "}],",
    "}], ",
    '"}],',
    '"}], ',
    '","',
    '", "',
    '":{',
    ":null",
    ":true",
    ":false",
    "null",
    "true",
    "false",
    "USA",
    "visa",
    "mastercard",
    ' St","address2":"","city":"',
    '","country":"USA","state":"',
    '"},"address":{"address1":"',
    '"},"email":"',
    '@example.com","dob":"',
    ':{"source":"credit_card","brand":"visa","last_four":"',
    ':{"source":"credit_card","brand":"mastercard","last_four":"',
    '","id":"credit_card_',
    '","payment_methods":{"credit_card_',
    '"}},"saved_passengers":[],"membership":"',
    '"}},"saved_passengers":[{"first_name":"',
    '{"name":{"first_name":"',
    '"}],"payment_history":[{"payment_id":"credit_card_',
    '"},{"first_name":"',
    '","flight_type":"one_way","cabin":"',
    '","flight_type":"round_trip","cabin":"',
    '","flights":[{"origin":"',
    '}],"passengers":[{"first_name":"',
    '}],"created_at":"',
    '","insurance":"yes"}',
    '","insurance":"no"}',
    ',"insurance":"yes"}',
    ',"insurance":"no"}',
    '","status":"available","available_seats":{"basic_economy":',
    '},"prices":{"basic_economy":',
    "@example.com",
    "credit_card_",
    "gift_card_",
    " gift_card_",
    " certificate_",
    "certificate_",
)

# The public worlds' and our own todays, and our bookings, are in these months: a date of theirs is one token. A time of
# day is three.
DATES = (
    *(f"2026-05-{day:02d}" for day in range(1, 32)),
    *(f"2026-06-{day:02d}" for day in range(1, 31)),
    *(f"2024-05-{day:02d}" for day in range(1, 32)),
    "2026-",
    "2024-",
)
TIMES = tuple(f":{minute:02d}{tail}" for minute in range(60) for tail in ("", ":00"))
DAYS = tuple(f"-{number:02d}" for number in range(1, 32))
"""Month and day of any other date, each one token: a birthday has six."""

ALPHABET = (
    *(chr(code) for code in range(0x20, 0x7F)),
    "\n",
    "\t",
    "é",
    "è",
    "ü",
    "ö",
    "ä",
    "ñ",
    "ç",
    "’",
    "–",
    "—",
    "…",
)


def _key_forms(key: str, opening: str, *, argument: bool) -> list[str]:
    """A key with what stands around it: before it nothing, a comma, a brace or the end of a string; after it a value's
    opening.

    The longest match wins, so a key is one token wherever it stands, and the characters of the value before it are left
    alone.
    """
    forms = [f'{before}"{key}":{opening}' for before in ("", ",", '",', "{")]
    if argument:
        forms += [f'{before}"{key}": {opening}' for before in ("", ", ", '", ')]
    return forms


def vocabulary() -> tuple[list[str], list[str]]:
    """(characters and byte tokens of the base model, multi-character tokens), each in id order."""
    keys = [
        form
        for names, opening, argument in (
            (ARGUMENT_STRINGS, '"', True),
            (ARGUMENT_NUMBERS, "", True),
            (ARGUMENT_ARRAYS, "[", True),
            (RESULT_STRINGS, '"', False),
            (RESULT_NUMBERS, "", False),
            (RESULT_ARRAYS, "[", False),
            (RESULT_OBJECTS, "{", False),
        )
        for key in names.split()
        for form in _key_forms(key, opening, argument=argument)
    ]
    words = [form for word in WORDS.split() for form in (word, f" {word}")]
    words += [*(f" {word} " for word in SHORT.split()), *(f" {word} the " for word in BEFORE_THE.split()), *PHRASES]
    multi = dict.fromkeys([*TAGS, *TOOLS, *keys, *words, *VALUES.split(), *JSON_PIECES, *DATES, *TIMES, *DAYS])
    base = [*dict.fromkeys(ALPHABET), *(f"<0x{byte:02X}>" for byte in range(256))]
    return base, [piece for piece in multi if piece not in base]

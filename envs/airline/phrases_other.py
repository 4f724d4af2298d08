"""Phrasings of requests that need no reservation: see `toolgym.envs.airline.requests`."""

from typing import Final

__all__ = ["OTHER_PHRASES"]

OTHER_PHRASES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "email": (
        (
            "What is my e-mail on file?",
            "Which e-mail do you have for me?",
            "Tell me my e-mail on file.",
            "I need the e-mail on my profile.",
            "My e-mail on file, please?",
            "Can you tell me the e-mail of my account?",
        ),
        ("At what e-mail do you write to me?", "Name the mail address you keep.", "Remind me of my e-mail."),
    ),
    "membership": (
        (
            "What is my membership level?",
            "Which membership do I have?",
            "Tell me my membership level.",
            "I need to know my membership.",
            "My membership level, please?",
            "Can you tell me my membership status?",
        ),
        ("How loyal a customer am I by your books?", "Name the tier I am in.", "Remind me of my status tier."),
    ),
    "dob": (
        (
            "What date of birth do you have for me?",
            "Which date of birth is on my profile?",
            "Tell me my date of birth on file.",
            "I need the date of birth on my profile.",
            "My date of birth on file, please?",
            "Can you tell me the date of birth in my account?",
        ),
        ("When was I born, by your books?", "Name the birthday you keep for me.", "Remind me of the birth date noted."),
    ),
    "zip": (
        (
            "What zip code do you have for me?",
            "Which zip code is on my profile?",
            "Tell me my zip code on file.",
            "I need the zip code on my profile.",
            "My zip code on file, please?",
            "Can you tell me the zip code in my account?",
        ),
        ("To what zip do you send my mail?", "Name the postal code you keep.", "Remind me of my postal code."),
    ),
    "gift_card": (
        (
            "How much is left on {pay}?",
            "What is the balance of {pay}?",
            "Tell me the balance of {pay}.",
            "I need the balance of {pay}.",
            "Balance of {pay}, please?",
            "Can you tell me what is left on {pay}?",
        ),
        ("What money does {pay} still hold?", "Name the remainder on {pay}.", "Remind me of the funds on {pay}."),
    ),
    "reservations": (
        (
            "Which reservation ids do I have?",
            "What are my reservation ids?",
            "Tell me all my reservation ids.",
            "I need my reservation ids.",
            "All my reservation ids, please?",
            "Can you list my reservation ids?",
        ),
        ("Under what codes am I booked?", "Name every booking code of mine.", "Remind me of the codes I booked."),
    ),
    "airport_code": (
        (
            "What is the airport code of {city}?",
            "Which airport code does {city} have?",
            "Tell me the airport code of {city}.",
            "I need the airport code for {city}.",
            "Airport code of {city}, please?",
            "Can you give me the airport code of {city}?",
        ),
        ("By what three letters do you fly to {city}?", "Name the code for {city}.", "How is {city} abbreviated?"),
    ),
    "airport_city": (
        (
            "Which city is airport {code} in?",
            "What city does {code} stand for?",
            "Tell me the city of airport {code}.",
            "I need the city of airport {code}.",
            "City of airport {code}, please?",
            "Can you tell me which city {code} is?",
        ),
        ("Where would I land at {code}?", "Name the town behind {code}.", "What place hides behind {code}?"),
    ),
    "direct": (
        (
            "Which direct flight from {origin} to {destination} on {date} is the {which} in {cabin}?",
            "What is the {which} direct {cabin} flight from {origin} to {destination} on {date}?",
            "Find the {which} direct {cabin} flight from {origin} to {destination} on {date}.",
            "Tell me the {which} direct flight in {cabin} from {origin} to {destination} on {date}.",
            "I look for the {which} direct {cabin} flight from {origin} to {destination} on {date}.",
            "The {which} direct flight from {origin} to {destination} in {cabin} on {date}, please?",
        ),
        (
            "On {date}, how do I get from {origin} to {destination} without a stop, {which}, in {cabin}?",
            "Name the {which} nonstop {cabin} option {origin} to {destination}, {date}.",
            "What would be {which} for a {cabin} seat from {origin} straight to {destination} on {date}?",
        ),
    ),
    "onestop": (
        (
            "Which one-stop connection from {origin} to {destination} on {date} arrives first?",
            "What one-stop flights from {origin} to {destination} on {date} arrive first?",
            "Find the one-stop connection from {origin} to {destination} on {date} that arrives first.",
            "Tell me the one-stop flights from {origin} to {destination} on {date} that arrive first.",
            "I look for the one-stop trip from {origin} to {destination} on {date} that arrives first.",
            "The one-stop connection from {origin} to {destination} on {date} that arrives first, please?",
        ),
        (
            "With a single change, how do I reach {destination} soonest from {origin} on {date}?",
            "Name the quickest arrival {origin} to {destination} with one stop, {date}.",
            "One stop, {origin} to {destination}, {date}: which pair of flights lands first?",
        ),
    ),
    "calculate": (
        (
            "What do {n} tickets at ${price} and {bags} bags at $50 cost together?",
            "How much are {n} tickets at ${price} plus {bags} bags at $50?",
            "Work out {n} tickets at ${price} and {bags} bags at $50.",
            "Please total {n} tickets at ${price} and {bags} bags at $50.",
            "I need the sum of {n} tickets at ${price} and {bags} bags at $50.",
            "Can you add up {n} tickets at ${price} and {bags} bags at $50?",
        ),
        (
            "If {n} tickets are ${price} each and {bags} bags $50 each, what is the bill?",
            "Sum {n} times ${price} for seats and {bags} times $50 for bags.",
            "{n} seats of ${price}, {bags} bags of $50: the total?",
        ),
    ),
    "transfer": (
        (
            "I need help with {matter}.",
            "Please help me with {matter}.",
            "I have a question about {matter}.",
            "Can you arrange {matter}?",
            "It is about {matter}.",
            "I want to talk about {matter}.",
        ),
        ("Who takes care of {matter}?", "My concern is {matter}.", "Somebody must see to {matter}."),
    ),
    "goodwill": (
        (
            "I was given goodwill code {code} for ${amount}. Please send it.",
            "Please send my goodwill certificate of ${amount}, code {code}.",
            "My goodwill code is {code}, amount ${amount}.",
            "Goodwill code {code}: please send the ${amount} certificate.",
            "I want the ${amount} certificate of goodwill code {code}.",
            "Can you send the ${amount} of goodwill code {code}?",
        ),
        (
            "The crew handed me goodwill code {code}, worth ${amount}; redeem it.",
            "Redeem {code}, a goodwill code over ${amount}.",
            "For goodwill code {code} I expect ${amount}.",
        ),
    ),
    "book_quoted": (
        (
            "Book flight {number} from {origin} to {destination} on {date} in {cabin} at ${price} for {passenger}, "
            "born {dob}, no bags, no insurance, with {pay}.",
            "Please book {passenger}, born {dob}, on {number} {origin} to {destination} on {date}, {cabin}, ${price}, "
            "no bags, no insurance, with {pay}.",
            "I want flight {number} {origin} to {destination} on {date}, {cabin}, ${price}, for {passenger}, "
            "born {dob}. No bags, no insurance. Use {pay}.",
            "Can you book {number} from {origin} to {destination} on {date} for {passenger}, born {dob}? {cabin}, "
            "${price}, no bags, no insurance, {pay}.",
            "Reserve {number} {origin} to {destination} on {date} in {cabin} for {passenger}, born {dob}, ${price} "
            "with {pay}, no bags, no insurance.",
            "{passenger}, born {dob}, flies {number} {origin} to {destination} on {date} in {cabin}: book it at "
            "${price} with {pay}, no bags, no insurance.",
        ),
        (
            "Get {passenger}, born {dob}, a {cabin} seat on {number} {origin} to {destination}, {date}, ${price} "
            "billed to {pay}, neither bags nor insurance.",
            "A seat at ${price} on {number} {origin} to {destination} of {date}, {cabin}, for {passenger}, born {dob}; "
            "{pay}; without bags or insurance.",
        ),
    ),
    "book_search": (
        (
            "Book the {which} direct {cabin} flight from {origin} to {destination} on {date} for {passenger}, "
            "born {dob}, no bags, no insurance, with {pay}.",
            "Please book {passenger}, born {dob}, on the {which} direct {cabin} flight from {origin} to {destination} "
            "on {date}, no bags, no insurance, with {pay}.",
            "I want the {which} direct {cabin} flight from {origin} to {destination} on {date} for {passenger}, "
            "born {dob}. No bags, no insurance. Use {pay}.",
            "Can you book the {which} direct flight from {origin} to {destination} on {date} in {cabin} for "
            "{passenger}, born {dob}? No bags, no insurance, {pay}.",
            "Reserve the {which} direct {cabin} flight from {origin} to {destination} on {date}: {passenger}, "
            "born {dob}, no bags, no insurance, {pay}.",
            "{passenger}, born {dob}, flies from {origin} to {destination} on {date}: book the {which} direct {cabin} "
            "flight, no bags, no insurance, with {pay}.",
        ),
        (
            "Get {passenger}, born {dob}, onto the {which} nonstop {cabin} seat {origin} to {destination}, {date}, "
            "billed to {pay}, neither bags nor insurance.",
            "A {cabin} seat {origin} to {destination} without stop on {date}, {which}, for {passenger}, born {dob}; "
            "{pay}; without bags or insurance.",
        ),
    ),
    "book_self": (
        (
            "Book me the {which} direct {cabin} flight from {origin} to {destination} on {date}, no bags, "
            "no insurance, with my credit card.",
            "Please book the {which} direct {cabin} flight from {origin} to {destination} on {date} for me, no bags, "
            "no insurance, by credit card.",
            "I want the {which} direct {cabin} flight from {origin} to {destination} on {date} for myself. No bags, "
            "no insurance. Use my credit card.",
            "Can you book me the {which} direct flight from {origin} to {destination} on {date} in {cabin}? No bags, "
            "no insurance, my credit card.",
            "Reserve me the {which} direct {cabin} flight from {origin} to {destination} on {date}, no bags, "
            "no insurance, credit card.",
            "I fly from {origin} to {destination} on {date}: book me the {which} direct {cabin} flight, no bags, "
            "no insurance, with my credit card.",
        ),
        (
            "Get me the {which} nonstop {cabin} seat {origin} to {destination}, {date}, billed to my credit card, "
            "neither bags nor insurance.",
            "A {cabin} seat {origin} to {destination} without stop on {date}, {which}, for myself; my credit card; "
            "without bags or insurance.",
        ),
    ),
    "book_onestop": (
        (
            "Book the one-stop {cabin} connection from {origin} to {destination} on {date} that arrives first for "
            "{passenger}, born {dob}, no bags, no insurance, with {pay}.",
            "Please book {passenger}, born {dob}, from {origin} to {destination} on {date} with one stop, in {cabin}, "
            "arriving first, no bags, no insurance, with {pay}.",
            "I want the one-stop {cabin} trip from {origin} to {destination} on {date} that arrives first for "
            "{passenger}, born {dob}. No bags, no insurance. Use {pay}.",
            "Can you book the one-stop connection from {origin} to {destination} on {date} arriving first, in {cabin}, "
            "for {passenger}, born {dob}? No bags, no insurance, {pay}.",
            "Reserve {origin} to {destination} with one stop on {date}, arriving first, {cabin}: {passenger}, "
            "born {dob}, no bags, no insurance, {pay}.",
            "{passenger}, born {dob}, flies one-stop from {origin} to {destination} on {date}: book what arrives "
            "first in {cabin}, no bags, no insurance, with {pay}.",
        ),
        (
            "Get {passenger}, born {dob}, onto the soonest {cabin} arrival {origin} to {destination} with a single "
            "change, {date}, billed to {pay}, neither bags nor insurance.",
            "{cabin} seats {origin} to {destination} with one change on {date}, landing soonest, for {passenger}, "
            "born {dob}; {pay}; without bags or insurance.",
        ),
    ),
    "quote": (
        (
            "What do {n} seats on the {which} direct {cabin} flight from {origin} to {destination} on {date} cost, "
            "insured?",
            "How much is the {which} direct {cabin} flight from {origin} to {destination} on {date} for {n} "
            "passengers with insurance?",
            "Work out the {which} direct {cabin} flight from {origin} to {destination} on {date} for {n} insured "
            "passengers.",
            "Tell me the total for {n} passengers with insurance on the {which} direct {cabin} flight from {origin} "
            "to {destination} on {date}.",
            "I need the price for {n} with insurance of the {which} direct {cabin} flight from {origin} to "
            "{destination} on {date}.",
            "Can you total the {which} direct {cabin} flight from {origin} to {destination} on {date} for {n} with "
            "insurance?",
        ),
        (
            "On {date} a party of {n} flies {origin} to {destination}, {which} nonstop in {cabin}, all insured: "
            "the bill?",
            "Sum up insurance and {n} {cabin} seats on the {which} nonstop {origin} to {destination}, {date}.",
        ),
    ),
}
"""Topic -> (phrasings of `train`, `validation` and `test`, phrasings of `test_unseen`)."""

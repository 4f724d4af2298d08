"""Phrasings of who speaks, and of what is done with a reservation: see `toolgym.envs.airline.requests`."""

from typing import Final

__all__ = ["TRIP_PHRASES"]

TRIP_PHRASES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    # Who is speaking, and how two requests are joined.
    "user": (
        (
            "I am {user_id}.",
            "My user id is {user_id}.",
            "{user_id} here.",
            "This is {user_id}.",
            "User {user_id}.",
            "My account is {user_id}.",
            "Hi, user id {user_id}.",
            "Hello, I am {user_id}.",
        ),
        ("You are talking to {user_id}.", "Please note my user id, {user_id}.", "It is {user_id} writing."),
    ),
    "name": (
        (
            "I am {name}.",
            "My name is {name}.",
            "{name} here.",
            "This is {name}.",
            "Hi, {name} here.",
            "Hello, I am {name}.",
        ),
        ("You are talking to {name}.", "It is {name} writing.", "Good day, my name is {name}."),
    ),
    "also": (
        ("Also:", "And also:", "Then this:", "Besides:", "One more thing:", "In addition:"),
        ("On top of that:", "While we are at it:", "My second wish:"),
    ),
    "then": (
        ("Then", "After that,", "Next,", "And then", "Afterwards,", "Once done,"),
        ("When that is settled,", "As the following step,", "Subsequently,"),
    ),
    # Which trip.
    "trip_id": (
        (
            "reservation {rid}",
            "booking {rid}",
            "my reservation {rid}",
            "my booking {rid}",
            "trip {rid}",
            "my trip {rid}",
        ),
        ("the itinerary {rid}", "what I booked as {rid}", "the journey under code {rid}"),
    ),
    "trip_route": (
        (
            "my trip from {origin} to {destination}",
            "my reservation from {origin} to {destination}",
            "my {origin} to {destination} trip",
            "my booking from {origin} to {destination}",
            "the trip from {origin} to {destination}",
            "my journey from {origin} to {destination}",
        ),
        (
            "the itinerary that takes me from {origin} to {destination}",
            "what I booked between {origin} and {destination}",
            "my travel out of {origin} into {destination}",
        ),
    ),
    # What to do with it.
    "cancel": (
        (
            "Please cancel {trip}: {reason}.",
            "Cancel {trip} because {reason}.",
            "I want to cancel {trip}, {reason}.",
            "I have to cancel {trip} as {reason}.",
            "Can you cancel {trip}? The reason: {reason}.",
            "I need {trip} cancelled since {reason}.",
        ),
        (
            "Given that {reason}, call off {trip}.",
            "Kindly undo {trip}; {reason}.",
            "I shall not need {trip} any longer, {reason}.",
        ),
    ),
    "cabin": (
        (
            "Please change {trip} to {cabin}, payment by {pay}.",
            "I want {trip} in {cabin}; use {pay}.",
            "Move {trip} to the {cabin} cabin with {pay}.",
            "Switch {trip} to {cabin} and use {pay}.",
            "Can you put {trip} into {cabin}? Use {pay}.",
            "Change the cabin of {trip} to {cabin}, with {pay}.",
        ),
        (
            "I would rather sit in {cabin} on {trip}; settle the difference with {pay}.",
            "Seats in {cabin} for {trip}, if you please, {pay} for the difference.",
            "For {trip} I prefer {cabin}, billing {pay}.",
        ),
    ),
    "flights": (
        (
            "Please move {trip} to {date}, {which} flight, payment by {pay}.",
            "Change {trip} to the {which} flight on {date}; use {pay}.",
            "I want {trip} on {date} instead, the {which} flight, with {pay}.",
            "Reschedule {trip} to {date}, the {which} flight; use {pay}.",
            "Can you move {trip} to the {which} flight on {date}? Use {pay}.",
            "Put {trip} on the {which} flight of {date} with {pay}.",
        ),
        (
            "I would rather travel on {date} for {trip}; pick the {which} flight and settle it with {pay}.",
            "{date} suits me better for {trip}: {which} departure, {pay} for the difference.",
            "Shift {trip} over to {date}, {which} connection, billing {pay}.",
        ),
    ),
    "bags_add": (
        (
            "Please add {bags} to {trip}, payment by {pay}.",
            "I want to add {bags} to {trip}; use {pay}.",
            "Add {bags} to {trip} with {pay}.",
            "{trip} needs {bags} more; use {pay}.",
            "Can you add {bags} to {trip}? Use {pay}.",
            "I will bring {bags} more on {trip}, pay with {pay}.",
        ),
        (
            "My luggage grew: {bags} extra on {trip}, billing {pay}.",
            "Register {bags} on top for {trip}, {pay} covers any cost.",
            "Could {trip} have {bags} in addition? Charge {pay}.",
        ),
    ),
    "bags_remove": (
        (
            "Please remove one bag from {trip}.",
            "Take one checked bag off {trip}.",
            "I want one bag less on {trip}.",
            "Drop one bag from {trip}.",
            "Can you remove a checked bag from {trip}?",
            "I need a bag removed from {trip}.",
        ),
        (
            "One suitcase of {trip} stays at home, so strike it off.",
            "Reduce the luggage of {trip} by one piece.",
            "Fewer bags on {trip}: one less, please.",
        ),
    ),
    "passenger": (
        (
            "On {trip}, passenger {old} should be {new}.",
            "Please correct passenger {old} to {new} on {trip}.",
            "Change the name {old} to {new} on {trip}.",
            "The name {old} on {trip} is wrong, it is {new}.",
            "Rename passenger {old} of {trip} to {new}.",
            "Can you fix a name on {trip}? {old} should be {new}.",
        ),
        (
            "There is a misprint on {trip}: for {old} read {new}.",
            "Kindly write {new} in place of {old} on {trip}.",
            "{new}, not {old}, is who flies on {trip}.",
        ),
    ),
    "passenger_add": (
        (
            "Please add passenger {new}, born {dob}, to {trip}.",
            "Add {new}, born {dob}, to {trip}.",
            "I want {new}, born {dob}, to join {trip}.",
            "Put {new}, born {dob}, on {trip} as well.",
            "Can you add {new}, born {dob}, to {trip}?",
            "{trip} needs one more passenger: {new}, born {dob}.",
        ),
        (
            "A companion comes along on {trip}: {new}, born {dob}.",
            "Seat {new}, born {dob}, with me on {trip}.",
            "Enlarge {trip} by a traveller: {new}, born {dob}.",
        ),
    ),
    "compensation": (
        (
            "Flight {number} of {trip} was {fate}; I want compensation.",
            "I want compensation: flight {number} on {trip} was {fate}.",
            "My flight {number} on {trip} was {fate}. Please compensate me.",
            "Please compensate me for flight {number} of {trip}, which was {fate}.",
            "Compensate me for {trip}: flight {number} was {fate}.",
            "You {fate} flight {number} of {trip}. I ask for compensation.",
        ),
        (
            "What do I get for {trip}? Its flight {number} was {fate}.",
            "A complaint about {trip}: {number} was {fate}, make it good.",
            "Since {number} was {fate}, I claim what I am due for {trip}.",
        ),
    ),
    "fact_flight": (
        (
            "Which flight number does {trip} start with?",
            "What is the first flight number of {trip}?",
            "Tell me the first flight number of {trip}.",
            "I need the first flight number of {trip}.",
            "First flight number of {trip}, please?",
            "Can you tell me the flight number that {trip} starts with?",
        ),
        (
            "With what flight number does {trip} begin?",
            "Name the opening flight of {trip}.",
            "Remind me of the number of the initial flight on {trip}.",
        ),
    ),
    "fact_date": (
        (
            "On which date does {trip} leave?",
            "What is the departure date of {trip}?",
            "Tell me the departure date of {trip}.",
            "I need the date on which {trip} leaves.",
            "Departure date of {trip}, please?",
            "Can you tell me on which date {trip} starts?",
        ),
        (
            "What day do I set off on {trip}?",
            "Remind me of the day that {trip} takes off.",
            "Name the day of departure for {trip}.",
        ),
    ),
    "fact_paid": (
        (
            "How much was paid for {trip}?",
            "What did I pay for {trip}?",
            "Tell me what I paid for {trip}.",
            "I need the amount paid for {trip}.",
            "Amount paid for {trip}, please?",
            "Can you tell me how much I paid for {trip}?",
        ),
        (
            "What did {trip} set me back?",
            "Name the sum that {trip} was charged at.",
            "Remind me of the money spent on {trip}.",
        ),
    ),
    "fact_cabin": (
        (
            "Which cabin is {trip} in?",
            "What cabin did I book for {trip}?",
            "Tell me the cabin of {trip}.",
            "I need to know the cabin of {trip}.",
            "Cabin of {trip}, please?",
            "Can you tell me which cabin {trip} is in?",
        ),
        (
            "What class of seats comes with {trip}?",
            "Name the travel class of {trip}.",
            "Remind me which class I sit in on {trip}.",
        ),
    ),
    "total": (
        (
            "What do the flights of {trip} cost for all passengers together?",
            "How much are all flights of {trip} for all passengers?",
            "Tell me the fare of {trip} for all passengers, flights only.",
            "Work out the flights of {trip} for everybody, without bags and insurance.",
            "I need the total fare of {trip} for all passengers, flights only.",
            "Can you total the flights of {trip} for all passengers?",
        ),
        (
            "Add up the fares of {trip} over everyone who flies.",
            "What do the seats of {trip} amount to for the whole party?",
            "Sum the ticket prices of {trip} for each traveller.",
        ),
    ),
    "rebook": (
        (),  # only in `test_unseen`
        (
            "book the {which} {cabin} flight from {origin} to {destination} on {date} for the same people, "
            "without bags or insurance, on {pay}.",
            "get the same people on the {which} {cabin} flight from {origin} to {destination} on {date}, "
            "no bags, no insurance, billing {pay}.",
            "for the same people take the {which} {cabin} flight {origin} to {destination} of {date}, "
            "neither bags nor insurance, {pay}.",
        ),
    ),
}
"""Topic -> (phrasings of `train`, `validation` and `test`, phrasings of `test_unseen`)."""

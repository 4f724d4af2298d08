"""Values that follow from other records, and ways that take no call too many, on a domain worked out by hand."""

from toolgym.composing.declaration import Declaration, Look
from toolgym.composing.fields import Code, Draw, Made, Name, Ref
from toolgym.composing.tables import Table, build_world
from toolgym.composing.ways import ways_to
from toolgym.composing.worlds import world_key


def _a_place_of_the_same_owner(draw: Draw) -> str:
    assert draw.parent is not None
    return draw.rng.choice(draw.related("places", "owner_id", draw.parent["owner_id"]))


OWNERS = Table("owners", "owner", "owner_id", {"owner_id": Code("O####")}, {"small": 6, "standard": 6, "large": 6})
PLACES = Table(
    "places", "place", "place_id", {"place_id": Code("P####"), "owner_id": Ref("owners")}, (2, 3), per="owners"
)
TRIPS = Table(
    "trips",
    "trip",
    "trip_id",
    {
        "trip_id": Code("T####"),
        "place_id": Ref("places"),
        "to_place_id": Ref("places", by=_a_place_of_the_same_owner),
        "why": Name(told="for {value}"),
        "cost": Made(lambda draw: 10 + draw.index % 3, "money", "${value}", label="cost"),
    },
    (2, 1),
    per="places",
)
LOOKS = (
    Look("place", "get_place", "places", {"place_id": "place_id"}),
    Look("trips", "list_trips", "trips", {"place_id": "place_id"}, many=True),
    Look("trip", "get_trip", "trips", {"trip_id": "trip_id"}),
)


def test_a_ref_can_name_a_record_that_is_related_to_the_parent() -> None:
    tables = build_world((OWNERS, PLACES, TRIPS), world_key("train", 5), "small", {}).tables
    owners = {key: place["owner_id"] for key, place in tables["places"].items()}
    trips = list(tables["trips"].values())
    assert len(trips) > 10
    assert all(owners[trip["to_place_id"]] == owners[trip["place_id"]] for trip in trips)
    assert any(trip["to_place_id"] != trip["place_id"] for trip in trips)


def test_what_follows_from_others_is_said_with_its_unit() -> None:
    tables = build_world((OWNERS, PLACES, TRIPS), world_key("train", 5), "small", {}).tables
    first, second = list(tables["trips"].values())[:2]
    made = TRIPS.fields["cost"]
    assert (made.show(first["cost"]), made.show(second["cost"])) == ("$10", "$11")


def test_a_record_whose_id_is_told_is_not_looked_for_in_what_names_it() -> None:
    declaration = Declaration(
        name="trips",
        title="Trips",
        role="You are a clerk.",
        who="owners",
        tables=(OWNERS, PLACES, TRIPS),
        looks=LOOKS,
        acts=(),
        rules=(),
        new_server=lambda size, dialect: None,  # type: ignore[arg-type, return-value]
    )
    # A place by its id, or from a trip that is told by its own id (from where, or to where). Not: the trips of a place
    # whose id is told, to learn that very id from one of them.
    assert [way.name for way in ways_to(declaration, "places")] == [
        "place(told)",
        "place(trip(told).place_id)",
        "place(trip(told).to_place_id)",
    ]
    assert "trips(told):told" in {way.name for way in ways_to(declaration, "trips")}

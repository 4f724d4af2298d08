"""What the shop sells: types of product, their options, and the tables of products and variants."""

from dataclasses import dataclass
from typing import Any, Final

from toolgym.composing.fields import Draw, Field, Flag, Id, Made
from toolgym.composing.tables import Records, Table

__all__ = ["HYGIENE", "PRODUCTS", "VARIANTS", "Dollars", "text_of"]

_COLOURS: Final = ("black", "white", "red", "blue", "green", "grey")
_SIZES: Final = ("small", "medium", "large", "extra large")
_KINDS: Final[dict[str, tuple[float, float, dict[str, tuple[str, ...]]]]] = {
    "Backpack": (40, 150, {"color": _COLOURS, "size": _SIZES, "material": ("nylon", "canvas", "leather")}),
    "Bicycle": (300, 900, {"frame size": _SIZES, "color": _COLOURS, "type": ("road", "mountain", "city")}),
    "Blender": (45, 160, {"capacity": ("1 litre", "1.5 litres", "2 litres"), "color": _COLOURS}),
    "Bookshelf": (90, 320, {"material": ("oak", "pine", "metal"), "height": ("4 ft", "5 ft", "6 ft")}),
    "Camping Tent": (80, 420, {"people": ("2 people", "4 people", "6 people"), "color": _COLOURS}),
    "Coffee Grinder": (30, 140, {"color": _COLOURS, "type": ("burr", "blade")}),
    "Desk Lamp": (25, 110, {"color": _COLOURS, "brightness": ("dim", "medium bright", "bright")}),
    "Digital Camera": (250, 900, {"zoom": ("3x zoom", "5x zoom", "10x zoom"), "storage": ("SD card", "CF card")}),
    "Dumbbells": (35, 160, {"weight": ("5 lbs", "10 lbs", "20 lbs"), "material": ("iron", "rubber", "urethane")}),
    "Earbuds": (40, 240, {"color": _COLOURS, "battery": ("4 hours", "6 hours", "8 hours")}),
    "Espresso Machine": (180, 700, {"pressure": ("9 bar", "15 bar", "19 bar"), "type": ("manual", "automatic")}),
    "Fleece Jacket": (50, 170, {"color": _COLOURS, "size": _SIZES, "zipper": ("half zipper", "full zipper")}),
    "Garden Hose": (25, 95, {"length": ("25 ft", "50 ft", "100 ft"), "material": ("rubber", "vinyl")}),
    "Headphones": (60, 350, {"color": _COLOURS, "type": ("wired", "wireless")}),
    "Hiking Boots": (80, 240, {"size": ("size 7", "size 8", "size 9", "size 10"), "material": ("leather", "suede")}),
    "Jigsaw Puzzle": (12, 45, {"pieces": ("500 pieces", "1000 pieces", "2000 pieces"), "theme": ("art", "animals")}),
    "Keyboard": (60, 260, {"switches": ("linear", "tactile", "clicky"), "color": _COLOURS}),
    "Makeup Kit": (25, 120, {"skin tone": ("light", "medium", "dark"), "size": ("basic", "professional")}),
    "Office Chair": (120, 520, {"color": _COLOURS, "material": ("mesh", "fabric", "leather")}),
    "Patio Umbrella": (90, 340, {"color": _COLOURS, "size": ("6 ft", "7 ft", "9 ft")}),
    "Perfume": (45, 190, {"scent": ("woody", "floral", "oriental"), "size": ("30 ml", "50 ml", "100 ml")}),
    "Pet Bed": (25, 110, {"color": _COLOURS, "size": _SIZES}),
    "Pillow": (18, 90, {"filling": ("down", "foam", "wool"), "size": _SIZES}),
    "Running Shoes": (70, 210, {"size": ("size 7", "size 8", "size 9", "size 10"), "color": _COLOURS}),
    "Skateboard": (60, 220, {"deck": ("maple", "bamboo", "plastic"), "length": ("28 inch", "31 inch", "34 inch")}),
    "Smart Watch": (120, 480, {"color": _COLOURS, "band": ("silicone", "leather", "metal")}),
    "Sunglasses": (40, 210, {"color": _COLOURS, "lens": ("polarized", "plain")}),
    "Suitcase": (70, 380, {"size": ("cabin size", "medium", "large"), "color": _COLOURS}),
    "Swimsuit": (25, 110, {"color": _COLOURS, "size": _SIZES}),
    "Tea Kettle": (25, 110, {"material": ("steel", "glass", "ceramic"), "capacity": ("1 litre", "2 litres")}),
    "Toothbrush": (25, 160, {"color": _COLOURS, "bristles": ("soft", "firm")}),
    "Water Bottle": (12, 55, {"capacity": ("500 ml", "750 ml", "1 litre"), "color": _COLOURS}),
    "Yoga Mat": (20, 95, {"color": _COLOURS, "thickness": ("4 mm", "6 mm")}),
}
"""Type of product -> the lowest and highest price of its variants, and the options with their values."""
_LINES: Final = (
    *("Alpine", "Breeze", "Classic", "Comfort", "Harbor", "Horizon", "Junior", "Metro"),
    *("Nordic", "Prime", "Studio", "Summit", "Terra", "Urban", "Vista", "Willow"),
)
HYGIENE: Final = ("Earbuds", "Makeup Kit", "Perfume", "Pillow", "Swimsuit", "Toothbrush")
"""What is neither taken back nor exchanged."""


@dataclass(frozen=True)
class Dollars(Made):
    """Dollars and cents."""

    kind: str = "dollars"

    def show(self, value: Any) -> str:
        return f"${value:.2f}"


@dataclass(frozen=True)
class Stock(Flag):
    """Whether it can be had."""

    def show(self, value: Any) -> str:
        return "in stock" if value else "sold out"


@dataclass(frozen=True)
class Name(Field):
    """The name of a type of product, which no other has."""

    def make(self, draw: Draw) -> str:
        while True:
            name = f"{draw.rng.choice(_LINES)} {draw.rng.choice(list(_KINDS))}"
            if name not in draw.used:
                draw.used.add(name)
                return name


def _kind(name: str) -> tuple[float, float, dict[str, tuple[str, ...]]]:
    return _KINDS[name.partition(" ")[2]]


def _options(draw: Draw) -> dict[str, str]:
    """Options that no other variant of the product has."""
    assert draw.parent is not None
    choices = _kind(draw.parent["name"])[2]
    taken = [other["options"] for other in draw.siblings]
    while True:
        options = {name: draw.rng.choice(values) for name, values in choices.items()}
        if options not in taken:
            return options


def _price(draw: Draw) -> float:
    assert draw.parent is not None
    low, high, _ = _kind(draw.parent["name"])
    return round(draw.rng.uniform(low, high), 2)


def text_of(options: dict[str, str]) -> str:
    """How a customer tells options: "red, medium"."""
    return ", ".join(options.values())


VARIANTS = Table(
    "variants",
    "variant",
    "item_id",
    {
        "item_id": Id("", digits=10, label="item id"),
        "options": Made(_options),
        "text": Made(lambda draw: text_of(draw.record["options"]), told="in {value}"),
        "available": Stock(0.8, label="availability"),
        "price": Dollars(_price, label="price", extremes=("cheapest", "most expensive")),
        "product_id": Made(lambda draw: (draw.parent or {})["product_id"]),
    },
)
PRODUCTS = Table(
    "products",
    "product",
    "product_id",
    {
        "product_id": Id("", digits=10),
        "name": Name(label="name", told="{value}", names=True),
        "variants": Records(VARIANTS, (4, 5, 3, 6)),
        "count": Made(lambda draw: len(draw.record["variants"]), label="number of variants"),
    },
    {"small": 10, "standard": 50, "large": 200},
)

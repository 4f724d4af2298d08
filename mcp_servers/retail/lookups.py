"""The retail tools that only read."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import shown
from toolgym.mcp_servers.retail.records import find_order, find_product, find_user, shown_order, shown_user
from toolgym.mcp_servers.retail.schema import OrderId, ProductId, UserId, Zip
from toolgym.world import Base, World


def _build_emails(base: Base) -> Mapping[str, str]:
    emails: dict[str, str] = {}
    for user_id, user in base.tables["users"].items():
        emails.setdefault(user["email"].lower(), user_id)
    return emails


def _build_names(base: Base) -> Mapping[tuple[str, str], tuple[str, ...]]:
    names: dict[tuple[str, str], tuple[str, ...]] = {}
    for user_id, user in base.tables["users"].items():
        key = (user["name"]["first_name"].lower(), user["name"]["last_name"].lower())
        names[key] = (*names.get(key, ()), user_id)
    return names


def find_user_id_by_email(
    world: World, email: Annotated[str, Field(description="The email address, such as 'ana.reyes@example.com'.")]
) -> str:
    """Finds the id of the user with an email address."""
    user_id = world.base.index("retail.emails", _build_emails).get(email.lower())
    if user_id is None:
        raise ToolError("no user has this email address")
    return user_id


def find_user_id_by_name_zip(
    world: World,
    first_name: Annotated[str, Field(description="The given name, such as 'Ana'.")],
    last_name: Annotated[str, Field(description="The family name, such as 'Reyes'.")],
    zip: Zip,
) -> str:
    """Finds the id of the user with a name and the zip code of the profile's address."""
    names = world.base.index("retail.names", _build_names)
    # Names never change, but a zip code does.
    for user_id in names.get((first_name.lower(), last_name.lower()), ()):
        if world.get("users", user_id)["address"]["zip"] == zip:
            return user_id
    raise ToolError("no user has this name and zip code")


def get_user_details(world: World, user_id: UserId) -> dict[str, Any]:
    """Shows a user's profile: name, address, email, payment methods and order ids."""
    return shown_user(world, user_id, find_user(world, user_id))


def get_order_details(world: World, order_id: OrderId) -> dict[str, Any]:
    """Shows an order: its items, address, status, deliveries and payments."""
    return shown_order(world, find_order(world, order_id))


def get_product_details(world: World, product_id: ProductId) -> dict[str, Any]:
    """Shows a type of product with all its variants: their item ids, options, prices and availability."""
    return find_product(world, product_id)


def _build_items(base: Base) -> Mapping[str, str]:
    return {item: key for key, product in base.tables["products"].items() for item in product["variants"]}


def get_item_details(
    world: World, item_id: Annotated[str, Field(description="The item's id, which is not that of its product.")]
) -> dict[str, Any]:
    """Shows one variant of a product: its options, price and availability."""
    product_id = world.base.index("retail.items", _build_items).get(item_id)
    if product_id is None:
        raise ToolError(f"item {shown(item_id)} not found")
    return find_product(world, product_id)["variants"][item_id]


def list_all_product_types(world: World) -> dict[str, str]:
    """Lists the names of all types of product with their product ids, by name."""
    return dict(sorted((product["name"], product_id) for product_id, product in world.items("products")))

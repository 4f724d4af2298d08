"""The shop: customers, products with variants, and orders that are cancelled, modified, returned and exchanged."""

from toolgym.composing.declaration import Declaration, Look
from toolgym.envs.retail.acts import ACTS
from toolgym.envs.retail.goods import PRODUCTS, VARIANTS
from toolgym.envs.retail.rules import NOTES, RULES
from toolgym.envs.retail.tables import (
    ITEMS,
    METHODS,
    ORDERS,
    USERS,
    open_order,
    open_product,
    open_user,
    shape,
)
from toolgym.mcp_servers.retail import TOOLS

__all__ = ["RETAIL"]

LOOKS = (
    Look("user", "get_user_details", "users", {"user_id": "user_id"}, opens=open_user),
    Look("user_by_email", "find_user_id_by_email", "users", {"email": "email"}, shows=("user_id",)),
    Look(
        "user_by_name",
        "find_user_id_by_name_zip",
        "users",
        {"first_name": "first", "last_name": "last", "zip": "zip"},
        shows=("user_id",),
        told=(
            "I am {first} {last}, and my zip code is {zip}.",
            "My name is {first} {last}, zip code {zip}.",
            "This is {first} {last} from {zip}.",
        ),
    ),
    Look("order", "get_order_details", "orders", {"order_id": "order_id"}, opens=open_order),
    Look("product", "get_product_details", "products", {"product_id": "product_id"}, opens=open_product),
    Look(
        "products",
        "list_all_product_types",
        "products",
        {},
        many=True,
        shows=("product_id", "name"),
        opens=lambda names, _: [{"product_id": key, "name": name} for name, key in names.items()],
    ),
)

RETAIL = Declaration(
    name="retail",
    title="Online shop",
    role="You are the assistant of an online shop. You serve one customer at a time with the tools you are given.",
    who="users",
    tables=(USERS, METHODS, PRODUCTS, VARIANTS, ORDERS, ITEMS),
    looks=LOOKS,
    acts=ACTS,
    rules=RULES,
    new_server=lambda size, dialect: TOOLS.server(size=size, dialect=dialect),
    notes=NOTES,
    tasks_per_world={"small": 20, "standard": 200, "large": 1_000},
    shape=shape,
)

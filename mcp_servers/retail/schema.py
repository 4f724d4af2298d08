"""The types of the retail tools' parameters: what a model is told of them, and what the standard dialect enforces."""

from typing import Annotated, Literal

from pydantic import Field

UserId = Annotated[str, Field(description="The user's id, such as 'ana_reyes_4821'.")]
OrderId = Annotated[str, Field(description="The order's id with its '#', such as '#W4821093'.")]
ProductId = Annotated[
    str, Field(description="The id of a type of product, such as '6086499569'; the ids of its variants are others.")
]
PaymentMethodId = Annotated[
    str, Field(description="The id of a payment method in the user's profile, such as 'gift_card_4421190'.")
]
CancelReason = Annotated[
    Literal["no longer needed", "ordered by mistake"], Field(description="Why the user cancels the order.")
]
ItemIds = Annotated[
    list[str],
    Field(description="The ids of the items, such as ['1008292230']; one that is meant twice is listed twice."),
]
NewItemIds = Annotated[
    list[str],
    Field(description="The id of the variant that replaces each item, in the same order and of the same product."),
]

Address1 = Annotated[str, Field(min_length=1, description="Street and number, such as '12 Elm Street'.")]
Address2 = Annotated[str, Field(description="Flat or suite, such as 'Suite 641'; may be empty.")]
City = Annotated[str, Field(min_length=1, description="The city, such as 'Austin'.")]
State = Annotated[str, Field(min_length=1, description="The state, such as 'TX'.")]
Country = Annotated[str, Field(min_length=1, description="The country, such as 'USA'.")]
Zip = Annotated[str, Field(min_length=1, description="The zip code, such as '78712'.")]

"""The types of the telecom tools' parameters: what a model is told of them, and what the standard dialect enforces."""

from typing import Annotated, Literal

from pydantic import Field

CustomerId = Annotated[str, Field(description="The customer's id, such as 'C1001'.")]
LineId = Annotated[str, Field(description="The id of one of the customer's lines, such as 'L1001'.")]
BillId = Annotated[str, Field(description="The id of one of the customer's bills, such as 'B1001'.")]
PlanId = Annotated[str, Field(description="The plan's id, such as 'P1001'.")]
AppName = Annotated[str, Field(description="The app's name, such as 'messaging'.")]
Permission = Annotated[str, Field(description="The permission: sms, storage, phone or network.")]
NetworkMode = Annotated[
    Literal["4g_5g_preferred", "4g_only", "3g_only", "2g_only"], Field(description="The networks that may be used.")
]

"""Tools for accounts: of the user, and at the bank."""

from hashlib import blake2b
from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.world import World

_CODE = 970420
"""The code that a forgotten password is replaced with."""


def user_of(world: World, token: str) -> str:
    """The user of a token.

    Raises:
        ToolError: it is nobody's.
    """
    for name, account in world.items("Account"):
        if account["token"] == token:
            return name
    raise ToolError("The token is invalid.")


def number_of(*parts: Any, digits: int = 8) -> str:
    """A number that looks drawn and follows from what it is about."""
    digest = blake2b(repr(parts).encode(), digest_size=8).digest()
    return str(10 ** (digits - 1) + int.from_bytes(digest, "big") % (9 * 10 ** (digits - 1)))


def get_user_token(world: World, username: str, password: str) -> dict[str, Any]:
    """Gives the token of a user, by name and password."""
    account = world.get("Account", username)
    if account is None:
        raise ToolError("The username does not exist.")
    if account["password"] != password:
        raise ToolError("The password is incorrect.")
    return {"token": account["token"]}


def check_token(world: World, token: str) -> dict[str, Any]:
    """Tells whose a token is."""
    return {"username": user_of(world, token)}


def register_user(world: World, username: str, password: str, email: str) -> dict[str, Any]:
    """Makes an account and gives its token."""
    if world.has("Account", username):
        raise ToolError("The username already exists.")
    token = blake2b(repr((username, password, email)).encode(), digest_size=9).hexdigest()
    world.put("Account", username, {"password": password, "token": token, "email": email})
    return {"token": token}


def delete_account(world: World, token: str) -> dict[str, Any]:
    """Deletes the account of a token."""
    world.delete("Account", user_of(world, token))
    return {"status": "success"}


def modify_password(world: World, token: str, old_password: str, new_password: str) -> dict[str, Any]:
    """Replaces the password of an account."""
    name = user_of(world, token)
    if world.get("Account", name)["password"] != old_password:
        raise ToolError("The old password is incorrect.")
    world.edit("Account", name)["password"] = new_password
    return {"status": "success"}


def forgot_password(
    world: World,
    status: str,
    username: str | None = None,
    email: str | None = None,
    verification_code: int | None = None,
    new_password: str | None = None,
) -> Any:
    """Replaces a forgotten password in two calls: 'Forgot Password' sends a code, 'Verification Code' takes it."""
    if status == "Forgot Password":
        if username is None or email is None:
            raise ToolError("The username and email are required for the first call.")
        if not world.has("Account", username):
            raise ToolError("The username does not exist.")
        if world.get("Account", username)["email"] != email:
            raise ToolError("The email is incorrect.")
        world.put("PasswordReset", "open", {"username": username})
        return _CODE
    if status != "Verification Code":
        raise ToolError("The status is only 'Forgot Password' or 'Verification Code'.")
    asked = world.get("PasswordReset", "open")
    if asked is None:
        raise ToolError("You need to call the API with status 'Forgot Password' at first.")
    if new_password is None or verification_code is None:
        raise ToolError("The new password and verification code are required for the second call.")
    if verification_code != _CODE:
        raise ToolError("The verification code is incorrect.")
    world.edit("Account", asked["username"])["password"] = new_password
    return "success"


def open_bank_account(world: World, account: str, password: str, name: str) -> str:
    """Opens an account at the bank."""
    if any(record["account"] == account for _, record in world.items("BankAccount")):
        return "failed"
    record = {"account": account, "password": password, "name": name}
    world.put("BankAccount", str(world.count("BankAccount")), record)
    return "success"


def query_balance(world: World, token: str) -> Any:
    """Tells the balance of a user's account at the bank."""
    try:
        name = user_of(world, token)
    except ToolError:
        raise ToolError("The token is incorrect.") from None
    if not world.has("Bank", name):
        raise ToolError("The user does not have an account.")
    return world.get("Bank", name)["balance"]

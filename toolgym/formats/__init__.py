"""The message formats that are built in; `toolgym.messages` is the way to them."""

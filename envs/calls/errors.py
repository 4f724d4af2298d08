"""What is wrong with a row, apart from where it stands."""


class RowError(ValueError):
    """A row is of no form that is read; the message says what of it."""

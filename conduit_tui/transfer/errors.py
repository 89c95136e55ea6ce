"""What is wrong with a file, in words for the person who gave it."""


class TransferError(Exception):
    """A file that cannot be used or written. `place` names the value at fault, such as `usage.12.cost`."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.message = message
        self.place = place

"""A piece of SQL and the values of its parameters."""

from typing import NamedTuple


class Clause(NamedTuple):
    """Constant text; what comes from outside is only in `values`."""

    sql: str = ""
    values: tuple[str | int | float, ...] = ()

"""Routing rules in the shape that files and the wire use.

A tree stays as it was given, unknown keys too; only the operator `equals` becomes `=`. What a rule must have beyond its
shape (a name, a target, known fields, ...) is the matter of `routing.validation`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StrictBool, StrictInt, StrictStr, Tag, field_validator
from pydantic.alias_generators import to_camel

Value = StrictStr | StrictInt | Annotated[float, Field(strict=True, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Priority = Annotated[int, Field(strict=True, ge=-(2**31), lt=2**31)]


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True)


class Condition(_Words):
    """A comparison of one fact of a request with a value."""

    field: StrictStr
    operator: StrictStr
    value: Value

    @field_validator("operator")
    @classmethod
    def _one_word_for_equality(cls, operator: str) -> str:
        return "=" if operator == "equals" else operator


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "condition" if "field" in value or "operator" in value else "group"
    return "group" if isinstance(value, Group) else "condition"


Member = Annotated[
    Annotated[Condition, Tag("condition")] | Annotated["Group", Tag("group")],
    Discriminator(_kind),
]


class Group(_Words):
    """AND, OR or NOT of conditions and groups."""

    type: Literal["AND", "OR", "NOT"] = "AND"
    rules: tuple[Member, ...] = ()


def _optional(default: Any, **more: Any) -> Any:
    """A key of ours: written only where it says something, so that others' files keep their shape."""
    return Field(default=default, exclude_if=lambda value: bool(value == default), **more)


class Rule(_Words):
    """A condition tree and the model for the requests that match it."""

    id: StrictStr = ""
    name: StrictStr = ""
    description: StrictStr = ""
    enabled: StrictBool = True
    priority: Priority = 0  # highest first
    conditions: Group = Group()
    target_model: StrictStr = ""

    sticky: Literal["request", "session"] = _optional("request")  # decided anew, or once per session and request class
    rollout: Percent = _optional(100.0)  # the share of sessions that the rule acts on
    fallback: tuple[StrictStr, ...] = _optional(())  # models to try, in order, when the target fails
    created_by: StrictStr = _optional("", alias="created_by")
    created_at: StrictInt | StrictStr | None = _optional(None, alias="created_at")  # ours: milliseconds since the epoch
    updated_at: StrictInt | StrictStr | None = _optional(None, alias="updated_at")

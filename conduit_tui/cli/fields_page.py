"""The page of the docs on the fields of rules and of the log's filter, written from the language's own table."""

from collections.abc import Iterable

from conduit_tui.routing.fields import FIELDS, OPERATORS, Field, Kind

_OPENING = """\
# Fields of rules and of the filter

{renewed}

A rule's condition and an expression in the filter of Requests (`/`) are one language: `FIELD OPERATOR VALUE`, joined
with `and`, `or`, `not` and parentheses.

```
agentType = "Explore"
tokenCount > 50000 and not flags contains "thinking"
message matches "(?i)analy[sz]e" or (hour >= 22 and model = "claude-opus-5-5")
header.user-agent contains "codex" and budgetUsed > 80
```

Words are in double quotes, numbers are bare; `matches` takes a regular expression of
[RE2](https://github.com/google/re2/wiki/Syntax), which cannot be made to take long. A comparison with what the request
does not have is not met, and `not` before it is. The filter also takes free words and `model:` `status:` `project:`
`session:` `since:` `until:`.

| what it holds | operators |
|---|---|
{operators}

## In rules and in the filter

{rules}

## In the filter alone

These are known only when the answer has come.

{log}
"""

_HOLDS = {
    Kind.NUMBER: "number",
    Kind.TEXT: "text",
    Kind.LIST: "list of words",
    Kind.OPEN: "whatever the client sent",
}


def fields_page(renewed: str) -> str:
    """The page; `renewed` says how it comes about."""
    operators = "\n".join(
        f"| {_HOLDS[kind]} | {' '.join(f'`{each}`' for each in signs)} |" for kind, signs in OPERATORS.items()
    )
    return _OPENING.format(
        renewed=renewed,
        operators=operators,
        rules=_table(field for field in FIELDS if not field.log_only),
        log=_table(field for field in FIELDS if field.log_only),
    )


def _table(fields: Iterable[Field]) -> str:
    lines = ["| field | holds | means |", "|---|---|---|"]
    for field in fields:
        name = f"{field.name}.NAME" if field.is_family else field.name
        values = f" ({', '.join(f'`{value}`' for value in field.values)})" if field.values else ""
        lines.append(f"| `{name}` | {_HOLDS[field.kind]} | {field.help}{values} |")
    return "\n".join(lines)

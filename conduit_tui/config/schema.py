"""config.toml as a JSON Schema, and as a file to begin with."""

import json
import textwrap
from collections.abc import Mapping
from itertools import groupby
from typing import Any

from conduit_tui.config.model import SETTINGS, BoxConfig, Setting

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(actions: Mapping[str, str]) -> dict[str, Any]:
    """The schema; `actions` are the ids that may stand in [keys], with what they do."""
    schema = BoxConfig.model_json_schema()
    keys = schema["properties"]["keys"]
    keys["properties"] = {name: {"type": "string", "description": does} for name, does in actions.items()}
    keys["additionalProperties"] = False
    return {"$schema": DRAFT, **schema, "title": "config.toml of conduit-tui"}


def starter() -> str:
    """A file in which every key stands, commented out, with its default."""
    parts = [
        "# Settings of this machine for conduit-tui. What is commented out is the default.\n"
        "# `conduit-tui config check` checks this file; docs/settings.md explains every key.\n"
        "# The command line and the environment come before what stands here.\n"
    ]
    for table, settings in groupby(SETTINGS.values(), key=lambda setting: setting.table):
        about = (BoxConfig.model_fields[table].annotation.__doc__ or "").splitlines()[0]
        parts.append(f"# {about}\n[{table}]\n" + "".join(map(_commented, settings)))
    parts.append(
        "# Keys by the id of an action (docs/keys.md): several are separated by spaces.\n"
        '[keys]\n# "requests.follow" = "G end"\n'
    )
    return "\n".join(parts)


def in_toml(setting: Setting) -> tuple[str, ...]:
    """The choices of a setting as they are written in the file."""
    return ("true", "false") if isinstance(setting.default, bool) else tuple(map(toml_value, setting.choices))


def toml_value(value: Any) -> str:
    """A value as TOML writes it."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def _commented(setting: Setting) -> str:
    facts = [
        setting.description,
        setting.unit and f"in {setting.unit}",
        setting.bounds or " or ".join(in_toml(setting)),
    ]
    words = textwrap.wrap("; ".join(fact for fact in facts if fact), 100)
    return "".join(f"# {line}\n" for line in words) + f"# {setting.name} = {toml_value(setting.default)}\n"

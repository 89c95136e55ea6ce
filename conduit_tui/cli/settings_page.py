"""The page of the docs on config.toml, written from the declarations of its keys."""

from collections.abc import Iterator
from itertools import groupby

from conduit_tui.config.model import SETTINGS, BoxConfig, Setting
from conduit_tui.config.schema import in_toml, starter, toml_value

_OPENING = """\
# Settings of the machine

{renewed}

What belongs to the machine (address, durability, retention, screens, keys) stands in `config.toml` in the state
directory; providers, rules and projects lie in the database. The file is optional. `conduit-tui config init` writes
one in which everything is commented out, `conduit-tui config check` names file, line, key and the nearest valid key
of every mistake (exit code 78), and `conduit-tui config schema` prints a JSON Schema for editors. In the control
centre the same keys are on the Settings screen, page *This machine*; what is saved there keeps the file's comments
and order.

**What comes first:** the command line, then the environment, then `config.toml`, then the default.

**When it takes effect:** each key says so below. The daemon reads the file again at SIGHUP and before it starts a
gateway. A file with a mistake changes nothing then: the configuration from before holds, and the Process screen
says what is wrong.

**Who may read it:** the file is written with mode 0600. One that others can read works, with a warning; a symbolic
link, or a file of another user, is refused."""

_KEYS = """\
## [keys]

Keys by the id of an action; [keys.md](keys.md) has all ids. Several keys are separated by spaces, an empty text
takes the keys away. A sign stands for itself (`/`, `G`), others have names: `enter`, `esc`, `tab`, `space`, `pgup`,
`pgdn`, `home`, `end`, `f1`, `ctrl+x`, `alt+x`, `shift+tab`. One key cannot do two things in one place; the check
names both. Footer and `?` show the keys that hold. Small windows that ask something keep theirs.

```toml
[keys]
"requests.follow" = "F end"
"everywhere.theme" = ""
```
"""

_THEMES = """\
## Themes

Built in are {themes}.
`auto` takes `dark` on a local terminal, `ansi` over SSH (the terminal's own sixteen colours,
half the bytes) and `plain` where there is no UTF-8. `T` goes on to the next theme, and the command palette offers
each.

In the default colours good, warning and bad stay apart for eyes without one of the three kinds of cones, every text
has a contrast of at least 4.5, and a sign or word always says the same as the colour.

A theme of one's own is a file `themes/NAME.toml` in the state directory that says what differs from a built-in one:

```toml
based_on = "dark"       # or light, or high-contrast

[colors]
accent = "#ffb86c"
parts = ["#ffb86c", "#3fbf8f", "#f2cf5b", "#e0559f", "#a8623f", "#66708a"]   # of charts, the greatest first
```

The colours are {colors}, and `parts`. `conduit-tui config check` checks themes too, and warns of texts that are hard to
read."""


_HEAD = ("| key | means | default | environment | takes effect |", "|---|---|---|---|---|")


def settings_page(renewed: str) -> str:
    """The page; `renewed` says how it comes about."""
    return "\n".join(_lines(renewed)).rstrip() + "\n"


def _lines(renewed: str) -> Iterator[str]:
    from conduit_tui.tui.colors import COLOR_NAMES
    from conduit_tui.tui.user_themes import BUILT_IN

    yield from (_OPENING.format(renewed=renewed), "")
    for table, settings in groupby(SETTINGS.values(), key=lambda setting: setting.table):
        about = (BoxConfig.model_fields[table].annotation.__doc__ or "").splitlines()[0]
        yield from (
            f"## [{table}]",
            "",
            about,
            "",
            "| key | means | default | environment | takes effect |",
            "|---|---|---|---|---|",
        )
        yield from (_row(setting) for setting in settings)
        yield ""
    names, colors = (", ".join(f"`{name}`" for name in some) for some in (BUILT_IN, COLOR_NAMES))
    yield from (_KEYS, "", _THEMES.format(themes=names, colors=colors), "")
    yield from ("## A file to begin with", "", "```toml", starter().rstrip(), "```")


def _row(setting: Setting) -> str:
    facts = [setting.unit, setting.bounds or " or ".join(f"`{choice}`" for choice in in_toml(setting))]
    more = ", ".join(fact for fact in facts if fact)
    means = f"{setting.description}{f' ({more})' if more else ''}"
    default, effect = toml_value(setting.default), setting.effect
    return f"| `{setting.name}` | {means} | `{default}` | `{setting.variable}` | {effect} |"

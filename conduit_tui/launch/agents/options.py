"""Reading and changing arguments: options with and without values, in the forms `--name value` and `--name=value`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

MOST_FLAGS = 32
LONGEST_FLAG = 100  # characters


_MAKERS = ("anthropic", "openai")


def maker_of(model: str) -> str:
    """Whose model it is, as agents name those that speak our dialects."""
    return "anthropic" if model.startswith("claude") else "openai"


def words(text: str) -> frozenset[str]:
    """A set of words, written as one text."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Options:
    """The command line of an agent: which options name a model or a message, and which take a value.

    `lists` take values up to the next option. With `positional_prompt` the prompt may stand without an option, after a
    subcommand that is one of `commands`. `insert` is how a model is put in, `{}` standing for it, None where that is
    not known; subcommands in `not_with` take none. `prefixed`: models are written `provider/model`. `listed`: it takes
    the names of a list of its own alone, so that the gateway has to change the model.
    """

    model_names: tuple[str, ...] = ("--model",)
    message_names: tuple[str, ...] = ("--message", "--prompt", "--print", "-p")
    valued: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    positional_prompt: bool = False
    commands: frozenset[str] = frozenset()
    pipes: bool = False
    insert: tuple[str, ...] | None = ("--model", "{}")
    not_with: frozenset[str] = frozenset()
    prefixed: bool = False
    listed: bool = False

    def message(self, arguments: Sequence[str]) -> str | None:
        given = value_of(arguments, self.message_names)
        if given is None and self.positional_prompt:
            plain = self._positionals(arguments)
            if plain and plain[0] in self.commands:
                plain = plain[1:]
            given = plain[0] if plain else None
        return given

    def reads_stdin(self, arguments: Sequence[str]) -> bool:
        return self.pipes and value_of(arguments, ("--input-format",)) in (None, "text")

    def model(self, arguments: Sequence[str]) -> str:
        given = value_of(arguments, self.model_names) or ""
        return given.partition("/")[2] or given if self.prefixed else given

    def with_model(self, arguments: Sequence[str], model: str) -> list[str] | None:
        if self.listed:
            return None
        if self.prefixed:
            before, slash, _ = (value_of(arguments, self.model_names) or "").partition("/")
            maker = before if slash and before not in _MAKERS else maker_of(model)
            model = f"{maker}/{model}"
        replaced = with_value(arguments, self.model_names, model)
        if replaced is not None or self.insert is None:
            return replaced
        if self.not_with.intersection(self._positionals(arguments)[:1]):
            return None
        at = 1 if arguments and arguments[0] in self.commands else 0
        return [*arguments[:at], *(word.replace("{}", model) for word in self.insert), *arguments[at:]]

    def flags(self, arguments: Sequence[str]) -> tuple[str, ...]:
        return flags_of(arguments)

    def _positionals(self, arguments: Sequence[str]) -> list[str]:
        return positionals(arguments, self.valued | set(self.model_names), self.lists)


def before_terminator(arguments: Sequence[str]) -> Sequence[str]:
    """The arguments up to `--`, after which nothing is an option."""
    return arguments[: list(arguments).index("--")] if "--" in arguments else arguments


def flags_of(arguments: Sequence[str]) -> tuple[str, ...]:
    """The options that are given, each with its dashes and without; a rule may say either."""
    found: dict[str, None] = {}
    for word in before_terminator(arguments):
        name = word.partition("=")[0]
        if name.startswith("-") and name.strip("-") and len(name) <= LONGEST_FLAG and not _is_number(name):
            found[name] = found[name.lstrip("-")] = None
    return tuple(found)[: 2 * MOST_FLAGS]


def value_of(arguments: Sequence[str], names: Collection[str]) -> str | None:
    """The value of the last of these options; None where there is none. What begins with a dash is no value."""
    found = None
    given = before_terminator(arguments)
    for position, word in enumerate(given):
        name, equals, value = word.partition("=")
        if word in names and position + 1 < len(given) and not given[position + 1].startswith("-"):
            found = given[position + 1]
        elif equals and name in names and name.startswith("--"):
            found = value
    return found


def with_value(arguments: Sequence[str], names: Collection[str], value: str) -> list[str] | None:
    """The arguments with another value for these options, wherever one is given; None where none is."""
    changed = list(arguments)
    done = False
    for position, word in enumerate(before_terminator(arguments)):
        name, equals, _ = word.partition("=")
        if word in names and position + 1 < len(changed):
            changed[position + 1] = value
            done = True
        elif equals and name in names and name.startswith("--"):
            changed[position] = f"{name}={value}"
            done = True
    return changed if done else None


def positionals(arguments: Sequence[str], valued: Collection[str], lists: Collection[str] = ()) -> list[str]:
    """The arguments that are neither options nor values of the options in `valued` (one each) and `lists` (several)."""
    found: list[str] = []
    taking = 0  # how many of the words that follow are values
    for position, word in enumerate(arguments):
        if word == "--":
            return found + list(arguments[position + 1 :])
        if word.startswith("-") and word != "-":
            taking = 1 if word in valued else len(arguments) if word in lists else 0
        elif taking:
            taking -= 1
        else:
            found.append(word)
    return found


def _is_number(text: str) -> bool:
    return text[1:].replace(".", "", 1).isdecimal()

"""The forms for a provider and for its key. A key is typed unseen and goes into a private file, never back here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from conduit_tui.control.plane import ControlError
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.providers import KeyKind, KeySource, Provider
from conduit_tui.tui.clean import clean
from conduit_tui.tui.screens.dialog import Choice, Dialog
from conduit_tui.tui.screens.form import Form, Problems
from conduit_tui.tui.widgets.fields import FieldRow, TextInput, Toggle

TYPED = "typed here, kept in a private file"
SOURCES = {
    KeyKind.PASS_THROUGH: "clients bring their own",
    KeyKind.ENVIRONMENT: "environment variable",
    KeyKind.FILE: "a file of mine",
    KeyKind.NONE: "none is wanted",
}
SWITCH = ("yes", "no")
SPOKEN = {Dialect.ANTHROPIC: "anthropic", Dialect.OPENAI_CHAT: "openai chat", Dialect.OPENAI_RESPONSES: "responses"}


class ProviderForm(Form):
    """Adds a provider, or edits one. `saved` is its name once it is saved."""

    TAB = "settings"
    HELP_TEXT = (
        "Models are shell patterns of the names that it serves: qwen*, gpt-5.?. A base path that ends in /v1 takes the "
        "place of the client's. A typed key is written into a private file and never shown again, but for its end."
    )

    def __init__(self, provider: Provider | None) -> None:
        super().__init__(
            f"edit provider {provider.name}" if provider else "a new provider",
            (
                "models     shell patterns of the model names it serves, with commas between",
                "default    serves what no other provider claims, in its dialects",
                "key        a variable of the environment that the daemon is started in, a file",
                "           with mode 600, or typed here: then it is kept in a private file",
            ),
        )
        self._provider = provider
        self.saved: str | None = None

    @property
    def _is_kept(self) -> bool:
        """Whether the key is in a file that was written here; then it may stay as it is."""
        key = self._provider.key if self._provider else KeySource()
        return key.kind is KeyKind.FILE and Path(key.reference).parent == self.conduit.sources.state_dir.keys

    def rows(self) -> Iterable[FieldRow]:
        provider = self._provider
        speaks = provider.dialects if provider else (Dialect.OPENAI_CHAT,)
        if provider is None:
            yield FieldRow("name", TextInput("", widget_id="name"))
        yield FieldRow("base URL", TextInput(provider.base_url if provider else "https://", widget_id="base-url"))
        for dialect in Dialect:
            on = SWITCH[0] if dialect in speaks else SWITCH[1]
            yield FieldRow(SPOKEN[dialect], Toggle(SWITCH, on, mark=True, widget_id=f"speaks-{dialect}"))
        yield FieldRow("models", TextInput(", ".join(provider.models) if provider else "", widget_id="models"))
        default = SWITCH[0] if provider and provider.default else SWITCH[1]
        yield FieldRow("default", Toggle(SWITCH, default, mark=True, widget_id="default"))
        key = provider.key if provider else KeySource()
        source = TYPED if self._is_kept else SOURCES[key.kind]
        yield FieldRow("key", Toggle((*SOURCES.values(), TYPED), source, widget_id="key-source"))
        variable = key.reference if key.kind is KeyKind.ENVIRONMENT else ""
        file = key.reference if key.kind is KeyKind.FILE and not self._is_kept else ""
        yield FieldRow("  variable", TextInput(variable, widget_id="variable"))
        yield FieldRow("  file", TextInput(file, widget_id="file"))
        secret = secret_input("key")
        secret.placeholder = "stays as it is" if self._is_kept else ""
        yield FieldRow("  key", secret)

    def on_mount(self) -> None:
        super().on_mount()
        self._show_key_field()

    def on_toggle_changed(self) -> None:
        self._show_key_field()
        super().on_toggle_changed()

    def _show_key_field(self) -> None:
        source = self.value("key-source")
        for name, word in (
            ("variable", SOURCES[KeyKind.ENVIRONMENT]), ("file", SOURCES[KeyKind.FILE]), ("key", TYPED),
        ):  # fmt: skip
            row = self.query_one(f"#{name}").parent
            assert isinstance(row, FieldRow)
            row.display = source == word

    def check(self) -> Problems:
        problems: dict[str, str] = {}
        try:
            Provider.model_validate(self._fields())
        except ValidationError as error:
            from conduit_tui.control.validation import bad_input

            found = bad_input(error)
            names = {"base_url": "base-url", "dialects": "speaks-anthropic"}
            problems[names.get(found.field, found.field)] = found.message
            if found.field == "dialects":
                problems = {"speaks-anthropic": "say what it speaks: one dialect at least"}
            if found.field == "name" and not self.value("name").strip():
                problems = {"name": "a name of small letters, digits, . _ and -"}
        source = self.value("key-source")
        for name, kind, says in (
            ("variable", KeyKind.ENVIRONMENT, "the variable's name, such as OPENROUTER_API_KEY"),
            ("file", KeyKind.FILE, "the whole path of a file with mode 600"),
        ):
            if source == SOURCES[kind] and not self.value(name).strip():
                problems[name] = says
        if source == TYPED and not self._is_kept and not self.value("key").strip():
            problems["key"] = "the key; it is not shown"
        return problems

    def _fields(self) -> dict[str, Any]:
        source, key = self.value("key-source"), KeySource()
        if source == SOURCES[KeyKind.ENVIRONMENT]:
            key = KeySource(kind=KeyKind.ENVIRONMENT, reference=self.value("variable").strip() or "-")
        elif source == SOURCES[KeyKind.FILE]:
            key = KeySource(kind=KeyKind.FILE, reference=self.value("file").strip() or "-")
        elif source == TYPED and self._provider is not None and self._is_kept and not self.value("key").strip():
            key = self._provider.key
        elif source in (SOURCES[KeyKind.NONE], TYPED):
            key = KeySource(kind=KeyKind.NONE)
        return {
            "name": self._provider.name if self._provider else self.value("name").strip(),
            "base_url": self.value("base-url").strip(),
            "dialects": tuple(each for each in Dialect if self.value(f"speaks-{each}") == SWITCH[0]),
            "models": tuple(each for part in self.value("models").split(",") if (each := part.strip())),
            "default": self.value("default") == SWITCH[0],
            "key": key.model_dump(),
        }

    async def submit(self) -> None:
        provider = Provider.model_validate(self._fields())
        before = self._provider
        typed = self.value("key") if self.value("key-source") == TYPED else ""
        if before is not None and provider.key.stored_here and provider.key == before.key:
            await self._confirm_origin(before, provider)
        async with self.conduit.sources.open_control() as control:
            try:
                if before is None:
                    await control.add_provider(provider, typed)
                else:
                    await control.edit_provider(before.name, provider, typed)
            except ControlError as error:
                if error.field == "key.reference":
                    error.field = "variable" if provider.key.kind is KeyKind.ENVIRONMENT else "file"
                raise
        self.saved = provider.name

    async def _confirm_origin(self, before: Provider, after: Provider) -> None:
        """A key that is kept does not go to another place without being asked for. Raises ControlError."""
        if before.origin == after.origin:
            return
        said = (f"So far the key went to {clean(str(before.origin))}.",)
        choices = (Choice("", "n", "no, back"), Choice("send", "y", "yes, it is meant for that place"))
        asked = f"Send the key of {before.name} to {clean(str(after.origin))}?"
        if not await self.conduit.push_screen_wait(Dialog(asked, said, choices)):
            raise ControlError("bad-input", "the key stays where it is; name another key, or the place from before",
                               "base_url")  # fmt: skip


class KeyForm(Form):
    """Gives a provider another key. `saved` is the provider's name once it is saved."""

    TAB = "settings"
    HELP_TEXT = "The new key holds from the next request on. It is written into a private file and never shown again."

    def __init__(self, provider: Provider) -> None:
        super().__init__(
            f"a new key for {provider.name}",
            (
                f"it goes to {provider.origin} and nowhere else",
                "it is kept in a private file of the state directory, in place of the one before,",
                "and never shown again but for its last four characters",
            ),
        )
        self._provider = provider
        self.saved: str | None = None

    def rows(self) -> Iterable[FieldRow]:
        yield FieldRow("key", secret_input("key"))

    def check(self) -> Problems:
        return {} if self.value("key").strip() else {"key": "the key; it is not shown"}

    async def submit(self) -> None:
        async with self.conduit.sources.open_control() as control:
            await control.edit_provider(self._provider.name, self._provider, self.value("key"))
        self.saved = self._provider.name


def secret_input(name: str) -> TextInput:
    """A line whose text is not shown."""
    line = TextInput("", widget_id=name)
    line.password = True
    return line

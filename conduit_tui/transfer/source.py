"""What a file says, whatever its format: the same rows as our own files have, checked."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from conduit_tui.domain.projects import Project, ProjectConfig
from conduit_tui.domain.providers import BUILTIN_PROVIDERS, KeyKind, Provider
from conduit_tui.transfer import version_2
from conduit_tui.transfer.columns import instant, maybe_instant, plain
from conduit_tui.transfer.errors import TransferError
from conduit_tui.transfer.forbidden import refuse_forbidden
from conduit_tui.transfer.sections import SECTIONS, Row
from conduit_tui.transfer.stored import StoredProject, StoredProvider
from conduit_tui.transfer.strict_json import Document
from conduit_tui.transfer.unknown import FILE, Unknown

MOST = 10_000  # projects, providers, budgets or prices of one file

Valid = TypeVar("Valid", bound=BaseModel)

_created, _updated, _archived = instant("created_at"), instant("updated_at"), maybe_instant("archived_at")
_PROJECT = {"name", "created_at", "updated_at", "archived_at", "config"}
_PROVIDER = {*Provider.model_fields, "created_at", "updated_at"} - {"builtin"}


class Source(Protocol):
    """A file that was opened for import. Everything raises TransferError with the place of what is wrong."""

    version: str
    prefix: str  # of the kinds that its unknown fields are kept by
    project: str  # the one that it was exported from; empty: all
    warnings: list[str]

    def projects(self) -> list[StoredProject]: ...

    def providers(self) -> list[StoredProvider]: ...

    def rows(self, section: str) -> Iterator[Row]:
        """The rows of one of `SECTIONS`, one after the other."""
        ...

    def unknown(self) -> Iterable[Unknown]:
        """The fields that are not known here of the file, its projects and its providers."""
        ...


class Version2(Source):
    """Our own format."""

    version = version_2.VERSION
    prefix = ""

    def __init__(self, document: Document, values: dict[str, Any], arrays: dict[str, int]) -> None:
        self._document = document
        self._arrays = arrays
        self._values = values
        self.warnings = []
        self.project = values.get("project", "")
        known = {*SECTIONS, "projects", "providers", version_2.OTHER_FORMATS, *version_2.HEAD}
        for name in sorted(known - set(version_2.HEAD)):
            if name in values:
                raise TransferError("must be a list", name)
        self._further = {name: value for name, value in values.items() if name not in known}
        self._further |= {name: list(document.rows(at)) for name, at in arrays.items() if name not in known}
        refuse_forbidden(self._further, FILE)
        self._unknown: list[Unknown] = [Unknown(FILE, "", (), self._further)] if self._further else []
        self._projects = [self._project(*one) for one in enumerate(self._list("projects"))]
        self._providers = [self._provider(*one) for one in enumerate(self._list("providers"))]
        self._unknown += self._of_other_formats()

    def projects(self) -> list[StoredProject]:
        return self._projects

    def providers(self) -> list[StoredProvider]:
        return self._providers

    def rows(self, section: str) -> Iterator[Row]:
        if section in self._arrays:
            read = SECTIONS[section].read
            for number, given in enumerate(self._document.rows(self._arrays[section])):
                yield read(given, number)

    def unknown(self) -> Iterable[Unknown]:
        return self._unknown

    def _list(self, name: str) -> list[dict[str, Any]]:
        found = []
        for number, value in enumerate(self._document.rows(self._arrays[name]) if name in self._arrays else ()):
            if not isinstance(value, dict):
                raise TransferError("must be an object", f"{name}.{number}")
            if number >= MOST:
                raise TransferError(f"has more than {MOST:,} entries", name)
            found.append(value)
        return found

    def _project(self, number: int, given: dict[str, Any]) -> StoredProject:
        place = f"projects.{number}"
        refuse_forbidden(given, place)
        created = _created.read(given, place)
        one = StoredProject(
            read_name(given.get("name"), f"{place}.name"),
            read_config(given.get("config"), f"{place}.config"),
            created,
            _updated.read({"updated_at": created, **given}, place),
            _archived.read(given, place),
        )
        unknown = {key: value for key, value in given.items() if key not in _PROJECT}
        if limits := further_limits(one.config):
            unknown["config"] = {"costLimits": limits}
        if unknown:
            self._unknown.append(Unknown("projects", one.name, (), unknown))
        return one

    def _provider(self, number: int, given: dict[str, Any]) -> StoredProvider:
        place = f"providers.{number}"
        provider, unknown = read_provider(given, place)
        created = _created.read({"created_at": 0, **given}, place)
        if unknown:
            self._unknown.append(Unknown("providers", "", (provider.name,), unknown))
        return StoredProvider(provider, created, _updated.read({"updated_at": created, **given}, place))

    def _of_other_formats(self) -> Iterator[Unknown]:
        for number, given in enumerate(self._list(version_2.OTHER_FORMATS)):
            kind, project, key, fields = (given.get(name) for name in ("kind", "project", "key", "fields"))
            if not (
                isinstance(kind, str) and ":" in kind and isinstance(project, str)
                and isinstance(key, list) and isinstance(fields, dict)
            ):  # fmt: skip
                raise TransferError("must name kind, project, key and fields", f"{version_2.OTHER_FORMATS}.{number}")
            refuse_forbidden(fields, f"{version_2.OTHER_FORMATS}.{number}.fields")
            yield Unknown(kind, project, tuple(key), fields)


def read_name(value: Any, place: str) -> str:
    """A project's name. Raises TransferError."""
    return _valid(Project, {"name": value}, place).name


def read_config(value: Any, place: str) -> ProjectConfig:
    """A project's configuration in the shape of files. Raises TransferError."""
    if not isinstance(value, dict):
        raise TransferError("must be an object", place)
    refuse_forbidden(value, place)
    return _valid(ProjectConfig, plain(value), place)


def further_limits(config: ProjectConfig) -> dict[str, Any]:
    """The fields of cost limits that are not known here: the table of limits has no room for them."""
    return dict(config.cost_limits.model_extra or {})


def read_provider(given: dict[str, Any], place: str) -> tuple[Provider, dict[str, Any]]:
    """A provider, and the fields of it that are not known here. Raises TransferError."""
    refuse_forbidden(given, place)
    known = {name: value for name, value in given.items() if name in Provider.model_fields and name != "builtin"}
    unknown = {name: value for name, value in given.items() if name not in _PROVIDER}
    key = known.get("key")
    if isinstance(key, dict):
        more = {name: value for name, value in key.items() if name not in ("kind", "reference")}
        known["key"] = {name: value for name, value in key.items() if name not in more}
        unknown |= {"key": more} if more else {}
    provider = _valid(Provider, plain(known), place)
    if any(provider.name == builtin.name for builtin in BUILTIN_PROVIDERS):
        raise TransferError(f"{provider.name!r} is built in and cannot be replaced", f"{place}.name")
    reference = provider.key.reference
    if provider.key.kind is KeyKind.ENVIRONMENT and not (reference.isascii() and reference.isidentifier()):
        # what stands there may be the key itself: it is not repeated
        raise TransferError("not the name of an environment variable", f"{place}.key.reference")
    if provider.key.kind is KeyKind.FILE and not reference.startswith("/"):
        raise TransferError("not an absolute path", f"{place}.key.reference")
    return provider, unknown


def _valid(model: type[Valid], value: Any, place: str) -> Valid:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        path = ".".join(str(part) for part in problem["loc"])
        where = place if place.endswith(f".{path}") else f"{place}.{path}" if path else place
        raise TransferError(problem["msg"].removeprefix("Value error, "), where) from None

"""Reading a file that Conduit wrote, version 1.0, as rows of ours."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from conduit_tui.domain.usage import UsageRow
from conduit_tui.transfer import version_1
from conduit_tui.transfer.columns import as_text, count, instant, name, text
from conduit_tui.transfer.errors import TransferError
from conduit_tui.transfer.forbidden import refuse_forbidden
from conduit_tui.transfer.json_file import from_iso
from conduit_tui.transfer.sections import SECTIONS, Row
from conduit_tui.transfer.source import MOST, Source, further_limits, read_config
from conduit_tui.transfer.stored import StoredProject, StoredProvider
from conduit_tui.transfer.strict_json import Document
from conduit_tui.transfer.unknown import Unknown
from conduit_tui.transfer.version_1 import KINDS, PREFIX, VERSION, attempt_of

IMPORTED = "imported"

_USAGE = (
    text("model", ""), count("input_tokens", default=0), count("output_tokens", default=0),
    name("cost_currency", "USD"), name("routing_source", ""), text("routing_reason", ""),
    count("latency_ms", default=0),
)  # fmt: skip
_KNOWN_USAGE = {
    "id", "project_id", "agent_id", "session_id", "total_tokens", "cost", "metadata", "created_at",
    *(column.name for column in _USAGE),
}  # fmt: skip
_KNOWN_AGENT = {"id", "project_id", "agent_type", "client", "created_at", "updated_at"}
_KNOWN_SESSION = {"id", "project_id", "agent_id", "created_at", "updated_at"}
_LATEST = instant("created_at").check


class _Agent(NamedTuple):
    agent_type: str
    client: str


class Version1(Source):
    """The rows of a 1.0 file. Its own ids of projects, and what is not known here, are kept for the way back."""

    version = VERSION
    prefix = PREFIX

    def __init__(self, document: Document, values: dict[str, Any], arrays: dict[str, int]) -> None:
        self._document = document
        self._arrays = arrays
        self.project = ""
        self.warnings = []
        further = {key: value for key, value in values.items() if key not in version_1.HEAD}
        further |= {key: list(document.rows(at)) for key, at in arrays.items() if key not in version_1.HEAD}
        refuse_forbidden(further, "file")
        self._unknown = [Unknown(KINDS["file"], "", (), further)] if further else []
        self._names: dict[str, str] = {}
        self._projects = list(self._read_projects())
        self._agents: dict[tuple[str, str], _Agent] = {}
        for row in self._read_agents():
            facts = row.values
            self._agents[facts["project"], facts["agent"]] = _Agent(facts["agent_type"], facts["client"])

    def projects(self) -> list[StoredProject]:
        return self._projects

    def providers(self) -> list[StoredProvider]:
        return []

    def rows(self, section: str) -> Iterator[Row]:
        reading = {
            "usage": self._read_usage,
            "agents": self._read_agents,
            "sessions": self._read_sessions,
            "session_agents": self._read_session_agents,
        }
        return reading[section]() if section in reading else iter(())

    def unknown(self) -> Iterable[Unknown]:
        return self._unknown

    def _objects(self, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for number, given in enumerate(self._document.rows(self._arrays[key]) if key in self._arrays else ()):
            if not isinstance(given, dict):
                raise TransferError("must be an object", f"{key}.{number}")
            yield f"{key}.{number}", given

    def _read_projects(self) -> Iterator[StoredProject]:
        for place, given in self._objects("projects"):
            if len(self._names) >= MOST:
                raise TransferError(f"has more than {MOST:,} entries", "projects")
            refuse_forbidden(given, place)
            known_as = _id(given.get("id", given.get("name")), f"{place}.id")
            title = _id(given.get("name", known_as), f"{place}.name")
            called = version_1.our_name(title, self._names.values())
            if known_as in self._names:
                raise TransferError(f"there are two projects with the id {known_as!r}", place)
            self._names[known_as] = called
            config, zero = version_1.without_zero_limits(
                read_config(given.get("conduit_config") or {}, f"{place}.conduit_config")
            )
            self.warnings += [
                f"project {called}: a {limit} limit of 0 means no limit in version {VERSION} and is taken as none"
                for limit in zero
            ]
            fields = {key: value for key, value in given.items() if key not in ("id", "name", "conduit_config")}
            if limits := further_limits(config):
                fields["conduit_config"] = {"costLimits": limits}
            if (known_as, title) != (called, called):
                fields |= {"id": given.get("id", known_as), "name": title}
            if fields:
                self._unknown.append(Unknown(KINDS["projects"], called, (), fields))
            yield StoredProject(called, config, 0, 0)

    def _project_of(self, given: dict[str, Any], place: str) -> str:
        known_as = _id(given.get("project_id", "default") or "default", f"{place}.project_id")
        if known_as not in self._names:  # history outlives its project
            self._names[known_as] = version_1.our_name(known_as, self._names.values())
        return self._names[known_as]

    def _read_agents(self) -> Iterator[Row]:
        for place, given in self._objects("agents"):
            refuse_forbidden(given, place)
            first = _instant(given.get("created_at", 0), f"{place}.created_at")
            yield Row(
                {
                    "project": self._project_of(given, place),
                    "agent": _id(given.get("id"), f"{place}.id"),
                    "agent_type": name("agent_type", "").read(given, place),
                    "client": name("client", "").read(given, place),
                    "first_at": first,
                    "last_at": _instant(given.get("updated_at", first), f"{place}.updated_at"),
                },
                _further(given, _KNOWN_AGENT),
            )

    def _read_sessions(self) -> Iterator[Row]:
        for place, given in self._objects("sessions"):
            refuse_forbidden(given, place)
            values = {"client": "", "prompt_id": "", "stop": "", **self._session(given, place)}
            unknown = {key: value for key, value in _further(given, _KNOWN_SESSION).items() if value is not None}
            yield Row({column.name: values.get(column.name, 0) for column in SECTIONS["sessions"].columns}, unknown)

    def _read_session_agents(self) -> Iterator[Row]:
        for place, given in self._objects("sessions"):
            session = self._session(given, place)
            agent = _maybe_id(given.get("agent_id"), f"{place}.agent_id")
            facts = self._agents.get((session["project"], agent), _Agent("", ""))
            values = {**session, "agent": agent, "agent_type": facts.agent_type, "model": "", "stop": ""}
            yield Row({column.name: values.get(column.name, 0) for column in SECTIONS["session_agents"].columns}, {})

    def _session(self, given: dict[str, Any], place: str) -> dict[str, Any]:
        first = _instant(given.get("created_at", 0), f"{place}.created_at")
        return {
            "project": self._project_of(given, place),
            "session": _id(given.get("id"), f"{place}.id"),
            "first_at": first,
            "last_at": _instant(given.get("updated_at", first), f"{place}.updated_at"),
        }

    def _read_usage(self) -> Iterator[Row]:
        empty: dict[str, Any] = dict.fromkeys(UsageRow._fields, "") | dict.fromkeys(_ZERO, 0)
        for number, (place, given) in enumerate(self._objects("usage"), 1):
            told = {column.name: column.read(given, place) for column in _USAGE}
            project, agent = self._project_of(given, place), _maybe_id(given.get("agent_id"), f"{place}.agent_id")
            exchange, attempt = attempt_of(_id(given.get("id"), f"{place}.id"))
            facts = self._agents.get((project, agent), _Agent("", ""))
            model = told.pop("model")
            try:
                cost = version_1.nanodollars(given.get("cost", 0))
            except ValueError as problem:
                raise TransferError(str(problem), f"{place}.cost") from None
            row = empty | told | {
                "id": number, "exchange_id": exchange, "attempt": attempt, "project": project, "agent": agent,
                "agent_type": facts.agent_type, "client": facts.client, "requested_model": model,
                "routed_model": model, "session": _maybe_id(given.get("session_id"), f"{place}.session_id"),
                "cost_nanodollars": cost, "price_source": IMPORTED, "status": 200,
                "metadata": as_text({} if given.get("metadata") is None else given["metadata"]),
                "created_at": _instant(given.get("created_at"), f"{place}.created_at"),
            }  # fmt: skip
            checked = SECTIONS["usage"].read(row, number - 1)
            yield Row(checked.values, _further(given, _KNOWN_USAGE))


_ZERO = (
    "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "reasoning_tokens", "first_byte_ms",
    "overhead_us",
)  # fmt: skip


def _id(value: Any, place: str) -> str:
    """An id as text; some write numbers."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return str(name("id").read({"id": value}, place.removesuffix(".id")))


def _maybe_id(value: Any, place: str) -> str:
    return "" if value is None else _id(value, place)


def _instant(value: Any, place: str) -> int:
    try:
        return int(_LATEST(from_iso(value)))
    except ValueError as problem:
        raise TransferError(str(problem), place) from None


def _further(given: dict[str, Any], known: set[str]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key not in known}

"""Requests to try rules on: made up of words, read from a body, or recorded."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from conduit_tui.cli.errors import BAD_INPUT, Failure

if TYPE_CHECKING:
    from conduit_tui.domain.recorded import RecordedRequest
    from conduit_tui.routing.facts import Facts


class Question(NamedTuple):
    """A request to decide on, and what to call it."""

    title: str
    facts: "Facts"
    model: str  # that the client asks for
    dialect: str
    exchange_id: str = ""
    session: str = ""
    request_class: str = ""


def from_words(message: str | None, given: Mapping[str, Any], dialect: str, project: str) -> Question:
    """A request of which only this much is known; everything else is missing."""
    from conduit_tui.routing.tokens import count, family_ratio

    model = str(given.get("model", "as-requested"))
    sources: dict[str, Any] = {"project": project, "dialect": dialect, "model": model}
    if message is not None:
        sources["message"] = message
        sources["tokenCount"] = lambda: round(count(message) * family_ratio(model))
    return _question("a request made up here", {**sources, **given}, given)


def from_body(body: bytes, given: Mapping[str, Any], dialect: str, project: str) -> Question:
    """A request as a client sends it. Raises Failure for a body that the gateway would refuse."""
    from conduit_tui.domain.dialects import Dialect
    from conduit_tui.routing.counter import TokenCounter
    from conduit_tui.wire.requests import BadBody, read_request

    spoken = Dialect(dialect)
    try:
        seen, contents = read_request(body, spoken)
    except BadBody as bad:
        raise Failure(f"--body: {bad}", BAD_INPUT) from None
    switches = {
        "stream": seen.stream,
        "thinking": seen.has_thinking,
        "tools": seen.tools > 0,
        "images": contents.has_images,
        "json": seen.json_schema_output,
    }
    sources = {
        "project": project,
        "dialect": dialect,
        "model": seen.model,
        "message": contents.message,
        "system": contents.system,
        "tokenCount": lambda: TokenCounter().count(body, spoken, seen.model),
        "flags": tuple(name for name, on in switches.items() if on),
        "maxTokens": seen.max_tokens or None,
        "toolCount": seen.tools,
        "messageCount": seen.messages,
        **given,
    }
    return _question("the body", sources, given, metadata=contents.metadata)


def from_record(request: "RecordedRequest", needs: Collection[str]) -> Question:
    """A request of the past; what was not kept of it is unknown."""
    from conduit_tui.routing.recorded import facts_of

    return Question(
        f"exchange {request.exchange_id}, {request.requested_model} then served by {request.routed_model}",
        facts_of(request, needs),
        request.requested_model,
        request.dialect,
        request.exchange_id,
        request.session,
        request.request_class,
    )


def read_facts(words: Collection[str]) -> dict[str, Any]:
    """`FIELD=VALUE` words as facts. Raises Failure."""
    from conduit_tui.routing import fields
    from conduit_tui.routing.comparisons import fact_name
    from conduit_tui.routing.conditions import fault_of_field
    from conduit_tui.routing.fields import Kind, Scope
    from conduit_tui.routing.numbers import read_number

    facts: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        fault = fault_of_field(name, Scope.RULE)
        field = fields.find(name)
        if fault or field is None or not equals:
            raise Failure(f"--fact: {fault.message if fault else f'{word!r} is not FIELD=VALUE'}", BAD_INPUT)
        value: Any = text
        if field.kind is Kind.NUMBER:
            value = read_number(text)
            if value is None:
                raise Failure(f"--fact: `{name}` is a number, `{text}` is none", BAD_INPUT)
        elif field.kind is Kind.LIST:
            value = tuple(part for part in text.split(",") if part)
        facts[fact_name(name)] = value
    return facts


def _question(title: str, sources: Mapping[str, Any], given: Mapping[str, Any], *, metadata: Any = None) -> Question:
    from conduit_tui.routing.facts import Facts

    def header(name: str) -> Any:
        return given.get(f"header.{name}")

    def under(path: str) -> Any:
        value = given.get(f"metadata.{path}")
        return metadata(path) if value is None and metadata is not None else value

    facts = Facts(sources, families={"header": header, "metadata": under})
    facts.patient = True
    return Question(
        title,
        facts,
        str(sources["model"]),
        str(sources["dialect"]),
        session=str(sources.get("session", "")),
        request_class=str(sources.get("requestClass", "")),
    )

"""Keys stored here: bound to their provider, guarded by the gateway token, and found nowhere else. Fault X4."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from conduit_tui.control import token
from conduit_tui.domain.providers import KeyKind, KeySource
from tests.gateway.raw import ANTHROPIC_HEADERS, OPENAI_HEADERS, ask, chat, message
from tests.gateway.running import RunningGateway, fake_provider
from tests.providers import FakeProvider

ENV_KEY = "sk-ant-canary-env-7f3a9c51d2e84b06"
FILE_KEY = "sk-canary-file-1b2c3d4e5f607182"
CLIENT_KEY = "sk-ant-canary-client-9d8c7b6a5f4e3d2c"


class Keyed(NamedTuple):
    gateway: RunningGateway
    token: str
    keyed: FakeProvider  # has a key stored here
    own: FakeProvider  # pass-through


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    folder = tmp_path_factory.mktemp("keys")
    key_file = folder / "key"
    key_file.touch(0o600)
    key_file.write_text(FILE_KEY + "\n")
    with FakeProvider() as keyed, FakeProvider() as own:
        gateway = RunningGateway(
            folder / "state",
            [
                fake_provider(
                    keyed.url,
                    name="keyed-anthropic",
                    dialects=("anthropic",),
                    models=("keyed-*",),
                    default=False,
                    key=KeySource(kind=KeyKind.ENVIRONMENT, reference="MY_PROVIDER_KEY"),
                ),
                fake_provider(
                    keyed.url,
                    name="keyed-openai",
                    dialects=("openai-chat",),
                    models=("keyed-*",),
                    default=False,
                    key=KeySource(kind=KeyKind.FILE, reference=str(key_file)),
                ),
                fake_provider(
                    keyed.url,
                    name="lost-key",
                    dialects=("anthropic",),
                    models=("lost-*",),
                    default=False,
                    key=KeySource(kind=KeyKind.ENVIRONMENT, reference="NOT_SET_ANYWHERE"),
                ),
                fake_provider(
                    own.url,
                    name="free",
                    dialects=("anthropic",),
                    models=("free-*",),
                    default=False,
                    key=KeySource(kind=KeyKind.NONE),
                ),
                fake_provider(own.url, name="own"),
            ],
            environment={"MY_PROVIDER_KEY": ENV_KEY},
        )
        try:
            yield Keyed(gateway, token.load_or_create(gateway.state_dir), keyed, own)
        finally:
            gateway.close()


def test_a_stored_key_needs_the_gateway_token(house: Keyed) -> None:
    house.keyed.reset()
    for headers in ({}, {"x-api-key": CLIENT_KEY}, {"authorization": f"Bearer {CLIENT_KEY}"}):
        answer = ask(house.gateway.port, "POST", "/v1/messages", message(model="keyed-1"), headers)
        assert answer.status == 401
        assert answer.json["error"]["type"] == "authentication_error"
        assert answer.header("x-should-retry") == "false"
        assert "conduit-tui token show" in answer.json["error"]["message"]
    assert house.keyed.requests() == []


def test_the_token_opens_and_stays_here(house: Keyed) -> None:
    ways = [
        {"x-conduit-token": house.token, "x-api-key": CLIENT_KEY},
        {"x-api-key": house.token},
        {"authorization": f"Bearer {house.token}"},
    ]
    for headers in ways:
        house.keyed.reset()
        answer = ask(house.gateway.port, "POST", "/v1/messages", message(model="keyed-1"), headers)
        assert answer.status == 200
        (seen,) = house.keyed.requests()
        assert seen.header("x-api-key") == ENV_KEY
        assert seen.header("authorization") is None
        assert house.token.encode() not in seen.head
        assert CLIENT_KEY.encode() not in seen.head


def test_openai_dialects_get_a_bearer_key_from_a_file(house: Keyed) -> None:
    house.keyed.reset()
    headers = {"authorization": f"Bearer {house.token}"}
    assert ask(house.gateway.port, "POST", "/v1/chat/completions", chat(model="keyed-1"), headers).status == 200
    (seen,) = house.keyed.requests()
    assert seen.header("authorization") == f"Bearer {FILE_KEY}"
    assert seen.header("x-api-key") is None


def test_the_clients_credential_goes_to_the_pass_through_provider_only(house: Keyed) -> None:
    house.own.reset()
    headers = ANTHROPIC_HEADERS | {"x-api-key": CLIENT_KEY, "x-conduit-token": house.token}
    assert ask(house.gateway.port, "POST", "/v1/messages", message(), headers).status == 200
    (seen,) = house.own.requests()
    assert seen.header("x-api-key") == CLIENT_KEY
    assert house.token.encode() not in seen.head
    assert ENV_KEY.encode() not in seen.head


def test_the_token_is_never_passed_through_as_a_credential(house: Keyed) -> None:
    house.own.reset()
    for headers in ({"x-api-key": house.token}, {"authorization": f"Bearer {house.token}"}):
        answer = ask(house.gateway.port, "POST", "/v1/messages", message(), headers)
        assert answer.status == 401
        assert "own key" in answer.json["error"]["message"]
    assert house.own.requests() == []


def test_a_provider_without_a_key_gets_none_whatever_the_client_shows(house: Keyed) -> None:
    house.own.reset()
    for headers in ({"x-api-key": house.token}, {"authorization": f"Bearer {house.token}"}, {"x-api-key": CLIENT_KEY}):
        answer = ask(house.gateway.port, "POST", "/v1/messages", message(model="free-1"), headers)
        assert answer.status == 200
    for seen in house.own.requests():
        assert house.token.encode() not in seen.head
        assert CLIENT_KEY.encode() not in seen.head


def test_a_missing_key_is_a_502_that_says_which(house: Keyed) -> None:
    headers = {"x-api-key": house.token}
    answer = ask(house.gateway.port, "POST", "/v1/messages", message(model="lost-1"), headers)
    assert answer.status == 502
    assert "NOT_SET_ANYWHERE" in answer.json["error"]["message"]


def test_the_client_cannot_choose_a_host(house: Keyed) -> None:
    """X3: no field or header of a request names where it goes."""
    house.own.reset()
    evil = "http://127.0.0.1:1/"
    body = message(api_base=evil, base_url=evil, metadata={"api_base": evil})
    headers = ANTHROPIC_HEADERS | {"x-portkey-custom-host": evil, "x-forwarded-host": "evil", "forwarded": "host=evil"}
    assert ask(house.gateway.port, "POST", "/v1/messages", body, headers).status == 200
    (seen,) = house.own.requests()
    assert seen.header("host") == f"127.0.0.1:{house.own.port}"


def test_canary_keys_lie_nowhere(house: Keyed) -> None:
    """Written after traffic with every key, errors included: not in the database, a log, an answer or an argv."""
    port = house.gateway.port
    script = house.own.script("echo", {"status": 401, "message": f"invalid key {CLIENT_KEY}"})
    headers = ANTHROPIC_HEADERS | {"x-api-key": CLIENT_KEY, "authorization": f"Bearer {CLIENT_KEY}"}
    ask(port, "POST", "/v1/messages", message(), headers | script)
    ask(port, "POST", "/v1/chat/completions", chat(), OPENAI_HEADERS | {"authorization": f"Bearer {CLIENT_KEY}"})
    ask(port, "POST", f"/v1/messages?key={CLIENT_KEY}", message(), headers)
    house.gateway.wait_rows(3)
    artefacts = {path: path.read_bytes() for path in house.gateway.state_dir.root.rglob("*") if path.is_file()}
    token_file = artefacts.pop(house.gateway.state_dir.token)
    assert token_file.strip() == house.token.encode()
    artefacts[Path("argv")] = Path(f"/proc/{house.gateway.process.pid}/cmdline").read_bytes()
    for key in (ENV_KEY, FILE_KEY, CLIENT_KEY, house.token):
        forms = [key, key[::-1], base64.b64encode(key.encode()).decode().rstrip("="), key[:-6]]
        for path, content in artefacts.items():
            assert not [form for form in forms if form.encode() in content], f"a form of {key} lies in {path}"

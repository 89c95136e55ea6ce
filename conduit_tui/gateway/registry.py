"""Providers as the running gateway uses them: which one serves a model, and the key it is sent."""

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.providers import BUILTIN_PROVIDERS, KeyKind, Origin, Provider
from conduit_tui.routing.served import fits_in

CLIENT_VERSION_PATH = "/v1"


class KeyMissing(Exception):
    """A provider's key cannot be read; the message names the provider and says what to do."""


class Upstream(NamedTuple):
    """A provider, ready for the road: what connecting, addressing and paying need, worked out once."""

    provider: Provider
    origin: Origin
    key: bytes  # empty where the provider has none of ours
    key_error: str  # why there is no key, where there should be one

    @property
    def name(self) -> str:
        return self.provider.name

    def target(self, path: str, query: str) -> bytes:
        """The request target at this provider.

        A base path that ends in a version (`/api/v2`) replaces the client's `/v1`; any other is put before it.
        """
        base = self.provider.base_path
        if _ends_in_version(base) and path.startswith(CLIENT_VERSION_PATH + "/"):
            path = path[len(CLIENT_VERSION_PATH) :]
        full = base + path
        return (f"{full}?{query}" if query else full).encode("latin-1")

    def credential(self) -> bytes:
        """The key to send. Raises KeyMissing."""
        if self.key_error:
            raise KeyMissing(self.key_error)
        return self.key


class Registry:
    """The providers in force; replaced whole when one changes."""

    def __init__(self, stored: Iterable[Provider], environment: Mapping[str, str] = os.environ) -> None:
        self.upstreams = [_ready(provider, environment) for provider in (*stored, *BUILTIN_PROVIDERS)]
        self._picked: dict[tuple[Dialect, str], Upstream | None] = {}
        providers = [one.provider for one in self.upstreams]
        self.fits = {dialect: fits_in(providers, dialect) for dialect in Dialect}  # whether a model is served in each

    def pick(self, dialect: Dialect, model: str) -> Upstream | None:
        """Who serves a model in a dialect: a provider that claims it, else the default one, else the built-in one."""
        key = (dialect, model)
        if key not in self._picked:
            if len(self._picked) > 4096:  # model names come from clients
                self._picked.clear()
            self._picked[key] = self._choose(dialect, model)
        return self._picked[key]

    def _choose(self, dialect: Dialect, model: str) -> Upstream | None:
        speaking = [one for one in self.upstreams if dialect in one.provider.dialects]
        for one in speaking:
            if one.provider.claims(model):
                return one
        for one in speaking:
            if one.provider.default:
                return one
        return next((one for one in speaking if one.provider.builtin), None)

    def named_models(self, dialects: Iterable[Dialect]) -> list[str]:
        """Model names that providers claim by their full name, in order, without repeats."""
        wanted = set(dialects)
        names = (
            name
            for one in self.upstreams
            if wanted.intersection(one.provider.dialects)
            for name in one.provider.models
            if not any(c in name for c in "*?[")
        )
        return list(dict.fromkeys(names))

    def find(self, name: str) -> Upstream | None:
        return next((one for one in self.upstreams if one.name == name), None)


def _ready(provider: Provider, environment: Mapping[str, str]) -> Upstream:
    try:
        key, error = read_key(provider, environment), ""
    except KeyMissing as missing:
        key, error = b"", str(missing)
    return Upstream(provider, provider.origin, key, error)


def read_key(provider: Provider, environment: Mapping[str, str]) -> bytes:
    """The key that a provider's key source points to; empty for pass-through and none. Raises KeyMissing."""
    source = provider.key
    if source.kind is KeyKind.ENVIRONMENT:
        value = environment.get(source.reference, "").strip()
        if not value:
            raise KeyMissing(
                f"provider {provider.name}: the variable {source.reference} is not set where the daemon was started"
            )
    elif source.kind is KeyKind.FILE:
        value = _read_private(provider.name, Path(source.reference).expanduser()).strip()
        if not value:
            raise KeyMissing(f"provider {provider.name}: the key file {source.reference} is empty")
    else:
        return b""
    if not value.isascii() or any(c <= " " for c in value):
        raise KeyMissing(f"provider {provider.name}: the key holds characters that a header may not")
    return value.encode("ascii")


def _read_private(name: str, path: Path) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise KeyMissing(f"provider {name}: cannot read the key file {path}: {error.strerror}") from None
    with os.fdopen(handle) as file:
        facts = os.fstat(file.fileno())
        if facts.st_uid != os.getuid() or stat.S_IMODE(facts.st_mode) & 0o077:
            raise KeyMissing(f"provider {name}: the key file {path} must be yours alone (chmod 600)")
        try:
            return file.read(8192)
        except UnicodeDecodeError:
            raise KeyMissing(f"provider {name}: the key file {path} is not text") from None


def _ends_in_version(base_path: str) -> bool:
    last = base_path.rpartition("/")[2]
    return len(last) > 1 and last[0] == "v" and last[1:].isdigit()

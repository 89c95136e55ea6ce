"""Which proxy an origin is reached through: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, in either case."""

import os
from base64 import b64encode
from collections.abc import Mapping
from ipaddress import ip_network
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from conduit_tui.domain.providers import Origin
from conduit_tui.gateway.http.addresses import Address, literal


class Proxy(NamedTuple):
    """An HTTP proxy; `authorization` is the value of Proxy-Authorization, empty for none."""

    host: str
    port: int
    authorization: bytes

    @classmethod
    def parse(cls, url: str) -> "Proxy":
        """Read a URL, or host:port. Raises ValueError."""
        shown = url.rpartition("@")[2]  # never show the password
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme != "http":
            raise ValueError(f"proxy {shown}: only http:// proxies are spoken to, not {parts.scheme}://")
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or not url.isascii() or any(c <= " " or c == "\x7f" for c in url):
            raise ValueError(f"proxy {shown} is not a proxy's URL")
        authorization = b""
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            authorization = b"Basic " + b64encode(user.encode())
        return cls(host, port or 80, authorization)


class Proxies:
    """The choice for every origin. This machine itself is never reached through a proxy."""

    def __init__(self, *, http: str = "", https: str = "", no_proxy: str = "") -> None:
        """URLs of the proxies for each scheme, empty for none; `no_proxy` as in the environment."""
        self._urls = {"http": http, "https": https}
        self._exceptions = [entry for entry in no_proxy.replace(",", " ").lower().split() if entry]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Proxies":
        """Read the variables; the lower case of a name wins, as in curl."""
        variables = os.environ if environment is None else environment

        def read(name: str) -> str:
            return (variables.get(name) or variables.get(name.upper()) or "").strip()

        every = read("all_proxy")
        return cls(http=read("http_proxy") or every, https=read("https_proxy") or every, no_proxy=read("no_proxy"))

    def for_origin(self, origin: Origin) -> Proxy | None:
        """The proxy to go through, None for straight. Raises ValueError for a proxy that cannot be used."""
        url = self._urls.get(origin.scheme, "")
        if not url or self._excepted(origin):
            return None
        return Proxy.parse(url)

    def _excepted(self, origin: Origin) -> bool:
        host = origin.host.lower().rstrip(".")
        address = literal(host)
        if host == "localhost" or (address is not None and address.is_loopback):
            return True
        return any(_matches(entry, host, address, origin.port) for entry in self._exceptions)


def _matches(entry: str, host: str, address: Address | None, port: int) -> bool:
    if entry == "*":
        return True
    if address is not None:
        try:
            return address in ip_network(entry, strict=False)
        except ValueError:
            pass
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit() and (":" not in name or name.startswith("[")):
        if int(number) != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*").lstrip(".")
    return bool(entry) and (host == entry or (address is None and host.endswith(f".{entry}")))

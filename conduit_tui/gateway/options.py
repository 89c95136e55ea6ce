"""What the daemon tells a gateway at its start."""

import argparse
import json
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from conduit_tui.config.check import validate
from conduit_tui.config.model import BoxConfig
from conduit_tui.config.precedence import from_environment
from conduit_tui.gateway.reporter import Reporter
from conduit_tui.paths import StateDir


class Misconfigured(Exception):
    """The gateway cannot start as it was told to; the message says why."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the daemon says at the start.

    `living` are the older generations whose streams still run. A gateway that `waits` gets ready beside the one that
    serves, and is told when that has let go.
    """

    state_dir: StateDir
    listener: socket.socket
    reporter: Reporter
    life_fd: int
    generation: int
    living: tuple[int, ...]
    waits: bool
    url: str
    hosts: tuple[str, ...]
    tls: ssl.SSLContext | None
    config: BoxConfig

    @classmethod
    def parse(cls, arguments: list[str], reporter: Reporter) -> "Options":
        """The options in the words of a command line. Raises Misconfigured, ConfigError."""
        given = _parser().parse_args(arguments)
        return cls(
            state_dir=StateDir(Path(given.state_dir)),
            listener=socket.socket(fileno=given.listen_fd),
            reporter=reporter,
            life_fd=given.life_fd,
            generation=given.generation,
            living=tuple(given.living),
            waits=given.wait,
            url=given.url,
            hosts=tuple(given.allow_host),
            tls=_tls(given.tls_cert, given.tls_key),
            config=_config(given.config),
        )


def report_descriptor(arguments: list[str]) -> int:
    """Where to report to, known before anything that can fail."""
    return int(_parser().parse_args(arguments).report_fd)


def _config(given: str | None) -> BoxConfig:
    """What the daemon says; the environment and the defaults where it says nothing. Raises ConfigError."""
    return from_environment() if given is None else validate(json.loads(given))


def _tls(certificate: str | None, key: str | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(f"cannot use the certificate {certificate}: {error}") from None
    return context


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conduit_tui.gateway", description="Started by the daemon.")
    parser.add_argument("--state-dir", required=True)
    parser.add_argument("--listen-fd", type=int, required=True)
    parser.add_argument("--report-fd", type=int, required=True)
    parser.add_argument("--life-fd", type=int, required=True)
    parser.add_argument("--generation", type=int, required=True)
    parser.add_argument("--living", type=int, action="append", default=[], help="an older generation that still drains")
    parser.add_argument("--wait", action="store_true", help="be ready beside the one that serves, until told to begin")
    parser.add_argument("--url", required=True)
    parser.add_argument("--allow-host", action="append", default=[])
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    parser.add_argument("--config", help="the tables of config.toml that concern a gateway, as JSON")
    return parser

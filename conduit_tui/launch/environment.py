"""The environment of a launched agent: an allow-list, what the person names, and what leads it to the gateway."""

import os
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple
from urllib.parse import urlsplit

from conduit_tui.domain.runs import RUN_VARIABLE
from conduit_tui.launch.agents.agent import Agent, dialects_of
from conduit_tui.launch.agents.options import words
from conduit_tui.observe.redact import is_credential_name

PROJECT_VARIABLES = ("CONDUIT_PROJECT_ID", "SYNAPSE_PROJECT_ID")

# What a person's shell and tools live from. Patterns never let a name through that looks like a credential's.
_ALLOWED = words(
    # who and where
    "HOME USER LOGNAME SHELL PATH PWD OLDPWD SHLVL TMPDIR TMP TEMP HOSTNAME MAIL UID EUID "
    # languages and time
    "LANG LANGUAGE LC_* TZ "
    # the terminal and what is opened from it
    "TERM TERM_* TERMINFO TERMINFO_DIRS COLORTERM COLORFGBG COLUMNS LINES NO_COLOR FORCE_COLOR CLICOLOR* TMUX "
    "TMUX_PANE STY WINDOW SSH_TTY SSH_CONNECTION SSH_CLIENT SSH_AUTH_SOCK SSH_AGENT_PID KITTY_* WEZTERM_* ALACRITTY_* "
    "ITERM_* VTE_VERSION WT_SESSION WT_PROFILE_ID ZELLIJ* EDITOR VISUAL PAGER MANPAGER LESS LESS* LS_COLORS BROWSER "
    "DISPLAY WAYLAND_DISPLAY XAUTHORITY XDG_* DBUS_SESSION_BUS_ADDRESS GPG_TTY GPG_AGENT_INFO GNUPGHOME VSCODE_* "
    # the network
    "HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy SSL_CERT_FILE SSL_CERT_DIR "
    "REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS "
    # version control and builds
    "GIT_* JJ_* CI MAKEFLAGS MAKELEVEL CC CXX CFLAGS CXXFLAGS CPPFLAGS LDFLAGS LD_LIBRARY_PATH DYLD_LIBRARY_PATH "
    "PKG_CONFIG_PATH CMAKE_* CCACHE_* "
    # tool chains
    "VIRTUAL_ENV VIRTUAL_ENV_PROMPT PYTHON* CONDA_* MAMBA_* PYENV_* PIPX_* PIP_* UV_* POETRY_* NODE_* NVM_* FNM_* "
    "VOLTA_* NPM_CONFIG_* npm_config_* PNPM_HOME YARN_* BUN_* DENO_* GOPATH GOROOT GOBIN GOFLAGS GOPROXY GO111MODULE "
    "CARGO_* RUSTUP_* RUST_* JAVA_HOME JDK_HOME MAVEN_* GRADLE_* SDKMAN_* RBENV_* RUBY* GEM_* BUNDLE_* PERL* DOTNET_* "
    "NIX_* IN_NIX_SHELL GUIX_* ASDF_* MISE_* DIRENV_* HOMEBREW_* ANDROID_* FLUTTER_* DOCKER_HOST DOCKER_CONTEXT "
    "KUBECONFIG "
    # ours
    "CONDUIT_STATE_DIR IS_SANDBOX"
)
_EXACT = frozenset(name for name in _ALLOWED if "*" not in name)
_PATTERNS = tuple(name for name in _ALLOWED if "*" in name)
_CREDENTIAL = re.compile(r"(?i)(token|secret|passw(or)?d|credentials?|(api|private|access)_?key)$")
_OURS = ("CONDUIT_TOKEN", RUN_VARIABLE, *PROJECT_VARIABLES)
_PROXIES = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


class Environment(NamedTuple):
    """The variables of a run, and the names of those that were left behind."""

    variables: dict[str, str]
    left: tuple[str, ...]


def through_gateway(
    inherited: Mapping[str, str], agent: Agent, setup: Mapping[str, str], *, own: frozenset[str], named: Iterable[str]
) -> Environment:
    """For an agent whose requests go through the gateway: nothing may lead them elsewhere, no provider's key is there.

    The agent's own credential is, in the dialects `own`, where the provider takes that one and no other.
    """
    variables, left = _allowed(inherited, agent, named)
    for name in list(variables):
        if _matches(name, agent.redirecting):
            del variables[name]
            left.append(name)
    takes = [name for name in agent.credentials if own.intersection(dialects_of(name))]
    kept = {name: inherited[name] for name in takes if name in inherited}
    left = [name for name in left if name not in kept]
    variables |= kept | dict(setup)
    _reach_without_proxy(variables, setup.values())
    return Environment(variables, tuple(sorted(left)))


def directly(inherited: Mapping[str, str], agent: Agent, gateway: str, *, named: Iterable[str]) -> Environment:
    """For an agent that goes without the gateway: its own credential and settings, and nothing that leads to it."""
    variables, left = _allowed(inherited, agent, named)
    variables |= {name: inherited[name] for name in agent.credentials if name in inherited}
    address = urlsplit(gateway).netloc
    for name, value in list(variables.items()):
        if (address and address in value and name.endswith(("_BASE_URL", "_API_BASE"))) or "x-conduit-" in value:
            del variables[name]
    return Environment(variables, tuple(sorted(name for name in left if name not in variables)))


def marked(variables: Mapping[str, str], project: str, run: str) -> dict[str, str]:
    """The variables with those that say which project and run they are of."""
    return {**variables, **dict.fromkeys(PROJECT_VARIABLES, project), RUN_VARIABLE: run}


def _allowed(inherited: Mapping[str, str], agent: Agent, named: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    named = tuple(named)
    variables: dict[str, str] = {}
    left = []
    for name, value in inherited.items():
        if name in _EXACT or _matches(name, named) or (_passes(name, agent) and not _is_credential(name)):
            variables[name] = value
        elif name not in _OURS and name != "_":  # that one is the shell's note of the command itself
            left.append(name)
    return variables, left


def _is_credential(name: str) -> bool:
    return is_credential_name(name) or _CREDENTIAL.search(name) is not None


def _passes(name: str, agent: Agent) -> bool:
    return name not in _OURS and _matches(name, (*_PATTERNS, *agent.settings))


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _reach_without_proxy(variables: dict[str, str], urls: Iterable[str]) -> None:
    """Keep a proxy from being asked for the gateway, which it would look for on its own host."""
    if not any(name in variables for name in _PROXIES):
        return
    hosts = {urlsplit(url).hostname for url in urls if url.startswith("http")} - {None, ""}
    for name in ("NO_PROXY", "no_proxy"):
        before = [part for part in variables.get(name, os.environ.get(name, "")).split(",") if part]
        if "*" not in before:
            variables[name] = ",".join(dict.fromkeys([*before, *sorted(map(str, hosts))]))

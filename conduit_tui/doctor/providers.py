"""Whether providers can be reached, with the keys they will be used with. No key is shown, not even its end."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from conduit_tui.control.plane import ControlError, ProviderTest
from conduit_tui.doctor.check import Check, fail, ok, warn
from conduit_tui.domain.providers import KeyKind, Provider

ANSWER_SECONDS = 2.0

_KEYS = {
    KeyKind.PASS_THROUGH: "the client's own key",
    KeyKind.ENVIRONMENT: "a key from the gateway's environment",
    KeyKind.FILE: "a key from a file",
    KeyKind.NONE: "no key",
}


async def providers(
    configured: Sequence[Provider], test: Callable[[str], Awaitable[ProviderTest]] | None
) -> list[Check]:
    """A check of each provider, all at once; `test` asks one for its models, None asks nobody."""
    return list(await asyncio.gather(*(_examined(provider, test) for provider in configured)))


async def _examined(provider: Provider, test: Callable[[str], Awaitable[ProviderTest]] | None) -> Check:
    subject = f"provider {provider.name}"
    shown = f"{provider.origin}, {_KEYS[provider.key.kind]}"
    if test is None:
        return ok(subject, f"{shown}; not asked (--offline)")
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            found = await test(provider.name)
    except TimeoutError:
        return _unreached(provider, f"{shown}; no answer within {ANSWER_SECONDS:g} s")
    except ControlError as error:
        return warn(subject, f"{shown}; {error.message}", "`conduit-tui providers test` tries again")
    if found.ok:
        return ok(subject, f"{shown}; {found.detail} ({found.took_ms:.0f} ms)")
    if provider.key.stored_here and "cannot be reached" not in found.detail:
        return fail(subject, f"{shown}; {found.detail}", f"`conduit-tui providers edit {provider.name}` sets its key")
    return _unreached(provider, f"{shown}; {found.detail}")


def _unreached(provider: Provider, found: str) -> Check:
    advice = "check the network, HTTPS_PROXY, and the base URL (`conduit-tui providers list`)"
    # nobody may want a built-in one: it is there whether it is used or not
    return (warn if provider.builtin else fail)(f"provider {provider.name}", found, advice)

"""Which addresses an upstream may have, judged on the address that is connected to.

A provider's name must not lead into the machine or its private network, where it could reach what trusts its
neighbours, and nothing may reach the link-local services of a cloud machine. Who means a private address writes it.
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_TRANSLATED = IPv6Network("64:ff9b::/96")  # NAT64 carries an IPv4 address in its last four bytes


def literal(host: str) -> Address | None:
    """The address, if the host is one and not a name."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def refusal(host: str, resolved: str) -> str | None:
    """Why `host` may not be reached at the address `resolved`, for people; None if it may."""
    address = _inner(ip_address(resolved.partition("%")[0]))
    if address.is_link_local:
        return f"{host} is at the link-local address {address}, which is never allowed"
    if literal(host) is not None:
        return None
    if host.lower().rstrip(".") == "localhost":
        return None if address.is_loopback else f"localhost resolves to {address}, which is not this machine"
    if not address.is_global or address.is_multicast:
        return f"the name {host} resolves to the private address {address}; configure the address itself if it is meant"
    return None


def refusal_unresolved(host: str) -> str | None:
    """As `refusal`, where a proxy resolves the name and only a literal can be judged."""
    return None if literal(host) is None else refusal(host, host)


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, if it stands for one."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _TRANSLATED:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address

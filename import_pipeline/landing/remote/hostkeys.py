"""Who is at the other end: fingerprints, and the words of a refusal with the line to add.

Belongs here: which host keys are trusted, what is said about others. Does not belong here: connecting (client.py).

A key is trusted when its fingerprint is stated (`host_key`) or when a known_hosts file has it. Nothing is ever added by itself.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from import_pipeline.failures import PermanentFailure
from import_pipeline.landing.remote.faults import HostKeyRefused, Unreachable, fault_of
from import_pipeline.model.remote_door import RemoteDoor

if TYPE_CHECKING:
    import asyncssh

FAMILIES: tuple[tuple[str, ...], ...] = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-256", "rsa-sha2-512"),
)
"""Kinds of host keys; a server may have one of each, and shows one at a connection."""
SECONDS = 10.0


@dataclass(frozen=True)
class Offered:
    """A key that a server showed."""

    algorithm: str
    fingerprint: str


def line_to_add(fingerprint: str) -> str:
    """The line of the remote in defs.yaml that trusts this key."""
    return f'host_key: "{fingerprint}"'


def offered_by(key: "asyncssh.SSHKey") -> Offered:
    """The key as people compare it."""
    return Offered(key.get_algorithm(), key.get_fingerprint("sha256"))


def is_trusted(door: RemoteDoor, offered: Offered) -> bool:
    """Whether the fingerprint is one of those stated."""
    return offered.fingerprint in door.host_key


def trusted_by_file(door: RemoteDoor) -> Any:
    """The keys of the door's known_hosts file, as asyncssh takes them; raises PermanentFailure when it cannot be read."""
    import asyncssh

    file = Path(door.known_hosts or "").expanduser()
    try:
        # Parsed here: given an empty text, asyncssh would look into the known_hosts of whoever runs this.
        return asyncssh.import_known_hosts(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PermanentFailure(f"{door.name}: the known_hosts file {file} cannot be used: {error}") from error


def refusal(door: RemoteDoor, seen: list[Offered]) -> HostKeyRefused:
    """What people need to know: what was offered, what was expected, and the line that would trust it."""
    offered = ", ".join(f"{one.fingerprint} ({one.algorithm})" for one in dict.fromkeys(seen)) or "no key"
    first = seen[0].fingerprint if seen else "SHA256:…"
    if door.host_key or door.known_hosts:
        expected = ", ".join(door.host_key) or f"what {door.known_hosts} has for {door.where}"
        change = line_to_add(first) if door.host_key else f"the key of {door.where} in {door.known_hosts}"
        return HostKeyRefused(
            f"{door.name}: the host key of {door.where} is not the one expected: nothing was sent. Offered: {offered}. "
            f"Expected: {expected}. Ask who runs the server whether the key was changed; only then set {change}"
        )
    return HostKeyRefused(
        f"{door.name}: the host key of {door.where} is unknown: nothing was sent. Offered: {offered}. Compare it with what who runs the "
        f"server tells you, then add to the remote {door.name!r} in defs.yaml: {line_to_add(first)}"
    )


def offered(host: str, port: int) -> list[Offered]:
    """The keys that a server shows, one of each kind it has; nothing is sent but the wish to see them. Raises Unreachable."""
    return asyncio.run(_offered(host, port))


async def _offered(host: str, port: int) -> list[Offered]:
    import asyncssh

    found: list[Offered] = []
    last: BaseException | None = None
    for family in FAMILIES:
        try:
            ask = asyncssh.get_server_host_key(host, port, server_host_key_algs=list(family), config=None)
            key = await asyncio.wait_for(ask, SECONDS)
        except (OSError, asyncssh.Error) as error:
            last = error
            continue
        if key is not None:
            found.append(offered_by(key))
    if not found:
        fault = fault_of(last, f"asking {host}:{port} for its host key") if last else None
        raise fault or Unreachable(f"{host}:{port} shows no host key")
    return found

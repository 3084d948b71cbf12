"""`remote trust | check | list`: other people's SFTP servers that accounts poll.

Belongs here: these commands. Does not belong here: connecting and listing (landing/remote/), what a remote states (model/remote_door.py).
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from import_pipeline.cli.shared import AccountOption, JsonOption, chosen_account, console, opened, plain, print_json
from import_pipeline.failures import PermanentFailure, UnknownValue

if TYPE_CHECKING:
    from import_pipeline.delivering.pipeline import Pipeline
    from import_pipeline.model.account import Account
    from import_pipeline.model.remote_door import RemoteDoor

remote = typer.Typer(name="remote", no_args_is_help=True, add_completion=False, help="Other people's SFTP servers that accounts poll.")
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The remote's name in defs.yaml.")]
ServerArgument = Annotated[str, typer.Argument(metavar="NAME|HOST[:PORT]", help="A remote's name in defs.yaml, or a server's address.")]
_HOST = re.compile(r"(?:sftp://)?(?:[^@/]*@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?(?:/.*)?")


@remote.command("trust")
def trust(server: ServerArgument, account: AccountOption = None) -> None:
    """Shows a server's host keys and the line that trusts one. Nothing is stored: compare it, then add the line yourself."""
    from import_pipeline.landing.remote import hostkeys

    with opened() as pipeline:
        found = [(of, door) for of, door in _remotes(pipeline, account) if door.name == server]
    if found:
        of, door = found[0]
        host, port = door.address.host, door.address.port
    else:
        address = _HOST.fullmatch(server)
        if not address:
            raise PermanentFailure(f"{server!r} is neither a remote's name nor an address such as sftp.example.com:22")
        of, door = None, None
        host, port = address[1].strip("[]"), int(address[2] or 22)
    out = console()
    keys = hostkeys.offered(host, port)
    out.print(plain(f"{host}:{port} shows"), soft_wrap=True)
    for key in keys:
        known = "  (this is the one that is trusted)" if door and hostkeys.is_trusted(door, key) else ""
        out.print(plain(f"  {key.fingerprint}  {key.algorithm}{known}"), soft_wrap=True)
    if door and any(hostkeys.is_trusted(door, key) for key in keys):
        return
    place = f"the remote {door.name!r} in {of.name}/defs.yaml" if door and of else "the remote in defs.yaml"
    told = "add to" if not (door and door.host_key) else f"another key is stated ({', '.join(door.host_key)}): if it was changed, set in"
    out.print(plain(f"Compare it with what who runs the server tells you; when it is the same, {told} {place}:"), soft_wrap=True)
    out.print(plain(f"  {hostkeys.line_to_add(keys[0].fingerprint)}"), soft_wrap=True)


@remote.command("check")
def check(name: NameArgument, account: AccountOption = None) -> None:
    """Connects and lists: what would be taken, as what, and what would not. Nothing is downloaded and nothing is changed."""
    from import_pipeline.landing.remote import look, state
    from import_pipeline.landing.remote.client import connected

    with opened() as pipeline:
        of, door = _chosen(pipeline, account, name)
        out = console()
        if door.insecure_host_key:
            out.print(plain(f"warning: {look.INSECURE}"), soft_wrap=True)
        with connected(door) as peer:
            seen = look.listed(peer, door)
        out.print(plain(f"{door.name}: logged in to {door.where} as {door.address.user}; {len(seen)} things lie in its folder"))
        table = _files_table(pipeline, of, door, seen)
        if table is not None:
            out.print(table)
        state.forget(pipeline.ledger, of, door, now=pipeline.clock.now())


@remote.command("list")
def listing(account: AccountOption = None, json: JsonOption = False) -> None:
    """Lists the remotes: what the last look saw, what failed since when, what could not be taken, answered or moved."""
    with opened() as pipeline:
        rows = [_row(pipeline, of, door) for of, door in _remotes(pipeline, account)]
    if json:
        for row in rows:
            print_json(row)
        return
    if not rows:
        console().print("no remotes; `doors: {remotes: [...]}` in an account's defs.yaml names them")
        return
    from rich.table import Table

    table = Table()
    for title in ("remote", "account", "server", "after", "last look", "files", "state"):
        table.add_column(title, overflow="fold")
    for row in rows:
        told = [*row["faults"], *(f"{note['file']}: {note['note']} (next at {note['next']})" for note in row["open"])]
        state_ = "\n".join(told) or ("off" if not row["enabled"] else "well" if row["looked"] else "not looked at yet")
        files = f"{row['listed']}, {row['waiting']} not complete" if row["waiting"] else str(row["listed"])
        looked = (row["looked"] or "")[:19].replace("T", " ")
        table.add_row(row["remote"], row["account"], plain(row["server"]), row["after"], looked, files, plain(state_))
    console().print(table)


def _remotes(pipeline: "Pipeline", account: str | None) -> "Iterator[tuple[Account, RemoteDoor]]":
    accounts = [chosen_account(pipeline, account)] if account else pipeline.accounts.values()
    return ((of, door) for of in accounts for door in of.doors.remotes)


def _chosen(pipeline: "Pipeline", account: str | None, name: str) -> "tuple[Account, RemoteDoor]":
    known = list(_remotes(pipeline, account))
    found = [(of, door) for of, door in known if door.name == name]
    if not found:
        raise UnknownValue("remote", name, {door.name for _, door in known})
    if len(found) > 1:
        raise PermanentFailure(f"several accounts have a remote {name!r}; name one with --account: {', '.join(of.name for of, _ in found)}")
    return found[0]


def _files_table(pipeline: "Pipeline", of: "Account", door: "RemoteDoor", seen: list[Any]) -> Any:
    """What lies there, and what would become of it."""
    from rich.table import Table

    from import_pipeline.landing import names
    from import_pipeline.landing.remote.look import meant
    from import_pipeline.ledger import remotes

    entries = {entry.path: entry for entry in meant(seen, door)}
    if not seen:
        return None
    with pipeline.ledger.read() as conn:
        left = remotes.left(conn, of.name, door.door)
        live = {(file.path, file.fingerprint): file for file in remotes.live(conn, of.name, door.door)}
    table = Table()
    for title in ("file", "bytes", "what becomes of it"):
        table.add_column(title, overflow="fold")
    for path, raw, status in seen:
        entry = entries.get(path)
        known = live.get((path, status.fingerprint))
        if entry is None:
            fate = f"left alone: a {status.kind}" if status.kind != "file" else "left alone: no pattern of the remote means it"
        elif (path, status.fingerprint) in left:
            fate = "was taken and answered"
        elif known is not None and known.state not in ("seen", "skipped"):
            fate = f"was taken: {known.state}"
        elif entry.kind != "file":
            fate = f"left alone: a {entry.kind}"
        elif entry.standing == "wait":
            fate = "waits until its sender renames it"
        else:
            fate = _as_what(of, door, entry.name)
        table.add_row(plain(names.display(raw)), f"{status.size:,}", plain(fate))
    return table


def _as_what(of: "Account", door: "RemoteDoor", name: str) -> str:
    from import_pipeline.landing import names

    pattern = door.pattern_of(name)
    told = "planned" if door.dry_run else "taken"
    if pattern and pattern.format:
        return f"{told} as {of.format(pattern.format).object_type}, format {pattern.format}"
    found = pattern.type if pattern and pattern.type else names.object_type_of(of, name)
    return f"{told} as {found}" if isinstance(found, str) else f"taken and refused: {found.message}"


def _row(pipeline: "Pipeline", of: "Account", door: "RemoteDoor") -> dict[str, Any]:
    from import_pipeline.landing.remote import state
    from import_pipeline.ledger import remotes

    steps: tuple[state.Step, ...] = ("look", "collect", "answer")
    found = {step: state.load(pipeline.ledger, of, door, step) for step in steps}
    with pipeline.ledger.read() as conn:
        noted = remotes.noted(conn, of.name, door.door)
    return {
        "remote": door.name,
        "account": of.name,
        "server": f"{door.address.user}@{door.where}",
        "after": door.after,
        "enabled": door.enabled,
        "looked": found["look"].at,
        "listed": found["look"].listed,
        "waiting": found["look"].waiting,
        "faults": [
            f"{step}, {one.tries} times since {one.since}, next at {one.next}: {one.fault}" for step, one in found.items() if one.fault
        ],
        "open": [{"file": file.name, "note": file.note, "next": file.project_next} for file in noted],
    }

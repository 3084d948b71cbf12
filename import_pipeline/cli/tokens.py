"""`token add | list | revoke`: keys of programs that call the HTTP doors.

Belongs here: these commands. Does not belong here: making and checking keys (gateway/http/tokens.py), the service.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from import_pipeline.cli.shared import AccountOption, JsonOption, chosen_account, console, iso, one_of, opened, plain, print_json
from import_pipeline.failures import PermanentFailure, UnknownValue

if TYPE_CHECKING:
    from import_pipeline.ledger.tokens import Token

token = typer.Typer(name="token", no_args_is_help=True, add_completion=False, help="Keys of programs that call over HTTP.")
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the key is for, such as nightly-sync.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `token list` shows it.")]
OwnerOption = Annotated[str, typer.Option("--owner", "-o", help="To whom it is given, for example an e-mail address.")]
ScopeOption = Annotated[
    list[str] | None,
    typer.Option("--scope", "-s", help="import: sends and starts; read: sees progress and results. Without it both."),
]
ExpiresOption = Annotated[str, typer.Option("--expires", "-e", metavar="DURATION", help="How long it is good for, such as 90d, or never.")]


@token.command("add")
def add(
    name: NameArgument,
    account: AccountOption = None,
    owner: OwnerOption = "",
    scope: ScopeOption = None,
    expires: ExpiresOption = "365d",
    json: JsonOption = False,
) -> None:
    """Makes a key and shows it, this once: only its digest is kept."""
    from import_pipeline.gateway.http.tokens import digest, make_key
    from import_pipeline.ledger import tokens
    from import_pipeline.model.http_door import SCOPES

    scopes = tuple(dict.fromkeys(one_of("scope", one, SCOPES) for one in scope or SCOPES))
    with opened() as pipeline:
        of = chosen_account(pipeline, account)
        if not of.doors.http.enabled:
            raise PermanentFailure(f"the account {of.name} has no HTTP door: its defs.yaml states `http: {{enabled: false}}`")
        now = pipeline.clock.now()
        key_id, key = make_key()
        made = tokens.Token(key_id, of.name, owner, name, digest(key), scopes, now, _until(expires, now), None)
        with pipeline.ledger.begin() as conn:
            tokens.add(conn, made)
    if json:
        print_json({**_object(made), "key": key})
        return
    out = console()
    out.print(plain(f"{key}"), soft_wrap=True)
    good = f"until {made.expires_at:%Y-%m-%d}" if made.expires_at else "for ever"
    out.print(plain(f"id {key_id}, for {of.name}, may {' and '.join(scopes)}, good {good}. It is not shown again."), soft_wrap=True)


@token.command("list")
def listing(account: AccountOption = None, json: JsonOption = False) -> None:
    """Shows the keys that were made, without the keys themselves."""
    from rich.table import Table

    from import_pipeline.ledger import tokens

    with opened() as pipeline:
        wanted = pipeline.account(account).name if account else None
        with pipeline.ledger.read() as conn:
            found = tokens.listing(conn, wanted)
        now = pipeline.clock.now()
    if json:
        for one in found:
            print_json(_object(one))
        return
    table = Table()
    for title in ("id", "name", "account", "owner", "may", "since", ""):
        table.add_column(title, overflow="fold")
    for one in found:
        until = f"until {one.expires_at:%Y-%m-%d}" if one.expires_at else ""
        state = "revoked" if one.revoked_at else until if one.valid_at(now) else "expired"
        table.add_row(one.id, plain(one.name), one.account, plain(one.owner), ", ".join(one.scopes), f"{one.created_at:%Y-%m-%d}", state)
    console().print(table if found else "none; `import-pipeline token add NAME --account ACCOUNT` makes one")


@token.command("revoke")
def revoke(key_id: IdArgument) -> None:
    """Ends a key for ever, at once. A whole key is taken for its id, so that a key found somewhere can be ended."""
    from import_pipeline.ledger import tokens

    wanted = key_id[4:20] if key_id.startswith("ipk_") else key_id
    with opened() as pipeline:
        with pipeline.ledger.begin() as conn:
            if not tokens.revoke(conn, wanted, now=pipeline.clock.now()):
                standing = [found.id for found in tokens.listing(conn) if found.revoked_at is None]
                raise UnknownValue("key", wanted, standing)
        console().print(plain(f"{wanted} is revoked"))


def _until(expires: str, now: datetime) -> datetime | None:
    from import_pipeline.model.base import parse_duration

    if expires == "never":
        return None
    try:
        return now + parse_duration(expires)  # type: ignore[operator]
    except (ValueError, OverflowError, TypeError) as fault:
        raise PermanentFailure(f"--expires: {fault}, or `never`") from None


def _object(one: "Token") -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "account": one.account,
        "owner": one.owner,
        "scopes": list(one.scopes),
        "created_at": iso(one.created_at),
        "expires_at": iso(one.expires_at),
        "revoked_at": iso(one.revoked_at),
    }

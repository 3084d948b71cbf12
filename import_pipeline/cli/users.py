"""`user add | remove | disable | enable | list`: who may log in through SFTP.

Belongs here: these commands. Does not belong here: hashing (gateway/passwords.py), the server.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from import_pipeline.cli.shared import AccountOption, JsonOption, chosen_account, console, iso, one_of, opened, plain, print_json
from import_pipeline.failures import PermanentFailure, UnknownValue

if TYPE_CHECKING:
    from import_pipeline.ledger.users import User
    from import_pipeline.model.account import Account

user = typer.Typer(name="user", no_args_is_help=True, add_completion=False, help="Who may log in through SFTP and on the desk.")
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The log-in name; unique over all accounts.")]
RoleOption = Annotated[
    str,
    typer.Option(
        "--role", "-r", help="upload: sends files, reads their answers; read: reads exports; both; or admin: both, and manages on the desk."
    ),
]
KeyOption = Annotated[
    list[Path] | None,
    typer.Option("--key", "-k", exists=True, dir_okay=False, help="A file of public keys (RSA or ED25519); may be repeated."),
]
StdinOption = Annotated[bool, typer.Option("--password-stdin", help="Reads the password from the first line of stdin.")]
ReplaceOption = Annotated[bool, typer.Option("--replace", help="Replaces password, keys and role of a user that exists.")]


@user.command("add")
def add(
    name: NameArgument,
    account: AccountOption = None,
    role: RoleOption = "both",
    key: KeyOption = None,
    password_stdin: StdinOption = False,
    replace: ReplaceOption = False,
) -> None:
    """Lets somebody log in, by keys, by a password, or by either. Without a key the password is asked for."""
    from import_pipeline.gateway.passwords import hash_password
    from import_pipeline.gateway.sftp.keys import read_keys
    from import_pipeline.ledger import users
    from import_pipeline.model.sftp_door import ROLES
    from import_pipeline.model.user_names import check_user_name, may_use_sftp

    one_of("role", role, ROLES)
    keys = [found for path in key or [] for found in read_keys(path.read_text(encoding="utf-8", errors="replace"))]
    with opened() as pipeline:
        of = chosen_account(pipeline, account)
        check_user_name(name, of, pipeline.accounts.values())
        if not (may_use_sftp(name, of) or of.doors.desk.enabled):
            raise PermanentFailure(f"the account {of.name} has neither an SFTP door nor a desk for a user of this name")
        with pipeline.ledger.read() as conn:
            known = users.get(conn, name)
        if known and (not replace or known.account != of.name):
            hint = (
                "--replace gives it another password, keys and role" if known.account == of.name else "names are unique over all accounts"
            )
            raise PermanentFailure(f"the user {name!r} exists, of the account {known.account}; {hint}")
        password = _password(password_stdin, asked=not keys)
        if password is None and not may_use_sftp(name, of):
            raise PermanentFailure(f"over SFTP {_sftp_user(of)}; on the desk {name!r} needs a password")
        hashed = hash_password(password) if password is not None else None
        with pipeline.ledger.begin() as conn:
            users.remove(conn, name)
            users.add(conn, name, of.name, password=hashed, keys=keys, role=role, now=pipeline.clock.now())  # type: ignore[arg-type]
        means = " and ".join((["a password"] if hashed else []) + ([f"{len(keys)} key" + ("s" if len(keys) > 1 else "")] if keys else []))
        where = "" if may_use_sftp(name, of) else ", on the desk only: over SFTP " + _sftp_user(of)
        console().print(plain(f"{name} may log in to {of.name} by {means} ({role}){where}"))


@user.command("remove")
def remove(name: NameArgument) -> None:
    """Takes a user away; sessions of it end within seconds, files stay."""
    from import_pipeline.ledger import users

    with opened() as pipeline:
        with pipeline.ledger.begin() as conn:
            if not users.remove(conn, name):
                raise UnknownValue("user", name, [found.name for found in users.listing(conn)])
        console().print(plain(f"{name} may not log in any more"))


@user.command("disable")
def disable(name: NameArgument) -> None:
    """Bars a user for a while."""
    _bar(name, True)


@user.command("enable")
def enable(name: NameArgument) -> None:
    """Lets a barred user in again."""
    _bar(name, False)


@user.command("list")
def listing(account: AccountOption = None, json: JsonOption = False) -> None:
    """Shows who may log in. Passwords are shown nowhere; keys by their fingerprints."""
    from rich.table import Table

    from import_pipeline.gateway.sftp.keys import fingerprint
    from import_pipeline.ledger import users

    with opened() as pipeline:
        wanted = pipeline.account(account).name if account else None
        with pipeline.ledger.read() as conn:
            found = users.listing(conn, wanted)
    if json:
        for one in found:
            print_json(_object(one, [fingerprint(key) for key in one.keys]))
        return
    table = Table()
    for title in ("user", "account", "role", "logs in by", "since", ""):
        table.add_column(title, overflow="fold")
    for one in found:
        means = [*(["password"] if one.password else []), *(fingerprint(key) for key in one.keys)]
        barred = "disabled" if one.disabled else ""
        table.add_row(plain(one.name), one.account, one.role, "\n".join(means), f"{one.created_at:%Y-%m-%d}", barred)
    console().print(table if found else "nobody; `import-pipeline user add NAME --account ACCOUNT` lets somebody in")


def _sftp_user(of: "Account") -> str:
    alias = of.doors.sftp.tenant_alias
    return f"the user of {of.name} is its tenant alias, {alias!r}" if of.doors.sftp.enabled else f"{of.name} has no door"


def _bar(name: str, disabled: bool) -> None:
    from import_pipeline.ledger import users

    with opened() as pipeline:
        with pipeline.ledger.begin() as conn:
            if not users.disable(conn, name, disabled):
                raise UnknownValue("user", name, [found.name for found in users.listing(conn)])
        console().print(plain(f"{name} is {'disabled' if disabled else 'enabled'}"))


def _password(from_stdin: bool, *, asked: bool) -> str | None:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not asked:
        return None
    if not sys.stdin.isatty():
        raise PermanentFailure("there is no terminal to ask for the password: give --password-stdin or --key")
    given: str = typer.prompt("password", hide_input=True, confirmation_prompt=True)
    return given


def _object(one: "User", keys: list[str]) -> dict[str, object]:
    return {
        "name": one.name,
        "account": one.account,
        "role": one.role,
        "password": one.password is not None,
        "keys": keys,
        "created_at": iso(one.created_at),
        "disabled": one.disabled,
    }

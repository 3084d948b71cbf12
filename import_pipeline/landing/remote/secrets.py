"""Passwords and keys for other people's servers, read from the environment when they are needed.

Belongs here: from the names in the YAML to what asyncssh takes. Does not belong here: keeping them: they go nowhere else.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.remote_door import RemoteDoor


def means_of(door: RemoteDoor, environment: Mapping[str, str]) -> dict[str, Any]:
    """`password` and `client_keys` for asyncssh.connect. Raises PermanentFailure that names the variable, never its value."""
    password = _variable(door, "password_env", door.password_env, environment)
    key = _key(door, environment)
    # None instead of an empty list: asyncssh would look for keys in the home of whoever runs this.
    return {"password": password, "client_keys": [key] if key is not None else None}


def _variable(door: RemoteDoor, option: str, name: str | None, environment: Mapping[str, str]) -> str | None:
    if name is None:
        return None
    value = environment.get(name)
    if not value:
        raise PermanentFailure(f"{door.name}: the environment variable {name}, which its {option} names, is not set")
    return value


def _key(door: RemoteDoor, environment: Mapping[str, str]) -> Any:
    import asyncssh

    if door.key_env:
        text = _variable(door, "key_env", door.key_env, environment) or ""
        told = f"the environment variable {door.key_env}"
    elif door.key_file:
        file = Path(door.key_file).expanduser()
        told = f"the key file {file}"
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise PermanentFailure(f"{door.name}: {told} cannot be read: {why}") from None
    else:
        return None
    passphrase = _variable(door, "passphrase_env", door.passphrase_env, environment)
    try:
        return asyncssh.import_private_key(text, passphrase)
    except asyncssh.KeyEncryptionError:
        hint = f"the passphrase in {door.passphrase_env} is wrong" if passphrase else "it has a passphrase: state passphrase_env"
        raise PermanentFailure(f"{door.name}: {told} cannot be opened: {hint}") from None
    except (asyncssh.KeyImportError, ValueError):
        raise PermanentFailure(f"{door.name}: {told} holds no private key in PEM or OpenSSH form") from None

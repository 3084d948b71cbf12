"""The server's own key: made once, kept for ever, known by its fingerprint.

Belongs here: making and reading it. Does not belong here: users' keys (keys.py).
"""

import os
from pathlib import Path

import asyncssh

from import_pipeline.failures import PermanentFailure
from import_pipeline.settings import Settings


def key_file(settings: Settings) -> Path:
    """Where it lies; it belongs into the backup, because clients refuse a server with another one."""
    return settings.home / "sftp" / "host_key"


def host_key(settings: Settings) -> asyncssh.SSHKey:
    """The ED25519 key, made at the first start. Raises PermanentFailure when the file holds something else."""
    path = key_file(settings)
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, asyncssh.generate_private_key("ssh-ed25519", comment="import_pipeline"))
    try:
        return asyncssh.read_private_key(path)
    except (asyncssh.KeyImportError, OSError) as error:
        raise PermanentFailure(f"the host key {path} cannot be used: {error}") from error


def fingerprint(settings: Settings) -> str:
    """SHA256:… as ssh shows it at the first connection; the key is made when there is none."""
    return host_key(settings).get_fingerprint()


def _write(path: Path, key: asyncssh.SSHKey) -> None:
    hidden = path.with_name(f".{path.name}.{os.getpid()}")
    opened = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(opened, "wb") as out:
        out.write(key.export_private_key("openssh"))
        out.flush()
        os.fsync(opened)
    hidden.rename(path)

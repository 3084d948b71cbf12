"""A remote door: what an account's defs.yaml may state about somebody else's SFTP server that is polled.

Belongs here: address, log-in by reference, host key, patterns, what happens to a file that was taken. Does not belong here: connecting
(landing/remote/), secrets (they are read from the environment when they are needed).
"""

import fnmatch
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal, NamedTuple

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from import_pipeline.model.base import Duration, Model

After = Literal["leave", "move", "delete"]
"""What happens to a file on its server once it is answered."""
SHAPE = "sftp://USER@HOST:PORT/FOLDER"
_NAME = re.compile(r"(?!.*__)[a-z][a-z0-9_]{0,12}")
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:(?P<user>[^:@/?#]*)(?P<password>:[^@/?#]*)?@)?"
    r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\[\]:@/?#]+)(?::(?P<port>[^/?#]*))?(?P<path>/[^?#]*)?(?P<rest>[?#].*)?"
)
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


class Address(NamedTuple):
    """The parts of a remote's URL. `folder` is bytes: absolute, or relative to the log-in folder."""

    user: str
    host: str
    port: int
    folder: bytes


class RemoteFiles(Model):
    """Files by the pattern of their names; `type` and `format` say what they are where their names do not."""

    match: str = Field(min_length=1)
    type: str | None = None
    format: str | None = None


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _pattern(value: object) -> object:
    return {"match": value} if isinstance(value, str) else value


def parse_url(url: str) -> Address:
    """The parts of `sftp://user@host:port/folder`; `/~/folder` is relative to the log-in folder. Raises ValueError in clear words."""
    found = _URL.fullmatch(url)
    if not found or found["scheme"].lower() != "sftp":
        raise ValueError(f"an address such as {SHAPE} is expected")
    if found["password"]:
        raise ValueError("a password has no place in the address: `password_env` names the environment variable that holds it")
    if not found["user"]:
        raise ValueError(f"the user is missing: {SHAPE}")
    port = found["port"] if found["port"] is not None else "22"
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError(f"{port!r} is not a port: a number from 1 to 65535 is expected")
    if not found["path"]:
        raise ValueError(f"the folder is missing: {SHAPE}; / is the top, /~/ the folder one lands in")
    if found["rest"]:
        raise ValueError(f"{found['rest'][:20]!r} is no part of such an address; %23 and %3F write # and ? in a folder's name")
    path = _unquoted(found["path"])
    relative = path == b"/~" or path.startswith(b"/~/")
    folder = path[3:].rstrip(b"/") or b"." if relative else path.rstrip(b"/") or b"/"
    return Address(_unquoted(found["user"]).decode("utf-8", "replace"), found["host"].strip("[]"), int(port), folder)


def _unquoted(text: str) -> bytes:
    return _PERCENT.sub(lambda found: bytes([int(found[1], 16)]), text.encode())


class RemoteDoor(Model):
    """One folder of one server. `name` is what the ledger, the sensor and people call it; it is unique in the account."""

    name: str
    url: str
    enabled: bool = True
    password_env: str | None = None
    key_env: str | None = None
    """Names the environment variable that holds a private key as text (PEM or OpenSSH)."""
    key_file: str | None = None
    passphrase_env: str | None = None
    host_key: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Fingerprints of the server's host key: one, or several while it is changed. Nothing is sent to a server with another key."""
    known_hosts: str | None = None
    insecure_host_key: bool = False
    """Takes any host key: whoever answers at the address gets the password and chooses the files. Told at every look."""
    files: Annotated[tuple[Annotated[RemoteFiles, BeforeValidator(_pattern)], ...], BeforeValidator(_listed)] = Field(
        default=(RemoteFiles(match="*"),), min_length=1
    )
    after: After = "leave"
    results: str | None = None
    """The folder that gets Success and Failed with receipts, error files and moved originals: absolute, or relative to the polled
    folder. Without it nothing is written to the server."""
    settle: Duration = timedelta(seconds=30)
    cut_settle: Duration = timedelta(minutes=10)
    interval: Duration = timedelta(minutes=1)
    parallel: int = Field(default=8, ge=1, le=32)
    """Files that are downloaded at once."""
    dry_run: bool = False
    """Its files are planned, never applied (acceptance B-2)."""

    @field_validator("name")
    @classmethod
    def _name_is_short(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(f"{value!r}: a remote's name is lower-case letters, digits and single _, 13 at most, and starts with a letter")
        return value

    @field_validator("url")
    @classmethod
    def _url_is_whole(cls, value: str) -> str:
        parse_url(value)
        return value

    @field_validator("password_env", "key_env", "passphrase_env")
    @classmethod
    def _variable(cls, value: str | None) -> str | None:
        # The value is not shown: somebody may have written the secret itself.
        if value is not None and not _VARIABLE.fullmatch(value):
            raise ValueError("the name of an environment variable is expected, never the secret itself")
        return value

    @field_validator("key_file", "known_hosts")
    @classmethod
    def _path_is_whole(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("/", "~/")):
            raise ValueError(f"{value!r}: a path that begins with / or ~/ is expected")
        return value

    @field_validator("host_key")
    @classmethod
    def _fingerprints(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not _FINGERPRINT.fullmatch(one):
                raise ValueError(
                    f"{one[:80]!r} is not a fingerprint such as SHA256:… (43 letters); `import-pipeline remote trust` shows it"
                )
        return tuple(one.rstrip("=") for one in value)

    @field_validator("results")
    @classmethod
    def _results_is_a_folder(cls, value: str | None) -> str | None:
        if value is not None and (not value.strip() or "\x00" in value or ".." in value.split("/")):
            raise ValueError(f"{value!r} is not a folder: give one such as results or /outgoing/results")
        return value

    @model_validator(mode="after")
    def _hangs_together(self) -> "RemoteDoor":
        found = list(self._contradictions())
        if found:
            raise PydanticCustomError("contradictions", "{text}", {"text": "; ".join(text for _, text in found), "found": found})
        return self

    def _contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if not (self.password_env or self.key_env or self.key_file):
            yield (), f"{self.name}: it has no log-in: state password_env, key_env or key_file"
        if self.key_env and self.key_file:
            yield ("key_file",), f"{self.name}: key_env and key_file exclude each other"
        if self.passphrase_env and not (self.key_env or self.key_file):
            yield ("passphrase_env",), f"{self.name}: a passphrase belongs to a key: state key_env or key_file"
        if self.host_key and self.known_hosts:
            yield ("known_hosts",), f"{self.name}: host_key and known_hosts exclude each other"
        if self.insecure_host_key and (self.host_key or self.known_hosts):
            yield ("insecure_host_key",), f"{self.name}: with insecure_host_key no host key is looked at: leave one of them out"
        if self.after == "move" and not self.results:
            yield ("after",), f"{self.name}: where to? `after: move` needs `results`, the folder that gets Success and Failed"

    @property
    def door(self) -> str:
        """The door's name in the ledger."""
        return f"remote:{self.name}"

    @cached_property
    def address(self) -> Address:
        """The parts of the URL."""
        return parse_url(self.url)

    @property
    def where(self) -> str:
        """host:port, for people and for known_hosts."""
        host = self.address.host
        return f"[{host}]:{self.address.port}" if ":" in host else f"{host}:{self.address.port}"

    def pattern_of(self, name: str) -> RemoteFiles | None:
        """The first pattern that a file's name fits (case does not count); None when the file is not meant."""
        return next((one for one in self.files if fnmatch.fnmatchcase(name.casefold(), one.match.casefold())), None)

    @cached_property
    def results_folder(self) -> bytes | None:
        """Where answers go on the server; None when nothing is written there."""
        if self.results is None:
            return None
        results, folder = self.results.strip().encode(), self.address.folder
        if results.startswith(b"/"):
            return results.rstrip(b"/") or b"/"
        kept = b"/".join(part for part in results.split(b"/") if part not in (b"", b"."))
        return folder if not kept else kept if folder == b"." else folder.rstrip(b"/") + b"/" + kept

"""All environment variables and paths, read once and typed.

Belongs here: a new environment variable, a new folder below the one data root.
Does not belong here: what an account states in its YAML (model/account.py), secrets.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from import_pipeline.failures import PermanentFailure

PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class SmtpSettings:
    """The mail server. `security` is starttls, tls (from the first byte) or plain; the password stays in the environment."""

    security: str
    host: str
    port: int
    user: str | None
    sender: str


_SMTP_PORTS = {"starttls": 587, "tls": 465, "plain": 25}


def _smtp(address: str | None, sender: str | None) -> SmtpSettings | None:
    """The mail server that the variables state; raises PermanentFailure for one that cannot be understood."""
    if not address:
        return None
    found = urlsplit(address)
    try:
        port = found.port or _SMTP_PORTS.get(found.scheme, 0)
    except ValueError:
        port = 0
    expected = "such as starttls://user@mail.example.com:587, tls://… or plain://…"
    if found.password is not None:
        raise PermanentFailure("IMPORT_PIPELINE_SMTP must not hold the password; it belongs into IMPORT_PIPELINE_SMTP_PASSWORD")
    if found.scheme not in _SMTP_PORTS or not found.hostname or not port or found.path not in ("", "/"):
        raise PermanentFailure(f"IMPORT_PIPELINE_SMTP is {address!r}; expected is an address {expected}")
    if not sender or "@" not in sender:
        raise PermanentFailure("IMPORT_PIPELINE_SMTP_FROM must state the address that letters come from")
    user = unquote(found.username) if found.username else None
    if user and found.scheme == "plain":
        raise PermanentFailure("IMPORT_PIPELINE_SMTP states a user on a line that is not encrypted; use starttls:// or tls://")
    return SmtpSettings(found.scheme, found.hostname, port, user, sender)


@dataclass(frozen=True)
class Settings:
    """Where one instance keeps its things. Two instances with different homes never touch each other's files.

    IMPORT_PIPELINE_HOME      root of all data (default: ./data)
    IMPORT_PIPELINE_ACCOUNTS  folder with one folder per account (default: the shipped import_pipeline/defs)
    IMPORT_PIPELINE_LEDGER    SQLAlchemy address of the ledger (default: SQLite below the home)
    IMPORT_PIPELINE_MEMORY    memory limit of one DuckDB connection (default: 512MB)
    IMPORT_PIPELINE_THREADS   threads of one DuckDB connection (default: 2)
    IMPORT_PIPELINE_SFTP_HOST address of the SFTP server (default: 127.0.0.1)
    IMPORT_PIPELINE_SFTP_PORT port of the SFTP server (default: 2222; 0 takes a free one)
    IMPORT_PIPELINE_HTTP_HOST address of the HTTP service (default: 127.0.0.1)
    IMPORT_PIPELINE_HTTP_PORT port of the HTTP service (default: 8080; 0 takes a free one)
    IMPORT_PIPELINE_HTTP_URL  its address as others know it, for links (default: as each request names it)
    IMPORT_PIPELINE_SMTP      mail server for letters, such as starttls://user@mail.example.com:587; also tls://, plain:// (default: none)
    IMPORT_PIPELINE_SMTP_FROM address that letters come from
    """

    home: Path
    accounts: Path
    ledger_url: str
    memory_limit: str = "512MB"
    threads: int = 2
    sftp_host: str = "127.0.0.1"
    sftp_port: int = 2222
    http_host: str = "127.0.0.1"
    http_port: int = 8080
    http_url: str = ""
    smtp: SmtpSettings | None = None

    @classmethod
    def from_environment(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Reads the variables above from `env` (default: the process environment); relative paths are resolved once, here."""
        env = os.environ if env is None else env
        home = Path(env.get("IMPORT_PIPELINE_HOME") or "data").resolve()
        accounts = Path(env.get("IMPORT_PIPELINE_ACCOUNTS") or PACKAGE / "defs").resolve()
        return cls(
            home=home,
            accounts=accounts,
            ledger_url=env.get("IMPORT_PIPELINE_LEDGER") or f"sqlite:///{home / 'ledger.sqlite'}",
            memory_limit=env.get("IMPORT_PIPELINE_MEMORY") or "512MB",
            threads=int(env.get("IMPORT_PIPELINE_THREADS") or 2),
            sftp_host=env.get("IMPORT_PIPELINE_SFTP_HOST") or "127.0.0.1",
            sftp_port=int(env.get("IMPORT_PIPELINE_SFTP_PORT") or 2222),
            http_host=env.get("IMPORT_PIPELINE_HTTP_HOST") or "127.0.0.1",
            http_port=int(env.get("IMPORT_PIPELINE_HTTP_PORT") or 8080),
            http_url=(env.get("IMPORT_PIPELINE_HTTP_URL") or "").rstrip("/"),
            smtp=_smtp(env.get("IMPORT_PIPELINE_SMTP"), env.get("IMPORT_PIPELINE_SMTP_FROM")),
        )

    @property
    def landing(self) -> Path:
        """Trees that people see: landing/<account>/DataObjects/Import/New …"""
        return self.home / "landing"

    @property
    def vault(self) -> Path:
        """Originals by SHA-256, written once."""
        return self.home / "vault"

    @property
    def staging(self) -> Path:
        """Parquet between the stages: staging/<account>/<delivery>/<type>/<stage>/."""
        return self.home / "staging"

    @property
    def store(self) -> Path:
        """One DuckDB file per account."""
        return self.home / "store"

    @property
    def dagster_home(self) -> Path:
        """DAGSTER_HOME of this instance."""
        return self.home / "dagster_home"

    def store_file(self, account: str) -> Path:
        """The account's record store."""
        return self.store / f"{account}.duckdb"

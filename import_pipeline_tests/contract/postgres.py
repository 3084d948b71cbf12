"""A PostgreSQL server on a free loopback port, in a folder of its own, gone when the test is over.

Belongs here: starting and stopping it. Does not belong here: assertions, schemas (ledgers.py).
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from import_pipeline.cli.services import free_port
from import_pipeline_tests.programs import install


def _programs() -> Path:
    """The folder of the newest server's programs, installed when it is missing and we may."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        install("postgresql")
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert found, "PostgreSQL is needed for these tests: apt-get install postgresql"
    return found[-1].parent


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a database of a running server, as SQLAlchemy takes it. The server refuses root: then it runs as `postgres`."""
    programs, port = _programs(), free_port()
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    folder.chmod(0o755)
    root = os.getuid() == 0
    user = "postgres" if root else pwd.getpwuid(os.getuid()).pw_name
    data, options = folder / "data", {}
    data.mkdir(mode=0o700)
    if root:
        owner = pwd.getpwnam(user)
        os.chown(data, owner.pw_uid, owner.pw_gid)
        options = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    make = [programs / "initdb", "-D", data, "-A", "trust", "-U", "ledger", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
    subprocess.run(make, check=True, capture_output=True, timeout=120, cwd=folder, **options)  # type: ignore[call-overload]
    log = (folder / "log").open("ab")
    settings = [f"-cport={port}", "-clisten_addresses=127.0.0.1", "-cunix_socket_directories=", "-cfsync=off", "-cmax_connections=200"]
    server = subprocess.Popen([programs / "postgres", "-D", data, *settings], stdout=log, stderr=log, cwd=folder, **options)  # type: ignore[call-overload]
    try:
        end = time.monotonic() + 60
        ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        while subprocess.run(ready, check=False).returncode:
            assert server.poll() is None and time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.1)
        yield f"postgresql+psycopg://ledger@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        server.wait(60)
        shutil.rmtree(folder, ignore_errors=True)

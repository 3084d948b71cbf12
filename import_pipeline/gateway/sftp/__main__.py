"""The server's process: `python -m import_pipeline.gateway.sftp`, as `import-pipeline up` starts it.

Belongs here: reading settings and accounts, signals. Does not belong here: the server (server.py).
"""

import asyncio
import logging
import signal
import sys

import asyncssh

from import_pipeline.catalog import load_accounts
from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.gateway.sftp.server import serving
from import_pipeline.ledger import Ledger
from import_pipeline.settings import Settings


async def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT."""
    accounts = {found.account.name: found.account for found in load_accounts(settings.accounts) if found.account}
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with Ledger(settings.ledger_url) as ledger:
        ledger.upgrade()
        async with serving(settings, ledger, accounts) as server:
            print(f"listening on {server.host}:{server.port}, host key {server.fingerprint}", flush=True)
            await stopped.wait()


def main() -> int:
    """The exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncssh.set_log_level(logging.ERROR)
    try:
        asyncio.run(run(Settings.from_environment()))
    except (PermanentFailure, TransientFailure) as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

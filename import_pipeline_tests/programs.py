"""Programs of Debian that tests run against: installed where they are missing and we may, never skipped in silence.

Belongs here: installing. Does not belong here: starting them (each peer's own file).
"""

import os
import shutil
import subprocess

_WAIT = ["-o", "DPkg::Lock::Timeout=300"]
"""Two workers of a test run may install at one time."""


def install(package: str) -> None:
    """Installs a package as root; without the right, or without apt, nothing happens and the caller says what is missing."""
    if not shutil.which("apt-get") or os.getuid() != 0:
        return
    subprocess.run(["apt-get", *_WAIT, "update", "-q"], capture_output=True, timeout=300, check=False)
    subprocess.run(["apt-get", *_WAIT, "install", "-y", "-q", package], capture_output=True, timeout=600, check=False)

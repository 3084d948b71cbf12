"""The requests of docs/guides/advocate.md, as they stand there, by the shell and curl."""

import os
import re
import subprocess
from pathlib import Path

from import_pipeline.settings import PACKAGE
from import_pipeline_tests.gateway.http.advocate.kit import TENANT, Advocate, referral_site
from import_pipeline_tests.gateway.http.kit import Service, add_key

GUIDE = (PACKAGE.parent / "docs" / "guides" / "advocate.md").read_text()


def block(number: int) -> str:
    """The commands behind the mark `run:N`."""
    found = re.search(rf"<!-- run:{number} -->\n```sh\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    return found[1]


def shell(commands: str, folder: Path, environment: dict[str, str]) -> str:
    """Runs the commands; what they wrote."""
    done = subprocess.run(["bash", "-euc", commands], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_guides_requests_do_what_it_says(tmp_path: Path) -> None:
    """One user comes in, one is refused and stands in the errors file."""
    site = referral_site(tmp_path)
    with Service(site) as service:
        key = add_key(site, "referrals")
        environment = {**os.environ, "HOST": service.address, "TENANT": TENANT, "KEY": key}
        told = shell(block(1) + 'echo; echo "$JOB"', tmp_path, environment)
        assert "record 2: email: 'not an address' is not an e-mail address" in told
        job = told.splitlines()[-1]
        site.work()
        Advocate(service.address, key).ended(job)
        told = shell(block(2), tmp_path, environment | {"JOB": job})
    assert '"status":"COMPLETED","stats":{"recordsProcessed":2,"errors":1},"reason":null' in told
    assert (
        "recordNumber,message,apiErrorCode,statusCode\n2,email: 'not an address'" in told
        and f'"totalCount":1,"data":[{{"id":"{job}"' in told
    )
    assert [row["userKey"] for row in site.records("User", '"userKey"')] == ["acme/u-1"]
    site.close()

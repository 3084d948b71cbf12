"""The requests of docs/http.md, as they stand there, by the shell and curl."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from import_pipeline.settings import PACKAGE
from import_pipeline_tests.gateway.http.kit import Service, add_key
from import_pipeline_tests.scenarios.site import Here

GUIDE = (PACKAGE.parent / "docs" / "http.md").read_text()


def block(number: int) -> str:
    """The commands behind the mark `run:N`."""
    found = re.search(rf"<!-- run:{number} -->\n```sh\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    return found[1]


def shell(commands: str, folder: Path, environment: dict[str, str]) -> list[str]:
    """Runs the commands; what they wrote, line by line, and at the end the job's id."""
    done = subprocess.run(
        ["bash", "-euc", commands + '\necho; echo "$JOB"'], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line]


def test_the_guides_requests_do_what_it_says(tmp_path: Path) -> None:
    """With the shipped account: one line comes in, one is refused with its reason."""
    site = Here(tmp_path)
    shutil.copytree(PACKAGE / "defs" / "field_sales", site.accounts / "field_sales")
    site.account = "field_sales"
    with Service(site) as service:
        environment = {**os.environ, "HOST": service.address, "KEY": add_key(site, "field_sales")}
        *_, job = shell(block(1), tmp_path, environment)
        site.work()
        variables = f"BULK={service.address}/api/jobs/dataObjects/bulk JOB={job}\n"
        told = "".join(shell(variables + block(2).replace('KEY"\n', 'KEY"; echo\n'), tmp_path, environment)[:-1])
    progress, succeeded, failed, cleaned = (json.loads(text) for text in re.sub(r"\}(?=\{)", "}\n", told).splitlines())
    assert (progress["state"], progress["rowsSucceeded"], progress["rowsFailed"]) == ("JobComplete", 1, 1)
    assert succeeded["Data"]["externalDataObjectId"] == "H-1" and len(succeeded["DataObjectId"]) == 24
    assert "did you mean 'Prospect'" in failed["Error"] and cleaned["state"] == "Aborted"
    assert site.records("Account", '"Name", "Services"') == [{"Name": "Harbor Roofing", "Services": "Roof;Gutters"}]
    site.close()

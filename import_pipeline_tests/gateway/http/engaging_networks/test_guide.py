"""The requests of docs/guides/engaging_networks.md, as they stand there, by the shell and curl."""

import json
import os
import re
import subprocess
from pathlib import Path

from import_pipeline.settings import PACKAGE
from import_pipeline_tests.scenarios.giving import giving_site

GUIDE = (PACKAGE.parent / "docs" / "guides" / "engaging_networks.md").read_text()


def block(number: int) -> str:
    """The commands behind the mark `run:N`."""
    found = re.search(rf"<!-- run:{number} -->\n```sh\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    return found[1]


def test_the_guides_requests_do_what_it_says(tmp_path: Path) -> None:
    """Two supporters and one refused row, a transaction of one of them, both participations."""
    with giving_site(tmp_path) as giving:
        environment = {
            **os.environ,
            "HOST": giving.service.address,
            "TOKEN": giving.token,
            "EN": f"{giving.service.address}/ea-dataservice",
        }

        def shell(number: int) -> str:
            words = ["bash", "-euo", "pipefail", "-c", re.sub(r'KEN"\n', 'KEN"; echo\n', block(number))]
            done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
            return done.stdout

        assert "Your job # is 1." in shell(1)
        giving.site.work()
        jobs, segments, *members = shell(2).splitlines()
        assert json.loads(jobs)[0]["results"] == "3 rows: 2 added, 0 updated, 0 unchanged, 1 refused"
        assert json.loads(segments) == [{"segmentId": "2026-11-SEGMENT", "segmentName": "November 2026", "members": 2}]
        assert len([line for line in members if line]) == 3
        assert "Your job # is 2." in shell(3)
        giving.site.work()
        told = shell(4)
        assert told.count("sam@engagingnetworks.net,0,PET,20345,") == 2 and told.count("sam+1@engagingnetworks.net,0,PET,20345,") == 1
        assert told.count("<row>") == 3 and "Save the river" in told

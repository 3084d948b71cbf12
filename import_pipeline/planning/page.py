"""The page of a plan: one HTML file that needs nothing else.

Belongs here: rendering the template (plan.html.j2). Does not belong here: what is shown (sections.py).
Every text that people sent is escaped by the template engine; the page itself forbids scripts and requests.
"""

import re
from functools import cache
from pathlib import Path
from typing import BinaryIO

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from import_pipeline.planning.sections import View

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, and marks that turn the reading direction: they make a value look like another one."""


def write_page(out: BinaryIO, view: View) -> None:
    """Writes the page, UTF-8; the same view gives the same bytes."""
    out.write(_template().render(view=view, facts=view.facts, summary=view.facts.summary).encode())


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=lambda value: _UNSEEN.sub("\ufffd", value) if type(value) is str else value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["percent"] = percent
    return environment.get_template("plan.html.j2")


def percent(share: float) -> str:
    """0.1235 as `12.4 %`, 0.00001 as `less than 0.1 %`."""
    if 0 < share < 0.001:
        return "less than 0.1\u00a0%"
    return f"{100 * share:.1f}".removesuffix(".0") + "\u00a0%"

"""A suggested mapping as a format: the model object, and the YAML that people read, mend and save.

Belongs here: the text of a suggested formats/*.yaml. Does not belong here: reading formats (catalog/), saving files (cli/).
"""

import yaml

from import_pipeline.model.format import Format
from import_pipeline.suggesting.mapping import SuggestedMapping, Suggestion

_LONGEST_KEY = 900
"""YAML takes longer keys only behind a question mark."""


def as_format(mapping: SuggestedMapping, name: str) -> Format:
    """The mapping as a format: every header cell stated, null for what is not imported."""
    return Format(name=name, object_type=mapping.object_type, columns={found.header: found.key for found in _distinct(mapping)})


def as_yaml(mapping: SuggestedMapping, name: str, *, file: str = "") -> str:
    """The format's YAML, one line per header cell with confidence and reason as comment. The catalog loads it as `as_format`."""
    taken = sum(found.key is not None for found in mapping.suggestions)
    of_file = f" from the header of {_one_line(file)}" if file else ""
    lines = [
        f"# Suggested{of_file}: {taken} of {len(mapping.suggestions)} columns are imported. Behind each column: how sure it is, and why.",
        "# A column's key, or null for «not imported». Look through the lines below 100 % before the first import.",
        f"name: {_scalar(name)}",
        f"object_type: {_scalar(mapping.object_type)}",
        "columns:" if mapping.suggestions else "columns: {}",
    ]
    lines += [_line(found) for found in _distinct(mapping)]
    return "\n".join(lines) + "\n"


def _distinct(mapping: SuggestedMapping) -> list[Suggestion]:
    """Each header cell once: a cell that stands twice is one key of the format."""
    return list({found.header.strip(): found for found in mapping.suggestions}.values())


def _line(found: Suggestion) -> str:
    header, value = _scalar(found.header), "null" if found.key is None else _scalar(found.key)
    told = f"# {found.confidence:.0%}: {_one_line(found.reason)}"
    if len(header) > _LONGEST_KEY:
        return f"  ? {header}\n  : {value}  {told}"
    return f"  {header}: {value}  {told}"


def _scalar(text: str) -> str:
    """The text in double quotes, whatever it holds."""
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=1 << 30).strip()


def _one_line(text: str) -> str:
    """A comment must not end early, and no value of a file may steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)

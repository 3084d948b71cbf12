"""A small sound account to break: its files as text, and how they are written to a folder.

Belongs here: what the tests of this folder share. Does not belong here: assertions.
"""

from pathlib import Path

SOUND = {
    "defs.yaml": """\
type: import_pipeline.components.Account
attributes:
  name: demo
  timezone: America/New_York
  exports: {daily: [Account, Contact]}
""",
    "owners.yaml": "- ana@acme.example\n- ben@acme.example\n",
    "object_types/account.yaml": """\
name: Account
pin: true
owner: {users: owners.yaml}
fields:
  - {name: Name, required: true}
  - {name: Email, type: Email}
""",
    "object_types/contact.yaml": """\
name: Contact
parent: {type: Account}
match: [[Email]]
fields:
  - {name: Name, required: true}
  - {name: Email, type: Email}
synonyms: {Mail: Email}
""",
    "formats/web.yaml": """\
name: web
object_type: Contact
columns: {Full Name: Name, "House #": null}
defaults: {Email: nobody@acme.example}
""",
}


def write_account(root: Path, **changes: str | bytes | None) -> Path:
    """The sound account in `root`/demo with some files replaced; None leaves a file out. Keys: `__` for `/`, without `.yaml`."""
    folder = root / "demo"
    files: dict[str, str | bytes | None] = dict(SOUND)
    for key, content in changes.items():
        name = key.replace("__", "/")
        files[name if name.endswith(".yml") else f"{name}.yaml"] = content
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder

"""One YAML file of an account folder and the model object that it made.

Belongs here: reading a single file into a model, with the faults that can be seen in that file alone. Does not belong here: what
several files must agree on (catalog/crosscheck.py), which files a folder has (catalog/folder.py).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from import_pipeline.catalog.document import Document
from import_pipeline.catalog.explain import faults_of
from import_pipeline.catalog.fault import Fault, Loc
from import_pipeline.model.account import Account
from import_pipeline.model.base import Model
from import_pipeline.model.format import Format
from import_pipeline.model.object_type import ObjectType

M = TypeVar("M", bound=BaseModel)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


@dataclass
class Part(Generic[M]):
    """A file, what it made (None when it is refused) and its faults. A part with faults is broken, even when it made something."""

    document: Document
    made: M | None
    faults: list[Fault] = field(default_factory=list)

    @property
    def good(self) -> M | None:
        """What the file made, or None when it has any fault."""
        return None if self.faults else self.made

    @property
    def name(self) -> str:
        """The name that the file states, or the file's own name when it states none."""
        stated = self.stated("name")
        return stated if isinstance(stated, str) and stated else self.document.file.stem

    def stated(self, *keys: str) -> Any:
        """What the file states below `keys`, whether or not the model accepts the rest of the file; None when it states nothing."""
        value = self.document.data
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def refuse(self, loc: Loc, message: str, *, at_key: bool = False) -> None:
        """Adds a fault at `loc`."""
        self.faults.append(self.document.fault(loc, message, at_key=at_key))


class DefsFile(Model):
    """The keys of a Dagster component file; `attributes` are the account's settings, the others are Dagster's own."""

    type: Literal["import_pipeline.components.Account"]
    attributes: dict[str, Any]
    requirements: Any = None
    post_processing: Any = None
    template_vars_module: str | None = None


def read_defs(file: Path) -> Part[Account]:
    """defs.yaml as an Account without object types and formats."""
    document = Document(file)
    part: Part[Account] = Part(document, None, list(document.faults))
    if document.data is None:
        return part
    _, faults = _judge(DefsFile, document.data, document)
    part.faults += faults
    attributes = part.stated("attributes")
    if isinstance(attributes, dict):
        elsewhere = [key for key in ("object_types", "formats") if key in attributes]
        for key in elsewhere:
            part.refuse(("attributes", key), f"{key} stand in files of their own: {key}/*.yaml", at_key=True)
        stated = {key: value for key, value in attributes.items() if key not in elsewhere}
        part.made, faults = _judge(Account, stated, document, inside=("attributes",))
        part.faults += faults
    return part


def read_format(file: Path) -> Part[Format]:
    """One formats/*.yaml."""
    document = Document(file)
    if document.data is None:
        return Part(document, None, list(document.faults))
    made, faults = _judge(Format, document.data, document)
    return Part(document, made, [*document.faults, *faults])


class Owners:
    """The files with users' e-mails that object types name (`owner: {users: owners.yaml}`), each read once per account."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._read: dict[Path, tuple[list[Any], list[Fault]]] = {}

    @property
    def faults(self) -> list[Fault]:
        """The faults of all files read."""
        return [fault for _, faults in self._read.values() for fault in faults]

    def users(self, name: str) -> tuple[list[Any], str | None]:
        """The users that the file `name`, relative to the account's folder, lists; and why it cannot be used."""
        try:
            file = (self.folder / name).resolve()
            if not file.is_relative_to(self.folder):
                return [], f"{name!r} lies outside of the account's folder"
            found = file.is_file()
        except (ValueError, OSError):  # a name that no file can have
            found = False
        if not found:
            return [], f"there is no file {name!r} in the account's folder"
        if file not in self._read:
            document = Document(file)
            users = document.data if isinstance(document.data, list) else []
            faults = list(document.faults)
            if document.data is not None and not isinstance(document.data, list):
                faults.append(document.fault((), "a list of users' e-mail addresses is expected, one '- name@example.com' a line"))
            self._read[file] = users, [*faults, *_email_faults(users, document, ())]
        users, faults = self._read[file]
        return users, f"{name} has faults of its own: mend them first" if faults else None


def read_object_type(file: Path, owners: Owners) -> Part[ObjectType]:
    """One object_types/*.yaml, with the users that it names."""
    document = Document(file)
    part: Part[ObjectType] = Part(document, None, list(document.faults))
    data = document.data
    if data is None:
        return part
    owner, users = part.stated("owner"), part.stated("owner", "users")
    if isinstance(users, str):
        listed, problem = owners.users(users)
        if problem:
            part.refuse(("owner", "users"), problem)
        data = {**data, "owner": {**owner, "users": listed if problem is None else []}}
    elif isinstance(users, list):
        part.faults += _email_faults(users, document, ("owner", "users"))
    try:
        part.made = ObjectType.model_validate(data)
    except ValidationError as error:
        part.faults += faults_of(error, ObjectType, document)
        part.faults += _contradictions_behind(error, data, document)
    return part


def _judge(model: type[M], data: object, document: Document, inside: Loc = ()) -> tuple[M | None, list[Fault]]:
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        return None, list(faults_of(error, model, document, inside=inside))


def _contradictions_behind(error: ValidationError, data: object, document: Document) -> list[Fault]:
    """Contradictions between keys that pydantic does not look for while single keys are refused.

    They are looked for in what remains when the refused keys are left out: of a refused field its name, of a refused parent or
    owner its column, so that no column seems to be missing which the file does state.
    """
    refused = {(d["loc"] or ("",))[0] for d in error.errors(include_url=False)}
    if not isinstance(data, dict) or not isinstance(data.get("name"), str) or "" in refused:
        return []
    rest = {key: value for key, value in data.items() if key not in refused}
    stated = data.get("fields")
    fields = stated if isinstance(stated, list) else []
    rest["fields"] = [{"name": f["name"]} if isinstance(f, dict) and isinstance(f.get("name"), str) else {"name": "?"} for f in fields]
    for key, must in (("parent", {"type": ""}), ("owner", {})):
        if key in refused:
            value = data[key] if isinstance(data.get(key), dict) else {}
            rest[key] = must | {k: value[k] for k in ("column",) if isinstance(value.get(k), str)}
    try:
        ObjectType.model_validate(rest)
    except ValidationError as again:
        return list(faults_of(again, ObjectType, document, only="contradictions"))
    return []


def _email_faults(users: list[Any], document: Document, inside: Loc) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for index, user in enumerate(users):
        if not isinstance(user, str) or not _EMAIL.fullmatch(user):
            yield document.fault((*inside, index), f"an e-mail address is expected, not {user!r}")
        elif user.casefold() in seen:
            yield document.fault((*inside, index), f"{user!r} stands twice, first as number {seen[user.casefold()] + 1}")
        else:
            seen[user.casefold()] = index

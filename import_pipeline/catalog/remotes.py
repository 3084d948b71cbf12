"""What an account's remote servers name must be there: object types and formats.

Belongs here: rules between doors.remotes and the other files of an account. Does not belong here: rules on one remote (they are the
model's own, model/remote_door.py).
"""

from collections.abc import Iterator, Sequence

from import_pipeline.catalog.part import Part
from import_pipeline.failures import known_values
from import_pipeline.model.account import Account
from import_pipeline.model.format import Format
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.remote_door import RemoteDoor
from import_pipeline.model.territory import TERRITORY


def check_remotes(
    account: Account | None, defs: Part[Account], types: Sequence[Part[ObjectType]], formats: Sequence[Part[Format]]
) -> Account | None:
    """The account with the remotes whose types and formats are known; the others are faults and are left out.

    A file taken without knowing what it is could only be refused, and then it would be moved away on the server of others.
    """
    if account is None or not account.doors.remotes:
        return account
    own = [TERRITORY] if account.territories is not None else []
    known_types, kept = [*(part.name for part in types), *own], []
    for number, remote in enumerate(account.doors.remotes):
        problems = list(_problems(remote, known_types, formats))
        for index, key, message in problems:
            defs.refuse(("attributes", "doors", "remotes", number, "files", index, key), message)
        if not problems:
            kept.append(remote)
    return account.model_copy(update={"doors": account.doors.model_copy(update={"remotes": tuple(kept)})})


def _problems(remote: RemoteDoor, known_types: Sequence[str], formats: Sequence[Part[Format]]) -> Iterator[tuple[int, str, str]]:
    by_name = {part.name: part for part in formats}
    for index, files in enumerate(remote.files):
        if files.type is not None and files.type.casefold() not in {name.casefold() for name in known_types}:
            yield index, "type", f"unknown object type {files.type!r}; {known_values(files.type, known_types)}"
        if files.format is None:
            continue
        stated = by_name.get(files.format)
        if stated is None:
            yield index, "format", f"unknown format {files.format!r}; {known_values(files.format, by_name)}"
        elif files.type is not None and str(stated.stated("object_type")).casefold() != files.type.casefold():
            yield index, "format", f"the format {files.format!r} is for {stated.stated('object_type')}, not for {files.type}"

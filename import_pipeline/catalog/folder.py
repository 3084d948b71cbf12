"""An account's folder to an account: the good parts built, everything wrong listed.

Belongs here: which files a folder has and what is built from them. Does not belong here: rules on their content
(catalog/part.py, catalog/crosscheck.py), Dagster (components/).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from import_pipeline.catalog.crosscheck import check_account, check_exports, check_formats, check_types
from import_pipeline.catalog.fault import Fault
from import_pipeline.catalog.part import Owners, Part, read_defs, read_format, read_object_type
from import_pipeline.catalog.remotes import check_remotes
from import_pipeline.failures import PermanentFailure
from import_pipeline.model.account import Account
from import_pipeline.model.format import Format
from import_pipeline.model.object_type import ObjectType

DEFS, OBJECT_TYPES, FORMATS = "defs.yaml", "object_types", "formats"


@dataclass(frozen=True)
class LoadedAccount:
    """What a folder gave. `account` holds the good object types and formats only; it is None when defs.yaml itself is broken.

    `faults` are those of all files, in the order of file and line. `broken_types` are the object types that were left out, by
    their name (by their file's name when it states none), each with its faults.
    """

    folder: Path
    account: Account | None
    faults: tuple[Fault, ...] = ()
    broken_types: dict[str, tuple[Fault, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The folder's name, which is the account's."""
        return self.folder.name


def load_account(folder: Path) -> LoadedAccount:
    """Reads one account's folder. A fault never raises and never hides another one; only the file system raises (OSError)."""
    owners = Owners(folder)
    types = [read_object_type(file, owners) for file in _yaml_files(folder / OBJECT_TYPES)]
    formats = [read_format(file) for file in _yaml_files(folder / FORMATS)]
    check_types(types)
    check_formats(formats, types)
    account, faults = _read_account(folder, types, formats)
    if account:
        good_formats = tuple(part.good for part in formats if part.good)
        account = account.with_types(part.good for part in types if part.good).model_copy(update={"formats": good_formats})
    broken: dict[str, list[Fault]] = {}
    for part in types:
        if part.faults:
            broken.setdefault(part.name, []).extend(part.faults)
    strays = _wrong_endings(folder)
    for stray in strays:
        if stray.file.parent.name == OBJECT_TYPES:
            broken.setdefault(stray.file.stem, []).append(stray)
    faults += [*owners.faults, *strays, *(f for part in types for f in part.faults), *(f for part in formats for f in part.faults)]
    return LoadedAccount(folder, account, _in_order(faults), {name: _in_order(found) for name, found in broken.items()})


def load_accounts(root: Path) -> list[LoadedAccount]:
    """All accounts below `root`, by name: every folder whose name does not begin with `.` or `_`.

    Raises PermanentFailure when `root` is no folder: an instance without accounts is a wrong IMPORT_PIPELINE_ACCOUNTS.
    """
    if not root.is_dir():
        raise PermanentFailure(f"the accounts folder {root} does not exist; IMPORT_PIPELINE_ACCOUNTS names it")
    found = [load_account(folder) for folder in sorted(root.iterdir()) if folder.is_dir() and folder.name[0] not in "._"]
    return [_with_own_alias(loaded, found) for loaded in found]


def _with_own_alias(loaded: LoadedAccount, accounts: list[LoadedAccount]) -> LoadedAccount:
    """The account with a fault when another one has its tenant alias: as a user's name it would lead to one of them only (A-10)."""
    alias = loaded.account.doors.sftp.tenant_alias if loaded.account else None
    twins = [o.name for o in accounts if o.account and o.name != loaded.name and alias and o.account.doors.sftp.tenant_alias == alias]
    if not twins:
        return loaded
    file = loaded.folder / DEFS
    lines = file.read_text(encoding="utf-8").splitlines()
    line = next((number for number, text in enumerate(lines, 1) if "tenant_alias" in text), 1)
    message = f"the tenant alias {alias!r} is that of {', '.join(twins)} too: it has to be unique"
    fault = Fault(file, line, 1, "attributes.doors.sftp.tenant_alias", message)
    return replace(loaded, faults=_in_order([*loaded.faults, fault]))


def _read_account(folder: Path, types: list[Part[ObjectType]], formats: list[Part[Format]]) -> tuple[Account | None, list[Fault]]:
    """The account without types and formats, and the faults of defs.yaml."""
    file = folder / DEFS
    if not file.is_file():
        return None, [Fault(file, 1, 1, "", "the file is missing: an account's folder holds a defs.yaml")]
    defs = read_defs(file)
    check_account(defs, folder, types)
    account = check_remotes(check_exports(defs, types), defs, types, formats)
    return account, defs.faults


def _yaml_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.yaml") if file.is_file())


def _wrong_endings(folder: Path) -> list[Fault]:
    """Files that look as if they were meant to be read and are not."""
    found = [file for part in (".", OBJECT_TYPES, FORMATS) for file in (folder / part).glob("*.yml") if file.is_file()]
    return [Fault(file, 1, 1, "", f"this file is not read: rename it to {file.stem}.yaml") for file in found]


def _in_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    return tuple(sorted(set(faults)))

"""One vaulted file as jobs: its type, its kind, and for an archive its members, unpacked into the vault.

Belongs here: judging one file before it is parsed (acceptance S-3, S-4, S-13). Does not belong here: duplicates, numbers and ids
(deliveries.py), reading rows (parsing/).
"""

from pathlib import Path
from typing import BinaryIO

from import_pipeline.landing import archives, kinds, names, tree, vault
from import_pipeline.ledger.files import File
from import_pipeline.ledger.jobs import NewJob
from import_pipeline.model.account import Account
from import_pipeline.model.row_error import FileFault, Notice


def types_in(account: Account, file: File, path: Path) -> set[str]:
    """The known object types that a file, or the members of an archive, name. Nothing is unpacked."""
    found = [file.name]
    if kinds.is_zip(kinds.head_of(path)) and _kind(file, path).kind == "zip":
        found = list(archives.member_names(path))
    told = [_object_type(account, file, name) for name in found]
    return {name for name in told if isinstance(name, str)}


def open_file(account: Account, vault_folder: Path, file: File) -> list[NewJob]:
    """The jobs of one file: one, or one for each member of an archive. Bad files become jobs with a fault, never an exception."""
    path = vault.path_of(vault_folder, file.sha256 or "")
    kind = _kind(file, path)
    if kind.kind != "zip" or kind.fault is not None:
        return [_job(account, file, file.name, kind)]
    try:
        with path.open("rb") as archive:
            listing = archives.listing(archive)
            opened = [_open_member(account, vault_folder, file, archive, member) for member in listing.members]
    except archives.ArchiveError as refused:
        return [_job(account, file, file.name, kinds.Kind("zip", archives.fault(f"{file.name!r}: {refused}")))]
    if not opened:
        return [_job(account, file, file.name, kinds.Kind("zip", archives.fault(f"{file.name!r}: it holds no files")))]
    return [_with_skipped(opened[0], listing.skipped), *opened[1:]]


def _kind(file: File, path: Path) -> kinds.Kind:
    head = kinds.head_of(path)
    territories = file.path is not None and tree.mailbox_of(file.path).kind == "territories"
    if not kinds.is_zip(head):
        if kinds.extension(file.name) == "zip":
            reason = "the file is empty" if not head else "it is not a ZIP, whatever its name"
            return kinds.Kind("zip", archives.fault(f"{file.name!r}: {reason}"))
        return kinds.kind_of(file.name, head, territories=territories)
    return kinds.kind_of(file.name, head, archives.inner_paths(path), territories=territories)


def _object_type(account: Account, file: File, name: str) -> str | FileFault:
    return file.object_type or names.object_type_of(account, name)


def _job(account: Account, file: File, name: str, kind: kinds.Kind) -> NewJob:
    told = _object_type(account, file, name)
    type_fault = told if isinstance(told, FileFault) else None
    return NewJob(
        file_id=file.id,
        object_type="" if isinstance(told, FileFault) else told,
        format=file.format,
        name=name,
        archive=None,
        member=None,
        sha256=file.sha256 or "",
        size=file.size,
        kind=kind.kind,
        fault=kind.fault or type_fault,
    )


def _open_member(account: Account, vault_folder: Path, file: File, archive: BinaryIO, member: archives.Member) -> NewJob:
    fault, stored, kind = member.fault, vault.Stored("", member.size), kinds.Kind("other")
    if fault is None:
        try:
            stored = vault.put(vault_folder, file.id, member.content(archive))
            kind = _member_kind(member.name, vault.path_of(vault_folder, stored.sha256), file)
        except archives.MemberError as damaged:
            fault = archives.fault(f"{member.name!r}: {damaged}")
    job = _job(account, file, member.name, kind)
    lineage = {"archive": file.name, "member": member.path, "sha256": stored.sha256, "size": stored.size}
    return NewJob(**vars(job) | lineage | {"fault": fault or job.fault})


def _member_kind(name: str, path: Path, file: File) -> kinds.Kind:
    head = kinds.head_of(path)
    inner = archives.inner_paths(path) if kinds.is_zip(head) else ()
    territories = file.path is not None and tree.mailbox_of(file.path).kind == "territories"
    kind = kinds.kind_of(name, head, inner, territories=territories)
    if kind.kind == "zip":
        return kinds.Kind("zip", archives.fault(f"{name!r}: it is an archive inside the archive"))
    return kind


def _with_skipped(job: NewJob, skipped: tuple[str, ...]) -> NewJob:
    """The members that systems add by themselves are told on the archive's first job."""
    told = tuple(Notice(code="member_skipped", message=f"{path!r} is no record file and was not imported.") for path in skipped)
    return NewJob(**vars(job) | {"notices": told})

"""One vaulted file as jobs: its type, its kind, and for an archive its members, unpacked into the vault.

Belongs here: judging one file before it is parsed (acceptance S-3, S-4, S-13). Does not belong here: duplicates, numbers and ids
(deliveries.py), reading rows (parsing/).
"""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from import_pipeline.landing import archives, kinds, names, tree, vault
from import_pipeline.landing.origin import HEAD, Origin, job_named_by, job_named_in
from import_pipeline.ledger.files import File
from import_pipeline.ledger.jobs import NewJob
from import_pipeline.model.account import Account
from import_pipeline.model.format_values import split_name
from import_pipeline.model.job import FileKind
from import_pipeline.model.row_error import FileFault, Notice
from import_pipeline.model.territory import TERRITORY


def types_in(account: Account, file: File, path: Path, origin: Origin) -> dict[str, str | None]:
    """The known object types of a file, or of the members of an archive, each with the format of the first that has it.

    Names tell them; of a file whose name does not, the first rows are looked at. Archives are not unpacked for more than that.
    """
    kind = _kind(account, file, path).kind
    if kind == "zip" and kinds.is_zip(kinds.head_of(path)):
        told = _in_archive(account, file, path, origin)
    else:
        told = [_identity(account, file, file.name, kind, lambda: job_named_by(path, kind), origin)]
    return {name: format_ for name, format_ in reversed(told) if isinstance(name, str)}


def open_file(account: Account, vault_folder: Path, file: File, origin: Origin) -> list[NewJob]:
    """The jobs of one file: one, or one for each member of an archive. Bad files become jobs with a fault, never an exception."""
    path = vault.path_of(vault_folder, file.sha256 or "")
    kind = _kind(account, file, path)
    if kind.kind == "kml" and kind.fault is None and kinds.is_zip(kinds.head_of(path)):
        return [_open_kmz(account, vault_folder, file, path)]
    if kind.kind != "zip" or kind.fault is not None:
        identity = _identity(account, file, file.name, kind.kind, lambda: job_named_by(path, kind.kind), origin)
        return [_job(file, file.name, kind, identity)]
    try:
        with path.open("rb") as archive:
            listing = archives.listing(archive)
            opened = [_open_member(account, vault_folder, file, archive, member, origin) for member in listing.members]
    except archives.ArchiveError as refused:
        return [_refused(account, file, f"{file.name!r}: {refused}")]
    if not opened:
        return [_refused(account, file, f"{file.name!r}: it holds no files")]
    return [_with_skipped(opened[0], listing.skipped), *opened[1:]]


def _refused(account: Account, file: File, reason: str) -> NewJob:
    return _job(file, file.name, kinds.Kind("zip", archives.fault(reason)), (_object_type(account, file, file.name, "zip"), file.format))


def _open_kmz(account: Account, vault_folder: Path, file: File, path: Path) -> NewJob:
    """The one KML of a KMZ: `doc.kml`, else the first that its directory lists. It keeps the name of the KMZ, which tells its level."""
    identity = (_object_type(account, file, file.name, "kml"), file.format)
    try:
        with path.open("rb") as archive:
            listing = archives.listing(archive)
            documents = [m for m in listing.members if kinds.extension(m.name) == "kml"]
            if not documents:
                raise archives.ArchiveError("it holds no KML file")
            chosen = next((m for m in documents if m.path.casefold() == "doc.kml"), documents[0])
            if chosen.fault:
                return NewJob(**vars(_job(file, file.name, kinds.Kind("kml", chosen.fault), identity)))
            stored = vault.put(vault_folder, file.id, chosen.content(archive))
    except (archives.ArchiveError, archives.MemberError) as refused:
        return _job(file, file.name, kinds.Kind("kml", archives.fault(f"{file.name!r}: {refused}")), identity)
    job = _job(file, file.name, kinds.Kind("kml"), identity)
    lineage = {"archive": file.name, "member": chosen.path, "sha256": stored.sha256, "size": stored.size}
    others = tuple(m.path for m in listing.members if m is not chosen)
    return _with_skipped(NewJob(**vars(job) | lineage), (*others, *listing.skipped))


def _kind(account: Account, file: File, path: Path) -> kinds.Kind:
    head = kinds.head_of(path)
    if not kinds.is_zip(head):
        if kinds.extension(file.name) == "zip":
            reason = "the file is empty" if not head else "it is not a ZIP, whatever its name"
            return kinds.Kind("zip", archives.fault(f"{file.name!r}: {reason}"))
        return _taken(account, file, file.name, kinds.kind_of(file.name, head))
    return _taken(account, file, file.name, kinds.kind_of(file.name, head, archives.inner_paths(path)))


def _taken(account: Account, file: File, name: str, found: kinds.Kind) -> kinds.Kind:
    mailbox = file.path is not None and tree.mailbox_of(file.path).kind == "territories"
    return kinds.taken_here(name, found, mailbox=mailbox, territories=account.territories is not None)


def _object_type(account: Account, file: File, name: str, kind: FileKind) -> str | FileFault:
    """The type stated for the file; else KML holds territories whatever its name, and other files are told by theirs."""
    if file.object_type is None and kind == "kml" and account.territories is not None:
        return TERRITORY
    return file.object_type or names.object_type_of(account, name)


def _format(account: Account, file: File, name: str) -> str | None:
    """The format stated for the file, else the one whose prefix its name begins with."""
    of_prefix = None if file.format else account.format_of_name(name)
    return of_prefix.name if of_prefix and file.object_type in (None, of_prefix.object_type) else file.format


def _identity(
    account: Account, file: File, name: str, kind: FileKind, named: Callable[[], str | None], origin: Origin
) -> tuple[str | FileFault, str | None]:
    """The object type and saved format of a file: as stated, as its name tells, else those of the job that its rows come back from.

    `named` gives the job that the first rows name; it is asked only where that may tell something.
    """
    told, format_ = _object_type(account, file, name, kind), _format(account, file, name)
    known = (*account.formats, *account.built_in_formats) if kind == "jsonl" else account.formats
    usable = {f.name for f in known if isinstance(told, FileFault) or f.object_type == told}
    if kind not in ("csv", "jsonl", "xlsx") or not (isinstance(told, FileFault) or (format_ is None and usable)):
        return told, format_
    job_id = named()
    first = origin(job_id) if job_id else None
    if first is None or told not in (first.object_type, told if isinstance(told, FileFault) else None):
        return told, format_
    # What the first job stated for all its rows counts for those that come back as well.
    own = split_name(first.format)[0] if first.format else None
    return first.object_type, format_ or (first.format if own in usable else None)


def _in_archive(account: Account, file: File, path: Path, origin: Origin) -> list[tuple[str | FileFault, str | None]]:
    """The object types and formats of an archive's members; the first bytes of one are unpacked only when its name tells none."""
    try:
        with path.open("rb") as archive:
            good = [member for member in archives.listing(archive).members if member.fault is None]
            return [_of_member(account, file, archive, member, origin) for member in good]
    except archives.ArchiveError:
        return []


def _of_member(
    account: Account, file: File, archive: BinaryIO, member: archives.Member, origin: Origin
) -> tuple[str | FileFault, str | None]:
    ending: FileKind = "kml" if kinds.extension(member.name) == "kml" else "other"
    told = _object_type(account, file, member.name, ending)
    if isinstance(told, str):
        return told, _format(account, file, member.name)
    try:
        head = next(member.content(archive), b"")[:HEAD]
    except archives.MemberError:
        return told, None
    kind = kinds.kind_of(member.name, head[: kinds.HEAD_BYTES]).kind
    return _identity(account, file, member.name, kind, lambda: job_named_in(head, kind), origin)


def _job(file: File, name: str, kind: kinds.Kind, identity: tuple[str | FileFault, str | None]) -> NewJob:
    told, format_ = identity
    type_fault = told if isinstance(told, FileFault) else None
    return NewJob(
        file_id=file.id,
        object_type="" if isinstance(told, FileFault) else told,
        format=format_,
        name=name,
        archive=None,
        member=None,
        sha256=file.sha256 or "",
        size=file.size,
        kind=kind.kind,
        fault=kind.fault or type_fault,
    )


def _open_member(account: Account, vault_folder: Path, file: File, archive: BinaryIO, member: archives.Member, origin: Origin) -> NewJob:
    fault, stored, kind = member.fault, vault.Stored("", member.size), kinds.Kind("other")
    path: Path | None = None
    if fault is None:
        try:
            stored = vault.put(vault_folder, file.id, member.content(archive))
            path = vault.path_of(vault_folder, stored.sha256)
            kind = _member_kind(account, member.name, path, file)
        except archives.MemberError as damaged:
            fault = archives.fault(f"{member.name!r}: {damaged}")
    identity = _identity(account, file, member.name, kind.kind, lambda: _named_by_text(path, kind.kind), origin)
    job = _job(file, member.name, kind, identity)
    lineage = {"archive": file.name, "member": member.path, "sha256": stored.sha256, "size": stored.size}
    return NewJob(**vars(job) | lineage | {"fault": fault or job.fault})


def _named_by_text(path: Path | None, kind: FileKind) -> str | None:
    """As the archive was looked at when its delivery was formed: workbooks inside it were not."""
    return job_named_by(path, kind) if path and kind in ("csv", "jsonl") else None


def _member_kind(account: Account, name: str, path: Path, file: File) -> kinds.Kind:
    head = kinds.head_of(path)
    inner = archives.inner_paths(path) if kinds.is_zip(head) else ()
    kind = _taken(account, file, name, kinds.kind_of(name, head, inner))
    if kind.kind == "zip":
        return kinds.Kind("zip", archives.fault(f"{name!r}: it is an archive inside the archive"))
    return kind


def _with_skipped(job: NewJob, skipped: tuple[str, ...]) -> NewJob:
    """The members that systems add by themselves are told on the archive's first job."""
    told = tuple(Notice(code="member_skipped", message=f"{path!r} is no record file and was not imported.") for path in skipped)
    return NewJob(**vars(job) | {"notices": told})

"""Which files a delivery can hold together, by what their rows do (model/format.py: Operation).

Belongs here: telling files apart by their operation. Does not belong here: forming deliveries (deliveries.py), what an operation means
(relating/).
"""

from collections.abc import Mapping, Sequence

from import_pipeline.landing import opening, vault
from import_pipeline.landing.origin import origins
from import_pipeline.ledger import Ledger
from import_pipeline.ledger.files import File
from import_pipeline.ledger.jobs import NewJob
from import_pipeline.model.account import Account
from import_pipeline.model.format import Operation
from import_pipeline.model.row_error import FileFault
from import_pipeline.settings import Settings


def going_together(ledger: Ledger, account: Account, settings: Settings, chosen: Sequence[File]) -> list[File]:
    """The first files that a delivery can hold together: of each object type all do the same, and redemptions stand alone.

    Rows of one delivery are taken together whatever their order, so what has to come after a deletion comes in the next delivery.
    """
    if all(known.operation == "upsert" for known in account.formats):
        return list(chosen)
    origin = origins(ledger, account)
    taken: dict[str, Operation] = {}
    found: list[File] = []
    for file in chosen:
        own = opening.types_in(account, file, vault.path_of(settings.vault, file.sha256 or ""), origin)
        does = {name: account.operation(format_) for name, format_ in own.items()}
        if found and not _go_together(taken, does):
            break
        taken |= does
        found.append(file)
    return found


def _go_together(one: Mapping[str, Operation], other: Mapping[str, Operation]) -> bool:
    redeems = {operation == "redeem" for operation in (*one.values(), *other.values())}
    return len(redeems) < 2 and all(one.get(name, operation) == operation for name, operation in other.items())


def of_one_each(account: Account, found: list[NewJob]) -> list[NewJob]:
    """Gives a fault to jobs that do something else than the first one of their object type (members of one archive)."""
    judged: list[NewJob] = []
    taken: dict[str, Operation] = {}
    for new in found:
        does = {new.object_type: account.operation(new.format)} if new.fault is None else {}
        if _go_together(taken, does):
            taken |= does
        else:
            message = f"{new.name!r} cannot be imported together with what stands before it; send it by itself. Nothing was done."
            fault = FileFault(code="several_operations", message=message, expected="files of one operation for an object type")
            new = NewJob(**vars(new) | {"fault": fault})
        judged.append(new)
    return judged


def grouped(account: Account, names: Sequence[str], format_name: str | None) -> list[list[int]]:
    """The places of files handed in together, in as many deliveries as they need; without a stated format their names tell."""
    groups: list[list[int]] = []
    taken: dict[str, Operation] = {}
    for place, name in enumerate(names):
        known = None if format_name else account.format_of_name(name)
        does = {known.object_type: known.operation} if known else {}
        if groups and _go_together(taken, does):
            groups[-1].append(place)
            taken |= does
        else:
            groups.append([place])
            taken = dict(does)
    return groups

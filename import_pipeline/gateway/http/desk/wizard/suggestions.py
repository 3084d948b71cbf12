"""Which column each header cell of an uploaded file probably means, kept for the pages that show it.

Belongs here: asking once for each file. Does not belong here: suggesting (suggesting/), reading files (delivering/suggested.py).
"""

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

from import_pipeline.gateway.http.desk.visit import Visit
from import_pipeline.gateway.http.desk.wizard.common import Opened, upload_of
from import_pipeline.ledger.uploads import Upload

if TYPE_CHECKING:
    from import_pipeline.delivering.suggested import Looked
    from import_pipeline.suggesting.mapping import SuggestedMapping

KEPT = 32
"""Files whose suggestions are kept: a file with many columns takes some seconds, and its page is loaded more than once."""
_known: "OrderedDict[tuple[str, str, str], SuggestedMapping]" = OrderedDict()
_lock = Lock()


def suggestions(visit: Visit, found: Opened) -> "SuggestedMapping | None":
    """The suggestions for the file of an import, with sample values; None when it cannot be read any more. Blocking."""
    from import_pipeline.delivering.suggested import look_at_upload
    from import_pipeline.failures import PermanentFailure

    upload = upload_of(visit, found)
    if upload is None:
        return None
    key = _key(upload, found)
    with _lock:
        if key in _known:
            _known.move_to_end(key)
            return _known[key]
    try:
        looked = look_at_upload(visit.gate.settings, upload)
    except PermanentFailure:
        return None
    return suggest(visit, found, upload, looked)


def suggest(visit: Visit, found: Opened, upload: Upload, looked: "Looked") -> "SuggestedMapping":
    """The suggestions for a file that was looked at. Blocking."""
    from import_pipeline.delivering.suggested import suggest_mapping

    made = suggest_mapping(visit.gate.ledger, found.account, found.object_type, looked)
    with _lock:
        _known[_key(upload, found)] = made
        while len(_known) > KEPT:
            _known.popitem(last=False)
    return made


def _key(upload: Upload, found: Opened) -> tuple[str, str, str]:
    return upload.account, upload.id, found.object_type.name

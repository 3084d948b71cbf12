"""What forms send, and whether they are our own.

Belongs here: fields of small forms, the check of their token and origin. Does not belong here: files (../uploads.py), what a field
means (the pages).
"""

import hmac
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.gateway.http.uploads import media_type, read_small

LARGEST = 1 << 20
MOST_FIELDS = 20_000


class Fields:
    """The fields of a form, in order; a name may stand several times."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs

    def one(self, name: str, default: str = "") -> str:
        """The last value of this name."""
        return next((value for key, value in reversed(self.pairs) if key == name), default)

    def all(self, name: str) -> list[str]:
        """All values of this name."""
        return [value for key, value in self.pairs if key == name]

    def starting(self, prefix: str) -> dict[str, str]:
        """name without `prefix` → value, of all fields whose names begin with it."""
        return {key[len(prefix) :]: value for key, value in self.pairs if key.startswith(prefix)}


async def read_fields(request: Request) -> Fields:
    """Raises Refusal 415 for another kind of body, 413 for one above LARGEST, 400 for one that cannot be read."""
    if media_type(request) != "application/x-www-form-urlencoded":
        raise Refusal(415, "a form is expected (application/x-www-form-urlencoded)")
    body = await read_small(request, LARGEST)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError:
        raise Refusal(400, "the form cannot be read") from None
    # Browsers send line ends as CR LF; what people typed has LF.
    return Fields([(name, value.replace("\r\n", "\n")) for name, value in pairs])


def check_token(given: str, expected: str) -> None:
    """Raises Refusal 403 for another session's token, or none: a page of another site cannot know it."""
    if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode()):
        raise Refusal(403, "this form belongs to a session that is over; load the page again")


def is_from_here(request: Request) -> bool:
    """Whether a browser says that one of our own pages sends the request; programs that say nothing have the token to show."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")

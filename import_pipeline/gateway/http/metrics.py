"""Figures for a monitoring system, in the text format that Prometheus reads.

Belongs here: the page /metrics. Does not belong here: the counting queries (ledger/figures.py).

The page names accounts and counts, never files or people. It is open to everybody who can reach the service on a loopback address;
where the service listens elsewhere it is not there at all, unless somebody puts a proxy in front (docs/http.md).
"""

import asyncio
import ipaddress
from collections.abc import Iterable, Iterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from import_pipeline.gateway.http.gate import Gate
from import_pipeline.ledger import figures

PREFIX = "import_pipeline_"
BOUNDS = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 300.0, 1800.0)
Sample = tuple[dict[str, str], float]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def metrics(request: Request) -> Response:
    """The figures of this moment."""
    request.scope["told"]["route"] = "metrics"
    gate: Gate = request.app.state.gate
    if not is_loopback(gate.settings.http_host):
        return PlainTextResponse("not found\n", 404)
    text = await asyncio.to_thread(lambda: "".join(_lines(gate)))
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _lines(gate: Gate) -> Iterator[str]:
    with gate.ledger.read() as conn:
        found, seconds = figures.figures(conn), figures.delivery_seconds(conn)
    now = gate.clock.now()
    yield from _metric("jobs", "gauge", "Jobs by state.", _by(found.jobs, "account", "state"))
    yield from _metric("rows", "gauge", "Rows of imports by outcome.", _by(found.rows, "account", "outcome"))
    yield from _metric("deliveries", "gauge", "Deliveries by state.", _by(found.deliveries, "account", "state"))
    waiting = [({"account": name}, (now - at).total_seconds()) for name, at in sorted(found.oldest_waiting.items())]
    yield from _metric("oldest_waiting_file_seconds", "gauge", "Age of the oldest file that has no answer.", waiting)
    told = [({"state": state}, float(n)) for state, n in sorted(found.messages.items())]
    yield from _metric("messages", "gauge", "Mails and webhooks by state.", told)
    yield from _histogram(seconds)
    asked = [({"route": route, "status": str(status)}, float(n)) for (route, status), n in sorted(gate.requests.items())]
    yield from _metric("http_requests_total", "counter", "Requests by route and status.", asked)
    yield from _metric("http_received_bytes_total", "counter", "Bytes of uploads.", [({}, float(gate.received_bytes))])


def _by(found: dict[tuple[str, str], int], *names: str) -> list[Sample]:
    return [(dict(zip(names, key, strict=True)), float(n)) for key, n in sorted(found.items())]


def _histogram(seconds: dict[str, list[float]]) -> Iterator[str]:
    """How long the latest deliveries took: a gauge histogram, for it looks back over a fixed number of them."""
    name = f"{PREFIX}delivery_seconds"
    yield f"# HELP {name} Seconds from booking to answer of the latest 100 deliveries.\n# TYPE {name} histogram\n"
    for account, values in sorted(seconds.items()):
        for bound in BOUNDS:
            yield _line(f"{name}_bucket", {"account": account, "le": f"{bound:g}"}, float(sum(v <= bound for v in values)))
        yield _line(f"{name}_bucket", {"account": account, "le": "+Inf"}, float(len(values)))
        yield _line(f"{name}_sum", {"account": account}, sum(values))
        yield _line(f"{name}_count", {"account": account}, float(len(values)))


def _metric(name: str, kind: str, about: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {PREFIX}{name} {about}\n# TYPE {PREFIX}{name} {kind}\n"
    for labels, value in samples:
        yield _line(PREFIX + name, labels, value)


def _line(name: str, labels: dict[str, str], value: float) -> str:
    told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{told}}} {value:.15g}\n" if told else f"{name} {value:.15g}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')

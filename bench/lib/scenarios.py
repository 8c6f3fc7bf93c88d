"""The loads that bench/proxy puts on every proxy, and what it asks of Shunt in each."""

from dataclasses import dataclass

from lib.backend import HTTP2_HOST, WEBSOCKET_HOST
from lib.network import LOOPBACK

UPLOAD_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Scenario:
    """One kind of load. `bar` is the largest ratio of Shunt to `reference` that passes: of CPU per
    request (WebSocket: per message), or of p99 where the rate is fixed."""

    name: str
    path: str
    connections: int
    bar: float
    load: str = "wrk"  # What lib/measure.py runs: wrk, rate, tls, http2, websocket.
    entry: str = "http"  # Which of a proxy's ports: http, https, http2_backend, websocket.
    host: str = LOOPBACK
    reference: str = "haproxy"
    without: tuple = ()  # Proxies that cannot do it.
    close: bool = False
    upload_bytes: int = 0
    streams: int = 1
    resume: bool = False
    log_lines: int = 1  # For each request.

    @property
    def fixed_rate(self):
        return self.load == "rate"

    @property
    def judged(self):
        return "p99_us" if self.fixed_rate else "cpu_us"


SCENARIOS = (
    Scenario("small32", "/128", 32, 0.90),
    Scenario("small256", "/128", 256, 0.90),
    Scenario("body16k", "/16k", 32, 1.00),
    Scenario("body1m", "/1m", 16, 1.00),
    Scenario("newconn", "/128", 32, 1.00, close=True),
    Scenario("upload1m", "/upload", 16, 1.00, upload_bytes=UPLOAD_BYTES),
    Scenario("rate", "/128", 0, 1.00, load="rate"),
    Scenario("tls32", "/128", 32, 0.90, entry="https"),
    Scenario("tlsnew", "/128", 32, 1.10, load="tls", entry="https", reference="nginx"),
    Scenario("tlsresume", "/128", 32, 1.10, load="tls", entry="https", reference="nginx", resume=True),
    Scenario("h2front", "/128", 8, 0.95, load="http2", entry="https", streams=16),
    Scenario("h2back", "/128", 32, 1.00, entry="http2_backend", host=HTTP2_HOST, without=("nginx",)),
    Scenario("websocket", "/echo", 32, 1.00, load="websocket", entry="websocket", host=WEBSOCKET_HOST),
)

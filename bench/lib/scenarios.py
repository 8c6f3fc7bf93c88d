"""The loads that bench/proxy puts on every proxy, and what it asks of Shunt in each."""

from dataclasses import dataclass

UPLOAD_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Scenario:
    """One kind of load. `bar` is the largest ratio Shunt/HAProxy that passes: of CPU per request,
    or of p99 where the rate is fixed."""

    name: str
    path: str
    connections: int
    bar: float
    close: bool = False
    upload_bytes: int = 0
    fixed_rate: bool = False

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
    Scenario("rate", "/128", 0, 1.00, fixed_rate=True),
)

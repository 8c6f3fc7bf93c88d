"""One measurement of one proxy under one load: warm up, run, count CPU, check the access log."""

import os
from dataclasses import asdict, dataclass, field

from lib.load import run_fixed_rate, run_http2, run_program, run_wrk
from lib.processes import wait_until, wait_until_quiet


@dataclass
class Measurement:
    """What one run gave. Anything in `errors` makes it invalid."""

    requests: int
    cpu_us: float
    rate: float
    p50_us: float
    p99_us: float
    errors: dict = field(default_factory=dict)

    def as_dict(self):
        return asdict(self)


class LoadRunner:
    """Puts scenarios on proxies. `rate` is the fixed rate, known once HAProxy's maximum is."""

    def __init__(self, directory, seconds, certificate, programs):
        self._log = directory / "h2load.log"
        self._seconds = seconds
        self._certificate = certificate
        self._programs = programs
        self.rate = 0.0

    def measure(self, proxy, scenario):
        """A warm-up, then the measured run. CPU counts until the proxy rests again."""
        self._run(proxy, scenario, 1)
        wait_until_quiet(proxy.process)
        wait_until_log_rests(proxy.access_log)
        os.truncate(proxy.access_log, 0)
        before = proxy.process.cpu_seconds()
        load = self._run(proxy, scenario, self._seconds)
        wait_until_quiet(proxy.process)
        cpu_seconds = proxy.process.cpu_seconds() - before
        proxy.process.check()
        errors = dict(load.errors)
        missing = missing_log_lines(proxy.access_log, load.logged * scenario.log_lines)
        if missing:
            errors["unlogged"] = missing
        return Measurement(load.requests, cpu_seconds / max(1, load.requests) * 1e6, load.rate,
                           load.p50_us, load.p99_us, errors)

    def _run(self, proxy, scenario, seconds):
        port = proxy.ports[scenario.entry]
        path, connections = scenario.path, scenario.connections
        if scenario.load == "rate":
            return run_fixed_rate(port, path, self.rate, seconds, self._log)
        if scenario.load == "http2":
            return run_http2(port, path, connections, scenario.streams, seconds, self._log)
        if scenario.load == "tls":
            options = ["--resume"] if scenario.resume else []
            return run_program(self._programs["tls_load"], port, path, connections, seconds, scenario.host,
                               *options)
        if scenario.load == "websocket":
            return run_program(self._programs["websocket_load"], port, path, connections, seconds,
                               scenario.host, "load")
        return run_wrk(port, path, connections, seconds, scenario.close, scenario.upload_bytes,
                       scenario.host, self._certificate if scenario.entry == "https" else None)


def missing_log_lines(path, requests):
    """How many of `requests` never reached the access log, once writers had time to flush.

    0 up to one in a hundred: HAProxy drops a line when its other thread is just writing one.
    """
    enough = requests - requests // 100
    try:
        wait_until(lambda: count_lines(path) >= enough, 5, "every request in the access log")
    except TimeoutError:
        return requests - count_lines(path)
    return 0


def wait_until_log_rests(path):
    """Waits until what a proxy still holds back of an earlier run is in the file."""
    sizes = []

    def unchanged():
        sizes.append(os.path.getsize(path))
        # Seventy-five polls of 20 ms: longer than the second for which any of the proxies holds lines.
        return len(sizes) > 75 and sizes[-1] == sizes[-75]

    wait_until(unchanged, 30, f"{path} at rest")


def count_lines(path):
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))

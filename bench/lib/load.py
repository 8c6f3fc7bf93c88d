"""Load generators: wrk for as much as goes through, h2load for a fixed rate and for HTTP/2, and two
programs of our own for new TLS connections and for WebSocket messages."""

import json
import math
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lib.tls import SUITE

WRK_SCRIPT = Path(__file__).with_name("wrk.lua")

# h2load lets each client send what is due at most every 10 ms, all clients at about the same time.
# At 100 requests a second and client none waits inside the generator, where no latency would show it.
RATE_PER_CLIENT = 100
CLIENTS_MAX = 64


@dataclass
class Load:
    """What one run of a generator saw. `errors` counts by kind and holds no zeros."""

    requests: int
    seconds: float
    p50_us: float
    p99_us: float
    p999_us: float
    errors: dict
    lines: int | None = None  # In the access log, where not one for each request.

    @property
    def logged(self):
        return self.requests if self.lines is None else self.lines

    @property
    def rate(self):
        return self.requests / self.seconds if self.seconds else 0.0


def run_wrk(port, path, connections, seconds, close=False, upload_bytes=0, host="127.0.0.2", tls=None):
    """`connections` clients, each sending its next request as soon as it has an answer. `tls` is a
    Certificate if they are to speak TLS."""
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{math.ceil(seconds)}s",
               "--timeout", "10s", "-s", str(WRK_SCRIPT), "-H", f"Host: {host}",
               f"{'https' if tls else 'http'}://127.0.0.2:{port}{path}", "--"]
    command += ["--close"] if close else []
    command += ["--upload", str(upload_bytes)] if upload_bytes else []
    said = _run(command, seconds, {"OPENSSL_CONF": str(tls.client_config)} if tls else {})
    report = re.search(r"^JSON (\{.*\})$", said, re.MULTILINE)
    if not report:
        raise RuntimeError(f"wrk reported nothing: {said[-500:]}")
    fields = json.loads(report.group(1))
    fields.pop("bytes")
    return _load_from(fields)


def run_program(program, port, path, connections, seconds, host, *options):
    """Ours, which report as Load: tls_load, and websocket_load with its subcommand in `options`."""
    command = [program, *options, "--port", port, "--path", path, "--connections", connections,
               "--seconds", seconds, "--host", host]
    return _load_from(json.loads(_run([str(part) for part in command], seconds)))


def _load_from(fields):
    fields["errors"] = {kind: n for kind, n in fields["errors"].items() if n}
    return Load(**fields)


def run_fixed_rate(port, path, rate, seconds, log, host="127.0.0.2"):
    """`rate` requests a second for `host`; `log` is a scratch file for h2load's latencies."""
    log.unlink(missing_ok=True)
    clients = min(CLIENTS_MAX, max(1, math.ceil(rate / RATE_PER_CLIENT)))
    command = ["h2load", "--h1", "-t", "1", "-c", str(clients), f"--rps={rate / clients:.3f}",
               "-D", str(math.ceil(seconds)), "-N", "10s", f"--log-file={log}",
               f"--connect-to=127.0.0.2:{port}", f"http://{host}{path}"]
    load = _read_h2load(_run(command, seconds), log)
    # A generator or proxy that cannot keep the rate was not measured at it.
    if load.rate < 0.95 * rate:
        load.errors["below_rate"] = round((rate - load.rate) * load.seconds)
    return load


def run_http2(port, path, connections, streams, seconds, log):
    """HTTP/2 over TLS: `streams` requests at a time on each of `connections`."""
    log.unlink(missing_ok=True)
    said = _run(["h2load", "-t", "1", "-c", str(connections), "-m", str(streams), "-D", str(math.ceil(seconds)),
                 "-N", "10s", f"--log-file={log}", "--npn-list=h2", f"--tls13-ciphers={SUITE}", "--groups=X25519",
                 f"https://127.0.0.2:{port}{path}"], seconds)
    load = _read_h2load(said, log)
    if f"Cipher: {SUITE}" not in said or "Application protocol: h2" not in said:
        load.errors["protocol"] = load.requests
    return load


def _read_h2load(said, log):
    counts = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", said)
    if not counts or not log.exists():
        raise RuntimeError(f"h2load reported nothing: {said[-500:]}")
    return _read_log(log, dict(zip(("failed", "errored", "timeout"), map(int, counts.groups()))))


def _read_log(log, errors):
    """Lines of `start_us status duration_us`; an aborted request has a negative duration."""
    rows = [line.split() for line in log.read_text().splitlines()]
    errors["status"] = sum(not row[1].startswith("2") for row in rows)
    durations = sorted(int(row[2]) for row in rows if int(row[2]) >= 0)
    starts = [int(row[0]) for row in rows]
    if not durations:
        raise RuntimeError("h2load completed no request")
    return Load(len(durations), (max(starts) - min(starts)) / 1e6 or 1e-6,
                _percentile(durations, 50), _percentile(durations, 99), _percentile(durations, 99.9),
                {kind: n for kind, n in errors.items() if n})


def _percentile(ordered, percent):
    return float(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))])


def _run(command, seconds, environment=None):
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60,
                          env={**os.environ, "LC_ALL": "C", **(environment or {})}, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout

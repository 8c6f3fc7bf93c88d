"""Load generators: wrk for as much as goes through, h2load for a fixed rate."""

import json
import math
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

WRK_SCRIPT = Path(__file__).with_name("wrk.lua")

# h2load lets each client send what is due at most every 10 ms, all clients at about the same time.
# At 100 requests a second and client none waits inside the generator, where no latency would show it.
# More than 64 at once would outgrow the idle backend connections that the proxies may keep (100).
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

    @property
    def rate(self):
        return self.requests / self.seconds if self.seconds else 0.0


def run_wrk(port, path, connections, seconds, close=False, upload_bytes=0):
    """`connections` clients, each sending its next request as soon as it has an answer."""
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{math.ceil(seconds)}s",
               "--timeout", "10s", "-s", str(WRK_SCRIPT), f"http://127.0.0.2:{port}{path}", "--"]
    command += ["--close"] if close else []
    command += ["--upload", str(upload_bytes)] if upload_bytes else []
    said = _run(command, seconds)
    report = re.search(r"^JSON (\{.*\})$", said, re.MULTILINE)
    if not report:
        raise RuntimeError(f"wrk reported nothing: {said[-500:]}")
    fields = json.loads(report.group(1))
    fields.pop("bytes")
    fields["errors"] = {kind: n for kind, n in fields["errors"].items() if n}
    return Load(**fields)


def run_fixed_rate(port, path, rate, seconds, log, host="127.0.0.2"):
    """`rate` requests a second for `host`; `log` is a scratch file for h2load's latencies."""
    log.unlink(missing_ok=True)
    clients = min(CLIENTS_MAX, max(1, math.ceil(rate / RATE_PER_CLIENT)))
    command = ["h2load", "--h1", "-t", "1", "-c", str(clients), f"--rps={rate / clients:.3f}",
               "-D", str(math.ceil(seconds)), "-N", "10s", f"--log-file={log}",
               f"--connect-to=127.0.0.2:{port}", f"http://{host}{path}"]
    said = _run(command, seconds)
    counts = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", said)
    if not counts or not log.exists():
        raise RuntimeError(f"h2load reported nothing: {said[-500:]}")
    load = _read_log(log, dict(zip(("failed", "errored", "timeout"), map(int, counts.groups()))))
    # A generator or proxy that cannot keep the rate was not measured at it.
    if load.rate < 0.95 * rate:
        load.errors["below_rate"] = round((rate - load.rate) * load.seconds)
    return load


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


def _run(command, seconds):
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60,
                          env={**os.environ, "LC_ALL": "C"}, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout

"""Results: what machine they come from, the tables people read, and where the last ones are kept."""

import datetime
import json
import os
import platform
import re
import subprocess
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[1] / "results"
BUSY_LOAD = 0.5


def environment():
    """What a reader needs to judge the numbers. `busy` says that something else was running."""
    load = os.getloadavg()[0]
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "cpu": _cpu_model(), "cpus": len(os.sched_getaffinity(0)), "kernel": platform.release(),
        "load_average": round(load, 2), "busy": load > BUSY_LOAD * len(os.sched_getaffinity(0)),
        "versions": {
            "haproxy": _version(["haproxy", "-v"]), "nginx": _version(["nginx", "-v"]),
            "nats-server": _version(["nats-server", "-v"]), "wrk": _version(["wrk", "-v"]),
            "h2load": _version(["h2load", "--version"]),
        },
    }


def describe(env):
    """The environment in lines for the head of a table."""
    lines = [f"{env['date']}  {env['cpus']} CPUs, {env['cpu']}, Linux {env['kernel']}",
             ", ".join(f"{name} {version}" for name, version in env["versions"].items())]
    if env["busy"]:
        lines.append(f"NOTE: load average was {env['load_average']} at the start: "
                     "the machine was busy, figures are not to be relied on")
    return lines


def store(name, document, text, directory=RESULTS):
    """Keeps the last result as results/<name>.json and .txt."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
    (directory / f"{name}.txt").write_text(text + "\n")


def table(rows):
    """Rows of cells as aligned text; the first row is the header. Numbers go to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.rjust(width) if _numeric(rows, i) else cell.ljust(width)
                  for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
        for row in rows
    ]


def verdict(passed):
    return "pass" if passed else "FAIL"


def _numeric(rows, column):
    return any(re.match(r"-?\d", row[column]) for row in rows[1:])


def _cpu_model():
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found.group(1) if found else platform.machine()


def _version(command):
    # wrk -v exits with 1 and nginx -v writes to stderr: only what is said counts.
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return "missing"
    found = re.search(r"\d+\.\d+(\.\d+)?", done.stdout + done.stderr)
    return found.group(0) if found else "unknown"

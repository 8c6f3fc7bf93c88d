"""Registrations in bulk: runs bench/table_nats, which publishes them, and its empty subscriber."""

import json
import os
from pathlib import Path

from lib.processes import Process, wait_until
from lib.shunt import ROOT

PLACES = (ROOT / "build" / "release" / "table_nats", ROOT / "build" / "release" / "bench" / "table_nats")
# A change in so many registrations is what a quiet foundation was seen to have.
CHANGE_EVERY = 587


def find_program(option):
    for path in [Path(option)] if option else PLACES:
        if path.is_file() and os.access(path, os.X_OK):
            return path.resolve()
    raise FileNotFoundError("table_nats is not built: build the target table_nats, or name it with --publisher")


def host_of(route):
    """The host that table_nats registers for this number."""
    return f"route-{route:07d}.apps.europe-west.cloud.example.com"


class Registrations:
    """Publishes routes 0 to `routes` - 1 to `nats`; every `live_every`th and the last lead to the
    backend, all others to addresses where nobody listens."""

    def __init__(self, program, nats, directory, routes, backend_port, live_every=1000):
        self._program, self._nats, self._directory = program, nats, directory
        self.routes, self._backend_port, self._live_every = routes, backend_port, live_every

    @property
    def live_routes(self):
        return [*range(0, self.routes - 1, self._live_every), self.routes - 1]

    def publish_all(self, rate):
        """One pass over all routes; returns when the server has everything: what was published."""
        process = self._start("publish", "--rate", rate)
        if process.wait(60 + 3 * self.routes / rate) != 0:
            process.check()
        return json.loads(process.output.read_text())

    def heard_by_nats(self):
        """Messages that the server has received so far, whoever sent them."""
        return self._nats.monitor("varz")["in_msgs"]

    def start_steady(self, rate, seconds):
        """Goes round for `seconds` at `rate`; returns the process once it is at work."""
        before = self.heard_by_nats()
        process = self._start("steady", "--rate", rate, "--seconds", seconds,
                              "--change-every", CHANGE_EVERY)
        wait_until(lambda: self.heard_by_nats() - before > rate / 2, 30,
                   "registrations at their rate", process)
        return process

    def _start(self, name, *options):
        output = self._directory / f"{name}.out"
        output.unlink(missing_ok=True)
        return Process("table_nats", [
            self._program, "--url", f"nats://127.0.0.2:{self._nats.port}", "publish",
            "--routes", self.routes, "--live-every", self._live_every,
            "--backend-port", self._backend_port, *options], output)


class EmptySubscriber:
    """Receives what a router receives and drops it: the part of the CPU that is NATS alone."""

    def __init__(self, program, nats, directory):
        output = directory / "counter.out"
        self.process = Process("empty subscriber", [
            program, "--url", f"nats://127.0.0.2:{nats.port}", "count"], output)
        wait_until(lambda: "ready" in output.read_text(), 10, "the empty subscriber", self.process)
        self._output = output
        self.messages = None  # Known after stop().

    def stop(self):
        if self.messages is None:
            self.process.stop()
            last = self._output.read_text().splitlines()[-1]
            self.messages = json.loads(last)["messages"] if last.startswith("{") else -1

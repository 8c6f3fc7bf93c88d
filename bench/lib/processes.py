"""Child processes: started so that they cannot outlive us, measured through /proc, ended by pid.

CPU time and memory always cover a process and all its descendants: nginx works in children, the
others in threads.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Process:
    """One started program. `output` receives what it prints, for the message when it fails."""

    def __init__(self, name, command, output, pass_fds=()):
        self.name = name
        self.output = Path(output)
        with open(self.output, "ab") as sink:
            self._child = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
                pass_fds=pass_fds, preexec_fn=_die_with_parent)
        self.pid = self._child.pid

    def check(self):
        """Raises when the process has ended, with the last of what it said."""
        if self._child.poll() is not None:
            said = self.output.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{self.name} ended with {self._child.returncode}: {said}")

    def cpu_seconds(self):
        """User plus system time of the process and its descendants so far."""
        return sum(_cpu_ticks(pid) for pid in self.pids()) / TICKS_PER_SECOND

    def rss_bytes(self):
        """Resident memory of the process and its descendants."""
        return sum(_rss_bytes(pid) for pid in self.pids())

    def pids(self):
        return [self.pid, *_descendants(self.pid)]

    def wait(self, seconds):
        """Waits for the process to end by itself; returns its exit code."""
        return self._child.wait(seconds)

    def stop(self):
        pids = self.pids()
        self._child.terminate()
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            # Children first seen while the parent lived: a killed parent cannot end them any more.
            for pid in reversed(pids):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._child.wait()


@contextlib.contextmanager
def running(process):
    """Stops `process` (anything with stop()) however the block ends."""
    try:
        yield process
    finally:
        process.stop()


def end_on_sigterm():
    """Lets SIGTERM unwind the program, so that everything started is stopped and removed."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def wait_until(condition, seconds, what, process=None):
    """Polls `condition` until it holds and returns its value; raises after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if process is not None:
            process.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"no sign of this within {seconds} s: {what}")
        time.sleep(0.02)


def wait_until_quiet(process, seconds=5.0):
    """Waits until `process` has used no CPU for 0.1 s, so that work put off by it is counted too.

    A process that never rests is measured as it is: the deadline ends the wait without an error.
    """
    deadline = time.monotonic() + seconds
    before = process.cpu_seconds()
    while time.monotonic() < deadline:
        time.sleep(0.1)
        now = process.cpu_seconds()
        if now == before:
            return
        before = now


def wait_until_rss_stable(process, seconds=20.0):
    """Waits until RSS has stayed within 64 KiB for a second; returns it."""
    deadline = time.monotonic() + seconds
    last, since = process.rss_bytes(), time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(0.1)
        now = process.rss_bytes()
        if abs(now - last) > 65536:
            last, since = now, time.monotonic()
        elif time.monotonic() - since >= 1.0:
            return now
    return process.rss_bytes()


def _fields_of_stat(pid):
    # The command name stands in parentheses and may hold spaces: split behind the last one.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu_ticks(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        fields = _fields_of_stat(pid)
        return int(fields[11]) + int(fields[12])
    return 0


def _rss_bytes(pid):
    # Not VmRSS: recent kernels keep that per CPU and it lags by megabytes.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
    return 0


def _descendants(root):
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                children.setdefault(int(_fields_of_stat(entry)[1]), []).append(int(entry))
    found, todo = [], [root]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found

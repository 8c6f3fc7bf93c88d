"""Just enough of the NATS text protocol to publish and to ask: CONNECT, PUB, SUB, MSG, PING and PONG over a socket."""

import json
import queue
import socket
import threading

from lib.network import LOOPBACK


class NatsPublisher:
    """One connection to a NATS server on loopback. Any thread may publish; one may ask."""

    def __init__(self, port):
        self._socket = socket.create_connection((LOOPBACK, port), timeout=10.0)
        self._lock = threading.Lock()
        self._input = self._socket.makefile("rb")
        if not self._input.readline(65536).startswith(b"INFO "):
            raise ConnectionError("what answers is no NATS server")
        options = {"verbose": False, "pedantic": False, "name": "bench", "lang": "python", "version": "1"}
        self._send(b"CONNECT " + json.dumps(options).encode() + b"\r\nPING\r\n")
        if self._read_reply() != b"PONG":
            raise ConnectionError("the NATS server does not accept us")
        self._socket.settimeout(None)
        self._inbox = f"_INBOX.bench.{id(self)}"
        self._answers = queue.SimpleQueue()
        self._send(f"SUB {self._inbox} 1\r\n".encode())
        threading.Thread(target=self._answer_pings, daemon=True).start()

    def publish(self, subject, message):
        """Publishes `message` as JSON."""
        payload = json.dumps(message).encode()
        self._send(f"PUB {subject} {len(payload)}\r\n".encode() + payload + b"\r\n")

    def request(self, subject, message, seconds=10.0):
        """Publishes `message` and returns what is answered, or None."""
        payload = json.dumps(message).encode()
        self._send(f"PUB {subject} {self._inbox} {len(payload)}\r\n".encode() + payload + b"\r\n")
        try:
            return json.loads(self._answers.get(timeout=seconds))
        except queue.Empty:
            return None

    def close(self):
        # Wakes the thread that reads, which close() alone would not.
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # The server left first.
        self._socket.close()

    def _send(self, data):
        with self._lock:
            self._socket.sendall(data)

    def _read_reply(self):
        while True:
            line = self._input.readline(65536).strip()
            if not line.startswith(b"INFO "):
                return line

    def _answer_pings(self):
        # A client that does not answer is disconnected by the server after a few minutes.
        try:
            for line in self._input:
                if line.startswith(b"PING"):
                    self._send(b"PONG\r\n")
                elif line.startswith(b"MSG"):
                    self._answers.put(self._input.read(int(line.split()[-1])))
                    self._input.readline()
        except (OSError, ValueError):
            pass  # Closed, by us or by the server: the next publish says so.


class Heartbeat:
    """Publishes some registrations again and again, as a route emitter does, until stop()."""

    def __init__(self, port, messages, seconds):
        self._publisher = NatsPublisher(port)
        self._messages = messages
        self._seconds = seconds
        self._stopped = threading.Event()
        self._publish()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        self._stopped.set()
        self._thread.join(5.0)
        self._publisher.close()

    def _publish(self):
        for message in self._messages:
            self._publisher.publish("router.register", message)

    def _run(self):
        while not self._stopped.wait(self._seconds):
            try:
                self._publish()
            except OSError:
                return  # The server is gone; whoever measures notices by the missing route.

"""The clients of bench/idle: each makes one request and then holds its connection.

For HTTP/2 that takes a preface, two frames and an answer, which is less to write than to install.
"""

import socket
import ssl
import struct

from lib.network import LOOPBACK
from lib.tls import SERVER_NAME

REQUEST = b"GET /128 HTTP/1.1\r\nHost: 127.0.0.2\r\nUser-Agent: bench-idle\r\nAccept: */*\r\n\r\n"

DATA, HEADERS, SETTINGS, GOAWAY = 0, 1, 4, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
STATUS_200 = 0x88  # HPACK: entry 8 of the static table.


class Http1:
    """HTTP/1.1 over plain TCP."""

    name, entry = "tcp", "http"

    def __init__(self, certificate):
        del certificate

    def connect(self, port):
        return socket.create_connection((LOOPBACK, port), timeout=10.0)

    def send(self, client):
        client.sendall(REQUEST)

    def receive(self, client):
        """Reads one whole answer with Content-Length; anything but 200 is an error."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += _receive(client)
        head, _, body = data.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"answered {head[:80]!r}")
        lines = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
        missing = int(lines[b"content-length"]) - len(body)
        while missing > 0:
            missing -= len(_receive(client))


class Tls(Http1):
    """HTTP/1.1 over TLS 1.3."""

    name, entry = "tls", "https"
    protocol = "http/1.1"

    def __init__(self, certificate):
        self._context = ssl.create_default_context(cafile=certificate.chain)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._context.set_alpn_protocols([self.protocol])

    def connect(self, port):
        plain = super().connect(port)
        try:
            client = self._context.wrap_socket(plain, server_hostname=SERVER_NAME)
        except BaseException:
            plain.close()
            raise
        if client.selected_alpn_protocol() != self.protocol:
            client.close()
            raise RuntimeError(f"no {self.protocol} over TLS")
        return client


class Http2(Tls):
    """HTTP/2 over TLS 1.3: one stream, ended."""

    name, entry = "http2", "https"
    protocol = "h2"

    def send(self, client):
        # Indexed: GET, https. Literal without indexing: :path (4), :authority (1).
        fields = b"\x82\x87" + _literal(4, b"/128") + _literal(1, b"127.0.0.2")
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(SETTINGS, 0, 0)
                       + _frame(HEADERS, END_STREAM | END_HEADERS, 1, fields))

    def receive(self, client):
        """Reads until stream 1 has ended and both have acknowledged settings: then nothing is to come."""
        data, done, acknowledged, accepted, answered = b"", False, False, False, False
        while not (done and acknowledged and accepted):
            while len(data) < 9 or len(data) < 9 + _length(data):
                data += _receive(client)
            kind, flags, payload = data[3], data[4], data[9:9 + _length(data)]
            stream = int.from_bytes(data[5:9], "big") & 0x7FFFFFFF
            data = data[9 + len(payload):]
            if kind == GOAWAY or (kind == HEADERS and STATUS_200 not in payload[:4]):
                raise RuntimeError(f"answered with frame {kind}: {payload[:40]!r}")
            if kind == SETTINGS and flags & ACK:
                accepted = True
            elif kind == SETTINGS:
                client.sendall(_frame(SETTINGS, ACK, 0))
                acknowledged = True
            answered = answered or kind == HEADERS
            done = done or (kind in (DATA, HEADERS) and stream == 1 and bool(flags & END_STREAM))
        if not answered:
            raise RuntimeError("answered without headers")


KINDS = {kind.name: kind for kind in (Http1, Tls, Http2)}


def _frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _length(frame):
    return int.from_bytes(frame[:3], "big")


def _literal(name_index, value):
    return bytes([name_index, len(value)]) + value


def _receive(client):
    data = client.recv(65536)
    if not data:
        raise RuntimeError("the proxy closed a connection")
    return data

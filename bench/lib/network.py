"""Loopback plumbing: ports, waiting for a listener, and a plain HTTP request."""

import http.client
import random
import socket

from lib.processes import wait_until

# Not 127.0.0.1: that is where clients come from, and gorouter (and Shunt) refuse a Host that names its peer.
LOOPBACK = "127.0.0.2"
_given = set()  # Ports may be chosen long before anybody listens on them.


def free_port():
    """A port nobody listens on, below the range the kernel gives to outgoing connections."""
    for port in random.sample(range(20000, 30000), 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
    raise RuntimeError("no free port between 20000 and 30000")


def is_listening(port):
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def wait_for_listener(port, process, seconds=30.0):
    wait_until(lambda: is_listening(port), seconds, f"{process.name} listening on {port}", process)


def request(port, path="/", host=None, method="GET", body=None, timeout=10.0):
    """One request on a connection of its own; returns (status, body), or (0, b"") if refused."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers={"Host": host} if host else {})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()

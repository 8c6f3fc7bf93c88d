"""Shunt as the benchmarks run it: the real executable, a real nats-server, real registrations."""

import contextlib
import json
import os
from pathlib import Path

from lib.backend import HTTP2_HOST, WEBSOCKET_HOST
from lib.nats_client import Heartbeat
from lib.network import LOOPBACK, free_port, request, wait_for_listener
from lib.processes import Process, wait_until
from lib.proxies import IDLE_CONNECTIONS, WORKERS
from lib.tls import SERVER_NAME

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_EXECUTABLE = ROOT / "build" / "release" / "shunt"

# JSON is YAML: every value below is written as JSON, which spares an emitter.
CONFIG = """\
port: {port}
status:
  port: {status_port}
  host: 127.0.0.2
  user: bench
  pass: bench
  routes: {{port: {routes_port}}}
nats:
  hosts: [{{hostname: 127.0.0.2, port: {nats_port}}}]
go_max_procs: {workers}
start_response_delay_interval: {start_delay}
droplet_stale_threshold: {stale_threshold}
route_services_internal_server_port: {internal_port}
disable_keep_alives: false
max_idle_conns: {idle}
max_idle_conns_per_host: {idle}
frontend_idle_timeout: 3600s
endpoint_timeout: 60s
backends: {{max_attempts: 3}}
access_log: {{file: {access_log}}}
logging: {{level: info}}
"""

TLS_CONFIG = """\
enable_ssl: true
ssl_port: {ssl_port}
tls_pem: [{{cert_chain: {chain}, private_key: {key}}}]
cipher_suites: ECDHE-ECDSA-AES128-GCM-SHA256
max_tls_version: TLSv1.3
client_cert_validation: none
enable_http2: true
ca_certs: [{chain}]
"""


def find_executable(option):
    """The executable to measure, or None when it has not been built."""
    path = Path(option) if option else DEFAULT_EXECUTABLE
    if path.is_file() and os.access(path, os.X_OK):
        return path.resolve()
    if option:
        raise FileNotFoundError(f"no executable at {path}")
    return None


class NatsServer:
    """nats-server on loopback, with its monitoring port. Slow subscribers get room, not a cut."""

    def __init__(self, directory):
        directory.mkdir(parents=True)
        self.port, self.monitor_port = free_port(), free_port()
        config = directory / "nats.conf"
        config.write_text(f'host: "{LOOPBACK}"\nport: {self.port}\nhttp: "{LOOPBACK}:{self.monitor_port}"\n'
                          "max_pending: 2147483648\nwrite_deadline: \"60s\"\n")
        self.process = Process("nats-server", ["nats-server", "-c", config], directory / "nats.out")
        wait_for_listener(self.port, self.process)
        wait_for_listener(self.monitor_port, self.process)

    def monitor(self, document):
        """One of the server's own reports, such as `varz` or `connz`."""
        status, body = request(self.monitor_port, f"/{document}")
        if status != 200:
            raise RuntimeError(f"nats-server answers {status} for /{document}")
        return json.loads(body)

    def stop(self):
        self.process.stop()


class Router:
    """The shunt process alone, connected to `nats`; its routes are the caller's business. `more` is
    YAML for the end of its configuration."""

    name = "shunt"

    def __init__(self, directory, executable, nats_port, stale_threshold="120s", certificate=None, more="",
                 await_health=True):
        directory.mkdir(parents=True)
        self.port = free_port()
        self.status_port = free_port()
        self.access_log = directory / "access.log"
        self.ssl_port = free_port() if certificate else 0
        tls = TLS_CONFIG.format(
            ssl_port=self.ssl_port, chain=json.dumps(certificate.chain.read_text()),
            key=json.dumps(certificate.key.read_text())) if certificate else ""
        config = directory / "shunt.yml"
        config.write_text(CONFIG.format(
            idle=IDLE_CONNECTIONS,
            port=self.port, status_port=self.status_port, routes_port=free_port(),
            internal_port=free_port(), nats_port=nats_port, workers=WORKERS, start_delay="0s",
            stale_threshold=stale_threshold, access_log=json.dumps(str(self.access_log))) + tls + more)
        self.process = Process(self.name, [executable, "-c", config], directory / "shunt.out")
        wait_for_listener(self.port, self.process)
        if await_health:
            wait_until(lambda: request(self.status_port, "/health")[0] == 200, 60, "shunt healthy", self.process)

    def stop(self):
        self.process.stop()


class Shunt:
    """Shunt with a route to the backend, 127.0.0.2, one to its HTTP/2 and one to the WebSocket echo,
    kept alive by heartbeats over NATS. One port serves them all: the host decides."""

    name = "shunt"

    def __init__(self, directory, targets, executable):
        with contextlib.ExitStack() as stack:
            nats = NatsServer(directory / "nats")
            stack.callback(nats.stop)
            router = Router(directory / "router", executable, nats.port,
                            certificate=targets.certificate)
            stack.callback(router.stop)
            heartbeat = Heartbeat(nats.port, list(self._registrations(targets)), 10.0)
            stack.callback(heartbeat.stop)
            self.process, self.access_log = router.process, router.access_log
            self.ports = {"http": router.port, "https": router.ssl_port,
                          "http2_backend": router.port, "websocket": router.port}
            for host in (LOOPBACK, HTTP2_HOST):  # The last one comes last.
                wait_until(lambda: request(router.port, "/128", host)[0] == 200, 30,
                           f"shunt has the route {host}", self.process)
            self._parts = stack.pop_all()

    def stop(self):
        self._parts.close()

    @staticmethod
    def _registrations(targets):
        ways = {LOOPBACK: {"port": targets.http}, WEBSOCKET_HOST: {"port": targets.websocket},
                HTTP2_HOST: {"tls_port": targets.http2, "protocol": "http2",
                             "server_cert_domain_san": SERVER_NAME}}
        for host, way in ways.items():
            yield {"host": LOOPBACK, "uris": [host], "app": "bench-app",
                   "private_instance_id": f"instance-{host}", "private_instance_index": "0",
                   "tags": {"component": "route-emitter"}, **way}

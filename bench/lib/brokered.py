"""Shunt with routes that are bound to route services, and the services: nginx, which speaks TLS, HTTP/1.1 on
one port and HTTP/2 on another, and passes on what it is sent to where X-CF-Forwarded-Url says.
"""

import contextlib
import re

from lib.backend import nginx_user
from lib.nats_client import Heartbeat
from lib.network import LOOPBACK, free_port, request, wait_for_listener
from lib.processes import Process, wait_until
from lib.proxies import WORKERS
from lib.shunt import NatsServer, Router
from lib.tls import SUITE

HOSTS = {"http1": "http1.brokered.test", "http2": "http2.brokered.test"}  # By what their service speaks.

ROUTER_CONFIG = """\
route_services_secret: not-for-production
route_services: {max_attempts: 3}
"""

NGINX_CONFIG = """\
daemon off;
{user}
worker_processes {workers};
worker_rlimit_nofile 20000;
pid {directory}/service.pid;
error_log {directory}/service.error.log error;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_timeout 3600s;
  keepalive_requests 1000000000;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  ssl_certificate {certificate.chain};
  ssl_certificate_key {certificate.key};
  ssl_protocols TLSv1.3;
  ssl_conf_command Ciphersuites {suite};
  map $http_x_cf_forwarded_url $next_host {{ "~^https?://(?<host_of_url>[^/?]+)" $host_of_url; }}
  map $http_x_cf_forwarded_url $next_target {{ "~^https?://[^/?]+(?<target_of_url>/.*)$" $target_of_url; }}
  upstream router {{ server {loopback}:{router_port}; keepalive 100; keepalive_requests 1000000000; }}
  proxy_http_version 1.1;
  proxy_request_buffering off;
  proxy_max_temp_file_size 0;
  proxy_set_header Host $next_host;
  proxy_set_header Connection "";
  server {{
    listen {loopback}:{ports[http1]} ssl backlog=4096 reuseport;
    location / {{ proxy_pass http://router$next_target; }}
  }}
  server {{
    listen {loopback}:{ports[http2]} ssl http2 backlog=4096 reuseport;
    location / {{ proxy_pass http://router$next_target; }}
  }}
  server {{ listen {loopback}:{status_port}; location / {{ stub_status; }} }}
}}
"""


class RouteService:
    """nginx as route service of both kinds, before the router at `router_port`."""

    def __init__(self, directory, router_port, certificate):
        directory.mkdir(parents=True)
        self.ports = {kind: free_port() for kind in HOSTS}
        self._status_port = free_port()
        config = directory / "service.conf"
        config.write_text(NGINX_CONFIG.format(
            user=nginx_user(), workers=WORKERS, directory=directory, certificate=certificate, suite=SUITE,
            loopback=LOOPBACK, router_port=router_port, ports=self.ports, status_port=self._status_port))
        command = ["nginx", "-e", directory / "service.error.log", "-c", config]
        self.process = Process("route service", command, directory / "service.out")
        wait_for_listener(self._status_port, self.process)
        self._asked = 0

    def connections(self):
        """How many the router has opened so far, each with a handshake; what asks here is not counted."""
        self._asked += 1
        _, body = request(self._status_port)
        accepted = re.search(rb"(\d+) \d+ \d+", body)
        if not accepted:
            raise RuntimeError(f"the route service tells no numbers: {body[:200]}")
        return int(accepted.group(1)) - self._asked

    def stop(self):
        self.process.stop()


class BrokeredShunt:
    """Shunt with one plain route to the backend, 127.0.0.2, and one for each kind of route service."""

    name = "shunt"

    def __init__(self, directory, executable, backend_port, certificate):
        with contextlib.ExitStack() as stack:
            nats = NatsServer(directory / "nats")
            stack.callback(nats.stop)
            router = Router(directory / "router", executable, nats.port, certificate=certificate, more=ROUTER_CONFIG)
            stack.callback(router.stop)
            self.service = RouteService(directory / "service", router.port, certificate)
            stack.callback(self.service.stop)
            heartbeat = Heartbeat(nats.port, list(self._registrations(backend_port)), 10.0)
            stack.callback(heartbeat.stop)
            self.process, self.access_log = router.process, router.access_log
            self.ports = {"http": router.port}
            for host in (LOOPBACK, *HOSTS.values()):
                wait_until(lambda: request(router.port, "/128", host)[0] == 200, 30, f"the route {host} answering",
                           self.process)
            self._parts = stack.pop_all()

    def stop(self):
        self._parts.close()

    def _registrations(self, backend_port):
        urls = {LOOPBACK: None, **{host: f"https://{LOOPBACK}:{self.service.ports[kind]}/"
                                   for kind, host in HOSTS.items()}}
        for host, url in urls.items():
            bound = {"route_service_url": url} if url else {}
            yield {"host": LOOPBACK, "port": backend_port, "uris": [host], "app": "bench-app",
                   "private_instance_id": f"instance-{host}", "private_instance_index": "0",
                   "tags": {"component": "route-emitter"}, **bound}

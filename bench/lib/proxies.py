"""HAProxy and nginx, set up to do for a request what Shunt does: forward it over a kept-alive
connection with the same added headers, and write a line about it to an access log on disk. Where
to is decided by the port: http, https, http2_backend or websocket.

Each is configured the way that costs it least: the bars are against them at their best.
"""

import os

from lib.backend import nginx_user
from lib.network import LOOPBACK, free_port, wait_for_listener
from lib.processes import Process
from lib.tls import SUITE

WORKERS = 2

# Connections to backends that nginx and Shunt may keep idle: enough for every scenario, since HAProxy
# keeps as many as were used. With fewer than clients, some requests would open one of their own.
IDLE_CONNECTIONS = 512

# One writev() to a file a request was the cheapest way of logging that was measured: no dearer than
# a ring buffer drained over TCP, and without the reading process; UDP syslog cost a fifth more CPU.
# http-reuse always: otherwise the first request of each client connection opens a new one.
HAPROXY_CONFIG = """\
global
  nbthread {workers}
  maxconn {connections}
  log fd@{log_fd} format raw local0
  ssl-default-bind-ciphersuites {suite}
  ssl-default-server-ciphersuites {suite}
defaults
  mode http
  log global
  option httplog
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 3600s
  timeout server 3600s
  timeout tunnel 3600s
  timeout http-keep-alive 3600s
{frontends}
backend http
  server app {loopback}:{targets.http}
backend http2
  server app {loopback}:{targets.http2} ssl verify none alpn h2
backend websocket
  server app {loopback}:{targets.websocket}
"""

HAPROXY_TLS = "ssl crt {targets.certificate.both} alpn h2,http/1.1"
HAPROXY_FRONTEND = """\
frontend {name}
  bind {loopback}:{port} backlog 4096 {tls}
  unique-id-format %[uuid()]
  unique-id-header X-Vcap-Request-Id
  http-request set-header X-Forwarded-Proto {scheme}
  http-request set-header X-Request-Start %[date(0,ms)]
  http-response set-header X-Vcap-Request-Id %[unique-id]
  default_backend {backend}
"""

# TLS: a second session ticket would cost, and nobody needs it. Buffers hold the 16 KiB answer whole; bodies are streamed, never written to disk.
NGINX_CONFIG = """\
daemon off;
{user}
worker_processes {workers};
worker_rlimit_nofile 20000;
pid {directory}/nginx.pid;
error_log {directory}/nginx.error.log error;
events {{ worker_connections {connections}; }}
http {{
  access_log {log} combined buffer=64k flush=1s;
  keepalive_timeout 3600s;
  keepalive_requests 1000000000;
  client_max_body_size 8m;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  ssl_certificate {targets.certificate.chain};
  ssl_certificate_key {targets.certificate.key};
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_conf_command Ciphersuites {suite};
  ssl_conf_command NumTickets 1;
  upstream http {{ server {loopback}:{targets.http}; keepalive {idle}; keepalive_requests 1000000000; }}
  server {{
    listen {loopback}:{ports[http]} backlog=4096 reuseport;
    listen {loopback}:{ports[https]} ssl http2 backlog=4096 reuseport;
    location / {{
      proxy_pass http://http;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_buffer_size 16k;
      proxy_buffers 8 16k;
      proxy_max_temp_file_size 0;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Request-Start $msec;
      proxy_set_header X-Vcap-Request-Id $request_id;
      add_header X-Vcap-Request-Id $request_id;
    }}
  }}
  server {{
    listen {loopback}:{ports[websocket]} backlog=4096 reuseport;
    location / {{
      proxy_pass http://{loopback}:{targets.websocket};
      proxy_http_version 1.1;
      proxy_read_timeout 3600s;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Request-Start $msec;
      proxy_set_header X-Vcap-Request-Id $request_id;
      add_header X-Vcap-Request-Id $request_id;
    }}
  }}
}}
"""


class Haproxy:
    """HAProxy with one thread per worker, in one process."""

    name = "haproxy"
    entries = ("http", "https", "http2_backend", "websocket")

    def __init__(self, directory, targets, connections):
        directory.mkdir(parents=True)
        self.ports = {entry: free_port() for entry in self.entries}
        self.access_log = directory / "access.log"
        log_fd = os.open(self.access_log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
        try:
            config = directory / "haproxy.cfg"
            config.write_text(HAPROXY_CONFIG.format(
                workers=WORKERS, connections=connections, log_fd=log_fd, loopback=LOOPBACK,
                targets=targets, suite=SUITE, frontends="".join(self._frontends(targets))))
            self.process = Process(self.name, ["haproxy", "-db", "-f", config],
                                   directory / "haproxy.out", pass_fds=[log_fd])
        finally:
            os.close(log_fd)
        wait_for_listener(self.ports["http"], self.process)

    def _frontends(self, targets):
        backends = {"http2_backend": "http2", "websocket": "websocket"}
        for entry, port in self.ports.items():
            tls = HAPROXY_TLS.format(targets=targets) if entry == "https" else ""
            yield HAPROXY_FRONTEND.format(
                name=f"from_{entry}", loopback=LOOPBACK, port=port, tls=tls,
                scheme="https" if tls else "http", backend=backends.get(entry, "http"))

    def stop(self):
        self.process.stop()


class Nginx:
    """nginx with one worker process per worker, each accepting on a socket of its own."""

    name = "nginx"
    entries = ("http", "https", "websocket")

    def __init__(self, directory, targets, connections):
        directory.mkdir(parents=True)
        self.ports = {entry: free_port() for entry in self.entries}
        self.access_log = directory / "access.log"
        config = directory / "nginx.conf"
        config.write_text(NGINX_CONFIG.format(
            workers=WORKERS, connections=connections, log=self.access_log, loopback=LOOPBACK,
            ports=self.ports, targets=targets, suite=SUITE, directory=directory,
            idle=IDLE_CONNECTIONS, user=nginx_user()))
        command = ["nginx", "-e", directory / "nginx.error.log", "-c", config]
        self.process = Process(self.name, command, directory / "nginx.out")
        wait_for_listener(self.ports["http"], self.process)

    def stop(self):
        self.process.stop()

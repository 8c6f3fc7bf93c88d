"""The one backend behind every proxy: nginx with a single worker and fixed answers.

With a certificate it speaks HTTP/2 over TLS as well, on a port of its own.

/128, /16k and /1m are files of that size. /upload answers only after the whole request body has
been read: nginx collects it in memory before it asks its second server, which never sees it.
"""

import os
from dataclasses import dataclass

from lib.network import LOOPBACK, free_port, wait_for_listener
from lib.processes import Process
from lib.tls import SUITE, Certificate

# Where the host decides, it leads elsewhere than 127.0.0.2 does.
HTTP2_HOST = "http2.bench.test"
WEBSOCKET_HOST = "websocket.bench.test"

ANSWER_BYTES = {"128": 128, "16k": 16 * 1024, "1m": 1024 * 1024}

CONFIG = """\
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile 16384;
pid {directory}/backend.pid;
error_log {directory}/backend.error.log error;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=16;
  default_type application/octet-stream;
  keepalive_timeout 3600s;
  keepalive_requests 1000000000;
  client_max_body_size 8m;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  upstream after_body {{ server unix:{directory}/after_body.sock; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen {loopback}:{port} backlog=4096;
{http2}
    root {directory}/www;
    location = /upload {{
      client_body_buffer_size 1100k;
      proxy_pass http://after_body;
      proxy_http_version 1.1;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header Connection "";
    }}
  }}
  server {{ listen unix:{directory}/after_body.sock backlog=4096; return 200 "read\\n"; }}
}}
"""

HTTP2_CONFIG = """\
    listen {loopback}:{port} ssl http2 backlog=4096;
    ssl_certificate {certificate.chain};
    ssl_certificate_key {certificate.key};
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites {suite};
"""


@dataclass(frozen=True)
class Targets:
    """Ports of what the proxies forward to, and the certificate that they show to clients."""

    http: int
    http2: int
    websocket: int
    certificate: Certificate


class Backend:
    """Runs until stop(). `directory` must be empty and is its alone."""

    def __init__(self, directory, certificate=None):
        directory.mkdir(parents=True)
        (directory / "www").mkdir()
        for name, size in ANSWER_BYTES.items():
            (directory / "www" / name).write_bytes(b"x" * size)
        self.port = free_port()
        self.http2_port = free_port() if certificate else 0
        http2 = HTTP2_CONFIG.format(loopback=LOOPBACK, port=self.http2_port, certificate=certificate,
                                    suite=SUITE) if certificate else ""
        config = directory / "backend.conf"
        config.write_text(CONFIG.format(directory=directory, loopback=LOOPBACK, port=self.port,
                                        http2=http2, user=nginx_user()))
        command = ["nginx", "-e", directory / "backend.error.log", "-c", config]
        self.process = Process("backend", command, directory / "backend.out")
        wait_for_listener(self.port, self.process)

    def stop(self):
        self.process.stop()


def nginx_user():
    """Started by root, workers would change to a user who cannot read our directory."""
    return "user root;" if os.geteuid() == 0 else ""

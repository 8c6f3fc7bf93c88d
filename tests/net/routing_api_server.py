"""Plays UAA and Routing API over TLS, for tests. Prints its ports, then obeys: every line on
standard input is a JSON array, a world, a command and its arguments, and is answered by one line of
JSON. A world is the first segment of the paths that are asked for: tests do not disturb each other.
Whoever asks without one, as whole routers do, is in the world without a name.
"""

import argparse
import collections
import http.server
import json
import queue
import ssl
import sys
import threading
import time


LOCK = threading.Lock()  # Of all worlds.


class World:
    """What the two servers say, and what they heard."""

    def __init__(self):
        self.requests = []
        self.streams = []
        self.tokens = set()
        self.issued = 0
        self.expires_in = 600
        self.routes = "[]"
        self.prepared = {"token": [], "routes": [], "events": []}

    # -- Commands

    def set_routes(self, text):
        """The body of the list, as it is."""
        self.routes = text

    def set_expiry(self, seconds):
        self.expires_in = seconds

    def revoke(self):
        """No token issued so far is any good."""
        self.tokens.clear()

    def prepare(self, what, answer):
        """The next answer to `what`: status, body, delay (seconds), length (as declared), pause
        (seconds between single bytes)."""
        self.prepared[what].append(answer)

    def send(self, text):
        """Writes `text` to every stream; how many there are."""
        for each in self.streams:
            each.put(text)
        return len(self.streams)

    def end_streams(self, cleanly):
        for each in self.streams:
            each.put(True if cleanly else None)
        self.streams = []

    def heard(self):
        return self.requests

    # -- For the servers

    def note(self, handler, what, body=""):
        certificate = handler.connection.getpeercert() or {}
        names = dict(pair[0] for pair in certificate.get("subject", ()))
        self.requests.append(
            {
                "what": what,
                "path": handler.rest,
                "authorization": handler.headers.get("Authorization"),
                "body": body,
                "client": names.get("commonName"),
            }
        )

    def next_answer(self, what):
        return self.prepared[what].pop(0) if self.prepared[what] else {}


WORLDS = collections.defaultdict(World)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def enter_world(self):
        name, self.rest = "", self.path[1:]
        if not self.rest.startswith(("routing/", "oauth/")):
            name, self.rest = self.rest.split("/", 1)
        return WORLDS[name]

    def answer(self, status, body, prepared):
        time.sleep(prepared.get("delay", 0))
        body = prepared.get("body", body).encode("utf-8", "surrogateescape")
        self.send_response(prepared.get("status", status))
        self.send_header("Content-Length", str(prepared.get("length", len(body))))
        self.end_headers()
        if "pause" in prepared:
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(prepared["pause"])
        else:
            self.wfile.write(body)
        if "length" in prepared:
            self.close_connection = True


class Uaa(Handler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with LOCK:
            world = self.enter_world()
            world.note(self, "token", body)
            prepared = world.next_answer("token")
            world.issued += 1
            token = f"token-{world.issued}"
            if "status" not in prepared:
                world.tokens.add(token)
            answer = {"access_token": token, "token_type": "bearer", "expires_in": world.expires_in}
        self.answer(200, json.dumps(answer), prepared)


class Api(Handler):
    def do_GET(self):
        with LOCK:
            world = self.enter_world()
            what = {"routing/v1/routes": "routes", "routing/v1/events": "events"}.get(self.rest)
            if what is None:
                return self.answer(404, "", {})
            world.note(self, what)
            prepared = world.next_answer(what)
            token = (self.headers.get("Authorization") or "").removeprefix("bearer ")
            allowed = token in world.tokens or token == ""
            routes = world.routes
            stream = queue.Queue()
            if allowed and what == "events" and "status" not in prepared:
                world.streams.append(stream)
        if not allowed:
            return self.answer(401, '{"name":"UnauthorizedError","message":"no"}', {})
        if what == "routes" or "status" in prepared:
            return self.answer(200, routes, prepared)
        time.sleep(prepared.get("delay", 0))
        self.follow(stream)

    def follow(self, stream):
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while isinstance(text := stream.get(), str):
            data = text.encode("utf-8", "surrogateescape")
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        if text:
            self.wfile.write(b"0\r\n\r\n")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler, context):
        super().__init__(("127.0.0.1", 0), handler)
        self.context = context

    def get_request(self):
        connection, address = super().get_request()
        connection.settimeout(60)
        wrapped = self.context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        )
        return wrapped, address

    def handle_error(self, *_):
        pass  # A client that goes away, or that the handshake refuses.


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tlscert", required=True)
    parser.add_argument("--tlskey", required=True)
    parser.add_argument("--tlscacert", required=True)
    parser.add_argument("--tlsverify", action="store_true")
    arguments = parser.parse_args()
    ports = []
    for handler in (Uaa, Api):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.tlscert, arguments.tlskey)
        if handler is Api and arguments.tlsverify:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(arguments.tlscacert)
        server = Server(handler, context)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ports.append(server.server_address[1])
    print(json.dumps(ports), flush=True)
    for line in sys.stdin:
        world, command, *rest = json.loads(line)
        with LOCK:
            result = getattr(WORLDS[world], command)(*rest)
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()

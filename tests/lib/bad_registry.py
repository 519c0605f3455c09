#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A registry that misbehaves as the repository's name says.  Prints its port; ends with its
standard input.  Every blob has the bytes of `BLOB`, whatever its digest."""
import base64
import http.server
import json
import sys
import threading
import time

BLOB = bytes((i * 7 + i // 251) & 255 for i in range(300000))
HALF = len(BLOB) // 2
BASIC = "Basic " + base64.b64encode(b"user:pass word").decode()
seen = {}  # repository -> requests so far
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def cut(self, pause=0.0):
        """Half of the body, then the end of the connection."""
        self.answer(200, BLOB[:HALF], len(BLOB))
        self.wfile.flush()
        time.sleep(pause)
        self.close_connection = True

    def blob(self, shift=0):
        """All of it, or what Range asks for."""
        wanted = self.headers.get("Range")
        if not wanted:
            return self.answer(200, BLOB)
        start = int(wanted[len("bytes="):].split("-")[0])
        if start >= len(BLOB):
            return self.answer(416)
        start += shift
        self.answer(206, BLOB[start:],
                    Content_Range="bytes %d-%d/%d" % (start, len(BLOB) - 1, len(BLOB)))

    def error(self, status, code, message, **headers):
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.answer(status, body, **headers)

    def port(self):
        return self.server.server_address[1]

    def challenge(self, kind):
        self.error(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=kind)

    def token(self):
        allowed = self.headers.get("Authorization") == BASIC or "scope=repository%3Aanon" in self.path
        if not allowed:
            return self.error(401, "DENIED", "who are you")
        self.answer(200, json.dumps({"token": "good"}).encode())

    def do_POST(self):
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        good = "grant_type=refresh_token" in form and "refresh_token=r%2F1" in form
        self.answer(200 if good else 400, json.dumps({"access_token": "good"}).encode())

    def do_GET(self):
        if self.path == "/v2/":
            return self.answer(200)
        if self.path.startswith("/token"):
            return self.token()
        if self.path.startswith("/elsewhere"):
            # Credentials must not come along.
            return self.answer(400) if self.headers.get("Authorization") else self.blob()
        name = self.path.split("/")[2]
        with lock:
            count = seen[name] = seen.get(name, 0) + 1
        getattr(self, "repo_" + name.replace("-", "_"))(count)

    def repo_ok(self, _):
        self.blob()

    def repo_cut(self, count):
        self.cut() if count == 1 else self.blob()

    def repo_cut_always(self, _):
        self.close_connection = True

    def repo_no_range(self, count):
        self.cut() if count == 1 else self.answer(200, BLOB)

    def repo_wrong_range(self, count):
        self.cut() if count == 1 else self.blob(shift=1)

    def repo_stall(self, count):
        self.cut(pause=30) if count == 1 else self.blob()

    def repo_short(self, _):
        self.blob() if self.headers.get("Range") else self.answer(200, BLOB[:-10])

    def repo_short_always(self, _):
        self.answer(416) if self.headers.get("Range") else self.answer(200, BLOB[:-10])

    def repo_long(self, _):
        self.answer(200, BLOB + b"more")

    def repo_500_twice(self, count):
        self.error(500, "UNKNOWN", "oops") if count <= 2 else self.blob()

    def repo_503(self, _):
        self.error(503, "UNAVAILABLE", "down for \x1b[31mmaintenance\n" + "x" * 500)

    def repo_429(self, count):
        self.error(429, "TOOMANYREQUESTS", "slow", Retry_After="1") if count == 1 else self.blob()

    def repo_404(self, _):
        self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")

    def repo_basic(self, _):
        if self.headers.get("Authorization") != BASIC:
            return self.challenge('Basic realm="here"')
        self.blob()

    def repo_bearer(self, _):
        if self.headers.get("Authorization") != "Bearer good":
            return self.challenge('Bearer realm="http://127.0.0.1:%d/token",service="us"'
                                  % self.port())
        self.blob()

    repo_anon = repo_bearer

    def repo_denied(self, _):
        self.challenge('Bearer realm="http://127.0.0.1:%d/token"' % self.port())

    def repo_redirect(self, _):
        if self.headers.get("Authorization") != BASIC:
            return self.challenge('Basic realm="here"')
        self.answer(307, Location="http://localhost:%d/elsewhere" % self.port())

    def repo_loop(self, _):
        self.answer(302, Location=self.path)

    def repo_file(self, _):
        self.answer(302, Location="file:///etc/passwd")

    def repo_huge(self, _):
        self.answer(200, b"x" * (5 << 20))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Clients hang up; that is what this is for."""


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()

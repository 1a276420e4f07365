"""A hub on 127.0.0.1 that speaks as much of the Hugging Face protocol as `kilter pull` needs, and misbehaves on request.

The repository of a request chooses the behaviour; every file of the folder of models is in every repository:
  test/good        answers at once, with ranges
  test/moved       redirects to test/good, inside the hub
  test/elsewhere   redirects the download to another port, where a token is a fault
  test/dropping    breaks every connection after 10000 bytes
  test/slow        sends 1000 bytes at a time, slowly
  test/wrong       names another SHA-256 than the file has
  test/nameless    names no SHA-256
  test/no-ranges   always sends the whole file
  test/changing    has another content, and says so, after the first download broke
  test/private     wants the token 'secret'
  test/gated       is gated
  test/busy        answers 503 to its first and third request
  test/huge        says that its file has 2^60 bytes
  test/circle      redirects to itself
"""

import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DROP_AFTER = 10000
TOKEN = "Bearer secret"


class Hub:
    """The hub's server and its download server. `log` holds a line a request: "GET test/good tiny.gguf bytes=5-"."""

    def __init__(self, models: Path):
        self.models = models
        self.log = []
        self.faults = []
        self.downloads = self._serve(DownloadHandler)
        self.front = self._serve(FrontHandler)
        self.url = f"http://127.0.0.1:{self.front.server_port}"
        self.download_url = f"http://127.0.0.1:{self.downloads.server_port}"

    def _serve(self, handler):
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # a client that goes away is part of the tests
        server.hub = self
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def close(self):
        for server in (self.front, self.downloads):
            server.shutdown()
            server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> Hub:
        return self.server.hub

    def log_message(self, *_):
        pass

    def answer(self, status, headers=None, body=b""):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def send_file(self, content: bytes, headers: dict, repo: str):
        """The content, or the range that was asked for, in the manner of the repository."""
        wanted = self.headers.get("Range", "")
        start = int(wanted[len("bytes="):-1]) if wanted and repo != "no-ranges" else 0
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        rest = content[start:]
        self.send_response(206 if start else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if self.command == "HEAD":
            return
        breaks = repo in ("dropping", "changing") and len(rest) > DROP_AFTER
        if repo == "slow":
            for at in range(0, len(rest), 1000):
                self.wfile.write(rest[at:at + 1000])
                time.sleep(0.2)
        else:
            self.wfile.write(rest[:DROP_AFTER] if breaks else rest)
        if breaks:
            self.close_connection = True


class FrontHandler(Handler):
    def do_GET(self):
        _, owner, repo, _, revision, *path = self.path.split("/")
        name = "/".join(path)
        self.hub.log.append(f"{self.command} {owner}/{repo} {revision} {name} {self.headers.get('Range', '')}".strip())
        if not self.refuse(repo, revision, name):
            self.serve(repo, name)

    do_HEAD = do_GET

    def refuse(self, repo, revision, name) -> bool:
        refusals = {
            "private": (401, "RepoNotFound", self.headers.get("Authorization") == TOKEN),
            "gated": (403, "GatedRepo", False),
            "forbidden": (403, "", False),
            "unknown": (404, "RepoNotFound", False),
            "teapot": (418, "", False),
        }
        status, code, allowed = refusals.get(repo, (0, "", True))
        if allowed and revision not in ("main", "v1"):
            status, code, allowed = 404, "RevisionNotFound", False
        if allowed and not (self.hub.models / name).is_file():
            status, code, allowed = 404, "EntryNotFound", False
        if not allowed:
            self.answer(status, {"X-Error-Code": code} if code else {})
        return not allowed

    def serve(self, repo, name):
        content = (self.hub.models / name).read_bytes()
        asked = [line.split()[0] for line in self.hub.log if f"test/{repo} " in line]
        if repo == "changing" and asked in (["HEAD"], ["HEAD", "GET"]):  # the file as it was before
            content = content[::-1]
        sha256 = hashlib.sha256(b"something else" if repo == "wrong" else content).hexdigest()
        facts = {"X-Linked-Etag": f'"{sha256}"', "X-Linked-Size": str(len(content)), "ETag": '"front"'}
        if repo == "moved":
            self.answer(307, {"Location": self.path.replace("moved", "good")})
        elif repo == "circle":
            self.answer(307, {"Location": self.path})
        elif repo == "elsewhere":
            self.answer(302, {**facts, "Location": f"{self.hub.download_url}/{name}?signature=1"})
        elif repo == "busy" and len(asked) in (1, 3):
            self.answer(503)
        elif repo == "huge":
            self.answer(200, {**facts, "X-Linked-Size": str(1 << 60)})
        elif repo == "nameless":
            self.send_file(content, {"ETag": '"d41d8c"'}, repo)
        else:
            self.send_file(content, facts, repo)


class DownloadHandler(Handler):
    def do_GET(self):
        if "Authorization" in self.headers:
            self.hub.faults.append("a token reached the download server")
        name = self.path[1:].split("?")[0]
        self.hub.log.append(f"{self.command} download {name} {self.headers.get('Range', '')}".strip())
        self.send_file((self.hub.models / name).read_bytes(), {}, "")

"""A web server on this machine that misbehaves as told, for tests of downloading."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = tuple[str, Any]
"""What goes wrong with one answer: ("status", 503), ("truncate", bytes), ("stall", bytes), ("ignore range", None),
("wrong range", None), ("reset", None), ("no tag", None), ("no length", None); ("drip", seconds between two bytes) and
("endless", None) go on until the other side has had enough."""


class Server:
    """Files by path, and for each path the faults of its next answers; requests are recorded."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.always: dict[str, Fault] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.headers: dict[str, str] = {}
        self.url = ""

    def ranges(self, path: str) -> list[str | None]:
        """The Range headers of all requests of a path."""
        return [asked for requested, asked in self.requests if requested == path]


class _Handler(BaseHTTPRequestHandler):
    server_state: Server

    def do_GET(self) -> None:
        state, path = self.server_state, self.path
        state.requests.append((path, self.headers.get("Range")))
        fault, value = state.faults[path].pop(0) if state.faults[path] else state.always.get(path, ("", None))
        if fault == "reset":
            self.connection.close()
            return
        if fault == "status" or path not in state.files:
            self._answer(value if fault == "status" else 404, b"<html>sorry</html>", state.headers)
            return
        content = state.files[path]
        tag = f'"{hash(content)}"'
        start = 0
        asked = self.headers.get("Range")
        if asked and fault != "ignore range" and self.headers.get("If-Range") == tag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return
        headers = {} if fault == "no tag" else {"ETag": tag}
        if start:
            shown = 0 if fault == "wrong range" else start
            headers["Content-Range"] = f"bytes {shown}-{len(content) - 1}/{len(content)}"
        self._answer(206 if start else 200, content[start:], headers, fault, value)

    def _answer(self, status: int, body: bytes, headers: dict[str, str], fault: str = "", value: Any = None) -> None:
        self.send_response(status)
        for key, text in headers.items():
            self.send_header(key, text)
        if fault not in ("no length", "endless"):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault in ("truncate", "stall"):
            body = body[:value]
        try:
            while fault == "drip" and body:
                self.wfile.write(body[:1])
                body = body[1:]
                time.sleep(value)
            self.wfile.write(body)
            self.wfile.flush()
            if fault == "stall":
                time.sleep(1)
            while fault == "endless":
                self.wfile.write(bytes(100_000))
        except ConnectionError:
            pass
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


@contextmanager
def serve() -> Iterator[Server]:
    """Run a server until the end of the block."""
    state = Server()
    handler = type("Handler", (_Handler,), {"server_state": state})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()

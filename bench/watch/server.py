"""A reader of a run in, its page served to browsers of this machine out.

Python's own server will do: one reader, one page, nothing that is written. Nobody else is to see it: it listens on
127.0.0.1 alone, every address begins with a secret, and a page of others that lets a name of its own lead here (DNS
rebinding) is refused by the name that the browser says it asked for.
"""

from __future__ import annotations

import hashlib
import secrets
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from bench.errors import BenchError
from bench.pipeline import Experiment
from bench.store import LOG
from bench.watch import page
from bench.watch.state import Reader

HOST = "127.0.0.1"
_NAMES = frozenset({HOST, "localhost"})
_REST = 3.0
"""The folder is left alone for so many times as long as reading it took."""
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors 'none'; "
    "base-uri 'none'"
)
_MOST_LOG = 200_000
"""Bytes of a log's end."""


class Content:
    """What the page shows, made anew when it is asked for and was not made a moment ago."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._text, self._next = "", 0.0

    def get(self) -> tuple[str, str]:
        """Return it with its tag, which changes when it does."""
        with self._lock:
            if time.monotonic() >= self._next:
                began = time.monotonic()
                try:
                    self._text = self._make()
                finally:
                    self._next = time.monotonic() + max(1.0, _REST * (time.monotonic() - began))
            return self._text, f'"{hashlib.sha256(self._text.encode()).hexdigest()[:16]}"'


class Server(ThreadingHTTPServer):
    """Serves one experiment; `url` is where."""

    daemon_threads = True

    def __init__(self, experiment: Experiment, port: int = 0) -> None:
        """Listen, on a port that is free if none is given.

        Raises:
            OSError: the port is taken.
        """
        super().__init__((HOST, port), Handler)
        self.experiment, self.token = experiment, secrets.token_urlsafe(24)
        reader = Reader(experiment)
        self.content = Content(lambda: page.content(experiment, reader.state()))
        self.names = {trial.name: trial for trial in experiment.plan.trials}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that has gone before it was answered."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """Where the page is, the secret included."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Server
    timeout = 30.0
    """Seconds that a connection may say nothing."""
    server_version, sys_version = "bench", ""

    def do_GET(self) -> None:  # the library's name
        """Answer with the page, what changes of it, or a log; with nothing to whoever lacks the secret."""
        host, _, rest = self.headers.get("Host", "").partition(":")
        token, _, path = self.path.removeprefix("/").partition("/")
        own = secrets.compare_digest(token.encode(), self.server.token.encode())
        if not own or host not in _NAMES or rest != str(self.server.server_port):
            self._answer(HTTPStatus.NOT_FOUND, "nothing here\n", "text/plain")
        elif path == "":
            nonce = secrets.token_urlsafe(12)
            self._answer(HTTPStatus.OK, page.frame(self.server.experiment, nonce), "text/html", nonce=nonce)
        elif path == "content":
            self._content()
        else:
            self._log(unquote(path.removeprefix("log/")))

    def _content(self) -> None:
        try:
            text, tag = self.server.content.get()
        except BenchError as error:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}\n", "text/plain")
            return
        if self.headers.get("If-None-Match") == tag:
            self._answer(HTTPStatus.NOT_MODIFIED, "", "text/html", tag=tag)
        else:
            self._answer(HTTPStatus.OK, text, "text/html", tag=tag)

    def _log(self, name: str) -> None:
        """Answer with the end of a planned trial's log: a name that is none leads nowhere."""
        trial = self.server.names.get(name)
        try:
            log = (self.server.experiment.store.folder(trial) / LOG).read_bytes() if trial else None
        except OSError:
            log = None
        if log is None:
            self._answer(HTTPStatus.NOT_FOUND, "no such log\n", "text/plain")
        else:
            self._answer(HTTPStatus.OK, log[-_MOST_LOG:].decode(errors="replace"), "text/plain")

    def _answer(self, status: HTTPStatus, text: str, kind: str, *, nonce: str = "", tag: str = "") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        script = f"'nonce-{nonce}'" if nonce else "'none'"
        self.send_header("Content-Security-Policy", f"{_POLICY}; script-src {script}")
        if tag:
            self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Say nothing: the address, which every line would hold, is a secret."""

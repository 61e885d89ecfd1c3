"""OpenAI-compatible servers on loopback: a faithful one, and what it can be told to do wrong."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Body = dict[str, Any]
Fault = Callable[["Exchange"], bool]
"""Does something with a request instead of answering it; False answers it after all."""


def said(text: str, finish: str = "stop", **message: Any) -> Body:
    """A completion as the API defines it; a token is a word."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
    return {"object": "chat.completion", "choices": [choice], "usage": {"completion_tokens": len(text.split())}}


class Exchange:
    """One request, its number (from 1), and ways to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler, number: int, body: Body, leave: Callable[[], None]) -> None:
        self.handler, self.number, self.body, self.leave = handler, number, body, leave
        self.prompt: str = body["messages"][-1]["content"]
        self.key = handler.headers.get("Authorization", "")

    def send(self, status: int, content: bytes, length: int | None = None, **headers: str) -> bool:
        """Sends a response; a `length` beyond the content leaves the client waiting for the rest until it is closed."""
        self.leave()  # before the client can know, and send the next one
        try:
            self.handler.send_response(status)
            self.handler.send_header("Content-Type", "application/json")
            self.handler.send_header("Content-Length", str(length or len(content)))
            for name, value in headers.items():
                self.handler.send_header(name.replace("_", "-"), value)
            self.handler.end_headers()
            self.handler.wfile.write(content)
            self.handler.wfile.flush()
        except OSError:
            return True  # the client is gone
        self.handler.close_connection = length is not None
        return True

    def reply(self, body: Body) -> bool:
        """Sends a completion."""
        read = {"prompt_tokens": len(self.prompt.split())}
        return self.send(200, json.dumps(body | {"usage": body.get("usage", {}) | read}).encode())

    def refuse(self, status: int, message: str, **headers: str) -> bool:
        """Sends an error as the API does."""
        return self.send(status, json.dumps({"error": {"message": message}}).encode(), **headers)


class Server:
    """What it was asked, and how it answers: `write` makes the text of a reply, `fault` may do something else."""

    def __init__(self) -> None:
        self.write: Callable[[str], str | Body] = lambda prompt: f"Rewritten: {prompt.split('Text:')[-1].strip()}"
        self.fault: Fault = lambda exchange: False
        self.number = self.most_flying = 0
        self.flying: set[int] = set()
        self.received: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.times: list[float] = []
        self.lock = threading.Lock()
        self.url = ""

    def exchange(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        identity = json.dumps(body, sort_keys=True)
        with self.lock:
            self.number += 1
            self.flying.add(self.number)
            self.most_flying = max(self.most_flying, len(self.flying))
            self.received[identity] += 1
            self.times.append(time.monotonic())
            number = self.number
        exchange = Exchange(handler, number, body, lambda: self.flying.discard(number))
        try:
            if not self.fault(exchange):
                text = self.write(exchange.prompt)
                with self.lock:
                    self.answered[identity] += 1
                exchange.reply(said(text) if isinstance(text, str) else text)
        finally:
            exchange.leave()


@contextmanager
def serving() -> Iterator[Server]:
    """A server that runs until the block ends."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            server.exchange(self)

        def log_message(self, *arguments: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    """A faithful server."""
    with serving() as running:
        yield running

"""Stands between an SDK and the gateway and notes what the gateway answered, and when."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

PASSED_ON = ("content-type", "content-encoding", "authorization", "user-agent", "x-retry-count")


@dataclass
class Witness:
    """What was seen: the status of each answer and the moment it was given."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    retry_after: list[str] = field(default_factory=list)


@contextlib.contextmanager
def witness(gateway: str, *, cut: int = 0) -> Iterator[Witness]:
    """A passage to the gateway. `cut` bytes of every body are lost on the way."""
    seen = Witness()
    client = httpx.Client(base_url=gateway, trust_env=False, timeout=60)

    class Passage(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name: self.headers[name] for name in PASSED_ON if name in self.headers}
            answer = client.post(self.path, content=body[: len(body) - cut], headers=headers)
            seen.statuses.append(answer.status_code)
            seen.moments.append(time.monotonic())
            seen.retry_after.append(answer.headers.get("retry-after", ""))
            self.send_response(answer.status_code)
            for name in ("content-type", "retry-after"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Nothing to tell."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Passage) as server:
        seen.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield seen
        finally:
            server.shutdown()
            thread.join()
            client.close()

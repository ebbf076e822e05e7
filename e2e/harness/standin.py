"""A stand-in for the daemon: answers what a test tells it to, and keeps what it was asked."""

import base64
import json
import socketserver
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from .cli import Cli
from .daemon import BINARIES


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def credentials(self, header: str = "X-Registry-Auth") -> dict:
        """What a registry is to be shown."""
        return json.loads(base64.urlsafe_b64decode(self.headers[header]))


class StandIn:
    """
    `with StandIn(folder) as daemon` listens on a socket of its own until the end of the block.

    answers: by the beginning of the path, either a value (sent as JSON), a status and a value, or a list of
    values that are sent as a stream of JSON lines, numbers among them being seconds to wait.
    """

    def __init__(self, folder: Path):
        self.socket = folder / "standin.sock"
        self.home = folder
        self.answers: dict[str, object] = {}
        self.asked: list[Asked] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = b""
                if self.headers.get("Transfer-Encoding") == "chunked":
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                owner.asked.append(Asked(self.command, self.path, dict(self.headers), body))
                answer = next((a for start, a in owner.answers.items() if self.path.startswith(start)), (404, {"message": "page not found"}))
                status, value = answer if isinstance(answer, tuple) else (200, answer)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                if isinstance(value, list):
                    self.send_header("Connection", "close")
                    self.end_headers()
                    for item in value:
                        if isinstance(item, (int, float)):
                            time.sleep(item)
                        else:
                            self.wfile.write(json.dumps(item).encode() + b"\r\n")
                            self.wfile.flush()
                    self.close_connection = True
                else:
                    data = json.dumps(value).encode()
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any

            def address_string(self):
                return "client"

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        self.server = Server(str(self.socket), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> "StandIn":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
        self.socket.unlink()

    def berth(self, **env: str) -> Cli:
        return Cli(str(BINARIES / "berth"), {
            "PATH": f"{self.home}:/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home),
            "BERTH_HOST": f"unix://{self.socket}", **env,
        })

    def last(self, path: str) -> Asked:
        """The last request whose path begins so."""
        return [each for each in self.asked if each.path.startswith(path)][-1]

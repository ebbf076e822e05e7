"""A relay on loopback that breaks connections after a number of bytes, and counts what it passed."""

import contextlib
import random
import socket
import threading


class Cut:
    """
    `with Cut(port, limits) as cut`: the n-th connection that carries more than a small answer ends after `limits[n]`
    bytes from the server; after the last one nothing is cut any more.
    """

    SMALL = 8192

    def __init__(self, port: int, limits: list[int]):
        self.port = port
        self.limits = list(limits)
        self.received = 0
        self.cuts = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def host(self) -> str:
        return f"localhost:{self.listener.getsockname()[1]}"

    def __enter__(self) -> "Cut":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            threading.Thread(target=self._up, args=(client, server), daemon=True).start()
            threading.Thread(target=self._down, args=(client, server), daemon=True).start()

    @staticmethod
    def _up(client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        passed = 0
        limit: int | None = None
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                passed += len(data)
                if limit is None and passed > self.SMALL:
                    with self.lock:
                        limit = self.limits.pop(0) if self.limits else -1
                if limit is not None and 0 <= limit < passed:
                    keep = max(0, len(data) - (passed - limit))
                    client.sendall(data[:keep])
                    with self.lock:
                        self.received += keep
                        self.cuts += 1
                    break
                client.sendall(data)
                with self.lock:
                    self.received += len(data)
        for end in (client, server):
            with contextlib.suppress(OSError):
                # The other thread still holds it: closing alone would tell nobody.
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def random_limits(seed: int, count: int, most: int) -> list[int]:
    chosen = random.Random(seed)
    return [chosen.randrange(Cut.SMALL, most) for _ in range(count)]

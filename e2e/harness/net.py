"""Small network helpers."""

import socket
import urllib.error
import urllib.request

from .cli import eventually


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


def fetch(host: str, port: int, path: str = "/", timeout: float = 3) -> str | None:
    """The page, or nothing when nobody answers."""
    try:
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=timeout) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, OSError):
        return None


def page(host: str, port: int, timeout: float = 10) -> str:
    """The page, as soon as somebody answers."""
    return eventually(lambda: fetch(host, port), timeout, f"http://{host}:{port} answers")


def host_address() -> str | None:
    """The address that this host would be reached by (no packet is sent)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return probe.getsockname()[0]

"""Another machine, played by a network namespace that hangs on the host by a veth pair."""

import os
import subprocess
import textwrap


class Peer:
    """`host_address` is the host's end, `address` the peer's; the peer's default route is the host."""

    def __init__(self, subnet: str):
        number = os.getpid() % 100_000
        self.name = f"berth-peer-{number}"
        self.link = f"bp{number}"
        self.host_address, self.address = f"{subnet}.1", f"{subnet}.2"

    def __enter__(self) -> "Peer":
        ip("netns", "add", self.name)
        ip("link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("address", "add", f"{self.host_address}/30", "dev", self.link)
        ip("link", "set", self.link, "up")
        ip("-n", self.name, "address", "add", f"{self.address}/30", "dev", "eth0")
        ip("-n", self.name, "link", "set", "eth0", "up")
        ip("-n", self.name, "link", "set", "lo", "up")
        ip("-n", self.name, "route", "add", "default", "via", self.host_address)
        return self

    def __exit__(self, *_) -> None:
        ip("netns", "delete", self.name)
        subprocess.run(["ip", "link", "delete", self.link], stderr=subprocess.DEVNULL)

    def run(self, *argv: str, timeout: float = 20) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["ip", "netns", "exec", self.name, *argv], capture_output=True, text=True, timeout=timeout
        )

    def serve_caller_address(self, port: int) -> subprocess.Popen:
        """A server that tells each caller the address it is seen with."""
        program = textwrap.dedent(f"""
            import socket
            server = socket.create_server(("", {port}))
            print("ready", flush=True)
            while True:
                connection, caller = server.accept()
                connection.sendall(caller[0].encode() + b"\\n")
                connection.close()
        """)
        server = subprocess.Popen(
            ["ip", "netns", "exec", self.name, "python3", "-c", program], stdout=subprocess.PIPE, text=True
        )
        server.stdout.readline()
        return server


def ip(*args: str) -> None:
    subprocess.run(["ip", *args], check=True, capture_output=True, text=True)

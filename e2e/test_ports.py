"""Published ports: from every side, and when they are taken."""

import os
import socket
import subprocess
import urllib.request

import pytest

from harness.cli import eventually
from harness.net import fetch, free_port, host_address, page

PAGE = "hello from busybox\n"
SERVER = ("busybox", "httpd", "-f", "-p", "80", "-h", "/www")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(berth, name, port) -> str:
    berth("run", "-d", "--name", name, "-p", f"{port}:80", *SERVER)
    return name


def test_from_the_host_itself(server, port, daemon):
    assert page("localhost", port) == PAGE
    assert page("127.0.0.1", port) == PAGE
    assert page(daemon.gateway, port) == PAGE


def test_from_the_host_by_ipv6_loopback(server, port):
    assert page("[::1]", port) == PAGE


def test_from_the_host_by_its_own_address(server, port):
    if not (address := host_address()):
        pytest.skip("this host has no address but loopback")
    assert page(address, port) == PAGE


def test_from_another_container(berth, daemon, server, port):
    page("localhost", port)
    assert berth("run", "--rm", "busybox", "wget", "-qO-", f"http://{daemon.gateway}:{port}").out == PAGE


def test_from_itself_by_its_published_port(berth, daemon, server, port):
    page("localhost", port)
    assert berth("exec", server, "wget", "-qO-", f"http://{daemon.gateway}:{port}").out == PAGE


def test_from_another_network(berth, daemon, server, port, name):
    page("localhost", port)
    berth("network", "create", f"{name}-net")
    assert berth("run", "--rm", "--network", f"{name}-net", "busybox", "wget", "-qO-", f"http://{daemon.gateway}:{port}").out == PAGE


def test_from_another_machine(server, port, peer):
    page("localhost", port)
    done = peer.run("busybox", "wget", "-qO-", f"http://{peer.host_address}:{port}")
    assert done.stdout == PAGE, done.stderr


def test_the_caller_keeps_its_address(berth, name, port, peer):
    berth("run", "-d", "--name", name, "-p", f"{port}:80", "busybox", "nc", "-ll", "-p", "80", "-e", "sh", "-c", "cat /proc/net/tcp /proc/net/tcp6 > /tcp; echo done")
    eventually(lambda: "done" in peer.run("busybox", "nc", "-w", "3", peer.host_address, str(port)).stdout)
    octets = [f"{int(part):02X}" for part in peer.address.split(".")]
    assert "".join(reversed(octets)) in berth("exec", name, "cat", "/tcp").out


def test_bound_to_one_address(berth, name, port, peer):
    berth("run", "-d", "--name", name, "-p", f"127.0.0.1:{port}:80", *SERVER)
    assert page("127.0.0.1", port) == PAGE
    assert peer.run("timeout", "2", "busybox", "wget", "-qO-", f"http://{peer.host_address}:{port}").returncode != 0


def test_port_of_the_engines_choice(berth, name):
    berth("run", "-d", "--name", name, "-p", "80", *SERVER)
    chosen = int(berth("port", name, "80").lines[0].rsplit(":", 1)[1])
    assert page("localhost", chosen) == PAGE


def test_udp(berth, sdk, name, port):
    berth("run", "-d", "--name", name, "-p", f"{port}:53/udp", "busybox", "sleep", "600")
    # Debian's busybox has no UDP server, so Python serves in the container's network namespace.
    pid = sdk.containers.get(name).attrs["State"]["Pid"]
    echo = "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 53))\nwhile True: s.sendto(*s.recvfrom(64))"
    server = subprocess.Popen(["nsenter", f"--net=/proc/{pid}/ns/net", "python3", "-c", echo])

    def echoed() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.5)
            client.connect(("127.0.0.1", port))
            try:
                client.send(b"ping")
                return client.recv(16) == b"ping"
            except OSError:
                return False

    try:
        eventually(echoed)
    finally:
        server.kill()
        server.wait()


def test_range_of_ports(berth, name):
    first = free_port()
    berth("run", "-d", "--name", name, "-p", f"{first}-{first + 1}:80-81", *SERVER)
    assert page("localhost", first) == PAGE


def test_ps_shows_them(berth, server, port):
    assert f"0.0.0.0:{port}->80/tcp" in berth("ps", "--format", "{{.Ports}}").out


def test_gone_with_the_container(berth, server, port):
    page("localhost", port)
    berth("rm", "-f", server)
    assert fetch("localhost", port) is None
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("", port))


def test_free_again_after_stop_and_back_after_start(berth, server, port):
    page("localhost", port)
    berth("stop", "-t", "0", server)
    assert fetch("localhost", port) is None
    berth("start", server)
    assert page("localhost", port) == PAGE


def test_taken_by_a_process(berth, name, port):
    with socket.socket() as owner:
        owner.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        owner.bind(("", port))
        owner.listen()
        result = berth.fails("run", "-d", "--name", name, "-p", f"{port}:80", *SERVER, match=rf"(?i)bind for 0\.0\.0\.0:{port} failed: port is already allocated", code=125)
    assert str(os.getpid()) in result.text and "python" in result.text
    # The same container starts as soon as the port is free.
    berth("start", name)
    assert page("localhost", port) == PAGE


def test_taken_by_a_container(berth, server, name, port):
    result = berth.fails("run", "-d", "--name", f"{name}-2", "-p", f"{port}:80", *SERVER, match="port is already allocated", code=125)
    assert name in result.text
    assert page("localhost", port) == PAGE


def test_while_we_hold_it_nobody_else_can(server, port):
    with socket.socket() as other, pytest.raises(OSError):
        other.bind(("", port))


def test_host_network(berth, name, port):
    berth("run", "-d", "--name", name, "--network", "host", "busybox", "httpd", "-f", "-p", str(port), "-h", "/www")
    assert page("localhost", port) == PAGE


def test_large_transfer(berth, name, port):
    berth("run", "-d", "--name", name, "-p", f"{port}:80", "busybox", "sh", "-c", "head -c 20000000 /dev/urandom > /www/big; exec httpd -f -p 80 -h /www")
    page("localhost", port)
    for host in ("127.0.0.1", "[::1]"):
        with urllib.request.urlopen(f"http://{host}:{port}/big", timeout=20) as answer:
            assert len(answer.read()) == 20_000_000

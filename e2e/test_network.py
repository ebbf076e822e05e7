"""Networks: names, reach, isolation, the way out."""

import json

import pytest

from harness.cli import eventually
from harness.net import page


@pytest.fixture
def network(berth, name) -> str:
    berth("network", "create", f"{name}-net")
    return f"{name}-net"


@pytest.fixture
def run(berth):
    """A sleeping container; options stand before the image."""

    def run(name: str, *options: str) -> str:
        berth("run", "-d", "--name", name, *options, "busybox", "sleep", "600")
        return name

    return run


def address(berth, container: str, network: str = "bridge") -> str:
    return json.loads(berth("inspect", container).out)[0]["NetworkSettings"]["Networks"][network]["IPAddress"]


def test_names_on_a_network_of_ones_own(berth, network, run, name):
    a = run(f"{name}-a", "--network", network)
    b = run(f"{name}-b", "--network", network, "--network-alias", "database")
    there = address(berth, b, network)
    for host in (b, "database", berth("ps", "-q", "--filter", f"name={b}").out.strip()):
        assert there in berth("exec", a, "nslookup", host).out
        berth("exec", a, "ping", "-c", "1", "-W", "3", host)


def test_own_name(berth, network, run, name):
    a = run(f"{name}-a", "--network", network)
    berth("exec", a, "ping", "-c", "1", "-W", "3", a)


def test_unknown_names_fail_fast(berth, network, run, name):
    a = run(f"{name}-a", "--network", network)
    berth.fails("exec", a, "nslookup", "nobody-here.test", timeout=30)


def test_resolver_is_dockers(berth, network, run, name):
    a = run(f"{name}-a", "--network", network)
    assert "nameserver 127.0.0.11" in berth("exec", a, "cat", "/etc/resolv.conf").out


def test_names_follow_the_container(berth, network, run, name):
    a = run(f"{name}-a", "--network", network)
    b = run(f"{name}-b", "--network", network)
    berth("rm", "-f", b)
    berth.fails("exec", a, "ping", "-c", "1", "-W", "1", b, timeout=30)
    run(b, "--network", network)
    berth("exec", a, "ping", "-c", "1", "-W", "3", b)


def test_default_bridge_has_no_names(berth, run, name):
    a, b = run(f"{name}-a"), run(f"{name}-b")
    berth("exec", a, "ping", "-c", "1", "-W", "3", address(berth, b))
    berth.fails("exec", a, "ping", "-c", "1", "-W", "1", b, timeout=30)


def test_networks_are_apart(berth, network, run, name):
    a = run(f"{name}-a", "--network", network)
    b = run(f"{name}-b")
    berth.fails("exec", a, "ping", "-c", "1", "-W", "1", address(berth, b))


def test_connect_and_disconnect(berth, network, run, name):
    a = run(f"{name}-a", "--network", network)
    b = run(f"{name}-b")
    berth("network", "connect", network, b)
    berth("exec", a, "ping", "-c", "1", "-W", "3", b)
    berth("network", "disconnect", network, b)
    berth.fails("exec", a, "ping", "-c", "1", "-W", "1", b, timeout=30)


def test_way_out_is_masqueraded(berth, peer):
    server = peer.serve_caller_address(9000)
    try:
        seen = berth("run", "--rm", "busybox", "nc", "-w", "5", peer.address, "9000").out.strip()
    finally:
        server.terminate()
        server.wait()
    assert seen == peer.host_address


def test_way_out_from_a_network_of_ones_own(berth, network, peer):
    server = peer.serve_caller_address(9000)
    try:
        seen = berth("run", "--rm", "--network", network, "busybox", "nc", "-w", "5", peer.address, "9000").out.strip()
    finally:
        server.terminate()
        server.wait()
    assert seen == peer.host_address


def test_network_none(berth):
    out = berth("run", "--rm", "--network", "none", "busybox", "ls", "/sys/class/net").out
    assert out.split() == ["lo"]


def test_network_of_another_container(berth, run, name):
    a = run(f"{name}-a")
    assert berth("run", "--rm", "--network", f"container:{a}", "busybox", "hostname", "-i").out.strip() == address(berth, a)


def test_hosts_and_loopback(berth):
    out = berth("run", "--rm", "--add-host", "printer:192.0.2.7", "busybox", "cat", "/etc/hosts").out
    assert "127.0.0.1\tlocalhost" in out and "192.0.2.7\tprinter" in out
    berth("run", "--rm", "busybox", "ping", "-c", "1", "-W", "1", "localhost")


def test_network_commands(berth, network, run, name):
    assert network in berth("network", "ls", "--format", "{{.Name}}").lines
    assert {"bridge", "host", "none"} <= set(berth("network", "ls", "--format", "{{.Name}}").lines)
    a = run(f"{name}-a", "--network", network)
    shown = json.loads(berth("network", "inspect", network).out)[0]
    assert shown["Driver"] == "bridge" and [c["Name"] for c in shown["Containers"].values()] == [a]
    berth.fails("network", "rm", network, match="has active endpoints")
    berth.fails("network", "create", network, match=f"network with name {network} already exists")
    berth.fails("run", "--rm", "--network", "no-such-net", "busybox", "true", match="network no-such-net not found")


def test_subnet_of_the_users_choice(berth, daemon, run, name):
    second = str(daemon.network.network_address).split(".")[1]
    berth("network", "create", "--subnet", f"10.{second}.64.0/24", f"{name}-net")
    a = run(f"{name}-a", "--network", f"{name}-net", "--ip", f"10.{second}.64.77")
    assert address(berth, a, f"{name}-net") == f"10.{second}.64.77"
    berth.fails("network", "create", "--subnet", f"10.{second}.64.0/25", f"{name}-net2", match="(?i)overlaps")


def test_addresses_come_back(berth):
    seen = {berth("run", "--rm", "busybox", "hostname", "-i").out.strip() for _ in range(3)}
    assert all(seen)


def test_service_reached_by_name_and_port(berth, network, run, name):
    berth("run", "-d", "--name", f"{name}-web", "--network", network, "busybox", "httpd", "-f", "-p", "80", "-h", "/www")
    a = run(f"{name}-a", "--network", network)
    eventually(lambda: berth.run("exec", a, "wget", "-qO-", f"http://{name}-web").out == "hello from busybox\n")
    assert page(address(berth, f"{name}-web", network), 80) == "hello from busybox\n"

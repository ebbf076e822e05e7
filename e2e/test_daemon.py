"""The daemon may die at any moment; containers do not notice."""

import json
import os
import signal
import time

import pytest

from harness.cli import eventually
from harness.net import free_port, page

COUNTER = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done"


def state(berth, name: str) -> dict:
    return json.loads(berth("inspect", name).out)[0]["State"]


@pytest.fixture
def restarted(daemon):
    """The daemon is killed, `while_away` runs, a new daemon starts."""

    def restarted(while_away=lambda: None) -> None:
        daemon.kill()
        while_away()
        daemon.start()

    return restarted


def test_a_container_goes_on(berth, name, restarted):
    berth("run", "-d", "--name", name, "busybox", "sh", "-c", COUNTER)
    eventually(lambda: berth("logs", name).lines)
    pid = state(berth, name)["Pid"]
    restarted(lambda: time.sleep(1))
    assert state(berth, name)["Pid"] == pid and state(berth, name)["Running"]
    lines = berth("logs", name).lines
    assert len(lines) > 8 and lines == [str(i + 1) for i in range(len(lines))]


def test_ports_and_names_work_without_a_daemon(berth, name, daemon):
    port = free_port()
    berth("network", "create", f"{name}-net")
    berth("run", "-d", "--name", name, "--network", f"{name}-net", "-p", f"{port}:80", "busybox", "sh", "-c", f"httpd -p 80 -h /www; while :; do nslookup {name} > /www/new; mv /www/new /www/dns; sleep 0.2; done")
    page("localhost", port)
    daemon.kill()
    try:
        for host in ("127.0.0.1", "[::1]", "localhost"):
            assert page(host, port) == "hello from busybox\n"
        time.sleep(1)
    finally:
        daemon.start()
    page("localhost", port)
    assert "Address" in berth("exec", name, "cat", "/www/dns").out
    assert "127.0.0.11" in berth("exec", name, "cat", "/www/dns").out
    berth("rm", "-f", name)


def test_the_exit_code_is_kept(berth, name, restarted):
    berth("run", "-d", "--name", name, "busybox", "sh", "-c", "sleep 0.5; exit 23")
    restarted(lambda: time.sleep(1))
    assert state(berth, name)["ExitCode"] == 23 and state(berth, name)["Status"] == "exited"
    assert berth("wait", name).out == "23\n"


def test_everything_still_works_on_it(berth, name, restarted):
    berth("run", "-d", "--name", name, "busybox", "sh", "-c", "trap 'exit 4' TERM; while :; do sleep 0.1; done")
    restarted()
    assert berth("exec", name, "echo", "here").out == "here\n"
    berth("stop", name)
    assert state(berth, name)["ExitCode"] == 4
    berth("start", name)
    assert state(berth, name)["Running"]


def test_restart_policy_goes_on_after_a_new_daemon(berth, name, restarted):
    berth("run", "-d", "--name", name, "--restart", "always", "busybox", "sh", "-c", "echo life; sleep 0.3")
    restarted(lambda: time.sleep(1))
    lives = len(berth("logs", name).lines)
    eventually(lambda: len(berth("logs", name).lines) > lives)


def test_records_survive(berth, name, restarted):
    berth("network", "create", f"{name}-net")
    berth("volume", "create", f"{name}-vol")
    berth("tag", "busybox", f"{name}:1")
    berth("create", "--name", name, "busybox", "true")
    restarted()
    assert f"{name}-net" in berth("network", "ls", "--format", "{{.Name}}").lines
    assert f"{name}-vol" in berth("volume", "ls", "-q").lines
    assert berth("images", "-q", f"{name}:1").out
    assert state(berth, name)["Status"] == "created"
    berth("rmi", f"{name}:1")


def test_a_terminal_can_be_had_again(berth, name, restarted):
    berth("run", "-d", "-it", "--name", name, "busybox", "sh")
    restarted()
    with berth.terminal("attach", name) as terminal:
        terminal.send("echo $((40+2)); exit 5\n")
        terminal.expect("42\r\n")
        terminal.wait()
    eventually(lambda: state(berth, name)["ExitCode"] == 5)


def test_killed_in_the_middle_of_a_run(berth, daemon, name):
    """Whatever moment the daemon dies at, a new one comes up and every container can be removed."""
    for delay in (0.005, 0.02, 0.05):
        run = berth.start("run", "-d", "--name", f"{name}-{delay}", "busybox", "sleep", "60")
        time.sleep(delay)
        daemon.kill()
        daemon.start()
        run.wait(15)
        run.stdout.close()
    berth("ps", "-a")


def test_graceful_end_leaves_containers(berth, daemon, name):
    berth("run", "-d", "--name", name, "busybox", "sleep", "60")
    pid = state(berth, name)["Pid"]
    daemon.end()
    daemon.start()
    assert state(berth, name)["Pid"] == pid


def test_a_second_daemon_on_the_same_data_is_refused(daemon):
    import subprocess

    from harness.daemon import BINARIES

    done = subprocess.run([BINARIES / "berthd", *daemon.flags()], capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and done.stderr.strip()
    assert daemon.answers()


def test_a_stopped_shim_is_told_and_can_be_removed(berth, name, daemon):
    """Whatever asks it ends with an error, and `rm -f` ends it."""
    before = daemon.shims()
    berth("run", "-d", "--name", name, "busybox", "sleep", "600")
    (shim,) = daemon.shims() - before
    os.kill(shim, signal.SIGSTOP)
    late = berth.start("exec", name, "true")
    time.sleep(1)
    removal = berth.start("rm", "-f", name)
    assert name in berth("ps").out and berth("logs", name).out == ""
    assert late.wait(20) != 0 and "does not answer" in late.stdout.read()
    assert removal.wait(20) == 0, removal.stdout.read()
    assert not daemon.shims() - before


def test_a_container_that_removes_itself_keeps_its_network(berth, name, restarted, daemon):
    port = free_port()
    berth("run", "-d", "--rm", "--name", name, "-p", f"{port}:80", "busybox", "httpd", "-f", "-p", "80", "-h", "/www")
    page("localhost", port)
    address = berth("inspect", "-f", "{{.NetworkSettings.IPAddress}}", name).out
    restarted()
    assert page("localhost", port) == "hello from busybox\n"
    assert berth("inspect", "-f", "{{.NetworkSettings.IPAddress}}", name).out == address
    assert berth("port", name).out == f"80/tcp -> 0.0.0.0:{port}\n80/tcp -> [::]:{port}\n"
    berth("network", "create", f"{name}-net")
    berth("network", "connect", f"{name}-net", name)
    restarted()
    assert berth("exec", name, "sh", "-c", "ls /sys/class/net").out.split() == ["eth0", "eth1", "lo"]
    berth("network", "disconnect", f"{name}-net", name)
    restarted()
    assert f"{name}-net" not in berth("inspect", name).out
    berth("stop", "-t", "0", name)
    eventually(lambda: berth.run("inspect", name).code, what="it removes itself")

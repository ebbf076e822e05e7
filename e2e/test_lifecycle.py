"""ps, logs, exec, stop, start, rm, inspect, restart policies."""

import json
import time

import pytest

from harness.cli import eventually

COUNTER = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.1; done"


@pytest.fixture
def sleeper(berth, name) -> str:
    berth("run", "-d", "--name", name, "busybox", "sleep", "600")
    return name


def inspect(berth, name: str) -> dict:
    return json.loads(berth("inspect", name).out)[0]


def test_ps(berth, sleeper):
    header, row = berth("ps").lines
    assert header.split() == ["CONTAINER", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]
    assert "busybox" in row and '"sleep 600"' in row and "Up" in row and row.endswith(sleeper)


def test_ps_shows_the_dead_with_a(berth, name):
    berth("run", "--name", name, "busybox", "sh", "-c", "exit 4", code=4)
    assert name not in berth("ps").out
    assert "Exited (4)" in berth("ps", "-a").out


def test_ps_format_and_filters(berth, sleeper):
    assert berth("ps", "--format", "{{.Names}} {{.State}}").out == f"{sleeper} running\n"
    row = json.loads(berth("ps", "--format", "json").out)
    assert row["Names"] == sleeper and row["Image"] == "busybox"
    assert berth("ps", "-q", "--filter", "status=exited").out == ""


def test_logs(berth, name):
    berth("run", "--name", name, "busybox", "sh", "-c", "echo out; echo err >&2")
    result = berth("logs", name)
    assert (result.out, result.err) == ("out\n", "err\n")


def test_logs_tail_and_timestamps(berth, name):
    berth("run", "--name", name, "busybox", "seq", "1", "20")
    assert berth("logs", "--tail", "2", name).lines == ["19", "20"]
    stamp, text = berth("logs", "-t", "-n", "1", name).out.split()
    assert stamp.endswith("Z") and "T" in stamp and text == "20"


def test_logs_follow_until_the_end(berth, name):
    berth("run", "-d", "--name", name, "busybox", "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.2; done")
    assert berth("logs", "-f", name).lines == ["1", "2", "3"]


def test_logs_of_a_long_line(berth, name):
    berth("run", "--name", name, "busybox", "sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; echo")
    assert len(berth("logs", name).out) == 100_001


def test_exec(berth, sleeper):
    assert berth("exec", sleeper, "echo", "in").out == "in\n"
    berth("exec", sleeper, "sh", "-c", "exit 9", code=9)
    assert berth("exec", "-i", sleeper, "cat", input="through").out == "through"
    assert berth("exec", "-e", "A=1", "-w", "/etc", "-u", "worker", sleeper, "sh", "-c", "echo $A $PWD $(id -u)").out == "1 /etc 1000\n"


def test_exec_gets_the_same_confinement(berth, sleeper):
    status = berth("exec", sleeper, "cat", "/proc/self/status").out
    assert "Seccomp:\t2" in status and "CapEff:\t00000000a80425fb" in status
    assert berth("exec", sleeper, "ls", "/proc/self/fd").out.split() == ["0", "1", "2", "3"]


def test_exec_on_a_terminal(berth, sleeper):
    with berth.terminal("exec", "-it", sleeper, "sh", rows=30, columns=100) as terminal:
        terminal.expect("# ")
        terminal.send("stty size; exit 6\n")
        terminal.expect("30 100\r\n")
        assert terminal.wait() == 6


def test_exec_errors(berth, sleeper, name):
    berth.fails("exec", sleeper, "no-such-command", match=r"executable file not found in \$PATH", code=127)
    berth("stop", "-t", "0", sleeper)
    berth.fails("exec", sleeper, "true", match="(?i)is not running", code=1)
    berth.fails("exec", "no-such-container", "true", match="No such container: no-such-container")


def test_stop_asks_first(berth, name):
    berth("run", "-d", "--name", name, "busybox", "sh", "-c", "trap 'echo bye; exit 3' TERM; while :; do sleep 0.1; done")
    berth("exec", name, "true")
    assert berth("stop", name).out.strip() == name
    state = inspect(berth, name)["State"]
    assert (state["Status"], state["ExitCode"], state["Running"]) == ("exited", 3, False)
    assert berth("logs", name).out == "bye\n"


def test_stop_kills_in_the_end(berth, sleeper):
    begin = time.monotonic()
    berth("stop", "-t", "1", sleeper)
    assert time.monotonic() - begin < 6
    assert inspect(berth, sleeper)["State"]["ExitCode"] == 137


def test_start_again(berth, name):
    berth("run", "--name", name, "busybox", "sh", "-c", "echo run $(cat /count 2>/dev/null); echo again > /count")
    berth("start", name)
    eventually(lambda: "run again" in berth("logs", name).out)
    assert berth("start", "-a", name).out == "run again\n"


def test_restart_and_kill(berth, sleeper):
    before = inspect(berth, sleeper)["State"]["Pid"]
    berth("restart", "-t", "0", sleeper)
    assert inspect(berth, sleeper)["State"]["Pid"] not in (0, before)
    berth("kill", sleeper)
    eventually(lambda: inspect(berth, sleeper)["State"]["Status"] == "exited")


def test_rm(berth, sleeper):
    berth.fails("rm", sleeper, match="(?i)stop the container before", code=1)
    assert berth("rm", "-f", sleeper).out.strip() == sleeper
    berth.fails("rm", sleeper, match=f"No such container: {sleeper}", code=1)


def test_name_conflict(berth, sleeper):
    message = rf'Conflict\. The container name "/{sleeper}" is already in use by container "[0-9a-f]{{64}}"'
    berth.fails("run", "--name", sleeper, "busybox", "true", match=message, code=125)


def test_bad_name(berth):
    berth.fails("run", "--name", "no spaces", "busybox", "true", match=r"Invalid container name \(no spaces\)", code=125)


def test_short_ids(berth, sleeper):
    container = inspect(berth, sleeper)["Id"]
    assert inspect(berth, container[:12])["Name"] == f"/{sleeper}"
    assert inspect(berth, container[:6])["Id"] == container


def test_inspect(berth, name):
    berth("run", "-d", "--name", name, "-e", "A=1", "-w", "/tmp", "-l", "k=v", "-m", "32m", "--restart", "always", "busybox", "sleep", "60")
    shown = inspect(berth, name)
    assert shown["Config"]["Env"][0] == "A=1"
    assert shown["Config"]["Labels"] == {"k": "v"}
    assert shown["Config"]["Cmd"] == ["sleep", "60"]
    assert shown["HostConfig"]["Memory"] == 32 << 20
    assert shown["HostConfig"]["RestartPolicy"]["Name"] == "always"
    assert shown["State"]["Running"] and shown["State"]["Pid"] > 1
    assert shown["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    assert berth("inspect", "-f", "{{.State.Status}} {{json .Config.Cmd}}", name).out == 'running ["sleep","60"]\n'


def test_inspect_of_nothing(berth):
    berth.fails("inspect", "no-such-thing", match="(?i)no such object: no-such-thing", code=1)


def test_wait(berth, name):
    berth("run", "-d", "--name", name, "busybox", "sh", "-c", "sleep 0.3; exit 8")
    assert berth("wait", name).out == "8\n"


def test_restart_on_failure_counts(berth, name):
    berth("run", "-d", "--name", name, "--restart", "on-failure:2", "busybox", "sh", "-c", "echo try; exit 1")
    eventually(lambda: inspect(berth, name)["State"]["Status"] == "exited" and inspect(berth, name)["RestartCount"] == 2, timeout=15)
    assert berth("logs", name).lines == ["try"] * 3


def test_restart_on_failure_ignores_success(berth, name):
    berth("run", "-d", "--name", name, "--restart", "on-failure", "busybox", "true")
    eventually(lambda: inspect(berth, name)["State"]["Status"] == "exited")
    time.sleep(0.5)
    assert inspect(berth, name)["RestartCount"] == 0


def test_restart_always_until_stopped(berth, name):
    berth("run", "-d", "--name", name, "--restart", "always", "busybox", "sh", "-c", "echo life; sleep 0.2")
    eventually(lambda: len(berth("logs", name).lines) >= 3, timeout=15)
    berth("stop", "-t", "0", name)
    lives = len(berth("logs", name).lines)
    time.sleep(1.5)
    assert len(berth("logs", name).lines) == lives
    assert inspect(berth, name)["State"]["Status"] == "exited"


def test_many_at_once(berth, name):
    runs = [berth.start("run", "--rm", "--name", f"{name}-{i}", "busybox", "echo", str(i)) for i in range(12)]
    for i, run in enumerate(runs):
        assert run.wait(30) == 0, run.stdout.read()
        assert run.stdout.read() == f"{i}\n"


def test_health_is_told(berth, name):
    berth("run", "-d", "--name", name, "--health-cmd", "test -e /ok", "--health-interval", "200ms",
          "--health-retries", "2", "busybox", "sleep", "600")

    def health() -> str:
        return inspect(berth, name)["State"]["Health"]["Status"]

    assert health() in ("starting", "unhealthy")
    eventually(lambda: health() == "unhealthy")
    berth("exec", name, "touch", "/ok")
    eventually(lambda: health() == "healthy")
    assert "(healthy)" in berth("ps", "--filter", f"name={name}").out

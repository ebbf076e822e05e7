"""berth-runtime by itself: the commands of OCI runtimes and what config.json says."""

import array
import ctypes
import json
import os
import platform
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from harness.bundle import RUNTIME, SLEEPER, Bundle, alive
from harness.cli import eventually


# Life


def test_run_in_the_foreground(runtime, bundle):
    bundle.script("echo out; echo err >&2; cat; exit 9")
    result = runtime.run(bundle, code=9, input="typed\n")
    assert (result.out, result.err) == ("out\ntyped\n", "err\n")
    assert runtime.containers() == []


def test_create_start_kill_delete(runtime, bundle, tmp_path):
    bundle.config["annotations"] = {"a.b/c": "ä \"quoted\"\n"}
    bundle.script(f"echo started > /proc/1/fd/1; {SLEEPER}")
    output = tmp_path / "output"
    with output.open("w") as file:
        runtime.create(bundle, "--pid-file", tmp_path / "pid", stdout=file)
    state = runtime.state()
    assert state["status"] == "created" and state["id"] == "c" and state["bundle"] == str(bundle.folder)
    assert state["annotations"] == bundle.config["annotations"]
    assert int((tmp_path / "pid").read_text()) == state["pid"]
    assert output.read_text() == "", "the program runs before it was started"
    runtime.fails("create", "--bundle", bundle.folder, "c", match="already exists")
    # What is done to the configuration now is too late.
    (bundle.folder / "config.json").unlink()
    runtime("start", "c")
    eventually(lambda: output.read_text() == "started\n")
    assert runtime.status() == "running"
    runtime.fails("start", "c", match="already running")
    runtime.fails("delete", "c", match="not stopped: running")
    runtime("kill", "c", "SIGTERM")
    runtime.stopped()
    assert runtime.state()["pid"] == 0
    runtime.fails("kill", "c", "KILL", match="container not running")
    runtime.fails("start", "c", match="has stopped")
    runtime("delete", "c")
    runtime.fails("state", "c", match="does not exist")
    runtime.fails("delete", "c", match="does not exist")
    runtime("delete", "--force", "c")


def test_delete_by_force(runtime, bundle):
    for start in (False, True):
        runtime.create(bundle.script(SLEEPER))
        if start:
            runtime("start", "c")
        runtime.fails("delete", "c", match="not stopped")
        pid = runtime.state()["pid"]
        runtime("delete", "--force", "c")
        assert not alive(pid)
        assert runtime.containers() == []


def test_a_program_that_cannot_be_executed(runtime, bundle):
    for args, match, code in (
        (["nosuch"], "executable file not found in \\$PATH", 127),
        (["/bin/nosuch"], "no such file or directory", 127),
        (["/etc/passwd"], "permission denied", 126),
        (["/etc"], "is a directory", 126),
    ):
        bundle.process["args"] = args
        assert runtime.refuses(bundle, match).code == code


def test_creation_that_was_killed(runtime, bundle):
    """Nobody waits for ever for a creator that is gone, and what it made can be removed."""
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "2"]}]}
    creator = runtime.cli.start("--root", runtime.root, "create", "--bundle", bundle.write(), "c")
    eventually(lambda: "c" in runtime.containers() and runtime.state()["pid"])
    assert runtime.status() == "creating"
    pid = runtime.state()["pid"]
    creator.kill()
    creator.wait()
    eventually(lambda: runtime.status() == "stopped")
    eventually(lambda: not alive(pid))
    runtime("delete", "c")


def test_a_cgroup_that_is_in_use(runtime, bundle, tmp_path, bundle_rootfs):
    """Two containers in one cgroup would be limited, and killed, together."""
    runtime.background(bundle.script(SLEEPER), name="first")
    second = Bundle(tmp_path / "second", bundle_rootfs, bundle.linux["cgroupsPath"])
    runtime.fails("create", "--bundle", second.write(), "second", match=r"has \d processes already")
    assert runtime.containers() == ["first"] and runtime.status("first") == "running"


def test_list(runtime, bundle):
    assert json.loads(runtime("list", "--format", "json").out) == []
    runtime.background(bundle.script(SLEEPER))
    [entry] = json.loads(runtime("list", "--format", "json").out)
    assert entry["id"] == "c" and entry["status"] == "running" and entry["owner"] == "root"
    assert re.match(r"\d{4}-\d\d-\d\dT", entry["created"])
    assert runtime("list").lines[0].split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]


def test_ids_and_flags(runtime, bundle):
    for bad in ("", "a/b", "..", "a b", "ä"):
        runtime.fails("create", "--bundle", bundle.write(), bad, match="invalid container ID|required")
    runtime.fails("--systemd-cgroup", "create", "--bundle", bundle.folder, "c", match="cgroupfs")
    runtime.fails("create", "--nosuch", "c", match="--nosuch")
    runtime.fails("nosuch", match="unknown command")
    runtime.fails("kill", "c", "SIGNOSUCH", match="unknown signal")
    assert "spec: 1.2" in runtime("--version").out


def test_log_in_json(runtime, tmp_path):
    log = tmp_path / "log"
    runtime.fails("--log", log, "--log-format", "json", "state", "nosuch", match="does not exist")
    entry = json.loads(log.read_text().splitlines()[-1])
    assert entry["level"] == "error" and "does not exist" in entry["msg"] and entry["time"]


def test_signals_reach_the_foreground_program(runtime, bundle):
    bundle.script("trap 'echo got it; exit 5' USR1; echo ready; while :; do sleep 0.05; done")
    process = runtime.cli.start("--root", runtime.root, "run", "--bundle", bundle.write(), "c")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGUSR1)
    assert process.stdout.read() == "got it\n" and process.wait() == 5


def test_session_keyring(runtime, bundle, tmp_path):
    """A container has a session of its own, unless it is to have none."""
    source = """
        #include <stdio.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        int main(void) {  // KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING
            char text[200] = "";
            syscall(SYS_keyctl, 6, -3, text, sizeof text - 1);
            puts(text);
        }
    """
    subprocess.run(["gcc", "-static", "-x", "c", "-o", tmp_path / "probe", "-"], input=source, text=True, check=True)
    bundle.mount("/probe", tmp_path / "probe", "bind").process["args"] = ["/probe"]
    number = {"x86_64": 250, "aarch64": 219}[platform.machine()]

    def join() -> None:
        ctypes.CDLL(None).syscall(number, 1, b"berth-test-session")  # KEYCTL_JOIN_SESSION_KEYRING

    def session(*flags: str) -> str:
        command = [str(RUNTIME), "--root", runtime.root, "run", "--bundle", bundle.write(), *flags, "c"]
        return subprocess.run(command, preexec_fn=join, capture_output=True, text=True, env=runtime.cli.env).stdout

    assert session("--no-new-keyring").endswith(";berth-test-session\n")
    assert session().startswith("keyring;") and "berth-test-session" not in session()


# Terminals


def receive_descriptor(listener: socket.socket) -> int:
    connection, _ = listener.accept()
    with connection:
        _, control, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
    descriptors = array.array("i", control[0][2])
    return descriptors[0]


@pytest.fixture
def console(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "console"))
        listener.listen()
        listener.settimeout(10)
        yield listener, str(tmp_path / "console")


def read_all(descriptor: int) -> str:
    text = b""
    while True:
        try:
            data = os.read(descriptor, 4096)
        except OSError:
            data = b""
        if not data:
            return text.decode()
        text += data


def test_console_socket(runtime, bundle, console):
    listener, path = console
    bundle.process |= {"terminal": True, "consoleSize": {"height": 11, "width": 33}}
    bundle.script("tty; stty size; ls -l /dev/console | cut -c1; test -t 0 && echo terminal")
    runtime.create(bundle, "--console-socket", path)
    master = receive_descriptor(listener)
    runtime("start", "c")
    assert read_all(master).split("\r\n") == ["/dev/pts/0", "11 33", "c", "terminal", ""]
    os.close(master)


def test_terminal_in_the_foreground(runtime, bundle):
    bundle.process["terminal"] = True
    bundle.script("stty size; read line; echo got $line; exit 3")
    command = ["--root", runtime.root, "run", "--bundle", bundle.write(), "c"]
    with runtime.cli.terminal(*command, rows=12, columns=34) as terminal:
        terminal.expect("12 34")
        terminal.send("hello\r")
        terminal.expect("got hello")
        assert terminal.wait() == 3


def test_descriptor_of_the_first_process(runtime, bundle, console):
    runtime.create(bundle.script(SLEEPER), "--pidfd-socket", console[1])
    descriptor = receive_descriptor(console[0])
    assert f"Pid:\t{runtime.state()['pid']}\n" in Path(f"/proc/self/fdinfo/{descriptor}").read_text()
    os.close(descriptor)


def test_terminal_needs_somebody(runtime, bundle, console):
    bundle.process["terminal"] = True
    runtime.refuses(bundle, "--console-socket")
    bundle.process["terminal"] = False
    runtime.fails("create", "--bundle", bundle.write(), "--console-socket", console[1], "c", match="terminal is off")


# Exec


def test_exec(runtime, bundle):
    bundle.process["env"].append("OWN=1")
    bundle.process["user"]["additionalGids"] = [77]
    runtime.background(bundle.script(SLEEPER))
    script = "echo $A $OWN $PWD; cat; exit 4"
    result = runtime("exec", "--env", "A=b", "--cwd", "/tmp", "c", "sh", "-c", script, code=4, input="x")
    assert result.out == "b 1 /tmp\nx"
    assert "uid=1000(worker) gid=50(staff) groups=77" in runtime("exec", "--user", "1000:50", "c", "id").out
    runtime.fails("exec", "c", "nosuch", match="executable file not found")
    runtime.fails("exec", "--cwd", "/nosuch", "c", "true", match="chdir to cwd")
    # The same namespaces, the same cgroup, the same capabilities.
    namespaces = "for n in /proc/self/ns/*; do readlink $n; done"
    pid = runtime.state()["pid"]
    seen = set(runtime("exec", "c", "sh", "-c", namespaces).lines)
    own = {os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("pid", "net", "ipc", "uts", "mnt", "cgroup")}
    assert own <= seen
    assert runtime("exec", "c", "cat", "/proc/self/cgroup").out == runtime("exec", "c", "cat", "/proc/1/cgroup").out
    status = runtime("exec", "c", "grep", "Cap", "/proc/self/status").out
    assert status == runtime("exec", "c", "grep", "Cap", "/proc/1/status").out
    assert "CapEff:\t0000000020000420" in status


def test_exec_by_file(runtime, bundle, tmp_path, console):
    runtime.background(bundle.script(SLEEPER))
    process = {
        "terminal": True, "user": {"uid": 1000, "gid": 1000}, "args": ["sh", "-c", "tty; id -u; sleep 1"],
        "env": ["PATH=/bin"], "cwd": "/", "noNewPrivileges": True,
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 64}],
        "capabilities": {"bounding": ["CAP_KILL"]},
    }
    (tmp_path / "process.json").write_text(json.dumps(process))
    runtime(
        "exec", "--process", tmp_path / "process.json", "--detach", "--pid-file", tmp_path / "pid",
        "--console-socket", console[1], "c",
    )
    status = Path(f"/proc/{(tmp_path / 'pid').read_text()}/status").read_text()
    assert "NoNewPrivs:\t1" in status and "CapBnd:\t0000000000000020" in status
    master = receive_descriptor(console[0])
    assert read_all(master).split() == ["/dev/pts/0", "1000"]
    os.close(master)


def test_exec_needs_a_running_container(runtime, bundle):
    runtime.background(bundle.script("true"))
    runtime.stopped()
    runtime.fails("exec", "c", "true", match="stopped container")


def test_preserved_descriptors(runtime, bundle, tmp_path):
    """Only those asked for reach the program, and none that is not there."""
    (tmp_path / "handed").write_text("handed over\n")
    script = "cat <&3; ls /proc/self/fd | wc -w"
    command = [str(RUNTIME), "--root", runtime.root, "run", "--bundle", bundle.script(script).write()]
    with (tmp_path / "handed").open() as file:
        def three() -> None:
            os.dup2(file.fileno(), 3)
            os.dup2(file.fileno(), 4)

        done = subprocess.run(
            [*command, "--preserve-fds", "1", "c"], capture_output=True, text=True, preexec_fn=three,
            pass_fds=(3, 4), env=runtime.cli.env,
        )
    # 0, 1, 2, 3 and the folder that ls reads.
    assert done.stdout == "handed over\n5\n", done.stderr
    runtime.fails("run", "--bundle", bundle.folder, "--preserve-fds", "5", "c", match="descriptor 3 is not open")
    runtime.background(bundle.script(SLEEPER))
    with (tmp_path / "handed").open() as file:
        done = subprocess.run(
            [str(RUNTIME), "--root", runtime.root, "exec", "--preserve-fds", "1", "c", "sh", "-c", script],
            capture_output=True, text=True, preexec_fn=lambda: os.dup2(file.fileno(), 3), pass_fds=(3,),
            env=runtime.cli.env,
        )
    assert done.stdout == "handed over\n5\n", done.stderr


def test_ps(runtime, bundle):
    pid = runtime.background(bundle.script("sleep 100 & wait"))
    eventually(lambda: len(json.loads(runtime("ps", "--format", "json", "c").out)) == 2)
    assert pid in json.loads(runtime("ps", "--format", "json", "c").out)
    table = runtime("ps", "c").lines
    assert "PID" in table[0] and any("sleep 100" in line for line in table[1:])


# Hooks


def test_hooks_in_order(runtime, bundle, tmp_path):
    log = tmp_path / "hooks"
    log.touch()

    def hook(stage: str, file: str) -> list[dict]:
        script = f'echo "{stage} $HOOK $(cat)" >> {file}'
        return [{"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["HOOK=set", "PATH=/bin:/usr/bin"]}]

    bundle.config["annotations"] = {"key": "value"}
    stages = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
    bundle.mount("/log", log, "bind", "rw")
    bundle.config["hooks"] = {
        stage: hook(stage, "/log" if stage == "startContainer" else str(log)) for stage in stages
    }
    runtime.create(bundle.script("sleep 100"))
    pid = runtime.state()["pid"]

    def seen() -> list[tuple[str, str, dict]]:
        return [
            (stage, env, json.loads(state))
            for stage, env, state in (line.split(" ", 2) for line in log.read_text().splitlines())
        ]

    assert [stage for stage, _, _ in seen()] == ["prestart", "createRuntime", "createContainer"]
    runtime("start", "c")
    assert [stage for stage, _, _ in seen()][3:] == ["startContainer", "poststart"]
    runtime("delete", "--force", "c")
    assert [stage for stage, _, _ in seen()] == list(stages)
    status = {stage: (state["status"], state["pid"]) for stage, _, state in seen()}
    assert status == {
        "prestart": ("creating", pid), "createRuntime": ("creating", pid), "createContainer": ("creating", 1),
        "startContainer": ("created", 1), "poststart": ("running", pid), "poststop": ("stopped", 0),
    }
    for _, env, state in seen():
        assert env == "set" and state["id"] == "c" and state["bundle"] == str(bundle.folder)
        assert state["annotations"] == {"key": "value"} and state["ociVersion"] == "1.2.0"


def test_where_hooks_run(runtime, bundle):
    """Hooks of the host see the host's names, those of the container the container's."""
    names = bundle.folder / "names"

    def hook(stage: str) -> dict:
        script = f"echo {stage} $(cat /proc/sys/kernel/hostname) >> {names}"
        return {stage: [{"path": "/bin/sh", "args": ["sh", "-c", script]}]}

    bundle.config["hooks"] = hook("createRuntime") | hook("createContainer") | hook("poststart")
    runtime.run(bundle.script("true"))
    host = Path("/proc/sys/kernel/hostname").read_text().strip()
    assert names.read_text().splitlines() == [f"createRuntime {host}", "createContainer bundle", f"poststart {host}"]


@pytest.mark.parametrize("stage", ["prestart", "createRuntime", "createContainer"])
def test_a_hook_that_fails_undoes_the_creation(runtime, bundle, stage):
    bundle.config["hooks"] = {stage: [{"path": "/bin/sh", "args": ["sh", "-c", "echo the reason >&2; exit 3"]}]}
    runtime.refuses(bundle, f"{stage} hook #0 .*exit status 3.*the reason")


def test_a_start_hook_that_fails(runtime, bundle):
    for stage in ("startContainer", "poststart"):
        bundle.config["hooks"] = {stage: [{"path": "/bin/false"}]}
        runtime.create(bundle.script("sleep 100"))
        runtime.fails("start", "c", match=f"{stage} hook #0 .*exit status 1")
        runtime.stopped()
        runtime("delete", "c")


def test_hooks_that_are_slow_or_missing(runtime, bundle):
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/sleep", "args": ["sleep", "100"], "timeout": 1}]}
    runtime.refuses(bundle, "did not end within 1 s")
    bundle.config["hooks"] = {"createRuntime": [{"path": "/nosuch"}]}
    runtime.refuses(bundle, "/nosuch.*No such file")
    # After the end there is nobody to undo anything.
    bundle.config["hooks"] = {"poststop": [{"path": "/bin/false"}]}
    assert "poststop hook" in runtime.run(bundle.script("true")).err

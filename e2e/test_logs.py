"""Log drivers and what `logs` shows of them."""

import contextlib
import gzip
import json
import os
import queue
import re
import shutil
import socket
import threading
import time
from pathlib import Path

import docker.errors as docker_errors
import pytest

from harness.cli import eventually


def folder(daemon, sdk, name) -> Path:
    return daemon.root / "data" / "containers" / sdk.containers.get(name).id


def run(docker, name, script, *flags):
    docker("run", "--name", name, *flags, "busybox", "sh", "-c", script)


LINES = "i=0; while [ $i -lt {n} ]; do echo number-$i-abcdefghijklmnopqrstuvwxyz; i=$((i+1)); done"


def expected(start: int, end: int) -> str:
    return "".join(f"number-{number}-abcdefghijklmnopqrstuvwxyz\n" for number in range(start, end))


# Handed on to the container that takes the place of one


def in_project(docker, name, project, service, *flags, script="true"):
    labels = {"project": project, "service": service}
    wanted = [f"--label=com.docker.compose.{key}={value}" for key, value in labels.items()]
    docker("create", "--name", name, *wanted, *flags, "busybox", "sh", "-c", script)


def replace(sdk, old, new):
    url = sdk.api._url("/containers/{0}", old)
    answer = sdk.api.delete(url, params={"berth-logs-to": new})
    assert answer.status_code == 204, answer.text


@pytest.mark.parametrize(
    ("project", "service", "flags"), [("p", "b", ()), ("q", "a", ()), ("p", "a", ("--log-driver=local",)), ("p", "a", ("--log-driver=none",))]
)
def test_a_log_goes_to_no_other_service_and_no_other_driver(docker, sdk, name, project, service, flags):
    in_project(docker, name, "p", "a", script="echo old")
    docker("start", "-a", name)
    in_project(docker, f"{name}-new", project, service, *flags, script="echo new")
    replace(sdk, name, f"{name}-new")
    if "--log-driver=none" not in flags:
        assert docker("logs", f"{name}-new").out == ""
    docker.fails("inspect", name, match="(?i)no such")
    docker("rm", f"{name}-new")


def test_a_log_goes_to_none_that_has_one(docker, sdk, name):
    for suffix in ("", "-new"):
        in_project(docker, name + suffix, "p", "a", script=f"echo of {name}{suffix}")
        docker("start", "-a", name + suffix)
    replace(sdk, name, f"{name}-new")
    assert docker("logs", f"{name}-new").out == f"of {name}-new\n"


def test_a_log_for_a_container_that_is_not_there(docker, sdk, name):
    in_project(docker, name, "p", "a")
    answer = sdk.api.delete(sdk.api._url("/containers/{0}", name), params={"berth-logs-to": "nobody"})
    assert answer.status_code == 404 and "nobody" in answer.text
    docker("inspect", name)


def test_old_files_are_handed_on_within_the_bounds(daemon, docker, sdk, name):
    """Compressed ones to one that does not compress, which goes on turning them over; the oldest go first."""
    in_project(
        docker, name, "p", "a", "--log-opt=max-size=20k", "--log-opt=max-file=6", "--log-opt=compress=true",
        script=LINES.format(n=700),
    )
    docker("start", "-a", name)
    old = folder(daemon, sdk, name)
    # The shim may still turn files over, and the daemon compress them.
    eventually(lambda: not list(old.glob("*.log.?")) and len(list(old.glob("*.gz"))) >= 3)
    bounds = ("--log-opt=max-size=20k", "--log-opt=max-file=3")
    in_project(docker, f"{name}-new", "p", "a", *bounds, script="echo new; " + LINES.format(n=300))
    replace(sdk, name, f"{name}-new")
    assert not old.exists()
    shown = docker("logs", f"{name}-new").out
    first = int(re.match(r"number-(\d+)", shown).group(1))
    assert 0 < first < 500 and shown == expected(first, 700)
    new = folder(daemon, sdk, f"{name}-new")
    assert len(list(new.glob("*.log*"))) == 3
    docker("start", "-a", f"{name}-new")
    shown = docker("logs", f"{name}-new").out
    assert (expected(first, 700) + "new\n" + expected(0, 300)).endswith(shown)
    assert len(list(new.glob("*.log*"))) == 3 and all(path.stat().st_size <= 20_000 for path in new.glob("*.log*"))


def test_a_daemon_that_was_killed_half_way_finishes(daemon, docker, sdk, name):
    """What it leaves: the directory of a container that is none any more, some of its files moved already."""
    in_project(docker, name, "p", "a", "--log-opt=max-size=20k", "--log-opt=max-file=5", script=LINES.format(n=400))
    docker("start", "-a", name)
    whole = docker("logs", name).out
    assert whole == expected(0, 400)
    new = f"{name}-new"
    in_project(docker, new, "p", "a", "--log-opt=max-size=20k", "--log-opt=max-file=5", script="echo new")
    source, target = folder(daemon, sdk, name), folder(daemon, sdk, new)
    daemon.kill()
    files = sorted(source.glob("*.log*"))
    assert len(files) >= 2
    left = source.with_name("0" * 64)
    left.mkdir()
    for path in files:
        shutil.copy(path, left / path.name.replace(source.name, left.name))
    oldest = left / files[-1].name.replace(source.name, left.name)
    oldest.rename(target / files[-1].name.replace(source.name, target.name))
    (left / "logs-to").write_text(target.name)
    daemon.start()
    assert docker("logs", new).out == whole
    assert not left.exists()
    docker("start", "-a", new)
    assert docker("logs", new).out == whole + "new\n"


# json-file


def test_rotation_by_size(daemon, docker, sdk, name):
    run(docker, name, LINES.format(n=3000), "-d", "--log-opt", "max-size=100k", "--log-opt", "max-file=3")
    docker("wait", name)
    files = sorted(path.name for path in folder(daemon, sdk, name).glob("*.log*"))
    assert len(files) == 3 and files[2].endswith(".log.2"), files
    assert all(path.stat().st_size <= 100_000 for path in folder(daemon, sdk, name).glob("*.log*"))
    shown = docker("logs", name).out
    first = int(re.match(r"number-(\d+)", shown).group(1))
    assert first > 0 and shown == expected(first, 3000)
    assert docker("logs", "--tail", "1500", name).out == expected(1500, 3000)


def test_size_alone_keeps_one_file(daemon, docker, sdk, name):
    run(docker, name, LINES.format(n=3000), "-d", "--log-opt", "max-size=100k")
    docker("wait", name)
    assert len(list(folder(daemon, sdk, name).glob("*.log*"))) == 1
    assert docker("logs", name).out.endswith(expected(2990, 3000))


def test_follow_across_rotation_and_compression(daemon, docker, sdk, name):
    script = f"{LINES.format(n=2500)}; sleep 1; {LINES.format(n=2500)}"
    docker("create", "--name", name, "--log-opt", "max-size=200k", "--log-opt", "max-file=9", "--log-opt", "compress=true", "busybox", "sh", "-c", script)
    docker("start", name)
    shown = docker("logs", "-f", name, timeout=30).out
    assert shown == expected(0, 2500) * 2
    here = folder(daemon, sdk, name)
    eventually(lambda: list(here.glob("*.log.1.gz")) and not list(here.glob("*.log.[0-9]")), what="older files are compressed")
    assert json.loads(gzip.decompress(next(here.glob("*.log.2.gz")).read_bytes()).splitlines()[0])["stream"] == "stdout"
    # What was compressed is read like the rest.
    assert docker("logs", name).out == expected(0, 2500) * 2
    assert docker("logs", "--tail", "4000", name).out == (expected(0, 2500) * 2).split("\n", 1000)[1000]


def test_since_until_tail_and_timestamps(docker, name):
    docker("run", "-d", "--name", name, "busybox", "sh", "-c", "echo one; sleep 0.6; echo two; sleep 0.6; echo three; echo err >&2; sleep 600")
    stamped = eventually(lambda: (lambda r: r if len(r.lines) == 3 and r.err else None)(docker("logs", "-t", name)))
    times = [line.split()[0] for line in stamped.lines]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", stamp) for stamp in times)
    assert docker("logs", "--since", times[1], name).out == "two\nthree\n"
    assert docker("logs", "--until", times[1], name).out == "one\ntwo\n"
    assert docker("logs", "--since", times[1], "--until", times[1], name).out == "two\n"
    assert docker("logs", "--since", "1h", name).out == "one\ntwo\nthree\n"
    assert docker("logs", "--tail", "0", name).text == ""
    assert docker("logs", "-n", "2", name).text == "three\nerr\n"
    assert docker("logs", "--since", "2001-01-01", "--tail", "all", name).err == "err\n"


def test_details_show_chosen_labels_variables_and_tag(daemon, docker, sdk, name):
    options = ["labels=team", "labels-regex=^app\\.", "env=STAGE", "tag={{.Name}}/{{.ImageName}}"]
    flags = [word for option in options for word in ("--log-opt", option)]
    run(docker, name, "echo hello; printf part", "--label", "team=a b", "--label", "app.x=1", "--label", "other=2", "-e", "STAGE=prod", *flags)
    tag = f"{name}%2Fbusybox"
    assert docker("logs", "--details", name).lines[0] == f"STAGE=prod,app.x=1,tag={tag},team=a+b hello"
    assert docker("logs", name).out == "hello\npart"
    record = json.loads(next(folder(daemon, sdk, name).glob("*-json.log")).read_text().splitlines()[0])
    assert record["attrs"] == {"STAGE": "prod", "app.x": "1", "team": "a b", "tag": f"{name}/busybox"}
    assert docker("logs", "--tail", "1", name).out == "part"


def test_wrong_drivers_and_options(docker):
    docker.fails("create", "--log-driver", "nosuch", "busybox", match="no log driver named 'nosuch' is registered")
    docker.fails("create", "--log-opt", "nosuch=1", "busybox", match="unknown log opt 'nosuch' for json-file log driver")
    docker.fails("create", "--log-opt", "max-file=0", "busybox", match="max-file cannot be less than 1")
    docker.fails("create", "--log-opt", "max-size=big", "busybox", match='invalid value for "max-size": big')
    docker.fails("create", "--log-opt", "compress=true", "busybox", match="compress cannot be true")
    docker.fails("create", "--log-driver", "local", "--log-opt", "labels=a", "busybox", match="unknown log opt 'labels' for local")
    docker.fails("create", "--log-driver", "syslog", "--log-opt", "syslog-address=ftp://x", "busybox", match="unsupported scheme: 'ftp'")
    docker.fails("create", "--log-driver", "syslog", "--log-opt", "syslog-facility=none", "busybox", match="invalid syslog facility")
    docker.fails("create", "--log-opt", "tag={{.Nope}}", "busybox", match="failed to parse the log tag")


# local, none


def test_local(daemon, docker, sdk, name):
    run(docker, name, LINES.format(n=2000), "-d", "--log-driver", "local", "--log-opt", "max-size=50k", "--log-opt", "max-file=3")
    docker("wait", name)
    assert docker("logs", "-n", "3", name).out == expected(1997, 2000)
    assert docker("inspect", "-f", "{{.LogPath}}", name).out.strip() == ""
    here = folder(daemon, sdk, name) / "local-logs"
    eventually(lambda: len(list(here.glob("*.gz"))) == 2, what="local compresses without being asked")


def test_none(docker, sdk, name):
    docker("run", "-d", "--name", name, "--log-driver", "none", "busybox", "sh", "-c", "echo hidden; sleep 600")
    docker.fails("logs", name, match="configured logging driver does not support reading")
    with pytest.raises(docker_errors.APIError) as failure:
        sdk.containers.get(name).logs()
    assert failure.value.status_code == 501
    # Attached clients get the output all the same.
    assert docker("run", "--rm", "--log-driver", "none", "busybox", "echo", "shown").out == "shown\n"


# Services


class Receiver:
    """A socket whose messages are collected."""

    def __init__(self, family: int, kind: int, address):
        self.socket = socket.socket(family, kind)
        self.socket.bind(address)
        self.stream = kind == socket.SOCK_STREAM
        if self.stream:
            self.socket.listen()
        self.messages: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self.receive, daemon=True).start()

    def receive(self):
        with contextlib.suppress(OSError):
            while True:
                if not self.stream:
                    self.messages.put(self.socket.recv(65536))
                    continue
                connection, _ = self.socket.accept()
                for line in connection.makefile("rb"):
                    self.messages.put(line)

    def take(self, count: int) -> list[bytes]:
        return [self.messages.get(timeout=10) for _ in range(count)]

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


@pytest.mark.parametrize("transport", ["udp", "tcp", "unix"])
def test_syslog(docker, name, tmp_path, transport):
    if transport == "unix":
        receiver = Receiver(socket.AF_UNIX, socket.SOCK_DGRAM, str(tmp_path / "log"))
        address = f"unix://{tmp_path}/log"
    else:
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        receiver = Receiver(socket.AF_INET, kind, ("127.0.0.1", 0))
        address = f"{transport}://localhost:{receiver.socket.getsockname()[1]}"
    flags = ["--log-driver", "syslog", "--log-opt", f"syslog-address={address}", "--log-opt", "syslog-facility=local3", "--log-opt", "tag=app/{{.Name}}"]
    formats = {"rfc5424": rf"<158>1 \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S+ app/{name} \d+ app/{name} - line\n", "rfc3164": rf"<158>\w{{3}} [ \d]\d \d\d:\d\d:\d\d \S+ app/{name}\[\d+\]: line\n"}
    for form, pattern in formats.items():
        docker("run", "--name", name, *flags, "--log-opt", f"syslog-format={form}", "busybox", "sh", "-c", "echo line; sleep 0.1; echo bad >&2")
        line, bad = receiver.take(2)
        assert re.fullmatch(pattern, line.decode()), line
        assert bad.startswith(b"<155>") and bad.endswith(b"bad\n"), bad
        # The copy that is kept here.
        assert docker("logs", name).text == "line\nbad\n"
        docker("rm", name)
    docker("run", "--name", name, *flags, "--log-opt", "cache-disabled=true", "busybox", "echo", "line")
    assert receiver.take(1)[0].endswith(b"line\n")
    docker.fails("logs", name, match="does not support reading")
    receiver.close()


def test_a_service_that_is_not_here(docker, tmp_path):
    docker.fails("run", "--rm", "--log-driver", "syslog", "--log-opt", f"syslog-address=unix://{tmp_path}/no", "busybox", "true", match=f"no syslog daemon listens on {tmp_path}/no")
    if not Path("/run/systemd/journal/socket").exists():
        docker.fails("run", "--rm", "--log-driver", "journald", "busybox", "true", match="journald is not enabled on this host")


def test_a_missing_syslog_server_stops_nothing(docker, name):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    docker("run", "--name", name, "--log-driver", "syslog", "--log-opt", f"syslog-address=tcp://127.0.0.1:{port}", "busybox", "sh", "-c", LINES.format(n=2000))
    assert docker("logs", "--tail", "1", name).out == expected(1999, 2000)
    eventually(lambda: docker("inspect", "-f", "{{.State.Status}}", name).out == "exited\n")


def fields(message: bytes) -> dict[str, str]:
    """systemd's native protocol."""
    found = {}
    while message:
        line, _, message = message.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(message[:8], "little")
            value, message = message[8:8 + length], message[9 + length:]
        found[name.decode()] = value.decode()
    return found


def test_journald(docker, name):
    path = Path("/run/systemd/journal/socket")
    if path.exists():
        pytest.skip("a journal runs here")
    made = [parent for parent in (path.parent.parent, path.parent) if not parent.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    receiver = Receiver(socket.AF_UNIX, socket.SOCK_DGRAM, str(path))
    try:
        docker("run", "--name", name, "--label", "my.team=blue", "--log-driver", "journald", "--log-opt", "labels=my.team", "--log-opt", "tag={{.Name}}", "busybox", "sh", "-c", "echo hello; sleep 0.1; printf part >&2")
        first, second = map(fields, receiver.take(2))
        assert first["MESSAGE"] == "hello" and first["PRIORITY"] == "6"
        assert first["CONTAINER_NAME"] == name and first["SYSLOG_IDENTIFIER"] == name and first["MY_TEAM"] == "blue"
        assert len(first["CONTAINER_ID_FULL"]) == 64 and first["IMAGE_NAME"] == "busybox"
        assert second["MESSAGE"] == "part" and second["PRIORITY"] == "3" and second["CONTAINER_PARTIAL_MESSAGE"] == "true"
        assert docker("logs", name).text == "hello\npart"
    finally:
        receiver.close()
        path.unlink()
        for parent in reversed(made):
            parent.rmdir()

"""`berth doctor`: what it finds on this host, what it finds when something is broken, and the commands it names."""

import json
import os
import shlex
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness.cli import Cli, Result
from harness.daemon import BINARIES, Daemon
from harness.net import free_port

BERTH = BINARIES / "berth"


def findings(result: Result) -> list[dict]:
    return [json.loads(line) for line in result.lines]


def about(result: Result, subject: str, level: str | None = None) -> list[dict]:
    """Those of one subject."""
    return [f for f in findings(result) if f["Subject"] == subject and level in (None, f["Level"])]


def examine(cli: Cli, *args: str, code: int | None = None, **options) -> Result:
    result = cli("doctor", "--format", "json", *args, code=code, **options)
    problems = [f for f in findings(result) if f["Level"] == "problem"]
    assert result.code == (1 if problems else 0), result
    for finding in findings(result):
        assert (finding["Level"] == "ok") == (finding["Remedy"] == ""), finding
    return result


@pytest.fixture
def alone(tmp_path) -> Cli:
    """The command, told of a daemon that is not there."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return Cli(str(BERTH), {"BERTH_HOST": f"unix://{tmp_path}/berth.sock", "PATH": path, "HOME": str(tmp_path)})


def apart(cli: Cli, flags: str, preparation: str) -> Result:
    """The doctor in namespaces of its own, where the shell has broken something."""
    script = f"{preparation}\nexec {BERTH} doctor --format json"
    done = subprocess.run(
        ["unshare", *flags.split(), "sh", "-ec", script], env=cli.env, capture_output=True, text=True, timeout=60
    )
    return Result(script, done.returncode, done.stdout, done.stderr)


def test_a_daemon_that_works(daemon, berth):
    result = examine(berth)
    levels = {f["Subject"]: f["Level"] for f in findings(result)}
    for subject in ("kernel", "overlay", "namespaces", "seccomp", "nf_tables", "bridge", "veth", "cgroups",
                    "capabilities", "clock", "DNS", "IP forwarding", "socket", "daemon", "inodes", "ps"):
        assert levels[subject] == "ok", result
    assert str(daemon.socket) in about(result, "socket")[0]["Fact"]
    assert f"{daemon.root}/data" in about(result, "disk")[0]["Fact"], "the data root is the daemon's own"
    assert not list(daemon.root.glob("data/.berth-doctor*")), "what was tried is gone"


def test_lines_for_people(berth):
    lines = berth("doctor", code=None).lines
    assert all(line.split()[0] in ("ok", "warning", "problem") for line in lines), lines
    assert all(("; repair: " in line) == (not line.startswith("ok")) for line in lines), lines
    assert berth("doctor", "--format", "{{.Subject}}", code=None).lines == [
        f["Subject"] for f in findings(berth("doctor", "--format", "json", code=None))
    ]


def test_no_daemon(alone, tmp_path):
    result = examine(alone, code=1)
    [missing] = about(result, "socket")
    assert missing["Level"] == "problem" and f"{tmp_path}/berth.sock does not exist" in missing["Fact"]
    assert missing["Remedy"] == f"berthd -H unix://{tmp_path}/berth.sock &"
    assert about(result, "overlay", "ok"), "the host is looked at all the same"


def test_the_doctor_starts_no_daemon(alone, tmp_path):
    flags = f"--data-root={tmp_path}/data --exec-root={tmp_path}/run --bridge=btdoctor"
    result = examine(alone, env={"BERTH_DAEMON_FLAGS": flags})
    assert about(result, "socket", "warning") and about(result, "daemon", "warning")
    assert f"at {tmp_path}/data" in about(result, "disk")[0]["Fact"]
    assert not list(tmp_path.iterdir()), "nothing was made"


def test_a_socket_that_nobody_listens_at(alone, tmp_path):
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "berth.sock"))
    [finding] = about(examine(alone, code=1), "daemon")
    assert "Cannot connect" in finding["Fact"] and finding["Remedy"].startswith("berthd -H ")


def test_a_daemon_that_hangs(daemon, berth):
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        result = examine(berth, code=1)
    finally:
        daemon.process.send_signal(signal.SIGCONT)
    [finding] = about(result, "daemon")
    assert "nobody answers" in finding["Fact"] and finding["Remedy"]
    assert about(examine(berth), "daemon", "ok")


def test_a_user_without_rights():
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as server:
        os.chmod(folder, 0o755)
        path = f"{folder}/berth.sock"
        server.bind(path)
        os.chmod(path, 0o660)
        server.listen()
        program = Path(folder) / "berth"
        program.write_bytes(BERTH.read_bytes())
        program.chmod(0o755)
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "doctor", "--format", "json"],
            env={"BERTH_HOST": f"unix://{path}", "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60,
        )
    result = Result("doctor", done.returncode, done.stdout, done.stderr)
    assert result.code == 1, result
    for subject in ("socket", "daemon"):
        [finding] = about(result, subject)
        assert finding["Level"] == "problem" and "usermod -aG berth nobody" in finding["Remedy"], finding
    assert about(result, "overlay", "ok"), "what takes root is not held against the user"


def test_registries_of_the_settings(tmp_path):
    """One that refuses, one that never answers, one that is no registry; and one that works."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        closed, mute = free_port(), silent.getsockname()[1]
        settings = {
            "registry-mirrors": [f"http://127.0.0.1:{closed}"],
            "insecure-registries": [f"127.0.0.1:{closed}", "10.0.0.0/8"],
            "registries": {"mute.example": {"mirrors": [f"http://127.0.0.1:{mute}"]}, "docker.io": {}},
        }
        # A name that a registry of its own is in the place of is not asked.
        settings["registries"]["mute.example"]["server"] = f"http://127.0.0.1:{mute}"
        with Daemon(settings).running() as daemon:
            result = examine(daemon.berth, code=1)
            shown = {f["Fact"].split(": ")[0]: f for f in about(result, "registry")}
            assert set(shown) == {f"http://127.0.0.1:{closed}", f"127.0.0.1:{closed}", f"http://127.0.0.1:{mute}"}
            assert all(f["Level"] == "problem" for f in shown.values())
            refused = shown[f"http://127.0.0.1:{closed}"]
            assert "refused" in refused["Fact"] and str(daemon.settings) in refused["Remedy"]
            assert "no answer" in shown[f"http://127.0.0.1:{mute}"]["Fact"]


def test_a_registry_that_works():
    port = free_port()
    server = subprocess.Popen(
        ["python3", "-c", "import http.server as h,sys\n"
         "class R(h.BaseHTTPRequestHandler):\n"
         "    def do_GET(self):\n"
         "        self.send_response(200 if self.path == '/v2/' else 404); self.end_headers()\n"
         f"s = h.ThreadingHTTPServer(('127.0.0.1', {port}), R); print('on', flush=True); s.serve_forever()"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )
    try:
        server.stdout.readline()
        settings = {"registry-mirrors": [f"http://127.0.0.1:{port}"], "insecure-registries": [f"127.0.0.1:{port}"]}
        with Daemon(settings).running() as daemon:
            result = examine(daemon.berth)
            assert [f["Level"] for f in about(result, "registry")] == ["ok", "ok"], result
            assert about(result, "registry")[1]["Fact"] == f"127.0.0.1:{port} answers (asked by the daemon)"
    finally:
        server.kill()
        server.wait()


def test_settings_that_are_no_json(alone, tmp_path):
    settings = tmp_path / "daemon.json"
    settings.write_text("{,}")
    [finding] = about(examine(alone, code=1, env={"BERTH_DAEMON_FLAGS": f"--config-file={settings}"}), "settings")
    assert finding["Remedy"] == f"python3 -m json.tool {settings}"
    assert subprocess.run(shlex.split(finding["Remedy"]), capture_output=True).returncode != 0


def test_proxies_of_the_shell_alone(berth):
    proxy = "http://me:secret@127.0.0.1:3128"
    result = examine(berth, env={"HTTPS_PROXY": proxy})
    [finding] = about(result, "proxies", "warning")
    assert '"https-proxy"' in finding["Remedy"] and "secret" not in result.text


def test_a_firewall_that_drops_and_its_remedy(alone):
    chain = "'{ type filter hook forward priority 0; policy drop; }'"
    broken = f"nft add table ip filter; nft add chain ip filter FORWARD {chain}"
    result = apart(alone, "--net", broken)
    [finding] = about(result, "FORWARD policy")
    assert finding["Level"] == "warning" and "FORWARD" in finding["Fact"], result
    again = apart(alone, "--net", f"{broken}\n{finding['Remedy']}")
    assert about(again, "FORWARD policy", "ok"), again


def test_forwarding_that_was_turned_off_and_its_remedy(berth):
    broken = "echo 0 > /proc/sys/net/ipv4/ip_forward"
    [finding] = about(apart(berth, "--net", broken), "IP forwarding")
    assert finding["Level"] == "problem", finding
    assert about(apart(berth, "--net", f"{broken}\n{finding['Remedy']} >&2"), "IP forwarding", "ok")


def test_docker_hub_is_asked_when_told_to(alone):
    """In a network without a way out."""
    alone.env["BERTH_DAEMON_FLAGS"] = "--registry-mirror https://registry-1.docker.io"
    assert about(apart(alone, "--net", "true"), "registries", "ok"), "not by itself"
    done = subprocess.run(
        ["unshare", "--net", BERTH, "doctor", "--format", "json", "--online"],
        env=alone.env, capture_output=True, text=True, timeout=60,
    )
    [finding] = about(Result("doctor", done.returncode, done.stdout, done.stderr), "registry")
    assert finding["Level"] == "problem" and '"registry-mirrors"' in finding["Remedy"], finding


def test_no_name_server(alone, tmp_path):
    empty = tmp_path / "resolv.conf"
    empty.write_text("search example\n")
    result = apart(alone, "--mount", f"mount --bind {empty} /etc/resolv.conf")
    [finding] = about(result, "DNS")
    assert finding["Level"] == "problem" and finding["Remedy"].endswith(">> /etc/resolv.conf"), result


def test_a_disk_that_is_full_or_unfit(alone, tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    alone.env["BERTH_DAEMON_FLAGS"] = f"--data-root={folder}/data"
    small = apart(alone, "--mount", f"mount -t tmpfs -o size=10m small {folder}")
    [finding] = about(small, "disk", "problem")
    assert "(tmpfs)" in finding["Fact"] and finding["Remedy"] == "berth system prune"
    # An overlay cannot hold what another one writes: the trial says so.
    layers = "mkdir l u w; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w over"
    nested = apart(alone, "--mount", f"cd {tmp_path}; {layers} {folder}")
    [finding] = about(nested, "overlay")
    assert finding["Level"] == "problem" and "--data-root" in finding["Remedy"], nested


def test_a_capability_that_cannot_be_had(alone):
    done = subprocess.run(
        ["setpriv", "--bounding-set=-mknod", BERTH, "doctor", "--format", "json"],
        env=alone.env, capture_output=True, text=True, timeout=60,
    )
    [finding] = about(Result("doctor", done.returncode, done.stdout, done.stderr), "capabilities")
    assert finding["Level"] == "problem" and "CAP_MKNOD" in finding["Fact"]


def test_docker_programs_on_the_path(alone, tmp_path):
    links = tmp_path / "links"
    links.mkdir()
    (links / "docker").symlink_to(BERTH)
    other = links / "docker-compose"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    result = examine(alone, code=1, env={"PATH": f"{links}:/usr/bin:/bin"})
    assert about(result, "docker command", "ok") and about(result, "docker-compose command", "warning")

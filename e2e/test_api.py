"""The Engine API's corners: init, update, errors that are the client's own fault, swarm's absence."""

import concurrent.futures
import http.client
import json
import random
import socket
import time

import docker.errors as docker_errors
import pytest

from harness.cli import eventually

# init

LEAVES_AN_ORPHAN = "(sh -c 'sleep 0.2' &) ; exec sleep 600"


def zombies(container) -> list[str]:
    table = container.exec_run(["ps", "-o", "stat,comm"]).output.decode().splitlines()
    return [line for line in table if line.startswith("Z")]


def test_init_reaps_what_the_program_leaves(sdk, name):
    plain = sdk.containers.run("busybox", ["sh", "-c", LEAVES_AN_ORPHAN], name=f"{name}-plain", detach=True)
    eventually(lambda: zombies(plain), what="a container without an init keeps its zombies")
    helped = sdk.containers.run("busybox", ["sh", "-c", LEAVES_AN_ORPHAN], name=name, detach=True, init=True)
    time.sleep(0.4)
    assert not zombies(helped)
    processes = helped.top()["Processes"]
    assert any("docker-init" in row[-1] for row in processes), processes
    assert helped.attrs["HostConfig"]["Init"] is True


def test_init_passes_signals_on_and_keeps_exit_codes(docker, name):
    trap = "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.1; done"
    docker("run", "-d", "--init", "--name", name, "busybox", "sh", "-c", trap)
    eventually(lambda: "ready" in docker("logs", name).out)
    docker("stop", name)
    assert docker("logs", name).out.endswith("got it\n")
    assert docker("inspect", "-f", "{{.State.ExitCode}}", name).out == "9\n"
    docker("run", "--rm", "--init", "busybox", "sh", "-c", "exit 41", code=41)
    docker("run", "--rm", "--init", "busybox", "sh", "-c", "kill -9 $$", code=137)
    docker.fails("run", "--rm", "--init", "busybox", "no-such-command", code=127, match="no-such-command")
    # A program that ignores SIGTERM ends by the time-out, as without an init.
    docker("run", "-d", "--init", "--name", f"{name}-deaf", "busybox", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
    docker("stop", "-t", "1", f"{name}-deaf")
    assert docker("inspect", "-f", "{{.State.ExitCode}}", f"{name}-deaf").out == "137\n"


def test_init_on_a_terminal(docker):
    with docker.terminal("run", "--rm", "-it", "--init", "busybox", "sh") as terminal:
        terminal.expect("# ")
        terminal.send("sleep 600\n")
        time.sleep(0.2)
        terminal.send("\x03")
        terminal.expect("# ")
        terminal.send("exit 3\n")
        assert terminal.wait() == 3


def test_init_cannot_be_written_to(docker):
    """The init is the host's shim: a container must not be able to change it."""
    out = docker(
        "run", "--rm", "--init", "busybox", "sh", "-c",
        "echo x 2>&1 >/sbin/docker-init; echo x 2>&1 >/proc/1/exe; rm -f /sbin/docker-init 2>&1; echo done",
    ).out
    assert "done" in out and out.count("Read-only file system") + out.count("Text file busy") >= 2, out


# update


def test_update_of_every_limit(docker, sdk, name):
    docker("run", "-d", "--name", name, "-m", "64m", "busybox", "sleep", "600")
    container = sdk.containers.get(name)
    assert container.attrs["HostConfig"]["MemorySwap"] == 128 << 20
    docker.fails("update", "-m", "1m", name, match="Minimum memory limit allowed is 6MB")
    docker.fails("update", "-m", "256m", name, match="update the memoryswap at the same time")
    docker.fails("update", "--cpus", "1", "--cpu-period", "5000", name, match="(?i)conflicting options")
    docker("update", "-m", "100m", "--memory-swap", "200m", "--memory-reservation", "32m", "--cpu-shares", "512", "--pids-limit", "77", "--cpus", "0.5", name)
    container.reload()
    host = container.attrs["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["MemoryReservation"]) == (100 << 20, 200 << 20, 32 << 20)
    assert (host["CpuShares"], host["PidsLimit"], host["NanoCpus"]) == (512, 77, 500_000_000)
    docker.fails("update", "--cpu-quota", "20000", name, match="as NanoCPUs has already been set")
    limits = container.exec_run(["sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null"]).output.split()
    assert limits == [str(100 << 20).encode(), b"77"]


def test_update_of_the_restart_policy(docker, sdk, name):
    docker("run", "-d", "--name", name, "busybox", "sh", "-c", "sleep 600")
    docker.fails("update", "--restart", "sometimes", name, match="(?i)restart policy")
    docker("update", "--restart", "on-failure:3", name)
    assert docker("inspect", "-f", "{{json .HostConfig.RestartPolicy}}", name).out.strip() == '{"Name":"on-failure","MaximumRetryCount":3}'
    docker("run", "-d", "--rm", "--name", f"{name}-rm", "busybox", "sleep", "600")
    docker.fails("update", "--restart", "always", f"{name}-rm", match="AutoRemove is enabled")
    with pytest.raises(docker_errors.NotFound):
        sdk.api.update_container("no-such-container", mem_limit="64m")


# swarm and plugins


def test_not_a_swarm(docker, sdk):
    for command in ("node ls", "service ls", "secret ls", "config ls", "stack ls"):
        docker.fails(*command.split(), match="not a swarm manager")
    docker.fails("swarm", "init", match="no swarm mode")
    docker.fails("swarm", "join", "--token", "t", "127.0.0.1:2377", match="no swarm mode")
    docker.fails("swarm", "leave", match="not part of a swarm")
    for call in (sdk.swarm.init, sdk.swarm.reload, sdk.services.list, sdk.nodes.list, sdk.secrets.list, sdk.configs.list):
        with pytest.raises(docker_errors.APIError) as failure:
            call()
        assert failure.value.status_code == 503
    assert docker("plugin", "ls", "-q").out == ""
    assert sdk.plugins.list() == []
    assert sdk.info()["Swarm"]["LocalNodeState"] == "inactive"


# Mistakes of clients


class Api:
    """Requests by hand, so that they can be wrong."""

    def __init__(self, daemon):
        self.path = str(daemon.socket)

    def __call__(self, method: str, target: str, body=None, timeout: float = 10, content_type="application/json"):
        connection = http.client.HTTPConnection("localhost", timeout=timeout)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(timeout)
        connection.sock.connect(self.path)
        try:
            data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
            connection.request(method, "/v1.47" + target, data, {"Content-Type": content_type} if data else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture
def api(daemon, busybox):
    return Api(daemon)


@pytest.mark.parametrize(
    ("target", "body", "field"),
    [
        ("/containers/create", {"Image": 7}, "Image"),
        ("/containers/create", {"Image": "busybox", "Cmd": [1]}, "Cmd"),
        ("/containers/create", {"Image": "busybox", "HostConfig": {"Memory": "64m"}}, "HostConfig.Memory"),
        ("/containers/create", {"Image": "busybox", "HostConfig": {"Mounts": [{"Target": 1}]}}, "HostConfig.Mounts[0].Target"),
        ("/networks/create", {"Name": "n", "IPAM": {"Config": {"Subnet": 3}}}, "IPAM.Config"),
        ("/volumes/create", {"Name": "v", "DriverOpts": {"a": 1}}, "DriverOpts.a"),
        ("/auth", {"username": 5}, "username"),
    ],
)
def test_wrong_types_are_named(api, target, body, field):
    status, answer = api("POST", target, body)
    assert status == 400 and field in json.loads(answer)["message"], answer


def test_unknown_things_are_404_and_bad_json_400(api):
    for target in ("/containers/nope/start", "/containers/nope/stop", "/containers/nope/wait", "/containers/nope/attach?stream=1", "/exec/nope/resize?h=1&w=1", "/networks/nope/connect"):
        status, answer = api("POST", target, {"Container": "x"})
        assert status == 404 and json.loads(answer)["message"], (target, answer)
    for target in ("/containers/nope/json", "/networks/nope", "/volumes/nope", "/images/nope/json", "/exec/nope/json", "/no/such/page"):
        assert api("GET", target)[0] == 404, target
    assert api("POST", "/containers/create", b"{not json")[0] == 400
    assert api("POST", "/containers/create", b"")[0] == 400
    assert api("POST", "/containers/create", b"<xml/>", content_type="text/xml")[0] in (400, 415)
    assert api("GET", "/containers/json?filters=notjson")[0] == 400
    # What ends for the kernel where it goes on for us.
    for body in ({"Image": "busybox", "Cmd": ["a\0b"]}, {"Image": "busybox", "HostConfig": {"Binds": ["/tmp\0/x:/y"]}}):
        status, answer = api("POST", "/containers/create", body)
        assert status == 400 and b"NUL" in answer, answer
    assert api("GET", "/containers/x/archive?path=%00")[0] == 400
    assert api("POST", "/volumes/create", {"Name": "x" * 300})[0] == 400
    assert api("GET", "/containers/json?limit=many")[0] == 400


FIELDS = {
    "/containers/create": ["Image", "Cmd", "Entrypoint", "Env", "Labels", "ExposedPorts", "Volumes", "WorkingDir", "User", "Healthcheck", "StopSignal", "StopTimeout", "Tty", "HostConfig", "NetworkingConfig"],
    "/containers/create HostConfig": ["Binds", "Mounts", "Memory", "NanoCpus", "PidsLimit", "PortBindings", "RestartPolicy", "LogConfig", "NetworkMode", "IpcMode", "PidMode", "CapAdd", "Devices", "Ulimits", "Tmpfs", "Sysctls", "SecurityOpt", "Init", "ShmSize", "ExtraHosts", "VolumesFrom", "CpusetCpus", "OomScoreAdj", "GroupAdd", "Dns", "UsernsMode", "DeviceRequests", "BlkioDeviceReadBps", "Links", "ReadonlyPaths", "ConsoleSize"],
    "/containers/{id}/exec": ["Cmd", "Env", "User", "WorkingDir", "Tty", "AttachStdin", "DetachKeys", "ConsoleSize", "Privileged"],
    "/containers/{id}/update": ["Memory", "NanoCpus", "RestartPolicy", "PidsLimit", "CpusetCpus", "BlkioWeight", "BlkioDeviceReadBps"],
    "/networks/create": ["Name", "Driver", "IPAM", "Options", "Labels", "Internal", "EnableIPv6", "Attachable", "ConfigFrom"],
    "/networks/{net}/connect": ["Container", "EndpointConfig"],
    "/networks/{net}/disconnect": ["Container", "Force"],
    "/volumes/create": ["Name", "Driver", "DriverOpts", "Labels", "ClusterVolumeSpec"],
    "/commit?container={id}": ["Cmd", "Env", "Labels", "Healthcheck"],
    "/exec/{exec}/start": ["Detach", "Tty", "ConsoleSize"],
}

VALUES = [
    None, True, False, 0, -1, 1, 2**31, 2**63 - 1, -(2**63), 2**64, 1.5, "", "a", "-1", "../../etc", "x" * 5000, "\0", "é☃\u202e", "host", "container:nope", "container:",
    [], {}, [None], [1], ["a"], ["a:b:c:d"], ["/a:/b:zz"], ["NET_NOPE"], [[]], [{}], {"a": None}, {"a": 1}, {"a": "b"}, {"80/tcp": [{"HostPort": "x"}]}, {"/": {}}, {"Name": "always", "MaximumRetryCount": -3},
    {"Type": "nope"}, {"Test": ["CMD"], "Interval": -5}, {"Config": [{"Subnet": "300.1.1.1/8"}]}, [{"Target": "/", "Type": "bind"}], [{"Name": "nofile", "Soft": 5, "Hard": 1}],
]

QUERIES = [
    "/containers/json?all={v}&limit={v}&filters={v}", "/containers/{id}/logs?stdout=1&tail={v}&since={v}", "/containers/{id}/stats?stream=0&one-shot={v}", "/images/json?filters={v}",
    "/containers/{id}/archive?path={v}", "/containers/{id}/top?ps_args={v}", "/events?since=0&until=1&filters={v}", "/networks?filters={v}", "/volumes?filters={v}", "/system/df?type={v}", "/images/{v}/json", "/containers/{v}/json",
]


def test_no_5xx_for_what_clients_send(daemon, api, sdk, name):
    """Random bodies of wrong types and values: each gets an answer soon, and none is the daemon's fault."""
    from urllib.parse import quote

    rng = random.Random(20240901)
    container = sdk.containers.run("busybox", ["sleep", "600"], name=name, detach=True)
    network = sdk.networks.create(f"{name}-net")
    places = {"id": container.id, "net": network.id}
    faults = []

    def attempt(method, target, body):
        try:
            status, answer = api(method, target, body)
        except (OSError, http.client.HTTPException) as error:
            faults.append((method, target, body, repr(error)))
            return
        if status >= 500:
            faults.append((method, target, body, status, answer[:300]))

    for _ in range(450):
        route, fields = rng.choice(list(FIELDS.items()))
        chosen = {field: rng.choice(VALUES) for field in rng.sample(fields, rng.randint(1, min(3, len(fields))))}
        route, _, within = route.partition(" ")
        if route == "/containers/create":
            body = {"Image": "busybox", within: chosen} if within else {"Image": "busybox", **chosen}
        else:
            body = chosen
        if "{exec}" in route:
            created = api("POST", f"/containers/{container.id}/exec", {"Cmd": ["true"]})
            places["exec"] = json.loads(created[1])["Id"]
        if rng.random() < 0.05:
            body = rng.choice(VALUES)
        attempt("POST", route.format(**places), body)
    for _ in range(150):
        value = quote(str(rng.choice([v if isinstance(v, str) else json.dumps(v) for v in VALUES if v is not None]))[:500], safe="")
        attempt("GET", rng.choice(QUERIES).format(v=value, **places), None)
    assert not faults, "\n".join(map(str, faults[:20])) + f"\n{len(faults)} in all"
    assert daemon.answers()


def test_many_look_into_a_stopped_container_at_once(berth, daemon, name):
    berth("create", "--name", name, "busybox")

    def look(number: int) -> int:
        client = http.client.HTTPConnection("berth", timeout=30)
        client.sock = socket.socket(socket.AF_UNIX)
        client.sock.connect(str(daemon.socket))
        client.request("HEAD" if number % 2 else "GET", f"/containers/{name}/archive?path=/bin/sh")
        answer = client.getresponse()
        answer.read()
        return answer.status

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        assert set(pool.map(look, range(150))) == {200}

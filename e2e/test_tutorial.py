"""Every command of our users' tutorial, in its order and as it is typed there, sloppy spellings included.

A POSIX shell runs each line, with links `docker`, `Docker` and `docker-compose` on its PATH. There are two machines (two
daemons that share nothing) in a network namespace of their own, so that the tutorial's ports are free, and a registry on
loopback that both take for Docker Hub. What has a command there is also typed with the stock `docker` client, which then
drives the same daemons. Numbers such as l.43 are lines of the tutorial.
"""

import contextlib
import json
import os
import re
import shutil
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import llmchat
from harness.cli import Cli, Result, Terminal, eventually
from harness.daemon import BINARIES, Daemon
from harness.net import fetch, own_network, page
from harness.registry import PASSWORD, USER, Registry

IMAGE = "jiangmiemie/llmchat:0.0.2"
HUB_KEY = "https://index.docker.io/v1/"


class Machine:
    """A user's shell on a machine with a daemon."""

    def __init__(self, daemon: Daemon, folder: Path, program: Path, is_stock: bool):
        self.daemon, self.is_stock = daemon, is_stock
        self.home, self.cwd = folder / "home", folder / "work"
        links = folder / "bin"
        for path in (self.home, self.cwd, links):
            path.mkdir(parents=True)
        for name in ("docker", "Docker"):
            (links / name).symlink_to(program)
        (links / "docker-compose").symlink_to(BINARIES / "berth")
        env = {**daemon.environment(HOME=str(self.home)), "PATH": f"{links}:{os.environ['PATH']}"}
        # Only what Docker's own client knows as well.
        del env["BERTH_HOST"]
        # The stock client's build would want BuildKit's protocol.
        self.shell = Cli("/bin/sh", env | ({"DOCKER_BUILDKIT": "0"} if is_stock else {}))

    def type(self, line: str, code: int | None = 0, **options) -> Result:
        return self.shell("-c", line, code=code, cwd=options.pop("cwd", self.cwd), **options)

    def fails(self, line: str, match: str, code: int | None = None, **options) -> Result:
        return self.shell.fails("-c", line, match=match, code=code, cwd=self.cwd, **options)

    def terminal(self, line: str) -> Terminal:
        return self.shell.terminal("-c", f"cd {self.cwd} && exec {line}")

    def start(self, line: str) -> subprocess.Popen:
        return self.shell.start("-c", f"exec {line}", cwd=self.cwd)

    def image_id(self, name: str) -> str:
        return json.loads(self.type(f"docker inspect --type image {name}").out)[0]["Id"]

    def containers(self) -> list[str]:
        return self.type("docker ps -a --format '{{.Names}}'").lines

    def remove_everything(self) -> None:
        self.type("docker ps -aq | xargs -r docker rm -f -v")
        self.type("docker network prune -f; docker volume prune -af")

    def log_in(self, line: str, registry: str = HUB_KEY) -> None:
        """Types the name and the password when asked for them."""
        with self.terminal(line) as terminal:
            if "-u " not in line:
                terminal.expect("Username: ")
                terminal.send(f"{USER}\n")
            terminal.expect("Password: ")
            terminal.send(f"{PASSWORD}\n")
            terminal.expect("Login Succeeded")
            assert terminal.wait() == 0
            assert PASSWORD not in terminal.seen
        file = self.home / ".docker/config.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert registry in json.loads(file.read_text())["auths"]


@dataclass
class World:
    first: Machine
    second: Machine
    hub: Registry

    def login(self) -> None:
        # Of late the stock client asks a web site of Docker's when no user is given.
        self.first.log_in("docker login -u tester" if self.first.is_stock else "docker login")


def world(folder: Path, stock: bool):
    program = Path(shutil.which("docker")) if stock else BINARIES / "berth"
    with contextlib.ExitStack() as stack:
        stack.enter_context(own_network())
        # Docker Hub lets everybody pull, and push those who are logged in.
        hub = stack.enter_context(Registry(folder / "hub", "token", public=("library/", "jiangmiemie/")))
        hub.publish(llmchat.python_image(), "library/python:3.12.8")
        hub.publish(llmchat.nginx_image(), "library/nginx:latest")
        machines = []
        for name in ("first", "second"):
            daemon = stack.enter_context(Daemon({"registries": {"docker.io": {"server": hub.url}}}).running())
            machines.append(Machine(daemon, folder / name, program, stock))
        yield World(*machines, hub)
        for machine in machines:
            machine.remove_everything()


@pytest.fixture(scope="module", params=["berth", "stock"])
def chain(request, tmp_path_factory):
    """The world of the commands that the stock client has, too."""
    yield from world(tmp_path_factory.mktemp(f"tutorial-{request.param}"), request.param == "stock")


@pytest.fixture(scope="module")
def composed(tmp_path_factory):
    """The world of the chapter on docker-compose."""
    yield from world(tmp_path_factory.mktemp("tutorial-compose"), False)


@pytest.fixture(autouse=True)
def clean(request):
    """Sections start with no containers."""
    yield
    for name in {"chain", "composed"} & set(request.fixturenames):
        machines = request.getfixturevalue(name)
        for machine in (machines.first, machines.second):
            machine.remove_everything()


def run_detached(machine: Machine, line: str) -> str:
    """Its only output is the container's ID."""
    out = machine.type(line).out
    assert re.fullmatch(r"[0-9a-f]{64}\n", out), out
    return out.strip()


# 安装


def test_version(chain):
    first = chain.first
    shown = first.type("docker version").out  # l.30
    assert re.search(r"(?m)^Client:", shown) and re.search(r"(?m)^Server:", shown)
    assert len(re.findall(r"(?m)^ +API version: +1\.\d+", shown)) == 2
    first.fails("DOCKER_HOST=unix:///nowhere.sock docker version", match="(?i)cannot connect to the (docker|berth) daemon at unix:///nowhere.sock", code=1)
    assert re.fullmatch(r"Docker version \d+\.\d+\.\d+\S*, build \S+\n", first.type("docker -v").out)  # l.36


# 基本命令


def test_basic_chain(chain):
    first, second, hub = chain.first, chain.second, chain.hub
    llmchat.write_single(first.cwd)
    first.type("docker build -t llmchat:0.0.2 .")  # l.43
    first.type("docker tag llmchat:0.0.2 jiangmiemie/llmchat:0.0.2")  # l.46
    assert first.image_id(IMAGE) == first.image_id("llmchat:0.0.2")

    first.fails("docker push jiangmiemie/llmchat:0.0.2", match="(?i)denied|unauthorized|authentication required", code=1)
    assert hub.tags("jiangmiemie/llmchat") == []
    chain.login()  # l.49
    pushed = first.type("docker push jiangmiemie/llmchat:0.0.2").out  # l.52
    assert hub.tags("jiangmiemie/llmchat") == ["0.0.2"]
    assert re.search(r"(?m)^0\.0\.2: digest: sha256:[0-9a-f]{64} size: \d+$", pushed)
    before = len(hub.requests())
    assert "Layer already exists" in first.type("docker push jiangmiemie/llmchat:0.0.2").out
    assert hub.blobs_moved(since=before) == 0

    pulled = first.type("docker pull jiangmiemie/llmchat:0.0.2").out  # l.55
    assert "Status: Image is up to date for jiangmiemie/llmchat:0.0.2" in pulled
    assert pulled.splitlines()[-1] == "docker.io/jiangmiemie/llmchat:0.0.2"

    id = run_detached(first, "docker run -d -p 8501:8501 jiangmiemie/llmchat:0.0.2")  # l.58
    assert page("localhost", 8501) == "chat 0.0.2\n"
    row = next(line for line in first.type("docker ps -a").lines if line.startswith(id[:12]))  # l.61
    assert "jiangmiemie/llmchat:0.0.2" in row and "0.0.0.0:8501->8501/tcp" in row and " Up " in row
    first.fails(f"docker rm {id[:12]}", match="(?i)container is running: stop the container before removing or force remove")
    first.type(f"docker stop {id[:12]}")  # l.64
    assert fetch("localhost", 8501) is None
    assert "Exited (0)" in first.type("docker ps -a").out
    first.type(f"docker rm {id[:12]}")  # l.67
    assert first.containers() == []

    # Another machine has nothing yet: `run` pulls, and says so beside its output.
    result = second.type("docker run -d -p 8501:8501 jiangmiemie/llmchat:0.0.2")
    assert re.fullmatch(r"[0-9a-f]{64}\n", result.out)
    assert "Unable to find image 'jiangmiemie/llmchat:0.0.2' locally" in result.err
    assert page("localhost", 8501) == "chat 0.0.2\n"
    assert second.image_id(IMAGE) == first.image_id(IMAGE)


def test_wrong_password_and_missing_images(chain):
    first = chain.first
    first.fails("docker login -u tester -p wrong", match="(?i)incorrect username or password|unauthorized", code=1)
    first.fails("docker pull jiangmiemie/nosuch:1", match="(?i)jiangmiemie/nosuch", code=1)
    first.fails("docker run -d jiangmiemie/nosuch:1", match="(?i)jiangmiemie/nosuch", code=125)
    assert first.containers() == []


# build、FROM、ENTRYPOINT、WORKDIR


def test_the_dockerfile(chain):
    first = chain.first
    llmchat.write_single(first.cwd)
    first.type("docker build -t llmchat:0.0.2 .")
    shown = json.loads(first.type("docker inspect llmchat:0.0.2").out)[0]["Config"]
    assert (shown["WorkingDir"], shown["Cmd"]) == ("/app", ["python", "chat_routers.py"])
    assert first.type("docker run --rm llmchat:0.0.2 cat /var/installed").out == "fastapi streamlit\n"
    assert first.type("docker run --rm --entrypoint ls llmchat:0.0.2 /app").out.split() == ["Dockerfile", "chat_routers.py", "requirements.txt"]
    # What has not changed is not done again; with the base image here, nobody needs the network.
    chain.hub.stop()
    try:
        second_time = first.type("docker build -t llmchat:0.0.3 .").text
    finally:
        chain.hub.start()
    assert re.search("(?i)using cache|CACHED", second_time) and first.image_id("llmchat:0.0.3") == first.image_id("llmchat:0.0.2")


def test_scratch(chain):
    """l.98-104: a static program and nothing else; no shell, no library, no /tmp."""
    first = chain.first
    folder = first.cwd / "scratch"
    folder.mkdir()
    shutil.copy("/bin/busybox", folder)
    (folder / "Dockerfile").write_text('FROM scratch\nCOPY busybox /\nCMD ["/busybox", "sleep", "600"]\n')
    first.type("docker build -t static scratch")
    run_detached(first, "docker run -d --name static static")
    assert first.type("docker exec static /busybox ls /").out.split() == ["busybox", "dev", "etc", "proc", "sys"]
    result = first.fails("docker exec static /bin/bash", match="(?i)no such file or directory", code=127)
    if not first.is_stock:
        assert re.search("(?i)no shell", result.text), result


# 运行时


def test_runtime(chain):
    first = chain.first
    id = run_detached(first, "Docker run -p 8080:80 -d nginx | tail -1")[:12]  # l.135
    assert page("localhost", 8080) == "Welcome to nginx!\n"
    # l.133 again, while the port is taken: told by whom.
    first.fails("Docker run -p 8080:80 -d nginx", match="(?i)port is already allocated", code=125)
    first.type("docker ps -aq --filter status=created | xargs -r docker rm")

    windows = f"docker cp C:/Users/SY/Desktop/docktest/index.html {id}://usr/share/nginx/html"  # l.144
    if first.is_stock:
        first.fails(windows, match="copying between containers is not supported|No such container", code=1)
    else:
        first.fails(windows, match="(?i)windows path", code=1)
    (first.cwd / "index.html").write_text("copied\n")
    first.type(f"docker cp index.html {id}://usr/share/nginx/html")  # l.141
    assert page("localhost", 8080) == "copied\n"

    assert first.type(f"Docker commit -m 'fun' {id} 'name'").out.startswith("sha256:")  # l.150
    assert "fun" in first.type("docker history name").out
    assert first.type("docker run --rm name cat /usr/share/nginx/html/index.html").out == "copied\n"
    missing = first.fails("Docker commit -m 'fun' 'name'", match="(?i)no such container|requires at least 1", code=1)  # l.153
    if not first.is_stock:
        assert "commit -m MESSAGE CONTAINER IMAGE" in missing.text

    image = first.image_id("nginx")[7:19]
    first.fails(f"Docker rmi {image}", match=f"(?i)conflict.*container {id}", code=1)  # l.159
    first.type(f"docker rm -f {id}")
    first.type(f"Docker rmi {image}")
    assert "nginx" not in first.type("docker images").out
    first.fails("Docker rmi", match="(?i)requires at least 1 argument", code=1)  # l.160
    first.type("Docker rmi name")


def test_inside_a_container(chain):
    first = chain.first
    id = run_detached(first, "docker run -d python:3.12.8 sh -c 'trap \"exit 0\" TERM; sleep 600 & wait' | tail -1")[:12]
    assert id in first.type("docker ps -a").out  # l.168
    glued = first.fails(f"docker exec -it  {id}/bin/bash", match="", code=1)  # l.171
    if not first.is_stock:
        assert f'did you mean "{id} /bin/bash"?' in glued.text
    with first.terminal(f"docker exec -it  {id} /bin/bash") as terminal:
        terminal.expect("# ")
        terminal.send("pip install pandas\n")  # l.174
        terminal.expect("Successfully installed pandas")
        terminal.send("python -m unittest test.test_spider.MyTestCase.test_spider\n")  # l.175
        terminal.expect("Ran the stand-in of: python -m unittest test.test_spider.MyTestCase.test_spider")
        terminal.send("exit\n")
        assert terminal.wait() == 0
    assert first.type(f"docker exec {id} cat /var/installed").out == "pandas\n"


def test_vs_code(chain):
    """l.163: what VS Code's extension asks the client for, to show containers and their menus."""
    first = chain.first

    def shown(line: str) -> list[dict]:
        return [json.loads(row) for row in first.type(line).lines]

    id = run_detached(first, "docker run -d --name seen -p 8080:80 nginx | tail -1")
    assert shown("docker version --format '{{json .}}'")[0]["Server"] and shown("docker info --format '{{json .}}'")[0]["OSType"] == "linux"
    assert [context["Name"] for context in shown("docker context ls --format '{{json .}}'")] == ["default"]
    [row] = shown("docker container ls --all --no-trunc --format '{{json .}}'")
    assert (row["ID"], row["Names"], row["Image"], row["State"]) == (id, "seen", "nginx", "running")
    assert row["Ports"].startswith("0.0.0.0:8080->80/tcp") and "CreatedAt" in row and "Networks" in row and "Labels" in row
    assert shown("docker container inspect --format '{{json .}}' seen")[0]["State"]["Running"]
    images = {(image["Repository"], image["Tag"]) for image in shown("docker image ls --digests --no-trunc --format '{{json .}}'")}
    assert ("nginx", "latest") in images
    assert shown("docker image inspect --format '{{json .}}' nginx")[0]["RepoTags"] == ["nginx:latest"]
    assert {"bridge", "host", "none"} <= {network["Name"] for network in shown("docker network ls --no-trunc --format '{{json .}}'")}
    assert shown("docker volume ls --format '{{json .}}'") == []
    listener = first.start(f"docker events --since {int(time.time())} --format '{{{{json .}}}}' --filter type=container --filter container=seen")
    for line in ("docker container stop seen", "docker container start seen", "docker container restart seen", "docker container rm --force seen"):
        first.type(line)
    actions = []
    while "destroy" not in actions:
        actions.append(json.loads(listener.stdout.readline())["Action"])
    assert [action for action in actions if action in ("stop", "start", "restart", "destroy")][-3:] == ["start", "restart", "destroy"]
    listener.terminate()
    listener.wait(10)
    listener.stdout.close()


# 离线镜像


def test_offline_images(chain):
    first, second = chain.first, chain.second
    first.type("docker pull nginx:latest")  # l.188
    expected = first.image_id("nginx:latest")
    first.type("docker save nginx:latest > nginx_latest.tar")  # l.192
    plain = (first.cwd / "nginx_latest.tar").read_bytes()
    first.type("docker save nginx:latest -o nginx_latest.tar")  # l.194
    assert (first.cwd / "nginx_latest.tar").stat().st_size == len(plain)
    first.type("docker save nginx:latest | gzip > nginx_latest.tar.gz")  # l.196
    assert (first.cwd / "nginx_latest.tar.gz").stat().st_size < len(plain)

    # 将镜像文件传输到目标服务器后
    for name in ("nginx_latest.tar", "nginx_latest.tar.gz"):
        shutil.copy(first.cwd / name, second.cwd)
    for line in ("docker load < nginx_latest.tar.gz", "docker load -i nginx_latest.tar.gz", "docker load < nginx_latest.tar"):  # l.200, 202
        assert "Loaded image: nginx:latest\n" in second.type(line).out
        assert second.image_id("nginx:latest") == expected
        second.type("docker rmi nginx:latest")
    # Saved by its ID it keeps its name; the tutorial's remedy for lost ones does no harm.
    first.type(f"docker save {expected[7:19]} -o nginx_latest.tar")
    shutil.copy(first.cwd / "nginx_latest.tar", second.cwd)
    assert "Loaded image: nginx:latest\n" in second.type("docker load -i nginx_latest.tar").out
    id = next(line.split()[2] for line in second.type("docker image ls").lines if line.startswith("nginx"))
    second.type(f"docker tag {id} nginx:latest")  # l.206
    assert second.image_id("nginx:latest") == expected
    second.type("docker rmi nginx:latest")


# 简易排错


def test_a_stuck_container(chain):
    first = chain.first
    busy = "trap \"exit 0\" TERM; while :; do :; done & while :; do :; done & mkdir -p /var/log; echo an error > /var/log/app.log; wait"
    id = run_detached(first, f"docker run -d --name stuck nginx sh -c '{busy}' | tail -1")[:12]
    assert "sh" in first.type("top -b -n 1").out  # l.226

    def cpu() -> float:
        header, row = first.type("docker stats --no-stream").lines  # l.229
        assert header.split()[:4] == ["CONTAINER", "ID", "NAME", "CPU"] and row.split()[:2] == [id, "stuck"]
        return float(row.split()[2].rstrip("%"))

    # Two cores are 200 %.
    most = 110 if len(os.sched_getaffinity(0)) > 1 else 50
    with first.daemon.precedence():
        eventually(lambda: cpu() > most, timeout=30, what="all cores are counted")
    with first.terminal("docker stats") as terminal:  # l.231
        terminal.expect("CPU %")
        terminal.expect("stuck")
        terminal.send("\x03")
        terminal.wait()

    with first.terminal(f"docker exec -iter {id} /bin/bash") as terminal:  # l.250
        terminal.expect("# ")
        terminal.send("cd var/log\n")  # l.254
        terminal.expect("# ")
        terminal.send("ls\n")
        terminal.expect("app.log")
        terminal.send("exit\n")  # l.258
        assert terminal.wait() == 0
    assert first.type("docker ps -q").out.strip() == id
    first.type(f"docker cp {id}:/var/log/app.log local.log")  # l.261
    first.type(f"docker stop {id}")
    first.type(f"docker cp {id}:/var/log/app.log after.log")
    assert (first.cwd / "local.log").read_text() == (first.cwd / "after.log").read_text() == "an error\n"


# docker-compose


@pytest.fixture
def project(composed) -> Machine:
    composed.first.type("docker rmi -f jiangmiemie/llmchatf:0.1.0 jiangmiemie/llmchatb:0.1.0")
    llmchat.write_compose(composed.first.cwd)
    return composed.first


def names(machine: Machine) -> list[str]:
    project = machine.cwd.name
    return sorted(name.removeprefix(f"{project}-") for name in machine.containers())


BOTH = ["python-app-backend-1", "python-app-frontend-1"]


def test_compose_up_and_logs(project):
    started = project.type("docker-compose up -d")  # l.320
    assert "obsolete" not in started.text and "WARN" not in started.text
    assert page("localhost", 8501) == "frontend 0.1.0\n" and page("localhost", 8010) == "backend 0.1.0\n"
    assert project.type("docker-compose exec python-app-frontend wget -qO- http://python-app-backend:8010").out == "backend 0.1.0\n"
    assert project.type("docker-compose exec python-app-backend cat /app/.env").out == "API_KEY=not for the image\n"
    project.type("docker-compose exec python-app-backend sh -c 'echo x > /app/.env'", code=1)
    assert project.type("docker run --rm jiangmiemie/llmchatb:0.1.0 ls -A").out.split() == [
        ".dockerignore", "Dockerfile", "chat_routers.py", "requirements.txt",
    ]

    follower = project.start("docker-compose logs -f")  # l.323
    seen = {follower.stdout.readline() for _ in range(2)}
    assert {re.sub(r" +\| ", " | ", line) for line in seen} == {
        "python-app-backend-1 | the backend listens on 8010\n", "python-app-frontend-1 | the frontend listens on 8501\n",
    }
    project.type("docker-compose down")  # l.337
    assert follower.wait(10) == 0
    follower.stdout.close()
    assert names(project) == [] and fetch("localhost", 8501) is None


def test_compose_up_in_front(project):
    with project.terminal("docker-compose up") as terminal:  # l.330
        terminal.expect("the backend listens on 8010")
        terminal.expect("the frontend listens on 8501")
        assert page("localhost", 8501) == "frontend 0.1.0\n"
        terminal.send("\x03")
        terminal.expect("stopping")
        terminal.wait()
    assert project.type("docker ps -q").out == ""
    assert names(project) == BOTH


def test_compose_other_commands(project):
    project.type("docker-compose up -d")
    file = project.cwd / "frontend/_streamlit/streamlit_app.py"
    file.write_text(file.read_text().replace("0.1.0", "0.1.1"))
    assert "streamlit_app.py is newer than the image" in project.type("docker-compose up -d").text
    project.type("docker-compose up -d --build")  # l.340, 372
    eventually(lambda: fetch("localhost", 8501) == "frontend 0.1.1\n")
    shown = project.type("docker-compose ps").lines  # l.343
    assert "SERVICE" in shown[0] and len(shown) == 3
    assert "0.0.0.0:8501->8501/tcp" in next(line for line in shown if "frontend" in line)
    for service, text in (("frontend", "the frontend listens on 8501"), ("backend", "the backend listens on 8010")):
        follower = project.start(f"docker-compose logs -f python-app-{service}")  # l.346, 347
        assert text in follower.stdout.readline()
        follower.terminate()
        follower.wait(10)
        follower.stdout.close()
    assert re.match(r"Docker Compose version v?\d+\.\d+", project.type("docker-compose version").out)  # l.352
    project.type("docker-compose down")  # l.363
    assert names(project) == []
    project.type("docker-compose down --rmi all")  # l.366
    assert project.type("docker images -q 'jiangmiemie/*'").out == ""


def test_compose_port_in_use(project):
    """l.353: checked before anything starts, and told by whom."""
    run_detached(project, "docker run -d --name other -p 8010:80 nginx | tail -1")
    project.fails("docker-compose up -d", match="Bind for 0.0.0.0:8010 failed: port is already allocated.*held by container other", code=1)
    assert names(project) == ["other"]


def test_compose_build_and_push(composed, project):
    composed.login()
    project.type("docker-compose build")  # l.379
    assert len(project.type("docker images -q 'jiangmiemie/*'").lines) == 2
    assert names(project) == []
    before = len(composed.hub.requests())
    project.type("docker-compose push")  # l.382
    assert composed.hub.tags("jiangmiemie/llmchatf") == composed.hub.tags("jiangmiemie/llmchatb") == ["0.1.0"]
    uploads = [request for request in composed.hub.requests()[before:] if request.moves_blob and request.method == "PUT"]
    manifests = [composed.hub.manifest(f"jiangmiemie/llmchat{part}", "0.1.0") for part in "fb"]
    blobs = {layer["digest"] for manifest in manifests for layer in [manifest["config"], *manifest["layers"]]}
    assert len(uploads) <= len(blobs), "shared layers go once"
    before = len(composed.hub.requests())
    project.type("docker-compose push")
    assert composed.hub.blobs_moved(since=before) == 0


def test_compose_on_the_target(composed):
    """l.385-421: a machine with only the compose file and backend/.env."""
    target = composed.second
    llmchat.write_target(target.cwd)
    before = len(composed.hub.requests())
    target.type("docker-compose pull")  # l.417
    manifests = [composed.hub.manifest(f"jiangmiemie/llmchat{part}", "0.1.0") for part in "fb"]
    blobs = {layer["digest"] for manifest in manifests for layer in [manifest["config"], *manifest["layers"]]}
    assert composed.hub.blobs_moved(since=before) == len(blobs), "shared layers come once"
    target.type("docker-compose up -d")  # l.420
    assert page("localhost", 8501) == "frontend 0.1.0\n" and page("localhost", 8010) == "backend 0.1.0\n"
    assert target.type("docker-compose exec python-app-backend cat .env").out == "API_KEY=of the target\n"
    target.type("docker-compose down")
    (target.cwd / "backend/.env").unlink()
    target.fails("docker-compose up -d", match=r"backend/\.env.*does not exist", code=1)
    assert names(target) == [] and not (target.cwd / "backend/.env").exists()


def test_a_private_registry(composed, tmp_path):
    """l.425-446: log in, a version from the environment, one service only."""
    first, second = composed.first, composed.second
    with Registry(tmp_path / "private", "basic") as private:
        for machine in (first, second):
            machine.log_in(f"docker login {private.host}", private.host)  # l.428
            (machine.cwd / "docker-compose.yml").write_text(
                f"services:\n  frontend:\n    image: {private.host}/frontend:${{TAG:-latest}}\n"
                f"  backend:\n    image: {private.host}/team/backend:${{TAG:-latest}}\n"
            )
        first.type("docker pull nginx")
        for image in ("frontend:latest", "frontend:2", "team/backend:latest", "team/backend:2"):
            first.type(f"docker tag nginx {private.host}/{image}")
        first.type("docker-compose push frontend")  # l.443
        assert (private.tags("frontend"), private.tags("team/backend")) == (["latest"], [])
        first.type("TAG=2 docker-compose push frontend backend")
        assert (private.tags("frontend"), private.tags("team/backend")) == (["2", "latest"], ["2"])
        second.type("TAG=2 docker-compose pull backend")  # l.446
        assert second.type("docker images --format '{{.Repository}}:{{.Tag}}' | grep localhost").lines == [f"{private.host}/team/backend:2"]
        first.type(f"docker logout {private.host}")
        first.fails("docker-compose push frontend", match="(?i)frontend.*(unauthorized|authentication|no basic auth|denied)", code=1)

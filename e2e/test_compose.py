"""`berth compose`: a small project up and down, and the files that must be refused."""

import http.server
import json
import os
import re
import socket
import textwrap
import threading

import pytest

from harness.cli import eventually
from harness.net import fetch, free_port, page
from harness.registry import Gate, Registry


class Project:
    def __init__(self, berth, folder, name):
        self.berth, self.folder, self.name = berth, folder, name

    def write(self, text: str, path: str = "docker-compose.yml") -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(textwrap.dedent(text))

    def __call__(self, *args, **options):
        return self.berth("compose", "-p", self.name, *args, cwd=self.folder, **options)

    def fails(self, *args, **options):
        return self.berth.fails("compose", "-p", self.name, *args, cwd=self.folder, **options)


@pytest.fixture
def project(berth, tmp_path, name):
    project = Project(berth, tmp_path, name)
    yield project
    berth.run("compose", "-p", name, "down", "-t", "0", cwd=tmp_path)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def chat(project, port, name) -> Project:
    """The shape of the tutorial's app: two built services, one behind the other."""
    project.write(f"""
        version: "3.8"
        services:
          my-front:
            build:
              context: ./front
              dockerfile: Dockerfile
            image: {name}-front:0.1.0
            ports: ["{port}:80"]
            command: ["httpd", "-f", "-p", "80", "-h", "/app"]
            depends_on:
              - my-back
          my-back:
            build: ./back
            image: {name}-back:0.1.0
            volumes:
              - ./back/.env:/app/.env:ro
    """)
    project.write("FROM busybox\nWORKDIR /app\nCOPY . .\n", "front/Dockerfile")
    project.write("front page\n", "front/index.html")
    project.write('FROM busybox\nWORKDIR /app\nCOPY . .\nCMD ["httpd", "-f", "-p", "80", "-h", "/app"]\n', "back/Dockerfile")
    project.write(".env\n", "back/.dockerignore")
    project.write("KEY=value\n", "back/.env")
    project.write("back page\n", "back/index.html")
    return project


def names(berth, project: str) -> list[str]:
    return sorted(berth("ps", "-a", "--filter", f"label=com.docker.compose.project={project}", "--format", "{{.Names}}").lines)


def test_up_ps_logs_exec_down(chat, berth, port, name):
    chat("up", "-d", "--build")
    assert names(berth, name) == [f"{name}-my-back-1", f"{name}-my-front-1"]
    assert page("localhost", port) == "front page\n"
    assert chat("exec", "-T", "my-front", "wget", "-qO-", "http://my-back").out == "back page\n"
    assert chat("exec", "-T", "my-back", "cat", "/app/.env").out == "KEY=value\n"
    out = chat("ps").out
    assert f"{name}-my-front-1" in out and f"0.0.0.0:{port}->80/tcp" in out
    chat("logs")
    chat("down", "-t", "0")
    assert names(berth, name) == [] and fetch("localhost", port) is None
    assert f"{name}_default" not in berth("network", "ls", "--format", "{{.Name}}").lines


def test_labels_and_names(chat, berth, name):
    chat("up", "-d")
    shown = json.loads(berth("inspect", f"{name}-my-back-1").out)[0]
    labels = shown["Config"]["Labels"]
    assert labels["com.docker.compose.service"] == "my-back"
    assert labels["com.docker.compose.container-number"] == "1"
    assert labels["com.docker.compose.oneoff"] == "False"
    assert labels["com.docker.compose.project.working_dir"] == str(chat.folder)
    assert len(labels["com.docker.compose.config-hash"]) == 64
    assert "my-back" in shown["NetworkSettings"]["Networks"][f"{name}_default"]["Aliases"]


def test_up_again_changes_nothing(chat, berth, name):
    chat("up", "-d")
    before = berth("ps", "-q", "--no-trunc").out
    chat("up", "-d")
    assert berth("ps", "-q", "--no-trunc").out == before


def test_up_recreates_what_changed(chat, berth, name):
    chat("up", "-d")
    ids = {n: berth("ps", "-q", "--filter", f"name={n}").out for n in names(berth, name)}
    text = (chat.folder / "docker-compose.yml").read_text()
    chat.write(text.replace("build: ./back", "build: ./back\n    environment: {A: b}"))
    chat("up", "-d", "-t", "0")
    assert berth("ps", "-q", "--filter", f"name={name}-my-back-1").out != ids[f"{name}-my-back-1"]
    assert berth("exec", f"{name}-my-back-1", "sh", "-c", "echo $A").out == "b\n"


@pytest.mark.parametrize("driver", ["json-file", "local"])
def test_logs_are_kept_over_recreation(project, berth, docker, name, driver):
    container = f"{name}-web-1"

    def up(word, *flags):
        project.write(f"""
            services:
              web:
                image: busybox
                command: [sh, -c, "echo {word} \\"$$A\\"; exec sleep 600"]
                environment: {{A: "{word}"}}
                logging: {{driver: {driver}}}
        """)
        project("up", "-d", "-t", "0", *flags)
        eventually(lambda: docker("logs", container).out.endswith(f"{word} {word}\n"))
        return docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", container).out.split()

    first, _ = up("one")
    second, since = up("two")
    third, _ = up("two", "--force-recreate")
    assert len({first, second, third}) == 3
    assert docker("logs", container).out == "one one\ntwo two\ntwo two\n"
    assert project("logs", "--no-log-prefix").lines == ["one one", "two two", "two two"]
    assert docker("logs", "--tail", "2", container).out == "two two\ntwo two\n"
    assert docker("logs", "--since", since, container).out == "two two\ntwo two\n"
    assert project("logs", "--no-log-prefix", "--since", since).lines == ["two two", "two two"]
    if driver == "json-file":
        with open(docker("inspect", "-f", "{{.LogPath}}", container).out.strip()) as file:
            assert [json.loads(line)["log"] for line in file] == ["one one\n", "two two\n", "two two\n"]


def test_up_in_front_shows_nothing_of_the_replaced_container(project, docker, name):
    for word, shown in (("one", "one\n"), ("two", "one\ntwo\n")):
        project.write(f"""
            services:
              a: {{build: ., command: [sh, -c, "cat /word"]}}
        """)
        project.write(f"FROM busybox\nRUN echo {word} >/word\n", "Dockerfile")
        out = project("up", "--build").out
        assert re.findall(r"(?m)^a-1 +\| (.*)$", out) == [word]
        assert docker("logs", f"{name}-a-1").out == shown
    project("down", "--rmi", "local")


def test_a_follower_of_a_recreated_service_is_told_nothing_twice(project, berth, name):
    command = "[sh, -c, \"echo $$A-start; trap 'echo $$A-end; exit' TERM; while :; do sleep 0.1; done\"]"

    def up(word):
        project.write(f"""
            services:
              web: {{image: busybox, command: {command}, environment: {{A: {word}}}}}
              other: {{image: busybox, command: [sleep, "600"]}}
        """)
        project("up", "-d")

    up("one")
    follower = berth.start("compose", "-p", name, "logs", "-f", "--no-log-prefix", cwd=project.folder)
    shown = [follower.stdout.readline()]
    for word in ("two", "three"):
        up(word)
        shown += [follower.stdout.readline(), follower.stdout.readline()]
    project("stop", "-t", "5")
    shown += follower.communicate(timeout=15)[0].splitlines(keepends=True)
    words = [f"{word}-{end}" for word in ("one", "two", "three") for end in ("start", "end")]
    assert "".join(shown).split() == words
    assert project("logs", "--no-log-prefix").lines == words


def test_up_build_takes_new_sources(chat, port):
    chat("up", "-d")
    assert page("localhost", port) == "front page\n"
    chat.write("new page\n", "front/index.html")
    chat("up", "-d", "--build", "-t", "0")
    eventually(lambda: fetch("localhost", port) == "new page\n")


def test_up_in_front(project, berth, name):
    project.write("""
        services:
          a: {image: busybox, command: [sh, -c, "echo from a; sleep 0.5"]}
          b: {image: busybox, command: [sh, -c, "echo from b >&2"], depends_on: [a]}
    """)
    out = project("up").text
    assert re.search(r"^a-1\s+\| from a$", out, re.M) and re.search(r"^b-1\s+\| from b$", out, re.M)
    assert "exited with code 0" in out


def test_up_in_front_stops_on_interrupt(project, berth, name):
    project.write("""
        services:
          a: {image: busybox, command: [sh, -c, "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1; done"]}
    """)
    with berth.terminal("compose", "-p", name, "-f", str(project.folder / "docker-compose.yml"), "up") as terminal:
        terminal.expect("ready")
        terminal.send("\x03")
        terminal.expect("bye")
        terminal.wait()
    assert berth("ps", "-q").out == ""


def test_logs_follow_one_service(project):
    project.write("""
        services:
          a: {image: busybox, command: [sh, -c, "for i in 1 2 3; do echo a$$i; sleep 0.2; done"]}
          b: {image: busybox, command: [echo, b]}
    """)
    project("up", "-d")
    out = project("logs", "-f", "a").out
    assert [line.split("| ")[1] for line in out.splitlines()] == ["a1", "a2", "a3"]


def test_a_second_interrupt_kills(project, berth, name):
    project.write("""
        services:
          a:
            image: busybox
            stop_grace_period: 10m
            command: [sh, -c, "trap 'echo not yet' TERM; echo ready; while :; do sleep 0.1; done"]
    """)
    with berth.terminal("compose", "-p", name, "-f", str(project.folder / "docker-compose.yml"), "up") as terminal:
        terminal.expect("ready")
        terminal.send("\x03")
        terminal.expect("press Ctrl\\+C again to force")
        terminal.expect("not yet")
        terminal.send("\x03")
        terminal.wait(60)
    assert berth("ps", "-q").out == ""


def test_logs_are_merged_by_time(project):
    project.write("""
        services:
          a: {image: busybox, command: [sh, -c, "echo 1; sleep 0.4; echo 3"]}
          b: {image: busybox, command: [sh, -c, "sleep 0.2; echo 2; sleep 0.4; echo 4"]}
    """)
    project("up")
    assert [line.split("| ")[1] for line in project("logs").lines] == ["1", "2", "3", "4"]
    assert [line.split("| ")[1] for line in project("logs", "-n", "1").lines] == ["3", "4"]


def test_a_mounted_file_that_is_another_now(project, berth, name):
    """A replaced file is mounted anew. A link that leads elsewhere is not followed before the next start: up tells."""
    project.write("one\n", "app.env")
    project.write("two\n", "new.env")
    os.symlink("app.env", project.folder / "link.env")
    project.write("services: {a: {image: busybox, init: true, command: [sleep, '600'], volumes: ['./link.env:/app.env:ro']}}\n")
    project("up", "-d")
    assert "replaced" not in project("up", "-d").text
    os.symlink("new.env", project.folder / "other.env")
    os.replace(project.folder / "other.env", project.folder / "link.env")
    told = project("up", "-d").text
    assert f"/link.env was replaced after container {name}-a-1 started" in told and "restart a" in told
    project("restart")
    assert "replaced" not in project("up", "-d").text
    assert project("exec", "-T", "a", "cat", "/app.env").out == "two\n"
    project.write("three\n", "new.env")
    assert project("exec", "-T", "a", "cat", "/app.env").out == "three\n", "written in place it is seen at once"
    os.replace(project.folder / "app.env", project.folder / "new.env")
    eventually(lambda: project("exec", "-T", "a", "cat", "/app.env").out == "one\n")
    assert "replaced" not in project("up", "-d").text


def test_logs_follow_new_replicas(project, berth, name):
    project.write("""
        services:
          a: {image: busybox, command: [sh, -c, "trap 'exit 0' TERM; echo here; sleep 600 & wait"]}
    """)
    project("up", "-d")
    follower = berth.start("compose", "-p", name, "logs", "-f", cwd=project.folder)
    assert re.match(r"a-1 +\| here", follower.stdout.readline())
    project("up", "-d", "--scale", "a=2")
    assert re.match(r"a-2 +\| here", follower.stdout.readline())
    project("down")
    assert follower.wait(10) == 0
    follower.stdout.close()


def test_command_keeps_the_entrypoint(project, berth, name):
    project.write("services: {a: {build: ., command: [echo, of compose]}, b: {build: ., entrypoint: [echo, own]}}\n")
    project.write('FROM busybox\nENTRYPOINT ["env", "A=b"]\nCMD ["echo", "of the image"]\n', "Dockerfile")
    out = project("up").out
    assert re.search(r"(?m)^a-1 +\| of compose$", out) and re.search(r"(?m)^b-1 +\| own$", out)
    shown = json.loads(berth("inspect", f"{name}-a-1").out)[0]["Config"]
    assert (shown["Entrypoint"], shown["Cmd"]) == (["env", "A=b"], ["echo", "of compose"])
    project("down", "--rmi", "local")


def test_interpolation(project, berth):
    project.write("TAG=latest\nWORD=from the file\n", ".env")
    project.write("""
        services:
          a:
            image: busybox:${TAG:?no tag}
            command: [echo, "${WORD}", "${HOST_WORD-unset}", "${NONE:-fallback}", "$$literal"]
    """)
    out = project("up", env={"HOST_WORD": "from the host"}).out
    assert "from the file from the host fallback $literal" in out


def test_environment_forms(project):
    project.write("A=file\nB=file\n", "app.env")
    project.write("""
        services:
          a:
            image: busybox
            env_file: app.env
            environment:
              B: given
              C: 3
            command: env
    """)
    out = project("up").out
    assert all(f"| {setting}" in out for setting in ("A=file", "B=given", "C=3"))


def test_dependency_order(project, berth):
    project.write("""
        services:
          c: {image: busybox, command: sleep 60, depends_on: [b]}
          b: {image: busybox, command: sleep 60, depends_on: {a: {condition: service_completed_successfully}}}
          a: {image: busybox, command: sh -c "sleep 0.5"}
    """)
    project("up", "-d")
    started = {
        c["Config"]["Labels"]["com.docker.compose.service"]: c["State"]
        for c in json.loads(berth("inspect", *names(berth, project.name)).out)
    }
    assert started["a"]["FinishedAt"] <= started["b"]["StartedAt"] <= started["c"]["StartedAt"]


def test_named_volumes_and_networks(project, berth, name):
    project.write("""
        services:
          a: {image: busybox, command: [sh, -c, "echo kept > /data/f"], volumes: ["data:/data"], networks: [inner]}
        volumes: {data: {}}
        networks: {inner: {}}
    """)
    project("up")
    assert f"{name}_data" in berth("volume", "ls", "-q").lines
    assert f"{name}_inner" in berth("network", "ls", "--format", "{{.Name}}").lines
    project("down")
    assert f"{name}_data" in berth("volume", "ls", "-q").lines
    project("down", "-v")
    assert f"{name}_data" not in berth("volume", "ls", "-q").lines


def test_stop_start_restart(project, berth, name):
    project.write("services: {a: {image: busybox, command: sleep 60}}")
    project("up", "-d")
    project("stop", "-t", "0")
    assert berth("ps", "-q").out == ""
    project("start")
    assert berth("ps", "-q").out
    project("restart", "-t", "0")
    assert berth("ps", "-q").out


def test_the_versions_line_is_silent(project):
    for version in ('"3.8"', "'3.8'", "'2'"):
        project.write(f"version: {version}\nservices: {{a: {{image: busybox, command: [echo, hi]}}}}\n")
        assert "version" not in project("up").text
        assert "version" not in project("config").text
        project("down")


def test_logs_follow_restarts_and_end_with_the_last_container(project, berth, name):
    project.write("""
        services:
          a: {image: busybox, command: [sh, -c, "echo a starts; trap 'exit 0' TERM; sleep 600 & wait"]}
          b: {image: busybox, command: [sh, -c, "echo b starts; trap 'exit 0' TERM; sleep 600 & wait"]}
    """)
    project("up", "-d")
    follower = berth.start("compose", "-p", name, "logs", "-f", cwd=project.folder)
    seen = [follower.stdout.readline() for _ in range(2)]
    project("restart", "a")
    seen.append(follower.stdout.readline())
    assert [re.sub(r" +", " ", line) for line in sorted(seen)] == ["a-1 | a starts\n"] * 2 + ["b-1 | b starts\n"]
    project("stop")
    assert follower.wait(10) == 0
    follower.stdout.close()


def test_ps_shows_what_ended_and_how(project, name):
    project.write("""
        services:
          fails: {image: busybox, command: [sh, -c, exit 3]}
          runs: {image: busybox, command: [sleep, "600"], ports: ["80"]}
    """)
    project("up", "-d")
    eventually(lambda: "fails" not in project("ps").out)
    assert f"{name}-runs-1" in project("ps").out
    row = next(line for line in project("ps", "-a").lines if line.startswith(f"{name}-fails-1"))
    assert "Exited (3)" in row
    assert project("ps", "--services").lines == ["runs"]
    project("down", "-t", "0")


def test_dollar_tag(project, berth, name):
    """l.436: `image: your-registry/frontend:${TAG:-latest}`."""
    project.write("services: {frontend: {image: 'registry.test/frontend:${TAG:-latest}', command: [echo, ran]}}\n")
    berth("tag", "busybox", "registry.test/frontend:latest")
    berth("tag", "busybox", "registry.test/frontend:2")
    for env, image in (({}, "latest"), ({"TAG": ""}, "latest"), ({"TAG": "2"}, "2")):
        project("up", "-d", env=env)
        assert json.loads(berth("inspect", f"{name}-frontend-1").out)[0]["Config"]["Image"] == f"registry.test/frontend:{image}"
    project.fails("up", "-d", "--pull", "never", env={"TAG": "3"}, match="registry.test/frontend:3")
    project("down")
    berth("rmi", "registry.test/frontend:latest", "registry.test/frontend:2")


def test_up_tells_of_newer_sources(chat, berth, name):
    """l.369: every change needs a rebuild."""
    chat("up", "-d")
    assert "--build" not in chat("up", "-d").text
    chat.write("newer page\n", "front/index.html")
    text = chat("up", "-d").text
    assert "front/index.html is newer than the image" in text and "up -d --build my-front" in text
    chat.write("ignored\n", "back/.env")
    assert "my-back" not in [line for line in chat("up", "-d").text.splitlines() if "newer" in line][0]
    assert "newer" not in chat("up", "-d", "--build", "-t", "0").text


def test_build_alone(chat, berth, name):
    text = chat("build").text
    assert f"{name}-front:0.1.0" in text and f"{name}-back:0.1.0" in text
    assert berth("images", "-q", f"{name}-front:0.1.0").out and names(berth, name) == []
    chat.write("FROM busybox\nRUN exit 4\n", "back/Dockerfile")
    chat.fails("build", match='failed to build service "my-back": .*exit 4.* returned a non-zero code: 4', code=1)
    chat("build", "my-front")
    chat.fails("build", "my-fornt", match='no such service: my-fornt; did you mean "my-front"')


def test_builds_go_at_the_same_time(project, daemon, berth, name):
    """Each build's step waits until the other one's runs, too."""
    waiting = threading.Barrier(2)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            try:
                waiting.wait(timeout=20)
                self.send_response(200)
            except threading.BrokenBarrierError:
                self.send_response(503)
            self.end_headers()

        def log_message(self, *_):
            pass

    # The default bridge is there once a container was on it.
    berth("run", "--rm", "busybox", "true")
    server = http.server.ThreadingHTTPServer((daemon.gateway, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        for service in ("a", "b"):
            project.write(f"FROM busybox\nRUN wget -qO- http://{daemon.gateway}:{server.server_port}/{service}\n", f"{service}/Dockerfile")
        project.write("services: {a: {build: ./a}, b: {build: ./b}}\n")
        project("build")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    berth("rmi", f"{name}-a", f"{name}-b")


def test_down_rmi(chat, berth, name, tmp_path):
    chat("up", "-d")
    chat("down", "--rmi", "local", "-t", "0")
    assert berth("images", "-q", f"{name}-front:0.1.0").out, "an image with a name of its own is not a local one"
    chat("up", "-d")
    # What others use stays, and that is said.
    berth("run", "-d", "--name", f"{name}-other", f"{name}-back:0.1.0")
    result = chat("down", "--rmi", "all", "-t", "0")
    assert re.search(rf"image {name}-back:0.1.0 is kept: .*container", result.text), result
    assert berth("images", "-q", f"{name}-front:0.1.0").out == "" and berth("images", "-q", f"{name}-back:0.1.0").out
    berth("rm", "-f", f"{name}-other")
    chat("down", "--rmi", "all")
    assert berth("images", "-q", f"{name}-back:0.1.0").out == ""
    assert "busybox" in berth("images").out


def test_containers_that_compose_did_not_make_are_left_alone(chat, berth, name):
    """They have the project's label from the image that Compose built."""
    chat("build", "my-back")
    berth("run", "-d", "--name", f"{name}-by-hand", f"{name}-back:0.1.0")
    assert f"{name}-by-hand" not in chat("ps", "-a").out
    chat("up", "-d", "--remove-orphans")
    for command in (["stop", "-t", "0"], ["kill"], ["down", "-t", "0"]):
        chat(*command)
        assert f"{name}-by-hand" in berth("ps", "--format", "{{.Names}}").lines, command


def test_down_names_who_holds_a_network(chat, berth, name):
    chat("up", "-d")
    berth("run", "-d", "--name", f"{name}-guest", "--network", f"{name}_default", "busybox", "sleep", "600")
    result = chat("down", "-t", "0")
    assert re.search(rf"network {name}_default is still in use by {name}-guest: remove or disconnect", result.text), result
    berth("rm", "-f", f"{name}-guest")
    chat("down")
    assert f"{name}_default" not in berth("network", "ls", "--format", "{{.Name}}").lines


def test_volumes_are_kept_and_order_is_reversed(project, berth, name):
    project.write("""
        services:
          front: {image: busybox, command: [sh, -c, "trap 'exit 0' TERM; sleep 600 & wait"], depends_on: [back]}
          back: {image: busybox, command: [sh, -c, "trap 'exit 0' TERM; sleep 600 & wait"], volumes: ["data:/data"]}
        volumes: {data: {}}
    """)
    project("up", "-d")
    text = project("down").text
    assert text.index(f"{name}-front-1  Removed") < text.index(f"{name}-back-1  Stopping")
    assert f"{name}_data" in berth("volume", "ls", "-q").lines
    project("down", "-v")


def test_v1_spelling(berth, daemon, tmp_path, name):
    """`docker-compose` and its `-v`; a link is all that it needs."""
    link = tmp_path / "docker-compose"
    link.symlink_to(berth.program)
    compose = daemon.client(link)
    assert re.match(r"Docker Compose version v?\d+\.\d+\.\d+", compose("-v").out)
    assert compose("--version").out == compose("-v").out
    assert re.match(r"Docker Compose version v?\d+", compose("version").out)
    assert re.fullmatch(r"v?\d+\.\d+\.\d+\S*\n", compose("version", "--short").out)
    (tmp_path / "docker-compose.yml").write_text("services: {a: {image: busybox, command: [echo, v1]}}\n")
    assert "| v1\n" in compose("-p", name, "up", cwd=tmp_path).out
    compose("-p", name, "down", cwd=tmp_path)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    with Registry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture
def team(project, berth, registry, name):
    """Two services that are built and have names in a registry, one that is only built, one that only comes from there."""
    project.write(f"""
        services:
          front:
            build: ./front
            image: {registry.host}/{name}/front:1
            command: [sleep, "600"]
            depends_on: [back]
          back:
            build: {{context: ./back, tags: ["{registry.host}/{name}/back:newest"]}}
            image: {registry.host}/{name}/back:1
            command: [sleep, "600"]
          only-built: {{build: ./back, command: [sleep, "600"]}}
          foreign: {{image: "{registry.host}/{name}/foreign:1", command: [sleep, "600"]}}
    """)
    for service in ("front", "back"):
        # The layer below is the same for both, and not the first one to be known.
        project.write(f"FROM busybox\nRUN echo {name} > /shared\nRUN echo {service} {name} > /own\n", f"{service}/Dockerfile")
    berth("tag", "busybox", f"{registry.host}/{name}/foreign:1")
    yield project
    images = berth("images", "--format", "{{.Repository}}:{{.Tag}}").lines
    berth.run("rmi", "-f", *[image for image in images if name in image])


def blobs(registry, *images: str) -> set[str]:
    """The digests of all that these images consist of."""
    manifests = [registry.manifest(*image.rsplit(":", 1)) for image in images]
    return {blob["digest"] for manifest in manifests for blob in [manifest["config"], *manifest["layers"]]}


def forget(berth, registry, name: str) -> None:
    images = berth("images", "--format", "{{.Repository}}:{{.Tag}}").lines
    berth("rmi", *[image for image in images if image.startswith(f"{registry.host}/{name}/")])


def test_push(team, registry, berth, name):
    team("build")
    before = len(registry.requests())
    text = team("push").text
    assert re.search(r"Service front +Pushed", text) and re.search(r"Service back +Pushed", text)
    assert "Service only-built  Skipped - No image name to push to" in text
    assert "Service foreign  Skipped - Image is not built here" in text
    assert registry.tags(f"{name}/front") == ["1"] and registry.tags(f"{name}/back") == ["1", "newest"]
    assert registry.tags(f"{name}/foreign") == []
    uploads = [r for r in registry.requests()[before:] if r.moves_blob and r.method == "PUT"]
    assert len(uploads) <= len(blobs(registry, f"{name}/front:1", f"{name}/back:1")), "shared layers go once"
    before = len(registry.requests())
    assert team("push", "-q").text == ""
    assert registry.blobs_moved(since=before) == 0


def test_push_one_service(team, registry, name):
    team("build")
    team("push", "front")
    assert (registry.tags(f"{name}/front"), registry.tags(f"{name}/back")) == (["1"], [])
    team("push", "--include-deps", "front")
    assert registry.tags(f"{name}/back") == ["1", "newest"]
    # Named, it goes, although it is not built here.
    team("push", "foreign")
    assert registry.tags(f"{name}/foreign") == ["1"]
    team.fails("push", "fornt", match='no such service: fornt; did you mean "front"', code=1)


def test_push_that_fails(team, registry, berth, name):
    team("build", "back")
    result = team.fails("push", match=f'cannot push image "{registry.host}/{name}/front:1" of service "front": ', code=1)
    assert registry.tags(f"{name}/back") == ["1", "newest"], "the others go all the same"
    result = team("push", "--ignore-push-failures")
    assert re.search('WARN: cannot push image .* of service "front"', result.err)


def test_pull(team, registry, berth, name):
    team("build")
    team("push", "front", "back", "foreign")
    forget(berth, registry, name)
    before = len(registry.requests())
    text = team("pull").text
    assert re.search(r"Service front +Pulled", text) and re.search(r"Service foreign +Pulled", text)
    assert "Service only-built  Skipped - No image to be pulled" in text
    moved = [r.path for r in registry.requests()[before:] if r.moves_blob]
    digests = [path.rsplit("/", 1)[1] for path in moved]
    assert len(digests) == len(set(digests)), "shared layers come once"
    images = berth("images", "--format", "{{.Repository}}:{{.Tag}}").lines
    assert {f"{registry.host}/{name}/{image}:1" for image in ("front", "back", "foreign")} <= set(images)

    forget(berth, registry, name)
    assert team("pull", "-q", "front").text == ""
    assert not berth("images", "-q", f"{registry.host}/{name}/back").out
    assert "Image is already present locally" in team("pull", "--policy", "missing", "--include-deps", "front").text
    assert berth("images", "-q", f"{registry.host}/{name}/back").out
    text = team("pull", "--ignore-buildable").text
    assert "Service front  Skipped - Image can be built" in text and re.search("Service foreign +Pulled", text)
    team.fails("pull", "--policy", "sometimes", match='must be "missing" or "always"')


def test_pulls_go_at_the_same_time(project, berth, registry, name):
    images = [f"{registry.host}/{name}/{service}:1" for service in "abc"]
    for image in images:
        berth("tag", "busybox", image)
        berth("push", image)
    berth("rmi", *images)
    with Gate(registry, len(images)) as gate:
        services = ", ".join(f"{service}: {{image: '{gate.host}/{name}/{service}:1'}}" for service in "abc")
        project.write(f"services: {{{services}}}\n")
        project("pull")
    berth("rmi", *[f"{gate.host}/{name}/{service}:1" for service in "abc"])


def test_pull_that_fails(team, registry, berth, name):
    berth("push", f"{registry.host}/{name}/foreign:1")
    forget(berth, registry, name)
    # What can be built need not be there to be pulled.
    result = team("pull")
    assert "some service images must be built from source by running: build" in result.text
    assert berth("images", "-q", f"{registry.host}/{name}/foreign").out
    team.write(f"services: {{a: {{image: '{registry.host}/{name}/nosuch:1'}}, b: {{image: '{registry.host}/{name}/foreign:1'}}}}\n")
    team.fails("pull", match=f'cannot pull image "{registry.host}/{name}/nosuch:1" of service "a": ', code=1)
    assert re.search('WARN: cannot pull image .* of service "a"', team("pull", "--ignore-pull-failures").err)
    team.fails("up", "-d", match="nosuch:1", code=1)


def test_up_pulls_what_is_missing(team, registry, berth, name):
    team("build")
    team("push", "front", "back", "foreign")
    forget(berth, registry, name)
    image = f"{registry.host}/{name}/foreign:1"
    team.write(f"services: {{a: {{image: '{image}', command: [sleep, '600']}}}}\n", "target.yml")
    text = team("-f", "target.yml", "up", "-d").text
    assert re.search("Service a +Pulled", text) and re.search("-a-1 +Started", text)
    before = berth("ps", "-q").out
    team("-f", "target.yml", "up", "-d", "--pull", "always", "--quiet-pull")
    assert berth("ps", "-q").out == before, "nothing new"
    # Somebody pushes another image under the name.
    berth("pull", f"{registry.host}/{name}/front:1")
    berth("tag", f"{registry.host}/{name}/front:1", image)
    berth("push", image)
    berth("tag", "busybox", image)
    team("-f", "target.yml", "up", "-d", "--pull", "always", "-t", "0")
    assert berth("ps", "-q").out != before
    assert berth("exec", f"{name}-a-1", "cat", "/own").out == f"front {name}\n"


def test_progress_on_a_terminal(team, registry, berth, name):
    berth("push", f"{registry.host}/{name}/foreign:1")
    forget(berth, registry, name)
    with berth.terminal("compose", "-p", name, "-f", str(team.folder / "docker-compose.yml"), "pull", "foreign") as terminal:
        terminal.expect(r"\[\+\] Pulling 0/1")
        terminal.expect(r"\[\+\] Pulling 1/1")
        terminal.expect("✔.*Service foreign.*Pulled")
        assert terminal.wait() == 0


def test_config(chat):
    out = chat("config").out
    assert "my-front:" in out and str(chat.folder / "front") in out


def test_project_name_is_the_folders(berth, tmp_path, name):
    folder = tmp_path / "My.App"
    folder.mkdir()
    (folder / "compose.yaml").write_text("services: {a: {image: busybox, command: sleep 60}}\n")
    berth("compose", "up", "-d", cwd=folder)
    assert "myapp-a-1" in berth("ps", "--format", "{{.Names}}").lines
    berth("compose", "down", "-t", "0", cwd=folder)


def untouched(berth, name: str) -> bool:
    """Nothing was made yet: no network, no container, no image."""
    networks = berth("network", "ls", "--format", "{{.Name}}").lines
    return names(berth, name) == [] and f"{name}_default" not in networks and not berth("images", "-q", f"{name}-*").out


def test_port_taken_by_a_process(chat, berth, port, name):
    with socket.socket() as owner:
        owner.bind(("", port))
        owner.listen()
        result = chat.fails("up", "-d", match=f"Bind for 0.0.0.0:{port} failed: port is already allocated")
    assert f"(pid {os.getpid()}" in result.text and re.search(r"publish another port such as \d+", result.text)
    assert untouched(berth, name)


def test_port_taken_by_a_container(chat, berth, port, name):
    """All ports are looked at before anything starts: also that of the service that would start last."""
    berth("run", "-d", "--name", f"{name}-owner", "-p", f"{port}:80", "busybox", "sleep", "600")
    chat.fails("up", "-d", match=f"port is already allocated.*\"my-front\" needs it.*held by container {name}-owner")
    assert untouched(berth, name)
    berth("rm", "-f", f"{name}-owner")
    chat("up", "-d")
    # Its own containers do not stand in a project's way.
    chat("up", "-d", "--force-recreate", "-t", "0")


def test_port_taken_by_another_project(chat, berth, port, name, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "compose.yml").write_text(f"services: {{web: {{image: busybox, command: sleep 600, ports: ['{port}:80']}}}}\n")
    berth("compose", "-p", f"{name}2", "up", "-d", cwd=other)
    chat.fails("up", "-d", match=f'held by container {name}2-web-1 of project "{name}2"')
    berth("compose", "-p", f"{name}2", "down", "-t", "0", cwd=other)


def test_missing_env_file_is_told_before_anything_starts(chat, berth, name):
    (chat.folder / "back/.env").unlink()
    chat.fails("up", "-d", match=r'service "my-back" mounts .*/back/\.env at /app/\.env, but it does not exist')
    assert untouched(berth, name) and not (chat.folder / "back/.env").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("services: {a: {image: busybox, comand: sleep 1}}", r"comand"),
        ("servces: {a: {image: busybox}}", r"servces"),
        ("services:\n  a: {image: busybox, depends_on: [b]}\n  b: {image: busybox, depends_on: [a]}", r"(?i)dependency cycle.*a.*b"),
        ("services: {a: {image: busybox, depends_on: [nobody]}}", r"nobody"),
        ("services: {a: {}}", r"(?i)\"?a\"?.*(image|build)"),
        ("services: {a: {image: busybox, networks: [nowhere]}}", r"nowhere"),
        ("services: {a: {image: busybox, volumes: ['nowhere:/x']}}", r"nowhere"),
        ("services: {a: {image: 'busybox:${TAG:?set TAG}'}}", r"set TAG"),
        ("services: {a: {image: busybox, ports: ['99999:80']}}", r"99999"),
        ("services:\n  a:\n image: busybox\n", r"(?i)yaml|line"),
        ("services: {a: {image: 'nosuch:1.0'}}", r"nosuch:1\.0"),
        ("services: {a: {image: busybox, volumes: ['./missing/.env:/app/.env:ro']}}", r"missing/\.env"),
        ("services: {a: {build: ./nowhere}}", r"nowhere"),
        ("services: {a: {image: busybox, command: [no-such-command]}}", r"no-such-command"),
    ],
)
def test_refused(project, berth, tmp_path, name, text, message):
    project.write(text)
    project.fails("up", "-d", match=message)
    assert not (tmp_path / "missing").exists()
    assert not berth("ps", "-q").out
    project.berth.run("compose", "-p", name, "down", cwd=tmp_path)


def test_no_file(berth, tmp_path):
    berth.fails("compose", "up", cwd=tmp_path, match="(?i)no configuration file|compose file")

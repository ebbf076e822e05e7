"""`berth compose`: a small project up and down, and the files that must be refused."""

import json
import re
import textwrap

import pytest

from harness.cli import eventually
from harness.net import fetch, free_port, page


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


def test_port_taken_by_a_process(chat, berth, port, name):
    import os
    import socket

    with socket.socket() as owner:
        owner.bind(("", port))
        owner.listen()
        result = chat.fails("up", "-d", match=str(port))
    assert str(os.getpid()) in result.text


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

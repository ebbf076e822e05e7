"""Clients that we did not write: the stock docker command and Docker's Python SDK."""

import io
import json
import tarfile

import docker.errors
import pytest


# The stock command.


def test_docker_version_and_info(docker):
    shown = json.loads(docker("version", "--format", "json").out)
    assert shown["Server"]["ApiVersion"] and shown["Server"]["Os"] == "linux"
    info = json.loads(docker("info", "--format", "json").out)
    assert info["OSType"] == "linux" and info["ServerVersion"] and not info.get("ServerErrors")


def test_docker_images(docker):
    assert "busybox" in docker("images").out
    assert docker("images", "-q", "busybox").out.strip()


def test_docker_run(docker):
    assert docker("run", "--rm", "busybox", "echo", "hello").out == "hello\n"
    docker("run", "--rm", "busybox", "sh", "-c", "exit 7", code=7)
    assert docker("run", "--rm", "-i", "busybox", "cat", input="through\n" * 10_000).out == "through\n" * 10_000
    docker.fails("run", "--rm", "busybox", "no-such-command", code=127, match="executable file not found")


def test_docker_run_on_a_terminal(docker):
    with docker.terminal("run", "--rm", "-it", "busybox", "sh", rows=33, columns=99) as terminal:
        terminal.expect("# ")
        terminal.send("stty size; exit 3\n")
        terminal.expect("33 99\r\n")
        assert terminal.wait() == 3


def test_docker_life_of_a_container(docker, name):
    docker("run", "-d", "--name", name, "busybox", "sh", "-c", "echo started; sleep 600")
    assert name in docker("ps").out
    assert docker("logs", name).out == "started\n"
    assert docker("exec", name, "echo", "in").out == "in\n"
    docker("exec", name, "sh", "-c", "exit 5", code=5)
    docker.fails("exec", name, "/bin/bash", match='failed to exec in container: exec: "/bin/bash": .*no such file or directory', code=127)
    docker.fails("exec", name, "/etc/passwd", match="(?i)permission denied", code=126)
    with docker.terminal("exec", "-it", name, "sh") as terminal:
        terminal.expect("# ")
        terminal.send("exit 2\n")
        assert terminal.wait() == 2
    docker.fails("rm", name, match="(?i)stop the container before")
    docker("stop", "-t", "0", name)
    docker("start", name)
    docker("restart", "-t", "0", name)
    docker("rm", "-f", name)
    assert name not in docker("ps", "-a").out


def test_docker_inspect(docker, name):
    docker("create", "--name", name, "-p", "80", "-e", "A=1", "busybox")
    assert docker("inspect", "-f", "{{.State.Status}} {{.Name}}", name).out == f"created /{name}\n"
    docker.fails("inspect", "no-such-thing", match="(?i)no such object")


def test_docker_save_load_tag_rmi(docker, name, tmp_path):
    docker("tag", "busybox", f"{name}:1")
    docker("save", "-o", str(tmp_path / "i.tar"), f"{name}:1")
    docker("rmi", f"{name}:1")
    assert docker("load", "-i", str(tmp_path / "i.tar")).out.strip() == f"Loaded image: {name}:1"
    docker("rmi", f"{name}:1")


def test_docker_networks_and_volumes(docker, name):
    docker("network", "create", f"{name}-net")
    docker("volume", "create", f"{name}-vol")
    docker("run", "-d", "--name", name, "--network", f"{name}-net", "-v", f"{name}-vol:/data", "busybox", "sleep", "60")
    assert docker("exec", name, "ping", "-c", "1", "-W", "3", name).out
    docker("rm", "-f", name)
    docker("volume", "rm", f"{name}-vol")
    docker("network", "rm", f"{name}-net")


def test_docker_classic_build(docker, name, tmp_path):
    (tmp_path / "Dockerfile").write_text('FROM busybox\nCOPY f /f\nRUN cat /f > /g\nCMD ["cat", "/g"]\n')
    (tmp_path / "f").write_text("classic\n")
    docker("build", "-t", name, str(tmp_path))
    assert docker("run", "--rm", name).out == "classic\n"
    docker("rmi", name)


def test_docker_attach_by_hand(docker, name):
    docker("run", "-d", "-i", "--name", name, "busybox", "cat")
    with docker.terminal("attach", "--sig-proxy=false", name) as terminal:
        terminal.send("hello\n")
        terminal.expect("hello\r\n")


# The SDK.


def test_sdk_run(sdk):
    assert sdk.containers.run("busybox", ["echo", "hello"], remove=True) == b"hello\n"
    with pytest.raises(docker.errors.ContainerError) as failure:
        sdk.containers.run("busybox", ["sh", "-c", "echo why >&2; exit 3"], remove=True)
    assert failure.value.exit_status == 3 and b"why" in failure.value.stderr


def test_sdk_errors_have_their_classes(sdk, name):
    with pytest.raises(docker.errors.NotFound):
        sdk.containers.get("no-such-container")
    with pytest.raises(docker.errors.ImageNotFound):
        sdk.containers.create("nosuch:1")
    sdk.containers.create("busybox", name=name)
    with pytest.raises(docker.errors.APIError) as conflict:
        sdk.containers.create("busybox", name=name)
    assert conflict.value.status_code == 409


def test_sdk_life_of_a_container(sdk, name):
    container = sdk.containers.run("busybox", ["sh", "-c", "echo one; sleep 600"], name=name, detach=True, mem_limit="64m", labels={"a": "b"})
    assert sdk.containers.list(filters={"label": "a=b"}) == [container]
    assert container.exec_run(["sh", "-c", "echo out; echo err >&2; exit 4"], demux=True) == (4, (b"out\n", b"err\n"))
    assert container.logs() == b"one\n"
    container.stop(timeout=0)
    assert container.wait()["StatusCode"] == 137
    container.reload()
    assert container.status == "exited"
    container.remove()


def test_sdk_exec_socket_carries_stdin(sdk, name):
    container = sdk.containers.run("busybox", ["sleep", "600"], name=name, detach=True)
    created = sdk.api.exec_create(container.id, ["wc", "-c"], stdin=True)
    stream = sdk.api.exec_start(created["Id"], socket=True)
    raw = getattr(stream, "_sock", stream)
    raw.sendall(b"x" * 1000)
    raw.shutdown(1)
    data = b""
    while chunk := raw.recv(4096):
        data += chunk
    assert data[:1] == b"\x01" and data[8:].strip() == b"1000"


def test_sdk_build(sdk, name):
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        for path, text in {"Dockerfile": "FROM busybox\nCOPY f /f\nRUN cat /f\n", "f": "from the sdk\n"}.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    context.seek(0)
    image, log = sdk.images.build(fileobj=context, custom_context=True, tag=name)
    assert "from the sdk" in "".join(entry.get("stream", "") for entry in log)
    assert f"{name}:latest" in image.tags
    sdk.images.remove(name)
    context.seek(0)
    broken = io.BytesIO()
    with tarfile.open(fileobj=broken, mode="w") as tar:
        entry = tarfile.TarInfo("Dockerfile")
        text = b"FROM busybox\nRUN exit 9\n"
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    broken.seek(0)
    with pytest.raises(docker.errors.BuildError):
        sdk.images.build(fileobj=broken, custom_context=True)


def test_sdk_events(sdk, name):
    events = sdk.events(decode=True, filters={"container": name})
    sdk.containers.run("busybox", ["true"], name=name, remove=True)
    seen = []
    for event in events:
        seen.append(event["Action"])
        if event["Action"] == "destroy":
            break
    events.close()
    assert [action for action in seen if action in ("create", "start", "die", "destroy")] == ["create", "start", "die", "destroy"]


def test_sdk_files(sdk, name):
    container = sdk.containers.run("busybox", ["sleep", "600"], name=name, detach=True)
    chunks, stat = container.get_archive("/www/index.html")
    assert stat["name"] == "index.html"
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        assert tar.extractfile("index.html").read() == b"hello from busybox\n"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("put")
        entry.size = 3
        tar.addfile(entry, io.BytesIO(b"in\n"))
    container.put_archive("/tmp", packed.getvalue())
    assert container.exec_run(["cat", "/tmp/put"]).output == b"in\n"


def test_sdk_old_api_version(daemon, busybox):
    import docker as docker_sdk

    client = docker_sdk.DockerClient(base_url=daemon.host, version="1.41")
    assert client.containers.run("busybox", ["echo", "old"], remove=True) == b"old\n"
    client.close()

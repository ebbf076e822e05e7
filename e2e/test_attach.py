"""Attached clients: several at once, ones that do not read, replay, detach keys, WebSocket."""

import asyncio
import socket
import struct
import threading
import time

import aiodocker
import docker.errors as docker_errors
import pytest

from harness.cli import eventually

COUNTER = "i=0; while [ $i -lt {n} ]; do echo line-$i; i=$((i+1)); usleep 2000; done"


def raw(stream) -> socket.socket:
    return getattr(stream, "_sock", stream)


def read_all(connection: socket.socket, timeout: float = 20) -> bytes:
    connection.settimeout(timeout)
    data = b""
    while chunk := connection.recv(65536):
        data += chunk
    return data


def frames(data: bytes):
    """(stream, payload) of each of Docker's frames."""
    while data:
        kind, length = struct.unpack(">BxxxI", data[:8])
        assert kind in (1, 2), data[:20]
        yield kind, data[8:8 + length]
        data = data[8 + length:]


def output(data: bytes) -> bytes:
    return b"".join(payload for _, payload in frames(data))


def attach(sdk, container, **params) -> socket.socket:
    return raw(sdk.api.attach_socket(container.id, params={"stream": 1, "stdout": 1, "stderr": 1, **params}))


def test_a_client_that_does_not_read_does_not_stop_the_container(sdk, docker, name):
    script = "read go; head -c 12000000 /dev/zero | tr '\\0' x | fold -w 99; echo; echo end; sleep 600"
    container = sdk.containers.create("busybox", ["sh", "-c", script], name=name, stdin_open=True)
    container.start()
    sleeper = attach(sdk, container, stdin=1)
    other = attach(sdk, container)
    received = bytearray()

    def read_other():
        while chunk := other.recv(65536):
            received.extend(chunk)

    reader = threading.Thread(target=read_other)
    reader.start()
    sleeper.sendall(b"go\n")
    eventually(lambda: docker("logs", "--tail", "1", name).out == "end\n", timeout=20)
    # The one that reads has all of it.
    eventually(lambda: bytes(received).endswith(b"end\n"))
    text = output(bytes(received))
    assert text.count(b"x") == 12_000_000
    # Who comes back is told what was left out, in a frame like any other.
    data = b""
    sleeper.settimeout(10)
    while b"the log has them" not in data[-200:]:
        data += sleeper.recv(65536)
    assert b"bytes were not shown" in list(frames(data))[-1][1]
    assert len(data) < 12_000_000
    container.kill()
    reader.join(10)
    sleeper.close()
    other.close()


def test_logs_and_stream_join_without_gap(sdk, name):
    count = 400
    container = sdk.containers.run("busybox", ["sh", "-c", COUNTER.format(n=count)], name=name, detach=True)
    time.sleep(0.3)
    connections = [attach(sdk, container, logs=1) for _ in range(3)]
    expected = "".join(f"line-{number}\n" for number in range(count)).encode()
    for connection in connections:
        assert output(read_all(connection)) == expected
        connection.close()


def test_logs_without_stream_end(sdk, name):
    container = sdk.containers.run("busybox", ["sh", "-c", "echo out; echo err >&2; sleep 600"], name=name, detach=True)
    eventually(lambda: len(container.logs()) == 8)
    assert container.attach(stdout=True, stderr=True, stream=False, logs=True) == b"out\nerr\n"
    assert container.attach(stdout=True, stderr=False, stream=False, logs=True) == b"out\n"
    assert container.attach(stdout=True, stderr=True, stream=False, logs=False) == b""
    # A line without an end is there too.
    prompt = sdk.containers.run("busybox", ["sh", "-c", "printf prompt; sleep 600"], name=f"{name}-p", detach=True)
    time.sleep(0.2)
    connection = attach(sdk, prompt, logs=1)
    connection.settimeout(5)
    assert output(connection.recv(100)) == b"prompt"
    connection.close()


def test_half_close_ends_the_programs_input(sdk, name):
    container = sdk.containers.create("busybox", ["wc", "-c"], name=name, stdin_open=True)
    connection = attach(sdk, container, stdin=1)
    container.start()
    connection.sendall(b"12345")
    connection.shutdown(socket.SHUT_WR)
    assert output(read_all(connection)).strip() == b"5"
    connection.close()


def test_detach_keys_of_the_api(sdk, docker, name):
    container = sdk.containers.run("busybox", ["cat"], name=name, detach=True, tty=True, stdin_open=True)
    start = time.time()
    connection = attach(sdk, container, stdin=1, detachKeys="ctrl-x,y")
    connection.sendall(b"a\x18b\n")
    connection.settimeout(5)
    seen = b""
    while b"\x18b\r\n" not in seen:
        seen += connection.recv(100)
    connection.sendall(b"\x18")
    connection.sendall(b"y")
    read_all(connection)
    container.reload()
    assert container.status == "running"
    detach = docker("events", "--since", f"{start:.6f}", "--until", f"{time.time():.6f}", "--filter", "event=detach", "--format", "{{.Actor.Attributes.name}}")
    assert detach.lines == [name]
    # The standard keys, of an exec too; nothing of them reaches the program.
    created = sdk.api.exec_create(container.id, ["cat"], stdin=True, tty=True)
    exec_connection = raw(sdk.api.exec_start(created["Id"], tty=True, socket=True))
    exec_connection.sendall(b"\x10\x11")
    read_all(exec_connection)
    assert sdk.api.exec_inspect(created["Id"])["Running"]
    with pytest.raises(docker_errors.APIError) as failure:
        attach(sdk, container, detachKeys="ctrl-$$")
    assert failure.value.status_code == 400 and "detach keys" in failure.value.explanation


def test_detach_by_the_stock_client(docker, name):
    docker("run", "-dit", "--name", name, "busybox", "sh")
    with docker.terminal("attach", "--detach-keys", "ctrl-a,d", name) as terminal:
        terminal.send("echo it-$((1+1))\n")
        terminal.expect("it-2\r\n")
        terminal.send("\x01d")
        terminal.wait()
    assert docker("inspect", "-f", "{{.State.Running}}", name).out == "true\n"
    with docker.terminal("attach", name) as terminal:
        terminal.send("exit 4\n")
        assert terminal.wait() == 4


def test_resize(sdk, name):
    container = sdk.containers.run("busybox", ["sh"], name=name, detach=True, tty=True, stdin_open=True)
    container.resize(height=41, width=123)
    connection = attach(sdk, container, stdin=1)
    connection.sendall(b"stty size\n")
    connection.settimeout(5)
    seen = b""
    while b"41 123\r\n" not in seen:
        seen += connection.recv(1000)
    connection.close()


def test_websocket(daemon, busybox, sdk, name):
    """Raw bytes in binary frames, both ways; what was written before comes first."""

    async def scenario():
        async with aiodocker.Docker(url=daemon.host) as client:
            container = await client.containers.create(
                {"Image": "busybox", "Cmd": ["sh", "-c", "echo before; cat"], "OpenStdin": True}, name=name
            )
            await container.start()
            await asyncio.sleep(0.2)
            socket = await container.websocket(stdin=True, stdout=True, stderr=True, stream=True, logs=True)
            seen = b""
            while seen != b"before\n":
                seen += await asyncio.wait_for(socket.receive_bytes(), 5)
            await socket.send_bytes(b"x" * 100_000 + b"\n")
            seen = b""
            while len(seen) < 100_001:
                seen += await asyncio.wait_for(socket.receive_bytes(), 5)
            assert seen == b"x" * 100_000 + b"\n"
            await socket.send_str("as text\n")
            assert await asyncio.wait_for(socket.receive_bytes(), 5) == b"as text\n"
            await socket.ping()
            await container.kill()
            ended = await asyncio.wait_for(socket.receive(), 5)
            assert ended.type.name in ("CLOSE", "CLOSING", "CLOSED"), ended
            await container.delete()

    asyncio.run(scenario())


def test_websocket_that_is_none(daemon, busybox, sdk, name):
    container = sdk.containers.create("busybox", ["true"], name=name)
    answer = sdk.api.get(sdk.api._url("/containers/{0}/attach/ws", container.id))
    assert answer.status_code == 400 and "WebSocket" in answer.json()["message"]

"""Libraries that stand on Docker: python-on-whales and Testcontainers, unmodified."""

import pytest
from python_on_whales import DockerClient, exceptions

from harness.net import page


@pytest.fixture
def whales(daemon, busybox):
    return DockerClient(host=daemon.host)


def test_python_on_whales(whales, name, tmp_path):
    assert whales.run("busybox", ["echo", "hello"], remove=True) == "hello"
    with pytest.raises(exceptions.DockerException) as failure:
        whales.run("busybox", ["sh", "-c", "exit 3"], remove=True)
    assert failure.value.return_code == 3
    network = whales.network.create(f"{name}-net")
    volume = whales.volume.create(f"{name}-vol", labels={"kind": "test"})
    container = whales.run(
        "busybox", ["sh", "-c", "echo started; sleep 600"], name=name, detach=True, networks=[network], volumes=[(volume, "/v")],
        memory="64m", envs={"A": "1"}, labels={"b": "2"}, health_cmd="true", init=True,
    )
    assert container.state.running and container.host_config.memory == 64 << 20 and container.config.labels == {"b": "2"}
    assert container.execute(["sh", "-c", "echo $A > /v/f; cat /v/f"]) == "1"
    assert container.logs() == "started\n"
    (tmp_path / "up").write_text("copied\n")
    whales.copy(tmp_path / "up", (container, "/tmp/up"))
    assert container.execute(["cat", "/tmp/up"]) == "copied"
    whales.copy((container, "/v/f"), tmp_path / "down")
    assert (tmp_path / "down").read_text() == "1\n"
    assert [entry.container_name for entry in whales.stats(container)] == [name]
    whales.container.update(container, memory="96m", memory_swap="96m")
    container.pause()
    container.reload()
    assert container.state.paused
    container.unpause()
    image = container.commit(f"{name}:made")
    assert image.repo_tags == [f"{name}:made"]
    container.stop(time=0)
    container.remove(volumes=True)
    image.remove()
    volume.remove()
    network.remove()
    assert whales.system.info().server_version and whales.system.disk_free().images.total_count >= 1


def test_testcontainers(daemon, busybox, sdk, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", daemon.host)
    monkeypatch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
    monkeypatch.setenv("HOME", str(daemon.root))
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.network import Network
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)
    server = DockerContainer("busybox").with_command(["sh", "-c", "echo ready; exec httpd -f -p 80 -h /www"]).with_exposed_ports(80).with_env("A", "b").waiting_for(LogMessageWaitStrategy("ready"))
    with Network() as network:
        server.with_network(network).with_network_aliases("web")
        with server:
            assert page("localhost", int(server.get_exposed_port(80))) == "hello from busybox\n"
            result = server.exec(["sh", "-c", "echo $A; wget -qO- http://web/"])
            assert (result.exit_code, result.output) == (0, b"b\nhello from busybox\n")
            assert server.get_logs()[0].startswith(b"ready\n")
            mounted = DockerContainer("busybox").with_network(network).with_command("sleep 60").with_volume_mapping("/etc", "/host", "ro")
            with mounted:
                assert mounted.exec("wget -qO- http://web/").output == b"hello from busybox\n"
                assert mounted.exec("touch /host/x").exit_code == 1
    assert sdk.containers.list(all=True) == []

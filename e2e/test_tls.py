"""The API over TCP: mutual TLS by the stock client and the SDK, and how it refuses without."""

import shutil
import socket
import subprocess

import docker as docker_sdk
import pytest
import requests.exceptions

from harness.daemon import BINARIES, Daemon
from harness.net import free_port


class TcpDaemon(Daemon):
    def __init__(self, *more: str, settings: dict | None = None):
        super().__init__(settings)
        self.more = more

    def flags(self) -> list[str]:
        return [*super().flags(), *self.more]


def openssl(*args, folder):
    subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=folder)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority, a server and a client that it knows, and a client of another authority."""
    folder = tmp_path_factory.mktemp("tls")
    for authority in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={authority}", "-keyout", f"{authority}-key.pem", "-out", f"{authority}.pem", folder=folder)
    (folder / "server.ext").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n")
    (folder / "client.ext").write_text("extendedKeyUsage=clientAuth\n")
    for name, authority, extensions in (("server", "ca", "server"), ("client", "ca", "client"), ("stranger", "other", "client")):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}-key.pem", "-out", f"{name}.csr", folder=folder)
        openssl("x509", "-req", "-days", "2", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}-key.pem", "-CAcreateserial", "-extfile", f"{extensions}.ext", "-out", f"{name}.pem", folder=folder)
    return folder


@pytest.fixture(scope="module")
def tls_daemon(certificates, rootfs):
    port = free_port()
    daemon = TcpDaemon(
        f"--host=tcp://127.0.0.1:{port}", "--tlsverify", f"--tlscacert={certificates}/ca.pem",
        f"--tlscert={certificates}/server.pem", f"--tlskey={certificates}/server-key.pem",
    )
    daemon.port = port
    with daemon.running():
        daemon.berth("import", "--change", 'CMD ["sh"]', "-", "busybox:latest", input=rootfs)
        yield daemon


@pytest.fixture
def remote(tls_daemon, certificates):
    """The stock client over TLS, with this certificate."""
    def client(name: str = "client", *more: str):
        cli = tls_daemon.client(shutil.which("docker"), DOCKER_HOST=f"tcp://127.0.0.1:{tls_daemon.port}")
        flags = ["--tlsverify", f"--tlscacert={certificates}/ca.pem", f"--tlscert={certificates}/{name}.pem", f"--tlskey={certificates}/{name}-key.pem"]
        return lambda *args, **options: cli.run(*flags, *more, *args, **options)

    return client


def test_mutual_tls_with_the_stock_client(remote):
    docker = remote()
    assert docker("version", "--format", "{{.Server.Os}}").out == "linux\n"
    assert docker("run", "--rm", "busybox", "echo", "over tls").out == "over tls\n"
    # Streams, their half-close, and more than fits into any buffer.
    assert docker("run", "--rm", "-i", "busybox", "wc", "-c", input="x" * 3_000_000).out == "3000000\n"
    assert len(docker("run", "--rm", "busybox", "head", "-c", "5000000", "/dev/zero").out) == 5_000_000
    assert docker("run", "--rm", "busybox", "sh", "-c", "exit 9").code == 9
    docker("run", "-d", "--name", "t1", "busybox", "sleep", "600")
    assert docker("exec", "-i", "t1", "cat", input="in and out").out == "in and out"
    docker("rm", "-f", "t1")


def test_who_is_not_known_is_refused(remote, tls_daemon):
    result = remote("stranger")("version")
    assert result.code != 0 and "unknown certificate authority" in result.err, result
    with socket.create_connection(("127.0.0.1", tls_daemon.port)) as plain:
        plain.sendall(b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP/1.1 200" not in plain.recv(1000)
    assert tls_daemon.answers()


def test_the_sdk_over_tls(tls_daemon, certificates, monkeypatch):
    # What is set for the host would be taken instead of ours.
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    known = docker_sdk.tls.TLSConfig(client_cert=(f"{certificates}/client.pem", f"{certificates}/client-key.pem"), ca_cert=f"{certificates}/ca.pem", verify=True)
    client = docker_sdk.DockerClient(base_url=f"tcp://127.0.0.1:{tls_daemon.port}", tls=known, timeout=20)
    assert client.containers.run("busybox", ["echo", "sdk"], remove=True) == b"sdk\n"
    container = client.containers.run("busybox", ["sh", "-c", "echo one; sleep 600"], detach=True)
    assert container.exec_run(["echo", "two"]).output == b"two\n"
    assert next(container.logs(stream=True, follow=True)) == b"one\n"
    container.remove(force=True)
    client.close()
    nobody = docker_sdk.tls.TLSConfig(ca_cert=f"{certificates}/ca.pem", verify=True)
    with pytest.raises((docker_sdk.errors.DockerException, requests.exceptions.RequestException)):
        docker_sdk.DockerClient(base_url=f"tcp://127.0.0.1:{tls_daemon.port}", tls=nobody, version="1.47", timeout=5).ping()


def refused(daemon: Daemon) -> str:
    done = subprocess.run([BINARIES / "berthd", *daemon.flags()], capture_output=True, text=True, timeout=20)
    assert done.returncode != 0
    return done.stderr


def test_plain_tcp_must_be_asked_for(certificates):
    port = free_port()
    daemon = TcpDaemon(f"--host=tcp://127.0.0.1:{port}")
    assert "would be root on this host" in refused(daemon)
    daemon.more = (f"--host=tcp://127.0.0.1:{port}", "--tlsverify")
    assert "--tlscert and --tlskey" in refused(daemon)
    daemon.more = (f"--host=tcp://127.0.0.1:{port}", "--tlsverify", f"--tlscert={certificates}/nosuch.pem", f"--tlskey={certificates}/server-key.pem", f"--tlscacert={certificates}/ca.pem")
    assert f"could not load the certificate {certificates}/nosuch.pem" in refused(daemon)
    daemon.more = (f"--host=tcp://127.0.0.1:{port}", "--tls=false")
    with daemon.running():
        client = docker_sdk.DockerClient(base_url=f"tcp://127.0.0.1:{port}", timeout=10)
        assert client.ping()
        assert any("without encryption" in warning for warning in client.info()["Warnings"])
        client.close()
        assert "access to the remote API is equivalent to root access" in daemon.tail()


def test_wrong_settings_are_told(tmp_path):
    for settings, text in (({"log-driver": "nosuch"}, "no log driver named 'nosuch'"), ({"log-opts": {"max-sise": "1m"}}, "unknown log opt 'max-sise'"), ({"initt": True}, "unknown setting initt")):
        daemon = Daemon(settings)
        assert text in refused(daemon)
        shutil.rmtree(daemon.root)


def test_log_options_as_settings(rootfs):
    with Daemon({"log-driver": "local", "log-opts": {"max-size": "20k", "max-file": "2"}}).running() as daemon:
        daemon.berth("import", "--change", 'CMD ["sh"]', "-", "busybox:latest", input=rootfs)
        daemon.berth("run", "--name", "logs", "busybox", "sh", "-c", "i=0; while [ $i -lt 1000 ]; do echo a-rather-long-line-$i; i=$((i+1)); done")
        shown = daemon.berth("logs", "logs").lines
        assert shown[-1] == "a-rather-long-line-999" and 100 < len(shown) < 1000
        assert daemon.berth("inspect", "-f", "{{.HostConfig.LogConfig.Type}}", "logs").out == "local\n"
        daemon.berth("rm", "logs")


def test_init_as_a_setting(rootfs):
    with Daemon({"init": True}).running() as daemon:
        daemon.berth("import", "--change", 'CMD ["sh"]', "-", "busybox:latest", input=rootfs)
        assert "docker-init" in daemon.berth("run", "--rm", "busybox", "cat", "/proc/1/comm").out
        assert daemon.berth("run", "--rm", "--init=false", "busybox", "cat", "/proc/1/comm").out == "cat\n"

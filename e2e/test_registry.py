"""Images to and from real registries."""

import hashlib
import io
import json
import os
import signal
import subprocess
import tarfile
import time

import pytest

from harness.cli import eventually
from harness.cut import Cut, random_limits
from harness.daemon import Daemon
from harness.images import add
from harness.registry import PASSWORD, USER, Registry


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    with Registry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture
def image(berth, registry, rootfs, name):
    """An image of its own that only the registry has, as NAME:1."""
    full = f"{registry.host}/{name}:1"
    berth("load", input=archive(full, [rootfs, one_file("mark", name.encode())]))
    berth("push", full)
    berth("rmi", full)
    yield full
    berth.run("rmi", "-f", full)


@pytest.fixture
def big(berth, registry, name):
    """4 layers of 3 MB each that do not compress, only in the registry."""
    full = f"{registry.host}/{name}:big"
    berth("load", input=archive(full, [one_file(f"{n}.bin", os.urandom(3_000_000)) for n in range(4)]))
    berth("push", full)
    berth("rmi", full)
    yield full
    berth.run("rmi", "-f", full)


def one_file(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        add(tar, name, data)
    return buffer.getvalue()


def archive(name: str, layers: list[bytes]) -> bytes:
    """As `docker save` writes it."""
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]},
    }).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for n, layer in enumerate(layers):
            add(tar, f"{n}/layer.tar", layer)
        add(tar, "config.json", config)
        manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": [f"{n}/layer.tar" for n in range(len(layers))]}]
        add(tar, "manifest.json", json.dumps(manifest).encode())
    return buffer.getvalue()


def digests(berth, image: str) -> list[str]:
    return json.loads(berth("inspect", "--type", "image", image).out)[0]["RepoDigests"]


class TestPullAndPush:
    def test_round_trip_keeps_digest_and_runs(self, berth, image):
        out = berth("pull", image).out
        assert "Pull complete" in out and f"Status: Downloaded newer image for {image}" in out
        digest = [line for line in out.splitlines() if line.startswith("Digest: ")][0].removeprefix("Digest: ")
        assert digests(berth, image) == [f"{image.removesuffix(':1')}@{digest}"]
        assert berth("run", "--rm", image, "cat", "/www/index.html").out == "hello from busybox\n"
        assert f"Status: Image is up to date for {image}" in berth("pull", image).out
        berth("rmi", image)

    def test_by_digest(self, berth, image):
        repository = image.removesuffix(":1")
        berth("pull", image)
        by_digest = digests(berth, image)[0]
        berth("rmi", image)
        berth.fails("inspect", "--type", "image", by_digest, match="No such image")
        berth("pull", by_digest)
        assert berth("images", "--digests", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}", repository).out == (
            f"{repository} <none> {by_digest.split('@')[1]}\n"
        )
        berth("image", "prune", "-f")
        assert berth("run", "--rm", by_digest, "echo", "still here").out == "still here\n"
        assert f"Untagged: {by_digest}" in berth("rmi", by_digest).out

    def test_every_tag(self, berth, registry, name):
        repository = f"{registry.host}/{name}"
        for tag in ("a", "b", "c"):
            berth("tag", "busybox", f"{repository}:{tag}")
        berth("push", "-a", repository)
        assert registry.tags(name) == ["a", "b", "c"]
        berth("rmi", *[f"{repository}:{tag}" for tag in ("a", "b", "c")])
        berth("pull", "-a", repository)
        assert sorted(berth("images", "--format", "{{.Tag}}", repository).lines) == ["a", "b", "c"]
        berth("rmi", *[f"{repository}:{tag}" for tag in ("a", "b", "c")])

    def test_run_pulls_what_is_absent(self, berth, image):
        result = berth("run", "--rm", image, "echo", "hi")
        assert result.out == "hi\n" and "Unable to find image" in result.err
        berth("rmi", image)

    def test_nothing_is_sent_twice(self, berth, registry, image, name):
        berth("pull", image)
        before = len(registry.requests())
        assert "Layer already exists" in berth("push", image).out
        assert registry.blobs_moved(before) == 0
        # Another repository of the same registry takes the layer over from this one.
        other = f"{registry.host}/{name}-other:1"
        berth("tag", image, other)
        assert f"Mounted from {name}" in berth("push", other).out
        berth("rmi", image, other)

    def test_what_is_not_there(self, berth, registry, image):
        berth.fails("pull", f"{image}x", match="manifest for .*:1x not found: manifest unknown", code=1)
        berth.fails("pull", f"{registry.host}/nobody/has-this", match="not found", code=1)
        berth.fails("push", f"{registry.host}/nobody/has-this", match="does not exist locally with the tag", code=1)
        berth.fails("push", "busybox@sha256:" + "0" * 64, match="cannot push a digest", code=1)
        berth.fails("pull", "upper/Case", match="must be lowercase", code=1)

    def test_nobody_listens(self, berth):
        berth.fails("pull", "localhost:1/a/b", match="cannot reach the registry localhost:1: connection refused", code=1)
        berth.fails("login", "-u", "a", "-p", "b", "localhost:1", match="localhost:1.*connection refused", code=1)

    def test_from_pulls(self, berth, image, name, tmp_path):
        (tmp_path / "Dockerfile").write_text(f"FROM {image}\nRUN echo built > /built\n")
        berth("build", "-q", "-t", name, tmp_path)
        assert berth("run", "--rm", name, "cat", "/built").out == "built\n"
        berth("rmi", name, image)

    def test_a_client_that_goes_cancels(self, daemon, berth, registry, big):
        with Cut(registry.port, []) as slow:
            name = big.replace(registry.host, slow.host)
            pull = berth.start("pull", name)
            pull.send_signal(signal.SIGINT)
            pull.wait(10)
        assert berth("images", "-q", name.removesuffix(":big")).out == ""


class TestIndexes:
    @pytest.fixture
    def index(self, berth, registry, image, name):
        """Two platforms under one tag; the other one's layer holds another file."""
        repository = f"{name}-index"
        ours = registry.manifest(name, "1")
        config = {
            "architecture": "riscv64", "os": "linux", "config": {"Cmd": ["none"]},
            "rootfs": {"type": "layers", "diff_ids": []}, "history": [],
        }
        manifests = []
        for platform, manifest in (("amd64", ours), ("riscv64", None)):
            if manifest is None:
                digest, size = put_blob(registry, repository, json.dumps(config).encode())
                manifest = {**ours, "layers": [], "config": {**ours["config"], "digest": digest, "size": size}}
            else:
                for part in [manifest["config"], *manifest["layers"]]:
                    mount_blob(registry, repository, part["digest"], name)
            digest, size = put_manifest(registry, repository, None, manifest, ours["mediaType"])
            manifests.append({
                "mediaType": ours["mediaType"], "digest": digest, "size": size,
                "platform": {"os": "linux", "architecture": platform},
            })
        kind = "application/vnd.oci.image.index.v1+json"
        put_manifest(registry, repository, "all", {"schemaVersion": 2, "mediaType": kind, "manifests": manifests}, kind)
        full = f"{registry.host}/{repository}:all"
        yield full
        berth.run("rmi", full)

    def test_ours_is_chosen_and_the_index_named(self, berth, index):
        out = berth("pull", index).out
        digest = [line for line in out.splitlines() if line.startswith("Digest: ")][0].removeprefix("Digest: ")
        assert digests(berth, index) == [f"{index.removesuffix(':all')}@{digest}"]
        assert berth("inspect", "-f", "{{.Architecture}}", index).out == "amd64\n"
        assert "up to date" in berth("pull", index).out
        assert berth("run", "--rm", f"{index.removesuffix(':all')}@{digest}", "echo", "yes").out == "yes\n"

    def test_another_by_name(self, berth, index):
        berth("pull", "--platform", "linux/riscv64", index)
        assert berth("inspect", "-f", "{{.Architecture}}", index).out == "riscv64\n"
        berth.fails("pull", "--platform", "linux/s390x", index, match="no matching manifest for linux/s390x.*linux/amd64")

    def test_distribution_inspect(self, sdk, index):
        data = sdk.images.get_registry_data(index)
        assert {p["architecture"] for p in data.attrs["Platforms"]} == {"amd64", "riscv64"}
        assert data.has_platform("linux/amd64")


class TestCredentials:
    @pytest.fixture(params=["basic", "token"])
    def closed(self, request, tmp_path):
        with Registry(tmp_path / "closed", auth=request.param) as registry:
            yield registry

    def test_login_push_pull_logout(self, berth, closed, name):
        full = f"{closed.host}/{name}:1"
        berth("tag", "busybox", full)
        berth.fails("push", full, match="denied|no basic auth credentials", code=1)
        berth.fails("login", "-u", USER, "--password-stdin", closed.host, input="wrong", match="unauthorized|401", code=1)
        assert "Login Succeeded" in berth("login", "-u", USER, "--password-stdin", closed.host, input=PASSWORD).out
        berth("push", full)
        berth("rmi", full)
        berth("pull", full)
        berth("rmi", full)
        berth("logout", closed.host)
        berth.fails("pull", full, match="pull access denied|no basic auth credentials", code=1)

    def test_build_uses_them(self, berth, closed, name, tmp_path):
        base = f"{closed.host}/{name}:base"
        berth("login", "-u", USER, "--password-stdin", closed.host, input=PASSWORD)
        berth("tag", "busybox", base)
        berth("push", base)
        berth("rmi", base)
        (tmp_path / "Dockerfile").write_text(f"FROM {base}\nCMD [\"echo\", \"from afar\"]\n")
        berth("build", "-q", "-t", name, tmp_path)
        assert berth("run", "--rm", name).out == "from afar\n"
        berth("rmi", name, base)
        berth("logout", closed.host)

    def test_stock_client_and_sdk(self, docker, sdk, closed, name):
        full = f"{closed.host}/{name}"
        docker("login", "-u", USER, "--password-stdin", closed.host, input=PASSWORD)
        docker("tag", "busybox", f"{full}:1")
        assert "digest: sha256:" in docker("push", f"{full}:1").out
        docker("rmi", f"{full}:1")
        assert "Downloaded newer image" in docker("pull", f"{full}:1").out
        docker("rmi", f"{full}:1")
        docker("logout", closed.host)
        pulled = sdk.images.pull(full, tag="1", auth_config={"username": USER, "password": PASSWORD})
        assert f"{full}:1" in pulled.tags
        sdk.images.remove(f"{full}:1")


class TestTLS:
    def test_an_authority_of_its_own(self, daemon, berth, tmp_path, name):
        with Registry(tmp_path / "tls", tls=True) as registry:
            folder = daemon.root / "certs.d" / registry.host
            folder.mkdir(parents=True)
            (folder / "ca.crt").write_bytes(registry.ca.read_bytes())
            full = f"{registry.host}/{name}:1"
            berth("tag", "busybox", full)
            berth("push", full)
            assert registry.tags(name) == ["1"]
            berth("rmi", full)
        # Another one, on the same port, that this authority does not vouch for.
        other = Registry(tmp_path / "other", tls=True)
        other.port = registry.port
        with other:
            berth.fails("pull", full, match="certificate signed by unknown authority.*certs.d", code=1)


class TestCutConnections:
    def test_no_byte_comes_twice(self, berth, registry, big):
        whole = sum(layer["size"] for layer in registry.manifest(*split(big))["layers"])
        with Cut(registry.port, random_limits(1, 12, 2_500_000)) as cut:
            name = big.replace(registry.host, cut.host)
            berth("pull", name)
            assert cut.cuts >= 6
            # Besides the layers: heads, manifests, and what was in the buffers when the line was cut.
            assert cut.received < whole + 13 * 400_000
            berth("rmi", name)

    def test_a_killed_daemon_goes_on_where_it_was(self, daemon, berth, registry, big):
        whole = sum(layer["size"] for layer in registry.manifest(*split(big))["layers"])
        with Cut(registry.port, []) as counting:
            name = big.replace(registry.host, counting.host)
            pull = berth.start("pull", name)
            eventually(lambda: counting.received > whole / 3, what="a third has come")
            daemon.kill()
            pull.wait(10)
            time.sleep(0.2)
            before = counting.received
            daemon.start()
            had = kept(daemon, registry, big)
            assert had > 0
            berth("pull", name)
            assert counting.received - before < whole - had + 100_000
            berth("rmi", name)

    def test_damage_on_the_way_is_found(self, berth, registry, big, tmp_path):
        """A blob whose bytes changed on the registry's disk."""
        layer = registry.manifest(*split(big))["layers"][1]["digest"].removeprefix("sha256:")
        file = registry.folder / f"data/docker/registry/v2/blobs/sha256/{layer[:2]}/{layer}/data"
        good = file.read_bytes()
        file.write_bytes(good[:1000] + b"?" + good[1001:])
        try:
            berth.fails("pull", big, match="damaged", code=1)
            assert berth("images", "-q", big.removesuffix(":big")).out == ""
        finally:
            file.write_bytes(good)
        berth("pull", big)
        berth("rmi", big)


class TestMirrors:
    def test_a_mirror_comes_first_and_may_fail(self, tmp_path, rootfs):
        with Registry(tmp_path / "mirror") as mirror, Registry(tmp_path / "hub") as hub:
            daemon = Daemon({
                "registry-mirrors": ["http://localhost:1", mirror.url],
                "registries": {"docker.io": {"server": hub.url}},
            })
            with daemon.running():
                berth = daemon.berth
                berth("import", "-", "team/both:1", input=rootfs)
                berth("push", "team/both:1")
                assert hub.tags("team/both") == ["1"] and mirror.tags("team/both") == []
                berth("rmi", "team/both:1")
                # The mirror has nothing: the origin is asked.
                berth("pull", "team/both:1")
                berth("tag", "team/both:1", f"{mirror.host}/team/both:1")
                berth("push", f"{mirror.host}/team/both:1")
                berth("rmi", "team/both:1", f"{mirror.host}/team/both:1")
                before = len(hub.requests())
                berth("pull", "team/both:1")
                assert len(hub.requests()) == before
                berth.fails("pull", "team/none:1", match="mirrors failed", code=1)


def split(image: str) -> tuple[str, str]:
    """`host/name:tag` without its host."""
    return tuple(image.split("/", 1)[1].rsplit(":", 1))


def kept(daemon, registry, image) -> int:
    """Bytes of an image's layers that the daemon has, in part or whole."""
    content = daemon.root / "data/content"
    bytes_of = 0
    for layer in registry.manifest(*split(image))["layers"]:
        for file in (content / "blobs" / layer["digest"].replace(":", "/"), content / "partial" / layer["digest"].replace(":", "-")):
            bytes_of += file.stat().st_size if file.exists() else 0
    return bytes_of


def curl(*args: str, data: bytes = b"") -> str:
    return subprocess.run(["curl", "-fsS", *args], input=data, check=True, capture_output=True).stdout.decode()


def put_blob(registry, repository: str, data: bytes) -> tuple[str, int]:
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    head = curl("-i", "-X", "POST", f"{registry.url}/v2/{repository}/blobs/uploads/")
    place = next(line.split(" ", 1)[1].strip() for line in head.splitlines() if line.lower().startswith("location:"))
    curl("-X", "PUT", "--data-binary", "@-", "-H", "Content-Type: application/octet-stream",
         f"{place}&digest={digest}", data=data)
    return digest, len(data)


def mount_blob(registry, repository: str, digest: str, source: str) -> None:
    curl("-X", "POST", f"{registry.url}/v2/{repository}/blobs/uploads/?mount={digest}&from={source}")


def put_manifest(registry, repository: str, tag: str | None, manifest: dict, kind: str) -> tuple[str, int]:
    data = json.dumps(manifest).encode()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    curl("-X", "PUT", "--data-binary", "@-", "-H", f"Content-Type: {kind}",
         f"{registry.url}/v2/{repository}/manifests/{tag or digest}", data=data)
    return digest, len(data)

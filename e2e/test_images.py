"""images, tag, rmi, save, load, import."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile

import pytest

from harness.images import add


@pytest.fixture
def image(berth, tmp_path, name) -> str:
    """An image of three layers, only this test's."""
    (tmp_path / "Dockerfile").write_text(f"FROM busybox\nRUN echo {name} > /one\nRUN echo two > /two\nCMD [\"cat\", \"/one\"]\n")
    berth("build", "-t", f"{name}:1.0", str(tmp_path))
    yield f"{name}:1.0"
    berth.run("rmi", "-f", f"{name}:1.0")


def image_id(berth, image: str) -> str:
    return json.loads(berth("inspect", "--type", "image", image).out)[0]["Id"]


def test_images(berth, image, name):
    header, *rows = berth("images").lines
    assert header.split()[:2] == ["REPOSITORY", "TAG"]
    assert any(row.split()[:2] == [name, "1.0"] for row in rows)
    assert berth("images", "--format", "{{.Repository}}:{{.Tag}}", name).lines == [image]
    assert berth("images", "-q", "--no-trunc", name).out.strip() == image_id(berth, image)


def test_tag_and_rmi(berth, image, name):
    berth("tag", image, f"registry.test:5000/{name}/copy:2")
    assert image_id(berth, f"registry.test:5000/{name}/copy:2") == image_id(berth, image)
    assert berth("rmi", f"registry.test:5000/{name}/copy:2").lines == [f"Untagged: registry.test:5000/{name}/copy:2"]
    out = berth("rmi", image).lines
    assert out[0] == f"Untagged: {image}" and out[-1].startswith("Deleted: sha256:")
    berth.fails("rmi", image, match=f"(?i)no such image: {image}")


def test_rmi_in_use(berth, image, name):
    berth("create", "--name", name, image)
    berth.fails("rmi", image, match="(?i)conflict.*container")
    berth("rm", name)
    berth("rmi", image)


def test_tag_errors(berth, name):
    berth.fails("tag", "nosuch:1", f"{name}:1", match="(?i)no such image: nosuch:1")
    berth.fails("tag", "busybox", "UPPER:1", match="(?i)repository name must be lowercase|invalid reference")


def test_save_and_load(berth, image, tmp_path):
    before = image_id(berth, image)
    file = tmp_path / "image.tar"
    berth("save", image, "-o", str(file))
    with tarfile.open(file) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))
        assert manifest[0]["RepoTags"] == [image] and len(manifest[0]["Layers"]) == 3
        assert {"index.json", "oci-layout"} <= set(tar.getnames())
    berth("rmi", image)
    assert berth("load", "-i", str(file)).out.strip() == f"Loaded image: {image}"
    assert image_id(berth, image) == before
    assert berth("run", "--rm", image).out.strip() == image.split(":")[0]


def test_save_and_load_by_pipe_compressed(berth, image, tmp_path):
    saved = tmp_path / "image.tar.gz"
    raw = subprocess.run([berth.program, "save", image], env=berth.env, capture_output=True, check=True).stdout
    saved.write_bytes(gzip.compress(raw, 1))
    berth("rmi", image)
    assert berth("load", input=saved.read_bytes()).out.strip() == f"Loaded image: {image}"


def test_a_reload_gives_the_same_bytes(berth, image, tmp_path):
    one, two = tmp_path / "1.tar", tmp_path / "2.tar"
    berth("save", "-o", str(one), image)
    berth("rmi", image)
    berth("load", "-q", "-i", str(one))
    berth("save", "-o", str(two), image)

    def blobs(file) -> dict[str, int]:
        with tarfile.open(file) as tar:
            return {entry.name: entry.size for entry in tar if entry.isfile()}

    assert blobs(one) == blobs(two)


def test_load_of_the_older_docker_layout(berth, rootfs, name):
    """What `docker save` wrote before Docker 25: a manifest, a configuration, one tar per layer."""
    layer = rootfs
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["cat", "/www/index.html"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, data in {
            "abc/layer.tar": layer,
            "config.json": config,
            "manifest.json": json.dumps([{"Config": "config.json", "RepoTags": [f"{name}:old"], "Layers": ["abc/layer.tar"]}]).encode(),
        }.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    assert berth("load", input=buffer.getvalue()).out.strip() == f"Loaded image: {name}:old"
    assert berth("run", "--rm", f"{name}:old").out == "hello from busybox\n"
    berth("rmi", f"{name}:old")


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.95])
def test_truncated_archive(berth, image, tmp_path, keep):
    file = tmp_path / "image.tar"
    berth("save", "-o", str(file), image)
    berth("rmi", image)
    data = file.read_bytes()
    file.write_bytes(data[: keep if isinstance(keep, int) else int(len(data) * keep)])
    berth.fails("load", "-i", str(file), match=r"\w+")
    assert berth("images", "-q", image).out == ""


def test_corrupt_layer(berth, tmp_path, name):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        add(tar, "random", os.urandom(200_000))
    berth("import", "-", f"{name}:1", input=content.getvalue())
    file = tmp_path / "image.tar"
    berth("save", "-o", str(file), f"{name}:1")
    berth("rmi", f"{name}:1")
    with tarfile.open(file) as tar:
        layer = max(tar, key=lambda entry: entry.size)
    data = bytearray(file.read_bytes())
    middle = layer.offset_data + layer.size // 2
    data[middle : middle + 16] = bytes(byte ^ 0xFF for byte in data[middle : middle + 16])
    file.write_bytes(data)
    berth.fails("load", "-i", str(file), match="(?i)digest|corrupt|checksum|mismatch|invalid")
    assert berth("images", "-q", f"{name}:1").out == ""


def test_load_of_something_else(berth, tmp_path):
    file = tmp_path / "text"
    file.write_text("this is no archive\n" * 1000)
    berth.fails("load", "-i", str(file), match=r"\w+")
    berth.fails("load", "-i", str(tmp_path / "missing"), match="missing")


def test_layers_cannot_leave_their_root(berth, tmp_path, name):
    outside = tmp_path / "outside"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, target in (("link", str(tmp_path)), ("link/outside", None), (f"../../../../..{outside}", None)):
            entry = tarfile.TarInfo(path)
            if target:
                entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    berth.run("import", "-", f"{name}:evil", input=buffer.getvalue())
    assert not outside.exists()
    berth.run("rmi", "-f", f"{name}:evil")


def test_import_with_changes(berth, rootfs, tmp_path, name):
    file = tmp_path / "root.tar"
    file.write_bytes(rootfs)
    berth("import", "-c", "ENV A=imported", "-c", 'CMD ["sh", "-c", "echo $A"]', str(file), f"{name}:i")
    assert berth("run", "--rm", f"{name}:i").out == "imported\n"
    berth("rmi", f"{name}:i")


def test_history(berth, image):
    out = berth("history", "--no-trunc", image).out
    assert "echo two" in out and "CMD" in out

"""images, tag, rmi, save, load, import."""

import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

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


def image_layers(berth, image: str) -> list[str]:
    return json.loads(berth("inspect", "--type", "image", image).out)[0]["RootFS"]["Layers"]


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


def shell(berth, line: str, cwd) -> subprocess.CompletedProcess:
    """A line as it is typed, with `berth` on PATH."""
    env = {**berth.env, "PATH": f"{Path(berth.program).parent}:{berth.env['PATH']}"}
    return subprocess.run(["sh", "-c", line], env=env, cwd=cwd, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "line",
    [
        "berth save {image} > f.tar",
        "berth save {image} -o f.tar",
        "berth save -o f.tar {image}",
        "berth save --output=f.tar {image}",
        "berth image save {image} | cat > f.tar",
        "berth save {image} | gzip > f.tar",
        "berth save {image} | bzip2 > f.tar",
        "berth save {image} | xz -0 > f.tar",
        "berth save {image} | zstd > f.tar",
    ],
)
def test_ways_to_save_and_load(berth, image, tmp_path, line):
    done = shell(berth, line.format(image=image), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for load in ("berth load < f.tar", "berth load -i f.tar", "cat f.tar | berth image load", "berth load --input f.tar -q"):
        berth("rmi", image)
        done = shell(berth, load, tmp_path)
        assert (done.returncode, done.stdout) == (0, f"Loaded image: {image}\n"), done.stderr
    assert berth("run", "--rm", image).out.strip() == image.split(":")[0]


def test_save_refuses_a_terminal(berth, image):
    with berth.terminal("save", image) as terminal:
        terminal.expect("(?i)cowardly refusing to save to a terminal.*-o")
        assert terminal.wait() == 1
    with berth.terminal("load") as terminal:
        terminal.expect("(?i)requested load from stdin, but stdin is empty")
        assert terminal.wait() == 1


def test_save_of_nothing_leaves_no_file(berth, tmp_path):
    berth.fails("save", "nosuch:1", "-o", str(tmp_path / "f.tar"), match="(?i)no such image: nosuch:1")
    berth.fails("save", "busybox", "-o", str(tmp_path / "nowhere/f.tar"), match="nowhere")
    assert list(tmp_path.iterdir()) == []


def test_several_images_and_tags_in_one_file(berth, image, tmp_path, name):
    (tmp_path / "Dockerfile").write_text(f"FROM {image}\nRUN echo more > /more\n")
    berth("build", "-t", f"{name}:2.0", str(tmp_path))
    berth("tag", image, f"{name}-other:1.0")
    names = [f"{name}:1.0", f"{name}-other:1.0", f"{name}:2.0"]
    ids = [image_id(berth, each) for each in names]
    berth("save", "-o", str(tmp_path / "f.tar"), *names)
    with tarfile.open(tmp_path / "f.tar") as tar:
        assert len(tar.getnames()) == len(set(tar.getnames())), "each blob once"
    berth("rmi", *names)
    assert sorted(berth("load", "-i", str(tmp_path / "f.tar")).lines) == sorted(f"Loaded image: {each}" for each in names)
    assert [image_id(berth, each) for each in names] == ids
    berth("rmi", *names)


def test_saved_by_id_it_keeps_its_names(berth, image, tmp_path, name):
    berth("tag", image, f"registry.test:5000/{name}:x")
    id = berth("images", "-q", image).lines[0]
    berth("save", id, "-o", str(tmp_path / "f.tar"))
    berth("rmi", image, f"registry.test:5000/{name}:x")
    assert sorted(berth("load", "-i", str(tmp_path / "f.tar")).lines) == [f"Loaded image: registry.test:5000/{name}:x", f"Loaded image: {image}"]
    # A name that means another image by now is not taken from it.
    berth("rmi", image)
    berth("tag", "busybox", image)
    berth("load", "-i", str(tmp_path / "f.tar"))
    assert image_id(berth, image) == image_id(berth, "busybox")
    berth("rmi", f"registry.test:5000/{name}:x")


def test_without_a_name_the_id_is_told_and_how_to_name_it(berth, image, tmp_path):
    id = image_id(berth, image)
    berth("tag", "busybox", "spare:1")
    berth("save", image, "-o", str(tmp_path / "f.tar"))
    with tarfile.open(tmp_path / "f.tar") as old, tarfile.open(tmp_path / "bare.tar", "w") as new:
        for entry in old:
            data = old.extractfile(entry).read() if entry.isfile() else b""
            if entry.name == "manifest.json":
                data = json.dumps([{**item, "RepoTags": None} for item in json.loads(data)]).encode()
            if entry.name == "index.json":
                index = json.loads(data)
                for manifest in index["manifests"]:
                    manifest.pop("annotations", None)
                data = json.dumps(index).encode()
            entry.size = len(data)
            new.addfile(entry, io.BytesIO(data))
    berth("rmi", image)
    result = berth("load", "-i", str(tmp_path / "bare.tar"))
    assert result.lines == [f"Loaded image ID: {id}"]
    assert "tag" in result.err and id[7:19] in result.err
    berth("tag", id[7:19], image)
    assert image_id(berth, image) == id
    berth("rmi", "spare:1")


@pytest.mark.parametrize("format", ["docker-archive", "oci-archive"])
def test_skopeo_reads_what_is_saved_and_writes_what_is_loaded(berth, image, tmp_path, name, format):
    layers = image_layers(berth, image)
    berth("save", image, "-o", str(tmp_path / "f.tar"))
    skopeo("copy", f"docker-archive:{tmp_path}/f.tar", f"oci:{tmp_path}/layout:{name}")
    skopeo("copy", f"oci:{tmp_path}/layout:{name}", f"{format}:{tmp_path}/again.tar:{image}")
    berth("rmi", image)
    assert berth("load", "-i", str(tmp_path / "again.tar")).lines == [f"Loaded image: {image}"]
    # The ID is another: skopeo rewrites an image's configuration.
    assert image_layers(berth, image) == layers
    assert berth("run", "--rm", image).out.strip() == name


def test_an_oci_layout_that_umoci_made(berth, tmp_path, name):
    layout = tmp_path / "layout"

    def umoci(*args: str) -> None:
        subprocess.run(["umoci", *args], check=True, capture_output=True, text=True)

    umoci("init", "--layout", str(layout))
    umoci("new", "--image", f"{layout}:{name}")
    umoci("insert", "--image", f"{layout}:{name}", "/bin/busybox", "/busybox")
    umoci("config", "--image", f"{layout}:{name}", "--config.entrypoint", "/busybox", "--config.cmd", "echo", "--config.cmd", "by umoci")
    with tarfile.open(tmp_path / "f.tar", "w") as tar:
        tar.add(layout, ".")
    # umoci gives its images tags without a repository.
    out = berth("load", "-i", str(tmp_path / "f.tar")).out
    id = re.fullmatch(r"Loaded image ID: (sha256:[0-9a-f]{64})\n", out)[1]
    assert berth("run", "--rm", id).out == "by umoci\n"
    berth("rmi", id)


def skopeo(*args: str) -> None:
    done = subprocess.run(["skopeo", "--insecure-policy", *args], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.95])
@pytest.mark.parametrize("compress", [None, gzip.compress])
def test_truncated_archive(berth, image, tmp_path, keep, compress):
    file = tmp_path / "image.tar"
    berth("save", "-o", str(file), image)
    berth("rmi", image)
    data = file.read_bytes()
    if compress:
        data = compress(data, 1)
    size = keep if isinstance(keep, int) else int(len(data) * keep)
    file.write_bytes(data[:size])
    result = berth.fails("load", "-i", str(file), match=r"(?i)byte \d+" if size else "holds no image")
    if size:
        # Where reading stopped: never beyond the end.
        assert int(re.search(r"(?i)byte (\d+)", result.text)[1]) <= size
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


def test_it_is_known_when_a_name_was_given(berth, name):
    """What Compose compares with the times of source files."""
    def given() -> str:
        return berth("inspect", "-f", "{{.Metadata.LastTagTime}}", "busybox").out

    before = given()
    berth("tag", "busybox", name)
    assert given() > before
    berth("rmi", name)

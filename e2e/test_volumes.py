"""Volumes and mounts: the local driver's options, every `--mount` type, sharing, and who uses what."""

import subprocess

import pytest
from docker.types import Mount

from harness.cli import eventually


def mounts(daemon) -> list[str]:
    return [line for line in daemon.mounts() if "/volumes/" in line]


# The local driver's options


def test_tmpfs_volume_is_mounted_while_it_is_used(daemon, docker, sdk, name):
    docker("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=3m,uid=1000,mode=700", name)
    assert mounts(daemon) == []
    docker("run", "-d", "--name", f"{name}-a", "-v", f"{name}:/data", "busybox", "sleep", "600")
    docker("run", "-d", "--name", f"{name}-b", "-v", f"{name}:/data", "busybox", "sleep", "600")
    assert len(mounts(daemon)) == 1
    assert docker("exec", f"{name}-a", "sh", "-c", "df -k /data | tail -1 | awk '{print $2}'; stat -c '%u %a' /data; echo x > /data/f").lines == ["3072", "1000 700"]
    assert docker("exec", f"{name}-b", "cat", "/data/f").out == "x\n"
    docker("rm", "-f", f"{name}-a")
    assert len(mounts(daemon)) == 1
    docker("rm", "-f", f"{name}-b")
    eventually(lambda: not mounts(daemon))
    assert docker("volume", "inspect", "-f", "{{.Options.o}}", name).out == "size=3m,uid=1000,mode=700\n"


def test_bind_volume(docker, name, tmp_path):
    (tmp_path / "here").write_text("host\n")
    docker("volume", "create", "-o", "type=none", "-o", f"device={tmp_path}", "-o", "o=bind,ro", name)
    assert docker("run", "--rm", "-v", f"{name}:/data", "busybox", "cat", "/data/here").out == "host\n"
    docker.fails("run", "--rm", "-v", f"{name}:/data", "busybox", "touch", "/data/new", match="Read-only file system")
    docker("volume", "rm", name)
    assert (tmp_path / "here").exists()
    # Made on the way, by --mount; the image's files do not go to the host's directory if it has some.
    where = f"type=volume,src={name},dst=/www,volume-driver=local,volume-opt=type=none,volume-opt=device={tmp_path},volume-opt=o=bind"
    assert docker("run", "--rm", "--mount", where, "busybox", "ls", "/www").out == "here\n"


def test_mounted_volumes_and_a_new_daemon(daemon, docker, name):
    docker("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", name)
    docker("run", "-d", "--name", name, "-v", f"{name}:/data", "busybox", "sh", "-c", "echo kept > /data/f; sleep 600")
    docker("run", "-d", "--name", f"{name}-b", "-v", f"{name}:/data", "busybox", "sleep", "600")
    daemon.kill()
    daemon.start()
    docker("rm", "-f", f"{name}-b")
    assert docker("exec", name, "cat", "/data/f").out == "kept\n" and len(mounts(daemon)) == 1
    daemon.kill()
    pid = next(pid for pid in daemon.shims())
    subprocess.run(["kill", "-9", str(pid)], check=True)
    daemon.start()
    eventually(lambda: not mounts(daemon), what="a mount that nobody uses any more is gone")


def test_failures_of_the_local_driver(docker, name):
    docker.fails("volume", "create", "-o", "nosuch=1", name, match='invalid option: "nosuch"')
    docker.fails("volume", "create", "-o", "o=bind", name, match="missing required option")
    docker.fails("volume", "create", "-o", "type=nfs", name, match='missing required option: "device"')
    docker("volume", "create", "-o", "type=none", "-o", "device=/no/such/place", "-o", "o=bind", name)
    docker.fails("run", "--rm", "-v", f"{name}:/data", "busybox", "true", match="failed to mount local volume")
    docker("volume", "create", "-o", "type=nfs", "-o", "device=:/x", "-o", "o=addr=no-such-host.invalid", f"{name}-n")
    docker.fails("run", "--rm", "-v", f"{name}-n:/data", "busybox", "true", match="no-such-host.invalid")
    docker.fails("volume", "create", "-d", "nosuch", name, match='plugin "nosuch" not found')


def test_a_volume_in_use_names_its_users(docker, sdk, name):
    docker("volume", "create", name)
    docker("create", "--name", f"{name}-user", "-v", f"{name}:/v", "busybox")
    long = sdk.containers.get(f"{name}-user").id
    docker.fails("volume", "rm", name, match=rf"volume is in use - \[{long}\].*{name}-user")
    docker.fails("volume", "rm", "no-such-volume", match="no such volume")
    docker("rm", f"{name}-user")
    docker("volume", "rm", name)


def test_a_container_that_was_not_made_leaves_no_volumes(docker, name, tmp_path):
    before = docker("volume", "ls", "-q").lines
    docker.fails("create", "-v", "/anonymous", "-v", f"{name}:/v", "--network", "no-such-network", "busybox", match="no-such-network")
    docker.fails("create", "-v", "/anonymous", "-v", f"{name}:/v", "-v", f"{name}-b:/v", "busybox", match="Duplicate mount point")
    docker.fails("create", "-v", f"{name}:/v", "--mount", f"type=volume,src={name}-n,dst=/n,volume-driver=local,volume-opt=type=none,volume-opt=device={tmp_path}/no,volume-opt=o=bind", "busybox", match="failed to mount local volume")
    assert docker("volume", "ls", "-q").lines == before
    assert not docker("ps", "-aq").lines


# --mount


def test_subpath_of_a_volume(docker, name):
    docker("run", "--rm", "-v", f"{name}:/v", "busybox", "sh", "-c", "mkdir -p /v/a/b; echo in-b > /v/a/b/f; echo top > /v/top; ln -s /etc /v/out; ln -s a/b /v/inside")
    where = f"type=volume,src={name},dst=/m,volume-subpath="
    assert docker("run", "--rm", "--mount", where + "a/b", "busybox", "sh", "-c", "cat /m/f; ls /m").out == "in-b\nf\n"
    assert docker("run", "--rm", "--mount", where + "inside", "busybox", "cat", "/m/f").out == "in-b\n"
    assert docker("run", "--rm", "--mount", where + "top", "busybox", "cat", "/m").out == "top\n"
    docker.fails("run", "--rm", "--mount", where + "nosuch", "busybox", "true", match="cannot access path")
    docker.fails("run", "--rm", "--mount", where + "../..", "busybox", "true", match="relative path within the volume")
    # A link that points out of the volume is resolved inside it.
    docker.fails("run", "--rm", "--mount", where + "out", "busybox", "cat", "/m/shadow", match="cannot access path")


def test_copy_up_and_nocopy(docker, name):
    assert docker("run", "--rm", "-v", f"{name}:/www", "busybox", "cat", "/www/index.html").out == "hello from busybox\n"
    assert docker("run", "--rm", "-v", f"{name}-n:/www:nocopy", "busybox", "ls", "/www").out == ""
    assert docker("run", "--rm", "--mount", f"type=volume,src={name}-m,dst=/www,volume-nocopy", "busybox", "ls", "/www").out == ""
    # What a volume has is not written over.
    docker("run", "--rm", "-v", f"{name}:/www", "busybox", "sh", "-c", "echo mine > /www/index.html")
    assert docker("run", "--rm", "-v", f"{name}:/www", "busybox", "cat", "/www/index.html").out == "mine\n"


def test_volumes_from(docker, name, tmp_path):
    docker("create", "--name", name, "-v", "/anonymous", "-v", f"{name}:/named", "-v", f"{tmp_path}:/host:ro", "busybox")
    docker("run", "--rm", "--volumes-from", name, "busybox", "sh", "-c", "touch /anonymous/x /named/x")
    docker.fails("run", "--rm", "--volumes-from", f"{name}:ro", "busybox", "touch", "/named/y", match="Read-only")
    # Reading and writing cannot be had where the other has only reading.
    docker.fails("run", "--rm", "--volumes-from", f"{name}:rw", "busybox", "touch", "/host/y", match="Read-only")
    docker.fails("run", "--rm", "--volumes-from", f"{name}:nosuch", "busybox", "true", match="invalid mode: nosuch")
    docker.fails("run", "--rm", "--volumes-from", "no-such-container", "busybox", "true", match="No such container")
    assert docker("run", "--rm", "--volumes-from", name, "busybox", "ls", "/anonymous", "/named").out.count("x\n") == 2


def test_bind_recursive(docker, tmp_path):
    below = tmp_path / "below"
    below.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "below", str(below)], check=True)
    try:
        def attempt(options: str) -> list[str]:
            script = "touch /m/top 2>/dev/null && echo top; grep -q ' /m/below ' /proc/self/mounts && echo there; touch /m/below/x 2>/dev/null && echo below; true"
            return docker("run", "--rm", "--mount", f"type=bind,src={tmp_path},dst=/m{options}", "busybox", "sh", "-c", script).lines

        assert attempt("") == ["top", "there", "below"]
        assert attempt(",readonly") == ["there"]
        assert attempt(",readonly,bind-recursive=writable") == ["there", "below"]
        assert attempt(",readonly,bind-recursive=readonly,bind-propagation=rprivate") == ["there"]
        assert attempt(",bind-recursive=disabled") == ["top", "below"]
    finally:
        subprocess.run(["umount", str(below)], check=True)


def test_propagation(docker, sdk, name, tmp_path):
    subprocess.run(["mount", "--bind", str(tmp_path), str(tmp_path)], check=True)
    subprocess.run(["mount", "--make-shared", str(tmp_path)], check=True)
    (tmp_path / "later").mkdir()
    private = tmp_path.parent / f"{tmp_path.name}-private"
    private.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "private", str(private)], check=True)
    subprocess.run(["mount", "--make-private", str(private)], check=True)
    try:
        docker.fails("run", "--rm", "-v", f"{private}:/x:rshared", "busybox", "true", match=f"path {private} is mounted on {private} but it is not a shared mount")
        docker("run", "-d", "--name", name, "-v", f"{tmp_path}:/slave:rslave", "--mount", f"type=bind,src={tmp_path},dst=/private", "busybox", "sleep", "600")
        subprocess.run(["mount", "-t", "tmpfs", "later", str(tmp_path / "later")], check=True)
        assert docker("exec", name, "grep", "-c", " /slave/later ", "/proc/self/mounts").out == "1\n"
        docker.fails("exec", name, "grep", "-c", " /private/later ", "/proc/self/mounts")
        assert {m["Destination"]: m["Propagation"] for m in sdk.containers.get(name).attrs["Mounts"]} == {"/slave": "rslave", "/private": "rprivate"}
        docker("rm", "-f", name)
    finally:
        subprocess.run(["umount", "-R", str(tmp_path), str(private)], check=True)


def test_tmpfs_mounts(sdk, docker):
    shown = docker("run", "--rm", "--mount", "type=tmpfs,dst=/t,tmpfs-size=2m,tmpfs-mode=1770", "--tmpfs", "/u:size=1m,exec", "busybox", "sh", "-c", "df -k /t /u | awk 'NR>1{print $2}'; stat -c %a /t; grep ' /u ' /proc/mounts").lines
    assert shown[:3] == ["2048", "1024", "1770"] and "noexec" not in shown[3]
    out = sdk.containers.run("busybox", ["sh", "-c", "stat -f -c %T /t"], mounts=[Mount("/t", None, type="tmpfs")], remove=True)
    assert out == b"tmpfs\n"


def test_image_mounts(daemon, docker, name, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN echo second > /second\nRUN rm /www/index.html\n")
    docker("build", "-q", "-t", name, str(tmp_path))
    try:
        shown = docker("run", "--rm", "--mount", f"type=image,src={name},dst=/other", "busybox", "sh", "-c", "cat /other/second; ls /other/www; touch /other/x 2>&1 | tail -1; cat /www/index.html").lines
        assert shown[0] == "second" and "Read-only" in shown[1] and shown[2] == "hello from busybox", shown
        assert docker("run", "--rm", "--mount", "type=image,src=busybox,dst=/b", "busybox", "cat", "/b/www/index.html").out == "hello from busybox\n"
        docker("create", "--name", name, "--mount", f"type=image,src={name},dst=/other", "busybox")
        docker.fails("rmi", name, match="is using its referenced image")
        docker("rm", name)
        docker.fails("run", "--rm", "--mount", "type=image,src=nosuch:1,dst=/o", "busybox", "true", match="(?i)no such image")
    finally:
        docker("rmi", "-f", name)


def test_mistakes_in_mounts(docker):
    docker.fails("run", "--rm", "--mount", "type=npipe,src=x,dst=/y", "busybox", "true", match="mount type unknown|npipe")
    docker.fails("run", "--rm", "--mount", "type=bind,src=/no/such/dir,dst=/y", "busybox", "true", match="bind source path does not exist: /no/such/dir")
    docker.fails("run", "--rm", "-v", "/tmp:relative", "busybox", "true", match="mount path must be absolute")
    docker.fails("run", "--rm", "-v", "/tmp:/", "busybox", "true", match="destination can't be '/'")
    docker.fails("run", "--rm", "-v", "/tmp:/a", "-v", "/var:/a", "busybox", "true", match="Duplicate mount point")


# Shared memory


def test_ipc_modes(daemon, docker, name):
    docker("run", "-d", "--name", name, "--ipc", "shareable", "--shm-size", "5m", "busybox", "sh", "-c", "echo shared > /dev/shm/f; sleep 600")
    script = "cat /dev/shm/f; df -k /dev/shm | awk 'END{print $2}'; readlink /proc/self/ns/ipc"
    joined = docker("run", "--rm", "--ipc", f"container:{name}", "busybox", "sh", "-c", script).lines
    own = docker("exec", name, "readlink", "/proc/self/ns/ipc").out.strip()
    assert joined == ["shared", "5120", own]
    docker("run", "-d", "--name", f"{name}-private", "busybox", "sleep", "600")
    assert docker("inspect", "-f", "{{.HostConfig.IpcMode}}", f"{name}-private").out == "private\n"
    docker.fails("run", "--rm", "--ipc", f"container:{name}-private", "busybox", "true", match="non-shareable IPC")
    docker.fails("run", "--rm", "--ipc", "none", "busybox", "ls", "/dev/shm", match="No such file")
    host = docker("run", "--rm", "--ipc", "host", "busybox", "readlink", "/proc/self/ns/ipc").out.strip()
    assert host == subprocess.check_output(["readlink", "/proc/self/ns/ipc"], text=True).strip()
    # What others joined outlives the one that shared it, and nothing is left on the host.
    docker("run", "-d", "--name", f"{name}-joined", "--ipc", f"container:{name}", "busybox", "sleep", "600")
    docker("rm", "-f", name)
    assert docker("exec", f"{name}-joined", "cat", "/dev/shm/f").out == "shared\n"
    assert not any("/shm" in line for line in daemon.mounts())


@pytest.mark.parametrize("mode", ["nosuch", "container:", "container:no-such-one"])
def test_wrong_ipc_modes(docker, mode):
    docker.fails("run", "--rm", "--ipc", mode, "busybox", "true", match="invalid IPC mode|No such container")

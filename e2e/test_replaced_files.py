"""Single files mounted into running containers, which the host replaces by others of the same name."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.cli import eventually


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "app.env").write_text("one\n")
    return tmp_path


@pytest.fixture
def run(docker, name, folder):
    """A container with these files of the folder at /files, and options."""

    def run(*files: str, options: tuple = (), mode: str = ":ro"):
        mounts = [word for file in files for word in ("-v", f"{folder / file}:/files/{file}{mode}")]
        docker("run", "-d", "--init", "--name", name, *mounts, *options, "busybox", "sleep", "600")

    return run


@pytest.fixture
def sees(docker, name):
    """Waits until the container sees this text in the file."""

    def sees(text: str, file: str = "app.env"):
        eventually(lambda: docker("exec", name, "cat", f"/files/{file}").out == text, what=f"{file} reads {text!r}")

    return sees


def put(path: Path, text: str):
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    os.replace(new, path)


REPLACEMENTS = {
    "python": lambda path: put(path, "two\n"),
    "mv": lambda path: subprocess.run(["sh", "-c", f"echo two > {path}~ && mv {path}~ {path}"], check=True),
    "sed": lambda path: subprocess.run(["sed", "-i", "s/one/two/", path], check=True),
    "ln": lambda path: subprocess.run(["sh", "-c", f"echo two > {path}~ && ln -f {path}~ {path}"], check=True),
    "recreated": lambda path: (path.unlink(), path.write_text("two\n")),
}


@pytest.mark.parametrize("how", REPLACEMENTS)
def test_a_replaced_file_is_seen(docker, name, folder, run, sees, how):
    run("app.env")
    REPLACEMENTS[how](folder / "app.env")
    sees("two\n")
    docker.fails("exec", name, "sh", "-c", "echo x > /files/app.env", match="Read-only file system")
    # Once more, and what is then written in place.
    put(folder / "app.env", "three\n")
    sees("three\n")
    (folder / "app.env").write_text("four\n")
    assert docker("exec", name, "cat", "/files/app.env").out == "four\n"


def test_checkout_of_another_branch(docker, folder, run, sees):
    if not shutil.which("git"):
        pytest.skip("no git")

    def git(*args):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        subprocess.run(["git", "-C", folder, *identity, *args], check=True, capture_output=True)

    git("init", "-b", "main")
    git("add", ".")
    git("commit", "-m", "one")
    git("checkout", "-b", "other")
    put(folder / "app.env", "two\n")
    git("commit", "-am", "two")
    run("app.env")
    sees("two\n")
    git("checkout", "main")
    sees("one\n")


def test_replaced_many_times_it_is_one_mount(docker, name, folder, run, sees):
    run("app.env", mode="")
    for number in range(5):
        put(folder / "app.env", f"{number}\n")
        sees(f"{number}\n")
    mounts = [line for line in docker("exec", name, "cat", "/proc/self/mountinfo").lines if "/files/" in line]
    assert len(mounts) == 1
    docker("exec", name, "sh", "-c", "echo written >> /files/app.env")
    assert (folder / "app.env").read_text() == "4\nwritten\n"


def test_options_of_the_mount_stay(docker, name, folder, run, sees):
    def options():
        lines = docker("exec", name, "grep", "/files/", "/proc/self/mountinfo").lines
        return [(line.split(" - ")[0].split()[5:], line.split(" - ")[1]) for line in lines]

    run("app.env")
    before = options()
    put(folder / "app.env", "two\n")
    sees("two\n")
    assert options() == before and before[0][0][0].startswith("ro")


def test_a_deleted_file_keeps_its_content(docker, name, folder, run, sees):
    put(folder / "other.env", "marker\n")
    run("app.env", "other.env")
    (folder / "app.env").unlink()
    put(folder / "other.env", "marked\n")
    sees("marked\n", "other.env")
    assert docker("exec", name, "cat", "/files/app.env").out == "one\n"
    put(folder / "app.env", "two\n")
    sees("two\n")


def test_a_folder_that_goes_and_comes_back(docker, name, folder, run, sees):
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/b/deep.env").write_text("one\n")
    run("a/b/deep.env")
    shutil.rmtree(folder / "a")
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/b/deep.env").write_text("two\n")
    sees("two\n", "a/b/deep.env")


def test_while_the_daemon_is_down(daemon, docker, folder, run, sees):
    run("app.env")
    daemon.kill()
    put(folder / "app.env", "two\n")
    daemon.start()
    sees("two\n")
    put(folder / "app.env", "three\n")
    sees("three\n")


def test_after_a_restart(docker, name, folder, run, sees):
    run("app.env")
    docker("restart", "-t", "0", name)
    put(folder / "app.env", "two\n")
    sees("two\n")


def test_a_link_leads_where_it_led(docker, name, folder, run, sees):
    (folder / "real").mkdir()
    (folder / "real/env").write_text("one\n")
    (folder / "link.env").symlink_to("real/env")
    run("link.env")
    sees("one\n", "link.env")
    put(folder / "real/env", "two\n")
    sees("two\n", "link.env")


def test_a_container_cannot_have_other_files_mounted(docker, name, folder, run, sees, tmp_path_factory):
    """It may write to the folder: a link that it puts in the file's place is not followed on the host."""
    secret = tmp_path_factory.mktemp("host") / "secret"
    secret.write_text("secret\n")
    put(folder / "other.env", "marker\n")
    run("app.env", "other.env", options=("-v", f"{folder}:/folder"))
    docker("exec", name, "sh", "-c", f"ln -s {secret} /folder/x && mv /folder/x /folder/app.env")
    docker("exec", name, "sh", "-c", "echo marked > /folder/x && mv /folder/x /folder/other.env")
    sees("marked\n", "other.env")
    assert docker("exec", name, "cat", "/files/app.env").out == "one\n"
    # Nor do things that are no files take its place.
    docker("exec", name, "sh", "-c", "rm /folder/app.env && mkdir /folder/app.env && echo again > /folder/x && mv /folder/x /folder/other.env")
    sees("again\n", "other.env")
    assert docker("exec", name, "cat", "/files/app.env").out == "one\n"


def test_what_a_program_mounted_there_stays(docker, name, folder, run, sees):
    put(folder / "other.env", "marker\n")
    put(folder / "gone.env", "one\n")
    run("app.env", "other.env", "gone.env", options=("--privileged",))
    docker("exec", name, "sh", "-c", "echo own > /own && mount --bind /own /files/app.env && umount /files/gone.env")
    # Moved, not deleted: of a deleted file the kernel itself removes what is mounted on it.
    os.rename(folder / "app.env", folder / "kept.env")
    put(folder / "app.env", "two\n")
    put(folder / "gone.env", "two\n")
    put(folder / "other.env", "marked\n")
    sees("marked\n", "other.env")
    assert docker("exec", name, "cat", "/files/app.env").out == "own\n"
    assert docker("exec", name, "cat", "/files/gone.env").out == ""
    docker("exec", name, "umount", "/files/app.env")
    put(folder / "app.env", "three\n")
    sees("three\n")


def test_compose(berth, folder, name):
    (folder / "compose.yaml").write_text(
        "services: {a: {image: busybox, init: true, command: [sleep, '600'], volumes: ['./app.env:/app/.env:ro']}}\n"
    )
    compose = ("compose", "-p", name)
    try:
        berth(*compose, "up", "-d", cwd=folder)
        put(folder / "app.env", "two\n")
        eventually(lambda: berth(*compose, "exec", "-T", "a", "cat", "/app/.env", cwd=folder).out == "two\n")
    finally:
        berth.run(*compose, "down", "-t", "0", cwd=folder)

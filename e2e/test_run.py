"""`berth run`: what the process gets and what the caller gets back."""

import pytest


def test_output_and_exit_code(berth):
    assert berth("run", "--rm", "busybox", "echo", "hello").out == "hello\n"
    berth("run", "--rm", "busybox", "sh", "-c", "exit 7", code=7)


def test_both_streams_stay_apart(berth):
    result = berth("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2")
    assert (result.out, result.err) == ("out\n", "err\n")


def test_death_by_signal_is_128_plus_signal(berth, name):
    run = berth.start("run", "--rm", "--name", name, "busybox", "sh", "-c", "echo ready; sleep 60")
    assert run.stdout.readline() == "ready\n"
    berth("kill", name)
    assert run.wait(10) == 137
    run.stdout.close()


def test_stdin_reaches_its_end(berth):
    data = "line\n" * 50_000
    assert berth("run", "--rm", "-i", "busybox", "wc", "-l", input=data).out.strip() == "50000"


def test_large_output_is_whole(berth):
    result = berth("run", "--rm", "busybox", "sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x")
    assert len(result.out) == 5_000_000


def test_terminal(berth):
    with berth.terminal("run", "--rm", "-it", "busybox", "sh", rows=40, columns=120) as terminal:
        terminal.expect("# ")
        terminal.send("tty; stty size\n")
        terminal.expect(r"/dev/(pts/\d+|console)\r\n")
        terminal.expect("40 120\r\n")
        terminal.send("exit 3\n")
        assert terminal.wait() == 3


def test_terminal_follows_the_window(berth):
    with berth.terminal("run", "--rm", "-it", "busybox", "sh") as terminal:
        terminal.expect("# ")
        terminal.resize(50, 132)
        terminal.send("sleep 0.3; stty size\n")
        terminal.expect("50 132\r\n")


def test_interrupt_from_the_terminal(berth):
    with berth.terminal("run", "--rm", "-it", "busybox", "sh", "-c", "trap 'exit 42' INT; echo ready; while :; do sleep 0.1; done") as terminal:
        terminal.expect("ready")
        terminal.send("\x03")
        assert terminal.wait() == 42


def test_environment(berth, tmp_path):
    file = tmp_path / "env"
    file.write_text("# a comment\nFROM_FILE=file\nBOTH=file\nHOST_ONE\n")
    out = berth(
        "run", "--rm", "-e", "A=1", "-e", "BOTH=flag", "--env-file", str(file), "busybox", "env", env={"HOST_ONE": "host"}
    ).lines
    assert {"A=1", "FROM_FILE=file", "BOTH=flag", "HOST_ONE=host"} <= set(out)
    assert any(line.startswith("PATH=/usr/local/sbin:") for line in out)
    assert "HOME=/root" in out


def test_workdir_is_made(berth):
    assert berth("run", "--rm", "-w", "/a/b", "busybox", "pwd").out == "/a/b\n"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("worker", "uid=1000(worker) gid=1000(worker) groups=50(staff),1000(worker)"),
        ("1000:50", "uid=1000(worker) gid=50(staff)"),
        ("4321", "uid=4321 gid=0(root)"),
    ],
)
def test_user(berth, user, expected):
    assert berth("run", "--rm", "-u", user, "busybox", "id").out.strip().startswith(expected.split(" groups")[0])


def test_unknown_user(berth):
    berth.fails("run", "--rm", "-u", "nobody-here", "busybox", "id", match="(?i)unable to find user nobody-here", code=125)


def test_entrypoint(berth):
    assert berth("run", "--rm", "--entrypoint", "echo", "busybox", "a", "b").out == "a b\n"


def test_hostname(berth):
    assert berth("run", "--rm", "-h", "ship", "busybox", "sh", "-c", "hostname; grep -c ship /etc/hosts").lines == ["ship", "1"]


def test_hostname_is_the_short_id(berth, tmp_path):
    file = tmp_path / "cid"
    out = berth("run", "--rm", "--cidfile", str(file), "busybox", "hostname").out.strip()
    assert file.read_text().startswith(out) and len(out) == 12


def test_bind_mount(berth, tmp_path):
    (tmp_path / "file").write_text("from the host\n")
    assert berth("run", "--rm", "-v", f"{tmp_path}:/mnt", "busybox", "cat", "/mnt/file").out == "from the host\n"
    berth("run", "--rm", "-v", f"{tmp_path}:/mnt", "busybox", "sh", "-c", "echo back > /mnt/new")
    assert (tmp_path / "new").read_text() == "back\n"


def test_read_only_bind_mount_of_a_file(berth, tmp_path):
    (tmp_path / "conf").write_text("setting\n")
    flag = f"{tmp_path}/conf:/etc/app/conf:ro"
    assert berth("run", "--rm", "-v", flag, "busybox", "cat", "/etc/app/conf").out == "setting\n"
    berth.fails("run", "--rm", "-v", flag, "busybox", "sh", "-c", "echo x > /etc/app/conf", match="Read-only file system")


def test_missing_file_to_bind_is_an_error(berth, tmp_path):
    """Docker would make a directory of that name."""
    missing = tmp_path / "app" / ".env"
    berth.fails("run", "--rm", "-v", f"{missing}:/app/.env:ro", "busybox", "true", match=f"does not exist: {missing}", code=125)
    assert not missing.parent.exists()


def test_missing_folder_to_bind_is_made(berth, tmp_path):
    missing = tmp_path / "data"
    berth("run", "--rm", "-v", f"{missing}:/data", "busybox", "touch", "/data/file")
    assert (missing / "file").exists()
    missing = tmp_path / "other"
    berth.fails("run", "--rm", "--mount", f"type=bind,src={missing},dst=/data", "busybox", "true", match="does not exist", code=125)


def test_named_volume_keeps_its_data(berth, name):
    berth("run", "--rm", "-v", f"{name}:/data", "busybox", "sh", "-c", "echo kept > /data/file")
    assert berth("run", "--rm", "-v", f"{name}:/data", "busybox", "cat", "/data/file").out == "kept\n"
    assert name in berth("volume", "ls", "-q").out.split()


def test_new_volume_takes_what_the_image_has_there(berth, name):
    assert berth("run", "--rm", "-v", f"{name}:/www", "busybox", "cat", "/www/index.html").out == "hello from busybox\n"


def test_read_only_root(berth):
    berth.fails("run", "--rm", "--read-only", "busybox", "touch", "/file", match="Read-only file system")


def test_tmpfs(berth):
    out = berth("run", "--rm", "--tmpfs", "/scratch:size=1m", "busybox", "sh", "-c", "grep ' /scratch ' /proc/mounts").out
    assert "tmpfs" in out and "size=1024k" in out


def test_absent_image(berth):
    berth.fails("run", "--rm", "nosuch:1.0", "true", match="nosuch:1.0", code=125)


def test_command_that_is_not_there(berth, name):
    berth.fails("run", "--name", name, "busybox", "no-such-command", match=r"no-such-command.*executable file not found in \$PATH", code=127)
    assert berth("ps", "-a", "--filter", f"name={name}", "--format", "{{.Status}}").out.startswith("Created")


def test_command_that_cannot_be_run(berth):
    berth.fails("run", "--rm", "busybox", "/etc/passwd", match="(?i)permission denied", code=126)


def test_bad_flags_say_which(berth):
    berth.fails("run", "--no-such-flag", "busybox", match="no-such-flag", code=125)
    berth.fails("run", "--rm", "-m", "lots", "busybox", "true", match="lots", code=125)
    berth.fails("run", "--rm", "-p", "70000:80", "busybox", "true", match="70000", code=125)


def test_detached_prints_the_id(berth, name):
    container = berth("run", "-d", "--name", name, "busybox", "sleep", "60").out.strip()
    assert len(container) == 64
    assert berth("ps", "-q", "--no-trunc").out.strip() == container


def test_rm_leaves_no_row(berth, name):
    berth("run", "--rm", "--name", name, "busybox", "true")
    assert berth("ps", "-aq", "--filter", f"name={name}").out == ""


def test_signals_reach_the_process(berth, name):
    run = berth.start("run", "--rm", "--name", name, "busybox", "sh", "-c", "trap 'echo got TERM; exit 5' TERM; echo ready; while :; do sleep 0.1; done")
    assert run.stdout.readline() == "ready\n"
    run.terminate()
    assert run.wait(10) == 5
    assert run.stdout.read() == "got TERM\n"

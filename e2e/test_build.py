"""`berth build`: every instruction, the cache, and what goes wrong."""

import bz2
import gzip
import io
import json
import lzma
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from harness.images import add
from harness.net import serve


@pytest.fixture
def build(berth, tmp_path, name):
    """Write a context, build it under `name`; returns the result. A Dockerfile is its text, files are a dict."""

    def build(dockerfile: str, *options: str, files: dict[str, str] | None = None, fails: str | None = None):
        (tmp_path / "Dockerfile").write_text(dockerfile)
        for path, text in (files or {}).items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        if fails is not None:
            return berth.fails("build", "-t", name, *options, str(tmp_path), match=fails)
        return berth("build", "-t", name, *options, str(tmp_path))

    yield build
    berth.run("rmi", "-f", name)


@pytest.fixture
def run(berth, name):
    """Run the image that the test built."""
    return lambda *args: berth("run", "--rm", name, *args).out


def config(berth, name: str) -> dict:
    return json.loads(berth("inspect", name).out)[0]["Config"]


def test_the_tutorials_instructions(build, run):
    build(
        "FROM busybox\nWORKDIR /app\nCOPY . .\nRUN cat requirements.txt > installed\nCMD [\"cat\", \"installed\"]\n",
        files={"requirements.txt": "fastapi\n", "src/app.py": "pass\n"},
    )
    assert run() == "fastapi\n"
    assert run("cat", "/app/src/app.py") == "pass\n"


def test_from_scratch(build, run, tmp_path):
    (tmp_path / "prog").write_bytes(Path("/bin/busybox").read_bytes())
    (tmp_path / "prog").chmod(0o755)
    build('FROM scratch\nCOPY prog /busybox\nENTRYPOINT ["/busybox", "echo"]\nCMD ["from", "scratch"]\n')
    assert run() == "from scratch\n"
    assert run("other") == "other\n"


def test_configuration(build, berth, name):
    build(
        'FROM busybox\nENV A=1 B="two words"\nENV OLD style value\nLABEL who=test "what kind"=label\n'
        'EXPOSE 80 53/udp\nUSER worker\nWORKDIR /a\nWORKDIR b\nVOLUME /data\nSTOPSIGNAL SIGINT\n'
        'ENTRYPOINT ["echo"]\nCMD ["x"]\n'
    )
    shown = config(berth, name)
    assert {"A=1", "B=two words", "OLD=style value"} <= set(shown["Env"])
    assert shown["Labels"] == {"who": "test", "what kind": "label"}
    assert shown["ExposedPorts"] == {"80/tcp": {}, "53/udp": {}}
    assert (shown["User"], shown["WorkingDir"], shown["StopSignal"]) == ("worker", "/a/b", "SIGINT")
    assert (shown["Entrypoint"], shown["Cmd"]) == (["echo"], ["x"])
    assert shown["Volumes"] == {"/data": {}}


def test_shell_form(build, run):
    build("FROM busybox\nENV WHO=world\nCMD echo hello $WHO\n")
    assert run() == "hello world\n"


def test_args(build, run):
    dockerfile = "ARG BASE=nosuch\nFROM ${BASE}\nARG TEXT=default\nARG OTHER\nENV SAID=$TEXT\nRUN echo $TEXT $OTHER > /said\nCMD cat /said\n"
    build(dockerfile, "--build-arg", "BASE=busybox", "--build-arg", "OTHER=more")
    assert run() == "default more\n"
    build(dockerfile, "--build-arg", "BASE=busybox", "--build-arg", "TEXT=mine")
    assert run() == "mine\n"


def test_expansion(build, run):
    build('FROM busybox\nENV A=/opt\nWORKDIR ${A}/sub\nENV B=${A:+set} C=${NONE:-fallback} D=\\$A\nRUN echo "$B $C $D" > /out\nCMD cat /out; pwd\n')
    assert run() == "set fallback $A\n/opt/sub\n"


def test_user_and_workdir_hold_in_run(build, run):
    build("FROM busybox\nWORKDIR /work\nRUN chown worker /work\nUSER worker\nRUN id -u > who && pwd >> who\nCMD cat who\n")
    assert run() == "1000\n/work\n"


def test_workdir_exists_even_when_unused(build, run):
    build("FROM busybox\nWORKDIR /made/for/it\nWORKDIR /\n")
    assert run("ls", "-d", "/made/for/it") == "/made/for/it\n"


def test_copy_forms(build, run):
    build(
        'FROM busybox\nCOPY a.txt b.txt /one/\nCOPY folder /two\nCOPY *.txt /three/\nCOPY ["with space", "/four/with space"]\n'
        "COPY --chown=worker:staff --chmod=640 a.txt /five\n",
        files={"a.txt": "a", "b.txt": "b", "folder/inner/c": "c", "with space": "s"},
    )
    assert run("ls", "/one").split() == run("ls", "/three").split() == ["a.txt", "b.txt"]
    assert run("cat", "/two/inner/c", "/four/with space") == "cs"
    assert run("stat", "-c", "%U:%G %a", "/five") == "worker:staff 640\n"


def test_stages(build, run):
    build(
        "FROM busybox AS maker\nRUN echo made > /made\nFROM busybox AS unused\nRUN exit 1\n"
        "FROM busybox\nCOPY --from=maker /made /made\nCOPY --from=0 /made /again\nCMD cat /made /again\n"
    )
    assert run() == "made\nmade\n"


def test_target(build, run):
    build("FROM busybox AS first\nCMD echo first\nFROM first\nCMD echo last\n", "--target", "first")
    assert run() == "first\n"


COMPRESSIONS = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout,
}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("suffix", [".tar.gz", ".txt"])
def test_add_unpacks_a_tar_by_its_content(build, run, tmp_path, compression, suffix):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        add(tar, "deep/payload", compression.encode() + b"\n", mode=0o640, uid=1000, gid=50)
    (tmp_path / f"pack{suffix}").write_bytes(COMPRESSIONS[compression](packed.getvalue()))
    build(
        f"FROM busybox\nADD pack{suffix} /unpacked/\nCOPY pack{suffix} /packed/\n"
        "CMD cd /unpacked; find *; cat deep/payload; stat -c '%U:%G %a' deep/payload; ls /packed\n"
    )
    assert run() == f"deep\ndeep/payload\n{compression}\nworker:staff 640\npack{suffix}\n"


def test_add_copies_what_is_only_named_like_a_tar(build, run):
    build("FROM busybox\nADD notes.tar.gz /there/\nCMD cd /there; find * -type f; cat *\n", files={"notes.tar.gz": "only text\n"})
    assert run() == "notes.tar.gz\nonly text\n"


def test_add_from_a_url(build, run, tmp_path):
    """Mode 0600, the server's time, and a tar stays packed (tutorial, l.110)."""
    served = tmp_path.parent / "served"
    served.mkdir()
    (served / "page.html").write_text("<p>\n")
    with tarfile.open(served / "pack.tar.gz", "w:gz") as tar:
        add(tar, "inside", b"packed\n")
    for file in served.iterdir():
        os.utime(file, (1_000_000_000, 1_000_000_000))
    with serve(served) as url:
        build(
            f"FROM busybox\nADD {url}/page.html /renamed\nADD {url}/pack.tar.gz {url}/page.html /folder/\n"
            f"ADD --chmod=644 --chown=worker {url}/page.html /chosen\n"
            "CMD stat -c '%n %a %U %Y' /renamed /folder/* /chosen; tar tzf /folder/pack.tar.gz\n"
        )
        assert run().splitlines() == [
            "/renamed 600 root 1000000000", "/folder/pack.tar.gz 600 root 1000000000", "/folder/page.html 600 root 1000000000",
            "/chosen 644 worker 1000000000", "inside",
        ]
        build(f"FROM busybox\nADD {url}/missing /\n", fails=r"ADD failed: failed to GET .*/missing with status 404")
    build(f"FROM busybox\nADD {url}/page.html /\n", "--no-cache", fails=f"(?i)ADD failed: cannot download {url}")


def test_what_is_seldom_meant_is_told(build):
    text = build("FROM busybox\nWORKDIR here\nRUN cd /tmp\nRUN cd /tmp && touch x\nRUN cd /tmp; touch y\nWORKDIR /a\nWORKDIR b\nRUN cdx || true\n").text
    assert 'line 2: WorkdirRelativePath: Relative workdir "here" can have unexpected results' in text
    assert "line 3: RunCd: RUN cd /tmp has no effect on the instructions after it: write WORKDIR /tmp" in text
    assert "line 4: RunCd: write WORKDIR /tmp in the place of RUN cd /tmp" in text and "line 5: RunCd" in text
    assert not any(f"line {number}: " in text for number in (6, 7, 8))


def test_several_runs_make_a_layer_each(build, berth, name, run):
    build("FROM busybox\nRUN echo 1 > /one\nWORKDIR /w\nRUN echo 2 > two\nCOPY Dockerfile .\nRUN echo 3 >> two\nCMD cat /one two\n")
    assert run() == "1\n2\n3\n"
    layers = len(json.loads(berth("inspect", name).out)[0]["RootFS"]["Layers"])
    assert layers - len(json.loads(berth("inspect", "busybox").out)[0]["RootFS"]["Layers"]) == 5


@pytest.mark.parametrize(
    ("entrypoint", "command", "arguments", "out"),
    [
        (None, '["echo", "exec", "$HOME"]', [], "exec $HOME\n"),
        (None, "echo shell $HOME", [], "shell /root\n"),
        ('["echo", "entry"]', None, [], "entry\n"),
        ('["echo", "entry"]', '["command"]', [], "entry command\n"),
        ('["echo", "entry"]', '["command"]', ["given"], "entry given\n"),
        ('["echo", "entry"]', "shell form", [], "entry /bin/sh -c shell form\n"),
        ("echo shell $HOME", '["command"]', ["given"], "shell /root\n"),
        # Docker drops the image's CMD with its ENTRYPOINT.
        ('["echo", "entry"]', '["command"]', ["--entrypoint", "echo"], "\n"),
        ('["echo", "entry"]', '["command"]', ["--entrypoint", "echo", "given"], "given\n"),
        ('["false"]', '["echo", "command"]', ["--entrypoint", ""], None),
        ('["false"]', None, ["--entrypoint", "", "echo", "bare"], "bare\n"),
    ],
)
def test_entrypoint_and_cmd(build, berth, name, entrypoint, command, arguments, out):
    instructions = ["FROM busybox"]
    if entrypoint:
        instructions.append(f"ENTRYPOINT {entrypoint}")
    if command:
        instructions.append(f"CMD {command}")
    build("\n".join(instructions) + "\n")
    flags = arguments[:2] if arguments[:1] == ["--entrypoint"] else []
    line = ["run", "--rm", *flags, name, *arguments[len(flags):]]
    if out is None:
        berth.fails(*line, match="(?i)no command specified")
    else:
        assert berth(*line).out == out


def test_entrypoint_forgets_the_bases_cmd(build, run):
    build('FROM busybox AS base\nCMD ["of the base"]\nFROM base\nENTRYPOINT ["echo", "entry"]\n')
    assert run() == "entry\n"


def test_workdir_applies_to_all_that_follow(build, run):
    build(
        "FROM busybox\nWORKDIR /a\nWORKDIR b\nRUN pwd > seen\nCOPY x .\nADD x y\nWORKDIR ../c\nCOPY x .\n"
        'ENTRYPOINT ["sh", "-c", "pwd; cat /a/b/seen; ls /a/b; ls"]\n',
        files={"x": "x"},
    )
    assert run() == "/a/c\n/a/b\nseen\nx\ny\nx\n"


def test_heredoc(build, run):
    build("FROM busybox\nRUN <<EOF\necho one > /out\necho two >> /out\nEOF\nCOPY <<EOF /text\nwritten here\nEOF\nCMD cat /out /text\n")
    assert run() == "one\ntwo\nwritten here\n"


def test_deleting_and_replacing(build, run):
    build("FROM busybox\nRUN mkdir /d && touch /d/a /d/b && echo 1 > /f\nRUN rm /d/a && echo 2 > /f\nRUN rm -r /d && mkdir /d && touch /d/c\nCMD ls /d; cat /f\n")
    assert run() == "c\n2\n"


def test_dockerignore(build, run, tmp_path):
    build(
        "FROM busybox\nCOPY . /ctx\nCMD cd /ctx; find . -type f | sort\n",
        files={".dockerignore": "# secrets\n.env\n**/*.log\n!keep.log\nbuild/\n", ".env": "KEY=1", "a.log": "", "keep.log": "", "sub/b.log": "", "sub/c": "", "build/x": ""},
    )
    assert run().split() == ["./.dockerignore", "./Dockerfile", "./keep.log", "./sub/c"]


def test_a_large_context_names_its_largest_entries(build, tmp_path):
    (tmp_path / "data").mkdir()
    for path, size in (("data/a", 60_000_000), ("data/b", 30_000_000), ("video", 20_000_000), ("small", 1000)):
        (tmp_path / path).touch()
        os.truncate(tmp_path / path, size)
    text = build("FROM busybox\nCOPY small /\n").text
    assert "The build context has 110MB: data/ 90MB, video 20MB, small 1kB, Dockerfile" in text
    (tmp_path / ".dockerignore").write_text("data\n")
    assert "The build context has" not in build("FROM busybox\nCOPY small /\n").text


def test_dockerfile_elsewhere_and_on_stdin(build, run, berth, tmp_path, name):
    (tmp_path / "other.Dockerfile").write_text("FROM busybox\nCMD echo other\n")
    build("FROM nosuch\n", "-f", str(tmp_path / "other.Dockerfile"))
    assert run() == "other\n"
    berth("build", "-t", name, "-", input="FROM busybox\nCMD echo stdin\n")
    assert run() == "stdin\n"


def test_unchanged_steps_are_not_run_again(build, run):
    dockerfile = "FROM busybox\nCOPY a /a\nRUN cat /proc/sys/kernel/random/uuid > /first\nCOPY b /b\nRUN cat /proc/sys/kernel/random/uuid > /second\n"
    build(dockerfile, files={"a": "1", "b": "1"})
    one = run("cat", "/first", "/second").split()
    assert "CACHED" in build(dockerfile).text
    assert run("cat", "/first", "/second").split() == one
    build(dockerfile, files={"b": "2"})
    two = run("cat", "/first", "/second").split()
    assert two[0] == one[0] and two[1] != one[1]
    build(dockerfile, "--no-cache")
    assert run("cat", "/first").split() != one[:1]


def test_touching_a_file_does_not_break_the_cache(build, run, tmp_path):
    dockerfile = "FROM busybox\nCOPY a /a\nRUN cat /proc/sys/kernel/random/uuid > /id\n"
    build(dockerfile, files={"a": "1"})
    first = run("cat", "/id")
    (tmp_path / "a").touch()
    build(dockerfile)
    assert run("cat", "/id") == first


def test_plain_progress_in_a_pipe(build):
    text = build("FROM busybox\nRUN echo from the step\n").text
    assert "from the step" in text and "\x1b[" not in text and "RUN echo" in text


def test_quiet_prints_the_id(build, berth, name):
    assert build("FROM busybox\nLABEL a=b\n", "-q").out.strip().startswith("sha256:")


def test_run_has_the_network_and_names(build, peer):
    server = peer.serve_caller_address(9000)
    try:
        build(f"FROM busybox\nRUN nc -w 5 {peer.address} 9000 | grep {peer.host_address} && grep localhost /etc/hosts\n", "--no-cache")
    finally:
        server.terminate()
        server.wait()


def test_resolv_conf_is_not_baked(build, run):
    build("FROM busybox\nRUN cat /etc/resolv.conf /etc/hosts > /seen && test -s /seen\n")


@pytest.mark.parametrize(
    ("dockerfile", "message"),
    [
        ("FROM busybox\n\nRUNN echo\n", r"(?i)(line 3|:3)[\s\S]*unknown instruction: RUNN"),
        ("FROM busybox\nCOPY missing.txt /\n", r"missing\.txt.*not found|not found.*missing\.txt"),
        ("FROM nosuch:1.0\n", r"nosuch:1\.0"),
        ("# a comment\n\nARG A=1\nRUN true\nFROM busybox\n", r"line 4: no build stage in current context: RUN stands before FROM"),
        ("ARG A=1\n", r"no FROM instruction"),
        ("", r"(?i)empty"),
        ("FROM busybox\nRUN exit 3\n", r"(?i)exit code: 3|returned a non-zero code: 3"),
        ("FROM busybox\nCOPY --from=nowhere /a /a\n", r"nowhere"),
        ("FROM busybox\nEXPOSE http\n", r"(?i)http"),
        ("FROM busybox\nCOPY onlyone\n", r"(?i)COPY requires at least two arguments"),
        ("FROM busybox\nWORKDIR\n", r"(?i)WORKDIR requires exactly one argument"),
        ("FROM busybox\nENV A\n", r"(?i)ENV"),
    ],
)
def test_bad_dockerfiles(build, berth, name, dockerfile, message):
    build(dockerfile, fails=message)
    assert berth("images", "-q", name).out == ""


def test_missing_context_and_dockerfile(berth, tmp_path):
    berth.fails("build", str(tmp_path / "nowhere"), match="nowhere")
    berth.fails("build", str(tmp_path), match="(?i)dockerfile")
    berth.fails("build", "-f", str(tmp_path / "missing.Dockerfile"), str(tmp_path), match=r"missing\.Dockerfile")


def test_copy_cannot_leave_the_context(build, tmp_path):
    outside = tmp_path.parent / "outside.txt"
    outside.write_text("secret")
    build("FROM busybox\nCOPY ../outside.txt /\n", fails="outside.txt")


def test_a_failed_step_leaves_no_container(build, berth):
    build("FROM busybox\nRUN sleep 0.1; exit 1\n", fails="exit 1")
    assert berth("ps", "-aq").out == ""


def test_interrupted_build_stops_the_step(daemon, berth, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM busybox\nRUN echo started; sleep 600\n")
    build = berth.start("build", str(tmp_path))
    while "started" not in (line := build.stdout.readline()):
        assert line, "the build ended"
    build.terminate()
    build.wait(10)
    build.stdout.close()

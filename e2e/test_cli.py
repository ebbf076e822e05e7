"""The command line by itself: help, slips of the tongue, formats, credentials, progress."""

import json
import shutil
import signal
import stat
import subprocess

import pytest

from harness.cli import Cli, Terminal, eventually
from harness.daemon import BINARIES
from harness.registry import PASSWORD, USER, Registry
from harness.standin import StandIn

NOWHERE = {"BERTH_HOST": "unix:///nonexistent/berth.sock", "PATH": "/usr/local/bin:/usr/bin:/bin"}


@pytest.fixture
def alone(tmp_path) -> Cli:
    """The command without a daemon."""
    return Cli(str(BINARIES / "berth"), {**NOWHERE, "HOME": str(tmp_path)})


@pytest.fixture
def link(tmp_path):
    """The command under another name, as `make install LINKS=1` makes it."""

    def make(name: str, env: dict[str, str] = NOWHERE) -> Cli:
        path = tmp_path / "links" / name
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(BINARIES / "berth")
        return Cli(str(path), {**env, "HOME": str(tmp_path)})

    return make


@pytest.fixture
def standin(tmp_path):
    with StandIn(tmp_path) as daemon:
        yield daemon


# Help

COMMANDS = """
    run exec ps build pull push images login logout search version info attach commit cp create diff events export
    history import inspect kill load logs pause port rename restart rm rmi save start stats stop tag top unpause
    update wait
""".split()


def test_help_for_every_command(alone):
    for command in COMMANDS:
        text = alone(command, "--help").out
        assert text.startswith(f"Usage:  berth {command}"), text
        assert alone("help", command).out == text
    assert alone("system", "df", "--help").out == alone("help", "system", "df").out
    assert alone("compose", "up", "--help").out.startswith("Usage:  berth compose up [OPTIONS]")


def test_help_has_dockers_layout(alone):
    text = alone("save", "--help").out
    for part in (
        "Usage:  berth save [OPTIONS] IMAGE [IMAGE...]\n\n",
        "\nAliases:\n  berth image save, berth save\n",
        "\nOptions:\n  -o, --output string     ",
        "\nExamples:\n",
        "  berth save nginx:latest | gzip > nginx_latest.tar.gz\n",
    ):
        assert part in text, text
    titles = [line for line in alone("--help").lines if line.endswith(":")]
    assert titles == ["Common Commands:", "Management Commands:", "Commands:", "Global Options:"]


def test_usage_and_aliases_are_the_stock_ones(link):
    ours, stock = link("docker"), Cli(shutil.which("docker"), {"PATH": NOWHERE["PATH"], "HOME": "/nonexistent"})
    for command in COMMANDS + ["container ls", "image ls", "system df", "system prune", "network create", "volume rm"]:
        expected, text = stock(*command.split(), "--help").lines, ours(*command.split(), "--help").lines
        for title in ("Usage:", "Aliases:"):
            if title == "Usage:" or title in expected:
                same = [lines[next(i for i, line in enumerate(lines) if line.startswith(title)) + (title != "Usage:")] for lines in (expected, text)]
                # Stock docker's build belongs to a group that is called after its plugin.
                assert same[0] == same[1] or command == "build", same


def test_the_name_it_is_called_by(link):
    docker, compose = link("docker"), link("docker-compose")
    assert docker("run", "--help").out.startswith("Usage:  docker run [OPTIONS] IMAGE")
    assert "  docker save nginx:latest -o nginx_latest.tar\n" in docker("help", "save").out
    assert docker("-v").out.startswith("Docker version ") and ", build " in docker("-v").out
    assert compose("up", "--help").out.startswith("Usage:  docker-compose up [OPTIONS]")
    assert "docker-compose up -d --build\n" in compose("up", "--help").out
    docker.fails("sav", match="docker: unknown command: docker sav", code=1)


@pytest.mark.parametrize(
    "line, code, text",
    [
        ("save", 1, '"berth save" requires at least 1 argument.\nSee \'berth save --help\'.\n\nUsage:  berth save [OPTIONS] IMAGE'),
        ("tag a", 1, '"berth tag" requires exactly 2 arguments.\n'),
        ("ps x", 1, '"berth ps" accepts no arguments.\n'),
        ("import a b c", 1, '"berth import" requires at least 1 and at most 2 arguments.\n'),
        ("sav x", 1, "berth: unknown command: berth sav\n\nDid you mean this?\n        save\n"),
        ("image pul x", 1, "berth: unknown command: berth image pul\n\nDid you mean this?\n        pull\n"),
        ("save --outptu f x", 125, "unknown flag: --outptu\nDid you mean --output?\n"),
        ("run -name web nginx", 125, "unknown shorthand flag: 'n' in -name\nDid you mean --name?\n"),
        ("ps --filter name", 125, 'invalid argument "name" for "-f, --filter" flag: bad format of filter'),
        ("run --memory x nginx", 125, 'invalid argument "x" for "-m, --memory" flag: invalid size'),
    ],
)
def test_what_cannot_be_read_is_told(alone, line, code, text):
    assert alone.fails(*line.split(), code=code).err.startswith(text)


def test_without_a_daemon(alone):
    result = alone.fails("version", code=1)
    keys = [line.split(":")[0].strip() for line in result.lines]
    assert keys == ["Client", "Version", "API version", "Go version", "Git commit", "Built", "OS/Arch", "Context"]
    assert "Cannot connect to the Berth daemon at unix:///nonexistent/berth.sock" in result.err
    assert alone("version", "--format", "{{.Client.Version}}", code=1).out.strip()
    assert alone("version", "--format", "{{.Server.Version}}", code=1).out == ""
    assert "Version:" in alone.fails("info", code=1).out
    assert alone("context", "ls", "-q").out == "default\n"


# Beside the stock client

ALIKE = r"""
ps -a --format 'table {{.Names}}\t{{.Ports}}\t{{.Mounts}}\t{{.Status}}'
ps -a --format 'table {{json .Names}}\t{{upper .Image}}\t{{truncate .ID 4}}'
ps -a --format '{{join (split .Names "-") "/"}} {{title .State}} {{pad .Image 2 3}}|'
ps -a --format '{{if eq .State "running"}}yes{{else if eq .State "exited"}}ended{{else}}no{{end}} {{.Label "app"}}'
ps -a --format '{{printf "%-20s|%5s|%q" .Names .State .Image}} {{len .Names}} {{println .ID}}'
ps -a --no-trunc
ps -aq
ps -n 1 --format '{{.Names}}'
ps -a --filter status=exited --format '{{.Names}}'
images
images --digests --no-trunc
images --format '{{.Repository}}:{{.Tag}} {{.Size}} {{.CreatedAt}}'
image inspect --format '{{.Id}} {{.Architecture}} {{.RootFS.Type}} {{.Config.Cmd}}' busybox
inspect -f '{{.ID}} {{.HostConfig.NanoCPUs}} {{.State.OOMKilled}} {{.HostConfig.RestartPolicy.Name}}' NAME
inspect -f '{{range $p, $conf := .NetworkSettings.Ports}}{{$p}} -> {{(index $conf 0).HostPort}}{{end}}' NAME
inspect -f '{{range $i, $m := .Mounts}}{{if $i}},{{end}}{{$m.Destination}}={{.Type}}{{end}}' NAME
inspect -f '{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}{{index .Config.Labels "app"}}' NAME
inspect -f '{{if and .State.Running (not .State.Paused)}}up{{end}} {{if .State.Health}}h{{else}}none{{end}}' NAME
inspect -f '{{with .State}}{{.Pid}}{{end}} {{.Name | upper | printf "%-20s|"}} {{slice .Id 0 5}}' NAME
inspect -f '{{range split "a,b,c" ","}}{{if eq . "b"}}{{continue}}{{end}}{{.}}{{end}} {{print 1 "a" 2}} {{print 1 2}}' NAME
inspect -f '{{/* nothing */}}{{- range .Config.Cmd -}} [{{.}}] {{- end}} {{html "<a>"}} {{urlquery "a b"}}' NAME
inspect -f '{{lt 1 2}} {{ge 2 2}} {{printf "%05d|%x" 42 255}} {{.Config.Env}}' NAME
inspect no-such-thing
network ls --filter driver=bridge
network inspect bridge -f '{{(index .IPAM.Config 0).Subnet}}'
network inspect no-such-network
volume ls
volume inspect NAME-data -f '{{.Mountpoint}} {{.Driver}}'
volume rm no-such-volume
history busybox
history -q --no-trunc busybox
history --format '{{.ID}}: {{.CreatedAt}} {{.Size}}' busybox
history -H=false busybox
port NAME
port NAME 80
port NAME 81
diff NAME
top NAME
top NAME -eo pid,comm
top no-such-container
stats --no-stream --format '{{.Name}} {{.Container}} {{.PIDs}}' NAME
events --since 1h --until 0s --filter container=NAME --filter event=start
events --since 1h --until 0s --filter container=NAME --format '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}'
events --since 1h --until 0s --filter type=network --filter container=NAME --format '{{.Status}}|{{json .}}'
info --format '{{.ID}} {{.ServerVersion}} {{.NCPU}} {{json .Plugins}}'
version --format '{{.Server.Version}} {{.Server.APIVersion}}'
kill no-such-container
pause no-such-container
rename no-such-container x
restart no-such-container
start no-such-container
stop no-such-container
rm NAME
rm -f no-such-container
rmi no-such-image
wait no-such-container
cp no-such-container:/x .
cp NAME:/nope .
cp NAME:/etc/passwd /no/such/folder/x
exec no-such-container ls
exec NAME sh -c 'exit 4'
exec NAME no-such-program
exec -w /nope NAME ls
exec -u nobody-knows NAME ls
exec -it NAME ls
run --rm --network no-such-network busybox true
save no-such-image
tag no-such-image x
run --name NAME busybox true
run --rm busybox no-such-program
run --rm busybox /etc
"""


def test_output_is_the_stock_clients(berth, docker, name):
    berth("run", "-d", "--name", name, "-p", "127.0.0.1:0:80", "-v", f"{name}-data:/data", "-l", "app=shop", "-l", "tier=1",
          "busybox", "sleep", "600")
    berth("run", "--name", f"{name}-done", "busybox", "sh", "-c", "echo x > /etc/x; exit 3", code=3)
    import shlex

    def shown(cli: Cli, words: list[str]) -> tuple[int, str, str]:
        result = cli.run(*words)
        # "Less than a second ago" is so for one and not for the other.
        return result.code, result.out, result.err.replace("berth: ", "docker: ").replace("'berth ", "'docker ")

    differ = []
    for line in ALIKE.strip().splitlines():
        words = shlex.split(line.replace("NAME", name))
        theirs, ours = shown(docker, words), shown(berth, words)
        if theirs != ours:
            theirs, ours = shown(docker, words), shown(berth, words)
        if theirs != ours:
            differ.append(f"{line}\n  docker {theirs}\n  berth  {ours}")
    assert not differ, "\n".join(differ)


def test_unknown_fields_are_errors(berth, name):
    berth("create", "--name", name, "busybox")
    berth.fails("ps", "-a", "--format", "{{.Nope}}", match="failed to execute template: .*<.Nope>: can't evaluate field Nope", code=1)
    berth.fails("ps", "--format", "{{.Names", match="failed to parse template: template: :1: unclosed action", code=1)
    berth.fails("inspect", "-f", "{{.Nope}}", name, match='template parsing error: .* map has no entry for key "Nope"', code=1)


def test_ps_says_why_it_ended(berth, name):
    berth("run", "--name", name, "busybox", "sh", "-c", "sh -c 'kill -SEGV $$'; exit $?", code=139)
    assert berth("ps", "-a", "--format", "{{.Status}}").out.startswith("Exited (139) ")
    assert berth("ps", "-a", "--format", "{{.Status}}").out.endswith(" ago\n")
    row = berth("ps", "-a").lines[1]
    assert "Exited (139) " in row and " ago (SIGSEGV)" in row


def test_ps_says_out_of_memory(berth, name):
    berth("run", "--name", name, "-m", "24m", "--memory-swap", "24m", "busybox", "tail", "/dev/zero", code=137)
    assert "(out of memory)" in berth("ps", "-a").lines[1]


# Slips


@pytest.fixture
def sleeper(berth, name) -> str:
    berth("run", "-d", "--name", name, "busybox", "sleep", "600")
    return name


def test_exec_iter(berth, sleeper):
    with berth.terminal("exec", "-iter", sleeper, "/bin/sh") as terminal:
        terminal.expect("-iter means -i -t -e r; -it is enough\r\n")
        terminal.expect("# ")
        terminal.send("exit 3\n")
        assert terminal.wait() == 3


def test_exec_without_the_blank(berth, sleeper):
    for words in ([f"{sleeper}/bin/bash"], [f"{sleeper}/bin/bash", "-c", "ls"]):
        berth.fails("exec", "-it", *words, match=f'did you mean "{sleeper} /bin/bash"\\?', code=1)


def test_exec_of_a_missing_shell(berth, sleeper):
    result = berth.fails("exec", sleeper, "/bin/bash", code=127)
    assert "/bin/bash" in result.err.splitlines()[0]
    assert result.err.splitlines()[1] == "There is no /bin/bash in this container, but there is /bin/sh, /bin/ash."
    assert "There is no" not in berth.fails("exec", sleeper, "no-such-program", code=127).err
    assert "There is no" not in berth.fails("exec", sleeper, "sh", "-c", "no-such-program", code=127).err


def test_run_of_a_missing_shell(berth, name):
    for words in ([], ["--rm"]):
        result = berth.fails("run", *words, "busybox", "/bin/bash", code=127)
        assert "There is no /bin/bash in this container, but there is /bin/sh, /bin/ash." in result.err
    assert berth("ps", "-aq", "--filter", "status=created").lines.__len__() == 1


@pytest.fixture
def scratch(berth, name, tmp_path) -> str:
    """An image of one static program and nothing else."""
    shutil.copy("/bin/busybox", tmp_path / "sleep")
    (tmp_path / "Dockerfile").write_text('FROM scratch\nCOPY sleep /sleep\nCMD ["/sleep", "600"]\n')
    berth("build", "-t", name, str(tmp_path))
    yield name
    berth.run("rmi", "-f", name)


def test_no_shell_at_all(berth, scratch):
    berth("run", "-d", "--name", scratch, scratch)
    assert "There is no shell in this container" in berth.fails("exec", "-i", scratch, "/bin/bash", code=127).err
    assert "There is no shell in this container" in berth.fails("run", "--rm", scratch, "sh", code=127).err
    berth("rm", "-f", scratch)


def test_flags_behind_the_image(berth):
    result = berth.fails("run", "--rm", "busybox", "-p", "8080:80", code=127)
    assert "put -p before busybox" in result.err


def test_windows_paths(berth, sleeper):
    told = "this looks like a Windows path"
    for words in (["C:/Users/SY/Desktop/index.html", f"{sleeper}://www"], ["C:\\Users\\x", f"{sleeper}:/www"], [f"{sleeper}:/etc", "D:\\x"],
                  ["c:/Users/x", f"{sleeper}:/www"], ["x:/Users/x", "."]):
        berth.fails("cp", *words, match=told, code=1)


def test_cp_with_two_slashes(berth, sleeper, tmp_path):
    (tmp_path / "index.html").write_text("new page\n")
    berth("cp", str(tmp_path / "index.html"), f"{sleeper}://www")
    assert berth("exec", sleeper, "cat", "/www/index.html").out == "new page\n"
    berth("cp", f"{sleeper}://www//index.html", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "new page\n"


def test_cp_hints_at_commit_on_a_terminal(berth, sleeper, tmp_path):
    (tmp_path / "f").write_text("x")
    with berth.terminal("cp", str(tmp_path / "f"), f"{sleeper}:/f") as terminal:
        terminal.expect(f"Successfully copied .* to {sleeper}:/f")
        terminal.expect(f"commit {sleeper} IMAGE keeps it")
        assert terminal.wait() == 0
    assert berth("cp", str(tmp_path / "f"), f"{sleeper}:/f").text == ""


def test_commit_without_a_container(berth, name):
    result = berth.fails("commit", "-m", "fun", name, code=1)
    assert result.err == (
        f"Error response from daemon: No such container: {name}\n"
        "The form is: berth commit -m MESSAGE CONTAINER IMAGE[:TAG]\n"
    )


def test_commit_names_what_is_left_out(berth, name, tmp_path):
    berth("run", "-d", "--name", name, "-v", f"{name}:/data", "-v", f"{tmp_path}:/host:ro", "busybox", "sleep", "600")
    result = berth("commit", "-m", "fun", name, f"{name}:2")
    assert result.out.startswith("sha256:")
    assert "Not in the image, since it is mounted:" in result.err
    assert f"/data (volume {name})" in result.err and f"/host ({tmp_path})" in result.err
    assert "fun" in berth("history", f"{name}:2").out
    berth("rmi", f"{name}:2")


def test_stop_says_why_it_took_so_long(berth, sleeper):
    result = berth("stop", "-t", "1", sleeper)
    assert result.out == f"{sleeper}\n"
    assert f"{sleeper} did not end within 1 second of SIGTERM and was killed" in result.err
    assert "PID 1" in result.err and "run --init" in result.err
    berth("start", sleeper)
    assert berth("stop", "-t", "0", sleeper).err == ""


def test_stop_of_one_that_listens_says_nothing(berth, name):
    berth("run", "-d", "--name", name, "busybox", "sh", "-c", "trap 'sleep 1; exit 0' TERM; while :; do sleep 0.1; done")
    berth("exec", name, "true")
    assert berth("stop", "-t", "10", name).err == ""


def test_conflicts_name_what_is_in_the_way(berth, sleeper):
    container = berth("inspect", "-f", "{{.Id}}", sleeper).out.strip()
    berth.fails("rm", sleeper, match=f"(?i)cannot remove container .*{sleeper}.*: container is running: stop the container before removing or force remove", code=1)
    result = berth.fails("rmi", "busybox", match=f"(?i)conflict: unable to .*container .*{container[:12]}", code=1)
    assert f"Container {container[:12]} is called {sleeper}; it can be removed first: berth rm -f {sleeper}" in result.err


def test_an_image_of_several_names(berth, busybox, name, tmp_path):
    (tmp_path / "Dockerfile").write_text(f"FROM busybox\nLABEL a={name}\n")
    berth("build", "-t", f"{name}:1", str(tmp_path))
    assert berth("tag", f"{name}:1", f"{name}:2").text == ""
    image = berth("images", "-q", name).lines[0]
    result = berth.fails("rmi", image, match="conflict: unable to delete", code=1)
    assert f"Its names are {name}:1, {name}:2; berth rmi takes them one by one" in result.err
    assert berth("tag", "busybox", f"{name}:2").err == f"{name}:2 was {image} until now\n"
    berth("rmi", f"{name}:1", f"{name}:2")


# Credentials

HELPER = """#!/bin/sh
read -r line || true
case "$1" in
store) printf %s "$line" > "$HOME/kept" ;;
get) [ -f "$HOME/kept" ] && cat "$HOME/kept" || { echo credentials not found in native keychain; exit 1; } ;;
erase) rm -f "$HOME/kept" ;;
list) echo '{}' ;;
esac
"""


def config(standin: StandIn) -> dict:
    return json.loads((standin.home / ".docker/config.json").read_text())


def test_login_keeps_credentials_safely(standin):
    standin.answers = {"/auth": {"Status": "Login Succeeded", "IdentityToken": ""}}
    berth = standin.berth()
    result = berth("login", "-u", "li", "--password-stdin", "https://registry.test:5000/v1/", input="pass:word\n")
    assert result.out == "Login Succeeded\n" and "stored unencrypted" in result.err
    assert json.loads(standin.last("/auth").body) == {"username": "li", "password": "pass:word", "serveraddress": "registry.test:5000"}
    file = standin.home / ".docker/config.json"
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    assert config(standin) == {"auths": {"registry.test:5000": {"auth": "bGk6cGFzczp3b3Jk"}}}
    assert berth("login", "registry.test:5000").out.startswith("Authenticating with existing credentials... [Username: li]\n")
    assert berth("logout", "registry.test:5000").out == "Removing login credentials for registry.test:5000\n"
    assert config(standin)["auths"] == {}


def test_login_leaves_the_rest_of_the_file_alone(standin):
    standin.answers = {"/auth": {"Status": "Login Succeeded"}}
    real = standin.home / "real.json"
    before = '{"zeta": 1.50, "auths": {"b.test": {"auth": "YTpi", "email": "x"}}, "alpha": {"k": [1, null]}}'
    real.write_text(before)
    (standin.home / ".docker").mkdir()
    (standin.home / ".docker/config.json").symlink_to(real)
    standin.berth()("login", "-u", "li", "-p", "pw", "a.test")
    assert (standin.home / ".docker/config.json").is_symlink()
    text = real.read_text()
    assert list(json.loads(text)) == ["zeta", "auths", "alpha"] and "1.50" in text
    assert list(json.loads(text)["auths"]) == ["b.test", "a.test"]


def test_login_with_a_helper(standin):
    standin.answers = {"/auth": {"Status": "Login Succeeded"}, "/images/create": [{"status": "ok"}], "/images/": [{"status": "ok"}]}
    helper = standin.home / "docker-credential-fake"
    helper.write_text(HELPER)
    helper.chmod(0o755)
    (standin.home / ".docker").mkdir()
    (standin.home / ".docker/config.json").write_text('{"credsStore": "fake"}')
    berth = standin.berth()
    assert "unencrypted" not in berth("login", "-u", "li", "-p", "geheim", "r.test").err
    assert config(standin) == {"credsStore": "fake", "auths": {"r.test": {}}}
    assert json.loads((standin.home / "kept").read_text()) == {"ServerURL": "r.test", "Username": "li", "Secret": "geheim"}
    berth("pull", "r.test/app:1")
    assert standin.last("/images/create").credentials()["password"] == "geheim"
    berth("push", "r.test/app:1")
    assert standin.last("/images/r.test/app/push").credentials()["username"] == "li"
    berth("logout", "r.test")
    assert not (standin.home / "kept").exists()


def test_login_keeps_a_token_instead_of_the_password(standin):
    standin.answers = {"/auth": {"Status": "Login Succeeded", "IdentityToken": "tok"}, "/images/create": [{"status": "ok"}]}
    berth = standin.berth()
    berth("login", "-u", "li", "-p", "pw", "r.test")
    assert config(standin)["auths"]["r.test"] == {"auth": "bGk6", "identitytoken": "tok"}
    berth("pull", "r.test/app:1")
    assert standin.last("/images/create").credentials()["identitytoken"] == "tok"


def test_login_asks_on_a_terminal(standin):
    standin.answers = {"/auth": {"Status": "Login Succeeded"}}
    with standin.berth().terminal("login") as terminal:
        terminal.expect("Username: ")
        terminal.send("li\n")
        terminal.expect("Password: ")
        terminal.send("geheim\n")
        terminal.expect("Login Succeeded")
        assert terminal.wait() == 0 and "geheim" not in terminal.seen
    assert json.loads(standin.last("/auth").body)["password"] == "geheim"
    assert list(config(standin)["auths"]) == ["https://index.docker.io/v1/"]


def test_login_failures(standin, alone):
    standin.answers = {"/auth": (500, {"message": "no route to the network"})}
    berth = standin.berth()
    berth.fails("login", "-u", "a", "-p", "b", "r.test", match="login to r.test failed: no route to the network", code=1)
    berth.fails("login", "-u", "a", "-p", "b", match="index.docker.io", code=1)
    berth.fails("login", match="Cannot perform an interactive login from a non TTY device", code=1)
    berth.fails("login", "--password-stdin", match="Must provide --username with --password-stdin", code=1)
    berth.fails("login", "-u", "a", "-p", "b", "--password-stdin", match="mutually exclusive", code=1)
    assert not (standin.home / ".docker/config.json").exists()
    assert berth("logout", "r.test").out == "Not logged in to r.test\n"


def test_broken_settings_are_kept_and_told(standin):
    standin.answers = {"/auth": {"Status": "Login Succeeded"}, "/images/create": [{"status": "ok"}]}
    file = standin.home / ".docker/config.json"
    file.parent.mkdir()
    file.write_text("{ not json")
    berth = standin.berth()
    assert f"WARNING: the client's settings in {file} cannot be read" in berth("pull", "nginx").err
    berth.fails("login", "-u", "a", "-p", "b", "r.test", match="cannot be read", code=1)
    assert file.read_text() == "{ not json"
    file.write_text("")
    assert berth("pull", "nginx").err == ""


def test_settings_elsewhere(standin, tmp_path):
    standin.answers = {"/auth": {"Status": "Login Succeeded"}}
    standin.berth(DOCKER_CONFIG=str(tmp_path / "one"))("login", "-u", "a", "-p", "b", "r.test")
    standin.berth()("--config", str(tmp_path / "two"), "login", "-u", "a", "-p", "b", "r.test")
    assert (tmp_path / "one/config.json").exists() and (tmp_path / "two/config.json").exists()


def test_a_build_gets_all_credentials(standin, tmp_path):
    standin.answers = {"/build": [{"stream": "Successfully built\n"}]}
    (tmp_path / "Dockerfile").write_text("FROM r.test/base\n")
    folder = standin.home / ".docker"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({
        "auths": {"r.test": {"auth": "YTpi"}, "https://index.docker.io/v1/": {"auth": "YTpi"}},
        "proxies": {"default": {"httpProxy": "http://proxy.test:3128"}},
    }))
    standin.berth()("build", "-q", str(tmp_path))
    asked = standin.last("/build")
    assert {host: entry["username"] for host, entry in asked.credentials("X-Registry-Config").items()} == {
        "r.test": "a", "https://index.docker.io/v1/": "a"}
    assert "http_proxy" in asked.path and "HTTP_PROXY" in asked.path


def test_proxies_go_to_containers(daemon, berth, tmp_path):
    (tmp_path / "config.json").write_text('{"proxies": {"default": {"httpProxy": "http://p:1", "noProxy": "lan"}}}')
    here = daemon.client(berth.program, DOCKER_CONFIG=str(tmp_path))
    out = here("run", "--rm", "-e", "http_proxy=mine", "busybox", "env").lines
    assert {"HTTP_PROXY=http://p:1", "http_proxy=mine", "NO_PROXY=lan", "no_proxy=lan"} <= set(out)


@pytest.mark.parametrize("kind", ["basic", "token"])
def test_login_to_a_real_registry(daemon, busybox, kind, tmp_path):
    berth = daemon.client(BINARIES / "berth", DOCKER_CONFIG=str(tmp_path / "settings"))
    with Registry(tmp_path / "registry", auth=kind) as registry:
        image = f"{registry.host}/team/app:1"
        berth("tag", "busybox", image)
        result = berth.fails("push", image, code=1)
        assert f"og in first: berth login {registry.host}" in result.err
        berth.fails("login", "-u", USER, "--password-stdin", registry.host, input="wrong\n", match=registry.host, code=1)
        assert not (tmp_path / "settings").exists()
        berth("login", "-u", USER, "--password-stdin", registry.host, input=PASSWORD + "\n")
        if kind == "token":
            assert PASSWORD not in (tmp_path / "settings/config.json").read_text()
        berth("push", image)
        berth("rmi", image)
        assert berth("run", "--rm", image, "echo", "hi").out == "hi\n"
        assert registry.tags("team/app") == ["1"]
        berth("rmi", image)
        berth("logout", registry.host)
        berth.fails("pull", image, match=f"og in first: berth login {registry.host}", code=1)


# Progress

LAYERS = [
    {"status": "Pulling from library/nginx", "id": "latest"},
    *({"status": "Pulling fs layer", "progressDetail": {}, "id": layer} for layer in ("aaaaaaaaaaaa", "bbbbbbbbbbbb")),
    {"status": "Downloading", "progressDetail": {"current": 1_000_000, "total": 4_000_000}, "id": "bbbbbbbbbbbb"},
    {"status": "Downloading", "progressDetail": {"current": 3_000_000, "total": 6_000_000}, "id": "aaaaaaaaaaaa"},
    0.3,
    {"status": "Pull complete", "progressDetail": {}, "id": "bbbbbbbbbbbb"},
    {"status": "Pull complete", "progressDetail": {}, "id": "aaaaaaaaaaaa"},
    {"status": "Digest: sha256:1234"},
    {"status": "Status: Downloaded newer image for nginx:latest"},
]


def test_pull_on_a_terminal(standin):
    standin.answers = {"/images/create": LAYERS}
    with standin.berth().terminal("pull", "nginx") as terminal:
        terminal.expect(r"bbbbbbbbbbbb: Downloading  \[====+> +\]  1MB/4MB")
        terminal.expect("aaaaaaaaaaaa: Pull complete")
        terminal.expect("Status: Downloaded newer image for nginx:latest\r\ndocker.io/library/nginx:latest\r\n")
        assert terminal.wait() == 0


def test_pull_in_a_pipe_is_plain(standin):
    standin.answers = {"/images/create": LAYERS}
    out = standin.berth()("pull", "nginx").out
    assert "\x1b" not in out and "Downloading" not in out
    assert out.splitlines() == [
        "Using default tag: latest", "latest: Pulling from library/nginx", "aaaaaaaaaaaa: Pulling fs layer",
        "bbbbbbbbbbbb: Pulling fs layer", "bbbbbbbbbbbb: Pull complete", "aaaaaaaaaaaa: Pull complete", "Digest: sha256:1234",
        "Status: Downloaded newer image for nginx:latest", "docker.io/library/nginx:latest",
    ]
    assert standin.berth()("pull", "-q", "nginx").out == "docker.io/library/nginx:latest\n"


def test_a_failing_pull_keeps_what_it_showed(standin):
    standin.answers = {"/images/create": LAYERS[:3] + [{"errorDetail": {"message": "registry.test is gone"}, "error": "registry.test is gone"}]}
    with standin.berth().terminal("pull", "nginx") as terminal:
        terminal.expect("aaaaaaaaaaaa: Pulling fs layer\r\n")
        terminal.expect("registry.test is gone\r\n")
        assert terminal.wait() == 1


@pytest.fixture
def archive(berth, name, tmp_path):
    berth("tag", "busybox", f"{name}:1")
    berth("save", "-o", str(tmp_path / "i.tar"), f"{name}:1")
    berth("rmi", f"{name}:1")
    yield tmp_path / "i.tar"
    berth.run("rmi", f"{name}:1")


def test_load_shows_bytes_on_a_terminal(berth, archive, name):
    line = f"{{ head -c 1000000; sleep 1.2; cat; }} < {archive} | {berth.program} load"
    with Terminal(["sh", "-c", line], berth.env, 24, 80) as terminal:
        terminal.expect("Loading  1MB|Loading  999.*kB|Loading  9.*kB")
        terminal.expect(f"Loaded image: {name}:1\r\n")
        assert terminal.wait() == 0


def test_quick_things_leave_no_bar(berth, archive, name):
    with berth.terminal("load", "-i", str(archive)) as terminal:
        assert terminal.wait() == 0
        assert terminal.seen == f"Loaded image: {name}:1\r\n"


def test_save_leaves_no_half_file(standin, tmp_path):
    standin.answers = {"/images/get": ["the beginning of an archive", 20]}
    berth, folder = standin.berth(), tmp_path / "out"
    folder.mkdir()
    running = subprocess.Popen([berth.program, "save", "-o", str(folder / "out.tar"), "app"], env=berth.env)
    eventually(lambda: any(path.stat().st_size for path in folder.iterdir()))
    assert not (folder / "out.tar").exists()
    running.send_signal(signal.SIGINT)
    assert running.wait(10) == 130
    assert list(folder.iterdir()) == []


def test_a_broken_save_leaves_the_old_file(standin, tmp_path):
    standin.answers = {"/images/get": (500, {"message": "no such blob"})}
    (tmp_path / "out.tar").write_text("of yesterday")
    standin.berth().fails("save", "-o", str(tmp_path / "out.tar"), "app", match="no such blob", code=1)
    assert (tmp_path / "out.tar").read_text() == "of yesterday"


def test_save_errors(berth, tmp_path):
    berth.fails("save", "-o", str(tmp_path / "no/f.tar"), "busybox", match=f'directory "{tmp_path}/no" does not exist', code=1)
    berth.fails("save", "-o", str(tmp_path), "busybox", match="cannot write to a directory", code=1)
    berth.fails("export", "-o", str(tmp_path / "no/f.tar"), "x", match="does not exist", code=1)

"""Running commands: to the end with their output, or on a terminal of their own."""

import errno
import os
import pty
import re
import select
import shlex
import subprocess
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    command: str
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def __str__(self) -> str:
        return f"$ {self.command}\nexit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


@dataclass(frozen=True)
class Cli:
    """A command-line client with its environment. Calling it runs one command and expects success."""

    program: str
    env: dict[str, str]

    def __call__(self, *args: str, code: int | None = 0, **options) -> Result:
        result = self.run(*args, **options)
        assert code is None or result.code == code, f"expected exit code {code}\n{result}"
        return result

    def fails(self, *args: str, match: str = "", code: int | None = None, **options) -> Result:
        """The command must end with an error (this exit code, a text that matches)."""
        result = self.run(*args, **options)
        assert result.code == code if code is not None else result.code != 0, f"expected a failure ({code})\n{result}"
        assert re.search(match, result.text), f"expected a message like {match!r}\n{result}"
        return result

    def run(self, *args: str, input: str | bytes | None = None, timeout: float = 60, cwd=None, env=None) -> Result:
        argv = [self.program, *map(str, args)]
        data = input.encode() if isinstance(input, str) else input
        stdin = {"stdin": subprocess.DEVNULL} if data is None else {"input": data}
        try:
            done = subprocess.run(
                argv, capture_output=True, timeout=timeout, cwd=cwd, env={**self.env, **(env or {})}, **stdin
            )
        except subprocess.TimeoutExpired as late:
            so_far = b"".join(filter(None, (late.stdout, late.stderr))).decode(errors="replace")
            raise AssertionError(f"$ {shlex.join(argv)}\nstill running after {timeout} s\n{so_far}") from None
        return Result(
            shlex.join(argv), done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        )

    def start(self, *args: str, cwd=None, **options) -> subprocess.Popen:
        """The command in the background, its output in one pipe."""
        return subprocess.Popen(
            [self.program, *map(str, args)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=cwd, env=self.env, text=True, **options,
        )

    def terminal(self, *args: str, rows: int = 24, columns: int = 80) -> "Terminal":
        return Terminal([self.program, *map(str, args)], self.env, rows, columns)


class Terminal:
    """A command whose stdin, stdout and stderr are a terminal."""

    def __init__(self, argv: list[str], env: dict[str, str], rows: int, columns: int):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], argv, {**env, "TERM": "xterm"})
        self.resize(rows, columns)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_) -> None:
        if self.pid:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def resize(self, rows: int, columns: int) -> None:
        import termios

        termios.tcsetwinsize(self.fd, (rows, columns))

    def send(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def expect(self, pattern: str, timeout: float = 15) -> str:
        """Read until the text since the last call matches; returns the match."""
        deadline = time.monotonic() + timeout
        while not (match := re.search(pattern, self.seen)):
            if not self._read(deadline - time.monotonic()):
                raise AssertionError(f"no {pattern!r} on the terminal; seen:\n{self.seen}")
        self.seen = self.seen[match.end():]
        return match.group()

    def wait(self, timeout: float = 15) -> int:
        """Read until the command ends; returns its exit code."""
        deadline = time.monotonic() + timeout
        while self._read(deadline - time.monotonic()):
            pass
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        raise AssertionError(f"still running after {timeout} s; seen:\n{self.seen}")

    def _read(self, timeout: float) -> bool:
        """False at the end of the output or of the time."""
        if timeout <= 0 or not select.select([self.fd], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)


def eventually(check, timeout: float = 10, what: str = ""):
    """Call `check` until it returns something true, and return that."""
    deadline = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < deadline, f"not so after {timeout} s: {what or check.__name__}"
        time.sleep(0.05)

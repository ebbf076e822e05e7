"""A real registry on loopback: Debian's docker-registry (the CNCF's distribution), with a folder of its own."""

import base64
import json
import re
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .cli import eventually
from .daemon import REPOSITORY
from .net import free_port

USER, PASSWORD = "tester", "correct horse"
# `htpasswd -nbB tester 'correct horse'`: the registry takes bcrypt only.
HTPASSWD = "tester:$2b$05$2IGmXltC2odmADUN/heIveE1gXauoAg1LPFU6G675oIGEXpRx6s1C\n"

MANIFEST_TYPES = ", ".join([
    "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
])


@dataclass(frozen=True)
class Request:
    """A line of the registry's access log."""

    method: str
    path: str
    status: int

    @property
    def moves_blob(self) -> bool:
        """Whether it carried a layer or a configuration: a download, or the end of an upload."""
        if "/blobs/" not in self.path or self.status >= 300:
            return False
        return self.method == "GET" or (self.method == "PUT" and "/blobs/uploads/" in self.path)


class Registry:
    """
    `with Registry(folder) as registry` runs one until the end of the block.

    auth: nothing, `"basic"` (htpasswd) or `"token"` (a token server beside it, as Docker Hub has one).
    public: with tokens, what everybody may pull: beginnings of repositories' names.
    tls: HTTPS by a certificate authority of its own, whose certificate is `registry.ca`.
    """

    def __init__(self, folder: Path, auth: str | None = None, tls: bool = False, public: tuple[str, ...] = ("public/",)):
        self.folder, self.auth, self.tls, self.public = folder, auth, tls, public
        self.port = free_port()
        self.log = folder / "registry.log"
        self.process: subprocess.Popen | None = None
        self.tokens: TokenServer | None = None
        self.ca: Path | None = None

    @property
    def host(self) -> str:
        """As it stands before the slash of an image's name."""
        return f"localhost:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> "Registry":
        self.folder.mkdir(parents=True, exist_ok=True)
        config = {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": False}},
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "data")}, "delete": {"enabled": True}},
            "http": {"addr": f"127.0.0.1:{self.port}", "secret": "of no use to anybody", **self._tls()},
            **self._auth(),
        }
        # JSON is YAML, too.
        file = self.folder / "config.yml"
        file.write_text(json.dumps(config, indent=1))
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()
        if self.tokens:
            self.tokens.stop()

    def start(self) -> None:
        """Begins to listen, on the same port each time."""
        program = subprocess.check_output(
            [REPOSITORY / "scripts/unpack-deb.sh", "docker-registry", "usr/bin/docker-registry"], text=True
        ).strip()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [program, "serve", str(self.folder / "config.yml")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        eventually(self._listens, what=f"a registry listens on port {self.port}")

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)

    def _listens(self) -> bool:
        assert self.process.poll() is None, f"the registry ended:\n{self.log.read_text()}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _tls(self) -> dict:
        if not self.tls:
            return {}
        self.ca, certificate, key = make_certificates(self.folder / "tls")
        return {"tls": {"certificate": str(certificate), "key": str(key)}}

    def _auth(self) -> dict:
        if self.auth == "basic":
            file = self.folder / "htpasswd"
            file.write_text(HTPASSWD)
            return {"auth": {"htpasswd": {"realm": "a registry of the tests", "path": str(file)}}}
        if self.auth == "token":
            self.tokens = TokenServer(self.folder / "tokens", self.public)
            return {"auth": {"token": {
                "realm": self.tokens.url, "service": TokenServer.SERVICE, "issuer": TokenServer.ISSUER,
                "rootcertbundle": str(self.tokens.certificate),
            }}}
        return {}

    # What it holds and what was asked of it.

    def requests(self) -> list[Request]:
        """All so far, those of the log's Apache-like lines."""
        pattern = re.compile(r'"([A-Z]+) (\S+) HTTP/[\d.]+" (\d{3})')
        return [Request(m[1], m[2], int(m[3])) for m in pattern.finditer(self.log.read_text(errors="replace"))]

    def blobs_moved(self, since: int = 0) -> int:
        """Layers and configurations that went over the wire after the first `since` requests."""
        return sum(request.moves_blob for request in self.requests()[since:])

    def repositories(self) -> list[str]:
        return self._json("/v2/_catalog", "registry:catalog:*")["repositories"] or []

    def tags(self, repository: str) -> list[str]:
        """None of a repository that is not there."""
        try:
            return sorted(self._json(f"/v2/{repository}/tags/list", f"repository:{repository}:pull")["tags"] or [])
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return []

    def manifest(self, repository: str, tag: str) -> dict:
        return self._json(f"/v2/{repository}/manifests/{tag}", f"repository:{repository}:pull")

    def _json(self, path: str, scope: str):
        request = urllib.request.Request(self.url + path, headers={"Accept": MANIFEST_TYPES})
        if self.auth == "basic":
            request.add_header("Authorization", "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())
        if self.auth == "token":
            request.add_header("Authorization", "Bearer " + self.tokens.token(USER, [self.tokens.grant(scope, True)]))
        trust = ssl.create_default_context(cafile=str(self.ca)) if self.tls else None
        with urllib.request.urlopen(request, timeout=10, context=trust) as answer:
            return json.load(answer)

    def publish(self, archive: bytes, name: str) -> None:
        """Puts an archive of `docker save` there, by skopeo: as others would have."""
        file = self.folder / "published.tar"
        file.write_bytes(archive)
        trust = ["--dest-cert-dir", str(self.ca.parent)] if self.tls else ["--dest-tls-verify=false"]
        login = ["--dest-creds", f"{USER}:{PASSWORD}"] if self.auth else []
        done = subprocess.run(
            ["skopeo", "--insecure-policy", "copy", *trust, *login, f"docker-archive:{file}", f"docker://{self.host}/{name}"],
            capture_output=True, text=True,
        )
        assert done.returncode == 0, done.stderr


class Gate:
    """
    A registry behind a gate: `with Gate(registry, 2) as gate` lets nobody have a manifest until 2 different repositories
    were asked for. So one who asks for them one after the other gets none.
    """

    def __init__(self, registry: Registry, repositories: int):
        self.waiting = threading.Barrier(repositories)
        self.asked: set[str] = set()
        self.lock = threading.Lock()
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if not gate.opens(self.path):
                    return self.reply(429, {}, b"one at a time")
                request = urllib.request.Request(registry.url + self.path, method=self.command)
                for name in ("Accept", "Range"):
                    if values := self.headers.get_all(name):
                        request.add_header(name, ", ".join(values))
                try:
                    with urllib.request.urlopen(request, timeout=30) as answer:
                        self.reply(answer.status, dict(answer.headers), answer.read())
                except urllib.error.HTTPError as error:
                    self.reply(error.code, dict(error.headers), error.read())

            do_HEAD = do_GET

            def reply(self, status: int, headers: dict, body: bytes):
                self.send_response_only(status)
                for name in ("Content-Type", "Docker-Content-Digest", "Etag", "Content-Range"):
                    if name in headers:
                        self.send_header(name, headers[name])
                self.send_header("Content-Length", headers.get("Content-Length", str(len(body))))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    @property
    def host(self) -> str:
        return f"localhost:{self.server.server_port}"

    def opens(self, path: str) -> bool:
        match = re.fullmatch(r"/v2/(.+)/manifests/.+", path)
        if not match:
            return True
        with self.lock:
            is_new = match[1] not in self.asked
            self.asked.add(match[1])
        try:
            if is_new:
                self.waiting.wait(timeout=10)
            return True
        except threading.BrokenBarrierError:
            return False

    def __enter__(self) -> "Gate":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.waiting.abort()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class TokenServer:
    """
    Gives tokens to those who know the password, as described in distribution's docs/spec/auth/token.md (GET) and
    oauth.md (POST). Without a password one may pull what is public.
    """

    SERVICE, ISSUER = "registry of the tests", "token server of the tests"

    def __init__(self, folder: Path, public: tuple[str, ...]):
        self.public = public
        _, self.certificate, self.key = make_certificates(folder)
        self.served: list[str] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                scheme, _, value = self.headers.get("Authorization", "").partition(" ")
                user, _, password = base64.b64decode(value).decode().partition(":") if scheme == "Basic" else ("", "", "")
                self.answer(query, user, password)

            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                if form["grant_type"] == ["refresh_token"]:
                    user, password = USER, PASSWORD if form["refresh_token"] == ["stays valid"] else ""
                else:
                    user, password = form["username"][0], form["password"][0]
                self.answer(form, user, password)

            def answer(self, fields: dict, user: str, password: str):
                owner.served.append(f"{self.command} {user} {' '.join(fields.get('scope', []))}")
                known = (user, password) == (USER, PASSWORD)
                if user and not known:
                    return self.reply(401, {"errors": [{"code": "UNAUTHORIZED", "message": "incorrect username or password"}]})
                scopes = [scope for value in fields.get("scope", []) for scope in value.split(" ")]
                token = owner.token(user, [owner.grant(scope, known) for scope in scopes])
                answer = {"token": token, "access_token": token, "expires_in": 300}
                if "offline_token" in fields or fields.get("access_type") == ["offline"]:
                    answer["refresh_token"] = "stays valid"
                self.reply(200, answer)

            def reply(self, status: int, answer: dict):
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/token"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def grant(self, scope: str, known: bool) -> dict:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        allowed = actions.split(",")
        if not known:
            allowed = [action for action in allowed if action == "pull" and name.startswith(self.public)]
        return {"type": kind, "name": name, "actions": allowed}

    def token(self, user: str, access: list[dict]) -> str:
        """A JSON web token (RFC 7519) signed with RS256, with the certificate in `x5c` (RFC 7515, 4.1.6)."""
        now = int(time.time())
        der = subprocess.check_output(["openssl", "x509", "-in", self.certificate, "-outform", "DER"])
        head = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        claims = {
            "iss": self.ISSUER, "sub": user, "aud": self.SERVICE, "exp": now + 300, "nbf": now - 10, "iat": now,
            "jti": str(time.monotonic_ns()), "access": [entry for entry in access if entry["actions"]],
        }
        signed = f"{base64url(json.dumps(head).encode())}.{base64url(json.dumps(claims).encode())}"
        signature = subprocess.check_output(["openssl", "dgst", "-sha256", "-sign", self.key], input=signed.encode())
        return f"{signed}.{base64url(signature)}"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_certificates(folder: Path) -> tuple[Path, Path, Path]:
    """
    A new certificate authority, and a certificate of it for loopback: CA, certificate, key. The CA's stands in a
    folder of its own, such as clients take for a registry.
    """
    (folder / "ca").mkdir(parents=True, exist_ok=True)
    ca, ca_key, certificate, key = (folder / name for name in ("ca/ca.crt", "ca.key", "server.crt", "server.key"))

    def request(*args: str | Path) -> None:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *map(str, args)],
            check=True, capture_output=True,
        )

    request("-keyout", ca_key, "-out", ca, "-subj", "/CN=CA of the tests", "-addext", "keyUsage=critical,keyCertSign")
    # `req -CA` came with OpenSSL 3.
    request(
        "-keyout", key, "-out", certificate, "-CA", ca, "-CAkey", ca_key, "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE",
    )
    return ca, certificate, key

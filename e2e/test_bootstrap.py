"""A base image from the distribution's mirror, and pip in a RUN on top of it."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def debian(daemon, busybox) -> str:
    packages, settings = "python3,python3-pip,python-is-python3", "PIP_BREAK_SYSTEM_PACKAGES=1"
    daemon.berth("image", "bootstrap", "--include", packages, "--env", settings, "-t", "debian:e2e", timeout=300)
    return "debian:e2e"


def test_the_image_works(berth, debian):
    assert "ID=debian" in berth("run", "--rm", debian, "cat", "/etc/os-release").out
    assert berth("run", "--rm", debian, "python", "-c", "print(6*7)").out == "42\n"


def test_pip_in_a_build(berth, debian, name, tmp_path):
    """The tutorial's Dockerfile, with the host's CA bundle handed in when the host has one of its own."""
    (tmp_path / "Dockerfile").write_text(f"FROM {debian}\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\n")
    (tmp_path / "requirements.txt").write_text("iniconfig==2.1.0\n")
    options = ["--ca-bundle"] if local_certificates() else []
    berth("build", "-t", name, *options, str(tmp_path), timeout=180)
    assert berth("run", "--rm", name, "python", "-c", "import iniconfig; print(iniconfig.__name__)").out == "iniconfig\n"
    # The bundle was for the build alone: neither its file nor its variables are in the image.
    history = berth("history", "--no-trunc", name).out
    environment = berth("run", "--rm", name, "env").out
    assert "SSL_CERT_FILE" not in environment + history and "PIP_CERT" not in environment + history
    berth("rmi", "-f", name)


def local_certificates() -> bool:
    """Whether this host trusts more than its distribution does."""
    return any(Path("/usr/local/share/ca-certificates").glob("*.crt"))

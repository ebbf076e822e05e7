"""The probe: a static C program that says what a container can see, call and write, and tries to get out.

`summary` makes its report comparable; `looser` lists the places where one container allows more than another.
"""

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from .images import add, busybox_tar

SOURCES = [Path(__file__).with_name(name) for name in ("probe.c", "probe_syscalls.c", "probe_attempts.c")]
RESTRICTIONS = ("ro", "nosuid", "nodev", "noexec")


@cache
def program() -> bytes:
    output = Path(mkdtemp(prefix="berth-probe-")) / "probe"
    flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-static", "-pthread"]
    try:
        subprocess.run(["gcc", *flags, *map(str, SOURCES), "-o", str(output)], check=True)
        return output.read_bytes()
    finally:
        output.unlink(missing_ok=True)
        output.parent.rmdir()


def image_tar() -> bytes:
    """Busybox' root file system with the probe in it."""
    import io
    import tarfile

    buffer = io.BytesIO(busybox_tar())
    with tarfile.open(fileobj=buffer, mode="a") as tar:
        add(tar, "probe", program(), mode=0o755)
    return buffer.getvalue()


# ---- One report ----


def summary(report: str) -> dict:
    """What `probe compare` printed, without what differs from run to run."""
    raw = json.loads(report)
    process = raw["process"]
    sets = {"inheritable": "CapInh", "permitted": "CapPrm", "effective": "CapEff", "bounding": "CapBnd", "ambient": "CapAmb"}
    return {
        "capabilities": {name: process[field] for name, field in sets.items()},
        "process": {name: value for name, value in process.items() if not name.startswith("Cap")},
        "limits": raw["limits"],
        "namespaces": {kind: "host" if is_ours(kind, link) else "own" for kind, link in sorted(raw["namespaces"].items())},
        "descriptors": {number: link for number, link in raw["descriptors"].items() if int(number) > 2},
        "mounts": dict(sorted(mount(line) for line in raw["mounts"])),
        "devices": dict(sorted(raw["devices"].items())),
        "entries": dict(sorted(raw["entries"].items())),
        "writable": sorted(raw["writable"]),
        "denied": {name: verdict for name, verdict in raw["syscalls"].items() if verdict != "allow"},
    }


def is_ours(kind: str, link: str) -> bool:
    return os.readlink(f"/proc/self/ns/{kind}") == link


def mount(line: str) -> tuple[str, dict]:
    """A line of mountinfo: mount point, and what matters of the rest."""
    left, right = line.split(" - ")
    fields = left.split()
    kind, _, own = right.split()[:3]
    options = set(fields[5].split(",")) | ({"ro"} if "ro" in own.split(",") else set())
    return fields[4], {
        "type": kind,
        "restrictions": [option for option in RESTRICTIONS if option in options],
        "propagation": sorted(word.split(":")[0] for word in fields[6:]),
    }


# ---- Two reports ----


def looser(ours: dict, theirs: dict) -> list[str]:
    """Where `ours` allows more than `theirs`, one line each."""
    return [
        *looser_capabilities(ours, theirs),
        *looser_process(ours["process"], theirs["process"]),
        *(f"namespace {kind}: the host's" for kind, whose in theirs["namespaces"].items()
          if whose == "own" and ours["namespaces"].get(kind) == "host"),
        *(f"descriptor {number}: {link}" for number, link in ours["descriptors"].items()),
        *looser_mounts(ours["mounts"], theirs["mounts"]),
        *looser_devices(ours["devices"], theirs["devices"]),
        *looser_entries(ours["entries"], theirs["entries"]),
        *looser_writable(ours, theirs),
        *(f"system call {name}: allowed, there {verdict}" for name, verdict in theirs["denied"].items()
          if name not in ours["denied"]),
        *looser_limits(ours["limits"], theirs["limits"]),
    ]


def looser_capabilities(ours: dict, theirs: dict):
    for name, value in ours["capabilities"].items():
        if more := int(value, 16) & ~int(theirs["capabilities"][name], 16):
            yield f"capabilities, {name}: {more:#x} more"


def looser_process(ours: dict, theirs: dict):
    if int(ours["NoNewPrivs"]) < int(theirs["NoNewPrivs"]):
        yield "no_new_privs is not set"
    if int(ours["Seccomp"]) < int(theirs["Seccomp"]):
        yield "no seccomp filter"
    if ours["securebits"] & theirs["securebits"] != theirs["securebits"]:
        yield f"securebits {ours['securebits']}, there {theirs['securebits']}"
    if ours["oom_score_adj"] < theirs["oom_score_adj"]:
        yield f"oom_score_adj {ours['oom_score_adj']}, there {theirs['oom_score_adj']}"
    for name in ("Uid", "Gid"):
        if ours[name] != theirs[name]:
            yield f"{name} {ours[name]}, there {theirs[name]}"
    if set(ours["Groups"].split()) != set(theirs["Groups"].split()):
        yield f"supplementary groups {ours['Groups']!r}, there {theirs['Groups']!r}"
    for name in ("SigIgn", "SigBlk"):
        if int(ours[name], 16):
            yield f"{name} {ours[name]}"
    if int(theirs["Umask"], 8) & ~int(ours["Umask"], 8):
        yield f"umask {ours['Umask']}, there {theirs['Umask']}"
    if ours["cgroup"] != theirs["cgroup"]:
        visible = [line for line in ours["cgroup"].splitlines() if not line.endswith(":/")]
        if visible:
            yield f"cgroup paths of the host: {visible}"


def enclosing(mounts: dict, path: str) -> dict:
    """The mount that a path is on."""
    while path not in mounts:
        path = path.rsplit("/", 1)[0] or "/"
    return mounts[path]


def looser_mounts(ours: dict, theirs: dict):
    for path in sorted(ours.keys() | theirs.keys()):
        own, other = enclosing(ours, path), enclosing(theirs, path)
        if missing := [option for option in other["restrictions"] if option not in own["restrictions"]]:
            yield f"mount {path}: not {','.join(missing)}"
        if more := [word for word in own["propagation"] if word not in other["propagation"]]:
            yield f"mount {path}: propagation {','.join(more)}"


def looser_devices(ours: dict, theirs: dict):
    for path, node in ours.items():
        if path not in theirs:
            yield f"{path}: {node['mode']} {node['device']}{node['target'] and ' -> ' + node['target']}"
        elif int(node["mode"], 8) & ~int(theirs[path]["mode"], 8) or node["device"] != theirs[path]["device"]:
            yield f"{path}: {node}, there {theirs[path]}"


def looser_entries(ours: dict, theirs: dict):
    for path, kind in theirs.items():
        if kind == "masked" and ours.get(path, kind) != "masked":
            yield f"{path}: not masked ({ours[path]})"
        if kind == "closed" and ours.get(path) == "file":
            yield f"{path}: can be read"


def looser_writable(ours: dict, theirs: dict):
    # What the other's host does not have at all cannot be compared with it.
    known = {path.split("/")[2] for path in theirs["entries"] if path.startswith("/proc/")} | {"self", "thread-self"}
    for path in sorted(set(ours["writable"]) - set(theirs["writable"])):
        if not path.startswith("/proc/") or path.split("/")[2] in known:
            yield f"{path}: can be written"


def looser_limits(ours: dict, theirs: dict):
    def number(value: int) -> float:
        return float("inf") if value < 0 else value

    for name, pair in ours.items():
        if any(number(mine) > number(other) for mine, other in zip(pair, theirs[name])):
            yield f"resource limit {name}: {pair}, there {theirs[name]}"

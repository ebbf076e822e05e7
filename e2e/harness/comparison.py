"""Berth's containers against Docker's: the kinds of containers that are compared, and the places
where ours may allow more, each with its reason."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from . import probe

DATA = Path(__file__).resolve().parents[1] / "data/docker-probe.json"


@dataclass(frozen=True)
class Variant:
    """A container by its flags, or an exec in such a container."""

    run: tuple[str, ...] = ()
    exec: tuple[str, ...] | None = None


# Those capabilities that open system calls in the filter.
CALLS_BY_CAPABILITY = (
    "BPF", "DAC_READ_SEARCH", "PERFMON", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT",
    "SYS_PTRACE", "SYS_RAWIO", "SYS_TIME", "SYS_TTY_CONFIG",
)

VARIANTS = {
    "default": Variant(),
    "terminal": Variant(("-t",)),
    "user": Variant(("-u", "1000:1000")),
    "no-new-privileges": Variant(("--security-opt", "no-new-privileges")),
    "read-only": Variant(("--read-only",)),
    "cap-drop ALL": Variant(("--cap-drop", "ALL")),
    "cap-add ALL": Variant(("--cap-add", "ALL")),
    **{f"cap-add {name}": Variant(("--cap-add", name)) for name in CALLS_BY_CAPABILITY},
    "seccomp=unconfined": Variant(("--security-opt", "seccomp=unconfined")),
    "privileged": Variant(("--privileged",)),
    "exec": Variant((), ()),
    "exec as user": Variant((), ("-u", "1000")),
    "exec --privileged": Variant((), ("--privileged",)),
    "exec in user's": Variant(("-u", "1000"), ()),
    "exec in privileged": Variant(("--privileged",), ()),
}

ALLOWED = [
    (re.compile(pattern), why)
    for pattern, why in [
        (
            r"system call (x32:|i386:)?(457|458|462|463|464|465|466): allowed, there (1|38)",
            "statmount, listmount, mseal and the calls for extended attributes by directory: newer than the profile "
            "of Docker 26; Docker 28 allows them (https://github.com/moby/moby/pull/50077)",
        ),
        (
            r"system call (x32:|i386:)?(459|460|461): allowed, there (1|38)",
            "lsm_*_self_attr and lsm_list_modules, with CAP_SYS_ADMIN only, as in Docker 28 "
            "(https://github.com/moby/moby/pull/50097)",
        ),
        (
            r"mount /proc/interrupts: not nodev",
            "hidden, which Docker 26 does not do (Docker 28 does): a null device has to be a device",
        ),
    ]
]


# ---- Docker's answers on disk ----


def record(version: str, answers: dict) -> None:
    """Keeps the answers in a file that people can read: of each variant only what is not as in the
    default container, denied system calls by verdict, runs of numbers joined."""
    default = answers["default"]
    kept = {}
    for name, answer in answers.items():
        packed = {
            section: joined(content) if section == "denied" else content
            for section, content in answer.items()
            if section not in of_the_host(VARIANTS[name]) and (name == "default" or content != default[section])
        }
        kept[name] = packed
    DATA.parent.mkdir(exist_ok=True)
    heading = {"docker": version, "kernel": os.uname().release}
    DATA.write_text(json.dumps({**heading, "answers": kept}, indent=1) + "\n")


def of_the_host(variant: Variant) -> set[str]:
    """Sections that tell of the host that was asked: its limits, and all its devices and settings where
    a container sees them."""
    return {"limits", "devices", "entries", "writable"} if "--privileged" in variant.run else {"limits"}


def recorded() -> dict:
    answers = json.loads(DATA.read_text())["answers"]
    for answer in answers.values():
        if "denied" in answer:
            answer["denied"] = split(answer["denied"])
    whole = {name: {**answers["default"], **answer} for name, answer in answers.items()}
    for name, answer in whole.items():
        for section in of_the_host(VARIANTS[name]) & answer.keys():
            del answer[section]
    return whole


def joined(denied: dict[str, str]) -> dict[str, str]:
    """`{"5": "1", "6": "1"}` as `{"1": "5..6"}`."""
    runs: dict[str, list[list[str]]] = {}
    for name, verdict in denied.items():
        of_verdict = runs.setdefault(verdict, [])
        if of_verdict and name == successor(of_verdict[-1][-1]):
            of_verdict[-1].append(name)
        else:
            of_verdict.append([name])
    return {
        verdict: " ".join(run[0] if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in of_verdict)
        for verdict, of_verdict in runs.items()
    }


def split(denied: dict[str, str]) -> dict[str, str]:
    names = {}
    for verdict, text in denied.items():
        for run in text.split():
            first, _, last = run.partition("..")
            names[first] = verdict
            while last and first != last:
                first = successor(first)
                names[first] = verdict
    return names


def successor(name: str) -> str | None:
    """`x32:7` comes after `x32:6`, `socket(8)` after `socket(7)`."""
    match = re.fullmatch(r"(.*?)(\d+)(\)?)", name)
    return match and f"{match[1]}{int(match[2]) + 1}{match[3]}"


def report(client, variant: Variant) -> dict:
    """What the probe says in such a container of this client's engine."""
    # Without a network: bridges, addresses and the host's firewall are another matter.
    flags = ("--network", "none", *variant.run)
    if variant.exec is None:
        return probe.summary(client("run", "--rm", *flags, "probe", "/probe", "compare").out)
    container = client("run", "-d", *flags, "probe", "sleep", "60").out.strip()
    try:
        return probe.summary(client("exec", *variant.exec, container, "/probe", "compare").out)
    finally:
        client("rm", "-f", container)


def judge(ours: dict, theirs: dict) -> tuple[list[str], list[str]]:
    """The places where ours is looser: those without an explanation, and those with one. Sections that
    the other report has not are not compared."""
    found = probe.looser(ours, {**ours, **theirs})
    explained = [line for line in found if any(pattern.fullmatch(line) for pattern, _ in ALLOWED)]
    return [line for line in found if line not in explained], explained

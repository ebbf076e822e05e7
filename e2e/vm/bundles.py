#!/usr/bin/env python3
"""bundles.py FOLDER: write the bundles that `life` runs in the virtual machine, changes of config.json."""

import copy
import json
import sys
from pathlib import Path

BASE = json.loads((Path(__file__).parent / "config.json").read_text())
SLEEPER = 'trap "exit 7" TERM; while :; do sleep 0.1; done'


def write(name: str, script: str, writable: bool = False, **linux) -> None:
    config = copy.deepcopy(BASE)
    if writable:
        config["mounts"][-1]["options"] = ["rw"]
    config["root"] = {"path": "/bundle/rootfs"}
    config["process"]["args"] = ["sh", "-c", script]
    config["linux"] |= {"cgroupsPath": f"/berth/{name}", **linux}
    folder = Path(sys.argv[1]) / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))


def show(*files: str) -> str:
    return "; ".join(f"echo {file} $(cat /sys/fs/cgroup/{file})" for file in files)


namespaces = [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup")]
mapping = [{"containerID": 0, "hostID": 100000, "size": 65536}]

write("life", SLEEPER)
write(
    "limits",
    show("memory.max", "memory.low", "memory.swap.max", "memory.high", "cpu.weight", "cpu.max", "cpuset.cpus", "hugetlb.2MB.max"),
    resources={
        "memory": {"limit": 64 << 20, "reservation": 32 << 20, "swap": 96 << 20},
        "cpu": {"shares": 512, "period": 50000, "cpus": "0"},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 4 << 20}],
        "unified": {"memory.high": str(48 << 20)},
    },
)
write(
    "users",
    f"echo map $(cat /proc/self/uid_map); echo root $(cat /proc/self/cgroup); {show('pids.max')};"
    "echo x > /dev/null && echo device",
    namespaces=[*namespaces, {"type": "user"}], uidMappings=mapping, gidMappings=mapping,
    resources={"pids": {"limit": 21}}, devices=[],
)
write(
    "shared", "echo inside $(ls -d /sys/fs/cgroup/*/ 2>/dev/null | wc -l) $(cat /sys/fs/cgroup/pids.max)",
    namespaces=namespaces[:-1], resources={"pids": {"limit": 22}},
)
# What systemd and container engines do with the cgroup of a container that is theirs.
write("nested", "mkdir /sys/fs/cgroup/inner; echo $$ >/sys/fs/cgroup/inner/cgroup.procs;"
      f"echo +pids >/sys/fs/cgroup/cgroup.subtree_control; {SLEEPER}", writable=True)
write("clock", "cut -d. -f1 /proc/uptime | grep -q '^10000..$' && echo later",
      namespaces=[*namespaces, {"type": "time"}], timeOffsets={"boottime": {"secs": 1000000}})

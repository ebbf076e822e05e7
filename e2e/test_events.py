"""Events: names and attributes as Docker has them, filters, and the journal behind `--since`."""

import json
import threading
import time

import pytest

from harness.cli import eventually


def actions(docker, since: str, *filters: str) -> list[str]:
    arguments = [word for item in filters for word in ("--filter", item)]
    lines = docker("events", "--since", since, "--until", now(), "--format", "json", *arguments).lines
    return [json.loads(line) for line in lines]


def now() -> str:
    return f"{time.time():.9f}"


def names(events) -> list[str]:
    return [event["Action"] for event in events]


def test_life_of_a_container_in_events(docker, sdk, name, tmp_path):
    start = now()
    docker("create", "--name", name, "--label", "kind=test", "busybox", "sh", "-c", "trap 'exit 3' TERM USR1; while :; do sleep 0.1; done")
    docker("start", name)
    docker("exec", name, "true")
    docker("pause", name)
    docker("unpause", name)
    docker("update", "--pids-limit", "99", name)
    docker("top", name)
    docker("cp", f"{name}:/etc/passwd", "-")
    docker("rename", name, f"{name}-b")
    docker("kill", "-s", "USR1", f"{name}-b")
    eventually(lambda: sdk.containers.get(f"{name}-b").status == "exited")
    docker("start", f"{name}-b")
    docker("stop", f"{name}-b")
    docker("export", "-o", str(tmp_path / "tar"), f"{name}-b")
    docker("commit", f"{name}-b", f"{name}:made")
    docker("rm", f"{name}-b")
    docker("rmi", f"{name}:made")

    seen = eventually(lambda: (lambda e: e if names(e)[-1:] == ["destroy"] else None)(actions(docker, start, "type=container", "label=kind=test")))
    assert names(seen) == [
        "create", "start", "exec_create: true", "exec_start: true", "exec_die", "pause", "unpause", "update", "top",
        "archive-path", "rename", "kill", "die", "start", "kill", "die", "stop", "export", "commit", "destroy",
    ]
    by_name = {event["Action"]: event["Actor"]["Attributes"] for event in seen}
    assert by_name["rename"]["oldName"] == f"/{name}" and by_name["rename"]["name"] == f"{name}-b"
    assert by_name["exec_die"]["exitCode"] == "0" and len(by_name["exec_die"]["execID"]) == 64
    assert by_name["kill"]["signal"] == "15"
    assert by_name["die"]["exitCode"] == "3" and by_name["die"]["execDuration"].isdigit()
    assert by_name["create"] == {"image": "busybox", "name": name, "kind": "test"}
    assert by_name["commit"]["imageID"].startswith("sha256:")
    assert all(event["scope"] == "local" and event["timeNano"] // 10**9 == event["time"] for event in seen)
    created = seen[0]
    assert created["status"] == "create" and created["id"] == created["Actor"]["ID"] and created["from"] == "busybox"


def test_filters(docker, name):
    start = now()
    docker("volume", "create", f"{name}-vol")
    docker("network", "create", f"{name}-net")
    docker("run", "--rm", "--name", name, "--network", f"{name}-net", "-v", f"{name}-vol:/v", "busybox", "true")
    docker("volume", "rm", f"{name}-vol")
    docker("network", "rm", f"{name}-net")
    eventually(lambda: "destroy" in names(actions(docker, start, f"network={name}-net")))

    assert names(actions(docker, start, f"volume={name}-vol")) == ["create", "mount", "unmount", "destroy"]
    assert names(actions(docker, start, f"network={name}-net")) == ["create", "connect", "disconnect", "destroy"]
    mount = actions(docker, start, f"volume={name}-vol", "event=mount")[0]["Actor"]["Attributes"]
    assert mount["destination"] == "/v" and mount["driver"] == "local" and mount["read/write"] == "true"
    connect = actions(docker, start, "event=connect", f"network={name}-net")[0]["Actor"]["Attributes"]
    assert connect["type"] == "bridge" and len(connect["container"]) == 64
    assert names(actions(docker, start, f"container={name}", "event=start", "event=die")) == ["start", "die"]
    assert names(actions(docker, start, f"container={name}", "type=network")) == []
    assert names(actions(docker, start, "image=busybox", f"container={name}", "event=create")) == ["create"]
    assert actions(docker, start, "scope=swarm") == [] and actions(docker, start, "service=x") == []


def test_the_journal_outlives_the_daemon(daemon, docker, name):
    start = now()
    docker("create", "--name", name, "busybox", "true")
    middle = now()
    docker("start", name)
    eventually(lambda: "die" in names(actions(docker, start, f"container={name}")))
    daemon.end()
    daemon.start()
    assert names(actions(docker, start, f"container={name}")) == ["create", "start", "die"]
    assert names(actions(docker, middle, f"container={name}")) == ["start", "die"]
    until = docker("events", "--since", start, "--until", middle, "--filter", f"container={name}", "--format", "{{.Action}}")
    assert until.lines == ["create"]
    daemon.kill()
    daemon.start()
    docker("rm", name)
    assert names(actions(docker, start, f"container={name}")) == ["create", "start", "die", "destroy"]


def test_since_and_what_follows_join_without_gap(sdk, name):
    start = time.time()
    containers = [sdk.containers.create("busybox", ["true"], name=f"{name}-{number}") for number in range(5)]
    events = sdk.events(decode=True, since=start, filters={"type": "container", "event": ["create", "destroy"]})
    seen = []

    def listen():
        for event in events:
            seen.append((event["Action"], event["Actor"]["Attributes"]["name"]))
            if len(seen) == 10:
                return

    listener = threading.Thread(target=listen)
    listener.start()
    for container in containers:
        container.remove()
    listener.join(10)
    events.close()
    assert seen == [("create", f"{name}-{n}") for n in range(5)] + [("destroy", f"{name}-{n}") for n in range(5)]


def test_aiodocker_reads_events(daemon, busybox, sdk, name):
    import asyncio

    import aiodocker

    async def scenario():
        async with aiodocker.Docker(url=daemon.host) as client:
            subscriber = client.events.subscribe()
            await asyncio.sleep(0.1)
            container = await client.containers.create({"Image": "busybox", "Cmd": ["true"]}, name=name)
            await container.start()
            await container.wait()
            await container.delete()
            seen = []
            while "destroy" not in seen:
                event = await asyncio.wait_for(subscriber.get(), 10)
                if event and event["Actor"]["Attributes"].get("name") == name:
                    seen.append(event["Action"])
            return seen

    seen = asyncio.run(scenario())
    assert [action for action in seen if action in ("create", "start", "die", "destroy")] == ["create", "start", "die", "destroy"]


def test_prune_tells_what_it_freed(docker, name):
    start = now()
    docker("create", "--name", name, "busybox", "true")
    docker("container", "prune", "-f")
    docker("volume", "prune", "-f")
    docker("network", "prune", "-f")
    docker("image", "prune", "-f")
    docker("builder", "prune", "-f")
    for kind in ("container", "volume", "network", "image", "builder"):
        event = actions(docker, start, f"type={kind}", "event=prune")[0]
        assert event["Actor"]["Attributes"]["reclaimed"].isdigit()


def test_life_of_an_image_in_events(docker, name, tmp_path):
    start = now()
    docker("tag", "busybox", f"{name}:1")
    docker("save", "-o", str(tmp_path / "i.tar"), f"{name}:1")
    docker("rmi", f"{name}:1")
    docker("load", "-i", str(tmp_path / "i.tar"))
    docker("create", "--name", name, f"{name}:1", "true")
    docker("commit", name, f"{name}:2")
    docker("rm", name)
    docker("rmi", f"{name}:1", f"{name}:2")
    images = [event for event in actions(docker, start, "type=image") if name in event["Actor"]["Attributes"]["name"]]
    assert names(images)[:4] == ["tag", "save", "untag", "load"], names(images)
    assert images[0]["Actor"]["Attributes"]["name"] == f"{name}:1" and images[0]["Actor"]["ID"].startswith("sha256:")
    # Events of an image are found by its name with and without the tag, those of its containers too.
    assert names(actions(docker, start, f"image={name}:1", "type=container")) == ["create", "commit", "destroy"]
    assert "delete" in names(actions(docker, start, "type=image", "event=delete"))

"""How containers end and go on: memory, restart policies, waits, health, and their figures."""

import asyncio
import json
import threading
import time

import aiodocker
import docker.errors as docker_errors
import pytest

from harness.cli import eventually

HOG = "head -c 200000000 /dev/zero | tail"


def state(docker, name) -> dict:
    return json.loads(docker("inspect", "-f", "{{json .State}}", name).out)


def events(docker, since, *filters):
    arguments = [word for item in filters for word in ("--filter", item)]
    lines = docker("events", "--since", since, "--until", f"{time.time():.9f}", "--format", "json", *arguments).lines
    return [json.loads(line) for line in lines]


# Memory


def test_out_of_memory_at_the_end(docker, name):
    start = f"{time.time():.9f}"
    docker("run", "--name", name, "-m", "24m", "--memory-swap", "24m", "busybox", "sh", "-c", "[ -e /done ] && exit 3; touch /done; exec tail /dev/zero", code=137)
    shown = state(docker, name)
    assert shown["OOMKilled"] is True and shown["ExitCode"] == 137 and shown["Status"] == "exited"
    told = events(docker, start, f"container={name}", "event=oom")
    assert len(told) == 1 and told[0]["Actor"]["Attributes"]["memoryLimit"] == str(24 << 20)
    # Of this run only.
    docker("start", "-a", name, code=3)
    assert state(docker, name)["OOMKilled"] is False


def test_out_of_memory_while_it_goes_on(docker, name):
    start = f"{time.time():.9f}"
    docker("run", "-d", "--name", name, "-m", "24m", "--memory-swap", "24m", "busybox", "sh", "-c", f"{HOG} >/dev/null; sleep 600")
    eventually(lambda: state(docker, name)["OOMKilled"], what="the kill is told while the container runs")
    assert state(docker, name)["Running"]
    eventually(lambda: events(docker, start, f"container={name}", "event=oom"))
    docker("stop", "-t", "0", name)
    assert len(events(docker, start, f"container={name}", "event=oom")) == 1


def test_a_kill_by_hand_is_not_out_of_memory(docker, name):
    docker("run", "-d", "--name", name, "-m", "64m", "busybox", "sleep", "600")
    docker("kill", name)
    shown = state(docker, name)
    assert (shown["OOMKilled"], shown["ExitCode"]) == (False, 137)


# Restart policies


def test_on_failure_counts_its_tries(docker, sdk, name):
    start = f"{time.time():.9f}"
    docker("run", "-d", "--name", name, "--restart", "on-failure:2", "busybox", "sh", "-c", "exit 5")
    eventually(lambda: len(events(docker, start, f"container={name}", "event=die")) == 3)
    eventually(lambda: state(docker, name)["Status"] == "exited")
    assert sdk.containers.get(name).attrs["RestartCount"] == 2
    times = [event["timeNano"] for event in events(docker, start, f"container={name}", "event=start")]
    # Each wait is longer than the one before.
    assert times[1] - times[0] > 100_000_000 and times[2] - times[1] > 200_000_000
    docker("start", name)
    eventually(lambda: len(events(docker, start, f"container={name}", "event=die")) == 6, what="a start by hand gives all tries again")


def test_on_failure_leaves_success_alone(docker, name):
    docker("run", "-d", "--name", name, "--restart", "on-failure", "busybox", "true")
    docker("wait", name)
    time.sleep(0.3)
    assert state(docker, name)["Status"] == "exited"


def test_always_goes_on_until_stopped(docker, sdk, name):
    docker("run", "-d", "--name", name, "--restart", "always", "busybox", "sh", "-c", "sleep 0.1; exit 0")
    eventually(lambda: sdk.containers.get(name).attrs["RestartCount"] >= 2)
    eventually(lambda: state(docker, name)["Restarting"], what="it waits for its next start")
    shown = state(docker, name)
    assert shown["Status"] == "restarting" and shown["Running"]
    docker("stop", name)
    time.sleep(1)
    assert state(docker, name)["Status"] == "exited"


def test_policies_across_a_new_daemon(daemon, docker, sdk, name):
    """What ended while no daemon was there is judged like any other end."""
    docker("run", "-d", "--name", f"{name}-good", "--restart", "on-failure", "busybox", "sh", "-c", "sleep 1; exit 0")
    docker("run", "-d", "--name", f"{name}-bad", "--restart", "on-failure", "busybox", "sh", "-c", "sleep 1; exit 4")
    docker("run", "-d", "--name", f"{name}-stopped", "--restart", "unless-stopped", "busybox", "sleep", "600")
    docker("stop", "-t", "0", f"{name}-stopped")
    daemon.kill()
    time.sleep(1.3)
    daemon.start()
    eventually(lambda: state(docker, f"{name}-bad")["Running"], what="the failed one is started again")
    assert state(docker, f"{name}-good")["Status"] == "exited" and state(docker, f"{name}-good")["ExitCode"] == 0
    assert state(docker, f"{name}-stopped")["Status"] == "exited"


# Waits


def test_wait_conditions(daemon, busybox, sdk, name):
    async def scenario():
        async with aiodocker.Docker(url=daemon.host) as client:
            container = await client.containers.create({"Image": "busybox", "Cmd": ["sh", "-c", "sleep 0.3; exit 6"]}, name=name)
            # Not running: at once, with the code that there is.
            assert (await container.wait(condition="not-running"))["StatusCode"] == 0
            pending = asyncio.create_task(container.wait(condition="next-exit"))
            gone = asyncio.create_task(container.wait(condition="removed"))
            await asyncio.sleep(0.2)
            assert not pending.done()
            await container.start()
            assert (await asyncio.wait_for(pending, 10))["StatusCode"] == 6
            assert (await container.wait())["StatusCode"] == 6
            assert not gone.done()
            await container.delete()
            assert (await asyncio.wait_for(gone, 10))["StatusCode"] == 6
            with pytest.raises(aiodocker.DockerError) as failure:
                await container.wait()
            assert failure.value.status == 404

    asyncio.run(scenario())
    container = sdk.containers.create("busybox", ["true"], name=name)
    with pytest.raises(docker_errors.APIError) as failure:
        container.wait(condition="some-day")
    assert failure.value.status_code == 400


# Health


def test_health_goes_both_ways(docker, name):
    start = f"{time.time():.9f}"
    docker(
        "run", "-d", "--name", name, "--health-cmd", "cat /ok", "--health-interval", "200ms", "--health-retries", "2", "--health-timeout", "2s",
        "busybox", "sleep", "600",
    )
    assert state(docker, name)["Health"]["Status"] == "starting"
    eventually(lambda: state(docker, name)["Health"]["Status"] == "unhealthy")
    health = state(docker, name)["Health"]
    assert health["FailingStreak"] >= 2 and health["Log"][-1]["ExitCode"] == 1 and "can't open" in health["Log"][-1]["Output"]
    assert "(unhealthy)" in docker("ps", "--filter", f"name={name}", "--filter", "health=unhealthy").out
    docker("exec", name, "touch", "/ok")
    eventually(lambda: state(docker, name)["Health"]["Status"] == "healthy")
    assert state(docker, name)["Health"]["FailingStreak"] == 0 and len(state(docker, name)["Health"]["Log"]) <= 5
    told = [event["Action"] for event in events(docker, start, f"container={name}", "event=health_status")]
    assert told == ["health_status: unhealthy", "health_status: healthy"]
    # The last word stays when it has ended.
    docker("stop", "-t", "0", name)
    assert state(docker, name)["Health"]["Status"] == "healthy" and "healthy" not in docker("ps", "-a", "--filter", f"name={name}").out


def test_a_health_check_that_hangs(docker, name):
    docker("run", "-d", "--name", name, "--health-cmd", "sleep 60", "--health-interval", "100ms", "--health-timeout", "300ms", "--health-retries", "1", "busybox", "sleep", "600")
    eventually(lambda: state(docker, name)["Health"]["Status"] == "unhealthy")
    last = state(docker, name)["Health"]["Log"][-1]
    assert last["ExitCode"] == -1 and "exceeded timeout (300" in last["Output"]


# Figures


def test_stats(docker, sdk, name):
    container = sdk.containers.run("busybox", ["sh", "-c", "while :; do :; done"], name=name, detach=True, mem_limit="64m", pids_limit=50, cpu_quota=20000, cpu_period=100000)
    one = sdk.api.stats(container.id, stream=False)
    assert one["read"] > one["preread"] > "2001"
    used = one["cpu_stats"]["cpu_usage"]["total_usage"] - one["precpu_stats"]["cpu_usage"]["total_usage"]
    total = one["cpu_stats"]["system_cpu_usage"] - one["precpu_stats"]["system_cpu_usage"]
    assert 0 < used < total
    assert one["memory_stats"]["limit"] == 64 << 20 and 0 < one["memory_stats"]["usage"] < 64 << 20 and one["memory_stats"]["stats"]
    assert one["pids_stats"] == {"current": 1, "limit": 50}
    assert one["cpu_stats"]["online_cpus"] >= 1 and one["cpu_stats"]["throttling_data"]["periods"] > 0
    assert one["networks"]["eth0"]["rx_bytes"] >= 0 and one["name"] == f"/{name}" and one["id"] == container.id
    first = sdk.api.stats(container.id, stream=False, one_shot=True)
    assert first["preread"].startswith("0001-") and first["precpu_stats"]["cpu_usage"]["total_usage"] == 0
    stream = sdk.api.stats(container.id, decode=True, stream=True)
    a, b = next(stream), next(stream)
    assert b["preread"] == a["read"] and b["precpu_stats"]["cpu_usage"] == a["cpu_stats"]["cpu_usage"]
    stream.close()
    line = json.loads(docker("stats", "--no-stream", "--format", "json", name).out)
    assert line["Name"] == name and line["PIDs"] == "1" and "/ 64MiB" in line["MemUsage"] and float(line["CPUPerc"].rstrip("%")) > 1
    container.kill()
    stopped = sdk.api.stats(container.id, stream=False)
    assert stopped["cpu_stats"]["cpu_usage"]["total_usage"] == 0


def test_kill_returns_when_it_is_dead(sdk, name):
    container = sdk.containers.run("busybox", ["sleep", "600"], name=name, detach=True)
    container.kill()
    container.remove()


def test_many_listen_and_none_slows_another(daemon, docker, sdk, name):
    """Fifty clients of logs, of which one does not read."""
    container = sdk.containers.run("busybox", ["sh", "-c", "i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done; sleep 600"], name=name, detach=True)
    eventually(lambda: container.logs(tail=1) == b"2999\n")
    asleep = container.logs(stream=True, follow=True)
    next(asleep)
    results = []

    def read():
        results.append(container.logs() == "".join(f"{n}\n" for n in range(3000)).encode())

    threads = [threading.Thread(target=read) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [True] * 50
    asleep.close()

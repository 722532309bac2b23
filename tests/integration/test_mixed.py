"""Two hundred operations of twenty kinds at once where each warning is an error, and what is left open then."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Final

from helm_sdkpy.testing import TestCluster
from tests.integration import oci
from tests.integration.charts import SIMPLE
from tests.integration.objects import Objects
from tests.integration.serving import directory, serving

ROUNDS: Final = 10

MIXED: Final = textwrap.dedent("""
    import asyncio, gc, hashlib, json, os, sys, threading, time
    from pathlib import Path
    from helm_sdkpy import (
        Configuration, GetValues, History, Install, Lint, List, Package, Pull, Push, RegistryLogin, RepoAdd, RepoList,
        RepoUpdate, SearchRepo, Show, Status, Template, Upgrade,
    )

    given = json.loads(sys.argv[1])
    place, chart, archive = Path(given["place"]), given["chart"], given["archive"]
    packed = hashlib.sha256(Path(archive).read_bytes()).hexdigest()
    DEPLOYED = "deployed"

    def usage():
        gc.collect()
        return {
            "threads": len(os.listdir("/proc/self/task")), "fds": len(os.listdir("/proc/self/fd")),
            "python": threading.active_count(),
        }

    def kinds(config, turn, i):
        '''What is done and, of its result, what must be what.'''
        new, old = f"{turn}-new-{i}", f"{turn}-old-{i}"
        values = {"value": f"{turn} {i}"}
        said = f'"value": "{turn} {i}"'
        made = place / f"{turn}-{i}"
        for kind in ("pulled", "fetched", "packed"):
            (made / kind).mkdir(parents=True)
        oci, remote = given["oci"], f"{given['oci']}/{turn}/{i}"
        return {
            "install": (Install(config).run(new, chart, values),
                        lambda r: (r["name"], r["version"], r["info"]["status"], said in r["manifest"]),
                        (new, 1, DEPLOYED, True)),
            "client's dry run": (Install(config).run(f"{turn}-dry-{i}", chart, values, dry_run="client"),
                                 lambda r: (r["name"], r["info"]["status"], said in r["manifest"]),
                                 (f"{turn}-dry-{i}", "pending-install", True)),
            "server's dry run": (Install(config).run(f"{turn}-server-{i}", chart, values, dry_run="server"),
                                 lambda r: (r["name"], r["info"]["status"], said in r["manifest"]),
                                 (f"{turn}-server-{i}", "pending-install", True)),
            "upgrade": (Upgrade(config).run(f"{turn}-up-{i}", chart, values),
                        lambda r: (r["name"], r["version"], r["info"]["status"], said in r["manifest"]),
                        (f"{turn}-up-{i}", 2, DEPLOYED, True)),
            "status": (Status(config).run(old), lambda r: (r["name"], r["version"], r["info"]["status"]),
                       (old, 1, DEPLOYED)),
            "list": (List(config).run(filter=f"^{old}$"), lambda r: [(o["name"], o["status"]) for o in r],
                     [(old, DEPLOYED)]),
            "history": (History(config).run(old), lambda r: [o["description"] for o in r], ["Install complete"]),
            "get values": (GetValues(config).run(old, all=True), dict, {"value": old}),
            "template": (Template(config).run(f"t-{i}", chart, values),
                         lambda r: (r.count("# Source: "), said in r, f'"t-{i}"' in r), (1, True, True)),
            "lint": (Lint(config).run(chart), lambda r: (r["failed"], r["Errors"], len(r["charts"])), (0, [], 1)),
            "show": (Show(config).values(chart), str.strip, "value: chart"),
            "package": (Package(config).run(chart, made / "packed", version=f"1.0.{i}"),
                        lambda r: (r["version"], Path(r["path"]).parent, os.listdir(made / "packed"),
                                   hashlib.sha256(Path(r["path"]).read_bytes()).hexdigest() == r["digest"]
                                   .removeprefix("sha256:")),
                        (f"1.0.{i}", made / "packed", [f"web-1.0.{i}.tgz"], True)),
            "push": (Push(config).run(archive, remote, plain_http=True),
                     lambda r: (r["name"], r["version"], r["ref"].startswith(remote.removeprefix("oci://")),
                                r["chart_digest"].removeprefix("sha256:")),
                     ("web", "0.1.0", True, packed)),
            "pull from the registry": (Pull(config).run(f"{oci}/web", made / "pulled", plain_http=True),
                                       lambda r: (r["version"], os.listdir(made / "pulled"),
                                                  hashlib.sha256(Path(r["path"]).read_bytes()).hexdigest()),
                                       ("0.1.0", ["web-0.1.0.tgz"], packed)),
            "pull from the repository": (Pull(config).run("first/web", made / "fetched"),
                                         lambda r: (r["version"], os.listdir(made / "fetched"),
                                                    hashlib.sha256(Path(r["path"]).read_bytes()).hexdigest()),
                                         ("0.1.0", ["web-0.1.0.tgz"], packed)),
            "login": (RegistryLogin(config).run(given["protected"], given["username"], given["password"],
                                                plain_http=True),
                      lambda r: (r["hostname"], r["username"]), (given["protected"], given["username"])),
            "repo add": (RepoAdd(config).run(f"{turn}-{i}", given["repository"]),
                         lambda r: (r["name"], r["url"], r["charts"]), (f"{turn}-{i}", given["repository"], 1)),
            "repo update": (RepoUpdate(config).run("first"), lambda r: [(o["name"], o["charts"]) for o in r],
                            [("first", 1)]),
            "repo list": (RepoList(config).run(), lambda r: [o["url"] for o in r if o["name"] == "first"],
                          [given["repository"]]),
            "search": (SearchRepo(config).run("first/web"), lambda r: [(o["name"], o["version"]) for o in r],
                       [("first/web", "0.1.0")]),
        }

    async def many(turn, rounds, wrong):
        # -X dev tells of each step over 0.1 s, which is the machine's load; test_event_loop.py is about such steps.
        asyncio.get_running_loop().slow_callback_duration = 60
        config = Configuration(
            given["namespace"], given["kubeconfig"], registry_config=place / "registry.json",
            repository_config=place / "repositories.yaml", repository_cache=place / "cache",
            content_cache=place / "content",
        )
        async with config:
            await RepoAdd(config).run("first", given["repository"])
            for kind in ("old", "up"):
                await asyncio.gather(*(
                    Install(config).run(f"{turn}-{kind}-{i}", chart, {"value": f"{turn}-{kind}-{i}"})
                    for i in range(rounds)
                ))
            asked = [(name, i, *one) for i in range(rounds) for name, one in kinds(config, turn, i).items()]
            results = await asyncio.gather(*(one[2] for one in asked), return_exceptions=True)
            for (name, i, _, seen, expected), result in zip(asked, results, strict=True):
                try:
                    got = repr(result) if isinstance(result, BaseException) else seen(result)
                except Exception as problem:
                    got = repr(problem)
                if got != expected:
                    wrong.append(f"{name} {i}: {got!r}, not {expected!r}")
            listed = {one["name"] for one in await RepoList(config).run()}
            if not listed >= {"first", *(f"{turn}-{i}" for i in range(rounds))}:
                wrong.append(f"the list of repositories has {sorted(listed)}")
        assert config.closed
        return len(asked)

    def main():
        wrong, counts = [], []
        # As many threads as there will ever be: the Go runtime keeps those that it made.
        asyncio.run(many("warm", given["rounds"], wrong))
        before = usage()
        counts.append(asyncio.run(many("hot", given["rounds"], wrong)))
        end = time.monotonic() + 10
        while (after := usage())["fds"] > before["fds"] and time.monotonic() < end:
            time.sleep(0.1)
        Path(given["answer"]).write_text(
            json.dumps({"operations": counts[0], "wrong": wrong, "before": before, "after": after})
        )

    main()
""")


# A whole two hundred twice: what the first time leaves open or running for good, the second shows.
def test_two_hundred_operations_of_twenty_kinds_at_once(
    helm_cluster: TestCluster, objects: Objects, tmp_path: Path, record_property: Any
) -> None:
    served = tmp_path / "served"
    served.mkdir()
    archive = SIMPLE.save(served)
    repository = f"mixed/{objects.namespace}"
    oci.push(helm_cluster.registry, repository, SIMPLE)
    answer = tmp_path / "answer.json"
    with serving(directory(served)) as server:
        (served / "index.yaml").write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "entries": {
                        "web": [{"apiVersion": "v2", "name": "web", "version": "0.1.0", "urls": [archive.name]}]
                    },
                }
            )
        )
        given = {
            "kubeconfig": str(helm_cluster.kubeconfig),
            "namespace": objects.namespace,
            "place": str(tmp_path),
            "chart": str(SIMPLE.write(tmp_path)),
            "archive": str(archive),
            "answer": str(answer),
            "oci": f"oci://{helm_cluster.registry}/{repository}",
            "protected": helm_cluster.registry_auth,
            "username": helm_cluster.username,
            "password": helm_cluster.password,
            "repository": server.url,
            "rounds": ROUNDS,
        }
        command = [sys.executable, "-W", "error", "-X", "dev", "-c", MIXED, json.dumps(given)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    told = json.loads(answer.read_text())
    record_property("usage", told)
    assert told["wrong"] == []
    assert told["operations"] == 20 * ROUNDS
    assert told["after"]["fds"] <= told["before"]["fds"]
    assert told["after"]["python"] == told["before"]["python"]
    # Some threads more or less are the Go runtime's mood; one for each operation would be two hundred.
    assert told["after"]["threads"] <= told["before"]["threads"] + 20
    # Neither dry run left anything; each upgrade and install did what it was asked to.
    left = {name: objects.data(name)["value"] for name in objects.names("configmaps")}
    assert left == {
        f"{turn}-{kind}-{i}": f"{turn}-old-{i}" if kind == "old" else f"{turn} {i}"
        for turn in ("warm", "hot")
        for kind in ("new", "old", "up")
        for i in range(ROUNDS)
    }

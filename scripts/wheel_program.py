"""What a freshly installed wheel must be able to do: CHART [install]; needs the package alone and prints one line.

With `install` it deploys to a test cluster, whose program HELM_SDKPY_TESTCLUSTER names.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from pathlib import Path

import helm_sdkpy
from helm_sdkpy import Configuration, Install, Lint, Template, get_version


async def main(chart: str, install: bool) -> None:
    """Render, lint and, where it was asked for, install a chart."""
    done = [f"Python {platform.python_version()} on {platform.machine()}", get_version()]
    async with Configuration() as config:
        manifest = await Template(config).run("tried", chart)
        done.append(f"template of {manifest.count('kind:')} objects")
        linted = await Lint(config).run(chart)
        done.append(f"lint: {linted['failed']} failed")
    if install:
        from helm_sdkpy.testing import TestCluster  # noqa: PLC0415 - not where it is not wanted

        async with TestCluster() as cluster, Configuration(kubeconfig=cluster.kubeconfig) as config:
            release = await Install(config).run("tried", chart, timeout=60)
            done.append(f"install: {release['info']['status']}")
    print("; ".join(done))


if __name__ == "__main__":
    if Path(helm_sdkpy.__file__).is_relative_to(Path(__file__).parent.parent / "helm_sdkpy"):
        sys.exit("this is the checkout's package, not an installed one")
    os.environ["KUBECONFIG"] = "none"  # nobody's cluster is asked
    asyncio.run(main(sys.argv[1], "install" in sys.argv[2:]))

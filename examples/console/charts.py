"""Finds the charts that can be installed, and what the form needs of one."""

from __future__ import annotations

import asyncio
import json
import tarfile
from pathlib import Path
from typing import Any

import yaml

from helm_sdkpy import ChartError, Configuration, Show

from .failures import told

SCHEMA = "values.schema.json"


class UnknownChart(Exception):
    """There is no chart of that name."""


class Charts:
    """The charts of a directory: directories and archives.

    Args:
        config: What reads them.
        directory: Where they are.
        suggested: Values to begin with, by the chart's name in the directory.
    """

    def __init__(self, config: Configuration, directory: Path, suggested: dict[str, str] | None = None) -> None:
        self._show = Show(config)
        self._directory = directory
        self._suggested = suggested or {}

    def source(self, name: str) -> Path:
        """Where a chart is. What a page names is looked up among what is there, and is never a path.

        Raises:
            UnknownChart: There is none of that name.
        """
        for path in self._paths():
            if path.name == name:
                return path
        raise UnknownChart(f"there is no chart {name!r} in {self._directory}")

    async def all(self) -> list[dict[str, Any]]:
        """Each chart, as its Chart.yaml describes it; one that can not be read says why."""
        paths = await asyncio.to_thread(self._paths)
        found = await asyncio.gather(*(self._describe(path) for path in paths))
        return [chart for chart in found if chart.get("type") != "library"]

    async def details(self, name: str) -> dict[str, Any]:
        """A chart with its values, its schema and its README.

        Raises:
            ChartError: It can not be read.
            UnknownChart: There is none of that name.
        """
        path = await asyncio.to_thread(self.source, name)
        described, values, readme, schema = await asyncio.gather(
            self._describe(path),
            self._show.values(path),
            self._show.readme(path),
            asyncio.to_thread(_schema, path),
        )
        return {
            **described,
            "values": values,
            "readme": readme,
            "schema": schema,
            "suggested": self._suggested.get(name, ""),
        }

    def _paths(self) -> list[Path]:
        return sorted(
            path
            for path in self._directory.iterdir()
            if path.suffix in (".tgz", ".gz") or (path / "Chart.yaml").is_file()
        )

    async def _describe(self, path: Path) -> dict[str, Any]:
        try:
            chart: dict[str, Any] = yaml.safe_load(await self._show.chart(path))
        except ChartError as error:
            return {"id": path.name, "name": path.name, "version": "", "description": "", "error": told(error)}
        dependencies: list[dict[str, Any]] = chart.get("dependencies") or []
        return {
            "id": path.name,
            "name": chart["name"],
            "version": str(chart["version"]),
            "app_version": str(chart.get("appVersion", "")),
            "description": chart.get("description", ""),
            "type": chart.get("type", "application"),
            # What a schema asks for below these may be given by the subchart's own values, which only Helm knows.
            "subcharts": [each.get("alias") or each["name"] for each in dependencies],
            "error": None,
        }


def _schema(path: Path) -> Any:
    """The chart's schema, None where it has none or one that is no JSON: Helm says so then."""
    text = _read_from_archive(path) if path.is_file() else _read(path / SCHEMA)
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return None


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _read_from_archive(path: Path) -> bytes | None:
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                # The chart's own is one below its directory; those of subcharts are deeper.
                if member.isfile() and member.name.removeprefix("./").split("/")[1:] == [SCHEMA]:
                    file = archive.extractfile(member)
                    return file.read() if file is not None else None
    except (tarfile.TarError, OSError):
        return None
    return None

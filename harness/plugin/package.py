"""A plugin package, written from the templates that come with this one."""

from __future__ import annotations

import re
import shutil
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

from harness.errors import BenchError, same_name
from harness.plugin.interface import INTERFACE
from harness.plugin.registry import Registry
from harness.units import one_line

FILES = {
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "gitignore.txt": ".gitignore",
    "init.py.txt": "$module/__init__.py",
    "models.py.txt": "$module/models.py",
    "datasets.py.txt": "$module/datasets.py",
    "optimizers.py.txt": "$module/optimizers.py",
    "suites.toml.txt": "$module/suites.toml",
    "test_plugin.py.txt": "tests/test_$module.py",
}
"""Each template, and the file of a package that it becomes."""

_PREFIX = "bench-"
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Names:
    """What a package and its parts are called.

    Attributes:
        suite: Of the suite, and of the entry point: `rings`.
    """

    suite: str

    @property
    def package(self) -> str:
        """Name the distribution, and its folder: `bench-rings`."""
        return _PREFIX + self.suite

    @property
    def stem(self) -> str:
        """Begin the names of definitions, so that those of two packages differ."""
        return self.suite.replace("-", "_")

    @property
    def module(self) -> str:
        """Name the module: `bench_rings`."""
        return f"bench_{self.stem}"


def names_of(given: str, registry: Registry) -> Names:
    """Read the name of a package: `rings`, or `bench-rings`.

    Raises:
        BenchError: no package can be called so, or a plugin or suite is.
    """
    bare = given.replace("_", "-").removeprefix(_PREFIX)
    if len(bare) > _LONGEST or not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", bare):
        raise BenchError(
            f"{one_line(repr(given), 80)} cannot name a package: small letters, digits and '-', a"
            f" letter first, {_LONGEST} at most{_proposed(given)}"
        )
    for what, taken in (
        ("plugin", [each.name for each in registry.plugins]),
        ("suite", registry.names("suite")),
    ):
        if same_name(bare) in map(same_name, taken):
            raise BenchError(
                f"a {what} is called {bare!r} already (bench list shows them): choose another name"
            )
    return Names(bare)


def write_package(names: Names, into: Path) -> Path:
    """Write a package into a folder of its own; give the folder.

    Raises:
        BenchError: the folder is there already, or cannot be written; nothing is left of it then.
    """
    folder = into / names.package
    told = one_line(str(folder), 300)
    if not into.is_dir():
        raise BenchError(f"--into {one_line(str(into), 300)}: there is no such folder")
    try:
        folder.mkdir()
    except FileExistsError:
        raise BenchError(
            f"{told} is there already: choose another name, or another folder with --into"
        ) from None
    except OSError as error:
        raise BenchError(f"{told} cannot be made: {error.strerror}") from None
    try:
        for path, content in _contents(names).items():
            file = folder / path
            file.parent.mkdir(exist_ok=True)
            file.write_text(content, encoding="utf-8")
    except OSError as error:
        with suppress(OSError):
            shutil.rmtree(folder)
        raise BenchError(f"{told} cannot be written: {error.strerror}") from None
    return folder


def _contents(names: Names) -> dict[str, str]:
    words = {
        "package": names.package,
        "module": names.module,
        "suite": names.suite,
        "stem": names.stem,
        "interface": str(INTERFACE),
    }
    templates = resources.files("harness.plugin") / "templates"
    return {
        Template(path).substitute(words): Template(
            (templates / name).read_text(encoding="utf-8")
        ).substitute(words)
        for name, path in FILES.items()
    }


def _proposed(given: str) -> str:
    plain = unicodedata.normalize("NFKD", given).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", plain.lower())
    near = "-".join(words).removeprefix(_PREFIX).lstrip("-0123456789")[:_LONGEST]
    return f": did you mean {near!r}?" if near else ""

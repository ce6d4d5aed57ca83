"""The Dockerfiles that are compared: those of public projects, which come with the upstream
source in Debian's packages, and own ones for what few projects use."""

import pathlib
import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass, field

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "fixtures/dockerfiles"
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}")


@dataclass
class Case:
    name: str
    shows: str
    # The Debian source package, or none for an own Dockerfile.
    package: str = ""
    dockerfile: str = "Dockerfile"
    context: str = "."
    # What stands in for each image of the Dockerfile: a base of `bases.py`, then programs.
    bases: dict = field(default_factory=dict)
    # Files that each stand-in writes.
    made: dict = field(default_factory=dict)
    # Files of the context that the project makes before it builds its image.
    files: list = field(default_factory=list)
    # Whether the project builds its image in a folder with the Dockerfile and these files alone.
    bare: bool = False
    # An archive of the context with these files.
    archives: dict = field(default_factory=dict)
    args: dict = field(default_factory=dict)
    target: str = ""
    quick: bool = False

    def text_in(self, context):
        return self.root(context) / self.dockerfile

    def root(self, context):
        """The folder of the source, of which the context may be a part."""
        return context if self.context == "." else context.parents[len(pathlib.Path(self.context).parts) - 1]

    def prepare(self, tools, folder):
        """Lays the context out in a folder and returns it."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if self.package:
            unpack(tools.source(self.package), folder)
        else:
            shutil.copytree(FIXTURES / "own" / self.name, folder, symlinks=True, dirs_exist_ok=True)
        context = folder / self.context
        if self.bare:
            for path in context.iterdir():
                if path.name != self.dockerfile:
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for name in self.files:
            path = context / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"#!/bin/sh\necho {path.name}\n")
            path.chmod(0o755)
        for name, members in self.archives.items():
            subprocess.run(["tar", "-C", context, "-caf", context / name, *members], check=True)
        dockerfile = folder / self.dockerfile
        # Of an image that stands in for another, the digest is another one.
        dockerfile.write_text(DIGEST.sub("", dockerfile.read_text()))
        return context

    def source(self):
        return f"{self.package}: {self.dockerfile}" if self.package else f"own: {self.name}"

    def stand_ins(self):
        """What stands in for the bases and their programs, in words."""
        programs = sorted({program for _, *programs in self.bases.values() for program in programs
                           if not program.startswith("/")})
        bases = sorted({base for base, *_ in self.bases.values()})
        return (", ".join(bases) or "none") + (f"; {', '.join(f'`{name}`' for name in programs)}" if programs else "")


def unpack(archive, folder):
    """Unpacks an archive without its one folder at the top, if it has only that."""
    subprocess.run(["tar", "-xf", archive, "-C", folder, "--no-same-owner"], check=True)
    inside = list(folder.iterdir())
    if len(inside) == 1 and inside[0].is_dir():
        top = inside[0].rename(folder / ".unpacked")
        for path in top.iterdir():
            path.rename(folder / path.name)
        top.rmdir()


def read():
    """All cases, in the order of the files."""
    found = []
    for path in sorted(FIXTURES.glob("cases-*.toml")):
        with path.open("rb") as file:
            found += [Case(**case) for case in tomllib.load(file)["case"]]
    return found


@dataclass
class Known:
    """A difference that is documented."""

    name: str
    what: str
    how: str
    why: str

    def explains(self, found):
        return bool(re.fullmatch(self.what, found.what, re.S) and re.fullmatch(self.how, found.how, re.S))


def known():
    with (FIXTURES / "differences.toml").open("rb") as file:
        return [Known(**entry) for entry in tomllib.load(file).get("difference", [])]

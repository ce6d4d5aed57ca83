"""Dockerfiles with `RUN` in three stages, in Go and in Node: a first build with only the base
there, one after a source file was changed, and one of what is unchanged, each with the push.

The sources are fixtures of the tests, and no command needs a network. The bases are made of
Debian's packages and kept in `target/dockerfiles/bases`, as for the tests of Dockerfiles.
"""

import os
import shutil
import subprocess
import sys

from measure import ROOT, Measured

sys.path.append(str(ROOT / "tests/peers/dockerfiles"))
from bases import Bases

FIXTURES = ROOT / "tests/fixtures/dockerfiles"
BASES = ROOT / "target/dockerfiles/bases"
# The base that the Dockerfile names, what stands in for it, and the file that changes.
EXAMPLES = {
    "go-server": ("golang:1.24", "go-toolchain", "greeting.go", "// {}\n"),
    "node-site": ("node:20", "node", "pages/index", "{}\n"),
}


class Example:
    """The folder of a Dockerfile, whose base is in the registry."""

    def __init__(self, bench, name, port):
        reference, base, self.changes, self.line = EXAMPLES[name]
        self.name, self.turn = name, 0
        self.folder = bench.folder / name
        shutil.copytree(FIXTURES / "own" / name, self.folder)
        self.base = f"127.0.0.1:{port}/{reference}"
        # On the file system of the bases, whose archives are linked.
        layout = BASES.parent / "layout"
        Bases(BASES, FIXTURES / "stand-ins").image(reference, [base], {}, layout)
        subprocess.run(["skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"oci:{layout}",
                        f"docker://{self.base}"], check=True, env=bench.env)
        shutil.rmtree(layout)
        dockerfile = self.folder / "Dockerfile"
        dockerfile.write_text(dockerfile.read_text().replace(f"FROM {reference}", f"FROM {self.base}"))

    def change(self):
        """Changes one source file, which has another content each time."""
        self.turn += 1
        with (self.folder / self.changes).open("a") as file:
            file.write(self.line.format(f"change {self.turn}"))


class Shipway:
    def __init__(self, bench, example, port):
        self.bench, self.example, self.state = bench, example, bench.folder / "state"
        self.cold, self.warm, self.again = (Measured("Shipway") for _ in range(3))
        self.plan = self.written("three", example.folder, port)
        only = bench.folder / "base-alone"
        only.mkdir(exist_ok=True)
        (only / "Dockerfile").write_text(f"FROM {example.base}\nRUN true\n")
        self.base = self.written("base", only, port)

    def written(self, name, context, port):
        return self.bench.plan(name, f"name: bench\nsteps:\n  - build: {{ context: '{context}', using: native }}\n"
                               f"  - tag: 127.0.0.1:{port}/bench/shipway:v1\n  - push:\n")

    def fetch(self):
        self.build(Measured("the base"), self.base)

    def build(self, measured, plan=None):
        os.sync()
        self.bench.ship(measured, plan or self.plan, "--until", "push", "--state-dir", self.state)

    def clean(self):
        shutil.rmtree(self.state)


class Peer:
    """A builder of several commands: what fetches, builds, pushes, and cleans. `caches` is a folder
    that is removed with the rest."""

    def __init__(self, bench, example, name, commands, env, caches=None):
        self.bench, self.example, self.commands, self.env = bench, example, commands, env
        self.caches = caches
        self.cold, self.warm, self.again = (Measured(f"{name}, build and push") for _ in range(3))

    def run(self, which):
        measured = Measured(which)
        measured.run(self.commands[which], env=self.env)
        return measured

    def fetch(self):
        self.run("fetch")

    def build(self, measured):
        os.sync()
        measured.run(self.commands["build"], env=self.env)
        measured.join(self.run("push"))

    def clean(self):
        for which in ("remove", "prune"):
            if which in self.commands:
                self.run(which)
        if self.caches:
            shutil.rmtree(self.caches)
            self.caches.mkdir()


def docker(bench, example, client, socket, version, port):
    words, image = [client, "-H", socket], f"127.0.0.1:{port}/bench/docker:v1"
    return Peer(bench, example, version, {
        "fetch": [*words, "pull", "--quiet", example.base],
        "build": [*words, "build", "--quiet", "--network", "none", "--tag", image, example.folder],
        "push": [*words, "push", "--quiet", image],
        "remove": [*words, "image", "rm", "--force", image],
        "prune": [*words, "builder", "prune", "--all", "--force"],
    }, {**bench.env, "DOCKER_BUILDKIT": "1"})


def buildah(bench, example, version, port):
    store = bench.folder / "containers"
    words = ["buildah", "--root", store / "root", "--runroot", store / "run", "--storage-driver", "overlay"]
    name = " ".join(version.split()[:3]).replace(" version", "")
    # Where it has the caches of commands.
    caches = bench.folder / "caches"
    caches.mkdir(exist_ok=True)
    return Peer(bench, example, name, {
        "fetch": [*words, "pull", "--quiet", "--tls-verify=false", example.base],
        "build": [*words, "build", "--isolation", "chroot", "--network", "host", "--layers", "--quiet", "--tag", "bench",
                  "--tls-verify=false", example.folder],
        "push": [*words, "push", "--quiet", "--tls-verify=false", "--format", "oci", "bench",
                 f"docker://127.0.0.1:{port}/bench/buildah:v1"],
        "remove": [*words, "rmi", "--all", "--force"],
    }, {**bench.env, "TMPDIR": str(caches)}, caches)


def compare(bench, example, contestants):
    """Lets the contestants take turns, and writes the rows."""
    for _ in range(bench.pairs):
        for contestant in contestants:
            contestant.fetch()
            contestant.build(contestant.cold)
            example.change()
            contestant.build(contestant.warm)
            contestant.build(contestant.again)
            contestant.clean()
    ours, *theirs = contestants
    for peer in theirs:
        bench.table.pair(f"{example.name}, three stages with `RUN`, to registry", ours.cold, peer.cold)
    for peer in theirs:
        bench.table.pair(f"{example.name}, one source file changed", ours.warm, peer.warm)
    for peer in theirs:
        bench.table.pair(f"{example.name}, nothing changed", ours.again, peer.again)

#!/usr/bin/env python3
"""Builds Dockerfiles with Shipway and with a peer, and compares the images.

    compare.py PROGRAM                 all Dockerfiles, with the BuildKit of Debian 13
    compare.py PROGRAM --only NAME …   some of them
    compare.py PROGRAM --quick         those that need no network, with this machine's buildah
    compare.py PROGRAM --write         and writes the table of docs/dockerfiles.md
    compare.py PROGRAM --work FOLDER   keeps bases and sources there, not in target/dockerfiles
    compare.py PROGRAM --into FILE     keeps what was equal, and does not build that again

Compared are the settings that decide how an image is run or built on, its history, and each
file: its path, kind, mode, owner, extended attributes, and content or target; times are not.
Ends with 1 if something differs that `tests/fixtures/dockerfiles/differences.toml` does not
explain, or if the table is another one. Needs root, mmdebstrap and busybox-static.
"""

import argparse
import json
import pathlib
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field

sys.dont_write_bytecode = True
import cases
import difference
import page
from bases import Bases
from builders import Buildah, BuildFailed, BuildKit, Shipway
from tools import Tools, default_work, docker
from trees import Images

# What a peer keeps of earlier builds takes room on the disk, and its removal takes time.
CASES_UNTIL_CLEAN = 10


@dataclass
class Result:
    case: cases.Case
    files: int = 0
    varying: int = 0
    # Names of documented differences.
    explained: list = field(default_factory=list)
    unexplained: list = field(default_factory=list)
    seconds: tuple = (0, 0)


class Comparison:
    def __init__(self, work, shipway, peer, tools):
        self.work, self.shipway, self.peer, self.tools = work, shipway, peer, tools
        self.bases, self.images, self.known = Bases(work / "bases", cases.FIXTURES / "stand-ins"), Images(), cases.known()

    def run(self, case):
        bases = {}
        try:
            context = case.prepare(self.tools, self.work / "context")
            for number, (reference, parts) in enumerate(case.bases.items()):
                bases[reference] = self.work / f"base-{number}"
                self.bases.image(reference, parts, case.made, bases[reference])
            self.peer.load(bases)
            return self.compare(case, context, bases)
        except (BuildFailed, OSError, subprocess.CalledProcessError) as failed:
            return Result(case, unexplained=[difference.Difference("build", str(failed))])
        finally:
            for folder in bases.values():
                shutil.rmtree(folder)

    def compare(self, case, context, bases):
        ours = self.shipway.build(case, context, bases, self.images)
        theirs = self.peer.build(case, context, self.images)
        took = (self.shipway.seconds, self.peer.seconds)
        found = difference.of_settings(ours.settings, theirs.settings)
        if self.peer.has_history:
            found += difference.of_history(ours.history, theirs.history)
        found += difference.of_trees(ours.tree, theirs.tree)
        result = Result(case, len(ours.tree), seconds=took)
        rest = self.explain(found, result)
        if any(one.what.startswith("/") for one in rest):
            again = self.peer.build_again(case, context, self.images)
            left = difference.without_varying(rest, difference.of_trees(theirs.tree, again.tree))
            result.varying, rest = len(rest) - len(left), left
        result.unexplained = rest
        return result

    def explain(self, found, result):
        rest = []
        for one in found:
            known = next((known for known in self.known if known.explains(one)), None)
            if not known:
                rest.append(one)
            elif known.name not in result.explained:
                result.explained.append(known.name)
        return rest


class Kept:
    """The results of earlier runs in a file, if there is one."""

    def __init__(self, path):
        self.path = path
        self.found = json.loads(path.read_text()) if path and path.exists() else {}

    def of(self, case):
        return Result(case, **self.found[case.name]) if case.name in self.found else None

    def keep(self, result):
        if not self.path or result.unexplained:
            return
        self.found[result.case.name] = {name: getattr(result, name)
                                        for name in ("files", "varying", "explained", "seconds")}
        self.path.write_text(json.dumps(self.found, indent=1))


def compare_all(comparison, chosen, kept):
    results = []
    for number, case in enumerate(chosen, 1):
        result = kept.of(case) or comparison.run(case)
        results.append(result)
        kept.keep(result)
        if number % CASES_UNTIL_CLEAN == 0:
            comparison.peer.clean()
        ours, theirs = result.seconds
        state = "differs" if result.unexplained else "equal"
        print(f"{number:3}/{len(chosen)} {case.name}: {state}, {result.files} files, {ours:.1f} s and {theirs:.1f} s, "
              f"varying {result.varying}, explained: {', '.join(result.explained) or 'nothing'}", flush=True)
        for one in result.unexplained[:40]:
            print(f"      {one.what}: {one.how}", flush=True)
    return results


def main():
    reads = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reads.add_argument("program", type=pathlib.Path)
    reads.add_argument("--only", nargs="+", default=[])
    reads.add_argument("--quick", action="store_true")
    reads.add_argument("--write", action="store_true")
    reads.add_argument("--into", type=pathlib.Path)
    reads.add_argument("--work", type=pathlib.Path, default=default_work())
    given = reads.parse_args()
    # The daemon ends with this script.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    work = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    shipway = Shipway(given.program.resolve(), work)
    chosen = [case for case in cases.read() if (not given.only or case.name in given.only)
              and (case.quick or not given.quick)]
    kept = Kept(given.into)
    if given.quick:
        peer = Buildah(work)
        results = compare_all(Comparison(work, shipway, peer, None), chosen, kept)
        shutil.rmtree(peer.folder)
    else:
        tools = Tools(work)
        with docker(tools) as socket:
            peer = BuildKit(tools, socket)
            results = compare_all(Comparison(work, shipway, peer, tools), chosen, kept)
            version = peer.version()
    wrong = [result for result in results if result.unexplained]
    if not given.quick and not given.only and not page.is_current(results, version, cases.known(), given.write):
        print("docs/dockerfiles.md has another table; `--write` writes it")
        sys.exit(1)
    print(f"{len(results) - len(wrong)} passed, {len(wrong)} failed")
    sys.exit(1 if wrong or not results else 0)


if __name__ == "__main__":
    main()

"""A part of `benches/run`: from the first line of the action to the first step of the plan.

The two scripts of `action.yml` are run as a runner runs them, one shell after the other.
The binary is that of a release on a server of this machine, and after the first run in the
tool cache.
"""

import hashlib
import http.server
import json
import os
import shutil
import tarfile
import threading
import time

from measure import ROOT, Measured, shown, stop

SHELL = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]


class Action:
    """A job of a pull request with a plan, whose first step writes what time it is."""

    def __init__(self, bench):
        self.folder = bench.folder / "action"
        self.folder.mkdir()
        self.action = self.folder / "actions"
        shutil.copytree(ROOT / ".github/action", self.action / ".github/action")
        self.pack(bench.program)
        (self.folder / "shipway.yml").write_text(
            "name: bench\nreport: none\nsteps: [{ run: [sh, -c, 'date +%s.%N > first'] }]\n")
        repository = {"full_name": "octo/demo"}
        end = {"sha": "0" * 40, "repo": repository}
        event = {"action": "opened", "number": 7, "repository": repository, "pull_request": {
            "number": 7, "state": "open", "user": {"login": "ada"}, "head": {"ref": "topic", **end},
            "base": {"ref": "main", **end}}}
        (self.folder / "event.json").write_text(json.dumps(event))
        self.env = {
            **bench.env, "GITHUB_ACTIONS": "true", "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_REPOSITORY": "octo/demo", "GITHUB_REF": "refs/pull/7/merge", "RUNNER_OS": "Linux",
            "RUNNER_ARCH": "ARM64" if os.uname().machine == "aarch64" else "X64",
            "RUNNER_TOOL_CACHE": str(self.folder / "cache"), "INPUT_COMMAND": "run",
            "GITHUB_OUTPUT": str(self.folder / "output"), "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
        }

    def pack(self, program):
        machine = os.uname().machine
        name = f"shipway-0.0.0-{machine}-unknown-linux-musl.tar.gz"
        served = self.folder / "served"
        served.mkdir()
        with tarfile.open(served / name, "w:gz", compresslevel=1) as archive:
            archive.add(program, "shipway")
        digest = hashlib.sha256((served / name).read_bytes()).hexdigest()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(served))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        (self.action / ".github/action/release.txt").write_text(
            f"version 0.0.0\nurl http://127.0.0.1:{self.server.server_port}\nsha256 {digest} {name}\n")

    def start(self):
        """Runs the action. Seconds from its first line, and from the start of the program, to
        the first step."""
        output = self.folder / "output"
        for file in ["output", "summary"]:
            (self.folder / file).write_text("")
        (self.folder / "first").unlink(missing_ok=True)
        begun = time.time()
        self.script('exec "$GITHUB_ACTION_PATH/.github/action/install.sh"', {})
        lines = dict(line.split("=", 1) for line in output.read_text().splitlines())
        started = time.time()
        self.script('exec "$SHIPWAY_PROGRAM" action', {"SHIPWAY_PROGRAM": lines["program"]})
        first = float((self.folder / "first").read_text())
        return first - begun, first - started

    def script(self, text, more):
        Measured("the action").run([*SHELL, text], env={**self.env, **more}, cwd=self.folder)


def handler(folder):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        asked = []

        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *_):
            self.asked.append(self.path)

    return Quiet


def action(bench):
    job = Action(bench)
    fresh, whole, ours = [], [], []
    for _ in range(bench.pairs):
        shutil.rmtree(job.folder / "cache", ignore_errors=True)
        fresh.append(job.start()[0])
    asked = job.server.RequestHandlerClass.asked
    if len(asked) != bench.pairs:
        stop(f"the installation of a release asks for {asked}")
    for _ in range(bench.pairs * 4):
        sum_of_both, own = job.start()
        whole.append(sum_of_both)
        ours.append(own)
    if len(asked) != bench.pairs:
        stop("what is in the tool cache was fetched again")
    job.server.shutdown()
    bench.table.row("from the action's first line to the first step, binary cached", shown(whole),
                    "goal: 150 ms", "", len(whole))
    bench.table.row("of which Shipway itself", shown(ours), "goal: 30 ms", "", len(ours))
    bench.table.row("not cached: one download and one hash, from this machine", shown(fresh), "", "",
                    len(fresh))

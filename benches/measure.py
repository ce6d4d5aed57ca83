"""Shared by the benches: contestants, their registry and line, and the table.

Whole processes, from start to end. A contestant that is not there, or is the
wrong one, or fails, fails the script: a row is measured or there is no table.
Nothing here rests for a fixed time: what is started is asked until it answers.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
MIB = 1 << 20


def stop(why):
    sys.exit(f"benches/{pathlib.Path(sys.argv[0]).name}: {why}")


# The cost of a contestant.


class Measured:
    """The runs of one contestant."""

    def __init__(self, name):
        self.name, self.wall, self.cpu, self.rss = name, [], [], []

    def run(self, command, env=None, cwd=None):
        begun = time.perf_counter()
        with tempfile.TemporaryFile() as said:
            child = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=said,
                stderr=subprocess.STDOUT, env=env, cwd=cwd,
            )
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            took = time.perf_counter() - begun
            said.seek(0)
            text = said.read().decode(errors="replace")
        if child.returncode != 0:
            stop(f"{self.name} ended with {child.returncode}: {command}\n{text}")
        self.wall.append(took)
        self.cpu.append(usage.ru_utime + usage.ru_stime)
        self.rss.append(usage.ru_maxrss / 1024)
        return text

    def join(self, other):
        """Two commands in sequence count as one contestant."""
        for mine, its in ((self.wall, other.wall), (self.cpu, other.cpu)):
            mine[-1] += its.pop()
        self.rss[-1] = max(self.rss[-1], other.rss.pop())


def shown(values):
    """Median, minimum and maximum, in a suitable unit."""
    middle = statistics.median(values)
    unit, factor = ("s", 1) if middle >= 1 else ("ms", 1000)
    digits = 0 if unit == "ms" and middle >= 0.01 else 2
    low, mid, high = (f"{value * factor:.{digits}f}" for value in (min(values), middle, max(values)))
    return f"{mid} {unit} ({low}–{high})"


class Table:
    def __init__(self):
        self.rows = []

    def pair(self, what, ours, theirs, of="wall"):
        """One row; the ratio is of the medians."""
        ours_, theirs_ = getattr(ours, of), getattr(theirs, of)
        ratio = statistics.median(theirs_) / statistics.median(ours_)
        self.row(what, shown(ours_), f"{theirs.name}: {shown(theirs_)}", f"{ratio:.1f}",
                 min(len(ours_), len(theirs_)))

    def row(self, what, ours, theirs, ratio, count):
        self.rows.append(f"| {what} | {ours} | {theirs} | {ratio} | {count} |")
        print(self.rows[-1], file=sys.stderr, flush=True)

    def print(self):
        print("| | Shipway | against | times faster | n |\n|---|---|---|---|---|")
        print("\n".join(self.rows))


def apart(work, *arguments):
    """Runs `work` in a child process. The peak memory reported for a contestant is
    at least that of the process which started it, so this process stays small."""
    sys.stdout.flush(), sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work(*arguments)
            code = 0
        finally:
            os._exit(code)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
        stop(f"`{work.__name__}` did not succeed")


# The peers.


def need(program, has="", *arguments):
    """The version of a program, which must hold `has`."""
    path = shutil.which(program)
    if not path:
        stop(f"`{program}` is not here; install it")
    said = subprocess.run([path, *(arguments or ["--version"])], capture_output=True, text=True)
    text = said.stdout + said.stderr
    if has not in text:
        stop(f"`{program}` is not the one that is meant, which says `{has}`: {text.strip()}")
    return " ".join(text.split("\n")[0].split()[:4])


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def until(answer, what, seconds=20):
    """Polls until the answer is true."""
    deadline = time.monotonic() + seconds
    while not answer():
        if time.monotonic() > deadline:
            stop(f"{what} does not answer")
        time.sleep(0.02)


def answers(address):
    host, port = address.split(":")

    def connects():
        try:
            socket.create_connection((host, int(port)), 1).close()
            return True
        except OSError:
            return False

    until(connects, address)


@contextmanager
def child(command, **options):
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
    started = subprocess.Popen([str(word) for word in command], **options)
    try:
        yield started
    finally:
        started.terminate()
        started.wait()


@contextmanager
def registry(folder, address):
    """An empty registry at an address with a port."""
    shutil.rmtree(folder / "registry", ignore_errors=True)
    settings = folder / "registry.yml"
    settings.write_text(
        f"version: 0.1\nlog: {{ level: error, accesslog: {{ disabled: true }} }}\n"
        f"storage: {{ filesystem: {{ rootdirectory: {folder / 'registry'} }} }}\n"
        f"http: {{ addr: '{address}' }}\n"
    )
    with child(["docker-registry", "serve", settings]):
        answers(address)
        yield
    shutil.rmtree(folder / "registry", ignore_errors=True)


@contextmanager
def far(port, round_trip):
    """The port as seen over a line with that round trip in milliseconds."""
    if not round_trip:
        yield port
        return
    listen = free_port()
    with child([sys.executable, HERE / "delay.py", listen, port, round_trip]):
        answers(f"127.0.0.1:{listen}")
        yield listen


class Bench:
    """A program, a temporary folder, and a table."""

    def __init__(self, program, pairs, folder):
        self.program, self.pairs, self.folder = program, pairs, folder
        self.table = Table()
        # No logins, caches or clouds of the user.
        keep = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ}
        self.env = {**keep, "HOME": str(folder)}

    def plan(self, name, text):
        path = self.folder / name / "shipway.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def ship(self, measured, plan, *options):
        return measured.run([self.program, "run", plan, *options], env=self.env)


def machine():
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = next((line.split(": ")[1] for line in info.splitlines() if line.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    load = os.getloadavg()[1]
    sha = "with" if " sha_ni" in info else "without"
    return (f"{os.cpu_count()} × {model} {sha} SHA instructions, {memory:.0f} GiB, "
            f"{platform.system()} {platform.release()}; load average {load:.1f}")


def main(kind, parts, pairs):
    """Runs the parts that the command line names, and prints the table. With
    `--into`, results are kept in a file, and a part that is in it is not run
    again."""
    reads = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__,
                                    formatter_class=argparse.RawDescriptionHelpFormatter)
    reads.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    reads.add_argument("--pairs", type=int, default=pairs)
    reads.add_argument("--built", type=pathlib.Path)
    reads.add_argument("--into", type=pathlib.Path)
    given = reads.parse_args()
    for part in given.parts:
        if part not in parts:
            stop(f"there is no part `{part}`; there are {', '.join(parts)}")
    # Registries and proxies end with this script.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    program = given.built
    if program is None:
        # Static, as the programs of a release are.
        subprocess.run(["cargo", "rustc", "--release", "--locked", "--quiet", "--bin", "shipway",
                        "--", "-C", "target-feature=+crt-static"], cwd=ROOT, check=True)
        program = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/shipway"
    version = need(str(program.resolve()), "shipway")
    kept = json.loads(given.into.read_text()) if given.into and given.into.exists() else {}
    for part in given.parts or parts:
        if part in kept:
            continue
        with tempfile.TemporaryDirectory(prefix="shipway-bench-") as folder:
            bench = kind(program.resolve(), given.pairs, pathlib.Path(folder))
            parts[part](bench)
            kept[part] = {"rows": bench.table.rows, "on": machine()}
        if given.into:
            given.into.write_text(json.dumps(kept, indent=1, ensure_ascii=False))
    table = Table()
    table.rows = [row for part in parts if part in kept for row in kept[part]["rows"]]
    table.print()
    print(f"\n{version}")
    for part in (part for part in parts if part in kept):
        print(f"{part}: {kept[part]['on']}")

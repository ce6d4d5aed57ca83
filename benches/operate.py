"""Parts of `benches/run`: what it costs to look after what was deployed.

Against a local cloud, whose request log counts what is asked of it. Its containers
and the commands share the clock of `/proc/uptime`, so that what a container writes
can be told from when it is noticed.
"""

import datetime
import json
import pathlib
import shutil
import subprocess
import time

from measure import Measured, child, shown, stop, until

GROUPS = "/providers/Microsoft.ContainerInstance/containerGroups"
# How many targets `status` looks at.
TARGETS = 50
# After how many seconds something is ready.
READY_AFTER = [1, 3, 10, 30]
# How many lines `logs -f` shows.
LINES = 40


def uptime():
    return float(pathlib.Path("/proc/uptime").read_text().split()[0])


class Shop:
    """A local cloud, whose services pull with an identity: no deploy sends a secret."""

    def __init__(self, bench):
        self.bench, self.program, self.env, self.table = bench, bench.program, bench.env, bench.table
        busybox = shutil.which("busybox") or stop("`busybox` is not here; install busybox-static")
        shutil.copy(busybox, bench.folder / "busybox")
        self.cloud = bench.folder / "operate.json"

    def __enter__(self):
        steps = "".join(
            f"  s{number}:\n    steps: [{{ deploy: {{ image: 'shipwaybench.azurecr.io/bench:v1', aci: {{ "
            f"dns-label: bench-s{number}, ports: [80], cpu: 0.1, memory: 0.1GB }} }} }}]\n"
            for number in range(TARGETS)
        )
        self.many = self.plan("many", f"services:\n{steps}")
        image = self.plan("image", "steps:\n  - build:\n      layers: [{ from: ../busybox, to: /bin/busybox, mode: "
                          "'0755' }]\n      entrypoint: [/bin/busybox, httpd, -f, -p, '80']\n"
                          "  - tag: shipwaybench.azurecr.io/bench:v1\n  - push:\n  - deploy: { aci: { name: first } }\n")
        self.process = child([self.program, "local", "--plan", image, "--runtime", "built-in", "--cloud",
                              self.cloud, "--state", self.bench.folder / "operate-cloud"], env=self.env)
        self.process.__enter__()
        until(self.cloud.exists, "the local cloud")
        self.log = pathlib.Path(json.loads(self.cloud.read_text())["request-log"])
        self.ship(Measured("push"), image, "--until", "push")
        return self

    def __exit__(self, *why):
        return self.process.__exit__(*why)

    def plan(self, name, steps):
        return self.bench.plan(name, f"name: {name}\nazure: {{ resource-group: bench, location: westeurope }}\n"
                               "registries: { shipwaybench.azurecr.io: { pull: { identity: bench-pull } } }\n" + steps)

    def reach(self, plan):
        return ["--cloud", self.cloud, "--state-dir", plan.parent / "state"]

    def ship(self, measured, plan, *options):
        return measured.run([self.program, "run", plan, *options, *self.reach(plan)], env=self.env)

    def logged(self, since):
        return [json.loads(line) for line in self.log.read_text().splitlines()[since:]]

    def asked(self, since):
        """The requests of container groups."""
        return [line for line in self.logged(since) if GROUPS in line["path"]]

    def requests(self):
        return len(self.log.read_text().splitlines())


def deploy(name, aci, rest=""):
    return (f"steps:\n  - deploy: {{ image: 'shipwaybench.azurecr.io/bench:v1', aci: {{ name: {name}, {aci}, "
            f"cpu: 0.1, memory: 0.1GB }} }}\n{rest}")


def unchanged(shop):
    """A deploy that finds nothing to do."""
    plan = shop.plan("same", deploy("same", "ports: [80]"))
    shop.ship(Measured("deploy"), plan)
    whole, verbs = Measured("Shipway"), set()
    for _ in range(shop.bench.pairs * 4):
        before = shop.requests()
        shop.ship(whole, plan)
        verbs.add(" ".join(line["method"] for line in shop.asked(before)))
    if verbs != {"GET"}:
        stop(f"a deploy that finds nothing to do asks {verbs}")
    shop.table.row("run of a deploy that finds nothing to do (1 GET of the container group), processor time",
                   shown(whole.cpu), "goal: 40 ms", "", len(whole.cpu))
    shop.table.row("the same, time on the clock", shown(whole.wall), "", "", len(whole.wall))


def ready(shop):
    """How long after a service is ready a run notices it."""
    for seconds in READY_AFTER:
        allowed = max(0.25, seconds / 10)
        late = {"deploy": [], "verify": []}
        for number in range(max(2, shop.bench.pairs // 2)):
            late["deploy"].append(after_init(shop, f"init-{seconds}-{number}", seconds))
            late["verify"].append(after_start(shop, f"late-{seconds}-{number}", seconds))
        for what, values in late.items():
            shop.table.row(f"`{what}` of what is ready after {seconds} s notices it after",
                           shown(values), f"goal: {allowed * 1000:.0f} ms", "", len(values))


def script(text):
    return f"command: [/bin/busybox, sh, -c, '{text}']"


def after_init(shop, name, seconds):
    """Seconds from the start of a container until it is seen to run. Its init container
    takes this long. That it stays up is watched for a while longer, which does not count."""
    init = f"init-containers: [{{ name: wait, image: 'shipwaybench.azurecr.io/bench:v1', {script(f'/bin/busybox sleep {seconds}')} }}]"
    main = script("/bin/busybox cat /proc/uptime; exec /bin/busybox sleep 600")
    plan = shop.plan(name, deploy(name, f"{init}, {main}"))
    before = shop.requests()
    shop.ship(Measured("deploy"), plan)
    began = first_line(shop, plan)
    asked = [moment(line["time"]) for line in shop.asked(before) if line["method"] == "GET"]
    down(shop, plan)
    # It is said to run some milliseconds before its program can write.
    return max(0, min(at for at in asked if at > began - 0.05) - began)


def after_start(shop, name, seconds):
    """Seconds from the moment at which a service is ready until its `verify` gets an answer."""
    main = script(f"/bin/busybox sleep {seconds}; /bin/busybox cat /proc/uptime; exec /bin/busybox httpd -f -p 80 -h /bin")
    plan = shop.plan(name, deploy(name, f"dns-label: bench-{name}, ports: [80], {main}",
                                  "  - verify: { http: /busybox, within: 1m }\n"))
    before = shop.requests()
    shop.ship(Measured("deploy"), plan)
    began = first_line(shop, plan)
    answers = [moment(line["time"]) for line in shop.logged(before)
               if line["host"].startswith(f"bench-{name}.") and line["status"] == 200]
    down(shop, plan)
    return max(0, answers[0] - began)


def moment(text):
    """A time of the request log as an uptime."""
    whole, _, rest = text.rstrip("Z").partition(".")
    at = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc).timestamp()
    at += float(f"0.{rest or 0}")
    return at - time.time() + uptime()


def first_line(shop, plan):
    said = Measured("logs").run([shop.program, "logs", "--plan", plan, "--tail", "all", "--cloud", shop.cloud], env=shop.env)
    return float(said.split()[0])


def down(shop, plan):
    Measured("down").run([shop.program, "down", plan, "--yes", "--cloud", shop.cloud], env=shop.env)


def status(shop):
    """`status` of many targets in one resource group."""
    shop.ship(Measured("deploy"), shop.many)
    ours = Measured("Shipway")
    for _ in range(shop.bench.pairs * 2):
        before = shop.requests()
        ours.run([shop.program, "status", "--plan", shop.many, "--exit-code", "--cloud", shop.cloud], env=shop.env)
        asked = [line["path"].split("?")[0] for line in shop.asked(before)]
        lists = [path for path in asked if path.endswith(GROUPS)]
        if len(lists) != 1 or len(asked) != TARGETS + 1:
            stop(f"`status` asks {len(asked)} times, of which {len(lists)} are lists")
    shop.table.row(f"`status` of {TARGETS} targets in a resource group (1 list), time on the clock",
                   shown(ours.wall), "", "", len(ours.wall))
    down(shop, shop.many)


def logs(shop):
    """How long after it was written a line is shown by `logs -f`."""
    main = script("while true; do /bin/busybox cat /proc/uptime; /bin/busybox usleep 370000; done")
    plan = shop.plan("writes", deploy("writes", main))
    shop.ship(Measured("deploy"), plan)
    command = [shop.program, "logs", "-f", "--tail", "1", "--plan", plan, "--cloud", shop.cloud]
    late = []
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, env=shop.env, text=True) as follows:
        for line in follows.stdout:
            late.append(uptime() - float(line.split()[0]))
            if len(late) > LINES:
                break
        follows.terminate()
    # The first was there before it was asked for.
    late = late[1:]
    if max(late) > 1.5:
        stop(f"`logs -f` shows a line {max(late):.2f} s after it was written")
    shop.table.row("`logs -f` shows a line, after it was written", shown(late), "goal: 1.5 s", "", len(late))
    down(shop, plan)

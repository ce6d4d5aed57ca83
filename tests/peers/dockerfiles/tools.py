"""Programs of Debian 13 in a root of their own: docker with BuildKit, buildah, and apt, which
fetches the sources of packages. So the peer has the same version on every machine."""

import os
import pathlib
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager

PACKAGES = ["ca-certificates", "docker-buildx", "docker-cli", "docker.io"]
SOURCES = "Types: deb-src\nURIs: {}\nSuites: trixie\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
# Run in a mount namespace, so that nothing stays mounted.
ENTER = """root=$1; work=$2; shift 2
# Docker changes how its root is mounted, so that this has to be a mount.
mount --bind "$root" "$root"
for folder in dev sys proc; do mount --rbind "/$folder" "$root/$folder"; done
mkdir -p "$root$work" && mount --rbind "$work" "$root$work"
[ -f /etc/resolv.conf ] && cat /etc/resolv.conf >"$root/etc/resolv.conf"
exec chroot "$root" "$@"
"""
MAX_START_SECONDS = 60


def fail(why):
    sys.exit(f"tests/peers/dockerfiles: {why}")


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            fail(f"`{program}` is not here; install it")


class Tools:
    def __init__(self, work):
        self.work, self.root = work, work / "tools"
        if os.getuid() != 0:
            fail("root is needed, for mmdebstrap and docker")
        need("mmdebstrap", "unshare", "chroot", "busybox")
        if not self.root.exists():
            part = work / "tools.part"
            shutil.rmtree(part, ignore_errors=True)
            subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}",
                            "trixie", part], check=True)
            part.rename(self.root)

    def command(self, *command):
        return ["unshare", "--mount", "sh", "-euc", ENTER, "sh", self.root, self.work, *command]

    def run(self, *command, log=None, env=None):
        """Runs a program to its end. What it says goes to the log."""
        command = [str(word) for word in self.command(*command)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", env={**os.environ, **(env or {})})
        if log:
            with log.open("a") as file:
                file.write(done.stdout + done.stderr)
        return done

    def source(self, package):
        """The folder with the upstream source of a Debian package, unpacked."""
        folder = self.work / "sources" / package
        if not self.archives(folder):
            self.sources_listed()
            folder.mkdir(parents=True, exist_ok=True)
            done = self.run("sh", "-c", f"cd {folder} && apt-get source -qq --download-only --tar-only "
                            f"--only-source -o APT::Sandbox::User=root {package}")
            if not self.archives(folder):
                fail(f"the source of `{package}` cannot be fetched: {done.stderr.strip()[-300:]}")
        return self.archives(folder)[0]

    def archives(self, folder):
        return [path for path in folder.glob("*.orig.tar.*") if path.suffix != ".asc"]

    def sources_listed(self):
        listed = self.root / "etc/apt/sources.list.d/sources.sources"
        if listed.exists():
            return
        mirror = next(line.split()[1] for line in (self.root / "etc/apt/sources.list").read_text().splitlines()
                      if line.startswith("deb "))
        listed.write_text(SOURCES.format(mirror))
        done = self.run("apt-get", "update", "-qq")
        if done.returncode != 0:
            listed.unlink()
            fail(f"the list of sources cannot be fetched: {done.stderr.strip()[-300:]}")


@contextmanager
def docker(tools):
    """A docker daemon without a network of its own, until the end."""
    folder = tools.work / "docker"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    socket = f"unix://{folder / 'socket'}"
    options = ["--iptables=false", "--ip6tables=false", "--bridge=none", f"--data-root={folder / 'data'}",
               f"--exec-root={folder / 'exec'}", f"--pidfile={folder / 'pid'}", f"--host={socket}"]
    with (folder / "log").open("wb") as log:
        command = [str(word) for word in tools.command("dockerd", *options)]
        daemon = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until = time.monotonic() + MAX_START_SECONDS
        while tools.run("docker", "-H", socket, "info").returncode != 0:
            if time.monotonic() > until or daemon.poll() is not None:
                fail(f"dockerd does not answer: {(folder / 'log').read_text()[-2000:]}")
            time.sleep(0.2)
        yield socket
    finally:
        daemon.terminate()
        daemon.wait()
        shutil.rmtree(folder, ignore_errors=True)


def default_work():
    return pathlib.Path(__file__).resolve().parents[3] / "target/dockerfiles"

"""The builders that are compared: Shipway, BuildKit in docker, and buildah."""

import json
import os
import re
import shutil
import subprocess
import time

from bases import full


# How much is shown of what a builder says that fails.
MAX_SAID = 1500


class BuildFailed(Exception):
    """What the builder said at the end."""


class Shipway:
    def __init__(self, program, work):
        self.program, self.folder = program, work / "shipway"

    def build(self, case, context, bases, images):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        build = {"context": str(context), "dockerfile": str(case.text_in(context)), "using": "native"}
        if case.args:
            build["args"] = case.args
        if case.target:
            build["target"] = case.target
        plan = self.folder / "shipway.yml"
        plan.write_text(json.dumps({"name": "compared", "steps": [{"build": build}]}))
        seeds = [word for reference, folder in bases.items()
                 for word in ("--seed-image", f"{full(reference)}=oci:{folder}")]
        begun = time.monotonic()
        done = subprocess.run(
            [self.program, "dry-run", plan, "--state-dir", self.folder / "state", "--save-images", self.folder / "images",
             "--offline", "--runtime", "built-in", *seeds],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder)})
        self.seconds = time.monotonic() - begun
        if done.returncode != 0:
            raise BuildFailed(done.stderr.split("stopping:")[0][-MAX_SAID:])
        image = images.layout(self.folder / "images/compared")
        shutil.rmtree(self.folder)
        return image


class BuildKit:
    name = "BuildKit"
    has_history = True

    def __init__(self, tools, socket):
        self.tools, self.docker = tools, ["docker", "-H", socket]
        self.folder = tools.work / "saved"

    def version(self):
        said = self.tools.run(*self.docker, "version", "--format", "{{.Server.Version}}").stdout.strip()
        return f"the BuildKit of docker {said.split('+')[0]}"

    def call(self, *words):
        done = self.tools.run(*self.docker, *words, env={"DOCKER_BUILDKIT": "1", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"})
        if done.returncode != 0:
            raise BuildFailed((done.stdout + done.stderr)[-MAX_SAID:])

    def load(self, bases):
        for folder in bases.values():
            archive = self.tools.work / "base.tar"
            subprocess.run(["tar", "-C", folder, "-cf", archive, "."], check=True)
            self.call("load", "--input", archive)
            archive.unlink()

    def build(self, case, context, images, *options):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        dockerfile = self.folder / "Dockerfile"
        # A directive would have BuildKit fetch another parser.
        dockerfile.write_text(re.sub(r"(?i)\A(#\s*\w+\s*=.*\n)*?#\s*syntax\s*=.*\n", r"\1", case.text_in(context).read_text()))
        target = ["--target", case.target] if case.target else []
        args = [word for name, value in case.args.items() for word in ("--build-arg", f"{name}={value}")]
        begun = time.monotonic()
        self.call("build", "--progress", "plain", "--network", "host", "--file", dockerfile, "--tag", "compared",
                  *target, *args, *options, context)
        self.seconds = time.monotonic() - begun
        return self.saved(images)

    def saved(self, images):
        self.call("save", "--output", self.folder / "image.tar", "compared")
        subprocess.run(["tar", "-C", self.folder, "-xf", self.folder / "image.tar"], check=True)
        image = images.saved(self.folder)
        shutil.rmtree(self.folder)
        return image

    def build_again(self, case, context, images):
        return self.build(case, context, images, "--no-cache")

    def clean(self):
        self.call("image", "prune", "--all", "--force")
        self.call("builder", "prune", "--all", "--force")


class Buildah:
    """The buildah of this machine."""

    name = "buildah"
    # It writes instructions as they are, after `#(nop)`.
    has_history = False

    def __init__(self, work):
        self.folder = work / "buildah"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.buildah = ["buildah", "--root", self.folder / "root", "--runroot", self.folder / "run",
                        "--storage-driver", "vfs"]

    def version(self):
        return " ".join(subprocess.check_output(["buildah", "--version"], text=True).split()[0:3:2])

    def call(self, *words):
        done = subprocess.run([*self.buildah, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace")
        if done.returncode != 0:
            raise BuildFailed((done.stdout + done.stderr)[-MAX_SAID:])

    def load(self, bases):
        for folder in bases.values():
            archive = self.folder / "base.tar"
            subprocess.run(["tar", "-C", folder, "-cf", archive, "."], check=True)
            self.call("pull", "--quiet", f"docker-archive:{archive}")
            archive.unlink()

    def build(self, case, context, images, *options):
        target = ["--target", case.target] if case.target else []
        args = [word for name, value in case.args.items() for word in ("--build-arg", f"{name}={value}")]
        # One layer: with one for each step, files of earlier steps go into later layers.
        begun = time.monotonic()
        self.call("build", "--quiet", "--format", "docker", "--isolation", "chroot", "--network", "host", "--pull-never", "--identity-label=false",
                  "--file", case.text_in(context), "--tag", "compared", *target, *args, *options, context)
        self.seconds = time.monotonic() - begun
        saved = self.folder / "saved"
        shutil.rmtree(saved, ignore_errors=True)
        saved.mkdir()
        self.call("push", "--quiet", "compared", f"docker-archive:{self.folder / 'image.tar'}:compared:latest")
        subprocess.run(["tar", "-C", saved, "-xf", self.folder / "image.tar"], check=True)
        (self.folder / "image.tar").unlink()
        return images.saved(saved)

    def build_again(self, case, context, images):
        return self.build(case, context, images, "--no-cache")

    def clean(self):
        self.call("rmi", "--all", "--force")

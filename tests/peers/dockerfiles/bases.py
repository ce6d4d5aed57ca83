"""Images that stand in for the bases of public Dockerfiles.

Made of Debian's packages by mmdebstrap, or of busybox alone. A program that would need what is
not here, such as the modules of Go, is stood in for by a script that writes the files which the
real one makes, with its arguments, its folder and its user as their content.
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
GO = {"GOPATH": "/go", "PATH": f"/go/bin:/usr/local/go/bin:{PATH}"}
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
NPM = {"NODE_EXTRA_CA_CERTS": CERTIFICATES}
PIP = {"PIP_CERT": CERTIFICATES, "SSL_CERT_FILE": CERTIFICATES, "PIP_BREAK_SYSTEM_PACKAGES": "1", "PIP_ROOT_USER_ACTION": "ignore",
       "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

# What each is made of, with the packages for mmdebstrap, its variables, and its working directory.
BASES = {
    "busybox": {"files": "busybox"},
    "alpine": {"files": "busybox", "cmd": ["/bin/sh"]},
    "configured": {"files": "busybox", "cmd": ["/bin/sh"], "settings": {
        "Entrypoint": ["/bin/first"], "User": "nobody", "Labels": {"base": "1", "kept": "yes"},
        "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/data": {}}, "StopSignal": "SIGINT", "WorkingDir": "/srv",
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 1_000_000_000}}},
    "triggers": {"files": "busybox", "cmd": ["/bin/sh"], "settings": {"OnBuild": [
        "ARG NAME=page", "COPY ${NAME} /srv/${NAME}", "RUN ls /srv > /list", "ENV TRIGGERED=yes", "USER nobody"]}},
    "golang": {"files": "busybox", "env": GO, "folder": "/go", "cmd": ["/bin/sh"]},
    "distroless": {"files": "distroless", "env": {"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"}},
    "debian": {"packages": [], "cmd": ["bash"]},
    "golang-debian": {"packages": [], "of": "debian", "env": GO, "folder": "/go", "cmd": ["bash"]},
    "postgres": {"packages": [], "of": "debian", "cmd": ["postgres"],
                 "users": ["postgres:x:999:999::/var/lib/postgresql:/bin/bash"]},
    "go-toolchain": {"packages": ["ca-certificates", "golang-go"], "env": GO, "folder": "/go", "cmd": ["bash"]},
    "python": {"packages": ["ca-certificates", "python3", "python3-pip", "python3-venv"], "env": PIP,
               "cmd": ["python3"], "links": {"python": "python3"}},
    "node": {"packages": ["ca-certificates", "nodejs", "npm"], "env": NPM, "cmd": ["node"],
             "users": ["node:x:1000:1000::/home/node:/bin/bash"]},
}
FOLDERS = {"dev": 0o755, "etc/ssl/certs": 0o755, "go/bin": 0o755, "go/src": 0o755, "home": 0o755, "opt": 0o755,
           "proc": 0o755, "root": 0o700, "run": 0o755, "srv": 0o755, "sys": 0o755, "tmp": 0o1777,
           "usr/local/bin": 0o755, "usr/sbin": 0o755, "var/cache/apk": 0o755, "var/lib": 0o755, "var/log": 0o755}
PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\nnonroot:x:65532:65532::/home:/bin/false\n"
GROUP = "root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n"
ETC = {"etc/hosts": "", "etc/hostname": "", "etc/resolv.conf": "", "etc/passwd": PASSWD, "etc/group": GROUP, "etc/os-release": "ID=stand-in\n",
       "etc/nsswitch.conf": "hosts: files dns\n", "etc/ssl/certs/ca-certificates.crt": "certificates\n"}
LISTS = "usr/local/share/stand-in"


def full(reference):
    """The reference with its registry and its tag."""
    first, slash, _ = reference.partition("/")
    if not slash:
        reference = f"docker.io/library/{reference}"
    elif "." not in first and ":" not in first and first != "localhost":
        reference = f"docker.io/{reference}"
    elif first == "docker.io" and reference.count("/") == 1:
        reference = f"docker.io/library/{reference.partition('/')[2]}"
    return reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"


class LayerWriter:
    """A layer of given files, owned by root, without times."""

    def __init__(self, path):
        self.archive, self.folders = tarfile.open(path, "w"), set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.archive.close()

    def add(self, path, kind, mode, data=b"", target=""):
        parent = os.path.dirname(path)
        if parent and parent not in self.folders:
            self.folder(parent)
        member = tarfile.TarInfo(path)
        member.type, member.mode, member.size, member.linkname = kind, mode, len(data), target
        self.archive.addfile(member, io.BytesIO(data))

    def folder(self, path, mode=0o755):
        if path not in self.folders:
            self.add(path, tarfile.DIRTYPE, mode)
            self.folders.add(path)

    def file(self, path, text, mode=0o644):
        self.add(path, tarfile.REGTYPE, mode, text if isinstance(text, bytes) else text.encode())

    def link(self, path, target):
        self.add(path, tarfile.SYMTYPE, 0o777, target=target)


class Bases:
    """Makes images below a folder. What mmdebstrap has made is kept there."""

    def __init__(self, folder, stand_ins):
        self.folder, self.stand_ins = folder, stand_ins
        folder.mkdir(parents=True, exist_ok=True)

    def image(self, reference, parts, made, into):
        """Writes an image as an OCI layout that `docker load` takes as well. `parts` are a base,
        and programs that are stood in for or `/folders`; `made` says what programs write."""
        base, *programs = parts
        about = BASES[base]
        shutil.rmtree(into, ignore_errors=True)
        (into / "blobs/sha256").mkdir(parents=True)
        layers = [self.files(base, about)]
        if programs or "links" in about or "users" in about:
            layers.append(into / "programs.tar")
            self.programs(layers[-1], about, programs, made)
        env = {"PATH": PATH, **about.get("env", {})}
        settings = {"Env": [f"{name}={value}" for name, value in env.items()], "Cmd": about.get("cmd"),
                    "WorkingDir": about.get("folder", ""), **about.get("settings", {})}
        write_layout(into, reference, settings, layers)
        (into / "programs.tar").unlink(missing_ok=True)

    def files(self, base, about):
        """The lowest layer of a base."""
        path = self.folder / f"{about.get('of') or about.get('files') or base}.tar"
        if not path.exists():
            part = path.with_suffix(".part")
            self.debian(part, about["packages"]) if "packages" in about else self.small(part, about["files"])
            part.rename(path)
        return path

    def debian(self, path, packages):
        include = [f"--include={','.join(packages)}"] if packages else []
        clean = 'rm -f "$1"/etc/resolv.conf "$1"/etc/hostname'
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "--format=tar", *include,
                        '--dpkgopt=path-exclude=/usr/share/doc/*', '--dpkgopt=path-exclude=/usr/share/man/*',
                        f"--customize-hook={clean}", "trixie", path], check=True)

    def small(self, path, kind):
        with LayerWriter(path) as layer:
            for folder, mode in FOLDERS.items():
                layer.folder(folder, mode)
            for name, text in ETC.items():
                layer.file(name, text)
            if kind == "busybox":
                program = shutil.which("busybox")
                with open(program, "rb") as file:
                    layer.file("bin/busybox", file.read(), 0o755)
                for applet in subprocess.check_output([program, "--list"], text=True).split():
                    if applet not in ("busybox", "dpkg", "dpkg-deb", "rpm"):
                        layer.link(f"bin/{applet}", "busybox")
                layer.link("usr/bin/env", "/bin/busybox")
                for name in ("addgroup", "adduser"):
                    layer.file(f"usr/sbin/{name}", (self.stand_ins / name).read_text(), 0o755)

    def programs(self, path, about, programs, made):
        with LayerWriter(path) as layer:
            for name, target in about.get("links", {}).items():
                layer.link(f"usr/local/bin/{name}", target if "/" in target else f"/usr/bin/{target}")
            if about.get("env") in (PIP, NPM) and os.path.exists(CERTIFICATES):
                # What this machine trusts: its way to pip and npm may have a certificate of its own.
                with open(CERTIFICATES, "rb") as file:
                    layer.file(CERTIFICATES.strip("/"), file.read())
            for line in about.get("users", []):
                self.user(layer, about, line)
            for name in programs:
                if name.startswith("/"):
                    layer.folder(name.strip("/"))
                    continue
                own = self.stand_ins / name
                text = (own if own.exists() else self.stand_ins / "any").read_text()
                layer.file(f"usr/local/bin/{name}", text, 0o755)
                layer.file(f"{LISTS}/{name}", "".join(f"{line}\n" for line in made.get(name, [])))

    def user(self, layer, about, line):
        name, _, uid, gid, _, home, _ = line.split(":")
        of = about.get("of") or next(base for base, this in BASES.items() if this is about)
        lowest = self.folder / f"{of}.tar"
        with tarfile.open(lowest) as archive:
            texts = {file: archive.extractfile(f"./{file}").read().decode() for file in ("etc/passwd", "etc/group")}
        layer.file("etc/passwd", texts["etc/passwd"] + line + "\n")
        layer.file("etc/group", texts["etc/group"] + f"{name}:x:{gid}:\n")
        member = tarfile.TarInfo(home.strip("/"))
        member.type, member.mode, member.uid, member.gid = tarfile.DIRTYPE, 0o755, int(uid), int(gid)
        layer.archive.addfile(member)


def write_layout(folder, reference, settings, layers):
    def blob(data):
        digest = hashlib.sha256(data).hexdigest()
        (folder / "blobs/sha256" / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    def layer_blob(path):
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
        to = folder / "blobs/sha256" / digest.hexdigest()
        # The archive of a large base is not copied for each image.
        os.link(path, to) if not to.exists() else None
        return {"digest": f"sha256:{digest.hexdigest()}", "size": path.stat().st_size}

    def document(value):
        return json.dumps(value).encode()

    kind = "application/vnd.oci.image."
    blobs = [{"mediaType": f"{kind}layer.v1.tar", **layer_blob(path)} for path in layers]
    config = blob(document({
        "architecture": "amd64", "os": "linux", "created": "1970-01-01T00:00:00Z", "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in blobs]},
        "history": [{"created_by": "stand-in"} for _ in blobs],
    }))
    manifest = blob(document({"schemaVersion": 2, "mediaType": f"{kind}manifest.v1+json", "layers": blobs,
                              "config": {"mediaType": f"{kind}config.v1+json", **config}}))
    index = {"schemaVersion": 2, "manifests": [{"mediaType": f"{kind}manifest.v1+json", **manifest}]}
    (folder / "index.json").write_bytes(document(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    path = "blobs/sha256/{}".format
    docker = [{"Config": path(config["digest"][7:]), "RepoTags": [full(reference)],
               "Layers": [path(layer["digest"][7:]) for layer in blobs]}]
    (folder / "manifest.json").write_bytes(document(docker))

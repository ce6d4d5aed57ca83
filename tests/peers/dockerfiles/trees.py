"""The files and settings of an image, whatever wrote it."""

import gzip
import hashlib
import json
import stat
import tarfile
from collections import namedtuple

# `content` is the digest of a file, the target of a link, the numbers of a device.
Entry = namedtuple("Entry", "kind mode owner xattrs content")

KINDS = {tarfile.DIRTYPE: "folder", tarfile.SYMTYPE: "link", tarfile.FIFOTYPE: "pipe",
         tarfile.CHRTYPE: "device", tarfile.BLKTYPE: "device"}
XATTR = "SCHILY.xattr."
MAX_CACHED_LAYERS = 12


class Layer:
    """What one layer brings and removes."""

    def __init__(self, stream):
        self.brings, self.removes, self.empties, self.links = {}, [], [], []
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                self.add(archive, member)

    def add(self, archive, member):
        path = member.name.removeprefix("./").strip("/")
        folder, _, name = path.rpartition("/")
        if name == ".wh..wh..opq":
            self.empties.append(folder)
        elif name.startswith(".wh."):
            self.removes.append(f"{folder}/{name[4:]}".lstrip("/"))
        elif member.type == tarfile.LNKTYPE:
            # The file may be one of a layer below.
            self.links.append((path, member.linkname.removeprefix("./").strip("/")))
        elif path not in ("", "."):
            self.brings[path] = entry(archive, member)


def entry(archive, member):
    kind = KINDS.get(member.type, "file")
    xattrs = tuple(sorted((name[len(XATTR):], value) for name, value in member.pax_headers.items()
                          if name.startswith(XATTR)))
    content = ""
    if kind == "file":
        digest = hashlib.sha256()
        file = archive.extractfile(member)
        while piece := file.read(1 << 20):
            digest.update(piece)
        content = digest.hexdigest()
    elif kind == "link":
        content = member.linkname
    elif kind == "device":
        content = f"{member.devmajor}:{member.devminor}"
    mode = 0o777 if kind == "link" else stat.S_IMODE(member.mode)
    return Entry(kind, mode, f"{member.uid}:{member.gid}", xattrs, content)


def below(tree, folder):
    prefix = f"{folder}/" if folder else ""
    return [path for path in tree if path.startswith(prefix)]


def lay(tree, layer):
    """Puts a layer over the files below it."""
    for folder in layer.empties:
        for path in below(tree, folder):
            del tree[path]
    for path in layer.removes:
        gone = tree.pop(path, None)
        if gone is None or gone.kind == "folder":
            for path in below(tree, path):
                del tree[path]
    for path, new in layer.brings.items():
        old = tree.get(path)
        if old and old.kind == "folder" and new.kind != "folder":
            for inner in below(tree, path):
                del tree[inner]
        tree[path] = new
    for path, target in layer.links:
        tree[path] = tree[target]


class Image:
    def __init__(self, config, tree):
        self.settings = settings(config)
        self.history = [(step.get("created_by", ""), step.get("empty_layer", False))
                        for step in config.get("history", [])]
        self.tree = tree


def settings(config):
    """What decides how the image is run or built on. Empty is the same as absent."""
    named = ["Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Labels", "OnBuild", "Shell", "StopSignal",
             "User", "Volumes", "WorkingDir"]
    inner = config.get("config") or {}
    found = {name: inner[name] for name in named if inner.get(name) not in (None, [], {}, "", "/")}
    found["platform"] = [config.get("os"), config.get("architecture"), config.get("variant")]
    return found


class Images:
    """Reads images, each large layer once."""

    def __init__(self):
        self.layers = {}

    def read(self, config, layers):
        """`layers` are functions that open the layers of the image, the lowest first."""
        tree = {}
        for diff, opens in zip(config["rootfs"]["diff_ids"], layers, strict=True):
            if diff not in self.layers:
                while len(self.layers) >= MAX_CACHED_LAYERS:
                    self.layers.pop(next(iter(self.layers)))
                with opens() as stream:
                    self.layers[diff] = Layer(stream)
            lay(tree, self.layers[diff])
        return Image(config, tree)

    def layout(self, folder):
        """An OCI layout with one image."""
        def blob(digest):
            return folder / "blobs" / digest.replace(":", "/")

        index = json.loads((folder / "index.json").read_text())
        manifest = json.loads(blob(index["manifests"][0]["digest"]).read_text())
        config = json.loads(blob(manifest["config"]["digest"]).read_text())
        return self.read(config, [opener(blob(layer["digest"])) for layer in manifest["layers"]])

    def saved(self, folder):
        """What `docker save` wrote, unpacked."""
        named = json.loads((folder / "manifest.json").read_text())[0]
        config = json.loads((folder / named["Config"]).read_text())
        return self.read(config, [opener(folder / layer) for layer in named["Layers"]])


def opener(path):
    def opens():
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        return gzip.open(path) if packed else path.open("rb")

    return opens

"""The folders and layouts that the benches push: the same bytes on every machine."""

import gzip
import hashlib
import json
import random
import tarfile

MIB = 1 << 20

# The mix of a folder, by bytes and by files: like the image of a web service with
# its dependencies. Sources and JSON, shared objects, and pictures, fonts and
# archives, which do not compress.
MIX = [("text", 0.50, 0.85), ("object", 0.30, 0.06), ("noise", 0.20, 0.09)]

WORDS = ("function return const let import export default from require module async await promise "
         "request response error value index length options config name type data item key result "
         "string number object array undefined null true false this new class extends constructor "
         "static get set throw catch try finally if else for while switch case break continue").split()


def text(chance, size):
    """Text that compresses like JavaScript: keywords, repeated names, indents,
    numbers and some hashes."""
    names = [chance.choice(WORDS) + chance.choice(WORDS).title() for _ in range(4000)]
    names += ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz_$", k=chance.randint(1, 9))) for _ in range(4000)]
    popular = [(place + 3) ** -1.15 for place in range(len(names))]
    words = [1 / (place + 3) for place in range(len(WORDS))]
    shapes = ["const {n} = {m}({n}, {i});", "if ({n}.{m} === {i}) {{", "return {n}.{w}({m});", "}}",
              "{n}: '{m}-{h}',", "// {w} {m} {w} the {n} of {w}", "{w} {n}({m}, {w}) {{",
              "\"{n}\": {{ \"version\": \"{i}.{i}.{i}\", \"integrity\": \"sha512-{h}\" }},",
              "export {{ {n}, {m} }} from './{w}/{n}';", "{n}.{m} = {n}[{i}] || {w};", ""]
    wide = 4096
    picked = lambda of, weights: iter(chance.choices(of, weights, k=wide))
    lines, length = [], 0
    while length < size:
        n, m, w = picked(names, popular), picked(names, popular), picked(WORDS, words)
        for shape in chance.choices(shapes, k=wide // 4):
            indent = " " * (2 * chance.randint(0, 6))
            hashed = chance.randbytes(8).hex() if "{h}" in shape else ""
            line = indent + shape.format(n=next(n), m=next(m), w=next(w), i=chance.randint(0, 99), h=hashed)
            lines.append(line)
            length += len(line) + 1
    return "\n".join(lines).encode()[:size]


def machine_code(chance, size):
    """Bytes that compress like a shared object: few frequent instructions,
    addresses, tables, padding and symbol names."""
    operations = [chance.randbytes(chance.randint(2, 7)) for _ in range(6000)]
    popular = [(place + 2) ** -1.35 for place in range(len(operations))]
    symbols = [chance.choice(WORDS) + "_" + chance.choice(WORDS) for _ in range(2000)]
    pieces, length = [], 0
    while length < size:
        kind = chance.random()
        if kind < 0.74:
            block = []
            for operation in chance.choices(operations, popular, k=2048):
                block.append(operation)
                if operation[0] < 40:
                    block.append(chance.randbytes(2) + bytes(2))
            piece = b"".join(block)
        elif kind < 0.84:
            base = chance.randrange(1 << 22)
            piece = b"".join((base + 16 * chance.randrange(4096)).to_bytes(8, "little") for _ in range(512))
        elif kind < 0.96:
            piece = b"\0".join(f"_Z{chance.randint(3, 40)}{name}".encode() for name in chance.choices(symbols, k=256))
        else:
            piece = bytes(4096)
        pieces.append(piece)
        length += len(piece)
    return b"".join(pieces)[:size]


class Material:
    """Pieces of one kind, cut differently for each file."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.stock = {"text": text(self.chance, 12 * MIB), "object": machine_code(self.chance, 12 * MIB)}

    def of(self, kind, size):
        if kind == "noise":
            return self.chance.randbytes(size)
        stock, pieces = self.stock[kind], []
        while size > 0:
            length = min(size, self.chance.randint(512, 24 << 10))
            begin = self.chance.randrange(len(stock) - length)
            pieces.append(stock[begin:begin + length])
            size -= length
        return b"".join(pieces)


def sizes(chance, count, total):
    """Sizes of many small and a few large files, `total` in sum."""
    raw = [chance.lognormvariate(0, 1.6) for _ in range(count)]
    scale = total / sum(raw)
    sized = [int(part * scale) for part in raw]
    sized[0] += total - sum(sized)
    return sized


def tree(folder, files, size, mix=MIX):
    """A folder of `files` files with `size` bytes in total."""
    material = Material(2)
    listed = []
    for number, (kind, of_bytes, of_files) in enumerate(mix):
        last = number == len(mix) - 1
        count = files - len(listed) if last else int(files * of_files)
        of_size = size - sum(each for _, each in listed) if last else int(size * of_bytes)
        listed += [(kind, each) for each in sizes(material.chance, count, of_size)]
    material.chance.shuffle(listed)
    suffix = {"text": "js", "object": "so", "noise": "png"}
    for number, (kind, length) in enumerate(listed):
        path = folder / f"packages-{number // 1000}" / f"package-{number % 1000 // 12}" / f"file-{number}.{suffix[kind]}"
        if number % 12 == 0 or not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(material.of(kind, length))


def large(path, size):
    """One file of the same mix."""
    material = Material(3)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        while size > 0:
            for kind, share, _ in MIX:
                length = min(size, int(4 * MIB * share))
                out.write(material.of(kind, length))
                size -= length


class Noise:
    """A file of `size` bytes that do not compress."""

    def __init__(self, chance):
        self.chance = chance

    def read(self, length):
        return self.chance.randbytes(length)


class Blob:
    """A file that is renamed to its digest when it is complete."""

    def __init__(self, blobs):
        self.path, self.hash, self.size = blobs / "incoming", hashlib.sha256(), 0
        self.file = self.path.open("wb")

    def write(self, data):
        self.hash.update(data)
        self.size += len(data)
        return self.file.write(data)

    def flush(self):
        self.file.flush()

    def finish(self):
        self.file.close()
        self.path.rename(self.path.with_name(self.hash.hexdigest()))
        return {"digest": f"sha256:{self.hash.hexdigest()}", "size": self.size}


class Both:
    """Hashes the bytes written through it."""

    def __init__(self, out):
        self.out, self.hash = out, hashlib.sha256()

    def write(self, data):
        self.hash.update(data)
        return self.out.write(data)


def layout(folder, count, size, compressed):
    """An OCI layout whose layers are files of noise."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)
    noise = Noise(random.Random(1))

    def blob(data):
        whole = Blob(blobs)
        whole.write(data)
        return whole.finish()

    kind = "application/vnd.oci.image."
    layers, plain = [], []
    for number in range(count):
        out = Blob(blobs)
        packer = gzip.GzipFile("", "wb", 1, out, mtime=0) if compressed else out
        both = Both(packer)
        with tarfile.open(fileobj=both, mode="w|") as archive:
            entry = tarfile.TarInfo(f"noise-{number}")
            entry.size = size
            archive.addfile(entry, noise)
        if compressed:
            packer.close()
        plain.append(f"sha256:{both.hash.hexdigest()}")
        suffix = "+gzip" if compressed else ""
        layers.append({"mediaType": f"{kind}layer.v1.tar{suffix}", **out.finish()})
    config = {"architecture": "amd64", "os": "linux", "config": {},
              "rootfs": {"type": "layers", "diff_ids": plain}}
    manifest = {
        "schemaVersion": 2, "mediaType": f"{kind}manifest.v1+json",
        "config": {"mediaType": f"{kind}config.v1+json", **blob(json.dumps(config).encode())},
        "layers": layers,
    }
    described = {"mediaType": f"{kind}manifest.v1+json", **blob(json.dumps(manifest).encode()),
                 "annotations": {"org.opencontainers.image.ref.name": "v1"}}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

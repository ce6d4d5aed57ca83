"""Keys and signatures of cosign, written from its specification and without Shipway's code.

  cosign.py keygen PREFIX PASSWORD           writes PREFIX.key, encrypted, and PREFIX.pub
  cosign.py verify HOST/REPOSITORY:TAG PUB   prints how many signatures of the key are valid
  cosign.py sign HOST/REPOSITORY:TAG KEY PASSWORD
  cosign.py bundle HOST/REPOSITORY:TAG KEY PASSWORD   signs as cosign 3 does

The signature is laid out as `specs/SIGNATURE_SPEC.md` of cosign says, the key as
`encrypted` of go-securesystemslib does, a bundle as `sigstore_bundle.proto`, in an envelope of
DSSE, listed by the referrers tag schema of OCI.
"""

import base64
import hashlib
import json
import os
import sys
import urllib.error
import urllib.request

import nacl.secret
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
IN_TOTO = "application/vnd.in-toto+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
TYPE = "cosign container image signature"
LABEL = "ENCRYPTED SIGSTORE PRIVATE KEY"


def b64(data):
    return base64.b64encode(data).decode()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def scrypt(password, salt, params):
    return hashlib.scrypt(
        password.encode(), salt=salt, n=params["N"], r=params["r"], p=params["p"],
        dklen=32, maxmem=1 << 28,
    )


def request(method, url, body=None, kind=None):
    headers = {"Accept": f"{MANIFEST}, {INDEX}"}
    if kind:
        headers["Content-Type"] = kind
    made = urllib.request.Request(url, data=body, method=method, headers=headers)
    with urllib.request.urlopen(made) as response:
        return response.read(), response.headers


class Image:
    def __init__(self, reference):
        name, self.tag = reference.rsplit(":", 1)
        self.host, self.repository = name.split("/", 1)
        self.base = f"http://{self.host}/v2/{self.repository}"
        self.digest = digest(request("GET", f"{self.base}/manifests/{self.tag}")[0])
        self.signatures = f"{self.base}/manifests/{self.digest.replace(':', '-')}.sig"

    def put_blob(self, data):
        location = request("POST", f"{self.base}/blobs/uploads/", b"")[1]["Location"]
        joint = "&" if "?" in location else "?"
        url = f"{location}{joint}digest={digest(data)}"
        request("PUT", url, data, "application/octet-stream")
        return digest(data)


def keygen(prefix, password):
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    salt, nonce, params = os.urandom(32), os.urandom(24), {"N": 65536, "r": 8, "p": 1}
    box = nacl.secret.SecretBox(scrypt(password, salt, params))
    sealed = {
        "kdf": {"name": "scrypt", "params": params, "salt": b64(salt)},
        "cipher": {"name": "nacl/secretbox", "nonce": b64(nonce)},
        "ciphertext": b64(box.encrypt(private, nonce).ciphertext),
    }
    body = b64(json.dumps(sealed).encode())
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    with open(f"{prefix}.key", "w") as file:
        file.write(f"-----BEGIN {LABEL}-----\n{lines}\n-----END {LABEL}-----\n")
    with open(f"{prefix}.pub", "wb") as file:
        file.write(public)


def opened(path, password):
    lines = [line for line in open(path).read().splitlines() if "-----" not in line]
    sealed = json.loads(base64.b64decode("".join(lines)))
    salt = base64.b64decode(sealed["kdf"]["salt"])
    box = nacl.secret.SecretBox(scrypt(password, salt, sealed["kdf"]["params"]))
    nonce = base64.b64decode(sealed["cipher"]["nonce"])
    private = box.decrypt(base64.b64decode(sealed["ciphertext"]), nonce)
    return serialization.load_der_private_key(private, None)


def verify(reference, public):
    image = Image(reference)
    key = serialization.load_pem_public_key(open(public, "rb").read())
    manifest = json.loads(request("GET", image.signatures)[0])
    config = json.loads(request("GET", f"{image.base}/blobs/{manifest['config']['digest']}")[0])
    layers = manifest["layers"]
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in layers], config
    valid = 0
    for layer in layers:
        assert layer["mediaType"] == PAYLOAD, layer
        payload = request("GET", f"{image.base}/blobs/{layer['digest']}")[0]
        assert digest(payload) == layer["digest"] and len(payload) == layer["size"], layer
        signature = base64.b64decode(layer["annotations"][SIGNATURE], validate=True)
        try:
            key.verify(signature, payload, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        critical = json.loads(payload)["critical"]
        assert critical["type"] == TYPE, critical
        assert critical["image"]["docker-manifest-digest"] == image.digest, critical
        name = f"{image.host}/{image.repository}"
        assert critical["identity"]["docker-reference"] == name, critical
        valid += 1
    print(valid)


def payload_of(image):
    critical = {
        "identity": {"docker-reference": f"{image.host}/{image.repository}"},
        "image": {"docker-manifest-digest": image.digest},
        "type": TYPE,
    }
    # cosign's own `optional` holds the annotations of `-a`.
    return json.dumps({"critical": critical, "optional": {"by": "a peer"}}).encode()


def sign(reference, path, password):
    image = Image(reference)
    payload = payload_of(image)
    signature = opened(path, password).sign(payload, ec.ECDSA(hashes.SHA256()))
    add_layer(image, payload, {SIGNATURE: b64(signature)})


def add_layer(image, payload, annotations):
    layer = {
        "mediaType": PAYLOAD, "digest": image.put_blob(payload), "size": len(payload),
        "annotations": annotations,
    }
    try:
        manifest = json.loads(request("GET", image.signatures)[0])
    except urllib.error.HTTPError as error:
        assert error.code == 404, error
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "layers": []}
    manifest["layers"].append(layer)
    ids = [layer["digest"] for layer in manifest["layers"]]
    config = json.dumps({
        "architecture": "", "os": "", "config": {},
        "rootfs": {"type": "layers", "diff_ids": ids},
    }).encode()
    manifest["config"] = {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": image.put_blob(config), "size": len(config),
    }
    request("PUT", image.signatures, json.dumps(manifest).encode(), MANIFEST)


def statement_of(image):
    return json.dumps({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": image.digest.split(":")[1]}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    }).encode()


def enveloped(statement):
    return b"DSSEv1 %d %s %d %s" % (len(IN_TOTO), IN_TOTO.encode(), len(statement), statement)


def bundle(reference, path, password):
    image = Image(reference)
    statement = statement_of(image)
    signature = opened(path, password).sign(enveloped(statement), ec.ECDSA(hashes.SHA256()))
    attach(image, statement, signature, {"publicKey": {"hint": "a peer"}})


def attach(image, statement, signature, material):
    document = json.dumps({
        "mediaType": BUNDLE,
        "verificationMaterial": material,
        "dsseEnvelope": {
            "payload": b64(statement), "payloadType": IN_TOTO,
            "signatures": [{"sig": b64(signature)}],
        },
    }).encode()
    body, headers = request("GET", f"{image.base}/manifests/{image.tag}")
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": BUNDLE,
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": image.put_blob(b"{}"), "size": 2,
        },
        "layers": [
            {"mediaType": BUNDLE, "digest": image.put_blob(document), "size": len(document)}
        ],
        "subject": {
            "mediaType": headers["Content-Type"], "digest": image.digest, "size": len(body),
        },
    }).encode()
    request("PUT", f"{image.base}/manifests/{digest(manifest)}", manifest, MANIFEST)
    # Without a type, as cosign left it out for years.
    entry = {"mediaType": MANIFEST, "digest": digest(manifest), "size": len(manifest)}
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()
    tag = image.digest.replace(":", "-")
    request("PUT", f"{image.base}/manifests/{tag}", index, INDEX)


if __name__ == "__main__":
    {"keygen": keygen, "verify": verify, "sign": sign, "bundle": bundle}[sys.argv[1]](*sys.argv[2:])

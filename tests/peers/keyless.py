"""Keyless signatures of cosign, written from the specifications and without Shipway's code.

  keyless.py verify HOST/REPOSITORY:TAG ROOTS LOG_KEY IDENTITY ISSUER
      prints how many signatures of the identity are valid, and writes `leaf.pem`
  keyless.py authority                    writes `fulcio.pem`, `rekor.pub` and their keys
  keyless.py sign HOST/REPOSITORY:TAG IDENTITY ISSUER     under the tag, as cosign 2 does
  keyless.py bundle HOST/REPOSITORY:TAG IDENTITY ISSUER   attached, as cosign 3 does

Certificates are as Fulcio's `docs/certificate-specification.md` and `docs/oid-info.md` say,
entries as Rekor's `openapi.yaml` and its types `hashedrekord` and `dsse`, and what a log signs
is JSON in the form of RFC 8785.
"""

import base64
import datetime
import hashlib
import json
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

# Nothing is written beside the source.
sys.dont_write_bytecode = True

import cosign
from cosign import SIGNATURE, Image, b64, request

CERTIFICATE = "dev.sigstore.cosign/certificate"
CHAIN = "dev.sigstore.cosign/chain"
ENTRY = "dev.sigstore.cosign/bundle"
EARLY_ISSUER = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
ISSUER = ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
SHA256 = ec.ECDSA(hashes.SHA256())
PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def log_id(key):
    return hashlib.sha256(key.public_bytes(DER, SPKI)).hexdigest()


def verify(reference, roots, log_key, identity, issuer):
    image = Image(reference)
    log_key = serialization.load_pem_public_key(open(log_key, "rb").read())
    trusted = x509.load_pem_x509_certificates(open(roots, "rb").read())
    manifest = json.loads(request("GET", image.signatures)[0])
    valid = 0
    for layer in manifest["layers"]:
        payload = request("GET", f"{image.base}/blobs/{layer['digest']}")[0]
        annotations = layer["annotations"]
        critical = json.loads(payload)["critical"]
        assert critical["image"]["docker-manifest-digest"] == image.digest, critical
        signature = base64.b64decode(annotations[SIGNATURE], validate=True)
        leaf = x509.load_pem_x509_certificate(annotations[CERTIFICATE].encode())
        leaf.public_key().verify(signature, payload, SHA256)
        entry = json.loads(annotations[ENTRY])
        promised = entry["Payload"]
        assert sorted(promised) == ["body", "integratedTime", "logID", "logIndex"], promised
        assert promised["logID"] == log_id(log_key), promised
        log_key.verify(
            base64.b64decode(entry["SignedEntryTimestamp"], validate=True), canonical(promised),
            SHA256,
        )
        body = json.loads(base64.b64decode(promised["body"], validate=True))
        assert (body["apiVersion"], body["kind"]) == ("0.0.1", "hashedrekord"), body
        data, signed = body["spec"]["data"], body["spec"]["signature"]
        assert data["hash"] == {
            "algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest(),
        }, body
        assert signed["content"] == annotations[SIGNATURE], body
        logged = base64.b64decode(signed["publicKey"]["content"], validate=True)
        assert x509.load_pem_x509_certificate(logged) == leaf, body
        time = datetime.datetime.fromtimestamp(
            promised["integratedTime"], datetime.timezone.utc
        )
        chain = x509.load_pem_x509_certificates(annotations[CHAIN].encode())
        lower = leaf
        for upper in chain:
            lower.verify_directly_issued_by(upper)
            assert upper.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
            lower = upper
        assert lower in trusted, lower
        for one in [leaf, *chain]:
            assert one.not_valid_before_utc <= time <= one.not_valid_after_utc, one
        assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == datetime.timedelta(
            minutes=10
        )
        said = leaf.extensions
        uses = said.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(uses) == [ExtendedKeyUsageOID.CODE_SIGNING], uses
        names = said.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.UniformResourceIdentifier) == [identity], names
        assert said.get_extension_for_oid(EARLY_ISSUER).value.value == issuer.encode()
        assert said.get_extension_for_oid(ISSUER).value.value == utf8_string(issuer)
        open("leaf.pem", "wb").write(leaf.public_bytes(PEM))
        valid += 1
    print(valid)


def utf8_string(text):
    assert len(text) < 128
    return bytes([0x0C, len(text)]) + text.encode()


def write_key(path, key):
    form = serialization.PrivateFormat.PKCS8
    content = key.private_bytes(PEM, form, serialization.NoEncryption())
    open(path, "wb").write(content)


def read_key(path):
    return serialization.load_pem_private_key(open(path, "rb").read(), None)


def authority():
    # Fulcio signs with P-384, and Rekor with P-256.
    root, log = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "sigstore.dev"),
        x509.NameAttribute(NameOID.COMMON_NAME, "sigstore"),
    ])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(root.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=1))
        .not_valid_after(NOW + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(
            x509.KeyUsage(False, False, False, False, False, True, True, False, False),
            critical=True,
        )
        .sign(root, hashes.SHA384())
    )
    open("fulcio.pem", "wb").write(certificate.public_bytes(PEM))
    open("rekor.pub", "wb").write(log.public_key().public_bytes(PEM, SPKI))
    write_key("fulcio.key", root)
    write_key("rekor.key", log)


def certify(identity, issuer):
    key = ec.generate_private_key(ec.SECP256R1())
    root = x509.load_pem_x509_certificate(open("fulcio.pem", "rb").read())
    if "://" in identity:
        name = x509.UniformResourceIdentifier(identity)
    else:
        name = x509.RFC822Name(identity)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([])).issuer_name(root.subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW).not_valid_after(NOW + datetime.timedelta(minutes=10))
        .add_extension(
            x509.KeyUsage(True, False, False, False, False, False, False, False, False),
            critical=True,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .add_extension(x509.SubjectAlternativeName([name]), critical=True)
        .add_extension(
            x509.UnrecognizedExtension(EARLY_ISSUER, issuer.encode()), critical=False
        )
        .add_extension(x509.UnrecognizedExtension(ISSUER, utf8_string(issuer)), critical=False)
        .sign(read_key("fulcio.key"), hashes.SHA384())
    )
    return key, certificate


def logged(kind, spec):
    log = read_key("rekor.key")
    body = b64(canonical({"apiVersion": "0.0.1", "kind": kind, "spec": spec}))
    entry = {
        "body": body, "integratedTime": int(NOW.timestamp()) + 5, "logIndex": 1234567,
        "logID": log_id(log.public_key()),
    }
    return entry, log.sign(canonical(entry), SHA256)


def proof_of(body):
    """The proof that an entry is the third of five in a tree (RFC 6962, 2.1.1)."""
    def leaf(content):
        return hashlib.sha256(b"\0" + content).digest()

    def node(left, right):
        return hashlib.sha256(b"\1" + left + right).digest()

    first, second, fourth, fifth = [leaf(bytes([number])) for number in (1, 2, 4, 5)]
    pair, third = node(first, second), leaf(base64.b64decode(body))
    root = node(node(pair, node(third, fourth)), fifth)
    note = f"rekor.example.com - 2605736670972794746\n5\n{b64(root)}\n"
    log = read_key("rekor.key")
    hint = bytes.fromhex(log_id(log.public_key()))[:4]
    signed = b64(hint + log.sign(note.encode(), SHA256))
    return {
        "logIndex": "2", "treeSize": "5", "rootHash": b64(root),
        "hashes": [b64(one) for one in (fourth, pair, fifth)],
        "checkpoint": {"envelope": f"{note}\n\u2014 rekor.example.com {signed}\n"},
    }


def sign(reference, identity, issuer):
    image = Image(reference)
    key, certificate = certify(identity, issuer)
    payload = cosign.payload_of(image)
    signature, pem = key.sign(payload, SHA256), certificate.public_bytes(PEM)
    entry, promise = logged("hashedrekord", {
        "data": {"hash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}},
        "signature": {"content": b64(signature), "publicKey": {"content": b64(pem)}},
    })
    cosign.add_layer(image, payload, {
        SIGNATURE: b64(signature), CERTIFICATE: pem.decode(),
        CHAIN: open("fulcio.pem").read(),
        ENTRY: json.dumps({"SignedEntryTimestamp": b64(promise), "Payload": entry}),
    })


def bundle(reference, identity, issuer):
    image = Image(reference)
    key, certificate = certify(identity, issuer)
    statement = cosign.statement_of(image)
    signature = key.sign(cosign.enveloped(statement), SHA256)
    entry, promise = logged("dsse", {
        "envelopeHash": {"algorithm": "sha256", "value": "0" * 64},
        "payloadHash": {
            "algorithm": "sha256", "value": hashlib.sha256(statement).hexdigest(),
        },
        "signatures": [
            {"signature": b64(signature), "verifier": b64(certificate.public_bytes(PEM))}
        ],
    })
    cosign.attach(image, statement, signature, {
        "certificate": {"rawBytes": b64(certificate.public_bytes(DER))},
        "tlogEntries": [{
            "logIndex": str(entry["logIndex"]),
            "logId": {"keyId": b64(bytes.fromhex(entry["logID"]))},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(entry["integratedTime"]),
            "inclusionPromise": {"signedEntryTimestamp": b64(promise)},
            "inclusionProof": proof_of(entry["body"]),
            "canonicalizedBody": entry["body"],
        }],
    })


if __name__ == "__main__":
    commands = {"verify": verify, "authority": authority, "sign": sign, "bundle": bundle}
    commands[sys.argv[1]](*sys.argv[2:])

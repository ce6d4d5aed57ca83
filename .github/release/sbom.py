#!/usr/bin/env python3
"""Writes the SBOM of a release: an SPDX 2.3 document of the crates in Cargo.lock.

    .github/release/sbom.py VERSION > shipway-VERSION.spdx.json

The same version and the same Cargo.lock give the same bytes.
"""

import hashlib
import json
import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]


def identifier(package):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", f"{package['name']}-{package['version']}")


def described(package):
    name, version = package["name"], package["version"]
    source = package.get("source", "")
    entry = {
        "SPDXID": identifier(package),
        "name": name,
        "versionInfo": version,
        "downloadLocation": source.partition("+")[2] or "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": f"pkg:cargo/{name}@{version}",
        }],
    }
    if "checksum" in package:
        entry["checksums"] = [{"algorithm": "SHA256", "checksumValue": package["checksum"]}]
    return entry


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: .github/release/sbom.py VERSION")
    version = sys.argv[1].removeprefix("v")
    lock = (ROOT / "Cargo.lock").read_bytes()
    packages = tomllib.loads(lock.decode())["package"]
    own = next(package for package in packages if package["name"] == "shipway")
    if own["version"] != version:
        sys.exit(f"sbom: the version is {version}, and Cargo.lock has {own['version']}")
    known = {}
    for package in packages:
        known.setdefault(package["name"], []).append(package)

    def needed(text):
        """The package that a line of `dependencies` means: its name, and if several have it
        the version."""
        name, _, rest = text.partition(" ")
        found = [one for one in known[name] if not rest or one["version"] == rest.split()[0]]
        return found[0]

    relations = [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                  "relatedSpdxElement": identifier(own)}]
    for package in packages:
        relations += [{"spdxElementId": identifier(package), "relationshipType": "DEPENDS_ON",
                       "relatedSpdxElement": identifier(needed(text))}
                      for text in package.get("dependencies", [])]
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"shipway-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/shipway-{version}-{hashlib.sha256(lock).hexdigest()}",
        # A time would make two documents of the same crates differ.
        "creationInfo": {"created": "1970-01-01T00:00:00Z", "creators": ["Tool: shipway-release"]},
        "packages": [described(package) for package in packages],
        "relationships": relations,
    }
    json.dump(document, sys.stdout, indent=1)
    print()


main()

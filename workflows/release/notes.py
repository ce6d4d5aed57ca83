#!/usr/bin/env python3
"""Completes the notes of a release with what was released: reads them from standard input, and
writes them with a table of the images and their URLs. A table of an earlier run is replaced.

    gh release view v1.2.3 --json body --jq .body | workflows/release/notes.py RESULT

RESULT is the file in the output `result` of the action.
"""

import json
import pathlib
import sys

BEGIN, END = "<!-- shipway: released -->", "<!-- shipway: end -->"


def released(result):
    rows = []
    for service in result["services"]:
        outputs = service.get("outputs") or {}
        if not outputs.get("image"):
            continue
        url = f"<{outputs['url']}>" if outputs.get("url") else ""
        # One for each platform.
        sbom = "<br>".join(f"`{one}`" for one in (outputs.get("sbom") or "").split())
        rows.append(f"| `{service['name']}` | `{outputs['image']}` | {url} | {sbom} |")
    head = ["| Service | Image | URL | SBOM |", "| --- | --- | --- | --- |"]
    return "\n".join([BEGIN, *head, *rows, END])


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: workflows/release/notes.py RESULT <NOTES")
    result = json.loads(pathlib.Path(sys.argv[1]).read_text())
    notes = sys.stdin.read()
    before, _, rest = notes.partition(BEGIN)
    after = rest.partition(END)[2]
    parts = [before.strip(), released(result), after.strip()]
    print("\n\n".join(part for part in parts if part))


main()

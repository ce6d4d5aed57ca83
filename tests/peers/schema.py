#!/usr/bin/env python3
"""Checks plans against the schema of `shipway schema`, by Python's `jsonschema`.

    schema.py SHIPWAY GOOD... --bad BAD...

Every GOOD plan must be accepted, every BAD one refused. Needs `jsonschema` and
`PyYAML`. Numbers and booleans are given to the validator as YAML 1.2 types them.
"""

import json
import subprocess
import sys

import jsonschema
import yaml


class Loader(yaml.SafeLoader):
    """YAML 1.2's core schema: `no` and `on` are text, and there are no dates."""


Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":timestamp"))]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool",
    yaml.resolver.re.compile("^(?:true|True|TRUE|false|False|FALSE)$"),
    list("tTfF"),
)


def mistakes(validator, path):
    with open(path, encoding="utf-8") as file:
        plan = yaml.load(file, Loader)
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in validator.iter_errors(plan)
    ]


def main(arguments):
    program, plans = arguments[0], arguments[1:]
    cut = plans.index("--bad") if "--bad" in plans else len(plans)
    schema = json.loads(subprocess.run([program, "schema"], check=True, capture_output=True).stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    failed = False
    for path in plans[:cut]:
        found = mistakes(validator, path)
        print(f"{path}: {'accepted' if not found else 'REFUSED'}")
        failed |= bool(found)
        for mistake in found:
            print(f"    {mistake}")
    for path in plans[cut + 1:]:
        found = mistakes(validator, path)
        print(f"{path}: {'refused' if found else 'ACCEPTED'} ({len(found)} mistakes)")
        failed |= not found
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

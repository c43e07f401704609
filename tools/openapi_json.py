#!/usr/bin/python3
"""Turns docs/openapi.yaml into JSON on stdout: what the server answers at /openapi.json."""

import json
import sys

import yaml


class Loader(yaml.SafeLoader):
    """YAML without its dates, without second keys and without keys that stand alone."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, value in node.value:
            name = self.construct_object(key, deep=True)
            # A comma in an unquoted text inside braces ends it: what follows becomes a key without a value.
            if isinstance(value, yaml.ScalarNode) and value.value == "" and value.style is None:
                raise SystemExit(f"{self.name}:{key.start_mark.line + 1}: the key {name} has no value")
            if name in seen:
                raise SystemExit(f"{self.name}:{key.start_mark.line + 1}: the key {name} stands here a second time")
            seen.add(name)
        return super().construct_mapping(node, deep)


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def main():
    if len(sys.argv) != 2:
        raise SystemExit("usage: openapi_json.py OPENAPI.yaml")
    with open(sys.argv[1], encoding="utf-8") as source:
        document = yaml.load(source, Loader)
    json.dump(document, sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


main()

#!/usr/bin/env python3
"""Makes openapi-subset.json: the shapes of the replies that our tests validate.

usage: stampede routes | make_schema.py OPENAPI_JSON > openapi-subset.json

OPENAPI_JSON is dist/schema.json of github.com/abraham/mastodon-openapi. Kept are only facts of the
interface: paths, status codes, names, types, formats, enumerations, required keys. Texts (descriptions,
examples, titles) are left out: they are under another licence.
"""

import json
import re
import sys

DROPPED = {"description", "summary", "example", "examples", "title", "externalDocs", "default"}


def strip(schema):
    """A schema without prose; names of properties are no keywords."""
    if isinstance(schema, list):
        return [strip(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, value in schema.items():
        if key in DROPPED or key.startswith("x-"):
            continue
        if key == "properties":
            kept[key] = {name: strip(value[name]) for name in sorted(value)}
        elif key == "$ref":
            kept[key] = value.replace("#/components/schemas/", "#/$defs/")
        else:
            kept[key] = strip(value)
    return kept


def refs(schema):
    return set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(schema)))


def main():
    with open(sys.argv[1]) as file:
        source = json.load(file)
    served = set()
    for line in sys.stdin:
        method, path = line.split("\t")[:2]
        served.add((method.lower(), re.sub(r"[:*]\w+", "{}", path)))
    paths = {}
    for path, operations in sorted(source["paths"].items()):
        for method, operation in operations.items():
            if (method, re.sub(r"\{\w+\}", "{}", path)) not in served:
                continue
            replies = {}
            for code, reply in operation["responses"].items():
                content = reply.get("content", {}).get("application/json")
                if content and code[0] == "2":
                    replies[code] = strip(content["schema"])
            paths.setdefault(path, {})[method] = replies
    schemas = source["components"]["schemas"]
    wanted, known = refs(paths) | {"Error"}, {}
    while wanted - known.keys():
        for name in sorted(wanted - known.keys()):
            known[name] = strip(schemas[name])
            wanted |= refs(known[name])
    json.dump({"paths": paths, "$defs": {name: known[name] for name in sorted(known)}},
              sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Checks the licences and sources of all dependencies, and that none is banned, by the lists of deny.toml.

cargo-deny checks the same and the advisories, where its database can be reached; this needs no network.
"""

import json
import subprocess
import sys
import tomllib

RULES = tomllib.load(open("deny.toml", "rb"))
ALLOWED = set(RULES["licenses"]["allow"])
BANNED = set(RULES["bans"]["deny"])


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression can be met with allowed licences. `/` is an old way to write OR."""
    tokens = expression.replace("/", " OR ").replace("(", " ( ").replace(")", " ) ").split()

    def alternatives() -> bool:
        met = every()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            met = every() or met
        return met

    def every() -> bool:
        met = single()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            met = single() and met
        return met

    def single() -> bool:
        token = tokens.pop(0)
        if token == "(":
            met = alternatives()
            tokens.pop(0)
            return met
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            return f"{token} WITH {tokens.pop(0)}" in ALLOWED
        return token in ALLOWED

    return alternatives()


def problems(package: dict) -> list[str]:
    found = []
    source = package["source"]
    if source is not None and not source.startswith("registry+"):
        found.append(f"comes from {source}; use a release from the registry")
    if package["name"] in BANNED:
        found.append("is banned in deny.toml")
    licence = package["license"]
    if licence is None:
        found.append("names no licence")
    elif not is_allowed(licence):
        found.append(f"has the licence {licence}; add it to deny.toml if it is acceptable")
    return found


def main() -> int:
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--all-features"]
    command += ["--filter-platform", "x86_64-unknown-linux-gnu"]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    used = {node["id"] for node in metadata["resolve"]["nodes"]}
    packages = [package for package in metadata["packages"] if package["id"] in used]
    lines = [f"{p['name']} {p['version']} {problem}" for p in packages for problem in problems(p)]
    print("\n".join(lines) if lines else f"{len(packages)} packages checked")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())

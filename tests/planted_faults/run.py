#!/usr/bin/env python3
"""Plants the faults of faults.toml and shows which of them the tests catch.

usage: run.py COPY [NAME ...]

COPY is a folder outside of the repository: the tree is copied there (what git knows or would add), and built in its own
target directory. NAMEs restrict the run to some faults. A fault is caught if one of its tests fails that passes without
it. The exit status is 0 if all are caught, 1 if not, 2 if the list is wrong.

All faults are built at once. In the copy, each is behind a look at a file that holds the number of the one that acts,
so that nothing is built again between them. The repository itself has no such switch.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
BUILD = ["cargo", "test", "--locked", "--workspace", "--lib", "--test", "all"]
FEATURES = ["--features", "playarr-metrics/system-tests"]
# Tests with a browser take minutes.
BROWSER_TESTS = [path.stem for path in sorted((REPOSITORY / "tests").glob("browser*.rs"))] + ["behind_nginx"]
SKIPPED = [argument for name in BROWSER_TESTS for argument in ("--skip", f"{name}::")]
# A fault may make a test wait for ever. In seconds, far longer than any of the runs takes; the list has shorter ones.
LONGEST_RUN = 300

# What each process looks at once: the number of the fault that acts.
SWITCH = """
#[doc(hidden)]
#[must_use]
#[allow(missing_docs)]
pub fn planted(number: u32) -> bool {
    static ACTING: std::sync::OnceLock<Option<u32>> = std::sync::OnceLock::new();
    *ACTING.get_or_init(|| std::fs::read_to_string(PATH).ok()?.trim().parse().ok()) == Some(number)
}
"""


class WrongList(Exception):
    pass


def read_faults():
    faults = tomllib.loads((HERE / "faults.toml").read_text())["fault"]
    names = [fault["name"] for fault in faults]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise WrongList(f"named twice: {', '.join(sorted(twice))}")
    wrong = []
    for number, fault in enumerate(faults, 1):
        fault["number"] = number
        path = REPOSITORY / fault["file"]
        count = path.read_text().count(fault["old"]) if path.is_file() else 0
        if count != 1:
            wrong.append(f"{fault['name']}: its text is {count} times in {fault['file']}, not once")
    if wrong:
        raise WrongList("\n".join(wrong))
    return faults


def switched(fault, text):
    """The text of a file with a fault planted in it."""
    is_acting = "crate" if fault["file"].startswith("jobs/") else "playarr_jobs"
    old, new = fault["old"], fault["new"]
    either = f"if {is_acting}::planted({fault['number']}) {{ {new} }} else {{ {old} }}"
    is_statement = old.rstrip().endswith((";", "}")) or old.startswith("return ")
    return text.replace(old, either if is_statement else f"({either})")


def copy_tree(copy, faults):
    """Copies what git knows or would add, with the faults planted. What is the same stays, and is not built again."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=REPOSITORY, check=True, capture_output=True
    ).stdout.decode()
    files = {name for name in listed.split("\0") if name and (REPOSITORY / name).is_file()}
    acting = copy / "target" / "acting_fault"
    acting.parent.mkdir(parents=True, exist_ok=True)
    for name in sorted(files):
        content = (REPOSITORY / name).read_bytes()
        planted = [fault for fault in faults if fault["file"] == name]
        for fault in planted:
            text = switched(fault, content.decode())
            content = text.encode()
        if name == "jobs/src/lib.rs":
            content += SWITCH.replace("PATH", f'"{acting}"').encode()
        target = copy / name
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            shutil.copymode(REPOSITORY / name, target)
    for path in copy.rglob("*.rs"):
        name = str(path.relative_to(copy))
        if not name.startswith("target/") and name not in files:
            path.unlink()
    return acting


def build(copy, faults):
    done = subprocess.run([*BUILD, "--no-run", *FEATURES], cwd=copy, capture_output=True, text=True)
    if done.returncode != 0:
        errors = re.findall(r"^error.*?(?=^\s*$)", done.stderr, re.M | re.S)
        numbers = {int(number) for error in errors for number in re.findall(r"planted\((\d+)\)", error)}
        names = [fault["name"] for fault in faults if fault["number"] in numbers]
        raise WrongList("does not build: " + ", ".join(names) + "\n\n" + "\n".join(errors))


def run_tests(copy, filters, log, passing=None, longest=LONGEST_RUN):
    """The tests that passed, those that failed, and whether the run was ended because it took too long. With `passing`
    it ends at the first of these that fails."""
    process = subprocess.Popen(
        [*BUILD, "--no-fail-fast", *FEATURES, "--", *SKIPPED, *filters],
        cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
    )
    end = lambda: os.killpg(process.pid, signal.SIGTERM)
    took_too_long = threading.Event()
    timer = threading.Timer(longest, lambda: (took_too_long.set(), end()))
    if passing is not None:
        timer.start()
    passed, failed = set(), set()
    with log.open("w") as written:
        for line in process.stdout:
            written.write(line)
            # With several threads the outcome may follow what another test has printed.
            outcome = re.search(r"test (\S+)(?: - should panic)? \.\.\. (ok|FAILED)$", line)
            if outcome is None:
                continue
            name, is_ok = outcome[1], outcome[2] == "ok"
            (passed if is_ok else failed).add(name)
            if not is_ok and passing is not None and name in passing:
                end()
                break
    process.stdout.close()
    process.wait()
    timer.cancel()
    return passed - failed, failed, took_too_long.is_set()


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    copy, only = Path(sys.argv[1]).resolve(), sys.argv[2:]
    if copy == REPOSITORY or REPOSITORY in copy.parents:
        raise WrongList("the copy must be outside of the repository")
    faults = read_faults()
    unknown = set(only) - {fault["name"] for fault in faults}
    if unknown:
        raise WrongList(f"no such fault: {', '.join(sorted(unknown))}")
    acting = copy_tree(copy, faults)
    acting.write_text("none\n")
    logs = copy / "target" / "planted_faults"
    logs.mkdir(parents=True, exist_ok=True)
    print(f"{len(faults)} faults; building", flush=True)
    build(copy, faults)

    chosen = [fault for fault in faults if not only or fault["name"] in only]
    filters = sorted({test for fault in chosen for test in fault["tests"]})
    started = time.monotonic()
    passed, failed, _ = run_tests(copy, filters, logs / "without.log")
    print(f"without a fault: {len(passed)} tests pass, {time.monotonic() - started:.0f} s", flush=True)
    for name in sorted(failed):
        print(f"  fails by itself, and counts for nothing: {name}", flush=True)

    missed = []
    width = max(len(fault["name"]) for fault in chosen)
    for fault in chosen:
        if not any(test in name for name in passed for test in fault["tests"]):
            raise WrongList(f"{fault['name']}: none of its tests exists and passes")
        acting.write_text(f"{fault['number']}\n")
        started = time.monotonic()
        log, longest = logs / f"{fault['name']}.log", fault.get("longest", LONGEST_RUN)
        _, broken, took_too_long = run_tests(copy, fault["tests"], log, passed, longest)
        caught = sorted(broken & passed)
        outcome = f"caught by {', '.join(caught)}"
        if not caught and took_too_long:
            outcome = "caught: its tests do not end"
        elif not caught:
            outcome = "NOT CAUGHT"
            missed.append(fault["name"])
        print(f"{fault['room']:16} {fault['name']:{width}} {time.monotonic() - started:4.0f} s  {outcome}", flush=True)
    acting.write_text("none\n")
    print(f"{len(chosen) - len(missed)} of {len(chosen)} caught")
    return 1 if missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except WrongList as wrong:
        print(wrong, file=sys.stderr)
        sys.exit(2)

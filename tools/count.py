#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""count.py BUILD STATUS NAMES: prints `PASSED FAILED` from the reports of the last `meson test` in
the folder BUILD, and appends a line for each failure to the file NAMES. A program that died or met
its limit without a failed case counts as one failure; so does a run with the exit status STATUS of
which the reports tell no failure (it did not build)."""
import json
import os
import sys
import xml.etree.ElementTree

FAILED = {"FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS"}


def cases(report):
    """How many passed; of those that failed (program, name)."""
    passed, failed = 0, []
    if os.path.exists(report):
        for case in xml.etree.ElementTree.parse(report).iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                failed.append((case.get("classname", ""), case.get("name")))
            elif case.find("skipped") is None:
                passed += 1
    return passed, failed


def programs(report):
    """Of the programs that failed: (name, result)."""
    if not os.path.exists(report):
        return []
    with open(report, encoding="utf-8") as lines:
        results = [json.loads(line) for line in lines]
    return [(r["name"], r["result"]) for r in results if r["result"] in FAILED]


def count(build, status):
    """How many passed, and the names of those that failed."""
    logs = os.path.join(build, "meson-logs")
    passed, failed = cases(os.path.join(logs, "testlog.junit.xml"))
    names = [f"{program}: {case}" for program, case in failed]
    for name, result in programs(os.path.join(logs, "testlog.json")):
        if not any(program.endswith(name) for program, _ in failed):
            names.append(f"{name}: {result}")
    if status != "0" and not names:
        names.append(f"exit status {status}, and nothing in the reports")
    return passed, names


def main(build, status, names):
    passed, failed = count(build, status)
    with open(names, "a", encoding="utf-8") as out:
        out.writelines(f"failed in {build}: {name}\n" for name in failed)
    print(passed, len(failed))


if __name__ == "__main__":
    main(*sys.argv[1:])

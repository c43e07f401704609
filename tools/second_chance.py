#!/usr/bin/env python3
"""Runs a gtest program; what failed is run once more, by itself.

Tests of real sandboxes share two cores with whatever else the machine does. One that passes alone after it failed in
the crowd is printed as FLAKY with all it said, and is a defect to be mended, but no reason to refuse a change. One that
fails twice fails. usage: second_chance.py PROGRAM [gtest options]"""
import json
import os
import subprocess
import sys
import tempfile


def run(program, options):
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        status = subprocess.call([program, *options, f"--gtest_output=json:{report.name}"])
        try:
            suites = json.load(open(report.name))["testsuites"]
        except (ValueError, KeyError):
            return status or 1, []  # it died
    tests = [test for suite in suites for test in suite["testsuite"]]
    return status, [test["classname"] + "." + test["name"] for test in tests if "failures" in test]


def main():
    program, options = sys.argv[1], sys.argv[2:]
    status, failed = run(program, options)
    if status == 0 or not failed:
        return status
    print(f"\n{len(failed)} failed and get a second chance, alone: {' '.join(failed)}", flush=True)
    status, again = run(program, [f"--gtest_filter={':'.join(failed)}"])
    for name in failed:
        print(("FAILED TWICE " if name in again or status else "FLAKY ") + name)
    return status


if __name__ == "__main__":
    os.environ.pop("GTEST_OUTPUT", None)
    sys.exit(main())

#!/usr/bin/python3
"""Plants the bugs of tests/mutants, one at a time, and asserts that the tests named in each patch see it.

A patch is a change of one line. Its head says what rule it breaks and which tests must fail:
    What: a result is recorded whoever holds the claim by now
    Test: test_app --gtest_filter=Worker*
Works in a copy below build/mutants, which stays there so that the next run builds only what changed. Exit 0 only if the
tests pass without a bug and every bug is seen by one of its tests. Arguments: names of patches; none means all. With
--here they are planted in this working tree and built in build/test: sooner, and everything is put back.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TREE = ROOT / "build" / "mutants" / "tree"
BUILD = ROOT / "build" / "mutants" / "build"
JOBS = os.environ.get("MAYFLY_JOBS", str(os.cpu_count()))
# The simulation sees each of these bugs within a few seeds; a mutant that hangs is dead as well.
SEEDS = "300"
PATIENCE = 300


def run(*command, **options):
    return subprocess.run([str(part) for part in command], text=True, capture_output=True, **options)


def work_here():
    global TREE, BUILD
    TREE, BUILD = ROOT, ROOT / "build" / "test"


def copy_sources():
    """What git would commit now. A file that is the same keeps its time, and so its object."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=ROOT).stdout.split("\0")
    wanted = {name for name in listed if name and (ROOT / name).is_file()}
    for name in wanted:
        to = TREE / name
        if to.is_file() and to.read_bytes() == (ROOT / name).read_bytes():
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, to)
        shutil.copymode(ROOT / name, to)
    for path in [path for path in TREE.rglob("*") if path.is_file()]:
        if str(path.relative_to(TREE)) not in wanted:
            path.unlink()


def build(programs):
    if not (BUILD / "build.ninja").is_file():
        configured = run("cmake", "-G", "Ninja", "-S", TREE, "-B", BUILD, "-DCMAKE_BUILD_TYPE=Debug",
                         "-DCMAKE_CXX_FLAGS_DEBUG=-O0", "-DMAYFLY_TEST_BUILD=ON")
        if configured.returncode != 0:
            sys.exit(f"cannot configure the copy in {TREE}:\n{configured.stderr}")
    built = run("ninja", "-j", JOBS, "-C", BUILD, *programs)
    if built.returncode != 0:
        sys.exit("the copy does not build:\n" + built.stdout[-4000:])


def sees(test):
    """Whether the test fails, with the names of the first that do."""
    program, *arguments = test.split()
    environment = dict(os.environ, MAYFLY_SEEDS=SEEDS)
    try:
        done = run(BUILD / "bin" / program, "--gtest_brief=1", *arguments, env=environment, timeout=PATIENCE, cwd=BUILD)
    except subprocess.TimeoutExpired:
        return True, f"hung for {PATIENCE} s"
    failed = re.findall(r"^\[  FAILED  \] ([\w/.]+)", done.stdout, re.MULTILINE)
    if done.returncode == 0 and not re.search(r"\b[1-9]\d* tests? ", done.stdout):
        sys.exit(f"{test} has run no test at all")
    return done.returncode != 0, ", ".join(dict.fromkeys(failed)) or f"ended with {done.returncode}"


class Mutant:
    def __init__(self, path):
        text = path.read_text()
        self.name = path.stem
        self.path = path
        self.what = re.search(r"^What: (.*)$", text, re.MULTILINE)[1]
        self.tests = re.findall(r"^Test: (.*)$", text, re.MULTILINE)

    def plant(self, *reverse):
        quietly = ["--force", "--silent", "--no-backup-if-mismatch"]
        applied = run("patch", "-p1", *quietly, *reverse, "-i", self.path, cwd=TREE)
        if applied.returncode != 0:
            sys.exit(f"{self.path} does not fit the code any more; write it again:\n{applied.stdout}{applied.stderr}")

    def killer(self):
        for test in self.tests:
            failed, how = sees(test)
            if failed:
                return test.split()[0], how
        return None


def main():
    names = [name for name in sys.argv[1:] if name != "--here"]
    if "--here" in sys.argv:
        work_here()
    else:
        copy_sources()
    mutants = [Mutant(path) for path in sorted((ROOT / "tests" / "mutants").glob("*.patch"))]
    mutants = [mutant for mutant in mutants if not names or mutant.name in names]
    if not mutants:
        sys.exit("tests/mutants has no such patch")
    tests = list(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
    programs = sorted({test.split()[0] for test in tests})
    build(programs)
    for test in tests:
        failed, how = sees(test)
        if failed:
            sys.exit(f"{test} fails without any bug planted: {how}")
    print(f"unpatched: {len(tests)} selections of tests pass", flush=True)

    survivors = 0
    for mutant in mutants:
        start = time.monotonic()
        mutant.plant()
        try:
            build(sorted({test.split()[0] for test in mutant.tests}))
            seen = mutant.killer()
        finally:
            mutant.plant("--reverse")
        survivors += seen is None
        by = f"{seen[0]}: {seen[1]}" if seen else "nobody"
        print(f"{'killed' if seen else 'ALIVE '} {mutant.name:24} {time.monotonic() - start:4.0f} s  {mutant.what}\n"
              f"       seen by {by[:200]}", flush=True)
    print(f"{len(mutants)} bugs planted, {survivors} not seen")
    return 1 if survivors else 0


sys.exit(main())

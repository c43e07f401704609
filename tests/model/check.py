#!/usr/bin/python3
"""Checks the models in this folder with spin: each as it is, then each rule taken away.

As it is, a model must keep every property. With -DBROKEN_..., the one property that stands beside it here must fail:
a model that cannot see a broken rule proves nothing about a kept one. Prints a table with the states explored.
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

# Liveness is checked under weak fairness: what can go on for ever without a step of somebody who could take one is no
# counterexample.
SOUND = {
    "lifetime": [("all_of_them", "D1, index, C6, once, truth", False), ("D2", "D2", True)],
    "cleanup": [("all_of_them", "C2, C3, C4, C5, name", False), ("C1", "C1", True)],
}
BROKEN = {
    "lifetime": [
        ("BROKEN_NO_RECHECK", "D1", "expiry does not look again"),
        ("BROKEN_ANSWER_FIRST", "D1", "a keepalive is answered before its commit"),
        ("BROKEN_ANSWER_FIRST", "C6", "a delete is answered before its commit"),
        ("BROKEN_EXTENDS_THE_ENDED", "D1", "a keepalive of what has ended is answered 200"),
        ("BROKEN_EXTEND_SHORTENS", "D1", "an extension may bring the end nearer"),
        ("BROKEN_WAKE_NOT_LOWERED", "index", "set-to leaves wake_at later than the end"),
        ("BROKEN_FORGOTTEN_AT_RESTART", "D2", "a restart does not read the index"),
        ("BROKEN_RETRY_ADDS_TWICE", "once", "a keepalive asked again under its key adds again"),
        ("BROKEN_UNKNOWN_IS_REFUSED", "truth", "an unknown commit is answered as refused"),
    ],
    "cleanup": [
        ("BROKEN_DELETE_BEFORE_VERIFY", "C2", "an archive that was not read back gives the permit"),
        ("BROKEN_RECORD_FIRST", "C3", "the record goes before the thing"),
        ("BROKEN_UNKNOWN_IS_DONE", "C3", "an effect with an unknown outcome counts as done"),
        ("BROKEN_NO_UID_LOCK", "C3", "a stop does not wait for the start that is under way"),
        ("BROKEN_FENCE_SKIPPED", "C3", "a new life begins before the helpers of the last one have ended"),
        ("BROKEN_EPOCH_SKIPPED", "C4", "a zombie's result is written"),
        ("BROKEN_BY_NAME", "C5", "effects are addressed by name"),
        ("BROKEN_NAME_TOO_EARLY", "name", "a name is given away before its holder ends"),
        ("BROKEN_CLAIMS_KEPT", "C1", "claims of a dead life are not released"),
    ],
}


def verify(model, claim, fair, macros=()):
    """(holds, states) of one property; raises where the search did not finish."""
    with tempfile.TemporaryDirectory() as folder:
        return search(model, folder, claim, fair, macros)


def search(model, folder, claim, fair, macros):
    tool = ["spin", "-a", *[f"-D{macro}" for macro in macros], str(HERE / f"{model}.pml")]
    subprocess.run(tool, cwd=folder, check=True, capture_output=True)
    limits = ["-DMEMLIM=2000", "-DNFAIR=3", "-DCOLLAPSE"]
    subprocess.run(["cc", "-O1", "-w", *limits, "-o", "pan", "pan.c"], cwd=folder, check=True)
    done = subprocess.run(["./pan", "-a", *(["-f"] if fair else []), "-m100000", "-N", claim], cwd=folder,
                          capture_output=True, text=True)
    errors = re.search(r"errors: (\d+)", done.stdout)
    states = re.search(r"(\d+) states, stored", done.stdout)
    finished = "max search depth too small" not in done.stdout and "out of memory" not in done.stdout
    holds = errors and errors[1] == "0"
    if not errors or not states or (holds and not finished):
        raise RuntimeError(f"{model}.pml, {claim}: the search gave no answer:\n{done.stdout}{done.stderr}")
    return holds, int(states[1])


def main():
    rows = [(model, claim, fair, names, None, "as it is") for model, claims in SOUND.items()
            for claim, names, fair in claims]
    rows += [(model, claim, claim in ("C1", "D2"), claim, macro, why) for model, variants in BROKEN.items()
             for macro, claim, why in variants]
    explored = 0
    wrong = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = pool.map(lambda row: verify(row[0], row[1], row[2], [row[4]] if row[4] else []), rows)
        for (model, claim, fair, names, macro, why), (holds, states) in zip(rows, answers):
            explored += states
            as_wanted = holds == (macro is None)
            wrong += not as_wanted
            print(f"{'ok ' if as_wanted else 'BAD'} {model:9} {names:27} {'holds' if holds else 'fails':6}"
                  f"{states:>9} states  {why}", flush=True)
    print(f"{len(rows)} checks, {explored} states explored, {wrong} not as they must be")
    return 1 if wrong else 0


sys.exit(main())

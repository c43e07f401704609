#!/usr/bin/python3
"""Reads the code for what no compiler checks: who includes whom, which names stand where, and how lines look.

Prints every violation as FILE:LINE: what is wrong; exit code 1 if there is one. A long file is only warned of.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# The table of ARCHITECTURE.md: what a folder of src/ may include beside itself.
ADAPTER = {"ports", "core", "base", "http", "os", "json"}
MAY_INCLUDE = {
    "base": set(),
    "core": {"base"},
    "ports": {"core", "base"},
    "app": {"ports", "core", "base"},
    "json": {"base"},
    "http": {"base"},
    "os": {"base"},
    "store": ADAPTER,
    "driver": ADAPTER,
    "archive": ADAPTER,
    "api": {"app", "core", "base", "http", "json"},
    "agent": {"base", "os", "http"},
    "cli": {"http", "base", "json"},
    "main": None,  # wires everything
}

# Libraries that one folder keeps to itself.
HOME_OF = {
    "boost/beast": {"http"},
    "boost/asio": {"http"},
    "curl/": {"http"},
    "openssl/ssl": {"http"},
    "CLI/": {"cli"},
    "sqlite3.h": {"store"},
    "archive.h": {"os"},
    "archive_entry.h": {"os"},
    "zstd.h": {"os"},
}

# Public APIs that src/api translates; below it nobody knows whom it serves.
DIALECTS = re.compile(r"blaxel|wegent|dreadnode|instabase|aeontel", re.IGNORECASE)

UNFINISHED = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X])\b")
# Of the machine this is written on; /home or /srv inside a sandbox are nobody's.
MACHINE_PATH = re.compile(r"(?<![\w.])/(work/(main|shared)|root|Users)/")
REGISTRY = re.compile(r"\b(docker|ghcr|quay|gcr|registry\.k8s)\.io\b|\b(mcr\.microsoft\.com|public\.ecr\.aws)\b")
UNWANTED = {"unfinished": UNFINISHED, "a path of one machine": MACHINE_PATH, "a registry": REGISTRY}

LINE_LIMIT = 120
FILE_LIMIT = 400
CODE = {".cc", ".h", ".py", ".sh", ".sql", ".yaml", ".cmake"}
TEXT = CODE | {".md", ".txt", ".json", ".toml", ".html", ".js", ".css"}
FOLDERS = ["src", "tests", "tools", "docs", "bench", "console"]


class Report:
    def __init__(self):
        self.violations = 0

    def wrong(self, path, line, text):
        self.violations += 1
        print(f"{path.relative_to(ROOT)}:{line}: {text}")

    def warn(self, path, line, text):
        print(f"{path.relative_to(ROOT)}:{line}: warning: {text}")


def files():
    found = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    return sorted(path for path in found if path.suffix in TEXT or path.name == "CMakeLists.txt")


def check_includes(path, lines, report):
    folder = path.relative_to(ROOT / "src").parts[0]
    if folder not in MAY_INCLUDE:
        report.wrong(path, 1, f"src/{folder} is not in the table of ARCHITECTURE.md and tools/tidy.py")
        return
    allowed = MAY_INCLUDE[folder]
    for number, line in enumerate(lines, 1):
        included = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not included:
            continue
        quote, name = included.groups()
        of = name.split("/")[0]
        if quote == '"' and allowed is not None and of != folder and of not in allowed:
            choice = ", ".join(sorted(allowed)) or "itself"
            report.wrong(path, number, f"src/{folder} may not include {name}: only {choice}")
        if quote == '"' and not (ROOT / "src" / name).is_file():
            report.wrong(path, number, f"{name} is no header of src; our own are named from there")
        for library, homes in HOME_OF.items():
            if quote == "<" and name.startswith(library) and folder not in homes:
                report.wrong(path, number, f"only src/{', src/'.join(sorted(homes))} may include {name}")


def check_dialects(path, lines, report):
    if path.relative_to(ROOT / "src").parts[0] == "api":
        return
    for number, line in enumerate(lines, 1):
        if found := DIALECTS.search(line):
            report.wrong(path, number, f"the name {found[0]} belongs to src/api")


def check_lines(path, lines, report):
    for number, line in enumerate(lines, 1):
        if path.suffix in CODE and len(line) > LINE_LIMIT:
            report.wrong(path, number, f"{len(line)} columns, {LINE_LIMIT} is the limit")
        if "\t" in line:
            report.wrong(path, number, "a tab")
        if line != line.rstrip():
            report.wrong(path, number, "blanks at the end")
        for what, pattern in UNWANTED.items():
            if found := pattern.search(line):
                report.wrong(path, number, f"{what}: {found[0]}")
    if path.suffix in (".cc", ".h") and len(lines) > FILE_LIMIT:
        report.warn(path, FILE_LIMIT, f"{len(lines)} lines; past {FILE_LIMIT} split it by subject")


def check_built(report):
    """A source that no target has is not compiled, and so not right for long."""
    text = (ROOT / "CMakeLists.txt").read_text()
    known = set()
    for folders in re.findall(r"FOLDERS\s+((?:[\w/]+\s+)*?)(?:LINK\b|\))", text.replace(")", " )")):
        known |= set(folders.split())
    known |= set(re.findall(r"src/([\w/]+)/\*\.cc", text))
    for path in sorted((ROOT / "src").rglob("*.cc")):
        folder = str(path.parent.relative_to(ROOT / "src"))
        if folder not in known:
            report.wrong(path, 1, f"src/{folder} is in no target of CMakeLists.txt")
    tests = (ROOT / "tests" / "CMakeLists.txt").read_text()
    for path in sorted((ROOT / "tests").rglob("*.cc")):
        folder = path.relative_to(ROOT / "tests").parts[0]
        if not re.search(rf"\b{re.escape(folder)}\b", tests):
            report.wrong(path, 1, f"tests/{folder} is in no target of tests/CMakeLists.txt")


def check_openapi(report):
    path = ROOT / "docs" / "openapi.yaml"
    command = [sys.executable, str(ROOT / "tools" / "openapi_json.py"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        report.wrong(path, 1, done.stderr.strip().splitlines()[-1])


def main():
    report = Report()
    for path in files():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as trouble:
            report.wrong(path, 1, f"not UTF-8: {trouble.reason}")
            continue
        check_lines(path, lines, report)
        if path.is_relative_to(ROOT / "src"):
            check_dialects(path, lines, report)
            if path.suffix in (".cc", ".h"):
                check_includes(path, lines, report)
    check_built(report)
    check_openapi(report)
    if report.violations:
        print(f"{report.violations} violations")
    return 1 if report.violations else 0


sys.exit(main())

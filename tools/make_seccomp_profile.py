#!/usr/bin/env python3
"""Turns a container engine's seccomp profile into the form that an OCI config.json wants, as a C++ source.

    tools/make_seccomp_profile.py PROFILE UNISTD_64_H > src/driver/crun/seccomp_profile.cc

PROFILE is the seccomp.json of golang-github-containers-common, UNISTD_64_H the kernel's list of x86_64 system calls.
Conditions on capabilities are resolved for the set in oci_config.cc, conditions on architectures for x86_64. Beyond
the packaged profile, everything that makes or enters a namespace or changes mounts is refused, and so are keyrings
and the kernel's log.
"""

import json
import re
import sys

KEPT = {"CAP_" + c for c in ("CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP SETFCAP "
                             "NET_BIND_SERVICE SYS_CHROOT").split()}
REFUSED = set("mount umount umount2 pivot_root mount_setattr move_mount open_tree fsopen fsconfig fsmount fspick "
              "setns keyctl add_key request_key syslog".split())
CLONE_NEWUSER = 0x10000000
EPERM, ENOSYS = 1, 38


def fits(rule):
    includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
    if "amd64" not in includes.get("arches", ["amd64"]) or "amd64" in excludes.get("arches", []):
        return False
    return set(includes.get("caps", [])) <= KEPT and not set(excludes.get("caps", [])) & KEPT


def converted(rule, known):
    allow = rule["action"] == "SCMP_ACT_ALLOW"
    taken = REFUSED | {"clone", "clone3", "unshare"} if allow else {"setns"}
    names = sorted(n for n in rule["names"] if n in known and n not in taken)
    out = {"names": names, "action": rule["action"]}
    if not allow:
        out["errnoRet"] = rule["errnoRet"] if rule.get("errnoRet") is not None else EPERM
    if rule.get("args"):
        out["args"] = rule["args"]
    return out


def only_without_new_user(name):
    def when(value):
        return [{"index": 0, "value": CLONE_NEWUSER, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}]
    return [{"names": [name], "action": "SCMP_ACT_ALLOW", "args": when(0)},
            {"names": [name], "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM, "args": when(CLONE_NEWUSER)}]


def main(profile_path, unistd_path):
    with open(profile_path, encoding="utf-8") as f:
        profile = json.load(f)
    with open(unistd_path, encoding="utf-8") as f:
        known = set(re.findall(r"#define __NR_(\w+)", f.read()))

    rules, seen = [], set()
    for rule in filter(fits, profile["syscalls"]):
        out = converted(rule, known)
        key = json.dumps(out, sort_keys=True)
        if out["names"] and key not in seen:
            rules.append(out)
            seen.add(key)
    rules.append({"names": sorted(REFUSED & known), "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM})
    # clone3 hides its flags in memory where a filter cannot look; libraries fall back to clone on ENOSYS.
    rules.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS})
    rules += only_without_new_user("clone") + only_without_new_user("unshare")

    print('#include "driver/crun/seccomp_profile.h"\n')
    print("// Made by tools/make_seccomp_profile.py; change it there.\n")
    print("namespace mayfly::crun {\n")
    print('const char* const seccomp_profile = R"json({')
    print(f'"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": {ENOSYS}, "architectures": ["SCMP_ARCH_X86_64"],')
    print('"syscalls": [')
    print(",\n".join(lines(rule) for rule in rules))
    print(']})json";\n')
    print("}  // namespace mayfly::crun")


def lines(rule):
    """One rule, its names wrapped: a string literal has a longest length, a reader a widest line."""
    text, width = "", 0
    for i, token in enumerate(json.dumps(rule).split(" ")):
        if width + len(token) > 110:
            text, width = text + "\n", 0
        elif i:
            text, width = text + " ", width + 1
        text, width = text + token, width + len(token)
    return text


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])

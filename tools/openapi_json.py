#!/usr/bin/python3
"""docs/openapi.yaml as JSON: `openapi_json.py FILE` prints it, `openapi_json.py --cc FILE OUT` writes a C++ source."""
import json
import sys

import yaml


def main():
    arguments = [a for a in sys.argv[1:] if a != "--cc"]
    with open(arguments[0], encoding="utf-8") as file:
        text = json.dumps(yaml.safe_load(file), separators=(",", ":"), ensure_ascii=True, default=str)
    if "--cc" not in sys.argv:
        print(text)
        return
    pieces = [text[i:i + 4000] for i in range(0, len(text), 4000)]
    literals = "\n".join('    R"json(' + piece + ')json"' for piece in pieces)
    with open(arguments[1], "w", encoding="utf-8") as out:
        out.write('#include "main/openapi_document.h"\n\nnamespace mayfly {\n\nconst char* const openapi_document =\n'
                  + literals + ";\n\n}  // namespace mayfly\n")


main()

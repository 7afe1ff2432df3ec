#!/usr/bin/env python3
"""Holds the tree to the rules of the house (docs/architecture.md): who includes whom, one door for each third party,
time through the Clock only, small files, no singletons, names that say something.

  tests/layers.py [ROOT]      prints file:line: rule, one line each; exit 1 if there is one
"""

import ast
import pathlib
import re
import sys

TREES = ("mqtt", "aws", "daemon", "cloud", "ctl", "plugins", "tests", "bench")
SOURCES = {".cpp", ".hpp", ".h", ".c"}
CEILING = 400  # lines of a hand-written file

STORE_DOORS = {"store/store.hpp", "store/registry.hpp"}
# What the files of a room may include of our own; the longest prefix of a file's path decides. None: everything.
ROOMS = {
    "mqtt/": {"mqtt"},
    "aws/": {"aws"},
    "daemon/core/": {"core"},
    "daemon/config/": {"config", "core", "mqtt", "aws"},
    "daemon/store/": {"store", "core"},
    "daemon/ingest/": {"ingest", "core", "mqtt", "aws"} | STORE_DOORS,
    "daemon/device/": {"device", "core", "mqtt", "aws"} | STORE_DOORS,
    "daemon/uplink/": {"uplink", "core", "mqtt", "aws"} | STORE_DOORS,
    "daemon/identity/": {"identity", "core", "aws"} | STORE_DOORS,
    "daemon/console/": {"console", "core", "mqtt", "aws"},
    "daemon/": None,  # main.cpp and app*: they connect the rooms
    "cloud/": {"cloud", "mqtt", "aws", "core"},
    "cloud/lambda/": {"cloud", "aws", "core", "device/token_hash.hpp"},  # one form of token hashes everywhere
    "ctl/": {"ctl", "config", "core", "device/token_hash.hpp",  # the hash is made where the token is
             "device/adapter_describe.hpp"},  # config check asks the adapters
    "plugins/": {"plugins", "mqtt", "core"},  # processes of their own: of the daemon only the vocabulary
    "tests/": None,
    "bench/": None,
}
DAEMON_ROOMS = {"core", "config", "store", "ingest", "device", "uplink", "console", "identity", "region", "shadow", "update"}
OWN = DAEMON_ROOMS | {"mqtt", "aws", "cloud", "ctl", "plugins", "tests", "bench"}

# A third party enters by one door: what is included, and the paths that may.
DOORS = [
    ("SQLite", re.compile(r"^sqlite3(ext)?\.h$"), ("daemon/store/", "tests/unit/store/", "tests/support/torture_vfs")),
    ("yaml-cpp", re.compile(r"^yaml-cpp/"), ("daemon/config/",)),
    ("libmodbus", re.compile(r"^modbus/"), ("plugins/modbus/libmodbus_bus", "tests/support/simulators/modbus/")),
    ("libcurl", re.compile(r"^curl/"), ("aws/http",)),
    ("tpm2-tss", re.compile(r"^tss2/"), ("daemon/identity/tpm_library",)),
    ("Beast", re.compile(r"^boost/beast"), ("daemon/device/websocket", "daemon/identity/credentials_http", "cloud/local/websocket",
                                            "cloud/local/http", "cloud/lambda/runtime/", "cmake/beast.cpp", "tests/", "bench/")),
]

CLOCKS = [
    (re.compile(r"\b(steady|system|high_resolution)_clock::now\b"), "a direct clock; take a Clock"),
    (re.compile(r"\bthis_thread::sleep_"), "a sleep; wait on the Clock"),
    (re.compile(r"(?<![\w.>])(::|std::)time\s*\(|(?<![\w:.>])time\s*\(\s*(nullptr|NULL|0|&)"), "a direct clock; take a Clock"),
    (re.compile(r"\b(usleep|nanosleep|gettimeofday|clock_gettime|clock_nanosleep)\s*\("), "a direct clock or sleep; take a Clock"),
    (re.compile(r"(?<![\w.>])::sleep\s*\("), "a sleep; wait on the Clock"),
]
CLOCK_DOORS = ("daemon/core/system_clock.cpp", "bench/")

SINGLETONS = [
    (re.compile(r"\bstatic\b.*\b(instance|get_instance|singleton)\s*\(\s*\)"), "a singleton; pass the object to who needs it"),
    (re.compile(r"^\s*static\s+(?!const\b|constexpr\b|constinit const\b|inline const|_)(?:[\w:]+(?:<[^()]*>)?[\s&*]+)+\w+\s*(?:=(?!=)|;|\{)"),
     "static state that changes; make it a member of what owns it"),
]
NAMES = re.compile(r"(^|_)(utils?|common|helpers?|manager|impl)$")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def files_of(root):
    for tree in TREES:
        for path in sorted((root / tree).rglob("*")):
            parts = path.relative_to(root).parts
            if path.is_file() and not any(p.startswith(".") or p in ("__pycache__", "node_modules", "build") for p in parts):
                yield path, "/".join(parts)


def code_of(line):
    """Without a comment at its end and without the text of string literals."""
    line = re.sub(r'"(\\.|[^"\\])*"', '""', line)
    return line.split("//", 1)[0]


def allowed_includes(name):
    room = max((r for r in ROOMS if name.startswith(r)), key=len, default=None)
    return ROOMS.get(room)


def include_trouble(name, bracket, target):
    for party, pattern, doors in DOORS:
        if pattern.match(target) and not name.startswith(doors):
            return f"{party} ({target}) enters by {', '.join(doors)} only"
    first = target.split("/", 1)[0]
    allowed = allowed_includes(name)
    if bracket == "<" or allowed is None or first not in OWN or first in allowed or target in allowed:
        return None
    return f'"{target}" is of another room; allowed here: {", ".join(sorted(allowed))}'


def check_source(name, text):
    in_block = False
    for number, line in enumerate(text.splitlines(), 1):
        if in_block or line.lstrip().startswith("/*"):
            in_block = "*/" not in line
            continue
        if found := INCLUDE.match(line):
            if trouble := include_trouble(name, *found.groups()):
                yield number, trouble
            continue
        code = code_of(line)
        if not name.startswith(CLOCK_DOORS):
            yield from ((number, rule) for pattern, rule in CLOCKS if pattern.search(code))
        if not name.startswith(("tests/", "bench/")):
            yield from ((number, rule) for pattern, rule in SINGLETONS if pattern.search(code))


def check_python(name, text):
    """Tests wait for a fact with a deadline: time.sleep stands only in functions called wait_… or poll_…"""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        yield error.lineno or 1, f"not Python: {error.msg}"
        return

    def visit(node, polling):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            polling = node.name.startswith(("wait_", "poll_"))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("time.sleep", "sleep", "asyncio.sleep") and not polling:
            yield node.lineno, "a sleep; poll for a fact with a deadline, in a function called wait_… or poll_…"
        for child in ast.iter_child_nodes(node):
            yield from visit(child, polling)

    yield from visit(tree, False)


def check_tree(root):
    """Every broken rule as (file, line, text)."""
    for path, name in files_of(root):
        if NAMES.search(path.stem):
            yield name, 1, f"the name '{path.stem}' says nothing; name the file for what it knows"
        if path.suffix not in SOURCES | {".py"}:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        lines = text.count("\n")
        if lines > CEILING and "@generated" not in text[:400]:
            yield name, CEILING + 1, f"{lines} lines; at most {CEILING}: split it by what it knows"
        if path.suffix in SOURCES:
            yield from ((name, number, rule) for number, rule in check_source(name, text))
        elif name.startswith("tests/"):
            yield from ((name, number, rule) for number, rule in check_python(name, text))


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[1])
    broken = list(check_tree(root))
    for name, line, rule in broken:
        print(f"{name}:{line}: {rule}")
    if not any((root / tree).is_dir() for tree in TREES):
        print(f"{root}: none of {', '.join(TREES)} is here")
        return 1
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

"""The house's rules about its own files. Each check takes the root of a tree and returns its findings: "path:line: sentence"."""

import os
import re

import one_definition

# Who may see whom, directly: the table of rooms. What a room reaches through others it may include as well.
ROOMS = {
    "base": [],
    "manifest": ["base"],
    "config": ["manifest", "base"],
    "elf": ["base"],
    "discovery": ["elf", "manifest", "base"],
    "kernel": ["base"],
    "database": ["base"],
    "graph": ["discovery", "config", "kernel", "database"],
    "abi": ["kernel", "database"],
    "loader": ["elf", "abi", "kernel", "database"],
    "lifecycle": ["loader", "graph", "abi"],
    "daemon": ["lifecycle"],
    "cli": ["daemon"],
}
# Rooms that speak the C ABI.
SEES_SDK = {"elf", "abi", "loader", "lifecycle", "daemon", "cli"}
# Libraries whose headers cost seconds or change behaviour: only these rooms, and never in a header that other rooms include.
CONFINED = {
    "boost/dll": {"loader"},
    "boost/asio": {"daemon"},
    "boost/program_options": {"cli"},
    "yaml-cpp/": {"manifest"},
    "spdlog/": {"kernel"},
    "sqlite3.h": {"kernel", "database"},
    "httplib.h": set(),
    "nlohmann/": None,  # any room
    "boost/": None,
    "nettle/": None,
    "re2/": None,
}
# Not even in a room's private headers, which may name the types of what is confined to the room.
CPP_ONLY = {"nlohmann/", "boost/program_options", "httplib.h"}
TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "README.md", "LICENSE", "CHANGELOG.md",
             "host", "sdk", "modules", "manifests", "config", "tests", "packaging"}
# Made by building, and ignored by git.
BUILT = {"build", "CMakeUserPresets.json", "compile_commands.json"}
SOURCE_ENDINGS = (".hpp", ".cpp", ".h", ".c")
LONGEST_FILE = 600
# Files that are longer for a reason.
LONGER_WITH_REASON = {"tests/abi/frozen_v1.cpp": "the whole ABI on one page, one line for each member"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def reachable(room):
    seen, open_rooms = {room}, [room]
    while open_rooms:
        for below in ROOMS[open_rooms.pop()]:
            if below not in seen:
                seen.add(below)
                open_rooms.append(below)
    return seen


def files_below(root, *parts, endings=SOURCE_ENDINGS):
    """Relative paths, sorted."""
    found = []
    for directory, names, files in os.walk(os.path.join(root, *parts)):
        names[:] = [name for name in names if not name.startswith(".")]
        found += [os.path.relpath(os.path.join(directory, name), root) for name in files if name.endswith(endings)]
    return sorted(found)


def lines_of(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace", newline="") as file:
        return file.read().split("\n")


def includes_of(root, path):
    """(line number, quoted, text)"""
    for number, line in enumerate(lines_of(root, path), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1] is not None, match[1] or match[2]


def check_host_includes(root):
    findings = []
    for path in files_below(root, "host"):
        room = path.split("/")[1]
        at = lambda number: f"{path}:{number}: "  # noqa: E731
        if room not in ROOMS:
            findings.append(f"{path}:1: host/{room} is not a room of the architecture")
            continue
        allowed = reachable(room)
        public = "/include/" in path
        for number, quoted, text in includes_of(root, path):
            first = text.split("/")[0] if "/" in text else ""
            if ".." in text.split("/"):
                findings.append(at(number) + f"`{text}` leaves its directory: include by room")
            elif first in ROOMS:
                if not quoted:
                    findings.append(at(number) + f"`{text}` is a header of the house: include it with quotes")
                if first not in allowed:
                    findings.append(at(number) + f"{room} must not see {first} (`{text}`)")
            elif first == "tenon":
                if room not in SEES_SDK:
                    findings.append(at(number) + f"{room} must not see the SDK (`{text}`)")
            elif quoted:
                if first or not os.path.exists(os.path.join(root, os.path.dirname(path), text)):
                    findings.append(at(number) + f"`{text}` is neither of a room nor beside the file")
            else:
                findings += check_library(at(number), room, path, public, text)
    return findings


def check_library(at, room, path, public, text):
    for prefix, rooms in CONFINED.items():
        if not text.startswith(prefix):
            continue
        if rooms is not None and room not in rooms:
            return [at + f"`{text}` belongs to {' and '.join(sorted(rooms)) or 'no room of the host'} alone"]
        if path.endswith(".hpp") and (public or prefix in CPP_ONLY):
            return [at + f"`{text}` is heavy: include it in a .cpp file only"]
        return []
    return []


def check_module_includes(root):
    findings = []
    for path in files_below(root, "modules") + files_below(root, "sdk"):
        for number, quoted, text in includes_of(root, path):
            first = text.split("/")[0] if "/" in text else ""
            at = f"{path}:{number}: "
            if ".." in text.split("/"):
                findings.append(at + f"`{text}` leaves its directory")
            elif first in ROOMS:
                findings.append(at + f"modules and the SDK see tenon/ only, not the host's {first} (`{text}`)")
            elif quoted and first != "tenon" and not os.path.exists(os.path.join(root, os.path.dirname(path), text)):
                findings.append(at + f"`{text}` is neither of the SDK nor beside the file")
            elif text == "httplib.h" and not path.startswith("modules/runtime/api/"):
                findings.append(at + "`httplib.h` belongs to the module api alone")
            elif text.startswith("boost/dll"):
                findings.append(at + f"`{text}` belongs to the host's loader alone")
    return findings


def check_top_level(root):
    return [f"{name}:0: is not one of the entries the top level has" for name in sorted(os.listdir(root))
            if name not in TOP_LEVEL | BUILT and not name.startswith(".")]


# What must not be left behind. Spelled so that this file does not find itself.
LEFTOVERS = [
    (re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b"), "an open end: finish it or write an issue"),
    (re.compile(r"^(<{7}|>{7}) "), "a merge conflict"),
    (re.compile(r"^\s*#\s*if\s+0\b"), "code that is switched off: delete it"),
    (re.compile(r"\bnot implement" r"ed yet\b", re.IGNORECASE), "something unfinished that pretends to be there"),
    (re.compile(r"\r$"), "a carriage return at the end of the line"),
    (re.compile(r"(?<![\w./-])/wo" r"rk/"), "a path of somebody's machine"),
]
SOURCE_LEFTOVERS = [
    (re.compile(r"\bstd::(w?regex|regex_\w+)\b"), "std::regex, which overflows the stack on long input: use RE2"),
    (re.compile(r"\bTEST_CASE(_\w+)?\(\s*\"[^\"]*;"), "a test name with `;`, which ctest takes for several tests"),
    (re.compile(r"\bdoctest::skip\("), "a test that is skipped without being counted"),
    (re.compile(r"\bif \(.*\bgete?uid\(\).*\) return;"), "a test that passes where it cannot run: SKIP_UNLESS"),
    (re.compile(r"[ \t]+$"), "spaces at the end of the line"),
]
TEXT_ENDINGS = SOURCE_ENDINGS + (".txt", ".cmake", ".py", ".sh", ".md", ".yaml", ".yml", ".json", ".in", ".service", ".conf")
PARTS = ("host", "sdk", "modules", "manifests", "config", "tests", "packaging")
# Inputs of tests are as broken as the tests want them.
NOT_OURS = re.compile(r"/(corpus|corpora|golden|cases|data|bad|node_modules|__pycache__)/")


def check_leftovers(root):
    findings = []
    paths = [path for part in PARTS for path in files_below(root, part, endings=TEXT_ENDINGS)]
    paths += [name for name in sorted(TOP_LEVEL) if os.path.isfile(os.path.join(root, name))]
    for path in paths:
        if NOT_OURS.search("/" + path):
            continue
        lines = lines_of(root, path)
        rules = LEFTOVERS + (SOURCE_LEFTOVERS if path.endswith(SOURCE_ENDINGS) else [])
        for number, line in enumerate(lines, 1):
            findings += [f"{path}:{number}: {what}" for rule, what in rules if rule.search(line)]
        if path.endswith(SOURCE_ENDINGS):
            if lines[-1] != "":
                findings.append(f"{path}:{len(lines)}: the last line does not end")
            if len(lines) > LONGEST_FILE + 1 and path not in LONGER_WITH_REASON:
                findings.append(f"{path}:{LONGEST_FILE}: {len(lines) - 1} lines: split it, or name its reason in tests/structure/rules.py")
    for path in (found for part in PARTS for found in files_below(root, part, endings=(".orig", ".rej", "~", ".swp", ".bak"))):
        findings.append(f"{path}:0: a left-over of an editor or a merge")
    return findings


def check_one_definition(root):
    paths = files_below(root, "host", endings=(".hpp", ".cpp"))
    return one_definition.findings([(path, "\n".join(lines_of(root, path))) for path in paths])


CHECKS = {
    "host_includes": check_host_includes,
    "module_includes": check_module_includes,
    "top_level": check_top_level,
    "leftovers": check_leftovers,
    "one_definition": check_one_definition,
}

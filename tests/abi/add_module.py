"""add_module.py CMAKE GENERATOR SDK_SOURCE: what tenon_add_module refuses, embeds, rebuilds, and how it copes with unusual tool chains."""

import os
import shutil
import subprocess
import sys
import tempfile

MANIFEST = 'manifest: 1\nsdk: "1.0"\nname: {name}\nversion: {version}\n'
C_SOURCE = """#include <tenon/core.h>
static tenon_status create(tenon_ctx *ctx, tenon_call *call, void **self, tenon_error *err) {
  (void)call, (void)err;
  *self = ctx;
  return TENON_OK;
}
static const tenon_lifecycle lifecycle = {.struct_size = sizeof lifecycle, .create = create};
static const tenon_module module = {.struct_size = sizeof module, .name = TENON_STR_INIT(TENON_MODULE_NAME),
                                    .version = TENON_STR_INIT(TENON_MODULE_VERSION), .lifecycle = &lifecycle};
TENON_ENTRY(module);
"""
CPP_SOURCE = "#include <tenon/tenon.hpp>\nstruct Module {};\nTENON_MODULE(Module);\n"


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


class Project:
    def __init__(self, cmake, generator, sdk, root, languages="C"):
        self.cmake, self.generator, self.root = cmake, generator, root
        shutil.rmtree(root, ignore_errors=True)
        os.makedirs(root)
        self.write("CMakeLists.txt", "cmake_minimum_required(VERSION 3.16)\n"
                   f"project(p LANGUAGES {languages})\nadd_subdirectory({sdk} sdk)\ninclude(module.cmake)\n")
        self.write("module.cmake", "tenon_add_module(NAME m MANIFEST m.yaml SOURCES m.c)\n")
        self.write("m.c", C_SOURCE)
        self.write("m.cpp", CPP_SOURCE)
        self.write("m.yaml", MANIFEST.format(name="first", version="1.2.3"))

    def write(self, name, text):
        with open(os.path.join(self.root, name), "w", encoding="utf-8", newline="") as file:
            file.write(text)

    def configure(self, *options):
        return run(self.cmake, "-G", self.generator, "-S", self.root, "-B", self.root + "/build", *options)

    def build(self):
        code, output = run(self.cmake, "--build", self.root + "/build")
        if code != 0:
            raise SystemExit(output)
        return output

    def module(self, name):
        with open(f"{self.root}/build/lib{name}.so", "rb") as file:
            return file.read()


def expect(condition, text):
    if not condition:
        raise SystemExit(text)


def note_of(path):
    """The YAML in the note, read as the note format says."""
    data = open(path, "rb").read()
    at = data.index(b"TENON\0\0\0")
    size = int.from_bytes(data[at - 8:at - 4], "little")
    expect(int.from_bytes(data[at - 12:at - 8], "little") == 6 and int.from_bytes(data[at - 4:at], "little") == 0x544E0001, "the note's header is wrong")
    return data[at + 8:at + 8 + size]


def refusals(make):
    """Manifests whose name or version cannot be read, and those that are no manifests."""
    for text, expected in [
            ("name: Upper\nversion: 1.0.0\n", "cannot read `name: Upper`"),
            ("name: a\nversion: 1.0\n", "cannot read `version: 1.0`"),
            ("name: a\nname: b\nversion: 1.0.0\n", "found 2"),
            ("version: 1.0.0\n", "found 0"),
            ("  name: a\nversion: 1.0.0\n", "found 0"),
            ("name: [a]\nversion: 1.0.0\n", None),
            ("name: a b\nversion: 1.0.0\n", "cannot read"),
            ("name:\n  a\nversion: 1.0.0\n", "cannot read"),
    ]:
        project = make()
        project.write("m.yaml", text)
        code, output = project.configure()
        expect(expected is None or (code != 0 and expected in output.replace("\n", " ").replace("  ", " ")), f"{text!r} was not refused with `{expected}`:\n{output}")
    project = make()
    project.write("module.cmake", "tenon_add_module(m MANIFEST m.yaml SOURCES m.c)\n")
    expect(project.configure()[0] != 0, "a call without NAME was accepted")
    project = make()
    project.write("module.cmake", "tenon_add_module(NAME m MANIFEST none.yaml SOURCES m.c)\n")
    code, output = project.configure()
    expect(code != 0 and "there is no manifest" in output, output)


def sizes(make):
    """256 KiB fit to the byte; one byte more does not, nor does a NUL."""
    project = make()
    head = MANIFEST.format(name="first", version="1.2.3")
    full = head + "#" * (262144 - len(head))
    project.write("m.yaml", full)
    expect(project.configure()[0] == 0, "configuring failed")
    project.build()
    expect(note_of(project.root + "/build/libfirst.so") == full.encode(), "the largest manifest is not embedded as it is")
    for text, expected in [(full + "#", "256 KiB"), (head + "# \0\n", "NUL byte")]:
        project.write("m.yaml", text)
        code, output = run(project.cmake, "--build", project.root + "/build")
        expect(code != 0 and expected in output, f"expected `{expected}`:\n{output[-2000:]}")


def rebuilds(make):
    """An edited manifest is embedded again, and a new name gives a new file."""
    project = make()
    expect(project.configure()[0] == 0, "configuring failed")
    project.build()
    # Characters that mean something to CMake, C and shells.
    odd = MANIFEST.format(name="first", version="1.2.4-rc.1+b") + 'description: "a; [b] ${c} \\" \\\\ %d ä \u20ac"  # \'"\r\n'
    project.write("m.yaml", odd)
    project.build()
    expect(note_of(project.root + "/build/libfirst.so") == odd.encode(), "the edited manifest is not embedded as it is")
    expect(b"1.2.4-rc.1+b\0" in project.module("first"), "the descriptor kept the old version")
    project.write("m.yaml", MANIFEST.format(name="second", version='"2.0.0"  # quoted'))
    project.build()
    expect(b"2.0.0\0" in project.module("second"), "the new name did not give a new file")


def tool_chains(make):
    """C++ alone, optimised at link time, without unused sections, stripped, with lld: the note and the one symbol survive."""
    variants = [("CXX", "m.cpp", [])]
    variants.append(("C CXX", "m.cpp", ["-DCMAKE_CXX_FLAGS=-flto -ffunction-sections -fdata-sections", "-DCMAKE_C_FLAGS=-flto", "-DCMAKE_MODULE_LINKER_FLAGS=-Wl,--gc-sections"]))
    if shutil.which("clang") and shutil.which("ld.lld"):
        variants.append(("C CXX", "m.cpp", ["-DCMAKE_C_COMPILER=clang", "-DCMAKE_CXX_COMPILER=clang++", "-DCMAKE_CXX_FLAGS=-flto", "-DCMAKE_C_FLAGS=-flto",
                                            "-DCMAKE_MODULE_LINKER_FLAGS=-fuse-ld=lld -Wl,--gc-sections"]))
        variants.append(("C CXX", "m.cpp", ["-DCMAKE_C_COMPILER=clang", "-DCMAKE_CXX_COMPILER=clang++", "-DCMAKE_CXX_FLAGS=-fsanitize=address",
                                            "-DCMAKE_C_FLAGS=-fsanitize=address"]))
    else:
        print("clang or lld is not there: those variants were left out")
    for languages, source, options in variants:
        project = make(languages)
        project.write("module.cmake", f"tenon_add_module(NAME m MANIFEST m.yaml SOURCES {source})\n")
        code, output = project.configure("-DCMAKE_BUILD_TYPE=Release", *options)
        expect(code == 0, output)
        project.build()
        path = project.root + "/build/libfirst.so"
        subprocess.run(["strip", "-s", path], check=True)
        expect(note_of(path) == MANIFEST.format(name="first", version="1.2.3").encode(), f"{options}: the note did not survive")
        segments = subprocess.run(["readelf", "-nW", path], check=True, stdout=subprocess.PIPE, text=True).stdout
        expect("0x544e0001" in segments, f"{options}: the note is not among the notes")
        symbols = run("nm", "-D", "--defined-only", path)[1].split()[2::3]
        expect(symbols == ["tenon_entry_v1"], f"{options}: exports {symbols}")


def several(make):
    """Two modules in one file: two notes, and the file has the target's name."""
    project = make()
    project.write("n.yaml", MANIFEST.format(name="other", version="3.0.0"))
    project.write("module.cmake", "tenon_add_module(NAME both MANIFEST m.yaml n.yaml SOURCES m.c)\n"
                  "target_compile_definitions(both PRIVATE TENON_MODULE_NAME=\"first\" TENON_MODULE_VERSION=\"1.2.3\")\n")
    expect(project.configure()[0] == 0, "configuring failed")
    project.build()
    expect(project.module("both").count(b"TENON\0\0\0") == 2, "there are not two notes")


def main():
    cmake, generator, sdk = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        def make(languages="C"):
            return Project(cmake, generator, sdk, os.path.join(directory, "project"), languages)
        for part in (refusals, sizes, rebuilds, tool_chains, several):
            part(make)
            print(f"{part.__name__}: ok", flush=True)
    return 0


sys.exit(main())

"""Shows that every rule can fail: small trees, each broken in one way."""

import os
import subprocess
import sys
import tempfile
import unittest

import exported_symbols
import header_alone
import one_definition
import rules

COMPILER = sys.argv.pop(1) if len(sys.argv) > 1 else "c++"

GOOD = {
    "README.md": "# Tree\n",
    "host/base/include/base/text.hpp": "#pragma once\n#include <string>\n",
    "host/base/src/text.cpp": '#include "base/text.hpp"\n#include "local.hpp"\n#include <nettle/sha2.h>\n',
    "host/base/src/local.hpp": "#pragma once\n",
    "host/kernel/include/kernel/log.hpp": '#pragma once\n#include "base/text.hpp"\n',
    "host/kernel/src/log.cpp": '#include "kernel/log.hpp"\n#include <spdlog/spdlog.h>\n#include <nlohmann/json.hpp>\n',
    "host/loader/src/loader.cpp": '#include "abi/tables.hpp"\n#include <boost/dll/shared_library.hpp>\n#include <tenon/core.h>\n',
    "host/abi/include/abi/tables.hpp": '#pragma once\n#include "kernel/log.hpp"\n#include "tenon/core.h"\n',
    "host/kernel/src/sink.hpp": "#pragma once\n#include <spdlog/sinks/base_sink.h>\n",
    "host/daemon/src/loop.hpp": "#pragma once\n#include <boost/asio/io_context.hpp>\n",
    "host/cli/src/main.cpp": '#include "base/text.hpp"\n#include "loop.hpp"\n#include <boost/program_options.hpp>\n',
    "host/cli/src/loop.hpp": "#pragma once\n",
    "sdk/include/tenon/core.h": "#include <stdint.h>\n",
    "modules/runtime/api/server.cpp": '#include <httplib.h>\n#include "tenon/core.h"\n#include "routes.hpp"\n',
    "modules/runtime/api/routes.hpp": "#pragma once\n",
}


class Tree:
    """GOOD with some files changed or added, for the time of a `with`."""

    def __init__(self, files=None):
        self.files = {**GOOD, **(files or {})}

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory()
        root = self.directory.name
        for path, text in self.files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)) or root, exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8", newline="") as file:
                file.write(text)
        return root

    def __exit__(self, *_):
        self.directory.cleanup()


class Rules(unittest.TestCase):
    def expect(self, rule, path, text, *words):
        """With this one file changed the rule finds something, in that file, and says these words."""
        with Tree(files={path: text}) as root:
            findings = rules.CHECKS[rule](root)
        self.assertEqual(len(findings), 1, findings)
        self.assertTrue(findings[0].startswith(path.split("/")[0] if rule == "top_level" else path), findings)
        for word in words:
            self.assertIn(word, findings[0])

    def test_a_good_tree_has_no_findings(self):
        with Tree() as root:
            for name, check in rules.CHECKS.items():
                self.assertEqual(check(root), [], name)

    def test_the_table_of_rooms_has_no_circle_and_ends_at_base(self):
        for room in rules.ROOMS:
            self.assertIn("base", rules.reachable(room))
            for below in rules.reachable(room) - {room}:
                self.assertNotIn(room, rules.reachable(below), f"{room} and {below} see each other")

    def test_upward_and_sideways_includes(self):
        self.expect("host_includes", "host/base/src/text.cpp", '#include "kernel/log.hpp"\n', "base must not see kernel")
        self.expect("host_includes", "host/kernel/src/log.cpp", '#include "manifest/manifest.hpp"\n', "kernel must not see manifest")
        self.expect("host_includes", "host/abi/src/a.cpp", '#include "loader/loader.hpp"\n', "abi must not see loader")
        self.expect("host_includes", "host/elf/src/a.cpp", '# include  "manifest/manifest.hpp"\n', "elf must not see manifest")
        self.expect("host_includes", "host/config/src/a.cpp", '#include "graph/plan.hpp"\n', "config must not see graph")

    def test_includes_that_bypass_the_rooms(self):
        self.expect("host_includes", "host/kernel/src/log.cpp", '#include "../../abi/src/x.hpp"\n', "leaves its directory")
        self.expect("host_includes", "host/kernel/src/log.cpp", "#include <base/text.hpp>\n", "with quotes")
        self.expect("host_includes", "host/kernel/src/log.cpp", '#include "absent.hpp"\n', "neither")
        self.expect("host_includes", "host/kernel/src/log.cpp", '#include "sub/absent.hpp"\n', "neither")
        self.expect("host_includes", "host/surprise/src/a.cpp", "\n", "not a room")

    def test_the_sdk_is_for_rooms_that_speak_the_abi(self):
        self.expect("host_includes", "host/kernel/src/log.cpp", '#include "tenon/core.h"\n', "must not see the SDK")
        self.expect("host_includes", "host/manifest/src/a.cpp", "#include <tenon/core.h>\n", "must not see the SDK")

    def test_heavy_libraries(self):
        self.expect("host_includes", "host/abi/src/a.cpp", "#include <boost/dll/import.hpp>\n", "loader alone")
        self.expect("host_includes", "host/daemon/src/a.cpp", "#include <httplib.h>\n", "no room")
        self.expect("host_includes", "host/cli/src/main.cpp", "#include <spdlog/spdlog.h>\n", "kernel alone")
        self.expect("host_includes", "host/kernel/include/kernel/log.hpp", "#include <spdlog/spdlog.h>\n", ".cpp file only")
        self.expect("host_includes", "host/kernel/include/kernel/log.hpp", "#include <nlohmann/json.hpp>\n", ".cpp file only")
        self.expect("host_includes", "host/kernel/src/private.hpp", "#include <nlohmann/json.hpp>\n", ".cpp file only")
        self.expect("host_includes", "host/cli/src/loop.hpp", "#include <boost/program_options.hpp>\n", ".cpp file only")
        self.expect("host_includes", "host/daemon/include/daemon/loop.hpp", "#include <boost/asio.hpp>\n", ".cpp file only")

    def test_modules_see_the_sdk_only(self):
        self.expect("module_includes", "modules/plugins/hello/hello.c", '#include "base/text.hpp"\n', "not the host's base")
        self.expect("module_includes", "modules/plugins/hello/hello.c", "#include <kernel/log.hpp>\n", "not the host's kernel")
        self.expect("module_includes", "modules/plugins/hello/hello.c", '#include "../../../host/base/include/base/text.hpp"\n', "leaves")
        self.expect("module_includes", "modules/plugins/hello/hello.c", '#include "absent.h"\n', "neither")
        self.expect("module_includes", "modules/plugins/hello/hello.cpp", "#include <httplib.h>\n", "api alone")
        self.expect("module_includes", "sdk/include/tenon/core.h", '#include "abi/tables.hpp"\n', "not the host's abi")
        self.expect("module_includes", "sdk/examples/cpp/a.cpp", "#include <boost/dll.hpp>\n", "loader alone")

    def test_the_top_level_is_fixed(self):
        self.expect("top_level", "notes.txt", "\n", "not one of the entries")
        self.expect("top_level", "tools/script.py", "\n", "not one of the entries")
        with Tree(files={"build/x": "", ".github/x": "", "LICENSE": ""}) as root:
            self.assertEqual(rules.check_top_level(root), [])

    def test_leftovers(self):
        source = "host/base/src/text.cpp"
        for line, word in [("// TO" "DO: later", "open end"), ("// FIX" "ME", "open end"), ("<<<<<<< HEAD", "conflict"), ("#if 0", "switched off"),
                           ("int a;\r", "carriage return"), ("std::re" "gex r;", "RE2"), ("int a;  ", "spaces"),
                           ('const char* p = "/wo' 'rk/x";', "somebody's machine"), ('TEST_CASE("a; b") {}', "several tests"),
                           ("if (::geteuid() != 0) return;", "SKIP_UNLESS"),
                           ("throw Error{\"not implement" "ed yet\"};", "unfinished")]:
            with self.subTest(line):
                self.expect("leftovers", source, line + "\n", word)
        self.expect("leftovers", source, "int a;", "does not end")
        self.expect("leftovers", source, "int a;\n" * 601, "601 lines")
        self.expect("leftovers", "config/tenon.yaml", "# XX" "X\n", "open end")
        self.expect("leftovers", "host/base/src/text.cpp.orig", "int a;\n", "editor")
        with Tree(files={"tests/fuzz/corpus/x.txt": "TO" "DO\r\n", source: "int a;\n" * 600, "host/base/README.md": "see homework/work/x\n"}) as root:
            self.assertEqual(rules.check_leftovers(root), [])


class OneDefinition(unittest.TestCase):
    def clash(self, one, other, rooms=("base", "elf")):
        with Tree(files={f"host/{rooms[0]}/src/x.cpp": one, f"host/{rooms[1]}/src/y.hpp": other}) as root:
            return rules.check_one_definition(root)

    def test_what_clashes(self):
        inside = "namespace tenon::host {\n\n%s\n\n}  // namespace tenon::host\n"
        for text, name in [("struct Visit { int a; };", "type `tenon::host::Visit`"),
                           ("class Visit final : public Base<int> {\n public:\n  int a;\n};", "`tenon::host::Visit`"),
                           ("enum class Kind : std::uint8_t { a, b };", "`tenon::host::Kind`"), ("enum Kind { a, b };", "`tenon::host::Kind`"),
                           ("union Word { int i; };", "`tenon::host::Word`"), ("struct [[nodiscard]] Visit {};", "`tenon::host::Visit`"),
                           ("struct alignas(64) Visit {};", "`tenon::host::Visit`"), ("struct Outer::Impl { int a; };", "`tenon::host::Outer::Impl`"),
                           ("template <class T, class F = void (*)(T)>\nstruct Box { T t; };", "`tenon::host::Box`"),
                           ("template <>\nstruct Box<int> {};", "`tenon::host::Box<int>`"),
                           ("inline int digit(char c) { return c; }", "inline function `tenon::host::digit(char c)`"),
                           ("constexpr int digit(char c, int (*f)(int)) { return c; }", "inline function `tenon::host::digit("),
                           ("template <class T>\nT least(T a) { return a; }", "inline function `tenon::host::least(T a)`"),
                           ("inline constexpr int limit = 5;", "inline variable `tenon::host::limit`"),
                           ("inline constexpr std::array<int, 2> limits = {1, 2};", "inline variable `tenon::host::limits`")]:
            with self.subTest(text):
                found = self.clash(inside % text, inside % text)
                self.assertEqual(len(found), 1, found)
                self.assertTrue(found[0].startswith("host/elf/src/y.hpp:3: "), found)
                self.assertIn(name, found[0])
                self.assertIn("host/base/src/x.cpp:3", found[0])
        type_ = inside % "struct Visit { int a; };"
        self.assertEqual(len(self.clash(type_, "namespace tenon { namespace host { struct Visit { long b; }; } }\n")), 1)
        self.assertEqual(len(self.clash(type_, type_, rooms=("base", "base"))), 1)

    def test_what_does_not(self):
        inside = "namespace tenon::host {\n%s\n}\n"
        type_ = inside % "struct Visit { int a; };"
        for other in ["namespace tenon::host {\nnamespace {\nstruct Visit { int b; };\n}\n}\n", "namespace tenon::host::room {\nstruct Visit {};\n}\n",
                      inside % "struct Visit;", inside % "struct Other { struct Visit {}; };", inside % "void f() {\n  struct Visit { int b; };\n}",
                      inside % "struct Visit make() {\n  return {};\n}", inside % "struct Visit here = {1};", inside % "// struct Visit {",
                      inside % "const char* a = \"struct Visit {\";", inside % "const char* a = R\"(\"struct Visit {)\";",
                      inside % "struct Visit* p = nullptr;", inside % "#define VISIT struct Visit {",
                      inside % "/* { */ const char c = '{', d = '\\''; int n = 1'000; struct Other { char e = '}'; };"]:
            with self.subTest(other):
                self.assertEqual(self.clash(type_, other), [])
        function = inside % "inline int digit(char c) { return c; }"
        for other in ["inline int digit(int c) { return c; }", "static inline int digit(char c) { return c; }", "int digit(char c);",
                      "struct S {\n  inline int digit(char c) { return c; }\n};"]:
            with self.subTest(other):
                self.assertEqual(self.clash(function, inside % other), [])

    def test_a_file_that_cannot_be_read(self):
        self.assertIsNone(one_definition.definitions("namespace a {"))
        self.assertIsNone(one_definition.definitions("}"))
        self.assertIn("braces", self.clash("namespace a {\n", "")[0])


class HeadersAlone(unittest.TestCase):
    def complaints(self, room, path, text):
        with Tree(files={path: text}) as root:
            return header_alone.complaints(COMPILER, root, room)[1]

    def test_a_good_header(self):
        self.assertEqual(self.complaints("kernel", "README.md", ""), [])

    def test_a_header_that_needs_another_first(self):
        self.assertEqual(len(self.complaints("base", "host/base/include/base/name.hpp", "#pragma once\nstd::string name();\n")), 1)

    def test_a_header_without_a_guard(self):
        self.assertEqual(len(self.complaints("base", "host/base/include/base/name.hpp", "struct Name {};\n")), 1)

    def test_a_header_of_a_room_above_is_not_found(self):
        found = self.complaints("base", "host/base/include/base/name.hpp", '#pragma once\n#include "kernel/log.hpp"\n')
        self.assertEqual(len(found), 1)
        self.assertIn("kernel/log.hpp", found[0])


class ExportedSymbols(unittest.TestCase):
    def build(self, directory, *options):
        binary = os.path.join(directory, "program")
        subprocess.run([COMPILER, "-x", "c++", "-", "-o", binary, *options], input="int visible() { return 1; }\nint main() {}\n", text=True, check=True)
        return exported_symbols.exported(binary)

    def test_only_an_executable_that_exports_is_found(self):
        with tempfile.TemporaryDirectory() as directory:
            self.assertEqual(self.build(directory), [])
            self.assertIn("_Z7visiblev", self.build(directory, "-rdynamic"))


if __name__ == "__main__":
    unittest.main(verbosity=1)

"""quickstart_test.py root|user ROOT: packaging/quickstart against stand-ins for apt, sudo, cmake and ctest that write down how they are called.

As `user` the script runs as somebody who is not root, whoever runs the test.
"""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import unittest

AS_ROOT = sys.argv[1] == "root"
TREE = sys.argv[2]
if AS_ROOT and os.geteuid() != 0:
    print("skipped: what root sees can be tested by root only")
    sys.exit(77)

REAL_TOOLS = ["bash", "env", "sed", "awk", "xargs", "tr", "cat", "mkdir", "dirname", "tail", "head", "mktemp", "rm", "nproc", "grep", "sleep", "id", "chmod"]
NOBODY = 65534

STUBS = {
    # Installed is what $STUB/installed lists; `apt-get install` adds to it unless $STUB/apt-fails is there.
    "dpkg-query": """for name in "$@"; do if grep -qx -- "$name" "$STUB/installed"; then printf 'installed:%s ' "$name"; fi; done""",
    "apt-get": """echo "apt-get $*" >>"$STUB/calls"
if [[ " $* " == *" install "* ]]; then
  if [[ -e $STUB/apt-fails ]]; then echo "E: Unable to fetch some archives" >&2; exit 100; fi
  printf '%s\\n' "$@" >>"$STUB/installed"
elif [[ -e $STUB/apt-fails ]]; then exit 100; fi""",
    "sudo": """echo "sudo $*" >>"$STUB/calls"
[[ ! -e $STUB/sudo-refuses ]] || exit 1
case $1 in -n) shift ;; -v) exit 0 ;; esac
"$@" """,
    "df": """echo Avail; cat "$STUB/free" 2>/dev/null || echo 50000M""",
    "cmake": """echo "cmake $*" >>"$STUB/calls"
[[ ! -e $STUB/cmake-fails ]] || { echo "CMake Error: no compiler"; exit 1; }
if [[ $1 == --build ]]; then mkdir -p "$2/bin"; cp "$STUB/tenond" "$2/bin/tenond"; fi""",
    "cp": """exec /bin/cp "$@" """,
    "ctest": """echo "ctest $*" >>"$STUB/calls"
while (($#)); do if [[ $1 == --output-junit ]]; then [[ ! -e $STUB/junit ]] || { mkdir -p "$(dirname "$2")"; cat "$STUB/junit" >"$2"; }; fi; shift; done
exit "$(cat "$STUB/ctest-status" 2>/dev/null || echo 0)" """,
    "tenond": """trap 'echo interrupted; exit 0' INT
echo "tenond $*"; pwd; while [[ ! -e $STUB/stop ]]; do sleep 0.05; done""",
}

JUNIT = """<testsuite>
<testcase name="a.one" status="run"/>
<testcase name="a.two" status="run"/>
<testcase name="b.skip" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/><system-out>noise
skipped: needs root
</system-out></testcase>%s
</testsuite>
"""
FAILED_CASE = '<testcase name="c.bad" status="fail"><failure message="Failed"/></testcase>'
NOT_STARTED_CASE = '<testcase name="d.absent" status="notrun"><skipped message="Unable to find executable"/></testcase>'


def package_names(*files):
    names = []
    for file in files:
        with open(os.path.join(TREE, "packaging", file), encoding="utf-8") as lines:
            names += [line.split("|")[0].strip() for line in lines if line.split("#")[0].strip()]
    return names


class Quickstart(unittest.TestCase):
    def setUp(self):
        self.base = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.base)
        self.stub = os.path.join(self.base, "stub")
        self.clone = os.path.join(self.base, "a clone")
        os.makedirs(os.path.join(self.stub, "bin"))
        os.makedirs(self.clone)
        shutil.copytree(os.path.join(TREE, "packaging"), os.path.join(self.clone, "packaging"))
        for tool in REAL_TOOLS:
            os.symlink(shutil.which(tool), os.path.join(self.stub, "bin", tool))
        for name, text in STUBS.items():
            path = os.path.join(self.stub, "tenond" if name == "tenond" else f"bin/{name}")
            with open(path, "w", encoding="utf-8") as file:
                file.write("#!/bin/bash\n" + text + "\n")
            os.chmod(path, 0o755)
        self.write("os-release", "PRETTY_NAME=x\nID=debian\n")
        self.write("calls", "")
        self.install(*package_names("packages.txt", "packages-test.txt"))

    def write(self, name, text):
        with open(os.path.join(self.stub, name), "w", encoding="utf-8") as file:
            file.write(text)

    def install(self, *names):
        self.write("installed", "".join(name + "\n" for name in names))

    def calls(self, program):
        with open(os.path.join(self.stub, "calls"), encoding="utf-8") as file:
            return [line.rstrip("\n") for line in file if line.startswith(program + " ")]

    def popen(self, *arguments):
        environment = {"PATH": os.path.join(self.stub, "bin"), "STUB": self.stub, "HOME": self.base, "TMPDIR": self.base,
                       "TENON_OS_RELEASE": os.path.join(self.stub, "os-release")}

        def become():
            os.umask(0o002)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            if not AS_ROOT and os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)

        if not AS_ROOT and os.geteuid() == 0:
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", self.base], check=True)
        return subprocess.Popen([os.path.join(self.clone, "packaging/quickstart"), *arguments], env=environment, cwd="/", preexec_fn=become,
                                start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run_it(self, *arguments):
        process = self.popen(*arguments)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    def refused(self, *words, command="build"):
        code, output = self.run_it(command)
        self.assertNotEqual(code, 0, output)
        for word in words:
            self.assertIn(word, output)
        return output

    def test_nothing_is_fetched_when_all_is_there(self):
        code, output = self.run_it("build")
        self.assertEqual(code, 0, output)
        self.assertEqual(self.calls("apt-get") + self.calls("sudo"), [])
        configure, build = self.calls("cmake")
        self.assertIn(f"-S {self.clone} --preset release", configure)
        self.assertIn("-DTENON_BUILD_TESTS=OFF", configure)
        self.assertIn(f"--build {self.clone}/build/release", build)

    def test_run_starts_the_daemon_and_ctrl_c_reaches_it(self):
        process = self.popen("run", "--log-level", "debug info")
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("/"):  # the stand-in's working directory: it is up
                break
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, rest)
        self.assertIn("interrupted", rest)
        self.assertIn("tenond --config config/dev.yaml --state-dir build/state --log-level debug info", lines)
        self.assertEqual(lines[-1], self.clone)
        # Safe for a daemon that trusts nothing a group can write to, although the umask was 002.
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.clone, "build/state")).st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.clone, "build/release")).st_mode) & 0o022, 0)

    def test_exactly_what_is_missing_is_installed(self):
        names = package_names("packages.txt")
        self.install(*[name for name in names if name not in ("cmake", "libre2-dev")])
        code, output = self.run_it("build")
        self.assertEqual(code, 0, output)
        update, install = self.calls("apt-get")
        self.assertTrue(update.endswith(" update"))
        self.assertTrue(install.endswith(" install -y --no-install-recommends cmake libre2-dev"), install)
        if AS_ROOT:
            self.assertEqual(self.calls("sudo"), [])
        else:
            self.assertTrue(all("apt-get" in call or call == "sudo -n true" for call in self.calls("sudo")), self.calls("sudo"))

    def test_packages_of_the_tests_are_wanted_by_test_alone(self):
        self.install(*package_names("packages.txt"))
        self.assertEqual(self.run_it("build")[0], 0)
        self.assertEqual(self.calls("apt-get"), [])
        self.write("junit", JUNIT % "")
        code, output = self.run_it("test")
        self.assertEqual(code, 0, output)
        self.assertIn(" doctest-dev ", self.calls("apt-get")[1])

    def test_the_boost_that_is_there_decides(self):
        others = [name for name in package_names("packages.txt") if not name.startswith("libboost")]
        self.install(*others, "libboost1.81-dev", "libboost-program-options1.81-dev")
        self.assertEqual(self.run_it("build")[0], 0)
        self.assertEqual(self.calls("apt-get"), [])
        self.install(*others, "libboost1.81-dev")
        self.assertEqual(self.run_it("build")[0], 0)
        self.assertTrue(self.calls("apt-get")[1].endswith(" libboost-program-options1.81-dev"))

    def test_with_no_boost_the_distribution_s_own_is_taken(self):
        self.install(*[name for name in package_names("packages.txt") if not name.startswith("libboost")])
        self.assertEqual(self.run_it("build")[0], 0)
        self.assertTrue(self.calls("apt-get")[1].endswith(" libboost-dev libboost-program-options-dev"))

    def test_offline_with_something_missing(self):
        self.install(*package_names("packages.txt")[1:])
        self.write("apt-fails", "")
        output = self.refused("Unable to fetch some archives", "offline")
        self.assertEqual(self.calls("cmake"), [], output)

    def test_other_systems_are_refused_in_one_sentence(self):
        self.write("os-release", "ID=fedora\n")
        self.refused("fedora", "packaging/packages.txt")
        self.write("os-release", 'ID=devuan\nID_LIKE="debian"\n')
        self.assertEqual(self.run_it("build")[0], 0)
        os.remove(os.path.join(self.stub, "os-release"))
        self.refused("unknown")

    def test_without_apt_it_is_refused(self):
        os.remove(os.path.join(self.stub, "bin/apt-get"))
        self.refused("packaging/packages.txt")

    def test_too_little_space(self):
        self.write("free", "200M\n")
        self.refused("200 MB are free")
        self.assertEqual(self.calls("cmake"), [])

    def test_cmake_s_words_are_shown(self):
        self.write("cmake-fails", "")
        self.refused("CMake Error: no compiler", "preset release")

    def test_a_clone_that_was_moved_is_configured_afresh(self):
        cache = os.path.join(self.clone, "build/release/CMakeCache.txt")
        os.makedirs(os.path.dirname(cache))
        for home, fresh in [("/somewhere/else", True), (self.clone, False)]:
            self.write("calls", "")
            with open(cache, "w", encoding="utf-8") as file:
                file.write(f"CMAKE_HOME_DIRECTORY:INTERNAL={home}\n")
            self.assertEqual(self.run_it("build")[0], 0)
            self.assertEqual("--fresh" in self.calls("cmake")[0], fresh)

    def test_the_result_of_test_is_that_of_the_tests(self):
        for case, status, code, last in [("", "0", 0, "2 passed, 0 failed, 1 skipped"), (FAILED_CASE, "8", 8, "2 passed, 1 failed, 1 skipped"),
                                         (NOT_STARTED_CASE, "0", 1, "2 passed, 1 failed, 1 skipped")]:
            self.write("junit", JUNIT % case)
            self.write("ctest-status", status)
            result, output = self.run_it("test", "-R", "a b")
            self.assertEqual((result != 0, output.splitlines()[-1]), (code != 0, last), output)
            self.assertIn("skipped: b.skip: needs root", output)
            self.assertIn("-R a b", self.calls("ctest")[-1])

    def test_no_result_is_a_failure(self):
        self.refused("left no result", command="test")
        self.write("junit", "<testsuite></testsuite>")
        self.refused("no test was run", "0 passed, 1 failed, 0 skipped", command="test")

    def test_words_it_does_not_know(self):
        self.assertEqual(self.run_it()[0], 64)
        self.refused("usage:", "`biuld`", command="biuld")
        code, output = self.run_it("--help")
        self.assertEqual(code, 0)
        self.assertIn("packaging/quickstart test", output)


class User(Quickstart):
    def test_without_sudo_it_says_what_root_has_to_do(self):
        self.install(*package_names("packages.txt")[1:])
        os.remove(os.path.join(self.stub, "bin/sudo"))
        self.refused("no sudo", "apt-get install --no-install-recommends build-essential")

    def test_sudo_that_lets_nobody_in(self):
        self.install(*package_names("packages.txt")[1:])
        self.write("sudo-refuses", "")
        self.refused("sudo did not let you in", "build-essential")
        self.assertEqual(self.calls("apt-get"), [])

    def test_a_clone_of_somebody_else(self):
        os.chmod(self.clone, 0o555)
        self.refused("cannot be written to")
        os.chmod(self.clone, 0o755)


if __name__ == "__main__":
    cases = unittest.defaultTestLoader.loadTestsFromTestCase(Quickstart if AS_ROOT else User)
    outcome = unittest.TextTestRunner(verbosity=1).run(cases)
    sys.exit(0 if outcome.wasSuccessful() and outcome.testsRun > 0 else 1)

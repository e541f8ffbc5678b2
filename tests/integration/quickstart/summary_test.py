"""summary_test.py ROOT: the summary of a test run and its list of expected skips."""

import os
import subprocess
import sys
import tempfile
import unittest

SCRIPT = os.path.join(sys.argv.pop(1), "packaging/lib/test_summary.py")
PASSED = '<testcase name="p" status="run"/>'
SKIPPED = '<testcase name="s.one" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/><system-out>skipped: no rustc</system-out></testcase>'


class Summary(unittest.TestCase):
    def summarize(self, cases, expected=None, *options):
        with tempfile.TemporaryDirectory() as directory:
            result = os.path.join(directory, "ctest.xml")
            with open(result, "w", encoding="utf-8") as file:
                file.write(f"<testsuite>{cases}</testsuite>")
            arguments = [sys.executable, SCRIPT, result, *options]
            if expected is not None:
                arguments += ["--expected-skips", os.path.join(directory, "expected")]
                with open(arguments[-1], "w", encoding="utf-8") as file:
                    file.write(expected)
            done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            return done.returncode, done.stdout

    def test_a_skip_passes_when_nobody_asks(self):
        code, output = self.summarize(PASSED + SKIPPED)
        self.assertEqual((code, output), (0, "skipped: s.one: no rustc\n1 passed, 0 failed, 1 skipped\n"))

    def test_a_skip_that_is_not_expected_fails(self):
        code, output = self.summarize(PASSED + SKIPPED, "# nothing\n")
        self.assertEqual(code, 1)
        self.assertIn("1 passed, 1 failed, 0 skipped", output)
        self.assertEqual(self.summarize(PASSED + SKIPPED, "# nothing\n", "--skips-only")[0], 1)

    def test_a_skip_that_is_expected_passes(self):
        for name in ("s.one", "s.*", "*"):
            code, output = self.summarize(PASSED + SKIPPED, f"{name}: rustc is not everywhere  # so be it\n")
            self.assertEqual(code, 0, output)
        code, output = self.summarize(PASSED + SKIPPED, "s.one: rustc\n", "--skips-only")
        self.assertEqual(code, 0)
        self.assertNotIn("passed", output)

    def test_the_list_needs_reasons(self):
        for line in ("s.one\n", "s.one:\n", "s.one: # none\n"):
            code, output = self.summarize(PASSED + SKIPPED, line)
            self.assertNotEqual(code, 0)
            self.assertIn(":1: expected", output)

    def test_disabled_tests_count_as_skipped(self):
        disabled = '<testcase name="d" status="disabled"/>'
        self.assertIn("1 skipped", self.summarize(PASSED + disabled)[1])
        self.assertEqual(self.summarize(PASSED + disabled, "")[0], 1)

    def test_a_status_that_is_new_is_no_success(self):
        self.assertEqual(self.summarize('<testcase name="x" status="weird"/>')[0], 1)


if __name__ == "__main__":
    unittest.main(verbosity=1)

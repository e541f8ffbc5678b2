#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "skip.hpp"

namespace {

struct Counts {
  unsigned run = 0, skipped = 0;
  bool skipping = false;  // the case that runs now
};

Counts& counts() {
  static Counts all;
  return all;
}

struct Counter : doctest::IReporter {
  explicit Counter(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats& s) override { counts().run = s.numTestCasesPassingFilters; }
  void test_case_start(const doctest::TestCaseData&) override { counts().skipping = false; }
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {
    if (counts().skipping) ++counts().skipped;
  }
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};

}  // namespace

void tenon::test::skip_case(const std::string& reason) {
  counts().skipping = true;
  std::printf("skipped: %s\n", reason.c_str());
  std::fflush(stdout);
}

// The same code is on purpose in a test and in the file it loads, as that of an example is in its test and in the example: one name, one size.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options();  // NOLINT(bugprone-reserved-identifier)
const char* __asan_default_options() { return "detect_odr_violation=1"; }

// A run that executed no case is a failure: a filter that matches nothing must not look like success. One that skipped all it was asked to run
// ends with 77, which CTest counts as skipped.
int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  doctest::registerReporter<Counter>("tenon_counter", 0, false);
  const int result = context.run();
  if (context.shouldExit()) return result;
  if (counts().run == 0) {
    std::fputs("no test case was executed\n", stderr);
    return result != 0 ? result : 1;
  }
  return result == 0 && counts().skipped == counts().run ? 77 : result;
}

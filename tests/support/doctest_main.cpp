#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

// A run that executed no case is a failure: a filter that matches nothing must not look like success.
int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  struct Counter : doctest::IReporter {
    explicit Counter(const doctest::ContextOptions&) {}
    void report_query(const doctest::QueryData&) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats& s) override { ran = s.numTestCasesPassingFilters; }
    void test_case_start(const doctest::TestCaseData&) override {}
    void test_case_reenter(const doctest::TestCaseData&) override {}
    void test_case_end(const doctest::CurrentTestCaseStats&) override {}
    void test_case_exception(const doctest::TestCaseException&) override {}
    void subcase_start(const doctest::SubcaseSignature&) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData&) override {}
    void log_message(const doctest::MessageData&) override {}
    void test_case_skipped(const doctest::TestCaseData&) override {}
    static unsigned& count() {
      static unsigned n = 0;
      return n;
    }
    unsigned& ran = count();
  };
  doctest::registerReporter<Counter>("tenon_counter", 0, false);
  const int result = context.run();
  if (context.shouldExit()) return result;
  if (Counter::count() == 0) {
    std::fputs("no test case was executed\n", stderr);
    return result != 0 ? result : 1;
  }
  return result;
}

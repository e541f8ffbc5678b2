// A line costs no memory once things have settled. An executable of its own: operator new is counted.
#include "counters.hpp"
#include "log_support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {
std::size_t allocations_of(LogCore& core, ModuleLog& module, int lines) {
  const std::string long_value(1500, 'v');
  const LogField fields[] = {{"rows", "128"}, {"path", "/var/lib/tenon orders"}, {"text", long_value}};
  const std::size_t before = tenon::test::counts_all().allocations;
  for (int i = 0; i < lines; ++i) {
    module.write(info, "synced\tthe catalog", fields, "run", 42);
    module.write(debug, "below the level", fields, "run", 42);
    core.log(info, "of the host", fields);
  }
  return tenon::test::counts_all().allocations - before;
}

}  // namespace

TEST_CASE("log alloc: none per line, with and without a receiver, in both formats and targets") {
  TempDir dir;
  LogCore core;
  LogOptions options = json_file(dir / "log");
  options.rate = 1000000;
  options.burst = 1000000;
  std::uint64_t handle = 0;
  SUBCASE("JSON to a file") {}
  SUBCASE("text to a file, rotation configured") {
    options.format = LogOptions::Format::text;
    options.file.max_size = 1U << 30U;
  }
  SUBCASE("text to standard error") {
    options.format = LogOptions::Format::text;
    options.target = LogOptions::Target::standard_error;
  }
  SUBCASE("with a receiver") {
    handle = core.add_receiver([](const LogRecordView&) {});
  }
  const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  const StderrIs replaced(null);
  REQUIRE(core.open(options));
  core.end_early();
  auto module = core.module("orders");
  allocations_of(core, *module, 10);
  CHECK(allocations_of(core, *module, 1000) == 0);
  core.flush();
  CHECK(tenon::test::counts_all().allocations > 0);  // it does count
  if (handle != 0) core.remove_receiver(handle);
  close(null);
}

TEST_CASE("log alloc: the counter sees what is kept early") {
  LogCore core;
  auto module = core.module("orders");
  CHECK(allocations_of(core, *module, 10) >= 20);
}

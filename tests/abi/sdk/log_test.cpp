#include <doctest/doctest.h>

#include <atomic>
#include <limits>
#include <string>
#include <tenon/testing.hpp>

#include "counters.hpp"

using namespace std::chrono_literals;

namespace {

struct Logging {
  using needs = tenon::needs<tenon::Log>;
  tenon::Ctx ctx;
  tenon::Log log{ctx};
};

enum class Colour : std::uint8_t { red = 3 };

}  // namespace

TEST_CASE("values of all types become text") {
  auto host = tenon::testing::Host::of<Logging>();
  REQUIRE(host.create().ok());
  const auto& log = host.object<Logging>().log;
  const std::string text = "string";
  const char* const null = nullptr;
  log.info("all", "bool", true, "char", 'c', "int", -5, "u64", std::numeric_limits<std::uint64_t>::max(), "double", 2.5, "float", 0.1F,
           "text", text, "literal", "lit", "view", std::string_view("vw"), "null", null, "enum", Colour::red, "c", TENON_STR("str"));
  log.info("durations", "ns", 5ns, "us", 6us, "ms", -7ms, "s", 8s, "min", 9min, "h", 10h, "days",
           std::chrono::duration<int, std::ratio<86400>>(1), "real", 1.5s);
  log.info("extremes", "min", std::numeric_limits<std::int64_t>::min(), "max", std::numeric_limits<double>::max(), "tiny",
           -std::numeric_limits<double>::denorm_min(), "nan", std::numeric_limits<double>::quiet_NaN(), "hours", std::chrono::hours::min());
  const auto lines = host.log();
  REQUIRE(lines.size() == 3);
  const auto& all = lines[0];
  CHECK(all.message == "all");
  CHECK(all.level == TENON_LEVEL_INFO);
  CHECK(all.fields.size() == 12);
  CHECK(all.field("bool") == "true");
  CHECK(all.field("char") == "c");
  CHECK(all.field("int") == "-5");
  CHECK(all.field("u64") == "18446744073709551615");
  CHECK(all.field("double") == "2.5");
  CHECK(all.field("float") == "0.1");
  CHECK(all.field("text") == "string");
  CHECK(all.field("literal") == "lit");
  CHECK(all.field("view") == "vw");
  CHECK(all.field("null") == "(null)");
  CHECK(all.field("enum") == "3");
  CHECK(all.field("c") == "str");
  const auto& d = lines[1];
  CHECK(d.field("ns") == "5ns");
  CHECK(d.field("us") == "6us");
  CHECK(d.field("ms") == "-7ms");
  CHECK(d.field("s") == "8s");
  CHECK(d.field("min") == "9m");
  CHECK(d.field("h") == "10h");
  CHECK(d.field("days") == "86400000000000ns");
  CHECK(d.field("real") == "1500000000ns");
  const auto& x = lines[2];
  CHECK(x.field("min") == "-9223372036854775808");
  CHECK(x.field("max") == "1.7976931348623157e+308");
  CHECK(x.field("tiny") == "-5e-324");
  CHECK(x.field("nan") == "nan");
}

TEST_CASE("lines below the level are not written") {
  auto host = tenon::testing::Host::of<Logging>();
  REQUIRE(host.create().ok());
  const auto& log = host.object<Logging>().log;
  host.set_min_level(TENON_LEVEL_WARN);
  CHECK_FALSE(log.enabled(TENON_LEVEL_INFO));
  CHECK(log.enabled(TENON_LEVEL_WARN));
  log.trace("t");
  log.debug("d");
  log.info("i", "k", 1);
  log.warn("w");
  log.error("e");
  log.fatal("f");
  const auto lines = host.log();
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].message == "w");
  CHECK(lines[2].level == TENON_LEVEL_FATAL);
}

TEST_CASE("below the level the host is not even called") {
  static int written = 0;
  const tenon_log table = {sizeof(tenon_log), TENON_LEVEL_WARN,
                           [](tenon_ctx*, std::int32_t, tenon_str, const tenon_kv*, std::size_t) noexcept { ++written; }};
  auto host = tenon::testing::Host::of<Logging>();
  host.provide(TENON_LOG, &table);
  REQUIRE(host.create().ok());
  const auto& log = host.object<Logging>().log;
  tenon::Fields<1> fields;
  log.info("plain");
  log.info("pairs", "k", 1);
  log.write(TENON_LEVEL_INFO, "fields", fields);
  CHECK(written == 0);
  log.warn("heard");
  CHECK(written == 1);
}

TEST_CASE("fields collected at run time") {
  auto host = tenon::testing::Host::of<Logging>();
  REQUIRE(host.create().ok());
  tenon::Fields<3> fields;
  CHECK(fields.add("a", 1));
  CHECK(fields.add("b", "two"));
  CHECK(fields.add("c", 3.5));
  CHECK_FALSE(fields.add("d", 4));
  host.object<Logging>().log.info("line", fields);
  const auto line = host.log().at(0);
  CHECK(line.fields.size() == 3);
  CHECK(line.field("a") == "1");
  CHECK(line.field("b") == "two");
  CHECK(line.field("c") == "3.5");
}

TEST_CASE("a line allocates nothing in the module") {
  static std::atomic<int> written{0};
  tenon_log table = {sizeof(tenon_log), 0,
                     [](tenon_ctx*, std::int32_t, tenon_str, const tenon_kv*, std::size_t n) noexcept { written += static_cast<int>(n); }};
  auto host = tenon::testing::Host::of<Logging>();
  host.provide(TENON_LOG, &table);
  REQUIRE(host.create().ok());
  const auto& log = host.object<Logging>().log;
  const std::size_t before = tenon::test::counts_all().allocations;
  log.info("numbers", "a", 1, "b", 2.5, "c", 3ms, "d", true, "e", "text");
  log.trace("plain");
  CHECK(tenon::test::counts_all().allocations == before);
  CHECK(written == 5);
}

#include "key_table.hpp"

#include <set>

#include "path.hpp"
#include "support.hpp"
#include "value_check.hpp"

using namespace tenon::host::config_room;
using namespace tenon::test;

TEST_CASE("the table names every key once and gives each a meaning") {
  std::set<std::string_view> seen;
  for (const KeyRule& rule : key_rules()) {
    CAPTURE(std::string(rule.pattern));
    CHECK(seen.insert(rule.pattern).second);
    const bool phase_of_module = rule.pattern.starts_with("modules.*.timeouts.");
    CHECK((phase_of_module || !rule.meaning.empty()));
    CHECK((rule.fallback != nullptr || rule.example != nullptr));
  }
}

TEST_CASE("defaults and examples satisfy their own rules") {
  for (const KeyRule& rule : key_rules()) {
    for (const char* text : {rule.fallback, rule.example}) {
      if (text == nullptr) continue;
      CAPTURE(std::string(rule.pattern));
      CAPTURE(std::string(text));
      const bool structure = is_list(rule.type) || rule.type == KeyType::free_map;
      Value value = structure ? yaml("x: " + std::string(text)) : scalar_from_text(rule, text);
      if (structure) value = *value.find("x");
      CHECK(check_value(rule, rule.pattern, value).empty());
    }
  }
}

TEST_CASE("what is live and what is locked") {
  std::set<std::string_view> live, locked;
  for (const KeyRule& rule : key_rules()) {
    if (rule.live) live.insert(rule.pattern);
    if (is_built_in_locked(rule.pattern)) locked.insert(rule.pattern);
  }
  CHECK(live == std::set<std::string_view>{"log.level", "log.format", "log.modules.*", "log.rate", "log.burst"});
  CHECK(locked == std::set<std::string_view>{"instance.environment", "locked", "storage.url", "database.servers.*.url",
                                             "modules.*.database.url", "security.path_checks"});
}

TEST_CASE("rules by path") {
  REQUIRE(rule_at("log.level") != nullptr);
  CHECK(rule_at("log.level")->type == KeyType::word);
  CHECK(rule_at("modules.orders.config.a.b")->type == KeyType::free_map);
  CHECK(rule_at("log") == nullptr);
  CHECK(rule_at("lgo.level") == nullptr);
}

TEST_CASE("which globs can match at all") {
  const auto can = [](std::string_view glob) { return glob_can_match(Glob(glob).words()); };
  for (const char* glob :
       {"log", "log.level", "**", "**.url", "modules.*.config.anything.at.all", "modules.orders", "*.level", "log.**",
        "modules.**.page_size", "permissions.default", "modules.*.grants.**", "modules.orders.loops.poll", "modules.*.loops.*"}) {
    CAPTURE(std::string(glob));
    CHECK(can(glob));
  }
  for (const char* glob :
       {"lgo.level", "log.levels", "log.level.x", "permissions.defaults", "modules.*.grants.http", "modules.*.loops.poll.x"}) {
    CAPTURE(std::string(glob));
    CHECK_FALSE(can(glob));
  }
}

TEST_CASE("numbers in text are those of JSON") {
  for (const char* text : {"0", "-1", "9223372036854775807", "1.5", "-0.25", "1e3", "2E-2"}) {
    CAPTURE(text);
    CHECK(number_from_text(text).has_value());
  }
  for (const char* text :
       {"", "-", "+1", "01", "1.", ".5", "1e", "0x10", "1 ", " 1", "1_000", "nan", "inf", "-inf", "1e999", "1.e5", "--1"}) {
    CAPTURE(text);
    CHECK_FALSE(number_from_text(text).has_value());
  }
  CHECK(*number_from_text("12") == Value(std::int64_t{12}));
  CHECK(number_from_text("9223372036854775808")->as_real() != nullptr);
}

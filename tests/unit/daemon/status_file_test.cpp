#include "status_file.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "normalize.hpp"

using namespace tenon::host;

TEST_CASE("status.json has the shape that is documented") {
  StatusSnapshot s{"0.1.0", "1b4e28ba-2fa1-41d2-883f-0016d3cca427", "tenon", "degraded", 1'800'000'000'000'000'000, {}};
  const std::int64_t now = monotonic_ns();
  s.modules = {{"logger", "0.1.0", ModuleState::running, now, "", true, true},
               {"orders", "1.4.2", ModuleState::failed, now - 60'000'000'000, "init: \"no\"\n", false, false}};
  s.health.degraded = true;
  s.health.checks = {{"logger", "disk", false, CheckState::unhealthy, "full", now, 1, 1},
                     {"orders", "db", true, CheckState::unknown, "", now, 0, 0}};
  std::string json = status_json(s);
  // Times of now are the only ones that differ from run to run.
  for (const char* key : {"\"written\":\"", "\"since\":\""}) json = tenon::test::name_after(json, key, "0123456789-:.TZ", "TIME");
  CHECK(
      json ==
      "{\"format\":1,\"pid\":" + std::to_string(::getpid()) +
          ",\"version\":\"0.1.0\",\"instance\":\"tenon\",\"instance_id\":\"1b4e28ba-2fa1-41d2-883f-0016d3cca427\","
          "\"state\":\"degraded\",\"started\":\"2027-01-15T08:00:00.000000Z\",\"written\":\"TIME\",\"modules\":["
          "{\"name\":\"logger\",\"version\":\"0.1.0\",\"kind\":\"runtime\",\"required\":true,\"state\":\"running\",\"since\":\"TIME\"},"
          "{\"name\":\"orders\",\"version\":\"1.4.2\",\"kind\":\"plugin\",\"required\":false,\"state\":\"failed\",\"since\":\"TIME\","
          "\"reason\":\"init: \\\"no\\\"\\n\"}],\"health\":{\"live\":true,\"started\":false,\"ready\":false,\"degraded\":true,\"checks\":["
          "{\"module\":\"logger\",\"check\":\"disk\",\"required\":false,\"state\":\"unhealthy\",\"since\":\"TIME\",\"why\":\"full\"},"
          "{\"module\":\"orders\",\"check\":\"db\",\"required\":true,\"state\":\"unknown\",\"since\":\"TIME\"}]}}\n");
}

TEST_CASE("degraded is what was meant to run and does not, and disabled ones are only counted") {
  const auto with = [](ModuleState state) {
    return std::vector<ModuleStatus>{{"logger", "", ModuleState::running, 0, "", true, true}, {"m", "", state, 0, "", false, false}};
  };
  for (const ModuleState s : {ModuleState::refused, ModuleState::blocked, ModuleState::failed, ModuleState::wedged}) {
    CAPTURE(state_name(s));
    CHECK(is_degraded(with(s)));
    CHECK(count_not_running(with(s)) == 1);
  }
  for (const ModuleState s : {ModuleState::running, ModuleState::starting, ModuleState::stopped, ModuleState::disabled}) {
    CAPTURE(state_name(s));
    CHECK_FALSE(is_degraded(with(s)));
    CHECK(count_not_running(with(s)) == (s == ModuleState::disabled ? 1U : 0U));
  }
}

TEST_CASE("since is wall time, although states are stamped by the monotonic clock") {
  StatusSnapshot s;
  constexpr std::int64_t second = 1'000'000'000, hour = 3600 * second;
  const auto text = [](std::int64_t ns) {
    char out[28];
    format_rfc3339(ns, out);
    return std::string(out);
  };
  const std::int64_t before = realtime_ns();
  s.modules = {{"orders", "1.0.0", ModuleState::running, monotonic_ns() - hour, "", false, false}};
  const std::string json = status_json(s);
  const auto value = [&json](const std::string& key) {
    const std::size_t at = json.find("\"" + key + "\":\"") + key.size() + 4;
    return json.substr(at, json.find('"', at) - at);
  };
  CHECK(value("since") >= text(before - hour - second));
  CHECK(value("since") <= text(realtime_ns() - hour + second));
  CHECK(value("written") >= text(before));
}

TEST_CASE("hostile names stay JSON") {
  StatusSnapshot s;
  s.instance_name = "a\",\"x\":\"\\\n\x01\xff";
  s.modules = {{"<\"}", "", ModuleState::refused, monotonic_ns(), "", false, false}};
  const std::string json = status_json(s);
  CHECK(json.find("\"instance\":\"a\\\",\\\"x\\\":\\\"\\\\\\n\\u0001\xEF\xBF\xBD\"") != std::string::npos);
  CHECK(json.find("{\"name\":\"<\\\"}\",\"version\":\"\"") != std::string::npos);
  CHECK(json.find('\xff') == std::string::npos);
}

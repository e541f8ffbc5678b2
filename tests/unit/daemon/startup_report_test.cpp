#include "daemon/startup_report.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.hpp"

using namespace tenon::host;

namespace {

constexpr std::int64_t ms = 1'000'000;
constexpr std::int64_t origin = 5'000 * ms;

PhaseSpan span(std::string phase, std::int64_t from_ms, std::int64_t to_ms, SpanResult result = SpanResult::ok) {
  return {std::move(phase), origin + from_ms * ms, origin + to_ms * ms, result};
}

StartupReport example() {
  StartupReport report;
  report.program = "tenond 0.1.0";
  report.instance = "tenon";
  report.outcome = "degraded";
  report.realtime_ns = 1'800'000'000'000'000'000;
  report.origin_ns = origin;
  report.ready_ns = origin + 30 * ms;
  report.host = {span("discover", 1, 4), span("load", 4, 8), span("start", 8, 30)};
  report.modules = {
      {"logger", true, "running", {}, {span("load", 4, 5), span("start", 8, 10)}},
      {"catalog", false, "running", {"logger"}, {span("load", 5, 6), span("start", 10, 27)}},
      {"orders", true, "running", {"logger", "catalog"}, {span("load", 6, 7), span("start", 27, 29)}},
      {"broken", false, "failed", {"absent"}, {span("load", 7, 8, SpanResult::failed)}},
  };
  return report;
}

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++n;
  return n;
}

std::vector<std::string> names(const StartupReport& report, const std::vector<std::size_t>& indexes) {
  std::vector<std::string> result;
  for (const std::size_t i : indexes) result.push_back(report.modules[i].module);
  return result;
}

}  // namespace

TEST_SUITE("startup_report") {
  TEST_CASE("the critical chain follows the requirement that finished last") {
    const StartupReport report = example();
    CHECK(names(report, critical_chain(report)) == std::vector<std::string>{"orders", "catalog", "logger"});
  }

  TEST_CASE("a cycle, an unknown or an unfinished requirement does not confuse the chain") {
    StartupReport report = example();
    report.modules[0].requires_ = {"orders", "logger", "nobody"};
    CHECK(names(report, critical_chain(report)) == std::vector<std::string>{"orders", "catalog", "logger"});
    report.modules[2].spans.push_back(span("open", 29, 0, SpanResult::running));
    CHECK(names(report, critical_chain(report)) == std::vector<std::string>{
                                                       "catalog",
                                                       "logger",
                                                   });
    CHECK(critical_chain(StartupReport{}).empty());
  }

  TEST_CASE("blame sorts by time spent and keeps the order of equals") {
    StartupReport report = example();
    CHECK(names(report, blame(report)) == std::vector<std::string>{"catalog", "logger", "orders", "broken"});

    StartupReport equals;
    for (int i = 0; i < 100; ++i) equals.modules.push_back({"m" + std::to_string(i), false, "running", {}, {span("load", 0, 1 + i % 2)}});
    const std::vector<std::size_t> order = blame(equals);
    REQUIRE(order.size() == 100);
    for (std::size_t i = 0; i < 50; ++i) {
      CHECK(order[i] == 2 * i + 1);
      CHECK(order[50 + i] == 2 * i);
    }
  }

  TEST_CASE("JSON has the documented shape") {
    StartupReport report = example();
    report.modules.resize(1);
    report.modules[0].spans.push_back(span("open", 31, 0, SpanResult::running));
    report.host.resize(1);
    CHECK(to_json(report) == R"({"format": 1, "program": "tenond 0.1.0", "instance": "tenon", "outcome": "degraded", )"
                             R"("origin": "2027-01-15T08:00:00.000000Z", "ready_us": 30000, )"
                             R"("host": [{"phase": "discover", "start_us": 1000, "end_us": 4000, "result": "ok"}], "modules": [
  {"module": "logger", "required": true, "state": "running", "requires": [], "busy_us": 3000, "finished_us": null, "spans": )"
                             R"([{"phase": "load", "start_us": 4000, "end_us": 5000, "result": "ok"}, )"
                             R"({"phase": "start", "start_us": 8000, "end_us": 10000, "result": "ok"}, )"
                             R"({"phase": "open", "start_us": 31000, "end_us": null, "result": "running"}]}], )"
                             R"("blame": [{"module": "logger", "busy_us": 3000}], "critical_chain": []})"
                             "\n");
  }

  TEST_CASE("a boot that never became ready and has no modules prints too") {
    StartupReport report;
    report.outcome = "failed";
    const std::string json = to_json(report);
    CHECK(json.find("\"ready_us\": null") != std::string::npos);
    CHECK(json.find("\"modules\": []") != std::string::npos);
    const std::string svg = to_svg(report);
    CHECK(svg.starts_with("<svg "));
    CHECK(svg.ends_with("</svg>\n"));
  }

  TEST_CASE("the picture has a row per module and a bar per phase") {
    const StartupReport report = example();
    const std::string svg = to_svg(report);
    CHECK(count(svg, "<title>") == 3 + 2 + 2 + 2 + 1);
    for (const ModuleSpans& module : report.modules) CHECK(count(svg, ">" + module.module + "</text>") == 1);
    CHECK(svg.find("<title>catalog start: ok, 17.000 ms at 10.000 ms</title>") != std::string::npos);
    CHECK(svg.find("<title>broken load: failed, 1.000 ms at 7.000 ms</title>") != std::string::npos);
    CHECK(svg.find(">failed</text>") != std::string::npos);
    CHECK(svg.find(">discover</text>") != std::string::npos);
    CHECK(svg.find(">migrate</text>") == std::string::npos);  // the legend shows what occurs
    CHECK(count(svg, "<text") == count(svg, "</text>"));
  }

  TEST_CASE("hostile names stay text") {
    StartupReport report = example();
    report.instance = "</text><script>alert(1)</script>";
    report.modules[0].module = "a\"<b>&'\x01\xff\n\xEF\xBF\xBE";
    report.modules[0].state = "<blocked>";
    report.modules[0].spans[0].phase = "\"/><x>";
    const std::string svg = to_svg(report);
    CHECK(svg.find("<script") == std::string::npos);
    CHECK(svg.find("<b>") == std::string::npos);
    CHECK(svg.find("<x>") == std::string::npos);
    CHECK(svg.find("<blocked>") == std::string::npos);
    CHECK(svg.find('\x01') == std::string::npos);
    CHECK(svg.find('\xff') == std::string::npos);
    CHECK(svg.find("\xEF\xBF\xBE") == std::string::npos);
    CHECK(svg.find("&lt;script&gt;") != std::string::npos);
    const std::string json = to_json(report);
    CHECK(json.find("\\u0001") != std::string::npos);
    CHECK(json.find('\x01') == std::string::npos);
  }

  TEST_CASE("times that make no sense draw nothing outside the picture") {
    StartupReport report = example();
    report.modules[0].spans[0] = {"load", origin - 10 * ms, origin - 20 * ms, SpanResult::ok};
    const std::string svg = to_svg(report);
    CHECK(svg.find("width=\"-") == std::string::npos);
    CHECK(svg.find("x=\"-") == std::string::npos);
    CHECK(svg.find("nan") == std::string::npos);
    CHECK(svg.find("inf") == std::string::npos);
  }

  TEST_CASE("the ending of the file decides the form") {
    std::string directory = (std::filesystem::temp_directory_path() / "tenon-report-XXXXXX").string();
    REQUIRE(::mkdtemp(directory.data()) != nullptr);
    const StartupReport report = example();
    CHECK(write_startup_report(report, directory + "/boot.json"));
    CHECK(write_startup_report(report, directory + "/boot.svg"));
    const Result<std::string> json = read_text_file(directory + "/boot.json", 1 << 20);
    const Result<std::string> svg = read_text_file(directory + "/boot.svg", 1 << 20);
    REQUIRE(json);
    REQUIRE(svg);
    CHECK(*json == to_json(report));
    CHECK(*svg == to_svg(report));
    for (const std::string& name : {directory + "/boot.txt", directory + "/json", std::string()}) {
      const Result<void> refused = write_startup_report(report, name);
      REQUIRE_FALSE(refused);
      CHECK(refused.error().code == Code::invalid_argument);
      CHECK(refused.error().exit == ExitCode::usage);
    }
    CHECK_FALSE(write_startup_report(report, directory + "/missing/boot.json"));
    std::filesystem::remove_all(directory);
  }
}

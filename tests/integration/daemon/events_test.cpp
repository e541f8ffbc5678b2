// What modules hear of the host, and what runs for them, in the real daemon.
#include <doctest/doctest.h>

#include <algorithm>

#include "host_fixture.hpp"

using namespace tenon::test;

namespace {

void configure(Host& host, const std::string& live) {
  host.dir.write("host.yaml",
                 "instance: {environment: local}\npaths: {manifests: []}\nmodules:\n  watcher: {grants: {events: {subscribe: "
                 "[\"tenon.>\"]}}, config: {trace: \"" +
                     host.trace_file + "\", live_value: " + live + "}}\n");
}

std::size_t place(const std::vector<std::string>& trace, const std::string& line) {
  return static_cast<std::size_t>(std::find(trace.begin(), trace.end(), line) - trace.begin());
}

}  // namespace

TEST_CASE("a module hears of states, reloads and the end, and its tasks run while it does") {
  Host host({"modules/watcher", "modules/alpha"});
  configure(host, "one");
  Process p(host.arguments(), host.options);
  REQUIRE(eventually([&] { return host.traced(R"(tenon.module.state {"module":"watcher","version":"1.0.0","state":"running"})"); }));
  REQUIRE(eventually([&] { return host.traced(R"(tenon.module.state {"module":"alpha","version":"1.0.0","state":"running"})"); }));
  REQUIRE(eventually([&] { return host.traced("tick 3") && host.traced("loop begins"); }));
  configure(host, "two");
  p.signal(SIGHUP);
  REQUIRE(eventually([&] { return host.traced(R"(tenon.config.changed {"modules":[{"module":"watcher","paths":["live_value"]}]})"); }));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
  const std::vector<std::string> trace = host.trace();
  CAPTURE(host.trace_text());
  const std::string end = R"(tenon.shutdown {"reason":"SIGTERM","grace_ms":30000})";
  CHECK(std::count(trace.begin(), trace.end(), end) == 1);
  CHECK(host.traced("denied RESERVED"));
  CHECK(place(trace, "start") < place(trace, "tick 1"));
  CHECK(place(trace, "tick 1") < place(trace, "tick 2"));
  CHECK(place(trace, "start") < place(trace, "loop begins"));
  CHECK(place(trace, end) < place(trace, "stop"));
  CHECK(place(trace, "loop ends") < place(trace, "stop"));
  CHECK(place(trace, "stop") < place(trace, "destroy"));
  CHECK(place(trace, "destroy") < trace.size());
}

TEST_CASE("a module that is not granted the host's topics is refused them, and that is recorded") {
  Host host({"modules/watcher"});
  host.script("watcher", "trace: \"" + host.trace_file + "\"", "grants: {}");
  const Ran ran = host.run_command("run", {"--set", "modules.watcher.required=true"});
  CAPTURE(ran.err);
  CHECK(ran.exit != 0);
  CHECK(ran.err.find("modules.watcher.grants.events.subscribe: ") != std::string::npos);
  CHECK_FALSE(host.traced("start"));
  CHECK_FALSE(host.traced("loop begins"));
}

TEST_CASE("an optional module that fails is told to the others with its reason") {
  Host host({"modules/watcher", "modules/alpha"});
  host.dir.write("host.yaml",
                 "instance: {environment: local}\npaths: {manifests: []}\nmodules:\n  watcher: {grants: {events: {subscribe: "
                 "[\"tenon.>\"]}}, config: {trace: \"" +
                     host.trace_file + "\"}}\n  alpha: {config: {fail: {start: error}}}\n");
  Process p(host.arguments(), host.options);
  REQUIRE(eventually([&] {
    const std::string text = host.trace_text();
    return text.find(R"({"module":"alpha","version":"1.0.0","state":"failed","reason":")") != std::string::npos;
  }));
  p.signal(SIGINT);
  p.wait();
  CHECK(host.traced(R"(tenon.shutdown {"reason":"SIGINT","grace_ms":30000})"));
}

// Background loops that end by themselves, and what the operator says of them: health, log, reload.
#include <doctest/doctest.h>

#include "host_fixture.hpp"

using namespace tenon::test;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A daemon with a module whose loops end at once; they are left to the policy the module passes, and to `loops` of the operator.
struct Looper {
  Host host{{"modules/looper"}};
  Process p;

  Looper(const std::string& policy, const std::string& loops) : p(arguments(policy, loops), host.options) {
    REQUIRE(p.wait_for(" ready "));
    for (const char* name : {"poll", "push", "\"\""})
      REQUIRE(p.wait_for("a background loop has ended module=looper name=" + std::string(name)));
  }
  ~Looper() {
    p.signal(SIGTERM);
    CHECK(p.wait() == 0);
    CHECK_FALSE(contains(p.err(), "wedged"));
  }
  std::vector<std::string> arguments(const std::string& policy, const std::string& loops) {
    host.script("looper", "policy: " + policy, loops.empty() ? "" : "loops: " + loops);
    return host.arguments();
  }
  [[nodiscard]] bool logs(const std::string& part) { return contains(p.err(), part); }
  /// The text of status.json has it, soon.
  [[nodiscard]] bool says(const std::string& part) const {
    return eventually([&] { return contains(read_file(host.state + "/status.json"), part); });
  }
  [[nodiscard]] std::string status() const { return read_file(host.state + "/status.json"); }
};

}  // namespace

TEST_CASE("loops: without a key the module's own policy holds, and nobody else is named") {
  Looper failing("fail", "");
  CHECK(failing.says("\"ready\":false,\"degraded\":true"));
  CHECK(failing.says("\"why\":\"the background loop has ended\""));
  CHECK(failing.logs("WARN  host: a background loop has ended module=looper name=poll"));
  CHECK(failing.logs("name=poll code=OK policy=fail\n"));
  CHECK_FALSE(failing.logs("decided_by"));
  Looper ignored("ignore", "");
  CHECK(ignored.says("\"ready\":true,\"degraded\":false"));
}

TEST_CASE("loops: the operator's word wins over the module's, by name and for every other one") {
  SUBCASE("ignore instead of fail") {
    Looper l("fail", R"({poll: ignore, "*": ignore})");
    CHECK(l.says("\"ready\":true,\"degraded\":false"));
    CHECK(l.logs("name=poll code=OK policy=ignore decided_by=modules.looper.loops.poll\n"));
    CHECK(l.logs("name=push code=OK policy=ignore decided_by=\"modules.looper.loops.\\\"*\\\"\"\n"));
    CHECK(l.logs("name=\"\" code=OK policy=ignore decided_by=\"modules.looper.loops.\\\"*\\\"\"\n"));
    CHECK_FALSE(l.logs("without a background loop"));
  }
  SUBCASE("fail instead of ignore, for one") {
    Looper l("ignore", "{push: fail}");
    CHECK(l.says("\"ready\":false,\"degraded\":true"));
    CHECK(l.says("\"check\":\"push\",\"required\":true"));
    CHECK(l.says("\"why\":\"the background loop has ended (`modules.looper.loops.push` is `fail`)\""));
    CHECK_FALSE(contains(l.status(), "\"check\":\"poll\""));
    CHECK(l.logs("name=poll code=OK policy=ignore\n"));
    CHECK(contains(l.host.run_command("list", {"--running"}).out, "modules.looper.loops.push"));
  }
  SUBCASE("restart instead of fail, for all, with the module's pause") {
    Looper l("fail", R"({"*": restart})");
    CHECK(l.says("\"ready\":true,\"degraded\":true"));
    CHECK(l.says(R"(the background loop has ended and will begin again (`modules.looper.loops.\"*\"` is `restart`))"));
    CHECK(l.says("\"check\":\"loop\",\"required\":false"));
  }
}

TEST_CASE("loops: a name the module has not is told once it has started, with those it has") {
  Looper l("ignore", R"({pol: fail, push: ignore})");
  CHECK(
      l.p.wait_for("the module has started without a background loop of this name module=looper name=pol "
                   "key=modules.looper.loops.pol its_loops=\"poll, push\""));
  CHECK_FALSE(l.logs("key=modules.looper.loops.push"));
  CHECK(l.says("\"ready\":true,\"degraded\":false"));
}

TEST_CASE("loops: a module without any is told so, too, also one without a start, and one whose start is answered later") {
  Host host({"modules/alpha", "modules/delta", "modules/epsilon", "modules/quiet"});
  host.script("alpha", "", "loops: {poll: fail}");
  host.script("quiet", "", "loops: {poll: fail}");
  host.script("delta", "fail: {start: complete}, complete: {after: 50ms}", "loops: {poll: fail}");
  host.script("epsilon", "fail: {start: error}", "loops: {poll: fail}");
  const Ran ran = boot_and_stop(host);
  CHECK(ran.exit == 0);
  for (const char* name : {"alpha", "delta", "quiet"}) {
    const std::string module = name;
    CHECK(contains(ran.err, "module=" + module + " name=poll key=modules." + module + ".loops.poll its_loops=none"));
  }
  CHECK_FALSE(contains(ran.err, "modules.epsilon.loops.poll"));  // it has not started
}

TEST_CASE("loops: the key is shown with its source, and a reload says that it needs a restart") {
  Looper l("fail", "{poll: ignore}");
  const Ran shown = l.host.run_command("config", {"--set", "modules.looper.loops.*=restart"});
  CHECK(shown.exit == 0);
  CHECK(contains(shown.out, "\"*\": restart"));
  CHECK(contains(shown.out, "# --set modules.looper.loops.*"));
  CHECK(contains(shown.out, "poll: ignore"));
  CHECK(l.says("\"check\":\"push\",\"required\":true"));
  std::string text = read_file(l.host.config_file);
  text.replace(text.find("poll: ignore"), 12, "poll: restart, push: ignore");
  l.host.dir.write("host.yaml", text);
  l.p.signal(SIGHUP);
  CHECK(l.p.wait_for("`modules.looper.loops.poll` changed and takes effect after a restart"));
  CHECK(l.p.wait_for("`modules.looper.loops.push` changed and takes effect after a restart"));
  CHECK(contains(l.status(), "\"check\":\"push\",\"required\":true"));
}

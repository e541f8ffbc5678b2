// Health of a running daemon: status.json, `list --running`, the supervisor's status.
#include <doctest/doctest.h>

#include "host_fixture.hpp"

using namespace tenon::test;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A daemon with a plugin whose checks answer what its configuration says.
struct Ailing {
  Host host{{"watch/ailing"}};
  std::string config;
  Process* process = nullptr;

  Ailing() {
    host.script("ailing", "database: ok, cache: ok");
    config = read_file(host.config_file);
  }
  /// The text of status.json has it, soon.
  bool says(const std::string& part) const {
    return eventually([&] { return contains(read_file(host.state + "/status.json"), part); });
  }
  void answer(const Process& p, const std::string& database, const std::string& cache) {
    std::string next = config;
    const std::string old = "database: ok, cache: ok";
    next.replace(next.find(old), old.size(), "database: " + database + ", cache: " + cache);
    host.dir.write("host.yaml", next);
    p.signal(SIGHUP);
  }
};

}  // namespace

TEST_CASE("required, optional and slow checks decide whether the host is ready or degraded") {
  Ailing a;
  Process p(a.host.arguments(), a.host.options);
  REQUIRE(p.wait_for(" ready "));
  CHECK(
      a.says("\"health\":{\"live\":true,\"started\":true,\"ready\":true,\"degraded\":false,\"checks\":[{\"module\":\"ailing\",\"check\":"
             "\"database\","
             "\"required\":true,\"state\":\"healthy\""));
  Ran list = a.host.run_command("list", {"--running"});
  CHECK(list.exit == 0);
  CHECK(contains(list.out, "health: ready\n"));

  a.answer(p, "ok", "bad");
  CHECK(a.says("\"ready\":true,\"degraded\":true"));
  CHECK(a.says("\"state\":\"degraded\""));
  CHECK(a.says("\"why\":\"no connection\""));
  CHECK(contains(p.err(), "unhealthy module=ailing check=cache required=false why=\"no connection\""));

  a.answer(p, "slow", "ok");
  CHECK(a.says("\"ready\":false,\"degraded\":true"));
  CHECK(a.says("\"why\":\"did not answer within 300ms\""));
  list = a.host.run_command("list", {"--running"});
  CHECK(contains(list.out, "health: not ready, degraded\n"));
  CHECK(contains(list.out, "did not answer within 300ms"));

  a.answer(p, "ok", "ok");
  CHECK(a.says("\"ready\":true,\"degraded\":false"));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
  const std::string audit = read_file(a.host.state + "/audit.log");
  CHECK(contains(audit, "\"type\":\"ailing.self.doubt\",\"level\":\"info\",\"actor\":\"ailing\",\"target\":\"itself\""));
  CHECK(contains(audit, "\"mood\":\"low\""));
}

TEST_CASE("a required check decides about the host, whether its module is required or not") {
  for (const bool required : {false, true}) {
    Ailing a;
    if (required) {
      const std::string module = "ailing: {";
      REQUIRE(contains(a.config, module));
      a.config.insert(a.config.find(module) + module.size(), "required: true, ");
      a.host.dir.write("host.yaml", a.config);
    }
    Process p(a.host.arguments(), a.host.options);
    REQUIRE(p.wait_for(" ready "));
    CHECK(a.says("\"ready\":true,\"degraded\":false"));
    CHECK(a.says(std::string("\"required\":") + (required ? "true" : "false") + ",\"state\":\"running\""));
    a.answer(p, "bad", "ok");
    // Unhealthy is no failure: the module stays, the host only says that it should get no work.
    CHECK(a.says("\"started\":true,\"ready\":false,\"degraded\":true"));
    CHECK(a.says("\"state\":\"degraded\""));
    CHECK(contains(a.host.run_command("list", {"--running"}).out, "health: not ready, degraded\n"));
    a.answer(p, "ok", "ok");
    CHECK(a.says("\"ready\":true,\"degraded\":false"));
    CHECK(a.says("\"state\":\"running\""));
    p.signal(SIGTERM);
    CHECK(p.wait() == 0);
  }
}

TEST_CASE("a check that runs does not hold up the stop") {
  Ailing a;
  a.host.dir.write("host.yaml", [&] {
    std::string text = a.config;
    return text.replace(text.find("database: ok"), 12, "database: slow");
  }());
  Process p(a.host.arguments(), a.host.options);
  REQUIRE(p.wait_for("unhealthy module=ailing check=database"));
  CHECK(a.says("\"started\":false,\"ready\":false"));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
  CHECK_FALSE(contains(p.err(), "wedged"));
}

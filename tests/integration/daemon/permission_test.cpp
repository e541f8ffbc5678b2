// What plugins ask for, are granted and are denied, as the operator sees it.
#include <doctest/doctest.h>

#include "host_fixture.hpp"

using namespace tenon::test;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

constexpr const char* everything =
    "grants: {services: {call: [\"alpha.*\"], provide: [\"shop.list/1\"]}, events: {subscribe: [\"alpha.>\"]}, storage: {max_bytes: "
    "128MiB}}";

}  // namespace

TEST_CASE("check shows what is asked for, granted and missing, and the line that grants it") {
  Host host({"modules/alpha", "modules/asker"});
  host.script("asker", "", "grants: {services: {call: [alpha.get]}, events: {subscribe: [\">\"], publish: [never.asked]}}");
  const Ran partly = host.run_command("check");
  CHECK(partly.exit == 0);
  CHECK(contains(
      partly.out,
      "permissions of plugins beyond their own:\n"
      "MODULE  PERMISSION         ASKED        GRANTED\n"
      "asker   services.call      alpha.*      partly\n"
      "asker   services.provide   shop.list/1  missing\n"
      "asker   events.publish     -            never.asked (not asked for)\n"
      "asker   events.subscribe   alpha.>      yes\n"
      "asker   storage.max_bytes  128MiB       missing\n"
      "to grant what is missing, add to the configuration:\n"
      "modules:\n"
      "  asker:\n"
      "    grants: {services: {call: [\"alpha.get\", \"alpha.*\"], provide: [\"shop.list/1\"]}, events: {publish: [\"never.asked\"], "
      "subscribe: [\">\"]}, storage: {max_bytes: 128MiB}}\n"));
  const Ran json = host.run_command("check", {"--output", "json"});
  CHECK(contains(json.out, R"("permissions":[{"permission":"services.call","what":"alpha.*","state":"partly"},)"
                           R"({"permission":"services.provide","what":"shop.list/1","state":"missing"},)"
                           R"({"permission":"events.publish","what":"never.asked","state":"unused"},)"
                           R"({"permission":"events.subscribe","what":"alpha.>","state":"granted"},)"
                           R"({"permission":"storage.max_bytes","what":"128MiB","state":"missing"}],"to_grant":"grants: {services:)"));
  CHECK(contains(host.run_command("list", {"--output", "json"}).out, R"("state":"missing")"));
}

TEST_CASE("the line that check prints grants everything, and so does permissions.default") {
  Host host({"modules/asker"});
  host.script("asker", "");
  const Ran none = host.run_command("check");
  REQUIRE(contains(none.out, std::string("modules:\n  asker:\n    ") + everything + "\n"));
  CHECK(contains(none.err, "[plan.not_granted]"));
  const Ran asked = host.run_command("check", {"--set", "permissions.default=manifest"});
  CHECK(contains(asked.out, "asker   services.call      alpha.*      yes"));
  CHECK_FALSE(contains(asked.out, "to grant"));
  Host granted({"modules/asker"});
  granted.script("asker", "", everything);
  const Ran all = granted.run_command("check");
  CHECK(all.exit == 0);
  CHECK_FALSE(contains(all.out, "missing"));
  CHECK_FALSE(contains(all.err, "[plan.not_granted]"));
}

TEST_CASE("grants of what belongs to others block the module") {
  Host host({"modules/alpha", "modules/asker"});
  host.script("asker", "", "grants: {services: {provide: [logger.log, alpha.get]}}");
  const Ran ran = host.run_command("check");
  CHECK(ran.exit == 0);
  CHECK(contains(ran.err, "grants `logger.log`, which belongs to the module `logger` [plan.impossible_grant]"));
  CHECK(contains(ran.err, "grants `alpha.get`, which belongs to the module `alpha` [plan.impossible_grant]"));
  CHECK(contains(ran.out, "asker: blocked: "));
}

TEST_CASE("a reload does not change grants of a running plugin, and says so") {
  Host host({"modules/asker"});
  host.script("asker", "");
  Process p(host.arguments(), host.options);
  REQUIRE(p.wait_for(" ready "));
  std::string next = read_file(host.config_file);
  next.replace(next.find("asker: {"), 8, std::string("asker: {") + everything + ", ");
  host.dir.write("host.yaml", next);
  p.signal(SIGHUP);
  REQUIRE(p.wait_for("needs restart what="));
  CHECK(p.wait_for("modules.asker.grants.services.call"));
  p.signal(SIGTERM);
  CHECK(p.wait() == 0);
}

TEST_CASE("a plugin that reaches for what is not its own is refused, audited, and alone with it") {
  Host host({"modules/alpha", "watch/squatter"});
  const Ran ran = boot_and_stop(host);
  REQUIRE(ran.exit == 0);
  const auto got = [&](const std::string& what, const std::string& name, const std::string& status) {
    return contains(ran.err, "squatter/init: attempt what=" + what + " name=" + name + " status=" + status);
  };
  for (const char* name : {"logger.log", "alpha.get", "tenon.stop"}) CHECK_MESSAGE(got("register", name, "PERMISSION_DENIED"), name);
  for (const char* name : {"tenon.module.state", "alpha.price"}) CHECK_MESSAGE(got("publish", name, "PERMISSION_DENIED"), name);
  for (const char* name : {">", "alpha.*"}) CHECK_MESSAGE(got("subscribe", name, "PERMISSION_DENIED"), name);
  for (const char* name : {"alpha", "tenon"}) CHECK_MESSAGE(got("open", name, "PERMISSION_DENIED"), name);
  CHECK(got("query", "tenon.log_sink/1", "NULL"));
  // What is its own, it may.
  for (const char* what : {"register", "publish"}) CHECK_MESSAGE(got(what, "squatter.own", "OK"), what);
  CHECK(got("subscribe", "squatter.>", "OK"));
  CHECK(got("open", "squatter", "OK"));

  const std::string audit = read_file(host.state + "/audit.log");
  std::size_t denied = 0;
  for (const std::string& line : lines_of(audit)) {
    if (!contains(line, "\"type\":\"module.denied\"")) continue;
    ++denied;
    CHECK_MESSAGE(contains(line, "\"actor\":\"squatter\""), line);
    CHECK_MESSAGE(contains(line, "\"outcome\":\"denied\""), line);
    CHECK_MESSAGE(!contains(line, "\"target\":\"\""), line);
  }
  for (const char* name : {"logger.log", "alpha.get", "tenon.stop"})
    CHECK_MESSAGE(contains(audit, "\"target\":\"" + std::string(name) + "\""), name);
  CHECK(denied == 10);
  for (const char* name : {"logger.log", "alpha.get", "tenon.stop", "tenon.module.state", "alpha.price", "alpha.*", "tenon.log_sink/1"})
    CHECK_MESSAGE(contains(audit, name), name);
  CHECK(host.run_command("audit", {"verify"}).exit == 0);
  CHECK(host.trace("alpha").back() == "destroy leave");
}

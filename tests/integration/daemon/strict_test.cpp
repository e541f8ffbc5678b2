// `tenond run --strict`: a module that breaks a rule of the contract is named with the rule and the function, and a borrowed view used late with the view.
#include <doctest/doctest.h>

#include "host_fixture.hpp"

using namespace tenon::test;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::vector<std::string> findings(const std::string& log) {
  std::vector<std::string> out;
  for (const std::string& line : lines_of(log))
    if (contains(line, "strict=")) out.push_back(line);
  return out;
}

}  // namespace

TEST_CASE("strict daemon: who keeps the rules hears nothing, and who breaks one is told where") {
  struct Broken {
    std::string rule, found, message;
  };
  for (const Broken& b : std::vector<Broken>{
           {"none", "", ""},
           {"WRONG_THREAD", "WRONG_THREAD",
            "`tenon_config.on_change` is for [control] callbacks of the module, and was called from a thread that is in none"},
           {"BLOCKING_IN_ANY", "BLOCKING_IN_ANY",
            "`tenon_storage.open` may block, and was called inside a callback that must not (release, on_cancel, a log receiver)"},
           {"WRONG_PHASE", "WRONG_PHASE", "`tenon_config.on_change`: on_change is for create and init, this is start"},
           {"REENTRANT", "REENTRANT", "`tenon_events.unsubscribe_wait`: a handler of `careless.topic` cannot wait for its own end"},
           {"STALE_CALL", "STALE_CALL", "`tenon_calls.cancelled` got a call whose function has returned: defer() it and use the id"},
           {"STALE_ID", "STALE_ID", "which is over or was never given to this instance"},
           {"STALE_HANDLE", "STALE_ID", "`tenon_metrics.add` got a handle that is over or was never given"},
           {"COMPLETED_TWICE", "COMPLETED_TWICE", "a second time"},
           {"AFTER_DESTROY", "AFTER_DESTROY",
            "`tenon_audit.record` was called by a thread that the module left behind: stop must end it"}}) {
    CAPTURE(b.rule);
    Host host({"strict/careless"});
    host.script("careless", "rule: " + b.rule);
    Process p(host.arguments({"--strict"}), host.options);
    REQUIRE(p.wait_for(" ready "));
    if (!b.found.empty() && b.rule != "AFTER_DESTROY") CHECK(p.wait_for("strict="));
    p.signal(SIGTERM);
    CHECK(p.wait() == 0);
    const std::string err = p.err();
    CAPTURE(err);
    const std::vector<std::string> found = findings(err);
    CHECK(found.size() == (b.found.empty() ? 0 : 1));
    for (const std::string& line : found) {
      CHECK_MESSAGE(contains(line, "strict=" + b.found), line);
      CHECK_MESSAGE(contains(line, "careless"), line);
      CHECK_MESSAGE(contains(line, b.message), line);
    }
  }
}

TEST_CASE("strict daemon: a view kept beyond its function's return crashes on the spot, with module and view") {
  Host host({"strict/careless"});
  host.script("careless", "rule: STALE_VIEW");
  Process p(host.arguments({"--strict"}), host.options);
  const int exit = p.wait();
  const std::string err = p.err();
  CAPTURE(err);
  CHECK(exit != 0);
  if (slow_factor() != 1) return;  // sanitizers report fatal signals themselves, and end the process their way
  CHECK(exit == 128 + SIGSEGV);
  CHECK(contains(err, ": SIGSEGV in module `careless`, "));
  CHECK(contains(
      err,
      ": strict STALE_VIEW: the payload of an event, which module `careless` was lent, was used after the function it was given to had "
      "returned: copy what is to be kept\n"));
  CHECK(contains(read_file(host.state + "/crash.marker"), " careless SIGSEGV"));
}

TEST_CASE("a daemon that is not strict lets the same module run, and reports nothing") {
  for (const char* rule : {"STALE_ID", "COMPLETED_TWICE", "WRONG_THREAD"}) {
    Host host({"strict/careless"});
    host.script("careless", std::string("rule: ") + rule);
    const Ran ran = boot_and_stop(host);
    CHECK(ran.exit == 0);
    CHECK(findings(ran.err).empty());
  }
}

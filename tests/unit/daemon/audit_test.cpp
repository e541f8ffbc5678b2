// The daemon's records of module states: all of them, in order, and as late as is good for the thread that loads.
#include "audit.hpp"

#include <doctest/doctest.h>

using namespace tenon::host;

namespace {

struct Fixture {
  std::vector<std::string> records;
  std::function<void()> inside;  ///< once, within a record: as a receiver of the log may do
  std::unique_ptr<AuditLog> log = [this] {
    AuditOptions options;
    options.writer = AuditWriter::console;
    options.console = [this](const AuditEvent& e) {
      std::string line = std::string(e.type) + " " + std::string(e.target);
      for (const auto& [key, value] : e.meta)
        if (key == "sha256") line += " " + std::string(value);
      records.push_back(std::move(line));
      if (inside) std::exchange(inside, nullptr)();
    };
    auto opened = AuditLog::open(std::move(options));
    REQUIRE(opened);
    return std::move(*opened);
  }();
  int wakes = 0;
  StateAudit audit{*log, [](const std::string& module) { return "digest-of-" + module; }, [this] { ++wakes; }};

  void add(const std::string& module, ModuleState state) {
    ModuleStatus status;
    status.name = module;
    status.version = "1.0.0";
    status.state = state;
    audit.add(status);
  }
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("audit of states: what is loaded waits, and wakes once until nothing waits any more") {
  Fixture f;
  f.add("a", ModuleState::loaded);
  f.add("b", ModuleState::loaded);
  CHECK(f.wakes == 1);
  CHECK(f.records.empty());
  CHECK(f.audit.write());
  CHECK(f.records == Lines{"module.loaded a digest-of-a", "module.loaded b digest-of-b"});
  f.add("c", ModuleState::loaded);
  CHECK(f.wakes == 1);  // whoever writes looks again by itself until it has found nothing
  CHECK(f.audit.write());
  CHECK_FALSE(f.audit.write());
  f.add("d", ModuleState::loaded);
  CHECK(f.wakes == 2);
  CHECK(f.audit.write());
  CHECK(f.records.size() == 4);
}

TEST_CASE("audit of states: what is bad is recorded at once, behind all that came before it") {
  for (const auto& [state, type] : {std::pair{ModuleState::refused, "module.refused"}, std::pair{ModuleState::failed, "module.failed"},
                                    std::pair{ModuleState::wedged, "module.wedged"}}) {
    Fixture f;
    f.add("a", ModuleState::loaded);
    f.add("b", state);
    CHECK(f.records == Lines{"module.loaded a digest-of-a", std::string(type) + " b"});
    CHECK_FALSE(f.audit.write());
  }
}

TEST_CASE("audit of states: what fails because of a record is recorded behind it, and nobody waits for himself") {
  Fixture f;
  f.add("a", ModuleState::loaded);
  f.inside = [&f] {
    f.add("logger", ModuleState::failed);
    CHECK(f.records.size() == 1);
    CHECK(f.audit.write());
  };
  CHECK(f.audit.write());
  CHECK(f.records == Lines{"module.loaded a digest-of-a", "module.failed logger"});
}

TEST_CASE("audit of states: other states are nobody's business") {
  Fixture f;
  for (const ModuleState s :
       {ModuleState::planned, ModuleState::blocked, ModuleState::disabled, ModuleState::created, ModuleState::initialized,
        ModuleState::starting, ModuleState::running, ModuleState::stopping, ModuleState::stopped})
    f.add("a", s);
  CHECK(f.wakes == 0);
  CHECK_FALSE(f.audit.write());
  CHECK(f.records.empty());
}

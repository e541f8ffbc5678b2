// What query gives to whom, what the host says of itself, and tenon.check/1.
#include <set>

#include "kernel/kernel.hpp"
#include "support.hpp"
#include "tenon/state.h"
#include "tenon/storage.h"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("query: every offered interface, whole, and nothing else") {
  LogCore log;
  const auto kernel = Kernel::make(log, {});
  REQUIRE(kernel);
  HostContext context(log, "1.2.3", make_uuid(), kernel->get());
  Instance runtime(context, options_of("logger", true));
  const tenon_host* host = runtime.ctx()->host;
  std::string_view before;
  // Opened for those who need it only.
  const std::set<std::string_view> of_the_store = {TENON_STATE, TENON_STORAGE};
  for (const InterfaceInfo& i : offered_interfaces()) {
    CHECK(i.id > before);  // sorted
    before = i.id;
    const void* table = host->query(runtime.ctx(), str(i.id));
    CHECK((table == nullptr) == of_the_store.contains(i.id));
    if (table == nullptr) continue;
    CHECK(*static_cast<const std::uint32_t*>(table) == i.size);
    CHECK(host->query(runtime.ctx(), str(i.id)) == table);
  }
  for (const char* unknown : {"", "tenon.log", "tenon.log/2", "tenon.log/1 ", "TENON.LOG/1", "tenon.storage/1"})
    CHECK(host->query(runtime.ctx(), str(unknown)) == nullptr);
  CHECK(host->query(runtime.ctx(), str(std::string("tenon.log/1\0", 12))) == nullptr);
  CHECK(host->query(runtime.ctx(), str(std::string(1 << 20, 't'))) == nullptr);
  CHECK(host->query(nullptr, str(TENON_LOG)) == nullptr);
  for (const tenon_str& id : impossible) CHECK(host->query(runtime.ctx(), id) == nullptr);
  runtime.gate().advance(Gate::State::draining);
  CHECK(runtime.leave_parts(no_deadline));
  runtime.gate().advance(Gate::State::closed);
  CHECK(runtime.close_parts(no_deadline));
}

TEST_CASE("query: what only RuntimeModules get is NULL for a plugin, with a record of the attempt") {
  World world;
  const Records records(world.log);
  Instance plugin(world.host, options_of("curious"));
  CHECK(plugin.query(TENON_LOG_SINK) == nullptr);
  CHECK(records.last() ==
        "warn host  plugin asked for an interface that only RuntimeModules get module=curious interface=tenon.log_sink/1");
  CHECK(plugin.query(TENON_LOG) != nullptr);
  CHECK(records.lines().size() == 1);
}

TEST_CASE("query: the level in the log table is each module's own") {
  World world;
  Instance a(world.host, options_of("a")), b(world.host, options_of("b"));
  CHECK(a.query(TENON_LOG) != b.query(TENON_LOG));
  CHECK(a.query(TENON_CALLS) == b.query(TENON_CALLS));
}

TEST_CASE("host: says who it is") {
  World world;
  const tenon_host* host = world.host.c_host();
  CHECK(host->struct_size == sizeof(tenon_host));
  CHECK(host->abi_major == TENON_ABI_MAJOR);
  CHECK(host->abi_minor == TENON_ABI_MINOR);
  CHECK(view(host->name) == "tenond");
  CHECK(view(host->version) == "1.2.3");
  CHECK(view(host->instance_id) == "00000000-0000-4000-8000-000000000001");
}

TEST_CASE("host: instance ids are UUIDs of version 4, each another") {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = make_uuid();
    REQUIRE(id.size() == 36);
    for (std::size_t at = 0; at < id.size(); ++at) {
      const bool dash = at == 8 || at == 13 || at == 18 || at == 23;
      CHECK((dash ? id[at] == '-' : std::string_view("0123456789abcdef").find(id[at]) != std::string_view::npos));
    }
    CHECK(id[14] == '4');
    CHECK(std::string_view("89ab").find(id[19]) != std::string_view::npos);
    ids.insert(id);
  }
  CHECK(ids.size() == 1000);
}

TEST_CASE("check: the phase is the instance's, on every thread") {
  World world;
  Instance instance(world.host, options_of("orders"));
  const auto& check = table_of<tenon_check>(instance, TENON_CHECK);
  CHECK(check.phase(instance.ctx()) == TENON_PHASE_NONE);
  constexpr std::pair<Phase, std::int32_t> phases[] = {{Phase::create, TENON_PHASE_CREATE}, {Phase::pre_init, TENON_PHASE_PRE_INIT},
                                                       {Phase::init, TENON_PHASE_INIT},     {Phase::post_init, TENON_PHASE_POST_INIT},
                                                       {Phase::start, TENON_PHASE_START},   {Phase::run, TENON_PHASE_RUN},
                                                       {Phase::stop, TENON_PHASE_STOP},     {Phase::destroy, TENON_PHASE_DESTROY}};
  for (const auto& [phase, number] : phases) {
    run_as(instance, phase, [&, expected = number](tenon_call*, tenon_error*) {
      CHECK(check.phase(instance.ctx()) == expected);
      std::thread([&] { CHECK(check.phase(instance.ctx()) == expected); }).join();
    });
  }
  run_as(instance, Phase::configure, [&](tenon_call*, tenon_error*) { CHECK(check.phase(instance.ctx()) == TENON_PHASE_DESTROY); });
  CHECK(check.phase(nullptr) == TENON_PHASE_NONE);
}

TEST_CASE("check: a foreign thread is nobody's") {
  World world;
  Instance instance(world.host, options_of("orders"));
  const auto& check = table_of<tenon_check>(instance, TENON_CHECK);
  CHECK(check.thread(instance.ctx()) == TENON_THREAD_OTHER);
  CHECK(check.thread(nullptr) == TENON_THREAD_OTHER);
  run_as(instance, Phase::init, [&](tenon_call*, tenon_error*) {
    CHECK(check.thread(instance.ctx()) == TENON_THREAD_CONTROL);
    CHECK(check.thread(nullptr) == TENON_THREAD_OTHER);
    std::thread([&] { CHECK(check.thread(instance.ctx()) == TENON_THREAD_OTHER); }).join();
  });
  CHECK(check.thread(instance.ctx()) == TENON_THREAD_OTHER);
}

TEST_CASE("check: a violation is one warning of the module, nonsense is none") {
  World world;
  const Records records(world.log);
  Instance instance(world.host, options_of("orders"));
  const auto& check = table_of<tenon_check>(instance, TENON_CHECK);
  run_as(instance, Phase::init,
         [&](tenon_call*, tenon_error*) { check.violation(instance.ctx(), str("LOCK_HELD"), str("`rows` is locked")); });
  CHECK(records.last() == "warn orders init `rows` is locked rule=LOCK_HELD");
  check.violation(nullptr, str("X"), str("x"));
  for (const tenon_str& text : impossible) {
    check.violation(instance.ctx(), text, str("x"));
    check.violation(instance.ctx(), str("X"), text);
  }
  CHECK(records.lines().size() == 1);
}

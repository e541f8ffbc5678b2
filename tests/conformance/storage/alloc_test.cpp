// Reading the state through the C table costs no memory and no lock. An executable of its own: operator new and locks are counted.
#include <doctest/doctest.h>

#include <string>

#include "abi/host_context.hpp"
#include "abi/instance.hpp"
#include "counters.hpp"
#include "kernel/kernel.hpp"
#include "memory_backend.hpp"
#include "tenon/state.h"

using namespace tenon::host;

namespace {
tenon_bytes bytes(const std::string& s) { return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()}; }
}  // namespace

TEST_CASE("state alloc: a get through the C table allocates nothing and locks nothing") {
  prepare_gates();
  LogCore log;
  auto kernel = Kernel::make(log, {});
  REQUIRE(kernel);
  REQUIRE((*kernel)->open_storage(test::memory_backend(std::make_shared<test::MemoryFile>())));
  HostContext host(log, "1.0.0", make_uuid(), kernel->get());
  {
    InstanceOptions options;
    options.name = "sensors";
    Instance instance(host, std::move(options));
    const auto* const table = static_cast<const tenon_state*>(instance.query(TENON_STATE));
    REQUIRE(table != nullptr);
    tenon_id space = 0;
    REQUIRE(table->open(instance.ctx(), TENON_STR("sensors"), &space, nullptr) == TENON_OK);
    Storage& storage = *(*kernel)->storage();
    REQUIRE(storage.put(*storage.find("sensors"), "plain", std::string(3000, 'x'), {.content_type = "text/plain"}));
    REQUIRE(storage.put(*storage.find("sensors"), "short", "x", {.ttl_ns = INT64_MAX}));
    std::uint8_t buffer[4096];
    tenon_value_info info{};
    info.struct_size = sizeof info;
    const std::string keys[] = {"plain", "short", "none"};
    CHECK(table->get(instance.ctx(), space, bytes(keys[0]), buffer, sizeof buffer, &info) == TENON_OK);  // the thread's first
    const tenon::test::Counts before = tenon::test::counts_here();
    int found = 0;
    for (int i = 0; i < 3000; ++i)
      found += table->get(instance.ctx(), space, bytes(keys[i % 3]), buffer, sizeof buffer, &info) == TENON_OK ? 1 : 0;
    const tenon::test::Counts after = tenon::test::counts_here();
    CHECK(found == 2000);
    CHECK(after.allocations == before.allocations);
    CHECK(after.locks == before.locks);
    // They do count.
    tenon_id cursor = 0;
    CHECK(table->keys(instance.ctx(), space, bytes(""), &cursor, nullptr) == TENON_OK);
    CHECK(tenon::test::counts_here().allocations > after.allocations);
    CHECK(tenon::test::counts_here().locks > after.locks);
    instance.gate().advance(Gate::State::draining);
    CHECK(instance.leave_parts(monotonic_ns() + 1'000'000'000));
    instance.gate().advance(Gate::State::closed);
    CHECK(instance.close_parts(monotonic_ns() + 1'000'000'000));
  }
  CHECK((*kernel)->end(monotonic_ns() + 2'000'000'000));
  CHECK((*kernel)->close_storage(monotonic_ns() + 2'000'000'000));
}

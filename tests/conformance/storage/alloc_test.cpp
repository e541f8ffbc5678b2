// Reading the state through the C table costs no memory and no lock. An executable of its own: it replaces operator new and pthread_mutex_lock.
#include <doctest/doctest.h>
#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "abi/host_context.hpp"
#include "abi/instance.hpp"
#include "kernel/kernel.hpp"
#include "memory_backend.hpp"
#include "tenon/state.h"

using namespace tenon::host;

namespace {
std::atomic<std::size_t> allocations{0};
std::atomic<std::size_t> locks{0};

void* counted(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
tenon_bytes bytes(const std::string& s) { return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()}; }
}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

extern "C" int __real_pthread_mutex_lock(pthread_mutex_t* mutex);
extern "C" int __wrap_pthread_mutex_lock(pthread_mutex_t* mutex) {
  ++locks;
  return __real_pthread_mutex_lock(mutex);
}

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
    const std::size_t allocated = allocations;
    const std::size_t locked = locks;
    int found = 0;
    for (int i = 0; i < 3000; ++i)
      found += table->get(instance.ctx(), space, bytes(keys[i % 3]), buffer, sizeof buffer, &info) == TENON_OK ? 1 : 0;
    const std::size_t allocated_after = allocations;
    const std::size_t locked_after = locks;
    CHECK(found == 2000);
    CHECK(allocated_after == allocated);
    CHECK(locked_after == locked);
    // They do count.
    tenon_id cursor = 0;
    CHECK(table->keys(instance.ctx(), space, bytes(""), &cursor, nullptr) == TENON_OK);
    CHECK(allocations > allocated_after);
    CHECK(locks > locked_after);
    instance.gate().advance(Gate::State::draining);
    CHECK(instance.leave_parts(monotonic_ns() + 1'000'000'000));
    instance.gate().advance(Gate::State::closed);
    CHECK(instance.close_parts(monotonic_ns() + 1'000'000'000));
  }
  CHECK((*kernel)->end(monotonic_ns() + 2'000'000'000));
  CHECK((*kernel)->close_storage(monotonic_ns() + 2'000'000'000));
}

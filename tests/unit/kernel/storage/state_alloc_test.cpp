// Reading the state costs no memory and no lock. An executable of its own: it replaces operator new and pthread_mutex_lock.
#include <doctest/doctest.h>
#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "kernel/gate.hpp"
#include "kernel/state.hpp"

using namespace tenon::host;

namespace {
std::atomic<std::size_t> allocations{0};
std::atomic<std::size_t> locks{0};

void* counted(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
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

TEST_CASE("state alloc: a get allocates nothing and locks nothing") {
  prepare_gates();
  State state;
  state.open_space(1);
  const std::string large(3000, 'x');
  for (int i = 0; i < 100; ++i)
    CHECK(state.put(
        1, {"sensors.room." + std::to_string(i), "text/plain", large, static_cast<std::uint64_t>(i + 1), i % 2 == 0 ? 0 : INT64_MAX}));
  char buffer[4096];
  ValueInfo info;
  const std::string keys[] = {"sensors.room.1", "sensors.room.2", "none"};
  CHECK(state.get(1, keys[0], buffer, info) == Code::ok);  // the thread's first
  const std::size_t allocated = allocations;
  const std::size_t locked = locks;
  int found = 0;
  for (int i = 0; i < 3000; ++i) found += state.get(1, keys[i % 3], buffer, info) == Code::ok ? 1 : 0;
  const std::size_t allocated_after = allocations;
  const std::size_t locked_after = locks;
  CHECK(found == 2000);
  CHECK(allocated_after == allocated);
  CHECK(locked_after == locked);
  // They do count.
  StorageBatch batch;
  StorageCursor cursor{1, {}};
  state.keys(cursor, batch);
  CHECK(batch.size() == 100);
  CHECK(allocations > allocated_after);
  CHECK(locks > locked_after);
}

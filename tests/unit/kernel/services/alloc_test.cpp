// An inline call costs no memory and takes no lock. An executable of its own: it replaces operator new and counts pthread_mutex_lock.
#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {
thread_local std::size_t allocations = 0, locks = 0;

void* counted(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
}  // namespace

#if defined(__GNUC__) && !defined(__clang__)
// gcc inlines one half of the replaced pair and then takes the other for the library's.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif
void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void* operator new(std::size_t size, std::align_val_t align) {
  ++allocations;
  return std::aligned_alloc(static_cast<std::size_t>(align),
                            (size + static_cast<std::size_t>(align) - 1) & ~(static_cast<std::size_t>(align) - 1));
}
void* operator new(std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept { return operator new(size, align); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  using Function = int (*)(pthread_mutex_t*);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  ++locks;
  return real(mutex);
}

TEST_CASE("services alloc: an inline call allocates nothing and takes no lock, by handle and by name, nested, with a deadline, refused") {
  World world;
  Module orders(world), web(world, "web");
  std::uint64_t inner = 0;
  REQUIRE(world.services.add(
      *orders.seat, {"orders.inner",
                     [](void*, ServiceCall&, const Request& q, Reply& r) { return r.assign(q.payload) ? Code::ok : Code::internal; },
                     nullptr,
                     nullptr,
                     {}}));
  inner = orders.resolve("orders.inner");
  struct Outer {
    Module* orders;
    std::uint64_t inner;
  } outer{&orders, inner};
  REQUIRE(world.services.add(*orders.seat, {"orders.outer",
                                            [](void* data, ServiceCall&, const Request& q, Reply& r) {
                                              auto& o = *static_cast<Outer*>(data);
                                              Error error;
                                              return o.orders->world.services.call(*o.orders->seat, o.inner, q, r, error);
                                            },
                                            &outer,
                                            nullptr,
                                            {}}));
  const std::uint64_t handle = web.resolve("orders.inner"), nested = web.resolve("orders.outer");
  char in[64] = {}, out[64];
  Error error;
  int good = 0;
  const auto calls = [&](int n) {
    for (int i = 0; i < n; ++i) {
      Reply reply{std::span<char>(out)};
      const Request request{{in, sizeof in}, "text/plain", {}};
      good += world.services.call(*web.seat, handle, request, reply, error) == Code::ok ? 1 : 0;
      good += world.services.call(*web.seat, handle, request, reply, error, {in_ms(60'000), {}}) == Code::ok ? 1 : 0;
      good += world.services.call(*web.seat, std::string_view("orders.inner"), request, reply, error) == Code::ok ? 1 : 0;
      good += world.services.call(*web.seat, nested, request, reply, error) == Code::ok ? 1 : 0;
    }
  };
  calls(1);  // the counters of this thread
  const std::size_t allocated = allocations, locked = locks;
  good = 0;
  calls(1000);
  CHECK(allocations == allocated);
  CHECK(locks == locked);
  CHECK(good == 4000);
  // The counters do count.
  Module third(world, "third");
  CHECK(allocations > allocated);
  CHECK(world.services.has(*web.seat, "orders.inner"));
  CHECK(locks > locked);
}

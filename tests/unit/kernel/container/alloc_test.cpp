// Acquiring what is there and releasing it costs no memory and takes no lock. An executable of its own: it replaces operator new and counts locks.
#include <dlfcn.h>
#include <pthread.h>

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
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  using Function = int (*)(pthread_mutex_t*);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  ++locks;
  return real(mutex);
}

TEST_CASE("container alloc: acquire and release of an instance and of a made singleton allocate nothing and take no lock") {
  World world;
  Module catalog(world, "catalog"), orders(world, "orders", {{"logger", "catalog"}});
  REQUIRE(catalog.instance("catalog.client/1", catalog.value));
  REQUIRE(catalog.instance("catalog.client/1", catalog.value, "second"));
  REQUIRE(catalog.factory("catalog.one/1", Lifetime::singleton));
  Error error;
  int good = 0;
  const auto use = [&](int n) {
    for (int i = 0; i < n; ++i)
      for (const Token& token :
           {Token{"catalog.client/1", {}, 0}, Token{"catalog.client/1", "second", sizeof(Greeter)}, Token{"catalog.one/1", {}, 0}}) {
        Leased lease;
        if (world.container.acquire(*orders.seat, token, 0, lease, error) == Code::ok && call(lease) == 17 &&
            world.container.release(*orders.seat, lease.id) == Code::ok)
          ++good;
      }
  };
  use(1);
  allocations = locks = 0;
  use(1000);
  CHECK(good == 3003);
  CHECK(allocations == 0);
  CHECK(locks == 0);
  static_cast<void>(world.container.stats());
  CHECK(locks > 0);  // they are counted
}

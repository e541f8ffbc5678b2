// In a file of its own: inlined into other code, the pair of malloc and free looks mismatched to the compiler.
#include "counters.hpp"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> all_allocations{0}, all_locks{0};
thread_local tenon::test::Counts here;

void* counted(std::size_t size) noexcept {
  ++all_allocations;
  ++here.allocations;
  return std::malloc(size == 0 ? 1 : size);
}
void* counted(std::size_t size, std::align_val_t align) noexcept {
  ++all_allocations;
  ++here.allocations;
  const auto step = static_cast<std::size_t>(align);
  return std::aligned_alloc(step, (size + step - 1) & ~(step - 1));
}
void* or_throw(void* p) {
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

}  // namespace

namespace tenon::test {

Counts counts_here() { return here; }
Counts counts_all() { return {all_allocations, all_locks}; }

}  // namespace tenon::test

#if defined(__GNUC__) && !defined(__clang__)
// gcc inlines one half of the replaced pair and then takes the other for the library's.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif
void* operator new(std::size_t size) { return or_throw(counted(size)); }
void* operator new[](std::size_t size) { return or_throw(counted(size)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void* operator new(std::size_t size, std::align_val_t align) { return or_throw(counted(size, align)); }
void* operator new[](std::size_t size, std::align_val_t align) { return or_throw(counted(size, align)); }
void* operator new(std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept { return counted(size, align); }
void* operator new[](std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept { return counted(size, align); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  using Function = int (*)(pthread_mutex_t*);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  ++all_locks;
  ++here.locks;
  return real(mutex);
}

// In a file of its own: inlined into other code, the pair of malloc and free looks mismatched to the compiler.
#include "allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

static std::atomic<long> allocations{0};

long allocation_count() { return allocations; }

void* operator new(std::size_t n) {
  ++allocations;
  if (void* p = std::malloc(n != 0 ? n : 1)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

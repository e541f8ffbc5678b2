#include "failing_allocation.hpp"

#include <cstdlib>
#include <new>
#include <utility>

namespace tenon_test {

thread_local bool next_allocation_fails = false;

}  // namespace tenon_test

namespace {

void* allocate(std::size_t size) noexcept {
  return std::exchange(tenon_test::next_allocation_fails, false) ? nullptr : std::malloc(size == 0 ? 1 : size);
}

}  // namespace

void* operator new(std::size_t size) {
  if (void* const block = allocate(size)) return block;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, const std::nothrow_t&) noexcept { std::free(block); }

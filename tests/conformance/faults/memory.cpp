#include "memory.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <thread>

#include "base/memory.hpp"

namespace {

struct Armed {
  unsigned left = 0;  // allocations until one fails; 0 = none does
  bool on = false, lasts = false, struck = false;
};
thread_local Armed armed;
std::atomic<std::int64_t> live{0};

// In front of each block: whether it counts.
struct Tag {
  std::size_t offset;
  std::size_t counts;
};
static_assert(sizeof(Tag) == 16);

std::atomic<bool> waiting_threads_starve{false};
std::atomic<unsigned> waiting_strikes{0};
thread_local bool refused_before = false;

bool is_refused() {
  if (waiting_threads_starve.load(std::memory_order_relaxed) && tenon::host::WaitsForMemory::here()) {
    refused_before = !refused_before;
    if (refused_before) waiting_strikes.fetch_add(1, std::memory_order_relaxed);
    return refused_before;
  }
  if (!armed.on) return false;
  if (armed.struck) return armed.lasts;
  if (armed.left > 1) {
    --armed.left;
    return false;
  }
  armed.struck = true;
  return true;
}

void* allocate(std::size_t size, std::size_t align = sizeof(Tag)) noexcept {
  if (is_refused()) return nullptr;
  const std::size_t front = std::max(align, sizeof(Tag));
  const std::size_t bytes = (front + size + front - 1) / front * front;
  auto* const block = static_cast<char*>(std::aligned_alloc(front, bytes));
  if (block == nullptr) return nullptr;
  auto* const tag = reinterpret_cast<Tag*>(block + front) - 1;
  *tag = {front, armed.on ? 1U : 0U};
  if (tag->counts != 0) live.fetch_add(1, std::memory_order_relaxed);
  return block + front;
}
// As the standard has it: the new-handler makes room, or throws.
void* allocate_or_throw(std::size_t size, std::size_t align = sizeof(Tag)) {
  for (;;) {
    if (void* p = allocate(size, align)) return p;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}
void* allocate_or_null(std::size_t size, std::size_t align = sizeof(Tag)) noexcept {
  try {
    return allocate_or_throw(size, align);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void give_back(void* p) noexcept {
  if (p == nullptr) return;
  const Tag tag = *(static_cast<Tag*>(p) - 1);
  if (tag.counts != 0) live.fetch_sub(1, std::memory_order_relaxed);
  std::free(static_cast<char*>(p) - tag.offset);
}

}  // namespace

void* operator new(std::size_t n) { return allocate_or_throw(n); }
void* operator new[](std::size_t n) { return allocate_or_throw(n); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return allocate_or_null(n); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return allocate_or_null(n); }
void* operator new(std::size_t n, std::align_val_t a) { return allocate_or_throw(n, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return allocate_or_throw(n, static_cast<std::size_t>(a)); }
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate_or_null(n, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate_or_null(n, static_cast<std::size_t>(a));
}
void operator delete(void* p) noexcept { give_back(p); }
void operator delete[](void* p) noexcept { give_back(p); }
void operator delete(void* p, std::size_t) noexcept { give_back(p); }
void operator delete[](void* p, std::size_t) noexcept { give_back(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { give_back(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { give_back(p); }
void operator delete(void* p, std::align_val_t) noexcept { give_back(p); }
void operator delete[](void* p, std::align_val_t) noexcept { give_back(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { give_back(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { give_back(p); }
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { give_back(p); }
void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept { give_back(p); }

namespace tenon::test {

Starving::Scope::Scope(Starving& s) : starving_(s) { armed = {s.struck_ ? 0 : s.shortage_.number, true, s.shortage_.lasts, s.struck_}; }
Starving::Scope::~Scope() {
  starving_.struck_ = armed.struck;
  armed = {};
}

StarvingWaiters::StarvingWaiters() {
  waiting_strikes = 0;
  waiting_threads_starve = true;
}
StarvingWaiters::~StarvingWaiters() { waiting_threads_starve = false; }
unsigned StarvingWaiters::strikes() { return waiting_strikes; }

std::int64_t blocks_left() {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (live.load(std::memory_order_relaxed) != 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  return live.load(std::memory_order_relaxed);
}

}  // namespace tenon::test

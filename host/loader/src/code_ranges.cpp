#include "loader/code_ranges.hpp"

#include <utility>

#if defined(__SANITIZE_ADDRESS__)
// What is never freed on purpose: a crash may come at any time (below), and code is never unmapped (library.cpp). The leak detector of the address
// sanitizer asks for this function by its name; without it nobody needs it.
extern "C" __attribute__((visibility("default"))) const char* __lsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier)
const char* __lsan_default_suppressions() { return "leak:tenon::host::CodeRanges::add\nleak:tenon::host::open_library\n"; }
#endif

namespace tenon::host {

void CodeRanges::add(CodeRange range) {
  auto* node = new CodeRange(std::move(range));  // never freed: code is never unmapped, and a crash may come at any time
  node->next = head_.load(std::memory_order_relaxed);
  while (!head_.compare_exchange_weak(node->next, node, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

const CodeRange* CodeRanges::find(std::uintptr_t address) const noexcept {
  for (const CodeRange* r = head_.load(std::memory_order_acquire); r != nullptr; r = r->next)
    if (address >= r->begin && address < r->end) return r;
  return nullptr;
}

}  // namespace tenon::host

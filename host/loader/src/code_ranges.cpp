#include "loader/code_ranges.hpp"

#include <utility>

#include "base/sanitizer.hpp"

namespace tenon::host {

void CodeRanges::add(CodeRange range) {
  auto* node = new CodeRange(std::move(range));  // never freed: code is never unmapped, and a crash may come at any time
  never_freed(node);
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

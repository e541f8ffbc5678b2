#include "queue.hpp"

#include <new>

namespace tenon::host {

bool EventQueue::grow() noexcept {
  const std::size_t bigger = capacity_ == 0 ? 8 : capacity_ * 2;
  std::unique_ptr<Entry[]> ring(new (std::nothrow) Entry[bigger]);
  if (ring == nullptr) return false;
  for (std::size_t i = 0; i < count_; ++i) ring[i] = at(i);
  ring_ = std::move(ring);
  capacity_ = bigger;
  first_ = 0;
  return true;
}

}  // namespace tenon::host

#include "state_reader.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tenon::host {
namespace {

constexpr std::size_t worth_count = 64;
constexpr std::size_t worth_bytes = std::size_t{256} << 10U;

}  // namespace

StateReclaimer::~StateReclaimer() {
  for (const Retired& r : fresh_) r.free(r.what);
  free_waiting();
}

void StateReclaimer::retire(void* what, std::size_t bytes, void (*free)(void*)) {
  fresh_.push_back({what, free});
  fresh_bytes_ += bytes;
}

void StateReclaimer::free_waiting() {
  for (const Retired& r : waiting_) r.free(r.what);
  waiting_.clear();
}

void StateReclaimer::collect() {
  if (!waiting_.empty()) {
    std::erase_if(readers_, [](const auto& r) { return r.first->reading.load(std::memory_order_acquire) != r.second; });
    if (!readers_.empty()) return;
    free_waiting();
  }
  if (fresh_.size() < worth_count && fresh_bytes_ < worth_bytes) return;
  waiting_.swap(fresh_);
  fresh_bytes_ = 0;
  // Pairs with the compiler barrier in StateReader: after it a thread is either seen inside, or sees what is there now.
  if (gates_use_membarrier()) ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0U, 0);
  for (const ThreadFrames* t = all_thread_frames(); t != nullptr; t = t->next)
    if (const std::uint32_t turn = t->reading.load(std::memory_order_seq_cst); turn % 2 != 0) readers_.emplace_back(t, turn);
  if (readers_.empty()) free_waiting();
}

}  // namespace tenon::host

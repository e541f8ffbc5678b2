#include "kernel/owner.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <ctime>

namespace tenon::host {
namespace {

static_assert(sizeof(std::atomic<std::int32_t>) == sizeof(std::int32_t) && std::atomic<std::int32_t>::is_always_lock_free,
              "the futex is the number itself");

long futex(const std::atomic<std::int32_t>& word, int operation, int value, const timespec* until) {
  return ::syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, until, nullptr, FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

void Call::cancel() {
  // Both sequentially consistent, as is the other side: who waits either is seen here, or sees the number.
  cancelled.store(1, std::memory_order_seq_cst);
  if (waiting.load(std::memory_order_seq_cst) != 0) futex(cancelled, FUTEX_WAKE, INT_MAX, nullptr);
}

bool Call::wait_cancelled(std::int64_t until_ns) const {
  const std::int64_t deadline = deadline_ns.load(std::memory_order_relaxed), end = std::min(until_ns, deadline);
  const std::int64_t until = std::max<std::int64_t>(end, 0);
  const timespec time{static_cast<std::time_t>(until / 1'000'000'000), static_cast<long>(until % 1'000'000'000)};
  waiting.fetch_add(1, std::memory_order_seq_cst);
  bool in_time = true;
  while (in_time && cancelled.load(std::memory_order_seq_cst) == 0) {
    in_time = end == no_deadline || monotonic_ns() < end;
    if (in_time) futex(cancelled, FUTEX_WAIT_BITSET, 0, end == no_deadline ? nullptr : &time);  // absolute, monotonic
  }
  waiting.fetch_sub(1, std::memory_order_relaxed);
  return in_time || deadline <= until_ns;
}

}  // namespace tenon::host

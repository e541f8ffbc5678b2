// How long a host function may wait that a module has called.
#pragma once

#include "abi/instance.hpp"
#include "kernel/gate.hpp"
#include "kernel/services.hpp"

namespace tenon::host {

/// Until the deadline of the call of the instance this thread is in; on threads of the module's own, 5 s from now. Monotonic.
inline std::int64_t deadline_here(const Instance& instance) {
  constexpr std::int64_t own_thread_ns = 5'000'000'000;
  const Frame* const frame = current_frame();
  if (frame != nullptr && frame->call != nullptr && frame->owner.load(std::memory_order_relaxed) == &instance)
    return deadline_of(*frame->call);
  return monotonic_ns() + own_thread_ns;
}

}  // namespace tenon::host

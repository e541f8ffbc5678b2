// HandlerCall: the call a [worker] callback of storage or state runs in.
#pragma once

#include <new>

#include "abi/instance.hpp"
#include "base/clock.hpp"
#include "kernel/workers.hpp"

namespace tenon::host {

inline constexpr std::int64_t handler_ns = 5'000'000'000;

/// Begins a call of an instance: deadline from now on, nobody has cancelled it.
inline void begin_call(tenon_call& call, Instance& instance) {
  call.instance = &instance;
  call.phase = Phase::run;
  call.deadline_ns.store(monotonic_ns() + handler_ns, std::memory_order_relaxed);
  call.cancelled.store(0, std::memory_order_relaxed);
  call.free_reserved();
}

/// Waits for the instance's turn, for as long as it may be entered: what is to be told must not be lost because somebody is slow.
class HandlerTurn {
 public:
  HandlerTurn(Instance& instance, Gate::State limit) : strand_(instance.strand()) {
    constexpr std::int64_t slice_ns = 20'000'000;
    if (strand_ == nullptr || (entered_ = strand_->try_enter())) return;
    const Blocking blocking(Blocking::On::turn);
    while (instance.gate().state() <= limit && !instance.wedged())
      if ((entered_ = strand_->enter(monotonic_ns() + slice_ns))) return;
  }
  ~HandlerTurn() {
    if (strand_ != nullptr && entered_) strand_->leave();
  }
  HandlerTurn(const HandlerTurn&) = delete;
  HandlerTurn& operator=(const HandlerTurn&) = delete;
  explicit operator bool() const { return strand_ == nullptr || entered_; }

 private:
  Strand* const strand_;
  bool entered_ = false;
};

}  // namespace tenon::host

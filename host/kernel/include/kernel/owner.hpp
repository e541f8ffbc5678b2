// Owner: whom a registration belongs to. One life of a module, (name, generation); the host gives each instance one.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "base/clock.hpp"
#include "kernel/gate.hpp"
#include "kernel/phase.hpp"

namespace tenon::host {

/// How far what an owner registers can be reached by others. Only forward; leaving is the gate's business.
enum class Reach : std::uint8_t {
  hidden,    ///< until its init has returned OK: others do not find it
  visible,   ///< others find it; calls get UNAVAILABLE `NOT_STARTED`, events queue, timers wait
  callable,  ///< from when its start has returned OK or PENDING (without start: at its turn)
};

/// One call into an owner: when its time is up, and whether anybody still waits. Thread-safe; lives as long as somebody can ask.
struct Call {
  Call() = default;
  explicit Call(bool service) : is_service(service) {}

  std::atomic<std::int64_t> deadline_ns{no_deadline};  ///< monotonic
  bool is_service = false;       ///< a ServiceCall, which knows more: ask `deadline_of` and `is_cancelled` (kernel/services.hpp)
  bool traced = false;           ///< a TracedCall knows its trace context: ask `trace_of` (kernel/traceparent.hpp)
  std::array<bool, 2> unused{};  ///< so that what begins as a constant is two words
  std::atomic<std::int32_t> cancelled{0};
  mutable std::atomic<std::uint32_t> waiting{0};  ///< threads in `wait_cancelled`: without any, `cancel` is no system call

  /// Sets `cancelled` and wakes who waits for it. [any]
  void cancel();
  /// Waits until cancelled or until its own deadline (true), or until a monotonic time before that (false).
  [[nodiscard]] bool wait_cancelled(std::int64_t until_ns) const;
};

/// Never freed while a thread is inside it, or could still come back. Thread-safe.
class Owner {
 public:
  Owner(std::string name, std::uint64_t generation, bool trusted) : name_(std::move(name)), generation_(generation), trusted_(trusted) {}
  virtual ~Owner() = default;
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  [[nodiscard]] bool trusted() const { return trusted_; }
  [[nodiscard]] Gate& gate() { return gate_; }
  [[nodiscard]] Phase phase() const { return phase_.load(std::memory_order_relaxed); }
  void set_phase(Phase phase) { phase_.store(phase, std::memory_order_relaxed); }
  [[nodiscard]] Reach reach() const { return reach_.load(std::memory_order_acquire); }
  /// Who registered things for this owner listens through the part it registered with: the host tells each part after it has moved this.
  void set_reach(Reach reach) { reach_.store(reach, std::memory_order_release); }
  /// Given up: some callback of it never came back in time. From then on it is not entered any more.
  [[nodiscard]] bool wedged() const { return wedged_.load(std::memory_order_acquire); }
  void wedge() { wedged_.store(true, std::memory_order_release); }

 private:
  const std::string name_;
  const std::uint64_t generation_;
  const bool trusted_;
  Gate gate_;
  std::atomic<Phase> phase_{Phase::none};
  std::atomic<Reach> reach_{Reach::hidden};
  std::atomic<bool> wedged_{false};
};

/// `frame` is that at `depth`.
inline bool GateEntry::push(ThreadFrames& thread, Frame& frame, std::uint32_t depth, Owner& owner, Phase phase, ThreadTag tag, Call* call,
                            Gate::State limit, bool membarrier) {
  frame.call = call;
  frame.kind.store({phase, tag}, std::memory_order_relaxed);
  Gate::State state = Gate::State::open;
  if (membarrier) [[likely]] {
    frame.owner.store(&owner, std::memory_order_relaxed);
    thread.depth.store(depth + 1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    state = owner.gate().state_.load(std::memory_order_acquire);
  } else {
    // Without membarrier the store must be ordered before the load by the thread itself.
    frame.owner.store(&owner, std::memory_order_release);
    thread.depth.store(depth + 1, std::memory_order_seq_cst);
    state = owner.gate().state_.load(std::memory_order_seq_cst);
  }
  if (state <= limit) [[likely]]
    return true;
  pop(thread, depth);
  return false;
}

inline GateEntry::GateEntry(Owner& owner, Phase phase, ThreadTag tag, Call* call, Gate::State limit) : thread_(this_thread_frames()) {
  const std::uint32_t depth = thread_.depth.load(std::memory_order_relaxed);
  inside_ = depth < ThreadFrames::max_depth && push(thread_, thread_.frames[depth], depth, owner, phase, tag, call, limit);
}

}  // namespace tenon::host

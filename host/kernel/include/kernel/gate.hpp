// Frames: which module is each thread inside of. One stack per thread, read by the gate, by checks and by the crash handler.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "kernel/phase.hpp"

namespace tenon::host {

struct Call;
class Owner;

/// Who may be entered: [control], [worker] or [any] callbacks.
enum class ThreadTag : std::uint8_t { other, control, worker };

/// One entry into a module. Written by its own thread only; read by others and in signal handlers.
struct Frame {
  std::atomic<Owner*> owner{nullptr};  ///< meaningful below the depth only: it is not cleared, what comes next overwrites it
  struct Kind {
    Phase phase = Phase::none;
    ThreadTag tag = ThreadTag::other;
    std::uint16_t unused = 0;
  };
  std::atomic<Kind> kind{Kind{}};  ///< in one word: entering is a matter of how many stores it takes
  Call* call = nullptr;
  /// What the thread is about to enter, is inside of, or reads to find it: set before the frame is pushed, cleared after it is gone. What stands in
  /// here is not freed. Its meaning is that of the part that sets it (services).
  std::atomic<std::uintptr_t> target{0};

  [[nodiscard]] Phase phase() const { return kind.load(std::memory_order_relaxed).phase; }
  [[nodiscard]] ThreadTag tag() const { return kind.load(std::memory_order_relaxed).tag; }
};

/// The frames of one thread. Records are never freed: a thread that ends gives its record to the next one.
struct ThreadFrames {
  static constexpr std::uint32_t max_depth = 32;  ///< deeper re-entry is refused
  std::atomic<std::uint32_t> depth{0};
  std::atomic<std::uint32_t> reading{0};  ///< odd while the thread reads what is freed only when nobody does (StateReader)
  std::array<Frame, max_depth> frames;
  std::atomic<pid_t> thread_id{0};  ///< gettid(); 0 = free
  ThreadFrames* next = nullptr;     ///< immutable once published
  std::uint32_t index = 0;          ///< immutable; 0, 1, 2 ... as they were made: no two living threads have the same
};

/// Process-wide by nature: threads are the process's. Set once, by `prepare_gates`.
[[gnu::visibility("hidden")]] extern std::atomic<bool> membarrier_orders_gates;

/// Null until this thread's record was made. In the header so that entering a gate is no call; local-exec because the rooms are compiled as
/// position-independent code, which would look it up by a call, but are linked into executables only.
[[gnu::tls_model("local-exec"), gnu::visibility("hidden")]] extern constinit thread_local ThreadFrames* own_thread_frames;
ThreadFrames& make_thread_frames();
/// This thread's record, made at first use. [any]
inline ThreadFrames& this_thread_frames() { return own_thread_frames != nullptr ? *own_thread_frames : make_thread_frames(); }
/// The same without making one: nullptr if this thread never entered a module. Async-signal-safe.
ThreadFrames* existing_thread_frames() noexcept;
/// The innermost frame of this thread, or nullptr. Async-signal-safe.
const Frame* current_frame() noexcept;
/// All records ever published, linked by `next`. Async-signal-safe.
ThreadFrames* all_thread_frames() noexcept;

/// True if membarrier(2) orders entries; otherwise every entry pays for a full fence. Registered by `prepare_gates`.
inline bool gates_use_membarrier() noexcept { return membarrier_orders_gates.load(std::memory_order_relaxed); }
/// Registers for private expedited membarrier; call once before the first thread is started. Returns false if the kernel has none.
bool prepare_gates() noexcept;

/// After it, each thread either sees what the caller stored before (seq_cst), or what it stored itself before it looked is seen by the caller: the
/// writer's half of frames and targets, which are stored with `announce`.
void frames_barrier() noexcept;
/// How a thread announces in a frame what it is about to look at, before it looks.
inline void announce(std::atomic<std::uintptr_t>& target, std::uintptr_t what, bool membarrier = gates_use_membarrier()) noexcept {
  if (membarrier) [[likely]] {
    target.store(what, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } else {
    target.store(what, std::memory_order_seq_cst);
  }
}

/// The gate of one owner: counts nobody in, only looks who is inside when it is closed. Thread-safe.
/// Entering costs two plain stores and a load (abi.md: 0.5 ns above a pointer call); closing pays with one membarrier.
class Gate {
 public:
  enum class State : std::uint32_t {
    open,      ///< everything may enter
    draining,  ///< only notifications (ended calls, release) and lifecycle callbacks
    closed,    ///< only destroy
  };

  [[nodiscard]] State state() const { return state_.load(std::memory_order_acquire); }
  /// Only forward. After it returned, whoever was not let in before is kept out.
  void advance(State to);
  /// Threads inside `owner` now, the calling one not counted.
  [[nodiscard]] static std::uint32_t others_inside(const Owner& owner);
  /// Waits until nobody else is inside or `deadline_ns` (monotonic) has come.
  [[nodiscard]] static bool wait_until_empty(const Owner& owner, std::int64_t deadline_ns);

 private:
  friend class GateEntry;
  std::atomic<State> state_{State::open};
};

/// The way into a module: pushes a frame for its lifetime. `if (!entry) return UNAVAILABLE;` Its functions are inline, in kernel/owner.hpp.
class GateEntry {
 public:
  /// `limit`: the last state in which this kind of callback is still let in.
  GateEntry(Owner& owner, Phase phase, ThreadTag tag, Call* call, Gate::State limit);
  ~GateEntry() {
    if (inside_) leave();
  }
  GateEntry(const GateEntry&) = delete;
  GateEntry& operator=(const GateEntry&) = delete;
  explicit operator bool() const { return inside_; }

  /// What it does, for who knows this thread's frames and their depth already. False, and nothing pushed: not let in.
  [[nodiscard]] static bool push(ThreadFrames& thread, Frame& frame, std::uint32_t depth, Owner& owner, Phase phase, ThreadTag tag,
                                 Call* call, Gate::State limit, bool membarrier = gates_use_membarrier());
  static void pop(ThreadFrames& thread, std::uint32_t depth) {  ///< `depth` as at push
    thread.depth.store(depth, std::memory_order_release);
  }

 private:
  void leave() { pop(thread_, thread_.depth.load(std::memory_order_relaxed) - 1); }
  ThreadFrames& thread_;
  bool inside_ = false;
};

}  // namespace tenon::host

#include "kernel/gate.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "base/clock.hpp"
#include "base/sanitizer.hpp"
#include "kernel/owner.hpp"

namespace tenon::host {

constinit std::atomic<bool> membarrier_orders_gates{false};
constinit thread_local ThreadFrames* own_thread_frames = nullptr;

namespace {

// Process-wide by nature: threads are the process's, and a signal handler has no other way to find them.
constinit std::atomic<ThreadFrames*> all_frames{nullptr};
constinit std::atomic<std::uint32_t> frames_made{0};

int membarrier(int command) { return static_cast<int>(::syscall(SYS_membarrier, command, 0U, 0)); }

// Gives the record back when the thread ends. Inside a module this runs only because the module called exit(), and then the frames are what
// names it.
struct Returner {
  ~Returner() {
    if (own_thread_frames == nullptr || own_thread_frames->depth.load(std::memory_order_relaxed) != 0) return;
    own_thread_frames->thread_id.store(0, std::memory_order_release);
    own_thread_frames = nullptr;
  }
  bool armed = false;
};
thread_local Returner returner;

ThreadFrames* claim_free_record(pid_t id) {
  for (ThreadFrames* f = all_frames.load(std::memory_order_acquire); f != nullptr; f = f->next) {
    pid_t free = 0;
    if (f->thread_id.load(std::memory_order_relaxed) == 0 && f->thread_id.compare_exchange_strong(free, id, std::memory_order_acq_rel))
      return f;
  }
  return nullptr;
}

}  // namespace

ThreadFrames& make_thread_frames() {
  const pid_t id = ::gettid();
  ThreadFrames* f = claim_free_record(id);
  if (f == nullptr) {
    f = new ThreadFrames;  // never freed: scanned and read in signal handlers for as long as the process lives
    f->thread_id.store(id, std::memory_order_relaxed);
    f->index = frames_made.fetch_add(1, std::memory_order_relaxed);
    f->next = all_frames.load(std::memory_order_relaxed);
    while (!all_frames.compare_exchange_weak(f->next, f, std::memory_order_acq_rel, std::memory_order_relaxed)) {
    }
  }
  returner.armed = true;
  own_thread_frames = f;
  return *f;
}

ThreadFrames* existing_thread_frames() noexcept { return own_thread_frames; }
ThreadFrames* all_thread_frames() noexcept { return all_frames.load(std::memory_order_acquire); }

const Frame* current_frame() noexcept {
  const ThreadFrames* f = own_thread_frames;
  if (f == nullptr) return nullptr;
  const std::uint32_t depth = f->depth.load(std::memory_order_relaxed);
  return depth == 0 ? nullptr : &f->frames[std::min(depth, ThreadFrames::max_depth) - 1];
}

bool prepare_gates() noexcept {
  if (has_thread_sanitizer) return false;  // it does not see what membarrier orders
  const int commands = membarrier(MEMBARRIER_CMD_QUERY);
  if (commands < 0 || (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0) return false;
  if (membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) != 0) return false;
  membarrier_orders_gates.store(true, std::memory_order_relaxed);
  return true;
}

void frames_barrier() noexcept {
  // Without membarrier both sides use seq_cst operations on the same variables, and nothing is left to do here.
  if (gates_use_membarrier()) membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

void Gate::advance(State to) {
  State from = state_.load(std::memory_order_relaxed);
  if (from >= to) return;  // whoever advanced it so far has paid for the barrier
  while (from < to && !state_.compare_exchange_weak(from, to, std::memory_order_seq_cst)) {
  }
  // Pairs with the compiler barrier in GateEntry: after it, each thread either sees the new state, or its frame is seen by a scan.
  if (gates_use_membarrier()) membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

std::uint32_t Gate::others_inside(const Owner& owner) {
  std::uint32_t out = 0;
  for (const ThreadFrames* f = all_thread_frames(); f != nullptr; f = f->next) {
    if (f == own_thread_frames) continue;
    const std::uint32_t depth = f->depth.load(std::memory_order_seq_cst);
    for (std::uint32_t i = 0; i < depth && i < ThreadFrames::max_depth; ++i)
      if (f->frames[i].owner.load(std::memory_order_seq_cst) == &owner) {
        ++out;
        break;
      }
  }
  return out;
}

bool Gate::wait_until_empty(const Owner& owner, std::int64_t deadline_ns) {
  // Leaving tells nobody (that keeps it free of charge), so this looks again: at first at once, then every millisecond.
  std::int64_t pause_ns = 20'000;
  while (others_inside(owner) != 0) {
    const std::int64_t now = monotonic_ns();
    if (now >= deadline_ns) return false;
    std::this_thread::sleep_for(std::chrono::nanoseconds(std::min(pause_ns, deadline_ns - now)));
    pause_ns = std::min<std::int64_t>(pause_ns * 2, 1'000'000);
  }
  return true;
}

}  // namespace tenon::host

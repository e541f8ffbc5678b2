// The short way of a service call: nothing to wait for, nothing to report, nobody else's thread. Most calls take it; whoever cannot is answered by
// Services::call, which does and says everything.
//
// In a header, because it is a dozen loads and two dozen stores, and because the C table puts its own handlers into the middle of it.
#pragma once

#include <new>
#include <string_view>

#include "base/clock.hpp"
#include "kernel/owner.hpp"
#include "kernel/service_handles.hpp"
#include "kernel/services.hpp"

namespace tenon::host {

/// What the short way needs of one seat, from Services::lane; good as long as that seat and Services.
struct ServiceLane {
  const Handles* handles = nullptr;
  ServicesCore* core = nullptr;
  ServiceSeat* seat = nullptr;
};

/// One call: begin, run the target's handler, end, and if that is not all, finish. One word is kept, so that it stays in a register while the handler
/// runs: what else there is to know is found again in the end. `Place`, which the handler has the address of, is beside it on the stack of the calling
/// thread.
class ShortCall {
 public:
  union Place {
    Place() noexcept {}  // NOLINT(modernize-use-equals-default): must not touch the call
    ServiceCall call;    ///< from `begin` on
  };

  /// False: nothing has happened, take the long way. `only`: null, or the one handler that this caller can run. `deadline_ns` as in CallOptions. The
  /// request is not too large. True: this thread is inside of the provider until `end`. `key`: a handle; or a name as it was registered, which
  /// this seat has called before. `target`: what is called.
  template <class Key>
  [[nodiscard]] [[gnu::always_inline]] static ShortCall begin(Place& place, const ServiceLane& lane, Key key, std::int64_t deadline_ns,
                                                              ServiceHandler only, const ServiceTarget*& target) {
    ThreadFrames* const thread = own_thread_frames;
    if (gates_use_membarrier() && thread != nullptr && thread->depth.load(std::memory_order_relaxed) == 0) [[likely]]
      return begin_at<true>(*thread, 0, place, lane, key, deadline_ns, only, target);
    const ShortCall begun = begin_apart(place, lane, key, deadline_ns, only);
    if (begun) target = place.call.target_;
    return begun;
  }
  [[nodiscard]] explicit operator bool() const { return shard_ != nullptr; }

  /// Where ServiceCall::fail writes. Without it, nowhere: for handlers that have another way.
  [[gnu::always_inline]] static void explain_to(ServiceCall& call, Error& error) { call.error_ = &error; }

  /// The handler has returned OK, and its call is not touched (`is_touched`): it is over.
  [[gnu::always_inline]] void end_untouched() const { count_end(Code::ok); }
  /// The handler has returned `code` (0 to 16, or `pending`). True: that is the outcome, the call is over. False: it was deferred, or is late: this
  /// thread is still inside, and `finish` tells.
  [[nodiscard]] [[gnu::always_inline]] bool end(const ServiceCall& call, Code code) const {
    if ((is_touched(call) && !in_time(call)) || code == pending) [[unlikely]]
      return false;
    count_end(code);
    return true;
  }
  /// Instead of `end`, or after it was false: leaves, and waits for the answer of a deferred call. `reply` is what the handler has answered, `error` what it has said.
  [[nodiscard]] Code finish(ServiceCall& call, Code code, Reply& reply, Error& error) const;

 private:
  ShortCall() = default;
  explicit ShortCall(MethodShard& shard) : shard_(&shard) {}

  [[gnu::always_inline]] static ShortCall refuse(Frame& frame) {
    frame.target.store(0, std::memory_order_release);
    return {};
  }
  /// This thread's frame, popped. What the handler has entered it has left, so this call's is on top.
  [[gnu::always_inline]] static Frame& leave() {
    ThreadFrames& thread = *own_thread_frames;
    const std::uint32_t depth = thread.depth.load(std::memory_order_relaxed) - 1;
    GateEntry::pop(thread, depth);
    return thread.frames[depth];
  }
  [[gnu::always_inline]] void count_end(Code code) const {
    Frame& frame = leave();
    MethodShard::count_own(shard_->ended[static_cast<std::size_t>(code)]);
    frame.target.store(0, std::memory_order_release);
  }

  static const ServiceTarget* announce_known(const ServiceLane& lane, std::string_view name, std::atomic<std::uintptr_t>& target);
  /// What the call has of `parent`, the one this thread is in (nullptr: one without). The default deadline of that one is not begun for it.
  [[nodiscard]] static bool inherit(ServiceCall& call, Call* parent, std::int64_t& deadline_ns);
  static bool is_over(std::int64_t deadline_ns);
  static bool in_time(const ServiceCall& call);  ///< and not deferred

  /// What is called, announced in the frame; nullptr: refuse.
  template <bool membarrier>
  [[gnu::always_inline]] static const ServiceTarget* find(Frame& frame, const ServiceLane& lane, std::uint64_t handle) {
    const HandleSlot* slot = &lane.handles->find(handle);
    const ServiceTarget* target = slot->target.load(std::memory_order_seq_cst);
    announce(frame.target, reinterpret_cast<std::uintptr_t>(target), membarrier);
    if (slot->target.load(std::memory_order_seq_cst) != target || slot->id.load(std::memory_order_seq_cst) != handle ||
        slot->caller.load(std::memory_order_relaxed) != lane.seat) [[unlikely]]
      return nullptr;
    return target;
  }
  template <bool membarrier>
  [[gnu::always_inline]] static const ServiceTarget* find(Frame& frame, const ServiceLane& lane, std::string_view name) {
    return announce_known(lane, name, frame.target);
  }

  /// Inside of another callback, or without membarrier. Apart, as its calls of functions would cost the usual one its registers.
  template <class Key>
  [[gnu::noinline]] static ShortCall begin_apart(Place& place, const ServiceLane& lane, Key key, std::int64_t deadline_ns,
                                                 ServiceHandler only) {
    ThreadFrames* const thread = own_thread_frames;
    if (thread == nullptr) return {};
    const std::uint32_t depth = thread->depth.load(std::memory_order_relaxed);
    if (depth >= ThreadFrames::max_depth) return {};
    const ServiceTarget* target = nullptr;
    if (gates_use_membarrier()) return begin_at<true>(*thread, depth, place, lane, key, deadline_ns, only, target);
    return begin_at<false>(*thread, depth, place, lane, key, deadline_ns, only, target);
  }
  template <bool membarrier, class Key>
  [[gnu::always_inline]] static ShortCall begin_at(ThreadFrames& thread, std::uint32_t depth, Place& place, const ServiceLane& lane,
                                                   Key key, std::int64_t deadline_ns, ServiceHandler only, const ServiceTarget*& target) {
    Frame& frame = thread.frames[depth];
    target = find<membarrier>(frame, lane, key);
    if (target == nullptr) [[unlikely]]
      return refuse(frame);
    const ServiceHandler handler = target->short_handle.load(std::memory_order_acquire);
    if (only != nullptr ? handler != only : handler == nullptr) [[unlikely]]
      return refuse(frame);
    MethodShard* const shard = target->metrics->own_shard(thread.index);
    if (shard == nullptr) [[unlikely]]
      return refuse(frame);
    if (MethodShard::is_sampled(shard->started.load(std::memory_order_relaxed))) [[unlikely]]
      return refuse(frame);
    ServiceCall& call = *new (&place.call) ServiceCall(*lane.seat, *target, nullptr);
    std::int64_t deadline = deadline_ns;
    if (depth != 0) {
      std::int64_t left = deadline;  // the other one stays in a register
      if (!inherit(call, (&frame)[-1].call, left)) [[unlikely]]
        return refuse(frame);
      deadline = left;
    }
    if (deadline != no_deadline) [[unlikely]] {
      if (is_over(deadline)) [[unlikely]]
        return refuse(frame);
      call.deadline_ns.store(deadline, std::memory_order_relaxed);
      call.touch();
    }
    if (!GateEntry::push(thread, frame, depth, *target->owner, Phase::run, ThreadTag::worker, &call, Gate::State::open, membarrier))
        [[unlikely]]
      return refuse(frame);
    MethodShard::count_own(shard->started);  // read again: keeping it would be a store more
    return ShortCall(*shard);
  }

  MethodShard* shard_ = nullptr;  ///< nullptr: not begun
};

}  // namespace tenon::host

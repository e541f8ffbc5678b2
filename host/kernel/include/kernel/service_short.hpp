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

/// One call: begin, run the target's handler, end, and if that is not all, finish. On the stack of the calling thread; `Place` is beside it, so that what
/// is known of the call can stay in registers while the handler has its address.
class ShortCall {
 public:
  union Place {
    Place() noexcept {}  // NOLINT(modernize-use-equals-default): must not touch the call
    ServiceCall call;    ///< from `begin` on
  };
  ShortCall() noexcept {}  // NOLINT(modernize-use-equals-default): begin sets everything

  /// False: nothing has happened, take the long way. `only`: null, or the one handler that this caller can run. `deadline_ns` as in CallOptions;
  /// `payload` is the size of the request. True: this thread is inside of the provider until `end`.
  [[nodiscard]] [[gnu::always_inline]] bool begin(Place& place, const ServiceLane& lane, std::uint64_t handle, std::size_t payload,
                                                  std::int64_t deadline_ns, ServiceHandler only) {
    if (!find_thread()) return false;
    const HandleSlot* slot = lane.handles->find(handle);
    if (slot == nullptr) [[unlikely]]
      return false;
    target_ = slot->target.load(std::memory_order_seq_cst);
    announce(frame_->target, reinterpret_cast<std::uintptr_t>(target_), membarrier_);
    if (target_ == nullptr || slot->target.load(std::memory_order_seq_cst) != target_ ||
        slot->id.load(std::memory_order_seq_cst) != handle || slot->caller.load(std::memory_order_relaxed) != lane.seat) [[unlikely]]
      return refuse();
    return enter(place, *lane.seat, payload, deadline_ns, only);
  }
  /// The same by name. Only for names as they were registered, which this seat has called before.
  [[nodiscard]] [[gnu::always_inline]] bool begin(Place& place, const ServiceLane& lane, std::string_view name, std::size_t payload,
                                                  std::int64_t deadline_ns, ServiceHandler only) {
    if (!find_thread()) return false;
    target_ = announce_known(lane, name, frame_->target);
    if (target_ == nullptr) return refuse();
    return enter(place, *lane.seat, payload, deadline_ns, only);
  }

  [[nodiscard]] [[gnu::always_inline]] const ServiceTarget& target() const { return *target_; }
  /// Where ServiceCall::fail writes. Without it, nowhere: for handlers that have another way.
  [[gnu::always_inline]] static void explain_to(ServiceCall& call, Error& error) { call.error_ = &error; }

  /// The handler has returned `code` (0 to 16, or `pending`). True: that is the outcome, the call is over. False: it was deferred, or is late, and
  /// `finish` tells.
  [[nodiscard]] [[gnu::always_inline]] bool end(const ServiceCall& call, Code code) {
    GateEntry::pop(*thread_, depth_);
    if ((call.touched_ && !in_time(call)) || code == pending) [[unlikely]]
      return false;
    MethodShard::count_own(shard_->ended[static_cast<std::size_t>(code)]);
    frame_->target.store(0, std::memory_order_release);
    return true;
  }
  /// After `end` was false: waits for the answer of a deferred call. `reply` is what the handler has answered, `error` what it has said.
  [[nodiscard]] [[gnu::always_inline]] Code finish(ServiceCall& call, Code code, Reply& reply, Error& error) {
    return finish_long(*thread_, depth_, call, code, reply, error);
  }

 private:
  [[gnu::always_inline]] bool find_thread() {
    thread_ = own_thread_frames;
    if (thread_ == nullptr) [[unlikely]]
      return false;
    depth_ = thread_->depth.load(std::memory_order_relaxed);
    if (depth_ >= ThreadFrames::max_depth) [[unlikely]]
      return false;
    frame_ = &thread_->frames[depth_];
    membarrier_ = gates_use_membarrier();
    return true;
  }
  [[gnu::always_inline]] bool refuse() {
    frame_->target.store(0, std::memory_order_release);
    return false;
  }
  static const ServiceTarget* announce_known(const ServiceLane& lane, std::string_view name, std::atomic<std::uintptr_t>& target);
  /// What the call has of `parent`, the one this thread is in. The default deadline of that one is not begun for it.
  [[nodiscard]] static bool inherit(ServiceCall& call, Call& parent, std::int64_t& deadline_ns);
  static bool is_over(std::int64_t deadline_ns);
  static bool in_time(const ServiceCall& call);  ///< and not deferred
  static Code finish_long(ThreadFrames& thread, std::uint32_t depth, ServiceCall& call, Code code, Reply& reply, Error& error);

  [[gnu::always_inline]] bool enter(Place& place, ServiceSeat& seat, std::size_t payload, std::int64_t deadline_ns, ServiceHandler only) {
    const ServiceTarget& t = *target_;
    shard_ = t.metrics->own_shard(thread_->index);
    if ((only != nullptr ? t.short_handle != only : t.short_handle == nullptr) || t.owner->reach() != Reach::callable ||
        payload > max_service_payload || shard_ == nullptr) [[unlikely]]
      return refuse();
    const std::uint64_t started = shard_->started.load(std::memory_order_relaxed);
    if (MethodShard::is_sampled(started)) [[unlikely]]
      return refuse();
    Call* const parent = depth_ == 0 ? nullptr : frame_[-1].call;
    ServiceCall& call = *new (&place.call) ServiceCall(seat, t, parent);
    std::int64_t deadline = deadline_ns;
    if (parent != nullptr) [[unlikely]] {
      std::int64_t left = deadline;
      if (!inherit(call, *parent, left)) [[unlikely]]
        return refuse();
      deadline = left;
    }
    if (deadline != no_deadline) [[unlikely]] {
      if (is_over(deadline)) [[unlikely]]
        return refuse();
      call.deadline_ns.store(deadline, std::memory_order_relaxed);
      call.touched_ = true;
    }
    if (!GateEntry::push(*thread_, depth_, *t.owner, Phase::run, ThreadTag::worker, &call, Gate::State::open, membarrier_)) [[unlikely]]
      return refuse();
    shard_->started.store(started + 1, std::memory_order_relaxed);
    return true;
  }

  ThreadFrames* thread_;
  Frame* frame_;
  std::uint32_t depth_;
  bool membarrier_;
  const ServiceTarget* target_;
  MethodShard* shard_;
};

}  // namespace tenon::host

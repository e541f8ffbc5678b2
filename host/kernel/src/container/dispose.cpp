// Ends: disposers and releases, called in order, each at a time its owner is free for it.
#include <algorithm>

#include "core.hpp"

namespace tenon::host {
namespace {

constexpr std::int64_t slice_ns = 5'000'000;

/// A disposer or release this thread is in; it may end a scope, and so others within.
struct Ending {
  const Provision* provision;
  const Ending* outer;
};
constinit thread_local const Ending* ending = nullptr;

}  // namespace

bool is_ending_on_this_thread(const Provision& p) {
  const Ending* e = ending;
  while (e != nullptr && e->provision != &p) e = e->outer;
  return e != nullptr;
}

/// With the lock.
void ContainerCore::put_due(ContainerSeat& seat, DueNode& node, const Due& due) noexcept {
  node.front() = due;
  seat.due.splice(seat.due.end(), node);
}

/// Without the lock. `wait_until`: how long another callback of a serial owner is waited for, 0 = not at all.
ContainerCore::Ran ContainerCore::run_callback(const Due& due, std::int64_t wait_until) const {
  Provision& p = *due.provision;
  if (due.product != nullptr ? p.is_instance || p.dispose == nullptr : p.release == nullptr) return Ran::yes;
  Owner& owner = *p.owner;
  if (owner.wedged()) return Ran::never;
  const ThreadFrames& thread = this_thread_frames();
  const Frame* frame = current_frame();
  if (wait_until == 0 && thread.depth.load(std::memory_order_relaxed) + 2 >= ThreadFrames::max_depth) return Ran::not_now;
  Strand* strand = p.seat->strand;
  if (strand != nullptr && strand->holder() == &thread) {
    if (wait_until == 0 && (frame == nullptr || frame->owner.load(std::memory_order_relaxed) != &owner)) return Ran::not_now;
    strand = nullptr;  // it ends what is its own, in the middle of a call of its own
  }
  if (strand != nullptr && !strand->try_enter()) {
    if (wait_until == 0) return Ran::not_now;
    const Blocking blocking;
    for (;;) {
      const std::int64_t now = monotonic_ns();
      if (now >= wait_until) return Ran::not_now;
      if (owner.wedged()) return Ran::never;
      if (strand->enter(std::min(wait_until, now + slice_ns))) break;
    }
  }
  Ran ran = Ran::never;
  {
    Call call;
    call.deadline_ns.store(monotonic_ns() + options.timeout_ns, std::memory_order_relaxed);
    const bool last = p.seat->finishing.load(std::memory_order_relaxed);
    const GateEntry entry(owner, last ? Phase::destroy : Phase::run, ThreadTag::worker, &call,
                          last ? Gate::State::closed : Gate::State::draining);
    if (entry) {
      ran = Ran::yes;
      const Ending here{&p, ending};
      ending = &here;
      try {
        if (due.product != nullptr)
          p.dispose(p.data, due.product->instance);
        else
          p.release(p.data);
      } catch (...) {  // it has no way to say so, and what it was to end is ended
      }
      ending = here.outer;
    }
  }
  if (strand != nullptr) strand->leave();
  return ran;
}

/// With the lock: what was due is over.
void ContainerCore::over(const Due& due) noexcept {
  Provision& p = *due.provision;
  if (due.product != nullptr) {
    Product& product = *due.product;
    p.seat->products.erase(product.made);
    --p.products;
    // Only those that were ready for everybody are looked at without the lock.
    if (p.is_instance || p.lifetime == Lifetime::singleton)
      product.gone = std::exchange(gone_products, &product);
    else
      delete &product;
    release_if_over(p);
  } else {
    p.seat->provisions.erase(p.id);
    if (p.withdrawal) p.withdrawal->over = true;
    p.gone = std::exchange(gone_provisions, &p);
  }
  changed.notify_all();
}

/// With the lock.
void ContainerCore::queue(Product& product) noexcept {
  product.disposing = true;
  ContainerSeat& seat = *product.provision->seat;
  put_due(seat, product.due, {&product, product.provision});
  post_due(seat);
}

/// With the lock.
void ContainerCore::release_if_over(Provision& p) noexcept {
  if (!p.closing || p.release_due || p.products != 0 || p.builds != 0) return;
  p.release_due = true;
  put_due(*p.seat, p.due, {nullptr, &p});
  post_due(*p.seat);
}

void ContainerCore::post_due(ContainerSeat& seat) noexcept {
  if (seat.due_posted || seat.left.load(std::memory_order_relaxed)) return;  // whoever leaves does it there
  Job job;
  job.data = &seat;
  job.limit = Gate::State::draining;
  job.notification = true;
  job.run = [](void* d) noexcept {
    auto& s = *static_cast<ContainerSeat*>(d);
    const std::shared_ptr<ContainerCore> core = s.core_of_job;
    Lock lock(core->mutex);
    s.due_posted = false;
    const std::shared_ptr<ContainerSeat> keep = s.take_job();
    if (!s.left.load(std::memory_order_relaxed)) core->run_due(lock, s, no_deadline);
  };
  job.end = [](void* d, JobEnd how) noexcept {
    if (how == JobEnd::ran) return;
    auto& s = *static_cast<ContainerSeat*>(d);
    const std::shared_ptr<ContainerCore> core = s.core_of_job;
    std::shared_ptr<ContainerSeat> keep;
    const std::lock_guard lock(core->mutex);
    s.due_posted = false;
    keep = s.take_job();
  };
  seat.of_job = seat.shared_from_this();
  seat.core_of_job = shared_from_this();
  try {
    if (pool.post(*seat.owner, job)) {
      seat.due_posted = true;
      return;
    }
    // It has left the pool: nothing of it is called any more.
  } catch (const std::bad_alloc&) {
    is_behind.store(true, std::memory_order_relaxed);
  }
  static_cast<void>(seat.take_job());
}

void ContainerCore::tick() noexcept {
  if (!is_behind.exchange(false, std::memory_order_relaxed)) return;
  std::list<std::shared_ptr<ScopeEnd>> ends;
  {
    Lock lock(mutex);
    ends.swap(parked);
    if (std::exchange(collect_again, false)) collect(lock);
    for (const auto& seat : seats)
      if (!seat->due.empty()) post_due(*seat);
  }
  while (!ends.empty()) {
    const std::shared_ptr<ScopeEnd> end = std::move(ends.front());
    end->parked.splice(end->parked.end(), ends, ends.begin());
    go_on_later(end);
  }
}

/// As dispose_scope, but calls nothing here. The provider of the last one is busy with it.
void ContainerCore::go_on_later(const std::shared_ptr<ScopeEnd>& end) noexcept {
  while (!post_scope_end(end)) {
    {
      const std::lock_guard lock(mutex);
      const Due due{end->rest.back(), end->rest.back()->provision};
      end->rest.pop_back();
      --due.provision->seat->busy;
      over(due);
    }
    do {
      if (end->rest.empty()) return;
    } while (leave_to_provider(*end));
  }
}

/// Gives the lock up meanwhile.
void ContainerCore::run_due(Lock& lock, ContainerSeat& seat, std::int64_t wait_until) {
  while (!seat.due.empty()) {
    DueNode node;
    node.splice(node.end(), seat.due, seat.due.begin());
    const Due due = node.front();
    ++seat.busy;
    lock.unlock();
    const Ran ran = run_callback(due, wait_until);
    lock.lock();
    --seat.busy;
    if (ran == Ran::not_now) {
      seat.due.splice(seat.due.begin(), node);
      return;
    }
    over(due);
  }
}

/// With the lock, which stays.
void ContainerCore::pinned(std::unordered_map<const Product*, std::vector<ContainerSeat*>>& out) const {
  for (const auto& seat : seats)
    seat->slots.for_each([&](const LeaseSlot& slot) {
      if (const Product* product = slot.product.load(std::memory_order_seq_cst); product != nullptr) out[product].push_back(seat.get());
    });
}

/// With the lock, which stays.
void ContainerCore::collect(Lock&) noexcept {
  epochs.wait();
  free_gone();
  std::unordered_map<const Product*, std::vector<ContainerSeat*>> held;
  try {
    pinned(held);
  } catch (const std::bad_alloc&) {
    collect_again = true;
    is_behind.store(true, std::memory_order_relaxed);
    return;
  }
  for (const auto& seat : seats) {
    if (seat->left.load(std::memory_order_relaxed)) continue;
    for (const auto& [made, product] : seat->products)
      // What a scope has ends with the scope, whoever leased it there.
      if (product->closing.load(std::memory_order_relaxed) && !product->disposing && product->scope == nullptr && held.count(product) == 0)
        queue(*product);
    for (const auto& [id, p] : seat->provisions) release_if_over(*p);
  }
}

/// Without the lock: on this thread, or, where somebody has to be waited for, on a worker of whose turn it is, and on from there.
void ContainerCore::dispose_scope(const std::shared_ptr<ScopeEnd>& end) {
  while (!end->rest.empty()) {
    const Due due{end->rest.back(), end->rest.back()->provision};
    if (leave_to_provider(*end)) continue;
    if (run_callback(due, 0) == Ran::not_now && post_scope_end(end)) return;
    const std::lock_guard lock(mutex);
    end->rest.pop_back();
    --due.provision->seat->busy;
    over(due);
  }
}

/// The last of what is left goes on with a worker; its provider is busy with it. False: that has left the pool, and nothing of it is called any more.
bool ContainerCore::post_scope_end(const std::shared_ptr<ScopeEnd>& end) noexcept {
  Job job;
  job.data = end.get();
  job.limit = Gate::State::draining;
  job.notification = true;
  job.run = [](void* d) noexcept {
    const std::shared_ptr<ScopeEnd> e = std::move(static_cast<ScopeEnd*>(d)->of_job);
    e->core->dispose_on_worker(*e, true);
    e->core->dispose_scope(e);
  };
  job.end = [](void* d, JobEnd how) noexcept {
    if (how == JobEnd::ran) return;
    const std::shared_ptr<ScopeEnd> e = std::move(static_cast<ScopeEnd*>(d)->of_job);
    e->core->dispose_on_worker(*e, false);
    e->core->dispose_scope(e);
  };
  Owner& owner = *end->rest.back()->provision->owner;
  end->of_job = end;
  try {
    if (pool.post(owner, job)) return true;
    end->of_job = nullptr;
    return false;
  } catch (const std::bad_alloc&) {
    end->of_job = nullptr;
  }
  const std::lock_guard lock(mutex);
  end->parked.front() = end;
  parked.splice(parked.end(), end->parked);
  is_behind.store(true, std::memory_order_relaxed);
  return true;
}

/// A provider that leaves ends what is its own; any other one waits until this has.
bool ContainerCore::leave_to_provider(ScopeEnd& end) noexcept {
  const std::lock_guard lock(mutex);
  ContainerSeat& seat = *end.rest.back()->provision->seat;
  if (!seat.left.load(std::memory_order_relaxed)) {
    ++seat.busy;
    return false;
  }
  Product& product = *end.rest.back();
  put_due(seat, product.due, {&product, product.provision});
  end.rest.pop_back();
  changed.notify_all();
  return true;
}

void ContainerCore::dispose_on_worker(ScopeEnd& end, bool may_call) {
  const Due due{end.rest.back(), end.rest.back()->provision};
  if (may_call) static_cast<void>(run_callback(due, no_deadline));
  const std::lock_guard lock(mutex);
  end.rest.pop_back();
  --due.provision->seat->busy;
  over(due);
}

}  // namespace tenon::host

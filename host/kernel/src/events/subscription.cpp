#include "subscription.hpp"

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <exception>

#include "core.hpp"
#include "kernel/gate.hpp"
#include "kernel/traceparent.hpp"

namespace tenon::host {
namespace {

// A job that others wait for ends after so many events, or after so long; in any case after this time.
constexpr std::size_t events_per_turn = 256;
constexpr std::int64_t turn_ns = 4'000'000, job_ns = 100'000'000;
constexpr std::size_t batch_events = 32;
constexpr std::uint64_t batch_bytes = event_max_payload;

// A queue that has run empty is not left at once: for a stream of events that would be a job, and a change of thread, for each. It is looked at
// again after a moment in which the publisher has its cache line for itself, and then after the publisher, should it wait for this
// processor, has had a turn. So often without anything new:
constexpr int max_looks = 4;
constexpr int pauses_per_look = 24;  // some hundred nanoseconds

// A queue that had a few events, not one and not a whole batch, is part of a stream. The next few are awaited for so long since they were taken: a look
// at the queue for each event costs both sides more than the event.
constexpr std::int64_t gather_ns = 3'000;
constexpr std::uint32_t gather_room = 4 * batch_events;  // a smaller queue would be full by then

// An event has its time from when it begins. While those before it have used no more than this part, it shares the time of theirs: that saves a look at
// the clock for each.
constexpr std::int64_t fresh_part = 16;

// In steps of some milliseconds, for a fraction of the price of an exact one.
std::int64_t coarse_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
  return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

// Of a counter that one thread at a time changes.
void count(std::atomic<std::uint64_t>& counter, std::uint64_t n = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

}  // namespace

EventSubscription::EventSubscription(std::shared_ptr<EventAccount> account, std::uint64_t number, std::string p, const EventHandler& h,
                                     const EventOptions& o)
    : id(number),
      pattern(std::move(p)),
      handler(h),
      options(o),
      account_(std::move(account)),
      call_(h.call != nullptr ? h.call : &own_call_),
      queue_(o.queue_events, o.queue_bytes) {
  tree_garbage_.subscription = this;
  tree_garbage_.dispose = [](Garbage* garbage) noexcept { static_cast<TreeGarbage*>(garbage)->subscription->unpin_for_tree(); };
}

void EventSubscription::discard(std::uint64_t n) const { account_->discarded.fetch_add(n, std::memory_order_relaxed); }

// --- publishers ---

bool EventSubscription::reserve(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (accepts_ && (!queue_.fits(bytes) || !queue_.make_room())) return false;
  queue_.reserve(bytes);
  return true;
}

void EventSubscription::unreserve(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  queue_.unreserve(bytes);
}

EventSubscription::Pushed EventSubscription::push(EventRecord& event, std::size_t bytes, bool reserved) {
  const std::lock_guard lock(mutex_);
  if (reserved) queue_.unreserve(bytes);
  if (!accepts_) return {};
  if (!reserved) {
    if (options.when_full == WhenFull::drop_oldest && bytes <= queue_.max_bytes())
      while (!queue_.fits(bytes) && !queue_.empty()) {
        queue_.pop().event->drop_references();
        count(dropped_);
      }
    if (!queue_.fits(bytes) || !queue_.make_room()) {
      count(dropped_);
      return {};
    }
  }
  queue_.push({&event, static_cast<std::uint32_t>(bytes), false});
  pushed_.store(pushed_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return {true, claim_post_locked()};
}

// --- whoever starts the job ---

bool EventSubscription::claim_post_locked() {
  if (job_ != Job::none) return false;
  if (!closed() && (queue_.empty() || !primed_ || account_->reach.load(std::memory_order_relaxed) != Reach::callable)) return false;
  return begin_post();
}

bool EventSubscription::begin_post() {
  job_ = Job::posted;
  ++posters_;
  pin();  // the poster
  pin();  // the job
  return true;
}

bool EventSubscription::claim_post() {
  const std::lock_guard lock(mutex_);
  return claim_post_locked();
}

bool EventSubscription::claim_parked() {
  const std::lock_guard lock(mutex_);
  if (job_ != Job::parked) return false;
  --account_->core->parked;
  job_ = Job::none;
  return claim_post_locked();
}

void EventSubscription::post() {
  EventCore& core = *account_->core;
  tenon::host::Job job;
  job.run = run_job;
  job.end = end_job;
  job.data = this;
  job.timeout_ns =
      core.limits.handler_ns + 2 * (core.limits.handler_ns / fresh_part);  // one event's time, and what may have gone before it
  job.notification = closed();
  job.limit = job.notification ? Gate::State::closed : options.drain ? Gate::State::draining : Gate::State::open;
  bool taken = false;
  try {
    taken = static_cast<bool>(core.pool.post(account_->owner, job));
  } catch (const std::exception&) {  // no memory: as if the pool had refused
  }
  // What the pins kept alive must not die before the lock is given back.
  const std::shared_ptr<EventSubscription> alive = shared_from_this();
  {
    std::array<std::shared_ptr<EventSubscription>, 2> last;
    const std::lock_guard lock(mutex_);
    --posters_;
    last[0] = unpin();
    if (!taken) {
      last[1] = unpin();
      if (job_ == Job::posted) {
        job_ = Job::parked;
        ++core.parked;
      }
    }
  }
  core.tell_waiters();
}

// --- the job ---

void EventSubscription::run_job(void* data) noexcept { static_cast<EventSubscription*>(data)->run(); }

void EventSubscription::end_job(void* data, JobEnd how) noexcept {
  auto& self = *static_cast<EventSubscription*>(data);
  std::shared_ptr<EventSubscription> last;
  const std::lock_guard lock(self.mutex_);
  if (how == JobEnd::dropped && self.job_ == Job::posted) {
    self.job_ = Job::parked;
    ++self.account_->core->parked;
  }
  last = self.unpin();
}

void EventSubscription::run() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (job_ != Job::posted) return;  // ended meanwhile
    job_ = Job::running;
  }
  const std::int64_t begin = coarse_ns();
  renewed_ns_ = begin;
  std::array<EventQueue::Entry, batch_events> batch;
  const WorkerPool& pool = account_->core->pool;
  for (std::size_t done = 0;;) {
    const std::size_t n = take(batch);
    if (n == 0) {
      if (!came_meanwhile()) break;
      continue;
    }
    const std::int64_t taken_ns = monotonic_ns();
    deliver({batch.data(), n}, taken_ns);
    done += n;
    const std::int64_t worked = coarse_ns() - begin;
    if (worked >= job_ns || ((done >= events_per_turn || worked >= turn_ns) && pool.busy())) break;
    if (n > 1 && n < batch_events && options.queue_events >= gather_room) gather(taken_ns + gather_ns);
  }
  bool again = false, end = false;
  {
    const std::lock_guard lock(mutex_);
    if (!closed()) {
      job_ = Job::none;
      again = claim_post_locked();
    } else {
      end = true;  // whoever closed it has left that to this job
    }
  }
  if (end) return finish();
  if (again) return post();
  account_->core->tell_waiters();
}

bool EventSubscription::came_meanwhile() const {
  const std::uint32_t before = pushed_.load(std::memory_order_relaxed);
  for (int look = 0; look < max_looks; ++look) {
    if (stopped_.load(std::memory_order_relaxed) || account_->core->pool.busy()) return false;
    if (look % 2 == 0)
      for (int i = 0; i < pauses_per_look; ++i) pause_processor();
    else
      sched_yield();
    if (pushed_.load(std::memory_order_relaxed) != before) return true;
  }
  return false;
}

void EventSubscription::gather(std::int64_t until_ns) const {
  while (!stopped_.load(std::memory_order_relaxed) && monotonic_ns() < until_ns)
    for (int i = 0; i < 8; ++i) pause_processor();
}

std::size_t EventSubscription::take(std::span<EventQueue::Entry> out) {
  const std::lock_guard lock(mutex_);
  std::size_t n = 0;
  std::uint64_t bytes = 0;
  while (n < out.size() && !queue_.empty()) {
    bytes += queue_.front().bytes;
    if (n != 0 && bytes > batch_bytes) break;
    out[n++] = queue_.pop();
  }
  return n;
}

void EventSubscription::deliver(std::span<const EventQueue::Entry> entries, std::int64_t taken_ns) {
  Owner& owner = account_->owner;
  const std::int64_t handler_ns = account_->core->limits.handler_ns;
  const auto begin = [&](std::int64_t now) {
    if (now - renewed_ns_ > handler_ns / fresh_part) {
      WorkerPool::renew_timeout();
      renewed_ns_ = now;
    }
    call_->deadline_ns.store(std::min(now + handler_ns, deadline_cap_.load(std::memory_order_relaxed)), std::memory_order_relaxed);
  };
  begin(taken_ns);
  const Gate::State limit = options.drain ? Gate::State::draining : Gate::State::open;
  RecordSpares::Returns returns;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    // It was written by another processor.
    if (i + 1 < entries.size()) {
      const char* const next = reinterpret_cast<const char*>(entries[i + 1].event);
      __builtin_prefetch(next, 1);
      __builtin_prefetch(next + 64);
    }
    EventRecord* const event = entries[i].event;
    // What those before it have used of the time is given back to it.
    if (const std::int64_t now = i == 0 ? taken_ns : coarse_ns(); now - taken_ns > handler_ns / fresh_part) begin(taken_ns = now);
    if (!stopped_.load(std::memory_order_acquire) && !owner.wedged()) {
      const GateEntry inside(owner, Phase::run, ThreadTag::worker, call_, limit);
      if (inside) {
        const EventView view = event->view(entries[i].retained);
        const TracedCall traced(*call_, view.traceparent);
        const Code code = handler.deliver(handler.data, view, *call_);
        count(delivered_);
        if (code != Code::ok) count(failed_);
        event->drop_reference(returns);
        continue;
      }
    }
    discard(1);
    event->drop_reference(returns);
  }
}

void EventSubscription::finish() {
  {
    const std::lock_guard lock(mutex_);
    releasing_ = true;
    discard(queue_.clear());
  }
  Owner& owner = account_->owner;
  if (handler.release != nullptr && !owner.wedged()) {
    const GateEntry inside(owner, Phase::run, ThreadTag::worker, call_, Gate::State::closed);
    handler.release(handler.data);
  }
  account_->core->forget(*this);
  {
    const std::lock_guard lock(mutex_);
    job_ = Job::done;
  }
  account_->core->tell_waiters();
}

// --- control ---

bool EventSubscription::primed() const {
  const std::lock_guard lock(mutex_);
  return primed_;
}

void EventSubscription::prime(std::vector<EventRef> retained) {
  const std::lock_guard lock(mutex_);
  if (!accepts_) retained.clear();
  if (!retained.empty()) {
    std::vector<EventQueue::Entry> live;
    live.reserve(queue_.size());
    for (std::size_t i = 0; i < queue_.size(); ++i) {
      // Published meanwhile: it is here already, in its place.
      const std::uint64_t number = queue_.at(i).event->id();
      const auto twice =
          std::lower_bound(retained.begin(), retained.end(), number, [](const EventRef& e, std::uint64_t n) { return e->id() < n; });
      if (twice != retained.end() && (*twice)->id() == number) retained.erase(twice);
    }
    while (!queue_.empty()) {
      live.push_back(queue_.pop());
      queue_.reserve(live.back().bytes);  // they have been taken: they keep their places
    }
    for (EventRef& event : retained) {
      const std::size_t bytes = event->bytes();
      if (options.when_full == WhenFull::drop_oldest)
        while (!queue_.fits(bytes) && !queue_.empty()) {
          queue_.pop().event->drop_references();
          count(dropped_);
        }
      if (queue_.fits(bytes) && queue_.make_room())
        queue_.push({event.release(), static_cast<std::uint32_t>(bytes), true});
      else
        count(dropped_);
    }
    for (const EventQueue::Entry& entry : live) {
      queue_.unreserve(entry.bytes);
      queue_.push(entry);
    }
  }
  primed_ = true;
}

void EventSubscription::stop(bool keep, std::int64_t deadline_ns) {
  const std::lock_guard lock(mutex_);
  accepts_ = false;
  if (keep && primed_ && account_->reach.load(std::memory_order_relaxed) == Reach::callable) {
    deadline_cap_.store(deadline_ns, std::memory_order_relaxed);
    return;
  }
  stopped_.store(true, std::memory_order_release);
  if (!releasing_) call_->cancel();
  discard(queue_.clear());
}

bool EventSubscription::close() {
  const std::lock_guard lock(mutex_);
  if (closed()) return false;
  accepts_ = false;
  stopped_.store(true, std::memory_order_release);
  closed_.store(true, std::memory_order_release);
  discard(queue_.clear());
  return claim_post_locked();
}

void EventSubscription::close_here() {
  {
    const std::lock_guard lock(mutex_);
    accepts_ = false;
    stopped_.store(true, std::memory_order_release);
    closed_.store(true, std::memory_order_release);
    if (job_ == Job::running || job_ == Job::done) return;
    if (job_ == Job::parked) --account_->core->parked;
    job_ = Job::running;
  }
  finish();
}

bool EventSubscription::idle() const {
  const std::lock_guard lock(mutex_);
  return queue_.empty() && job_ != Job::running;
}

bool EventSubscription::ended() const {
  const std::lock_guard lock(mutex_);
  return job_ == Job::done;
}

bool EventSubscription::posting() const {
  const std::lock_guard lock(mutex_);
  return posters_ != 0;
}

bool EventSubscription::inside() const {
  const ThreadFrames* thread = existing_thread_frames();
  if (thread == nullptr) return false;
  const std::uint32_t depth = thread->depth.load(std::memory_order_relaxed);
  return std::any_of(thread->frames.begin(), thread->frames.begin() + depth, [this](const Frame& f) { return f.call == call_; });
}

EventStats EventSubscription::stats() const {
  const std::lock_guard lock(mutex_);
  return {delivered_.load(std::memory_order_relaxed), failed_.load(std::memory_order_relaxed), dropped_.load(std::memory_order_relaxed),
          queue_.size(), queue_.bytes()};
}

std::uint64_t EventSubscription::take_unreported() {
  const std::uint64_t total = dropped_.load(std::memory_order_relaxed);
  return total - reported_.exchange(total, std::memory_order_relaxed);
}

void EventSubscription::pin_for_tree() {
  const std::lock_guard lock(mutex_);
  pin();
}

void EventSubscription::unpin_for_tree() {
  std::shared_ptr<EventSubscription> last;
  const std::lock_guard lock(mutex_);
  last = unpin();
}

}  // namespace tenon::host

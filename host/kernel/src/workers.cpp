#include "kernel/workers.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "workers_core.hpp"

namespace tenon::host {

WorkerPool::WorkerPool() : WorkerPool(Options{}) {}
WorkerPool::WorkerPool(Options options) : core_(std::make_shared<Core>(std::move(options))) {}
WorkerPool::~WorkerPool() { shutdown(monotonic_ns() + 2'000'000'000); }

Result<void> WorkerPool::post(Owner& owner, const Job& job) {
  Core& core = *core_;
  std::unique_lock lock(core.mutex);
  const auto refuse = [&core](Error error) -> Result<void> {
    ++core.refused;
    return error;
  };
  if (core.resting) {
    core.resting = false;
    if (core.roused) core.roused();
  }
  if (core.stopping)
    return refuse({Code::unavailable, "the host is shutting down: no job is taken", "SHUTTING_DOWN", 0, ExitCode::unavailable});
  // The gate moves before leave() takes the mutex: what is let in here is dropped there, what comes later is refused.
  const auto leaving = [&] { return refuse({Code::unavailable, "`" + owner.name() + "` is leaving", "CLOSED", 0, ExitCode::unavailable}); };
  if (owner.gate().state() > job.limit) return leaving();
  Account& account = core.account_of(owner);
  if (account.left) return leaving();
  const std::shared_ptr<Account>& shared = core.accounts[&owner];

  if (job.own_thread) {
    if (account.own_threads >= core.options.max_own_threads)
      return refuse(
          workers_exhausted("`" + account.name + "` has " + std::to_string(account.own_threads) + " background loops, no more are started",
                            "TOO_MANY_LOOPS"));
    ++account.own_threads;
    ++core.own_threads;
    if (start_thread([core = core_, shared, job] { own_main(core, shared, job); })) return {};
    --account.own_threads;
    --core.own_threads;
    return refuse(workers_exhausted("the system gives no thread for a background loop of `" + account.name + "`", "NO_THREAD"));
  }

  if (job.notification) {
    account.notifications.push_back(job);
  } else {
    if (auto ok = core.may_queue(account); !ok) return refuse(ok.error());
    account.queue.push_back(job);
  }
  core.count_queued(1);
  core.list(account);
  if (!account.listed()) return {};  // it has all the threads it may have; the first of them that ends, or is held, goes on
  if (job.no_hurry && account.waiting() < core.options.gather) {
    ++core.unhurried;
    return {};
  }
  // One for those as well: this job must not wait behind them.
  if (std::exchange(core.unhurried, 0) != 0 && !job.no_hurry) core.ensure_runner();
  if (!core.ensure_runner() && core.active() == 0 && !job.notification) {
    // Nobody would ever come for it. (A notification waits: the next tick tries again.)
    account.queue.pop_back();
    core.count_queued(-1);
    if (account.waiting() == 0) core.unlist(account);
    return refuse(workers_exhausted("the system gives no thread for a job of `" + account.name + "`", "NO_THREAD"));
  }
  const std::uint32_t wakes = core.wakes;
  lock.unlock();
  core.wake(wakes);
  return {};
}

std::vector<WorkerPool::Overrun> WorkerPool::tick(std::int64_t now) {
  Core& core = *core_;
  std::vector<Overrun> out;
  const std::lock_guard lock(core.mutex);
  for (Worker& w : core.workers) {
    if (w.account == nullptr || w.overrun) continue;
    if (!w.seen) {
      w.seen = true;
      w.seen_ns = now;
    }
    if (now < w.deadline_ns && now - w.seen_ns < w.timeout_ns) continue;
    core.change(w, [&w] { w.overrun = true; });
    out.push_back({w.account->name, w.account->generation});
  }
  // One for each job that may have one; a thread that finds none sleeps.
  core.unhurried = 0;
  bool sent = false;
  for (std::size_t n = core.runnable(); n > 0 && core.busy() < core.options.threads; --n) {
    if (!core.ensure_runner()) break;
    sent = true;
  }
  // Nothing was taken for a whole tick, nobody could be sent, and somebody has no thread at all: others hold all of them, within their deadlines.
  if (!sent && core.taken == core.taken_at_tick && !core.ready.empty()) {
    const auto starving = std::find_if(core.ready.begin(), core.ready.end(), [](const auto& a) { return a->running == 0; });
    if (starving != core.ready.end()) core.start((*starving)->shared_from_this());
  }
  core.taken_at_tick = core.taken;
  if (core.wakes != 0) core.work.notify_all();
  return out;
}

void WorkerPool::renew_timeout() {
  auto* const self = static_cast<Worker*>(this_worker);
  if (self == nullptr || self->own) return;
  const std::lock_guard lock(self->core->mutex);
  self->seen = false;
  if (self->overrun) self->core->change(*self, [self] { self->overrun = false; });
}

bool WorkerPool::rest() {
  Core& core = *core_;
  const std::lock_guard lock(core.mutex);
  core.resting = core.threads == core.idle && core.queued.load(std::memory_order_relaxed) == 0;
  return core.resting;
}

void WorkerPool::on_rouse(std::function<void()> roused) {
  const std::lock_guard lock(core_->mutex);
  core_->roused = std::move(roused);
}

WorkerPool::Left WorkerPool::leave(Owner& owner, std::int64_t deadline_ns) {
  Core& core = *core_;
  std::unique_lock lock(core.mutex);
  const auto found = core.accounts.find(&owner);
  if (found == core.accounts.end()) return {};
  const std::shared_ptr<Account> account = found->second;
  account->left = true;
  ++account->running;  // holds the account while `end` runs
  const std::size_t dropped = core.drop_queue(*account, lock);
  --account->running;
  const auto* self = static_cast<const Worker*>(this_worker);
  const std::uint32_t own = self != nullptr && self->account == account.get() ? 1 : 0;
  const bool quiet = core.wait(lock, deadline_ns, [&] { return account->running + account->own_threads <= own; });
  core.forget_if_left(*account);
  return {quiet, dropped};
}

bool WorkerPool::shutdown(std::int64_t deadline_ns) {
  Core& core = *core_;
  std::unique_lock lock(core.mutex);
  core.stopping = true;
  core.work.notify_all();
  const auto queued = [&core] {
    return std::find_if(core.accounts.begin(), core.accounts.end(), [](const auto& a) { return a.second->waiting() != 0; });
  };
  for (auto next = queued(); next != core.accounts.end(); next = queued()) {
    const std::shared_ptr<Account> account = next->second;
    core.drop_queue(*account, lock);
  }
  const std::uint32_t own = this_worker != nullptr && static_cast<const Worker*>(this_worker)->core == &core ? 1 : 0;
  return core.wait(lock, deadline_ns, [&] { return core.threads + core.own_threads <= own; });
}

bool WorkerPool::busy() const { return core_->queued.load(std::memory_order_relaxed) != 0; }

WorkerStats WorkerPool::stats() const {
  const std::lock_guard lock(core_->mutex);
  WorkerStats out{core_->threads, core_->idle, core_->stuck, core_->own_threads, 0, core_->ran, core_->dropped, core_->refused};
  for (const auto& [key, account] : core_->accounts) out.queued += account->waiting();
  return out;
}

std::vector<WorkerShare> WorkerPool::shares() const {
  std::vector<WorkerShare> out;
  {
    const std::lock_guard lock(core_->mutex);
    for (const auto& [key, a] : core_->accounts)
      out.push_back({a->name, a->generation, a->running, a->stuck, a->own_threads, a->waiting()});
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return std::tie(a.owner, a.generation) < std::tie(b.owner, b.generation); });
  return out;
}

std::uint32_t WorkerPool::quota() const { return std::max(1U, core_->options.max_threads / 4); }

Blocking::Blocking(On on) : on_(on) {
  auto* worker = static_cast<WorkerPool::Worker*>(this_worker);
  if (worker == nullptr || worker->own) return;
  WorkerPool::Core& core = *worker->core;
  const std::lock_guard lock(core.mutex);
  core.change(*worker, [this, worker] {
    ++worker->blocking;
    if (on_ == On::turn) ++worker->turns;
  });
  if (!core.ready.empty() && core.ensure_runner()) core.wake(core.wakes);
}

Blocking::~Blocking() {
  auto* worker = static_cast<WorkerPool::Worker*>(this_worker);
  if (worker == nullptr || worker->own) return;
  const std::lock_guard lock(worker->core->mutex);
  worker->core->change(*worker, [this, worker] {
    --worker->blocking;
    if (on_ == On::turn) --worker->turns;
  });
}

}  // namespace tenon::host

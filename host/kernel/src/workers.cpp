#include "kernel/workers.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <tuple>

#include "host_thread.hpp"
#include "kernel/owner.hpp"

namespace tenon::host {

/// What the pool knows of an owner. Outlives the owner: a worker still has to account for a job that has just ended.
struct WorkerPool::Account : std::enable_shared_from_this<Account> {
  explicit Account(const Owner& owner, std::uint32_t limit)
      : key(&owner), name(owner.name()), generation(owner.generation()), quota(limit) {}
  const Owner* const key;
  const std::string name;
  const std::uint64_t generation;
  const std::uint32_t quota;  ///< threads
  std::deque<Job> queue;
  std::uint32_t running = 0, stuck = 0, own_threads = 0;
  bool left = false;
  std::list<Account*> place{this};  ///< its node while it is not in Core::ready: moving it there and back allocates nothing
  [[nodiscard]] bool listed() const { return place.empty(); }
};

struct WorkerPool::Worker {
  Core* core = nullptr;
  Account* account = nullptr;  ///< null = between jobs
  std::int64_t deadline_ns = no_deadline, timeout_ns = 0;
  std::int64_t seen_ns = 0;    ///< when a tick first saw this job
  std::uint32_t blocking = 0;  ///< nested Blocking scopes
  bool seen = false, overrun = false, own = false;
  [[nodiscard]] bool stuck() const { return overrun || blocking != 0; }
};

namespace {
// The worker this thread is, if it is one: Blocking stands deep inside host functions that know of no pool.
constinit thread_local void* this_worker = nullptr;

Error exhausted(std::string message, std::string reason) {
  return {Code::resource_exhausted, std::move(message), std::move(reason), 0, ExitCode::unavailable};
}

void call_end(const Job& job, JobEnd how) {
  if (job.end != nullptr) job.end(job.data, how);
}

// False: the system gives no thread, or no memory for one.
template <class F>
bool start_thread(F&& body) {
  try {
    host_thread(std::forward<F>(body)).detach();
  } catch (const std::exception&) {
    return false;
  }
  return true;
}
}  // namespace

struct WorkerPool::Core : std::enable_shared_from_this<Core> {
  explicit Core(Options o) : options(std::move(o)) {
    if (options.threads == 0) options.threads = std::max(4U, 2 * std::thread::hardware_concurrency());
    options.max_threads = std::max(options.max_threads, 1U);
    options.threads = std::min(options.threads, options.max_threads);
  }

  Options options;
  mutable std::mutex mutex;
  std::condition_variable work;     ///< idle threads
  std::condition_variable changed;  ///< those who wait for others to end
  std::map<const Owner*, std::shared_ptr<Account>> accounts;
  std::list<Account*> ready;  ///< have a job and may have one more thread; in turn
  std::list<Worker> workers;
  std::uint32_t threads = 0, idle = 0, stuck = 0, own_threads = 0, wakes = 0, waiters = 0;
  std::uint64_t taken = 0, taken_at_tick = 0, ran = 0, dropped = 0, refused = 0;
  bool stopping = false;

  // All below: with the mutex held.
  [[nodiscard]] std::uint32_t active() const { return threads - stuck; }
  /// At most `options.threads`, except for those that came back from being stuck, and lent ones.
  [[nodiscard]] std::uint32_t busy() const { return active() - idle; }
  [[nodiscard]] std::uint32_t quota_of(const Owner& owner) const {
    return owner.trusted() ? options.max_threads : std::max(1U, options.max_threads / 4);
  }
  Account& account_of(const Owner& owner) {
    const auto found = accounts.find(&owner);
    if (found != accounts.end()) return *found->second;
    return *accounts.emplace(&owner, std::make_shared<Account>(owner, quota_of(owner))).first->second;
  }
  void list(Account& account) {
    if (stopping || account.left || account.listed() || account.queue.empty() || account.running >= account.quota) return;
    ready.splice(ready.end(), account.place);
  }
  void unlist(Account& account) {
    if (account.listed()) account.place.splice(account.place.end(), ready, std::find(ready.begin(), ready.end(), &account));
  }
  /// False: as many as there may be, or the system gives none.
  bool start(std::shared_ptr<Account> first) {
    if (threads >= options.max_threads) return false;
    std::list<Worker> record(1);
    record.front().core = this;
    ++threads;
    if (start_thread([self = shared_from_this(), r = std::make_shared<std::list<Worker>>(std::move(record)), first = std::move(first)] {
          worker_main(self, *r, first);
        }))
      return true;
    --threads;
    return false;
  }
  /// After the mutex was given back, so that who wakes up does not run into it. Too often does no harm.
  void wake(std::uint32_t n) {
    for (; n > 0; --n) work.notify_one();
  }
  /// Somebody for one ready job, unless as many as wanted are busy: whoever of them ends goes on with it. False if nobody could be had.
  /// Whoever calls it wakes up as many as `wakes` says, afterwards.
  bool ensure_runner() {
    if (busy() >= options.threads) return true;
    if (idle == 0) return start(nullptr);
    --idle;
    ++wakes;
    return true;
  }
  // Applies a change to what makes a worker stuck, and keeps the sums.
  template <class F>
  void change(Worker& worker, F&& apply) {
    const bool before = worker.stuck();
    apply();
    const bool now = worker.stuck();
    if (before == now || worker.own) return;
    const std::uint32_t step = now ? 1U : ~0U;
    stuck += step;
    if (worker.account != nullptr) worker.account->stuck += step;
  }
  [[nodiscard]] std::size_t runnable() const {
    std::size_t n = 0;
    for (const Account* a : ready) n += std::min<std::size_t>(a->queue.size(), a->quota - a->running);
    return n;
  }
  Result<void> may_queue(const Account& account);
  Job begin(Worker& worker, Account& account);
  void finish(Worker& worker, Account& account);
  void forget_if_left(const Account& account) {
    if (account.left && account.running == 0 && account.own_threads == 0) accounts.erase(account.key);
    if (waiters != 0) changed.notify_all();
  }
  /// Calls `end` of everything queued, without the mutex; whoever calls it sees to it that nothing is added.
  std::size_t drop_queue(Account& account, std::unique_lock<std::mutex>& lock) {
    std::size_t n = 0;
    unlist(account);
    for (; !account.queue.empty(); ++n) {
      const Job job = account.queue.front();
      account.queue.pop_front();
      ++dropped;
      lock.unlock();
      call_end(job, JobEnd::dropped);
      lock.lock();
    }
    return n;
  }
  template <class Done>
  bool wait(std::unique_lock<std::mutex>& lock, std::int64_t deadline_ns, Done&& done) {
    ++waiters;
    bool ok = done();
    while (!ok) {
      const std::int64_t now = monotonic_ns();
      if (deadline_ns <= now) break;
      // In slices: time_point arithmetic must not overflow for "never".
      changed.wait_for(lock, Nanos(std::min<std::int64_t>(deadline_ns - now, 3'600'000'000'000)));
      ok = done();
    }
    --waiters;
    return ok;
  }
};

Result<void> WorkerPool::Core::may_queue(const Account& account) {
  if (account.queue.size() >= options.max_queued)
    return exhausted("`" + account.name + "` has " + std::to_string(account.queue.size()) + " jobs waiting for a worker, no more are taken",
                     "QUEUE_FULL");
  // Waiting behind threads that work is a queue; behind threads that are all stuck it would be waiting for nothing.
  if (account.running >= account.quota && account.stuck >= account.quota)
    return exhausted("`" + account.name + "` holds all " + std::to_string(account.quota) +
                         " workers it may have, and each of them waits inside a host function or is over its deadline",
                     "WORKERS_HELD");
  if (threads >= options.max_threads && stuck >= threads) {
    const auto most =
        std::max_element(accounts.begin(), accounts.end(), [](const auto& a, const auto& b) { return a.second->stuck < b.second->stuck; });
    return exhausted("all " + std::to_string(threads) + " workers wait inside host functions or are over their deadline; `" +
                         most->second->name + "` holds most of them (" + std::to_string(most->second->stuck) + ")",
                     "WORKERS_HELD");
  }
  return {};
}

Job WorkerPool::Core::begin(Worker& worker, Account& account) {
  const Job job = account.queue.front();
  account.queue.pop_front();
  ++account.running;
  ++taken;
  worker.account = &account;
  worker.deadline_ns = job.deadline_ns;
  worker.timeout_ns = job.timeout_ns != 0 ? job.timeout_ns : job.deadline_ns == no_deadline ? options.patience_ns : no_deadline;
  worker.seen = false;
  return job;
}

void WorkerPool::Core::finish(Worker& worker, Account& account) {
  change(worker, [&] {
    worker.overrun = false;
    worker.blocking = 0;
  });
  worker.account = nullptr;
  --account.running;
  ++ran;
  list(account);
  forget_if_left(account);
}

void WorkerPool::worker_main(const std::shared_ptr<Core>& core, std::list<Worker>& record, const std::shared_ptr<Account>& first) {
  prctl(PR_SET_NAME, "tenon-worker");
  if (core->options.thread_begins) core->options.thread_begins();
  const auto me = record.begin();
  this_worker = &*me;
  // A lent thread is one more than wanted, and stays for the one job it was lent for.
  bool lent = first != nullptr;
  std::unique_lock lock(core->mutex);
  core->workers.splice(core->workers.end(), record);
  while (lent || core->busy() <= core->options.threads) {
    if (core->ready.empty()) {
      lent = false;
      if (core->stopping || core->active() > core->options.threads) break;
      ++core->idle;
      while (core->wakes == 0 && !core->stopping) core->work.wait(lock);
      if (core->wakes != 0)
        --core->wakes;
      else
        --core->idle;
      continue;
    }
    const std::shared_ptr<Account> account = (lent && first->listed() ? *first : *core->ready.front()).shared_from_this();
    lent = false;
    core->unlist(*account);
    const Job job = core->begin(*me, *account);
    core->list(*account);
    lock.unlock();
    if (job.run != nullptr) job.run(job.data);
    call_end(job, JobEnd::ran);
    lock.lock();
    core->finish(*me, *account);
  }
  core->workers.erase(me);
  --core->threads;
  this_worker = nullptr;
  if (core->waiters != 0) core->changed.notify_all();
}

void WorkerPool::own_main(const std::shared_ptr<Core>& core, const std::shared_ptr<Account>& account, const Job& job) {
  prctl(PR_SET_NAME, "tenon-loop");
  if (core->options.thread_begins) core->options.thread_begins();
  Worker worker;
  worker.core = core.get();
  worker.account = account.get();
  worker.own = true;
  this_worker = &worker;
  if (job.run != nullptr) job.run(job.data);
  call_end(job, JobEnd::ran);
  this_worker = nullptr;
  const std::lock_guard lock(core->mutex);
  --account->own_threads;
  --core->own_threads;
  ++core->ran;
  core->forget_if_left(*account);
}

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
          exhausted("`" + account.name + "` has " + std::to_string(account.own_threads) + " background loops, no more are started",
                    "TOO_MANY_LOOPS"));
    ++account.own_threads;
    ++core.own_threads;
    if (start_thread([core = core_, shared, job] { own_main(core, shared, job); })) return {};
    --account.own_threads;
    --core.own_threads;
    return refuse(exhausted("the system gives no thread for a background loop of `" + account.name + "`", "NO_THREAD"));
  }

  if (job.notification) {
    account.queue.push_front(job);
  } else {
    if (auto ok = core.may_queue(account); !ok) return refuse(ok.error());
    account.queue.push_back(job);
  }
  core.list(account);
  if (!account.listed()) return {};  // it has all the threads it may have; the first of them that ends goes on
  if (!core.ensure_runner() && core.active() == 0 && !job.notification) {
    // Nobody would ever come for it. (A notification waits: the next tick tries again.)
    account.queue.pop_back();
    if (account.queue.empty()) core.unlist(account);
    return refuse(exhausted("the system gives no thread for a job of `" + account.name + "`", "NO_THREAD"));
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
  for (std::size_t n = core.runnable(); n > 0 && core.busy() < core.options.threads; --n)
    if (!core.ensure_runner()) break;
  // Nothing was taken for a whole tick, and somebody has no thread at all: others hold all of them, within their deadlines.
  if (core.taken == core.taken_at_tick && !core.ready.empty()) {
    const auto starving = std::find_if(core.ready.begin(), core.ready.end(), [](const auto& a) { return a->running == 0; });
    if (starving != core.ready.end()) core.start((*starving)->shared_from_this());
  }
  core.taken_at_tick = core.taken;
  if (core.wakes != 0) core.work.notify_all();
  return out;
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
    return std::find_if(core.accounts.begin(), core.accounts.end(), [](const auto& a) { return !a.second->queue.empty(); });
  };
  for (auto next = queued(); next != core.accounts.end(); next = queued()) {
    const std::shared_ptr<Account> account = next->second;
    core.drop_queue(*account, lock);
  }
  const std::uint32_t own = this_worker != nullptr && static_cast<const Worker*>(this_worker)->core == &core ? 1 : 0;
  return core.wait(lock, deadline_ns, [&] { return core.threads + core.own_threads <= own; });
}

WorkerStats WorkerPool::stats() const {
  const std::lock_guard lock(core_->mutex);
  WorkerStats out{core_->threads, core_->idle, core_->stuck, core_->own_threads, 0, core_->ran, core_->dropped, core_->refused};
  for (const auto& [key, account] : core_->accounts) out.queued += account->queue.size();
  return out;
}

std::vector<WorkerShare> WorkerPool::shares() const {
  std::vector<WorkerShare> out;
  {
    const std::lock_guard lock(core_->mutex);
    for (const auto& [key, a] : core_->accounts)
      out.push_back({a->name, a->generation, a->running, a->stuck, a->own_threads, a->queue.size()});
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return std::tie(a.owner, a.generation) < std::tie(b.owner, b.generation); });
  return out;
}

std::uint32_t WorkerPool::quota() const { return std::max(1U, core_->options.max_threads / 4); }

Blocking::Blocking() {
  auto* worker = static_cast<WorkerPool::Worker*>(this_worker);
  if (worker == nullptr || worker->own) return;
  WorkerPool::Core& core = *worker->core;
  const std::lock_guard lock(core.mutex);
  core.change(*worker, [worker] { ++worker->blocking; });
  if (!core.ready.empty() && core.ensure_runner()) core.wake(core.wakes);
}

Blocking::~Blocking() {
  auto* worker = static_cast<WorkerPool::Worker*>(this_worker);
  if (worker == nullptr || worker->own) return;
  const std::lock_guard lock(worker->core->mutex);
  worker->core->change(*worker, [worker] { --worker->blocking; });
}

}  // namespace tenon::host

// WorkerPool::Core: who has what work, and who is at it. Shared by the pool and its threads, which may outlive it.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "kernel/host_thread.hpp"
#include "kernel/owner.hpp"
#include "kernel/workers.hpp"

namespace tenon::host {

/// What the pool knows of an owner. Outlives the owner: a worker still has to account for a job that has just ended.
struct WorkerPool::Account : std::enable_shared_from_this<Account> {
  explicit Account(const Owner& owner, std::uint32_t limit)
      : key(&owner), name(owner.name()), generation(owner.generation()), quota(limit) {}
  const Owner* const key;
  const std::string name;
  const std::uint64_t generation;
  const std::uint32_t quota;             ///< threads
  std::deque<Job> notifications, queue;  ///< the former come first
  std::uint32_t running = 0, stuck = 0, held = 0, own_threads = 0;
  bool left = false;
  std::list<Account*> place{this};  ///< its node while it is not in Core::ready: moving it there and back allocates nothing
  [[nodiscard]] bool listed() const { return place.empty(); }
  [[nodiscard]] std::size_t waiting() const { return notifications.size() + queue.size(); }
  std::deque<Job>& next_queue() { return notifications.empty() ? queue : notifications; }
  /// Threads it may have beside those it has, for what comes next. Held ones do not count against a notification, as they may be waiting for it; but
  /// notifications can be held too, and so no more than twice the quota is ever given.
  [[nodiscard]] std::uint32_t room() const {
    const std::uint32_t used = notifications.empty() || running >= 2 * quota ? running : running - held;
    return used < quota ? quota - used : 0;
  }
};

struct WorkerPool::Worker {
  Core* core = nullptr;
  Account* account = nullptr;  ///< null = between jobs
  std::int64_t deadline_ns = no_deadline, timeout_ns = 0;
  std::int64_t seen_ns = 0;    ///< when a tick first saw this job
  std::uint32_t blocking = 0;  ///< nested Blocking scopes
  std::uint32_t turns = 0;     ///< of them those that wait for a turn
  bool seen = false, overrun = false, own = false;
  [[nodiscard]] bool stuck() const { return overrun || blocking != 0; }    ///< replaced
  [[nodiscard]] bool held() const { return overrun || blocking > turns; }  ///< and nothing is to be expected of it
};

// The worker this thread is, if it is one: Blocking stands deep inside host functions that know of no pool.
extern constinit thread_local void* this_worker;

inline Error workers_exhausted(std::string message, std::string reason) {
  return {Code::resource_exhausted, std::move(message), std::move(reason), 0, ExitCode::unavailable};
}

/// False: the system gives no thread, or no memory for one.
template <class F>
bool start_thread(F&& body) {
  try {
    host_thread(std::forward<F>(body)).detach();
  } catch (const std::exception&) {
    return false;
  }
  return true;
}

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
  std::uint32_t threads = 0, idle = 0, stuck = 0, held = 0, own_threads = 0, wakes = 0, waiters = 0;
  std::uint64_t taken = 0, taken_at_tick = 0, ran = 0, dropped = 0, refused = 0;
  std::size_t unhurried = 0;           ///< jobs nobody was woken for, since somebody was last
  std::atomic<std::size_t> queued{0};  ///< jobs waiting; changed with the mutex held, read without
  bool stopping = false;
  bool resting = false;  ///< whoever posts tells `roused`
  std::function<void()> roused;

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
  /// Of jobs in queues.
  void count_queued(std::ptrdiff_t n) {
    queued.store(queued.load(std::memory_order_relaxed) + static_cast<std::size_t>(n), std::memory_order_relaxed);
  }
  void list(Account& account) {
    if (stopping || account.left || account.listed() || account.waiting() == 0 || account.room() == 0) return;
    ready.splice(ready.end(), account.place);
  }
  void unlist(Account& account) {
    if (account.listed()) account.place.splice(account.place.end(), ready, std::find(ready.begin(), ready.end(), &account));
  }
  /// False: as many as there may be, or the system gives none.
  bool start(std::shared_ptr<Account> first);
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
  // Applies a change to what makes a worker stuck or held, and keeps the sums.
  template <class F>
  void change(Worker& worker, F&& apply) {
    const bool was_stuck = worker.stuck(), was_held = worker.held();
    apply();
    if (worker.own) return;
    const auto step = [](bool before, bool now) { return before == now ? 0U : now ? 1U : ~0U; };
    const std::uint32_t more_stuck = step(was_stuck, worker.stuck()), more_held = step(was_held, worker.held());
    stuck += more_stuck;
    held += more_held;
    if (worker.account == nullptr) return;
    worker.account->stuck += more_stuck;
    worker.account->held += more_held;
    list(*worker.account);
  }
  [[nodiscard]] std::size_t runnable() const {
    std::size_t n = 0;
    for (const Account* a : ready) n += std::min<std::size_t>(a->waiting(), a->room());
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
  std::size_t drop_queue(Account& account, std::unique_lock<std::mutex>& lock);
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

}  // namespace tenon::host

// WorkerPool: the threads on which handlers of modules run (offloaded services, events, tasks, HTTP).
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "kernel/gate.hpp"

namespace tenon::host {

class Owner;

/// How a job that was taken came to its end.
enum class JobEnd : std::uint8_t {
  ran,
  dropped,  ///< its owner left, or the pool was shut down, before it was run
};

/// Work for one owner, as plain functions. `run` enters the owner's gate itself: what kind of call it is, it knows best.
struct Job {
  void (*run)(void* data) noexcept = nullptr;  ///< may be null: only `end` is called
  void (*end)(void* data,
              JobEnd how) noexcept = nullptr;  ///< exactly once if `post` took the job: after run, or instead of it; may be null
  void* data = nullptr;
  std::int64_t deadline_ns = no_deadline;  ///< monotonic; a thread still in the job then is replaced
  std::int64_t timeout_ns = 0;             ///< the same, counted from when it runs; 0 = Options::patience_ns
  Gate::State limit = Gate::State::open;   ///< the last state of the owner's gate in which it is taken
  bool notification =
      false;  ///< must arrive (a release): no limit of queue or threads refuses it; it overtakes other jobs of its owner, but no other notification
  /// Nobody is woken for it: it is run when somebody is for another job, when `Options::gather` of its owner wait, or at the next tick. To wake a thread
  /// costs whoever posts several times what the job does.
  bool no_hurry = false;
  bool own_thread = false;  ///< a background loop: runs on a thread of its own, outside of all other numbers
};

/// What the pool is doing now, and did so far.
struct WorkerStats {
  std::uint32_t threads = 0;  ///< without those of own_thread
  std::uint32_t idle = 0;
  std::uint32_t stuck = 0;  ///< inside a blocking host function, or over their deadline
  std::uint32_t own_threads = 0;
  std::size_t queued = 0;
  std::uint64_t ran = 0, dropped = 0, refused = 0;
};

/// What one owner holds of the pool.
struct WorkerShare {
  std::string owner;
  std::uint64_t generation = 0;
  std::uint32_t running = 0, stuck = 0, own_threads = 0;
  std::size_t queued = 0;
};

/// Threads are started when there is work. At most `threads` make progress at a time; one that blocks inside a host function (`Blocking`) or is
/// over its deadline (`tick`) does not count as such and is replaced, up to `max_threads` in all. Owners take turns; the jobs of one owner are begun
/// in the order posted and may overlap. A job is run without any lock. Thread-safe.
class WorkerPool {
 public:
  struct Options {
    std::uint32_t threads = 0;           ///< 0 = max(4, 2 x cores)
    std::uint32_t max_threads = 64;      ///< replacements included; an untrusted owner holds at most a quarter
    std::uint32_t max_queued = 4096;     ///< jobs waiting per owner
    std::uint32_t gather = 64;           ///< jobs waiting per owner that are not left to the next tick, however little hurry they have
    std::uint32_t max_own_threads = 16;  ///< background loops per owner
    std::int64_t patience_ns = 5'000'000'000;  ///< for jobs without deadline and timeout
    std::function<void()> thread_begins;       ///< first thing on each thread; must not throw
  };

  WorkerPool();
  explicit WorkerPool(Options options);
  ~WorkerPool();  ///< shutdown with two seconds. A thread that never comes back keeps what it needs
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Queues a job. RESOURCE_EXHAUSTED naming who holds the threads or fills the queue; UNAVAILABLE if the owner's gate is beyond `job.limit`, if it
  /// has left, or after shutdown. On error nothing of the job is called, data stays the caller's. [any]
  Result<void> post(Owner& owner, const Job& job);

  /// A job that went over its deadline.
  struct Overrun {
    std::string owner;
    std::uint64_t generation = 0;
  };
  /// Marks threads that are over their deadline and replaces them; lends a thread to an owner that got none for a whole tick. Call about ten times per
  /// second while there is work; never calls back. Returns the jobs that are over their deadline since this tick, for the log. [any]
  std::vector<Overrun> tick(std::int64_t monotonic_now_ns);
  /// True: nothing runs and nothing waits, no tick is needed before `roused` was called. [any]
  bool rest();
  /// Called once by the first `post` after a `rest` that was true; with the pool's mutex held, so it must neither block nor throw. Empty = none.
  void on_rouse(std::function<void()> roused);

  struct Left {
    bool quiet = true;        ///< nothing of the owner runs any more (the calling job not counted); false: the owner must never be freed
    std::size_t dropped = 0;  ///< jobs whose `end` was called with `dropped`, on this thread
  };
  /// The owner leaves: drops its queue, refuses what comes, and waits for what runs. Needed once before an owner that posted is freed, after its gate
  /// was moved to closed.
  Left leave(Owner& owner, std::int64_t deadline_ns);

  /// Refuses new jobs, drops the queues, ends the threads. False if some did not end by the deadline; they are left alone. May be called again.
  bool shutdown(std::int64_t deadline_ns);

  /// For a job that is many things one after the other: its timeout is counted anew. Of no effect on threads that are none of a pool. [worker]
  static void renew_timeout();

  /// Jobs wait for a worker: a job that could as well go on later should end now. Costs one load. [any]
  [[nodiscard]] bool busy() const;
  [[nodiscard]] WorkerStats stats() const;
  [[nodiscard]] std::vector<WorkerShare> shares() const;  ///< sorted by owner, generation
  /// Threads an untrusted owner may hold.
  [[nodiscard]] std::uint32_t quota() const;

 private:
  friend class Blocking;
  struct Core;
  struct Worker;
  struct Account;
  static void worker_main(const std::shared_ptr<Core>& core, std::list<Worker>& record, const std::shared_ptr<Account>& first);
  static void own_main(const std::shared_ptr<Core>& core, const std::shared_ptr<Account>& account, const Job& job);
  std::shared_ptr<Core> core_;
};

/// Scope of a host function that waits: the worker it stands on is replaced meanwhile. Nests; does nothing on other threads.
class Blocking {
 public:
  enum class On : std::uint8_t {
    others,
    turn,  ///< on a strand of the owner: whoever has it goes on, so that who waits is a queue and no reason to refuse jobs
  };
  explicit Blocking(On on = On::others);
  ~Blocking();
  Blocking(const Blocking&) = delete;
  Blocking& operator=(const Blocking&) = delete;

 private:
  const On on_;
};

}  // namespace tenon::host

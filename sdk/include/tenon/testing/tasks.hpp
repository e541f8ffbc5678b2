// Tasks for tests: the clocks stand still until the test moves them, and what is due runs on the test's thread.
#ifndef TENON_TESTING_TASKS_HPP
#define TENON_TESTING_TASKS_HPP

#include <thread>

#include "tenon/cpp/tasks.hpp"
#include "tenon/testing/cron.hpp"
#include "tenon/testing/run.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

/// A task as the test sees it.
struct TaskInfo {
  tenon_id id = 0;
  std::string name;
  tenon_task_status status{};
};

/// The tasks of a testing::Host: `host.tasks()`.
///
///   host.tasks().set_time("2026-03-01T04:29:00Z");
///   REQUIRE(host.boot().ok());
///   CHECK(host.tasks().run() == 1);                  // what was posted
///   CHECK(host.tasks().advance(1min) == 1);          // what fell due, each at its time
///
/// Nothing runs before start. Loops run on threads of their own from start on, in real time (their calls' waits are real): wait_for_loops() joins
/// those that end by themselves, and stop cancels the others and waits for them. Their policy is the one the module passes: there is no operator here.
class FakeTasks {
 public:
  explicit FakeTasks(Host& host) : host_(host), monotonic_ns_(detail::now_ns()) { set_time("2026-01-01T00:00:00Z"); }
  FakeTasks(const FakeTasks&) = delete;
  FakeTasks& operator=(const FakeTasks&) = delete;
  ~FakeTasks() { leave(); }

  /// The wall clock, "2026-03-01T04:29:00Z". What cron is due by is found anew.
  void set_time(const std::string& utc) {
    std::tm tm{};
    const char* end = ::strptime(utc.c_str(), "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (end == nullptr || *end != '\0') throw std::invalid_argument("`" + utc + "` is no time like 2026-03-01T04:29:00Z");
    const Lock lock(host_.mutex_);
    realtime_ns_ = static_cast<std::int64_t>(::timegm(&tm)) * 1'000'000'000;
    for (const auto& [id, t] : tasks_)
      if (t->kind == TENON_TASK_CRON && t->state == TENON_TASK_WAITING) t->due_ns = next_cron(*t);
  }
  [[nodiscard]] std::chrono::system_clock::time_point time() const {
    const Lock lock(host_.mutex_);
    return std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(std::chrono::nanoseconds(realtime_ns_)));
  }
  /// Runs what is due now, and what that posts. How many runs.
  std::size_t run() { return advance(std::chrono::nanoseconds(0)); }
  /// Moves both clocks, and runs what falls due on the way, each at its time. How many runs. Then releases what has ended.
  std::size_t advance(std::chrono::nanoseconds time);
  /// Waits until no loop runs, or until `patience` is over: false.
  bool wait_for_loops(std::chrono::nanoseconds patience = std::chrono::seconds(30));
  /// By id.
  [[nodiscard]] std::vector<TaskInfo> list() const {
    const Lock lock(host_.mutex_);
    std::vector<TaskInfo> out;
    for (const auto& [id, t] : tasks_) out.push_back({id, t->name, status_of(*t)});
    return out;
  }
  /// What runs returned that was not OK.
  [[nodiscard]] std::vector<Status> failures() const {
    const Lock lock(host_.mutex_);
    return failures_;
  }

 private:
  friend class Host;
  using Lock = std::unique_lock<std::mutex>;
  struct Entry {
    tenon_id id = 0;
    std::int32_t kind = TENON_TASK_POST, state = TENON_TASK_NOT_STARTED;
    tenon_task_run run = nullptr;
    void* data = nullptr;
    void (*release)(void*) noexcept = nullptr;
    std::string name;
    std::int64_t delay_ns = 0, timeout_ns = 0, due_ns = INT64_MAX;
    std::shared_ptr<const CronSchedule> schedule;
    bool local = false;
    tenon_loop_options loop{};
    std::int64_t pause_ns = 0;
    tenon_task_status count{};
    bool cancelled = false, releasing = false, released = false, ended_by_itself = false;
    std::shared_ptr<detail::CallState> call;
    std::thread::id runner;
    std::thread thread;
  };
  using TaskPtr = std::shared_ptr<Entry>;
  struct Table;

  // With the host's mutex held.
  static std::int32_t health_of(const Entry& t) {
    if (t.ended_by_itself && t.loop.policy == TENON_LOOP_FAIL) return TENON_TASK_FAILED;
    return t.kind == TENON_TASK_LOOP && t.count.restarts != 0 && t.state == TENON_TASK_WAITING ? TENON_TASK_DEGRADED : TENON_TASK_OK;
  }
  static tenon_task_status status_of(const Entry& t) {
    tenon_task_status out = t.count;
    out.struct_size = sizeof out;
    out.kind = t.kind;
    out.state = t.state;
    out.health = health_of(t);
    out.next_ns = t.state == TENON_TASK_WAITING ? t.due_ns : INT64_MAX;
    return out;
  }
  [[nodiscard]] std::int64_t next_cron(const Entry& t) const {
    const std::int64_t next = t.schedule->next_after(realtime_ns_ / 1'000'000'000, t.local);
    return next == INT64_MAX ? INT64_MAX : next * 1'000'000'000;
  }
  void begin(const TaskPtr& t) {
    switch (t->kind) {
      case TENON_TASK_AFTER:
      case TENON_TASK_EVERY:
        t->due_ns = monotonic_ns_ + t->delay_ns;
        break;
      case TENON_TASK_CRON:
        t->due_ns = next_cron(*t);
        break;
      case TENON_TASK_LOOP:
        return start_loop(t);
      default:
        t->due_ns = monotonic_ns_;
        t->state = TENON_TASK_QUEUED;
        return;
    }
    t->state = TENON_TASK_WAITING;
  }
  void start_loop(const TaskPtr& t) {
    if (t->thread.joinable()) finished_.push_back(std::move(t->thread));
    t->state = TENON_TASK_RUNNING;
    t->call = call_of(INT64_MAX);
    t->thread = std::thread([this, t] { run_one(t, t->call); });
  }
  std::shared_ptr<detail::CallState> call_of(std::int64_t deadline_ns) {
    auto call = std::make_shared<detail::CallState>();
    call->host = &host_;
    call->deadline_ns = deadline_ns;
    return call;
  }
  /// How far a task's clock is from its due time; INT64_MAX = it does not wait.
  [[nodiscard]] std::int64_t wait_of(const Entry& t) const {
    if (t.cancelled || (t.state != TENON_TASK_WAITING && t.state != TENON_TASK_QUEUED) || t.due_ns == INT64_MAX) return INT64_MAX;
    const std::int64_t now = t.kind == TENON_TASK_CRON ? realtime_ns_ : monotonic_ns_;
    return std::max<std::int64_t>(t.due_ns - now, 0);
  }
  tenon_status add(TaskPtr t, tenon_id* out, tenon_error* err) {
    if (gone_) return tenon::detail::fill(err, TENON_UNAVAILABLE, "CLOSED", "the module is leaving or has left");
    if (tasks_.size() >= 1024) return tenon::detail::fill(err, TENON_RESOURCE_EXHAUSTED, "TOO_MANY", "more than 1024 tasks are not taken");
    t->id = host_.next_id_++;
    if (out != nullptr) *out = t->id;
    tasks_[t->id] = t;
    if (host_.phase_ == TENON_PHASE_RUN) begin(t);
    return TENON_OK;
  }
  void cancel(const TaskPtr& t) {
    t->cancelled = true;
    if (t->call != nullptr) t->call->cancelled = true;
    if (t->state != TENON_TASK_RUNNING) t->state = TENON_TASK_ENDED;
    host_.changed_.notify_all();
  }
  // Without the mutex.
  /// A loop may wait for what only the test's thread delivers, as it flushes.
  void wait_and_deliver(std::chrono::nanoseconds patience) {
    const auto until = Clock::now() + patience;
    for (;;) {
      const std::chrono::nanoseconds left = until - Clock::now();
      if (wait_for_loops(std::min<std::chrono::nanoseconds>(left, std::chrono::milliseconds(10))) || left.count() <= 0) return;
      StorageTables::deliver(host_);
    }
  }
  void run_one(const TaskPtr& t, const std::shared_ptr<detail::CallState>& call);
  void release_ended();
  void started() {
    const Lock lock(host_.mutex_);
    for (const auto& [id, t] : tasks_)
      if (t->state == TENON_TASK_NOT_STARTED) begin(t);
  }
  void drain() {
    const Lock lock(host_.mutex_);
    gone_ = true;
    for (const auto& [id, t] : tasks_) cancel(t);
  }
  void leave() {
    drain();
    wait_and_deliver(std::chrono::hours(24));
    release_ended();
  }

  Host& host_;
  std::int64_t monotonic_ns_, realtime_ns_ = 0;
  std::map<tenon_id, TaskPtr> tasks_;
  std::vector<std::thread> finished_;
  std::vector<Status> failures_;
  bool gone_ = false;
};

inline void FakeTasks::run_one(const TaskPtr& t, const std::shared_ptr<detail::CallState>& call) {
  tenon_error error;
  tenon::detail::init_error(error);
  {
    const Lock lock(host_.mutex_);
    t->runner = std::this_thread::get_id();
  }
  tenon_status code = TENON_OK;
  {
    const detail::Inside inside(&host_, TENON_THREAD_WORKER, call.get());
    code = t->run(t->data, reinterpret_cast<tenon_call*>(call.get()), &error);
  }
  host_.container_end_call(*call);
  const Lock lock(host_.mutex_);
  Status status = code == TENON_PENDING ? Status::internal("PENDING where that is not allowed") : Status::from_c(code, error);
  if (code == TENON_PENDING) host_.problem("a task returned PENDING");
  t->runner = std::thread::id();
  t->call = nullptr;
  ++t->count.runs;
  t->count.last = status.code();
  if (!status.ok()) {
    ++t->count.failures;
    failures_.push_back(std::move(status));
  }
  const bool again = !t->cancelled && !gone_;
  t->state = TENON_TASK_ENDED;
  if (again && t->kind == TENON_TASK_EVERY) {
    t->due_ns += t->delay_ns;
    for (; t->due_ns <= monotonic_ns_ - t->delay_ns; t->due_ns += t->delay_ns) ++t->count.missed;
    t->state = TENON_TASK_WAITING;
  } else if (again && t->kind == TENON_TASK_CRON) {
    t->due_ns = next_cron(*t);
    t->state = TENON_TASK_WAITING;
  } else if (again && t->kind == TENON_TASK_LOOP) {
    if (t->loop.policy == TENON_LOOP_RESTART) {
      ++t->count.restarts;
      t->due_ns = monotonic_ns_ + t->pause_ns;
      t->pause_ns = std::min(t->pause_ns * 2, t->loop.max_backoff_ns);
      t->state = TENON_TASK_WAITING;
    } else {
      t->ended_by_itself = true;
    }
  }
  host_.changed_.notify_all();
}

inline std::size_t FakeTasks::advance(std::chrono::nanoseconds time) {
  std::int64_t left = time.count();
  std::size_t runs = 0;
  for (;;) {
    TaskPtr next;
    std::shared_ptr<detail::CallState> call;
    {
      const Lock lock(host_.mutex_);
      std::int64_t soonest = INT64_MAX;
      for (const auto& [id, t] : tasks_)
        if (const std::int64_t wait = wait_of(*t); wait < soonest) {
          soonest = wait;
          next = t;
        }
      const std::int64_t step = std::min(soonest, left);
      monotonic_ns_ += step;
      realtime_ns_ += step;
      left -= step;
      if (soonest > step || next == nullptr) break;
      if (next->kind == TENON_TASK_LOOP) {
        start_loop(next);
        continue;
      }
      next->state = TENON_TASK_RUNNING;
      next->call = call = call_of(detail::now_ns() + (next->timeout_ns != 0 ? next->timeout_ns : 60'000'000'000));
    }
    run_one(next, call);
    ++runs;
    release_ended();
  }
  release_ended();
  return runs;
}

inline bool FakeTasks::wait_for_loops(std::chrono::nanoseconds patience) {
  Lock lock(host_.mutex_);
  const auto none = [this] {
    for (const auto& [id, t] : tasks_)
      if (t->kind == TENON_TASK_LOOP && t->state == TENON_TASK_RUNNING) return false;
    return true;
  };
  if (!host_.changed_.wait_for(lock, patience, none)) return false;
  std::vector<std::thread> ended;
  ended.swap(finished_);
  for (const auto& [id, t] : tasks_)
    if (t->thread.joinable()) ended.push_back(std::move(t->thread));
  lock.unlock();
  for (std::thread& thread : ended) thread.join();
  return true;
}

inline void FakeTasks::release_ended() {
  for (;;) {
    TaskPtr ended;
    {
      const Lock lock(host_.mutex_);
      for (const auto& [id, t] : tasks_) {
        if (t->state != TENON_TASK_ENDED || t->releasing) continue;
        t->releasing = true;
        ended = t;
        break;
      }
    }
    if (ended == nullptr) return;
    if (ended->release != nullptr) {
      {
        const Lock lock(host_.mutex_);
        ended->runner = std::this_thread::get_id();
      }
      host_.release(ended->release, ended->data);
    }
    const Lock lock(host_.mutex_);
    ended->runner = std::thread::id();
    ended->released = true;
    // A loop that ended by itself stays visible.
    if (ended->thread.joinable()) finished_.push_back(std::move(ended->thread));
    if (!ended->ended_by_itself || ended->cancelled) tasks_.erase(ended->id);
    host_.changed_.notify_all();
  }
}

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#include "tenon/testing/tasks_table.hpp"

#endif

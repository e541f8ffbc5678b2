#include "kernel/health.hpp"

#include <algorithm>
#include <array>
#include <mutex>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "kernel/tasks.hpp"
#include "kernel/workers.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t max_why = 400;
constexpr std::int64_t queued_limit_ns = 10'000'000'000;  ///< a check that gets no worker for this long was not answered either

Error bad_check(const std::string& what) {
  return {Code::invalid_argument, "the health check " + what, "BAD_CHECK", 0, ExitCode::unavailable};
}

}  // namespace

Result<void> examine_checks(const std::vector<HealthCheck>& checks) {
  if (checks.size() > Health::max_checks) return bad_check("number " + std::to_string(Health::max_checks + 1) + " is one too many");
  for (std::size_t i = 0; i < checks.size(); ++i) {
    const HealthCheck& c = checks[i];
    const std::string name = "`" + printable(c.name, 63) + "` ";
    if (c.name.size() > 63 || c.name.find('.') != std::string::npos || !is_dotted_name(c.name))
      return bad_check(name + "has no name of letters, digits, `_` and `-`");
    if (c.run == nullptr) return bad_check(name + "has no function");
    if (c.timeout_ns < Health::min_timeout_ns || c.timeout_ns > Health::max_timeout_ns)
      return bad_check(name + "has a timeout that is not from 1ms to 60s");
    if (c.interval_ns < Health::min_interval_ns || c.interval_ns > Health::max_interval_ns)
      return bad_check(name + "has an interval that is not from 100ms to 1h");
    for (std::size_t k = 0; k < i; ++k)
      if (checks[k].name == c.name) return bad_check(name + "is there twice");
  }
  return {};
}

std::string_view check_state_name(CheckState state) {
  constexpr std::array<std::string_view, 3> names = {"unknown", "healthy", "unhealthy"};
  return names[static_cast<std::size_t>(state)];
}

struct Health::Core {
  /// One check. A job keeps it while it runs.
  struct Record {
    Owner* owner;
    HealthCheck check;
    Call own_call;
    Core* core = nullptr;
    // Guarded by Core::mutex.
    bool asking = false;    ///< a job is queued or runs
    bool overdue = false;   ///< ... beyond its deadline: its answer comes too late
    bool drained = false;   ///< not asked any more
    bool was_well = false;  ///< healthy once
    std::int64_t due_ns = no_deadline, deadline_ns = no_deadline;
    CheckState state = CheckState::unknown;
    std::string why;
    std::int64_t since_ns = 0;
    std::uint64_t runs = 0, failures = 0;

    [[nodiscard]] Call& call() { return check.call != nullptr ? *check.call : own_call; }
    [[nodiscard]] CheckStatus status() const { return {owner->name(), check.name, check.required, state, why, since_ns, runs, failures}; }
  };
  using RecordRef = std::shared_ptr<Record>;
  /// What a job carries.
  struct Question {
    std::shared_ptr<Core> core;
    RecordRef record;
  };

  Core(WorkerPool& p, const Tasks& t, Options o) : pool(p), tasks(t), options(std::move(o)) {}

  static void run(void* data) noexcept;
  static void end(void* data, JobEnd how) noexcept;
  void ask(const std::shared_ptr<Core>& self, const RecordRef& record, std::int64_t now);
  /// With the mutex held. The change to be told, if there is one.
  std::optional<CheckStatus> settle(Record& record, CheckState state, std::string why, std::int64_t now);
  void tell(const std::optional<CheckStatus>& change) const {
    if (change && options.changed) options.changed(*change);
  }

  WorkerPool& pool;
  const Tasks& tasks;
  const Options options;
  mutable std::mutex mutex;
  std::vector<RecordRef> records;  ///< an owner's are together, in its order
  std::function<void()> roused;
  bool host_started = false, host_stopping = false;
  mutable bool started = false;  ///< latched by whoever finds it so
  std::int64_t ticked_ns = 0;
  std::atomic<std::uint64_t> changes{0};
};

std::optional<CheckStatus> Health::Core::settle(Record& record, CheckState state, std::string why, std::int64_t now) {
  if (state == CheckState::healthy) record.was_well = true;
  const bool changed = record.state != state;
  if (changed) record.since_ns = now;
  if (changed || record.why != why) changes.fetch_add(1, std::memory_order_relaxed);
  record.state = state;
  record.why = std::move(why);
  if (!changed) return std::nullopt;
  return record.status();
}

void Health::Core::run(void* data) noexcept {
  auto& [core, record] = *static_cast<Question*>(data);
  Owner& owner = *record->owner;
  Call& call = record->call();
  const std::int64_t begin = monotonic_ns();
  {
    const std::lock_guard lock(core->mutex);
    if (record->drained) return;
    record->deadline_ns = begin + record->check.timeout_ns;
    call.deadline_ns.store(record->deadline_ns, std::memory_order_relaxed);
    call.cancelled.store(0, std::memory_order_relaxed);
  }
  Error why;
  Code code = Code::ok;
  {
    const GateEntry entry(owner, Phase::run, ThreadTag::worker, &call, Gate::State::open);
    if (!entry) return;
    code = record->check.run(record->check.data, call, why);
  }
  std::optional<CheckStatus> change;
  try {
    const std::int64_t now = monotonic_ns();
    const std::lock_guard lock(core->mutex);
    ++record->runs;
    if (code != Code::ok || record->overdue || now > record->deadline_ns) ++record->failures;
    if (record->drained || owner.wedged()) return;
    if (record->overdue || now > record->deadline_ns)
      change =
          core->settle(*record, CheckState::unhealthy, "did not answer within " + format_duration(Nanos(record->check.timeout_ns)), now);
    else if (code == Code::ok)
      change = core->settle(*record, CheckState::healthy, {}, now);
    else
      change = core->settle(*record, CheckState::unhealthy,
                            why.message.empty() ? std::string(code_name(code)) : printable(why.message, max_why), now);
    if (change && core->roused) core->roused();
    record->due_ns = now + record->check.interval_ns;
    record->deadline_ns = no_deadline;  // it has answered, though its job has not ended yet
  } catch (...) {                       // out of memory: the last answer stands
  }
  core->tell(change);
}

void Health::Core::end(void* data, JobEnd) noexcept {
  const std::unique_ptr<Question> question(static_cast<Question*>(data));
  const std::lock_guard lock(question->core->mutex);
  Record& record = *question->record;
  record.asking = record.overdue = false;
  record.deadline_ns = no_deadline;
}

void Health::Core::ask(const std::shared_ptr<Core>& self, const RecordRef& record, std::int64_t now) {
  auto question = std::make_unique<Question>(Question{self, record});
  Job job;
  job.run = &Core::run;
  job.end = &Core::end;
  job.data = question.get();
  job.timeout_ns = record->check.timeout_ns;
  Result<void> posted = pool.post(*record->owner, job);
  if (posted) {
    static_cast<void>(question.release());
    return;
  }
  std::optional<CheckStatus> change;
  {
    const std::lock_guard lock(mutex);
    record->asking = false;
    record->due_ns = now + record->check.interval_ns;
    if (posted.error().code == Code::unavailable) return;  // it is leaving
    change = settle(*record, CheckState::unhealthy, "could not be asked: " + printable(posted.error().message, max_why), now);
  }
  tell(change);
}

Health::Health(WorkerPool& pool, const Tasks& tasks) : Health(pool, tasks, Options{}) {}
Health::Health(WorkerPool& pool, const Tasks& tasks, Options options) : core_(std::make_shared<Core>(pool, tasks, std::move(options))) {
  core_->ticked_ns = monotonic_ns();
}
Health::~Health() = default;

Result<void> Health::join(Owner& owner, std::vector<HealthCheck> checks) {
  if (auto ok = examine_checks(checks); !ok) return ok.error();
  const std::lock_guard lock(core_->mutex);
  for (HealthCheck& check : checks) {
    auto record = std::make_shared<Core::Record>();
    record->owner = &owner;
    record->check = std::move(check);
    record->since_ns = monotonic_ns();
    core_->records.push_back(std::move(record));
  }
  return {};
}

void Health::started(Owner& owner) {
  const std::lock_guard lock(core_->mutex);
  bool due = false;
  for (const auto& record : core_->records)
    if (record->owner == &owner && record->due_ns == no_deadline) {
      record->due_ns = 0;
      due = true;
    }
  if (due && core_->roused) core_->roused();
}

void Health::drain(Owner& owner) {
  const std::lock_guard lock(core_->mutex);
  for (const auto& record : core_->records) {
    if (record->owner != &owner) continue;
    record->drained = true;
    if (record->asking) record->call().cancel();
  }
}

void Health::leave(Owner& owner) {
  drain(owner);
  const std::lock_guard lock(core_->mutex);
  if (std::erase_if(core_->records, [&owner](const auto& record) { return record->owner == &owner; }) != 0)
    core_->changes.fetch_add(1, std::memory_order_relaxed);
}

void Health::on_rouse(std::function<void()> roused) {
  const std::lock_guard lock(core_->mutex);
  core_->roused = std::move(roused);
}

void Health::host_started() {
  const std::lock_guard lock(core_->mutex);
  core_->host_started = true;
}

void Health::host_stopping() {
  const std::lock_guard lock(core_->mutex);
  core_->host_stopping = true;
}

std::int64_t Health::tick(std::int64_t now) {
  std::int64_t next_ns = no_deadline;
  std::vector<Core::RecordRef> due;
  std::vector<CheckStatus> changed;
  {
    const std::lock_guard lock(core_->mutex);
    core_->ticked_ns = now;
    for (const auto& record : core_->records) {
      if (record->drained || record->owner->wedged()) continue;
      if (!record->asking && record->due_ns <= now) {
        record->asking = true;
        record->deadline_ns = now + record->check.timeout_ns + queued_limit_ns;  // set anew when it runs
        due.push_back(record);
      } else if (record->asking && !record->overdue && record->deadline_ns < now) {
        record->overdue = true;
        record->call().cancel();
        if (auto change = core_->settle(*record, CheckState::unhealthy,
                                        "did not answer within " + format_duration(Nanos(record->check.timeout_ns)), now))
          changed.push_back(std::move(*change));
      }
      if (!record->asking)
        next_ns = std::min(next_ns, record->due_ns);
      else if (!record->overdue)
        next_ns = std::min(next_ns, record->deadline_ns);
    }
  }
  for (const CheckStatus& change : changed) core_->tell(change);
  for (const auto& record : due) core_->ask(core_, record, now);
  return next_ns;
}

HealthReport Health::report(std::int64_t now) const {
  HealthReport out;
  bool all_were_well = true, required_unhealthy = false;
  {
    const std::lock_guard lock(core_->mutex);
    out.live = now - core_->ticked_ns <= core_->options.live_ns;
    for (const auto& record : core_->records) {
      if (record->owner->wedged()) continue;
      out.checks.push_back(record->status());
      if (record->check.required && !record->was_well) all_were_well = false;
    }
  }
  for (const TaskStatus& task : core_->tasks.list()) {
    if (task.kind != TaskKind::loop || task.health == TaskHealth::ok) continue;
    const bool failed = task.health == TaskHealth::failed;
    std::string why = failed ? "the background loop has ended" : "the background loop has ended and will begin again";
    if (!task.decided_by.empty()) why += " (`" + task.decided_by + "` is `" + std::string(policy_name(task.policy)) + "`)";
    out.checks.push_back({task.owner, task.name.empty() ? "loop" : task.name, failed, CheckState::unhealthy, std::move(why), task.ended_ns,
                          task.runs, task.failures});
  }
  std::stable_sort(out.checks.begin(), out.checks.end(), [](const CheckStatus& a, const CheckStatus& b) { return a.module < b.module; });
  for (const CheckStatus& c : out.checks) {
    if (c.state != CheckState::unhealthy) continue;
    out.degraded = true;
    if (c.required) required_unhealthy = true;
  }
  const std::lock_guard lock(core_->mutex);
  if (core_->host_started && all_were_well) core_->started = true;
  out.started = core_->started;
  out.ready = out.started && !core_->host_stopping && !required_unhealthy;
  return out;
}

std::uint64_t Health::changes() const { return core_->changes.load(std::memory_order_relaxed); }

}  // namespace tenon::host

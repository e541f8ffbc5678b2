#include "run.hpp"

#include <malloc.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "config/schema.hpp"
#include "signals.hpp"
#include "status_file.hpp"

namespace tenon::host {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
/// When all modules are gone, a reload or directory check under way gets this much longer: it only reads, and a file system may never answer.
constexpr std::int64_t reading_limit_ns = second_ns;
/// The kernel's threads have nothing to do any more when all modules are gone.
constexpr std::int64_t kernel_limit_ns = 2 * second_ns;

PhaseLimits limits_of(const PhaseTimeouts& t) {
  PhaseLimits out{};
  const auto set = [&out](Phase phase, std::chrono::nanoseconds d) { out[static_cast<std::size_t>(phase)] = d.count(); };
  set(Phase::load, t.load);
  set(Phase::create, t.create);
  set(Phase::pre_init, t.pre_init);
  set(Phase::init, t.init);
  set(Phase::post_init, t.post_init);
  set(Phase::start, t.start);
  set(Phase::stop, t.stop);
  set(Phase::destroy, t.destroy);
  return out;
}

// Live itself, or above something live.
bool may_change(const Schema& schema, const std::string& path, int depth = 0) {
  if (schema.is_live(path)) return true;
  if (depth > 16) return false;
  for (const std::string& name : schema.property_names(path))
    if (may_change(schema, path.empty() ? name : path + "." + name, depth + 1)) return true;
  return false;
}

LoadSpec spec_of(const PlannedModule& p, const std::shared_ptr<const ModuleConfig>& config) {
  LoadSpec out;
  const Manifest& manifest = *p.candidate.manifest;
  out.expected.name = p.candidate.name;
  out.expected.version = manifest.version.str();
  for (const InterfaceNeed& need : manifest.needs) out.expected.needs.emplace_back(need.id, need.optional);
  for (const Requirement& requirement : manifest.requirements) out.required.push_back(requirement.name);
  for (const Named& capability : manifest.capabilities) out.expected.capabilities.push_back(capability.name);
  out.trusted = p.trusted;
  const LibraryFile& file = *p.candidate.file;
  out.file = {p.candidate.name, file.path, file.size, file.digest, file.device, file.inode};
  out.build_id = p.candidate.file->build_id;
  out.config = {config, &config->value};
  out.loops = p.loops;
  if (p.permissions)
    out.permissions =
        std::make_shared<const Permissions>(Permissions::of_plugin(p.candidate.name, p.permissions->asked, p.permissions->granted));
  if (config->schema)
    out.may_change = [schema = config->schema](std::string_view path) { return may_change(*schema, std::string(path)); };
  else
    out.may_change = [](std::string_view) { return false; };
  return out;
}

ModuleStatus status_of(const PlannedModule& p, std::int64_t now) {
  ModuleState state = ModuleState::planned;
  if (p.fate == Fate::refused) state = ModuleState::refused;
  if (p.fate == Fate::blocked) state = ModuleState::blocked;
  if (p.fate == Fate::disabled) state = ModuleState::disabled;
  return {p.candidate.name, p.candidate.manifest ? p.candidate.manifest->version.str() : std::string(), state, now, p.reason, p.trusted,
          p.required};
}

}  // namespace

Run::Run(const DaemonOptions& options, std::shared_ptr<const Config> config, LogCore& log, Kernel& kernel, StateDir state, BootOptions boot,
         BootTimes times, BootHand hand)
    : options_(options),
      config_(std::move(config)),
      log_(log),
      kernel_(kernel),
      state_(std::move(state)),
      boot_(std::move(boot)),
      times_(times),
      signals_(std::move(hand.signals)),
      supervisor_(std::move(hand.supervisor)),
      topics_(kernel_, log_),
      states_audit_(
          kernel_.audit(),
          [this](const std::string& module) {  // modules_ is not changed after take_over()
            const auto found = digests_.find(module);
            return found == digests_.end() ? std::string() : to_hex(*found->second);
          },
          [this] { loop_.wake(); }),
      observer_(log_, [this] { loop_.wake(); }),
      started_realtime_ns_(realtime_ns()),
      status_written_ns_(monotonic_ns()),
      reload_came_(hand.reload_wanted) {
  supervisor_.on_problem = [this](const Error& why) { log_.log(warn, "the supervisor does not hear", {{"error", why.message}}); };
  observer_.on_state = [this](const ModuleStatus& status) {
    states_audit_.add(status);
    topics_.module_state(status);
  };
  observer_.on_load_overdue = [this](const std::string& module, bool required) { load_overdue(module, required); };
  observer_.on_load_interrupted = [this](const std::string& module) { load_interrupted(module); };
  observer_.on_stopping = [this, grace = config_->host.shutdown.count()] { topics_.shutdown(grace); };
}

Run::~Run() {
  kernel_.count_modules_by({});
  if (worker_.joinable()) worker_.join();
}

void Run::take_over(Plan& plan, std::optional<ModuleStore> store) {
  const std::vector<std::uint32_t> first = load_order(plan);
  const std::int64_t now = monotonic_ns();
  std::vector<LoadSpec> specs;
  std::vector<RunnerModule> rows;
  for (std::size_t i = 0; i < plan.modules.size(); ++i) {
    PlannedModule& p = plan.modules[i];
    if (i >= plan.planned) {
      others_.push_back(status_of(p, now));
      audit_state(kernel_.audit(), others_.back(), p.candidate.file ? to_hex(p.candidate.file->digest) : std::string());
      continue;
    }
    drop_places(p.config.value);  // else the manifest's text would stay for as long as the module
    const auto config = std::make_shared<const ModuleConfig>(std::move(p.config));
    specs.push_back(spec_of(p, config));
    if (!p.trusted) stored_.push_back(specs.back().file);
    RunnerModule row;
    row.name = p.candidate.name;
    row.version = specs.back().expected.version;
    row.trusted = p.trusted;
    row.required = p.required;
    row.requirements = p.requires_;
    row.after = p.after;
    row.limits = limits_of(p.timeouts);
    rows.push_back(std::move(row));
    modules_.push_back(
        {p.candidate.name, specs.back().expected.version, p.candidate.file->path, p.candidate.file->digest, p.trusted, p.required, config});
  }

  for (const RunningModule& m : modules_) digests_.emplace(m.name, &m.digest);
  news_.began_with(restart_would(plan, modules_));

  store_ = std::move(store);
  host_ = std::make_unique<HostContext>(log_, host_version(), make_uuid(), &kernel_);
  if (options_.strict) host_->check_strictly();
  ranges_ = std::make_unique<CodeRanges>();
  crash_handler_.emplace(*ranges_, log_, state_.fd.get(), host_version(), host_->strict());
  loader_ = std::make_unique<Loader>(*host_, store_ ? &*store_ : nullptr, *ranges_, LoaderOptions{&reinstall_crash_handler});
  std::vector<std::unique_ptr<ModuleInstance>> instances = loader_->prepare(std::move(specs), first);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].instance = std::move(instances[i]);

  RunnerOptions options;
  options.load_order = first;
  options.parallelism = config_->host.parallelism;
  options.migrate_only = options_.migrate_only;
  options.record_timings = !options_.startup_report.empty();
  options.stop_total_ns = config_->host.stop_total.count();
  options.shutdown_ns = config_->host.shutdown.count();
  options.thread_begins = &prepare_thread_for_crashes;
  runner_ = std::make_unique<Runner>(std::move(rows), std::move(options), observer_);
  kernel_.count_modules_by([this] {  // others_ stays as it is
    std::map<std::string, std::uint64_t> counts;
    for (const ModuleStatus& m : all_modules()) ++counts[std::string(state_name(m.state))];
    return counts;
  });
}

DaemonResult Run::run(Plan plan, std::optional<ModuleStore> store, std::optional<DirectoryWatch> watch) {
  loop_.watch(signals_.get(), [this] {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) on_signal(static_cast<int>(info.ssi_signo));
  });
  loop_.on_wake([this] { on_woken(); });
  kernel_.on_rouse([this] {
    kernel_roused_.store(true);
    loop_.wake();
  });
  kernel_.health().on_rouse([this] {
    health_roused_.store(true);
    loop_.wake();
  });
  check_timer_ = loop_.add_timer([this] { look(); });
  tick_timer_ = loop_.add_timer([this] { on_tick(); });
  audit_timer_ = loop_.add_timer([this] { write_audit(); });
  kernel_timer_ = loop_.add_timer([this] { tick_kernel(monotonic_ns()); });
  status_timer_ = loop_.add_timer([this] { write_status(true); });
  watch_timer_ = loop_.add_timer([this] { files_changed(); });
  end_timer_ = loop_.add_timer([this] {
    log_.log(warn, "a reload or directory check does not end and is not waited for", {});
    loop_.stop();
  });
  if (watch) listen(std::move(*watch));
  take_over(plan, std::move(store));
  watchdog_timer_ = loop_.add_timer([this] { feed_watchdog(); });
  loop_.set_timer(tick_timer_, monotonic_ns() + second_ns);
  feed_watchdog();
  if (reload_came_) request_reload();
  runner_->start();
  plan = {};  // manifests and gate reports have done their work; given back while the first modules load
  loop_.run();
  // The thread that told the end may still be on its way out of the observer, which wakes this loop.
  runner_->wait_finished();
  static_cast<void>(states_audit_.write());
  kernel_.on_rouse({});  // a module that is wedged may still post
  kernel_.health().on_rouse({});

  const RunnerResult result = runner_->result();
  write_status(true);
  write_report();
  if (interrupted_) log_.log(error, interrupted_text, {});
  const bool ended = kernel_.end(monotonic_ns() + kernel_limit_ns);
  return {interrupted_ ? worse(result.exit, ExitCode::try_again) : result.exit, result.wedged || !ended};
}

void Run::on_signal(int signal) {
  switch (signal) {
    case SIGTERM:
    case SIGINT:
      if (++stop_signals_ > 2) {
        log_.log(error, "third signal: exit at once", {});
        log_.flush();
        ::_exit(128 + signal);
      }
      if (options_.migrate_only && !observer_.is_stopping.load()) interrupted_ = true;
      log_.log(info, stop_signals_ == 1 ? "stopping" : "stopping in a hurry", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
      if (!observer_.is_stopping.load()) topics_.stop_signalled(signal);
      runner_->request_stop();
      look();
      break;
    case SIGHUP:
      request_reload();
      break;
    case SIGUSR1:
      static_cast<void>(log_.reopen());  // tells a failure itself, through the file it keeps
      break;
    case SIGQUIT:
      dump();
      break;
    default:
      break;
  }
}

// Many records at a time while modules are loaded: each waits this long at most.
void Run::write_audit() {
  constexpr std::int64_t together_ns = 1'000'000;
  loop_.set_timer(audit_timer_, states_audit_.write() ? monotonic_ns() + together_ns : no_deadline);
}

void Run::on_woken() {
  write_audit();
  if (observer_.check_wanted.exchange(false)) look();
  if (observer_.is_ready.load() && !ready_handled_) became_ready();
  if (observer_.is_stopping.load() && !stopping_handled_) began_stopping();
  end_reload();
  end_file_check();
  // Stays set until the status file is written, which is at most once per second: until then a change wakes nobody.
  const bool states_changed = observer_.states_changed.load();
  // A module that has just started may have checks to be asked.
  if (kernel_roused_.exchange(false) || (states_changed && kernel_.in_use()))
    set_kernel_timer(std::min(kernel_due_ns_, monotonic_ns() + Kernel::tick_ns));
  // Those of many modules together.
  constexpr std::int64_t together_ns = 1'000'000;
  if (health_roused_.exchange(false)) set_kernel_timer(std::min(kernel_due_ns_, monotonic_ns() + together_ns));
  if (states_changed) {
    write_status(false);
    status_line_due_ = true;
  }
  if (observer_.is_finished.load() && !finished_handled_) {
    finished_handled_ = true;
    loop_.set_timer(end_timer_, monotonic_ns() + reading_limit_ns);
  }
  // In the loop, so that signals are read until the end.
  if (finished_handled_ && !worker_busy_) loop_.stop();
}

// With every tick of ours, and in between when something is pending: an idle host is woken once per second.
void Run::tick_kernel(std::int64_t now) {
  set_kernel_timer(no_deadline);
  const std::int64_t next = kernel_.tick(now);
  if (next < now + Kernel::idle_tick_ns) set_kernel_timer(next);
  if (ready_handled_ && kernel_.health().changes() != health_changes_) watch_health(now);
}

void Run::set_kernel_timer(std::int64_t at_ns) {
  kernel_due_ns_ = at_ns;
  loop_.set_timer(kernel_timer_, at_ns);
}

// Checks say when they change; background loops are looked at.
void Run::watch_health(std::int64_t now) {
  const HealthReport health = kernel_.health().report(now);
  const std::uint64_t changes = kernel_.health().changes();
  if (changes == health_changes_ && health.ready == health_ready_ && health.degraded == health_degraded_) return;
  health_changes_ = changes;
  health_ready_ = health.ready;
  health_degraded_ = health.degraded;
  // Once in a life without the pause between two writes: until then the file says that nothing is known, and the host is not ready.
  const bool first = !health_known_ && std::none_of(health.checks.begin(), health.checks.end(),
                                                    [](const CheckStatus& c) { return c.state == CheckState::unknown; });
  health_known_ = health_known_ || first;
  write_status(first);
  status_line_due_ = true;
}

void Run::look() {
  loop_.set_timer(check_timer_, runner_->check());
  if (supervisor_.active() && is_moving()) extend_supervisor(runner_->latest_deadline());
}

void Run::on_tick() {
  const std::int64_t now = monotonic_ns();
  log_.tick(now);
  if (const std::int64_t culprit = loader_->hanging_delivery(now); culprit >= 0)
    runner_->module_wedged(
        static_cast<std::uint32_t>(culprit),
        {Code::deadline_exceeded, "a notification (ended call or release) did not return within 2s", "DEADLINE", 0, ExitCode::unavailable});
  tell_supervisor();
  look();
  tick_kernel(now);
  if (kernel_.in_use()) watch_health(now);
  loop_.set_timer(tick_timer_, now + second_ns);
}

void Run::became_ready() {
  ready_handled_ = true;
  kernel_.health().host_started();
  write_status(!status_written_);  // the first one, unless the boot took longer than a second
  const std::int64_t ready = observer_.ready_at_ns.load();
  static_cast<void>(supervisor_.ready(status_line()));
  const std::vector<ModuleStatus> all = all_modules();
  char took[32];
  std::snprintf(took, sizeof took, "%.2fms", static_cast<double>(ready - options_.process_start_ns) / 1e6);
  log_.log(info, "ready",
           {{"modules", std::to_string(modules_.size())},
            {"not_running", std::to_string(count_not_running(all))},
            {"took", took},
            {"degraded", is_degraded(all) ? "true" : "false"}});
  if (options_.colour || ::isatty(STDERR_FILENO) != 0) {
    std::fprintf(stderr, "\n  %-10s %8s %12s\n", "phase", "modules", "ms");
    const auto line = [](const char* phase, std::size_t modules, std::int64_t ns) {
      std::fprintf(stderr, "  %-10s %8zu %12.2f\n", phase, modules, static_cast<double>(ns) / 1e6);
    };
    line("discover", modules_.size() + others_.size(), times_.plan_begin - times_.discover_begin);
    line("plan", modules_.size(), times_.plan_end - times_.plan_begin);
    for (const PhaseTime& p : observer_.phases()) line(p.phase.c_str(), p.modules, (p.end_ns != 0 ? p.end_ns : ready) - p.begin_ns);
    std::fprintf(stderr, "  %-10s %8s %12.2f\n\n", "ready", "", static_cast<double>(ready - options_.process_start_ns) / 1e6);
  }
  write_report();
  if (store_) {
    if (const Result<void> kept = store_->keep(stored_); !kept)
      log_.log(warn, "the module store could not be tidied up", {{"error", kept.error().message}});
  }
  // Nothing is loaded any more: what that needed is given back (clearing would keep it).
  static_cast<void>(states_audit_.write());
  stored_ = std::vector<StoreRequest>();
  digests_ = std::unordered_map<std::string_view, const Digest*>();
  log_.end_early();
  ::malloc_trim(0);  // what parsing and planning needed is over

  // What was asked for, or noticed, until now.
  begin_reload();
}

void Run::began_stopping() {
  stopping_handled_ = true;
  kernel_.health().host_stopping();
  if (watch_) watch_->forget();  // a restart looks for itself
  static_cast<void>(supervisor_.stopping(status_line()));
  // At once: the supervisor's own limit may be shorter than ours for the whole way back.
  extended_ns_ = extended_until_ns_ = 0;
  extend_supervisor(monotonic_ns() + config_->host.shutdown.count());
}

}  // namespace tenon::host

// The running daemon's ears: reload, dropped files, dumps.
#include <unistd.h>

#include <algorithm>

#include "abi/instance.hpp"
#include "base/clock.hpp"
#include "base/text.hpp"
#include "daemon/journal.hpp"
#include "kernel/gate.hpp"
#include "run.hpp"

namespace tenon::host {

void Run::request_reload() {
  if (is_ending()) {
    log_.log(info, "reload dropped, the daemon is stopping", {});
    return;
  }
  if (options_.migrate_only) {
    log_.log(info, "reload dropped, a migration reads its configuration once", {});
    return;
  }
  reload_wanted_ = true;  // one running, one pending: further requests are that pending one
  if (!ready_handled_) {
    log_.log(info, "reload is remembered until ready", {});
    return;
  }
  begin_reload();
}

void Run::begin_reload() {
  if (worker_busy_ || is_ending()) return;
  if (worker_.joinable()) worker_.join();
  if (!reload_wanted_ && !check_files_wanted_) return;
  worker_busy_ = true;
  if (reload_wanted_) {
    reload_wanted_ = false;
    if (!reload_told_) static_cast<void>(supervisor_.reloading(monotonic_ns()));
    reload_told_ = true;
    return aside(
        [this, config = config_, modules = modules_] {
          ReloadOutcome outcome = compute_reload(options_.config, boot_, *config, modules);
          const std::lock_guard lock(outcome_mutex_);
          reload_outcome_ = std::move(outcome);
        },
        [this](const std::string& why) {
          ReloadOutcome outcome;
          outcome.errors.error("reload.failed", {}, "the reload could not be worked out: " + why, "send SIGHUP again").exit =
              ExitCode::os_error;
          const std::lock_guard lock(outcome_mutex_);
          reload_outcome_ = std::move(outcome);
        });
  }
  check_files_wanted_ = false;
  aside(
      [this, config = config_, modules = modules_] {
        std::vector<std::string> sentences = restart_would(prepare_plan(*config, boot_), modules);
        const std::lock_guard lock(outcome_mutex_);
        file_outcome_ = std::move(sentences);
      },
      [this](const std::string& why) {
        const std::lock_guard lock(outcome_mutex_);
        file_outcome_ = Error{Code::resource_exhausted, why, {}, 0, ExitCode::os_error};
      });
}

void Run::aside(std::function<void()> work, const std::function<void(const std::string& why)>& failed) {
  try {
    worker_ = std::thread([this, work = std::move(work), failed] {
      try {
        work();
      } catch (const std::exception& e) {
        failed(e.what());
      }
      loop_.wake();
    });
  } catch (const std::exception&) {  // memory is another thing that may lack
    failed("the system gives no thread, raise the limit of processes");
    loop_.wake();
  }
}

void Run::end_reload() {
  std::optional<ReloadOutcome> outcome;
  {
    const std::lock_guard lock(outcome_mutex_);
    outcome.swap(reload_outcome_);
  }
  if (!outcome) return;
  worker_busy_ = false;
  if (is_ending()) {
    log_.log(info, "reload dropped, the daemon is stopping", {});
    return;  // READY=1 would take back the STOPPING=1
  }
  apply(std::move(*outcome));
  if (!reload_wanted_) {
    static_cast<void>(supervisor_.ready(status_line()));
    reload_told_ = false;
  }
  begin_reload();
}

void Run::apply(ReloadOutcome outcome) {
  if (!outcome.errors.empty()) {
    log_.log(error, "reload refused, nothing changed", {{"problems", std::to_string(outcome.errors.error_count())}});
    tell_diagnostics(log_, config_->host.log, outcome.errors, options_.colour);
    return;
  }
  const LogSettings before = config_->host.log;
  config_ = std::move(outcome.next);
  if (const Result<void> opened = log_.open(log_options(config_->host.log, options_.colour)); !opened)
    log_.log(error, "the log keeps its old target", {{"error", opened.error().message}});
  for (const auto& [name, level] : before.modules)
    if (!config_->host.log.modules.contains(name)) log_.set_level(name, -1);
  for (const auto& [name, level] : config_->host.log.modules) log_.set_level(name, level);
  std::vector<HostTopics::Change> changes;
  for (ReloadOutcome::ModuleChange& change : outcome.modules) {
    if (!change.change.paths.empty()) changes.push_back({modules_[change.module].name, change.change.paths});
    modules_[change.module].config = std::make_shared<const ModuleConfig>(std::move(change.config));
    for (const std::string& path : change.change.paths)
      outcome.diff.applied.push_back("modules." + modules_[change.module].name + ".config." + path);
    runner_->configure(change.module, std::move(change.change));
  }
  topics_.config_changed(changes);
  std::string applied;
  for (const std::string& key : outcome.diff.applied) applied += (applied.empty() ? "" : ", ") + key;
  log_.log(info, "reloaded", {{"applied", applied.empty() ? "nothing" : applied}});
  tell_diagnostics(log_, config_->host.log, outcome.warnings, options_.colour);
  for (const std::string& sentence : news_.new_keys(outcome.needs_restart)) log_.log(warn, "needs restart", {{"what", sentence}});
  std::vector<std::string> withdrawn;
  for (const std::string& sentence : news_.new_modules(outcome.restart_would, &withdrawn))
    log_.log(warn, "needs restart", {{"what", sentence}});
  tell_withdrawn(withdrawn);
}

std::optional<DirectoryWatch> watch_directories(LogCore& log, const HostSettings& settings) {
  Result<DirectoryWatch> watch = DirectoryWatch::create();
  if (!watch) {
    log.log(warn, "directories are not watched", {{"error", watch.error().message}});
    return std::nullopt;
  }
  std::vector<std::string> directories = settings.plugin_dirs;
  directories.insert(directories.end(), settings.manifest_dirs.begin(), settings.manifest_dirs.end());
  for (const std::string& directory : directories)
    if (const Result<void> added = watch->add(directory, monotonic_ns()); !added)
      log.log(warn, "a directory is not watched", {{"directory", directory}, {"error", added.error().message}});
  return std::move(*watch);
}

void Run::listen(DirectoryWatch watch) {
  watch_.emplace(std::move(watch));
  loop_.watch(watch_->fd(), [this] {
    static_cast<void>(watch_->on_readable(monotonic_ns()));
    loop_.set_timer(watch_timer_, watch_->next_deadline());
  });
  loop_.set_timer(watch_timer_, watch_->next_deadline());
}

void Run::files_changed() {
  const std::vector<DirectoryChange> due = watch_->take_due(monotonic_ns());
  loop_.set_timer(watch_timer_, watch_->next_deadline());
  if (due.empty()) return;
  for (const DirectoryChange& change : due) {
    using Kind = DirectoryChange::Kind;
    const std::string_view what = change.kind == Kind::changed   ? "changed"
                                  : change.kind == Kind::removed ? "removed"
                                  : change.kind == Kind::gone    ? "directory is gone"
                                                                 : "directory is looked through";
    log_.log(info, "noticed", {{"directory", change.directory}, {"file", change.name}, {"what", what}});
  }
  check_files_wanted_ = true;
  if (ready_handled_) begin_reload();
}

void Run::end_file_check() {
  std::optional<Result<std::vector<std::string>>> outcome;
  {
    const std::lock_guard lock(outcome_mutex_);
    outcome.swap(file_outcome_);
  }
  if (!outcome) return;
  worker_busy_ = false;
  if (!*outcome) {
    log_.log(warn, "what a restart would change could not be worked out", {{"error", outcome->error().message}});
    return begin_reload();
  }
  std::vector<std::string> withdrawn;
  const std::vector<std::string> news = news_.new_modules(**outcome, &withdrawn);
  for (const std::string& sentence : news) log_.log(info, "a restart would change", {{"what", sentence}});
  tell_withdrawn(withdrawn);
  if (!news_.any())
    log_.log(info, "a restart would change nothing", {});
  else if (news.empty() && withdrawn.empty())
    log_.log(info, "a restart would change nothing more than reported", {});
  begin_reload();
}

void Run::tell_withdrawn(const std::vector<std::string>& sentences) {
  for (const std::string& sentence : sentences) log_.log(info, "withdrawn: no longer what a restart would do", {{"what", sentence}});
}

void Run::dump() {
  log_.log(info, "dump: modules", {});
  for (const ModuleStatus& m : runner_->status())
    log_.log(info, "dump: module",
             {{"module", m.name},
              {"state", state_name(m.state)},
              {"for", format_duration(Nanos((monotonic_ns() - m.since_ns) / 1'000'000 * 1'000'000))},
              {"reason", m.reason}});
  for (const ThreadFrames* f = all_thread_frames(); f != nullptr; f = f->next) {
    for (std::uint32_t i = 0; i < f->depth.load(std::memory_order_seq_cst) && i < ThreadFrames::max_depth; ++i)
      if (const Owner* owner = f->frames[i].owner.load(std::memory_order_seq_cst))
        log_.log(info, "dump: thread",
                 {{"thread", std::to_string(f->thread_id.load())}, {"module", owner->name()}, {"phase", phase_name(f->frames[i].phase())}});
  }
  constexpr std::size_t records = 50;
  std::string text;
  const bool kept = loader_->dump_log(records, [&text](const tenon_log_record& r) {
    char time[28];
    format_rfc3339(r.time_ns, time);
    std::string line = std::string(time) + " " + std::string(level_name(r.level)) + " " + printable(view(r.module)) + ": " +
                       printable(view(r.message), 1024);
    for (std::size_t i = 0; i < r.kv_count; ++i) line += " " + printable(view(r.kv[i].key)) + "=" + printable(view(r.kv[i].value), 512);
    text += for_stderr(line + "\n", r.level);
  });
  log_.log(info, kept ? "dump: last records follow on stderr" : "dump: no module keeps log records", {});
  log_.flush();
  if (kept) static_cast<void>(write_all(STDERR_FILENO, text));
}

}  // namespace tenon::host

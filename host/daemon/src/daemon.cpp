#include "daemon/daemon.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "audit.hpp"
#include "base/clock.hpp"
#include "base/memory.hpp"
#include "base/sanitizer.hpp"
#include "crash_handler.hpp"
#include "daemon/journal.hpp"
#include "kernel/gate.hpp"
#include "planning.hpp"
#include "run.hpp"
#include "storage_file.hpp"

namespace tenon::host {

LogOptions log_options(const LogSettings& settings, bool colour) {
  LogOptions out;
  out.format = settings.format == "json" ? LogOptions::Format::json : LogOptions::Format::text;
  out.level = settings.level;
  out.rate = settings.rate;
  out.burst = settings.burst;
  if (settings.file) {
    out.target = LogOptions::Target::file;
    out.file = {settings.file->path, settings.file->max_size, settings.file->max_files};
  } else {
    out.colour = colour && out.format == LogOptions::Format::text;
    out.journal_prefix = stderr_is_journal();
  }
  return out;
}

namespace {

int level_of(const Diagnostic& d) { return d.severity == Severity::error ? error : d.severity == Severity::warning ? warn : debug; }

}  // namespace

void tell_diagnostics(LogCore& log, const LogSettings& settings, const Diagnostics& diagnostics, bool colour) {
  const bool blocks = settings.format != "json" && !settings.file && !stderr_is_journal();
  for (const Diagnostic& d : diagnostics.items()) {
    const int level = level_of(d);
    if (!log.enabled(level)) continue;
    if (blocks) {
      static_cast<void>(write_all(STDERR_FILENO, to_text(d, colour)));
      continue;
    }
    const std::string line = std::to_string(d.where.line);
    const std::string column = std::to_string(d.where.column);
    std::vector<LogField> fields = {{"finding", d.code}};
    if (!d.module.empty()) fields.push_back({"module", d.module});
    if (d.where.source) fields.push_back({"file", d.where.source->name});
    if (d.where.line != 0) {
      fields.push_back({"line", line});
      fields.push_back({"column", column});
    }
    if (!d.path.empty()) fields.push_back({"path", d.path});
    if (!d.help.empty()) fields.push_back({"help", d.help});
    log.log(level, d.message, fields);
  }
}

std::string no_migrations_json(const Diagnostics& findings) {
  return "{\"format\":1,\"exit\":0,\"findings\":" + to_json(findings) + ",\"migrations\":[],\"message\":\"no module offers migrations\"}\n";
}

StartupReport begin_startup_report(const DaemonOptions& options, const Config& config, const BootTimes& times) {
  StartupReport out;
  out.program = "tenond " + host_version();
  out.instance = config.host.instance_name;
  out.origin_ns = options.process_start_ns;
  out.realtime_ns = realtime_ns() - (monotonic_ns() - options.process_start_ns);
  out.host = {{"discover", times.discover_begin, times.plan_begin, SpanResult::ok},
              {"plan", times.plan_begin, times.plan_end, SpanResult::ok}};
  return out;
}

namespace {

// Of a boot that ends before any module is loaded: nothing of a module took time, but what was meant with it is known.
void write_failed_report(LogCore& log, const DaemonOptions& options, const Config& config, const BootTimes& times, const Plan& plan) {
  StartupReport report = begin_startup_report(options, config, times);
  report.outcome = "failed";
  report.host.back().result = plan.exit == ExitCode::ok ? SpanResult::ok : SpanResult::failed;
  for (const PlannedModule& p : plan.modules) {
    ModuleSpans row;
    row.module = p.candidate.name;
    row.required = p.required;
    row.state = fate_name(p.fate);
    for (const std::uint32_t r : p.requires_) row.requires_.push_back(plan.modules[r].candidate.name);
    report.modules.push_back(std::move(row));
  }
  if (const Result<void> written = write_startup_report(report, options.startup_report); !written)
    log.log(error, "the startup report could not be written", {{"error", written.error().message}});
}

/// The answer of `migrate --output json` that failed; nothing for others.
void answer_failure(const DaemonOptions& options, const Diagnostics& findings, ExitCode exit) {
  if (!options.migrate_only || !options.json_output || exit == ExitCode::ok) return;
  const std::string answer =
      "{\"format\":1,\"exit\":" + std::to_string(static_cast<int>(exit)) + ",\"findings\":" + to_json(findings) + ",\"migrations\":[]}\n";
  static_cast<void>(write_all(STDOUT_FILENO, answer));
}

void tell_error(LogCore& log, const Error& e, Diagnostics& findings) {
  log.log(error, e.message, {{"exit", std::to_string(static_cast<int>(e.exit))}});
  findings.error("daemon.not_started", {}, e.message).exit = e.exit;
}

/// For a boot that ends while the plan is made, on the thread that serves signals: the main thread still uses everything, and may never come back.
/// `known`: the exit code of what was found until then.
[[noreturn]] void end_while_planning(const Planning& planning, bool overdue, ExitCode known, LogCore& log, SupervisorNotifier& supervisor,
                                     const DaemonOptions& options, const Config& config, Diagnostics& findings) {
  static_cast<void>(supervisor.stopping("stopping: no module was loaded"));
  const ExitCode exit = overdue ? worse(ExitCode::io_error, known) : options.migrate_only ? ExitCode::try_again : ExitCode::ok;
  const std::string exit_text = std::to_string(static_cast<int>(exit));
  if (overdue) {
    findings.error("daemon.not_started", {}, "reading plugins and manifests did not end; the log says more").exit = ExitCode::io_error;
  } else {
    log.log(info, "stopped before any module was loaded", {{"signal", planning.signal() == SIGTERM ? "SIGTERM" : "SIGINT"}});
    if (options.migrate_only) tell_error(log, {Code::cancelled, interrupted_text, {}, 0, exit}, findings);
  }
  if (!options.startup_report.empty()) {
    StartupReport report = begin_startup_report(options, config, {});
    report.outcome = overdue ? "failed" : "cancelled";
    const std::int64_t discovered = planning.discovered_ns();
    report.host = {{"discover", planning.began_ns(), discovered, discovered == 0 ? SpanResult::running : SpanResult::ok}};
    if (discovered != 0) report.host.push_back({"plan", discovered, 0, SpanResult::running});
    if (const Result<void> written = write_startup_report(report, options.startup_report); !written)
      log.log(error, "the startup report could not be written", {{"error", written.error().message}});
  }
  log.log(info, "tenond ends", {{"exit", exit_text}});
  log.flush();
  answer_failure(options, findings, exit);
  end_process(exit, true);
}

bool has_plugins(const Plan& plan) {
  return std::any_of(plan.modules.begin(), plan.modules.begin() + static_cast<std::ptrdiff_t>(plan.planned),
                     [](const PlannedModule& p) { return !p.trusted; });
}

}  // namespace

DaemonResult run_daemon(const DaemonOptions& options) {
  const bool cheap_gates = prepare_gates();
  prepare_memory();
  SupervisorEnvironment environment = take_supervisor_environment();  // there is one thread only
  BootHand hand{open_handled_signals(), SupervisorNotifier::connect(environment)};
  LogCore log;
  Diagnostics diagnostics;
  const LoadedConfig loaded = load_config_as_far_as_possible(options.config, diagnostics);
  const bool valid = loaded.valid;
  const std::shared_ptr<const Config>& config = loaded.config;
  Planning planning(log, hand.supervisor, hand.signals.get());
  // `tell_known` says what was not said yet, and gives its exit code.
  const auto plan_served = [&](const std::function<void()>& work, const std::function<ExitCode()>& tell_known) {
    static_cast<void>(planning.run(work, [&](Planning::End end) {
      const ExitCode known = tell_known();
      end_while_planning(planning, end == Planning::End::overdue, known, log, hand.supervisor, options, *config, diagnostics);
    }));
  };
  const auto print_findings = [&] {
    if (options.migrate_only && options.json_output) return;  // they stand in the answer
    for (const Diagnostic& d : diagnostics.items())
      static_cast<void>(write_all(STDERR_FILENO, for_stderr(to_text(d, options.colour), level_of(d))));
  };
  if (!valid) {
    if (config) {  // everything that is wrong is said in one run
      LogSettings to_stderr = config->host.log;
      to_stderr.file.reset();
      static_cast<void>(log.open(log_options(to_stderr, options.colour)));
      Plan plan;
      plan_served(
          [&] {
            BootOptions boot{options.executable, options.builtins, options.safe_mode, hung_digests(config->host.state_dir)};
            boot.discovered = [&planning] { planning.discovered(); };
            plan = prepare_plan(*config, boot);
          },
          [&] {
            print_findings();
            return diagnostics.exit_code();
          });
      diagnostics.append(plan.diagnostics);
      diagnostics.sort();
    }
    const ExitCode refused = diagnostics.exit_code();
    print_findings();
    answer_failure(options, diagnostics, refused);
    return {refused, false};
  }
  LogSettings log_settings = config->host.log;

  const auto refuse = [&](ExitCode why) -> DaemonResult {
    log.flush();
    answer_failure(options, diagnostics, why);
    return {why, false};
  };

  // As whom this process goes on decides what it may open, so the state directory comes before the log's file.
  Result<StateDir> state = open_state_dir(config->host.state_dir);
  ExitCode exit = ExitCode::ok;
  const Result<void> log_opened = log.open(log_options(log_settings, options.colour));
  if (!log_opened) {
    // Not the end yet: all that is wrong is told in one run, and another finding may decide the exit code.
    exit = log_opened.error().exit;
    log_settings.file.reset();
    static_cast<void>(log.open(log_options(log_settings, options.colour)));  // stderr: cannot fail
  }
  for (const auto& [name, level] : log_settings.modules) log.set_level(name, level);
  log.log(info, "tenond starts",
          {{"version", host_version()}, {"instance", config->host.instance_name}, {"pid", std::to_string(::getpid())}});
  for (const std::string& problem : environment.problems) log.log(warn, problem, {});
  if (!cheap_gates) log.log(info, "this kernel has no membarrier: entering a module costs a full fence", {});
  tell_diagnostics(log, log_settings, diagnostics, options.colour);
  if (!log_opened) tell_error(log, log_opened.error(), diagnostics);

  BootOptions boot{options.executable, options.builtins, options.safe_mode, {}};
  BootTimes times;
  std::optional<DirectoryWatch> watch;
  std::optional<ModuleStore> looked;
  Plan plan;
  boot.notes = options.json_output || log.enabled(debug);
  boot.discovered = [&planning] { planning.discovered(); };
  plan_served(
      [&] {
        if (state) boot.hung_digests = hung_digests(state->path);
        // Before discovery: what is dropped while it reads, or after it, is noticed.
        if (!options.migrate_only) watch = watch_directories(log, config->host);
        if (state) looked = ModuleStore::look(state->path);
        if (looked) boot.store = &*looked;
        plan = prepare_plan(*config, boot, &times);
      },
      [&] {
        if (!state) tell_error(log, state.error(), diagnostics);
        return state ? exit : worse(exit, state.error().exit);
      });
  boot.discovered = {};
  boot.store = nullptr;  // a reload hashes: the store has forgotten by then
  hand.reload_wanted = planning.reload_wanted();
  tell_diagnostics(log, log_settings, plan.diagnostics, options.colour);
  diagnostics.append(plan.diagnostics);
  exit = worse(exit, plan.exit);
  if (!state) {
    tell_error(log, state.error(), diagnostics);
    exit = worse(exit, state.error().exit);
  }
  // The storage is opened in every boot that has got this far, so that what is wrong with it is told together with the rest. Closed last.
  UniqueFd storage_directory;
  KernelOptions kernel_options;
  kernel_options.workers.thread_begins = &prepare_thread_for_crashes;
  if (const std::optional<BreakerSettings>& b = config->host.breaker)
    kernel_options.services.breaker = BreakerOptions{b->failures, b->window.count(), b->open.count(), b->successes};
  if (state && exit == ExitCode::ok) {
    if (Result<std::unique_ptr<AuditLog>> audit = open_audit(config->host, log); audit) {
      kernel_options.audit = std::move(*audit);
    } else {
      tell_error(log, audit.error(), diagnostics);
      exit = audit.error().exit;
    }
  }
  Result<std::unique_ptr<Kernel>> kernel = Kernel::make(log, std::move(kernel_options));
  if (!kernel) {
    tell_error(log, kernel.error(), diagnostics);
    exit = worse(exit, kernel.error().exit);
  } else if (state && needs_storage(plan) && serves_storage_url(*config)) {
    if (const Result<void> opened = open_storage(**kernel, *config, *state, storage_directory); !opened) {
      tell_error(log, opened.error(), diagnostics);
      exit = worse(exit, opened.error().exit);
    }
  }
  // Adds to how the process ends. True: a disk does not answer, so nothing that is open may be freed.
  const auto close_storage = [&](ExitCode& with) {
    if (!kernel) return false;
    const Result<void> closed = (*kernel)->close_storage(monotonic_ns() + config->host.storage_close.count());
    if (closed) return false;
    tell_error(log, closed.error(), diagnostics);
    with = worse(with, closed.error().exit);
    return closed.error().code == Code::deadline_exceeded;
  };
  // For a boot that ends here: nothing that is still in use is freed.
  const auto give_up_storage = [&] {
    if (!close_storage(exit)) return;
    static_cast<void>(kernel->release());
    static_cast<void>(storage_directory.release());
  };
  Result<void> reportable;
  if (!options.startup_report.empty()) reportable = check_startup_report(options.startup_report);
  if (!reportable) {
    tell_error(log, reportable.error(), diagnostics);
    exit = worse(exit, reportable.error().exit);
  }
  if (exit != ExitCode::ok) {
    give_up_storage();
    if (state) log.log(error, "not started", {{"exit", std::to_string(static_cast<int>(exit))}});
    if (reportable && !options.startup_report.empty()) write_failed_report(log, options, *config, times, plan);
    return refuse(exit);
  }
  std::optional<ModuleStore> store;
  if (has_plugins(plan)) {
    Result<ModuleStore> opened = ModuleStore::open(state->path, std::move(looked));
    if (!opened) {
      tell_error(log, opened.error(), diagnostics);
      exit = opened.error().exit;
      give_up_storage();
      if (!options.startup_report.empty()) write_failed_report(log, options, *config, times, plan);
      return refuse(exit);
    }
    store = std::move(*opened);
  }

  (*kernel)->audit().record({"daemon.start", "info", "host", config->host.instance_name, {}, "ok", {{"version", host_version()}}});

  DaemonResult result;
  Run run(options, config, log, **kernel, std::move(*state), std::move(boot), times, std::move(hand));
  run.tell_end = [&](ExitCode with) {
    const auto told = [with](const Diagnostic& d) { return d.exit == with; };
    if (with != ExitCode::ok && options.migrate_only && options.json_output &&
        std::none_of(diagnostics.items().begin(), diagnostics.items().end(), told)) {
      const char* why = with == ExitCode::try_again ? interrupted_text : "a phase before the migrations failed; the log says which";
      diagnostics.error("daemon.failed", {}, why).exit = with;
    }
    diagnostics.sort();
    answer_failure(options, diagnostics, with);
    const std::string exit_text = std::to_string(static_cast<int>(with));
    const char* outcome = with == ExitCode::ok ? "ok" : "failed";
    (*kernel)->audit().record({"daemon.stop", "info", "host", config->host.instance_name, {}, outcome, {{"exit", exit_text}}});
    (*kernel)->audit().flush();
    log.log(info, "tenond ends", {{"exit", exit_text}});
    log.tick(monotonic_ns());
    log.flush();
  };
  result = run.run(std::move(plan), std::move(store), std::move(watch));
  if (close_storage(result.exit)) result.wedged = true;
  if (result.wedged) log.log(error, "a module never came back from a call: the process ends without cleaning up behind it", {});
  if (options.migrate_only && result.exit == ExitCode::ok) {
    diagnostics.sort();
    const Result<void> written =
        write_all(STDOUT_FILENO, options.json_output ? no_migrations_json(diagnostics) : std::string(no_migrations_text));
    if (!written) {
      result.exit = ExitCode::io_error;
      tell_error(log, {Code::internal, "the answer cannot be written to standard output: " + written.error().message, {}, 0, result.exit},
                 diagnostics);
    }
  }
  run.tell_end(result.exit);
  // A thread that a module left behind still reads the records behind its ctx, and the log: nothing it can reach is freed. What must
  // outlive the process is written, and the locks go with the process.
  const bool waits = result.wedged || run.is_reading();  // destructors would, for threads that may never come
  if (waits || !is_sanitized) end_process(result.exit, waits);
  return result;
}

void open_standard_descriptors() {
  // In this order open() gives the very number that is missing: it takes the lowest one.
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) ::_exit(static_cast<int>(ExitCode::os_error));
}

void end_process(ExitCode code, bool wedged) {
  expect_exit();
  std::fflush(nullptr);
  if (is_sanitized && !wedged) std::exit(static_cast<int>(code));
  ::_exit(static_cast<int>(code));
}

}  // namespace tenon::host

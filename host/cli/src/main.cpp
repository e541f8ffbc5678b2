// tenond: from the command line to an exit code.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <system_error>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "commands.hpp"
#include "daemon/daemon.hpp"
#include "daemon/journal.hpp"
#include "kernel/log.hpp"

namespace tenon::host {
namespace {

std::string own_directory() {
  std::error_code failed;
  const std::filesystem::path path = std::filesystem::current_path(failed);
  return failed ? std::string() : path.string();
}

ExitCode run_command(const Options& options, std::int64_t started_ns, bool& wedged) {
  if (options.command == "check") return run_check(options);
  if (options.command == "list") return run_list(options);
  if (options.command == "graph") return run_graph(options);
  if (options.command == "config") return run_config(options);
  if (options.command == "audit") return run_audit(options);
  if (options.command == "inspect") return run_inspect(options);
  if (options.migrate_only)
    if (const std::optional<ExitCode> answered = prepare_migrate(options)) return *answered;
  DaemonOptions daemon;
  daemon.config = options.config;
  add_process_environment(daemon.config);
  daemon.config.directory = own_directory();  // a module may change to another one, and a reload reads again
  daemon.builtins = builtin_modules();
  daemon.executable = own_executable();
  daemon.startup_report = options.startup_report;
  daemon.safe_mode = options.safe_mode;
  daemon.migrate_only = options.migrate_only;
  daemon.strict = options.strict;
  daemon.json_output = options.json;
  daemon.colour = use_colour();
  daemon.process_start_ns = started_ns;
  const DaemonResult result = run_daemon(daemon);
  wedged = result.wedged;
  return result.exit;
}

ExitCode run_main(int argc, const char* const* argv, std::int64_t started_ns, bool& wedged) {
  const auto parsed = parse_options(argc, argv);
  if (const UsageError* wrong = std::get_if<UsageError>(&parsed)) {
    Options asked;
    asked.json = asks_for_json(argc, argv);
    return fail(asked, "usage", wrong->message, wrong->help, ExitCode::usage);
  }
  const Options& options = std::get<Options>(parsed);
  // Whoever does not run the main loop is interrupted as any other program.
  const bool runs_phases = (options.command == "run" || options.command == "migrate") && !options.dry_run && !options.status;
  if (options.help || options.version || !runs_phases) unblock_handled_signals();
  if (options.help) return print(help_text(options.command_given ? options.command : ""));
  if (options.version) return run_version(options);
  return run_command(options, started_ns, wedged);
}

}  // namespace
}  // namespace tenon::host

int main(int argc, char** argv) {
  using namespace tenon::host;  // NOLINT(google-build-using-namespace)
  open_standard_descriptors();
  block_handled_signals();
  const std::int64_t started_ns = monotonic_ns();
  bool wedged = false;
  ExitCode exit = ExitCode::software;
  try {
    exit = run_main(argc, argv, started_ns, wedged);
  } catch (const std::bad_alloc&) {
    static_cast<void>(write_all(STDERR_FILENO, stderr_is_journal() ? "<3>error: out of memory\n" : "error: out of memory\n"));
    exit = ExitCode::os_error;
  } catch (const std::exception& e) {
    static_cast<void>(write_all(STDERR_FILENO, for_stderr(std::string("error: bug in the host: ") + e.what() + "\n", error)));
  }
  end_process(exit, wedged);
}

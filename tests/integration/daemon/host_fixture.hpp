// A daemon of its own for a test: directories, faulty modules, a trace of what ran.
#pragma once

#include <csignal>
#include <string>
#include <vector>

#include "process.hpp"

namespace tenon::test {

/// Which tenond a host runs.
enum class Tree {
  build,  ///< that of the build tree; the host's directory is in its scratch space, which may be closed to other users
  copy,   ///< a copy of its own, with RuntimeModules beside it; the host's directory is in /tmp, so any user may run it
};

class Host {
 public:
  /// Modules by fixture, e.g. "modules/alpha"; copied into the plugins directory.
  explicit Host(const std::vector<std::string>& modules = {}, Tree tree = Tree::build);

  std::string add(const std::string& fixture, const std::string& file_name = {});
  /// Arguments of tenond with this host's directories, `command` first.
  [[nodiscard]] std::vector<std::string> arguments(const std::vector<std::string>& more = {}, const std::string& command = "run") const;
  /// Configuration file text; written to host.yaml. Environment is `local` unless the text says otherwise.
  void configure(const std::string& yaml);
  /// "fail: {init: error}" for one module, on top of the trace file.
  void script(const std::string& module, const std::string& config, const std::string& settings = {});
  [[nodiscard]] std::vector<std::string> trace() const;
  /// Lines of one module without its name: "create enter".
  [[nodiscard]] std::vector<std::string> trace(const std::string& module) const;
  [[nodiscard]] bool traced(const std::string& line) const;
  [[nodiscard]] std::string trace_text() const;
  Ran run_command(const std::string& command, const std::vector<std::string>& more = {}) const;
  /// Everything in this host's directory to one user, with these rights taken away or added: "g+w".
  void give_to(uid_t user, const std::string& mode) const;

  TempDir dir;
  std::string program;  ///< tenond
  std::string plugins, state, config_file, trace_file;
  ProcessOptions options;
  std::string extra_config;  ///< top-level YAML, before `modules`

 private:
  void write_config();
  std::string modules_yaml_;
};

/// Boots, waits for "ready", asks to stop, returns exit code and output.
Ran boot_and_stop(const Host& host, const std::vector<std::string>& more = {});
/// The same with any command line that ends up as the daemon: `as_user(...)`, `unshare ...`.
Ran boot_and_stop(const std::vector<std::string>& arguments, const ProcessOptions& options);
/// The command, run as a user with a group of the same number and no other.
std::vector<std::string> as_user(uid_t user, const std::vector<std::string>& arguments);

}  // namespace tenon::test

// A daemon of its own for a test: directories, faulty modules, a trace of what ran.
#pragma once

#include <csignal>
#include <string>
#include <vector>

#include "process.hpp"

namespace tenon::test {

class Host {
 public:
  /// Modules by fixture, e.g. "modules/alpha"; copied into the plugins directory.
  explicit Host(const std::vector<std::string>& modules = {});

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

  TempDir dir;
  std::string plugins, state, config_file, trace_file;
  ProcessOptions options;
  std::string extra_config;  ///< top-level YAML, before `modules`

 private:
  void write_config();
  std::string modules_yaml_;
};

/// Boots, waits for "ready", asks to stop, returns exit code and output.
Ran boot_and_stop(const Host& host, const std::vector<std::string>& more = {});

}  // namespace tenon::test

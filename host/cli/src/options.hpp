// Options: the command line of tenond, parsed and nothing more.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/config.hpp"

namespace tenon::host {

/// One command line.
struct Options {
  std::string command = "run";
  bool command_given = false;  ///< by its name, not by default
  bool help = false, version = false;
  bool json = false;  ///< --output json
  bool safe_mode = false, migrate_only = false, running = false, strict = false;
  bool dry_run = false, status = false;  ///< of migrate
  std::string module;                    ///< of migrate; empty = all
  std::string startup_report, graph_format = "text";
  std::vector<std::string> arguments;  ///< behind the command
  ConfigInput config;                  ///< files, sets and dedicated options; without the environment
};

/// What is wrong with a command line, and how to go on.
struct UsageError {
  std::string message, help;
};

/// Never exits and prints nothing. Relative paths become absolute, except those of --config: messages name a file as it was typed.
std::variant<Options, UsageError> parse_options(int argc, const char* const* argv);

/// True if the words ask for JSON, as far as that can be told of a command line that is wrong.
bool asks_for_json(int argc, const char* const* argv);

/// The help of a command, or of tenond as a whole for "".
std::string help_text(const std::string& command);
/// All commands, in the order of the help.
const std::vector<std::string>& command_names();

}  // namespace tenon::host

#include "log_level.hpp"
#include "kernel/log.hpp"

namespace tenon::host {
namespace {

constexpr std::string_view names[] = {"trace", "debug", "info", "warn", "error", "fatal"};

}  // namespace

std::string_view level_name(int level) { return names[named_level(level) / 10]; }

Result<int> parse_level(std::string_view word) {
  for (int i = 0; i < 6; ++i)
    if (names[i] == word) return i * 10;
  return Error{.code = Code::invalid_argument,
               .message = "expected one of `trace`, `debug`, `info`, `warn`, `error`, `fatal`",
               .reason = "UNKNOWN_LEVEL",
               .exit = ExitCode::config};
}

}  // namespace tenon::host

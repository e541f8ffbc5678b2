// The steps of an instance's life in which module code runs.
#pragma once

#include <cstdint>
#include <string_view>

namespace tenon::host {

/// In the order of a life. `configure` is the delivery of a live configuration change while running.
enum class Phase : std::uint8_t { none, load, create, pre_init, init, post_init, start, run, configure, stop, destroy };

constexpr std::string_view phase_name(Phase phase) {
  constexpr std::string_view names[] = {"none",  "load", "create",    "pre_init", "init",   "post_init",
                                        "start", "run",  "configure", "stop",     "destroy"};
  return names[static_cast<std::size_t>(phase)];
}

}  // namespace tenon::host

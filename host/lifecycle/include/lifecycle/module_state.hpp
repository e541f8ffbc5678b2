// States of a module, with since-when and why.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tenon::host {

enum class ModuleState : std::uint8_t {
  discovered,
  refused,
  planned,
  blocked,
  disabled,
  loaded,
  created,
  initialized,
  starting,
  running,
  stopping,
  stopped,
  failed,
  wedged,
};

constexpr std::string_view state_name(ModuleState state) {
  constexpr std::string_view names[] = {"discovered",  "refused",  "planned", "blocked",  "disabled", "loaded", "created",
                                        "initialized", "starting", "running", "stopping", "stopped",  "failed", "wedged"};
  return names[static_cast<std::size_t>(state)];
}

struct ModuleStatus {
  std::string name, version;
  ModuleState state = ModuleState::planned;
  std::int64_t since_ns = 0;  ///< monotonic
  std::string reason;         ///< of refused, blocked, disabled, failed, wedged
  bool trusted = false, required = false;
};

}  // namespace tenon::host

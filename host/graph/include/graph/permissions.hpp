// What a plugin asks for beyond its own, what it is granted, and what is missing between the two.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/permissions.hpp"

namespace tenon::host {

/// What the loader makes `Permissions` of.
struct PlannedPermissions {
  PermissionSet asked;                   ///< without what is its own anyway
  std::optional<PermissionSet> granted;  ///< absent: what is asked (`permissions.default: manifest`)
};

enum class GrantState : std::uint8_t {
  granted,
  partly,   ///< a part of what the pattern stands for is granted
  missing,  ///< whoever uses it is denied
  unused,   ///< granted, but not asked for: without effect
};
std::string_view grant_state_name(GrantState state);

/// One row of the table asked / granted / missing.
struct PermissionRow {
  std::string_view permission;  ///< "services.call": the key below `permissions` of the manifest and below `grants`
  std::string what;             ///< pattern, name or size
  GrantState state = GrantState::granted;
};
/// In a fixed order: by permission, then asked ones as written, then unused ones.
std::vector<PermissionRow> permission_rows(const PlannedPermissions& permissions);

/// The line of the configuration below `modules.<name>` that grants what was granted and what is missing: `grants: {services: {call: ["catalog.*"]}}`. Empty if
/// nothing is missing.
std::string granting_line(const PlannedPermissions& permissions);

}  // namespace tenon::host

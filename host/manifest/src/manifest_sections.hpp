// Readers of the parts of a manifest. Each reports everything it finds and returns what was well-formed.
#pragma once

#include "manifest_fields.hpp"

namespace tenon::host {

std::vector<Requirement> read_requirements(const Value& value, Findings& findings);
std::vector<Named> read_capabilities(const Value& value, Findings& findings);
std::vector<InterfaceNeed> read_needs(const Value& value, Findings& findings);
Provides read_provides(const Value& value, Findings& findings);
PermissionRequests read_permissions(const Value& value, Findings& findings);
std::vector<std::pair<std::string, std::chrono::nanoseconds>> read_timeouts(const Value& value, Findings& findings);
/// The path as written; "" after having reported what is wrong with it.
std::string read_library(const Value& value, Findings& findings);
std::string read_description(const Value& value, Findings& findings);

}  // namespace tenon::host

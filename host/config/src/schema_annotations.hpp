// What Schema answers about paths; see config/schema.hpp for the meaning of each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "schema_program.hpp"

namespace tenon::host::json_schema {

bool is_secret(const Program& program, std::string_view path);
bool is_live(const Program& program, std::string_view path);
std::string type_at(const Program& program, std::string_view path);
std::vector<std::string> property_names(const Program& program, std::string_view path);

}  // namespace tenon::host::json_schema

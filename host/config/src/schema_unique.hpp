// `uniqueItems`: equal entries of a list, as JSON Schema compares them (1 equals 1.0, maps regardless of order).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/value.hpp"

namespace tenon::host::json_schema {

/// The first entry that equals an earlier one: (earlier, later). `steps` is lowered by the work done; 0 = given up, the result means nothing.
std::optional<std::pair<std::size_t, std::size_t>> find_repeated(const ValueList& list, std::uint64_t& steps);

}  // namespace tenon::host::json_schema

// Binding: does the descriptor inside a loaded file say what its manifest said?
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "tenon/core.h"

namespace tenon::host {

/// What the manifest says, for comparing.
struct ExpectedDescriptor {
  std::string name, version;
  std::vector<std::pair<std::string, bool>> needs;  ///< id, optional
  std::vector<std::string> capabilities;
};

/// Addresses the loaded file occupies: every pointer of a descriptor must lie inside.
struct MappedImage {
  std::uintptr_t begin = 0, end = 0;
  [[nodiscard]] bool contains(const void* p, std::size_t bytes) const {
    const auto a = reinterpret_cast<std::uintptr_t>(p);
    return a >= begin && a <= end && bytes <= end - a;
  }
};

/// Selects the module by name and compares every field. The descriptor is data of a stranger: sizes and pointers are checked before they are followed.
/// Errors (exit unavailable) name every field that differs and both sides.
Result<const tenon_module*> bind_descriptor(const tenon_entry& entry, const MappedImage& image, const ExpectedDescriptor& expected);

}  // namespace tenon::host

// The relocation tables: the loader writes wherever they say.
#pragma once

#include "dynamic.hpp"

namespace tenon::host {

/// Every place a relocation writes to must be mapped and writable, every symbol it names must exist: otherwise the loader would crash.
/// What is counted as relative must be that, and nothing is copied from elsewhere.
/// A write into a segment that is not writable is a text relocation, declared or not.
void check_relocations(Bytes file, const Segments& segments, const DynamicTable& dynamic, std::uint64_t symbols, GateFindings& findings);

}  // namespace tenon::host

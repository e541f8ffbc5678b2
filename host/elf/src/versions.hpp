// Symbol versions: what a file requires (verneed) and what a library defines (verdef).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dynamic.hpp"
#include "elf/elf_report.hpp"

namespace tenon::host {

/// Walks `table` (verneed). nullopt: it is damaged. Raises `max_index` to the highest version index defined.
std::optional<std::vector<ElfVersionNeed>> walk_needs(Bytes table, std::uint64_t count, const DynamicTable& names,
                                                      std::uint16_t& max_index);

/// Walks `table` (verdef): names defined. nullopt: it is damaged. Raises `max_index`.
std::optional<std::vector<std::string>> walk_definitions(Bytes table, std::uint64_t count, const DynamicTable& names,
                                                         std::uint16_t& max_index);

/// Fills report.versions; returns the highest version index of the file (at least 1). A version required of a library that is not
/// in DT_NEEDED is refused: the loader would abort the process.
std::uint16_t read_versions(Bytes file, const Segments& segments, const DynamicTable& dynamic, ElfReport& report, GateFindings& findings);

/// "GLIBC_2.9" < "GLIBC_2.34": text up to the last '_' first, then dotted numbers.
bool version_less(std::string_view a, std::string_view b);
/// "GLIBC" of "GLIBC_2.34"
std::string_view version_family(std::string_view version);

}  // namespace tenon::host

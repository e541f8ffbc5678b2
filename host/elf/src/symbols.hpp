// The dynamic symbols: what a module exports and what it expects from others.
#pragma once

#include <elf.h>

#include <cstdint>
#include <string>
#include <vector>

#include "dynamic.hpp"
#include "elf/elf_report.hpp"

namespace tenon::host {

/// The dynamic symbol table. Nothing but its hash tables says how long it is when section headers are stripped.
struct SymbolTable {
  std::uint64_t count = 0;  ///< symbols to look at; a GNU hash table of a file that exports nothing does not cover the undefined ones
  std::uint64_t limit = 0;  ///< no symbol has this index or a higher one
};
/// {0, 0}: there is none, or the tables contradict the file (said).
SymbolTable find_symbols(Bytes file, const Segments& segments, const DynamicTable& dynamic, GateFindings& findings);

/// Looks at every dynamic symbol once: fills exports, entry and their findings. `max_version`: highest version index that the file's version
/// tables define.
void read_symbols(Bytes file, const Segments& segments, const DynamicTable& dynamic, std::uint64_t count, std::uint16_t max_version,
                  ElfReport& report, GateFindings& findings);

}  // namespace tenon::host

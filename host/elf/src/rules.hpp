// What a module's segments and dynamic table must not ask for.
#pragma once

#include "dynamic.hpp"
#include "elf/elf_report.hpp"

namespace tenon::host {

/// Executable stack, writable code, thread-local storage; fills text_bytes and data_bytes.
void check_segments(const Segments& segments, ElfReport& report, GateFindings& findings);

/// DT_* and DF_*: fills soname and needed. False if this is a program: nothing else about it matters.
bool check_dynamic(const Segments& segments, const DynamicTable& dynamic, ElfReport& report, GateFindings& findings);

}  // namespace tenon::host

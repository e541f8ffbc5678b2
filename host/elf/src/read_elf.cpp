// The gate in its order: header, segments, notes, dynamic table, versions, symbols, relocations.
#include <algorithm>

#include "dynamic.hpp"
#include "elf/elf_report.hpp"
#include "image.hpp"
#include "notes.hpp"
#include "relocations.hpp"
#include "rules.hpp"
#include "symbols.hpp"
#include "versions.hpp"

namespace tenon::host {

namespace {

/// What a cut hides would only repeat itself as further findings.
bool was_cut_off(const ElfReport& report) {
  return std::any_of(report.findings.begin(), report.findings.end(), [](const ElfFinding& f) { return f.code == "elf.truncated"; });
}

}  // namespace

bool ElfReport::refused() const {
  return std::any_of(findings.begin(), findings.end(), [](const ElfFinding& f) { return f.severity == Severity::error; });
}

ElfReport read_elf(std::span<const std::byte> bytes) {
  ElfReport report;
  GateFindings findings(report.findings);
  const Bytes file(bytes);

  const auto header = read_header(file, findings);
  if (!header) return report;
  report.machine = machine_name(header->e_machine);
  const Segments segments = read_segments(file, *header, findings);
  read_notes(file, *header, segments, report, findings);
  if (!segments.all.empty()) check_segments(segments, report, findings);  // else it was said that they cannot be read
  if (was_cut_off(report)) return report;
  const DynamicTable dynamic = read_dynamic(file, segments, findings);
  if (dynamic.empty()) return report;
  if (!check_dynamic(segments, dynamic, report, findings)) return report;
  const std::uint16_t max_version = read_versions(file, segments, dynamic, report, findings);
  const SymbolTable symbols = find_symbols(file, segments, dynamic, findings);
  read_symbols(file, segments, dynamic, symbols.count, max_version, report, findings);
  check_relocations(file, segments, dynamic, symbols.limit, findings);
  return report;
}

}  // namespace tenon::host

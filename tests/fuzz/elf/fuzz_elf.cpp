// The gate over any bytes: no crash, no leak, no time-out, and what passes really has an entry.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "base/text.hpp"
#include "elf/elf_render.hpp"
#include "elf/elf_report.hpp"
#include "elf/needed_libraries.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenon::host;
  static NeededLibraries nothing_installed{LibrarySearch{}};
  ElfReport report = read_elf(std::as_bytes(std::span(data, size)));
  if (!report.refused() && !report.has_entry) std::abort();
  std::size_t text = 0;
  for (const ElfManifest& manifest : report.manifests) text += manifest.text.size();
  if (text > size * 8 || report.exports.size() > 1000) std::abort();
  if (report.needed.size() < 16) check_needed_libraries(report, nothing_installed);
  if (invalid_utf8_at(elf_report_text(report, "fuzz.so")) != std::string::npos) std::abort();
  if (invalid_utf8_at(elf_report_json(report, "fuzz.so")) != std::string::npos) std::abort();
  return 0;
}

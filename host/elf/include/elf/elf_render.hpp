// An ElfReport for people and for programs: `tenond inspect FILE.so`.
#pragma once

#include <string>
#include <string_view>

#include "elf/elf_report.hpp"

namespace tenon::host {

/// A table for people: what the file is, what it needs and exports, its manifests, then all findings. Text from the file is escaped by
/// printable(). Ends with a newline. `manifest_refused`: what the manifests say is wrong, which the verdict tells then.
std::string elf_report_text(const ElfReport& report, std::string_view file_name, bool manifest_refused = false);

/// One JSON object; members are only ever added:
///   file string, refused bool, machine string, soname string, build_id string (hexadecimal, "" = none),
///   abi {entry bool, major 1 or null, minor number or null}, text_bytes number, data_bytes number,
///   needed [string], versions [{library, version, weak bool}], export_count number, exports [string] (at most 1000),
///   manifests [{from "note"|"section", text string}], findings [{severity "error"|"warning"|"note", code, message, help}].
/// Bytes that are not UTF-8 become U+FFFD.
std::string elf_report_json(const ElfReport& report, std::string_view file_name);

}  // namespace tenon::host

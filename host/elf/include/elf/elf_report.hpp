// The ELF gate: what can be known about a .so without running it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"

namespace tenon::host {

class NeededLibraries;

/// One finding. `code` is stable ("elf.text_relocations"); error = refused.
struct ElfFinding {
  Severity severity = Severity::error;
  std::string code;
  std::string message;
  std::string help;
};

struct ElfManifest {
  std::string text;           ///< YAML without the terminating NUL
  bool from_section = false;  ///< found by section name only: the note had left PT_NOTE
};

/// A symbol version the file requires of a library.
struct ElfVersionNeed {
  std::string library, version;  ///< "libc.so.6", "GLIBC_2.34"
  bool weak = false;             ///< the loader does not insist on it
};

/// Everything `tenond inspect` prints. All text comes from the file and is untrusted.
struct ElfReport {
  std::vector<ElfFinding> findings;              ///< in the order of examination, the same for the same bytes
  std::vector<ElfManifest> manifests;            ///< one per module in the file
  std::string machine;                           ///< "x86-64"
  std::string soname, build_id;                  ///< build_id in hexadecimal
  std::vector<std::string> needed;               ///< DT_NEEDED
  std::vector<ElfVersionNeed> versions;          ///< as required, weak ones included
  std::vector<std::string> exports;              ///< defined global dynamic symbols, at most 1000, each cut after 1000 bytes
  std::size_t export_count = 0;                  ///< all of them
  std::uint64_t text_bytes = 0, data_bytes = 0;  ///< executable / writable segment sizes
  bool has_entry = false;                        ///< exports tenon_entry_v1 as data
  std::uint16_t abi_minor = 0;                   ///< of the header it was compiled with; meaningful with has_entry
  [[nodiscard]] bool refused() const;
};

/// Reads the tables of `file` with bounds checks on every access; never crashes, never allocates more than a small multiple of the file,
/// takes time linear in it. All findings are reported, as far as the file can still be read. Does not touch the file system. Thread-safe.
/// Reasons to refuse, notes and the manifest note: abi.md "The gate".
ElfReport read_elf(std::span<const std::byte> file);

/// Libraries and symbol versions `report` needs that this machine's loader would not find. Appends findings to `report`. Thread-safe
/// (for different reports); what is found on the machine is kept in `libraries`.
void check_needed_libraries(ElfReport& report, NeededLibraries& libraries);

}  // namespace tenon::host

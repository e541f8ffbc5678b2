// The file header and the segments: what the kernel and the dynamic loader would map.
#pragma once

#include <elf.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bytes.hpp"
#include "findings.hpp"

namespace tenon::host {

/// The machine this host was compiled for.
#if defined(__x86_64__)
inline constexpr std::uint16_t this_machine = EM_X86_64;
#elif defined(__aarch64__)
inline constexpr std::uint16_t this_machine = EM_AARCH64;
#else
#error "Tenon runs on x86-64 and aarch64"
#endif

/// "x86-64", "aarch64", ... or "machine 42".
std::string machine_name(std::uint16_t machine);

/// Addresses of the file as the loader would map it.
struct Segments {
  std::vector<Elf64_Phdr> all;
  std::vector<Elf64_Phdr> loads;  ///< PT_LOAD, ascending, not overlapping, each wholly inside the file

  /// File offset of [address, address + size), if one segment holds all of it in the file.
  [[nodiscard]] std::optional<std::uint64_t> offset_of(std::uint64_t address, std::uint64_t size) const;
  /// The segment in which all of [address, address + size) is mapped (zero-filled part included), or null.
  [[nodiscard]] const Elf64_Phdr* mapping(std::uint64_t address, std::uint64_t size) const;
  /// Bytes from `address` to the end of its segment in the file; empty if it is not in the file.
  [[nodiscard]] Bytes tail(Bytes file, std::uint64_t address) const;
};

/// Reads and checks the header. nullopt: this is nothing whose tables could be read (said in `findings`).
std::optional<Elf64_Ehdr> read_header(Bytes file, GateFindings& findings);

/// Reads the program headers and checks that they can be mapped. Segments that cannot are left out of `loads`.
Segments read_segments(Bytes file, const Elf64_Ehdr& header, GateFindings& findings);

}  // namespace tenon::host

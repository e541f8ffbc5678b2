// The shared objects of tests/fixtures/elf, and their bytes for editing.
#pragma once

#include <doctest/doctest.h>
#include <elf.h>

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "elf/elf_report.hpp"

namespace tenon::host {

inline std::string fixture_path(const std::string& name) { return std::string(ELF_FIXTURES "/") + name; }

inline std::string fixture_bytes(const std::string& name) {
  auto bytes = read_text_file(fixture_path(name), 64u << 20u);
  REQUIRE_MESSAGE(bytes, name);
  return *bytes;
}

inline ElfReport gate(const std::string& bytes) { return read_elf(std::as_bytes(std::span(bytes))); }
inline ElfReport gate_file(const std::string& name) { return gate(fixture_bytes(name)); }

/// "error elf.rpath" in order, one per finding.
inline std::vector<std::string> codes(const ElfReport& report) {
  std::vector<std::string> list;
  for (const ElfFinding& f : report.findings) {
    const char* severity = f.severity == Severity::error ? "error " : f.severity == Severity::warning ? "warning " : "note ";
    list.push_back(severity + f.code);
  }
  return list;
}

inline bool has(const ElfReport& report, const std::string& code) {
  for (const ElfFinding& f : report.findings)
    if (f.code == code) return true;
  return false;
}

inline const ElfFinding& finding(const ElfReport& report, const std::string& code) {
  static const ElfFinding none;
  for (const ElfFinding& f : report.findings)
    if (f.code == code) return f;
  FAIL_CHECK("no finding " << code);
  return none;
}

/// Typed access to a copy of a file's bytes.
template <class T>
T get(const std::string& bytes, std::size_t at) {
  REQUIRE(at + sizeof(T) <= bytes.size());
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
template <class T>
void put(std::string& bytes, std::size_t at, const T& value) {
  REQUIRE(at + sizeof(T) <= bytes.size());
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

inline Elf64_Ehdr header_of(const std::string& bytes) { return get<Elf64_Ehdr>(bytes, 0); }

/// Calls edit(Elf64_Phdr&) for each program header and writes it back.
template <class Edit>
void edit_segments(std::string& bytes, Edit edit) {
  const Elf64_Ehdr header = header_of(bytes);
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    auto segment = get<Elf64_Phdr>(bytes, header.e_phoff + i * sizeof(Elf64_Phdr));
    edit(segment);
    put(bytes, header.e_phoff + i * sizeof(Elf64_Phdr), segment);
  }
}

/// Calls edit(Elf64_Dyn&) for each dynamic entry, the terminating one included, and writes it back.
template <class Edit>
void edit_dynamic(std::string& bytes, Edit edit) {
  std::size_t at = 0;
  edit_segments(bytes, [&](Elf64_Phdr& s) {
    if (s.p_type == PT_DYNAMIC) at = s.p_offset;
  });
  REQUIRE(at != 0);
  for (;; at += sizeof(Elf64_Dyn)) {
    auto entry = get<Elf64_Dyn>(bytes, at);
    const bool last = entry.d_tag == DT_NULL;
    edit(entry);
    put(bytes, at, entry);
    if (last) return;
  }
}

/// The value of a dynamic tag; fails the test if it is not there.
inline std::uint64_t dynamic_value(std::string bytes, std::int64_t tag) {
  std::uint64_t value = 0;
  bool found = false;
  edit_dynamic(bytes, [&](Elf64_Dyn& d) {
    if (d.d_tag == tag) value = d.d_un.d_val, found = true;
  });
  REQUIRE(found);
  return value;
}

/// File offset of an address.
inline std::size_t offset_of(std::string bytes, std::uint64_t address) {
  std::size_t offset = 0;
  edit_segments(bytes, [&](Elf64_Phdr& s) {
    if (s.p_type == PT_LOAD && address >= s.p_vaddr && address - s.p_vaddr < s.p_filesz) offset = s.p_offset + (address - s.p_vaddr);
  });
  REQUIRE(offset != 0);
  return offset;
}

}  // namespace tenon::host

#include "dynamic.hpp"

#include <string>

namespace tenon::host {

namespace {

constexpr std::uint64_t max_entries = 4096;

/// The loader asserts these: a wrong value would abort the process.
void check_entry_sizes(const DynamicTable& table, GateFindings& findings) {
  struct Rule {
    std::int64_t tag;
    std::uint64_t value;
    const char* name;
  };
  constexpr Rule rules[] = {{DT_SYMENT, sizeof(Elf64_Sym), "DT_SYMENT"},
                            {DT_RELAENT, sizeof(Elf64_Rela), "DT_RELAENT"},
                            {DT_RELRENT, sizeof(Elf64_Relr), "DT_RELRENT"},
                            {DT_PLTREL, DT_RELA, "DT_PLTREL"}};
  for (const Rule& rule : rules) {
    const auto value = table.find(rule.tag);
    if (value && *value != rule.value) findings.malformed(std::string("the dynamic table's ") + rule.name + " is wrong");
  }
}

/// The loader follows a tag to the others of its group without looking whether they are there. A size of 0 means that there is nothing to follow.
void check_groups(const DynamicTable& table, GateFindings& findings) {
  struct Tag {
    std::int64_t tag;
    const char* name;
  };
  struct Group {
    Tag address, size;
    std::uint64_t entry;  ///< bytes
    Tag third;
  };
  constexpr Group groups[] = {
      {{DT_RELA, "DT_RELA"}, {DT_RELASZ, "DT_RELASZ"}, sizeof(Elf64_Rela), {DT_RELAENT, "DT_RELAENT"}},
      {{DT_RELR, "DT_RELR"}, {DT_RELRSZ, "DT_RELRSZ"}, sizeof(Elf64_Relr), {DT_RELRENT, "DT_RELRENT"}},
      {{DT_JMPREL, "DT_JMPREL"}, {DT_PLTRELSZ, "DT_PLTRELSZ"}, sizeof(Elf64_Rela), {DT_PLTREL, "DT_PLTREL"}},
      {{DT_INIT_ARRAY, "DT_INIT_ARRAY"}, {DT_INIT_ARRAYSZ, "DT_INIT_ARRAYSZ"}, sizeof(Elf64_Addr), {DT_NULL, ""}},
      {{DT_FINI_ARRAY, "DT_FINI_ARRAY"}, {DT_FINI_ARRAYSZ, "DT_FINI_ARRAYSZ"}, sizeof(Elf64_Addr), {DT_NULL, ""}},
  };
  const auto lacks = [&](const Tag& there, const Tag& missing) {
    findings.malformed(std::string("the dynamic table has ") + there.name + " without " + missing.name);
  };
  for (const Group& group : groups) {
    const std::uint64_t size = table.get(group.size.tag);
    const bool has_third = group.third.tag != DT_NULL;
    if (table.has(group.address.tag)) {
      if (!table.has(group.size.tag)) lacks(group.address, group.size);
      if (has_third && !table.has(group.third.tag)) lacks(group.address, group.third);
    } else if (size != 0) {
      lacks(group.size, group.address);
    } else if (group.third.tag == DT_PLTREL && table.has(DT_PLTREL)) {
      lacks(group.third, group.address);
    }
    if (size % group.entry != 0)
      findings.malformed(std::string("the dynamic table's ") + group.size.name + " is no whole number of entries");
  }
}

/// Code and arrays of addresses that the loader will run must at least be there.
void check_constructors(const DynamicTable& table, const Segments& segments, GateFindings& findings) {
  for (const std::int64_t tag : {DT_INIT, DT_FINI}) {
    const auto address = table.find(tag);
    if (!address || *address == 0) continue;
    const Elf64_Phdr* segment = segments.mapping(*address, 1);
    if (segment == nullptr || (segment->p_flags & PF_X) == 0) findings.malformed("an initialisation function lies outside the code");
  }
  struct Array {
    std::int64_t tag, size_tag;
  };
  for (const Array& array : {Array{DT_INIT_ARRAY, DT_INIT_ARRAYSZ}, Array{DT_FINI_ARRAY, DT_FINI_ARRAYSZ}}) {
    const auto address = table.find(array.tag);
    if (address && !segments.offset_of(*address, table.get(array.size_tag)))
      findings.malformed("a table of initialisation functions lies outside the file");
  }
}

}  // namespace

std::optional<std::uint64_t> DynamicTable::find(std::int64_t tag) const {
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry)
    if (entry->d_tag == tag) return entry->d_un.d_val;
  return std::nullopt;
}

std::optional<std::string_view> DynamicTable::name(std::uint64_t offset) const {
  if (offset >= strings_.size()) return std::nullopt;
  const std::string_view rest = strings_.text().substr(static_cast<std::size_t>(offset), max_name + 1);
  const std::size_t end = rest.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  return rest.substr(0, end);
}

bool DynamicTable::parse(Bytes table) {
  entries_.reserve(32);
  for (std::uint64_t i = 0; i < max_entries; ++i) {
    const auto entry = table.at<Elf64_Dyn>(i * sizeof(Elf64_Dyn));
    if (!entry) return false;
    if (entry->d_tag == DT_NULL) return true;
    entries_.push_back(*entry);
  }
  return false;
}

DynamicTable read_dynamic(Bytes file, const Segments& segments, GateFindings& findings) {
  DynamicTable table;
  const Elf64_Phdr* where = nullptr;
  for (const Elf64_Phdr& segment : segments.all) {
    if (segment.p_type != PT_DYNAMIC) continue;
    if (where != nullptr) findings.malformed("there are two dynamic tables");
    where = &segment;
  }
  if (where == nullptr) {
    findings.malformed("there is no dynamic table");
    return table;
  }
  const auto offset = segments.offset_of(where->p_vaddr, where->p_filesz);
  if (!offset || !table.parse(file.part(*offset, where->p_filesz))) {
    findings.malformed(offset ? "the dynamic table has no end" : "the dynamic table lies outside the loaded segments");
    if (!offset) return table;
  }
  const auto strings_at = table.find(DT_STRTAB);
  const auto strings = strings_at ? segments.offset_of(*strings_at, table.get(DT_STRSZ)) : std::nullopt;
  if (!strings || table.get(DT_STRSZ) == 0) {
    findings.malformed("the dynamic string table lies outside the file");
  } else {
    table.set_strings(file.part(*strings, table.get(DT_STRSZ)));
    if (table.strings().text().back() != '\0') findings.malformed("the dynamic string table does not end with a NUL");
  }
  check_entry_sizes(table, findings);
  check_groups(table, findings);
  check_constructors(table, segments, findings);
  return table;
}

}  // namespace tenon::host

#include "relocations.hpp"

#include <cstdint>
#include <string>

namespace tenon::host {

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t relative_type = R_X86_64_RELATIVE, copy_type = R_X86_64_COPY;
#else
constexpr std::uint32_t relative_type = R_AARCH64_RELATIVE, copy_type = R_AARCH64_COPY;
#endif

class Checker {
 public:
  Checker(const Segments& segments, std::uint64_t symbols) : segments_(segments), symbols_(symbols) {}

  void write(std::uint64_t address) {
    // Consecutive relocations nearly always fall into one segment.
    if (last_ == nullptr || address < last_->p_vaddr || address - last_->p_vaddr > last_->p_memsz - 4) {
      const Elf64_Phdr* segment = segments_.mapping(address, 4);
      if (segment == nullptr) {
        outside_ = true;
        return;
      }
      last_ = segment;
    }
    if ((last_->p_flags & PF_W) == 0) text_ = true;
  }
  void symbol(std::uint64_t index) {
    if (index != 0 && index >= symbols_) unknown_ = true;
  }
  void copy() { copies_ = true; }
  void report(bool declared, GateFindings& findings) const {
    if (copies_) findings.malformed("a relocation copies a variable, as only programs may");
    if (outside_) findings.malformed("a relocation lies outside the loaded segments");
    if (unknown_) findings.malformed("a relocation names a symbol that does not exist");
    if (text_ || declared) {
      findings.refuse("elf.text_relocations", "it has text relocations: its code would have to be made writable while it is loaded",
                      "compile everything that goes into it with `-fPIC` and link with `-Wl,-z,text`");
    }
  }

 private:
  const Segments& segments_;
  std::uint64_t symbols_;
  const Elf64_Phdr* last_ = nullptr;
  bool outside_ = false, unknown_ = false, text_ = false, copies_ = false;
};

Bytes table_of(Bytes file, const Segments& segments, const DynamicTable& dynamic, std::int64_t tag, std::int64_t size_tag,
               GateFindings& findings) {
  const auto address = dynamic.find(tag);
  const std::uint64_t size = dynamic.get(size_tag);
  if (!address || size == 0) return {};
  const auto offset = segments.offset_of(*address, size);
  if (!offset) {
    findings.malformed("a relocation table lies outside the file");
    return {};
  }
  return file.part(*offset, size);
}

void check_rela(Bytes table, Checker& checker) {
  for (std::uint64_t at = 0; at < table.size(); at += sizeof(Elf64_Rela)) {
    const auto entry = table.at<Elf64_Rela>(at);
    if (!entry) return;
    if (ELF64_R_TYPE(entry->r_info) == 0) continue;  // R_*_NONE
    checker.symbol(ELF64_R_SYM(entry->r_info));
    if (ELF64_R_TYPE(entry->r_info) == copy_type) checker.copy();
    checker.write(entry->r_offset);
  }
}

/// DT_RELACOUNT: so many at the beginning are relative ones. The loader asserts it.
void check_relative_count(Bytes table, std::uint64_t count, GateFindings& findings) {
  bool sound = count <= table.size() / sizeof(Elf64_Rela);
  for (std::uint64_t i = 0; sound && i < count; ++i)
    sound = ELF64_R_TYPE(table.at<Elf64_Rela>(i * sizeof(Elf64_Rela))->r_info) == relative_type;
  if (!sound) findings.malformed("the dynamic table's DT_RELACOUNT counts relocations as relative that are none");
}

/// RELR: an even word is an address, an odd one a bitmap of the 63 words after the last.
void check_relr(Bytes table, Checker& checker) {
  std::uint64_t where = 0;
  for (std::uint64_t at = 0; at + 8 <= table.size(); at += 8) {
    const std::uint64_t word = *table.at<std::uint64_t>(at);
    if ((word & 1u) == 0) {
      checker.write(word);
      where = word + 8;
      continue;
    }
    for (unsigned bit = 1; bit < 64; ++bit)
      if ((word >> bit & 1u) != 0) checker.write(where + std::uint64_t{bit - 1} * 8);
    where += std::uint64_t{63} * 8;
  }
}

}  // namespace

void check_relocations(Bytes file, const Segments& segments, const DynamicTable& dynamic, std::uint64_t symbols, GateFindings& findings) {
  Checker checker(segments, symbols);
  const Bytes rela = table_of(file, segments, dynamic, DT_RELA, DT_RELASZ, findings);
  check_rela(rela, checker);
  check_relative_count(rela, dynamic.get(DT_RELACOUNT), findings);
  check_rela(table_of(file, segments, dynamic, DT_JMPREL, DT_PLTRELSZ, findings), checker);
  check_relr(table_of(file, segments, dynamic, DT_RELR, DT_RELRSZ, findings), checker);
  checker.report(dynamic.has(DT_TEXTREL) || (dynamic.get(DT_FLAGS) & DF_TEXTREL) != 0, findings);
}

}  // namespace tenon::host

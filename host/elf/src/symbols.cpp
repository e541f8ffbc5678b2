#include "symbols.hpp"

#include <tenon/core.h>

#include <array>
#include <charconv>

#include "base/text.hpp"

namespace tenon::host {

namespace {

constexpr std::size_t max_exports = 1000;
constexpr std::size_t max_export_name = 1000;
constexpr std::size_t max_named = 5;  ///< names quoted in one finding

const std::string entry_name = "tenon_entry_v" + std::to_string(TENON_ABI_MAJOR);

/// A few names and how many there were.
class Names {
 public:
  void add(std::string_view name) {
    if (count_++ < max_named) text_ += (text_.empty() ? "`" : ", `") + printable(name, 80) + "`";
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::string text() const {
    return count_ > max_named ? text_ + " and " + std::to_string(count_ - max_named) + " more" : text_;
  }

 private:
  std::string text_;
  std::size_t count_ = 0;
};

/// N of "tenon_entry_vN"; 0 if it is another name.
unsigned entry_major(std::string_view name) {
  constexpr std::string_view prefix = "tenon_entry_v";
  if (!name.starts_with(prefix)) return 0;
  unsigned major = 0;
  const auto [end, error] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), major);
  return error == std::errc() && end == name.data() + name.size() ? major : 0;
}

/// Names that linkers and start files of some tool chains put there, whatever the visibility.
bool made_by_linker(std::string_view name) {
  for (const std::string_view known : {"_init", "_fini", "_edata", "__bss_start", "_end"})
    if (name == known) return true;
  return false;
}

const char* const entry_help =
    "define it with TENON_ENTRY(module) from tenon/core.h, and keep it exported (no version script or --exclude-libs that hides it)";

/// Collects in one pass over the table.
struct Scan {
  Names global, weak, unique, host;
  std::optional<Elf64_Sym> entry;
  unsigned entries = 0, other_major = 0;

  void look_at(const Elf64_Sym& symbol, std::string_view name, ElfReport& report) {
    const unsigned bind = ELF64_ST_BIND(symbol.st_info);
    if (bind != STB_GLOBAL && bind != STB_WEAK && bind != STB_GNU_UNIQUE) return;
    if (symbol.st_shndx == SHN_UNDEF) {
      if (name.starts_with("tenon_")) host.add(name);
      return;
    }
    const unsigned visibility = ELF64_ST_VISIBILITY(symbol.st_other);
    if (visibility != STV_DEFAULT && visibility != STV_PROTECTED) return;
    ++report.export_count;
    if (report.exports.size() < max_exports) report.exports.emplace_back(name.substr(0, max_export_name));
    if (const unsigned major = entry_major(name); major == TENON_ABI_MAJOR) {
      ++entries;
      entry = symbol;
    } else if (major != 0) {
      other_major = major;
    } else if (bind == STB_GNU_UNIQUE) {
      unique.add(name);
    } else if (bind == STB_WEAK) {
      weak.add(name);
    } else if (symbol.st_shndx != SHN_ABS && !made_by_linker(name)) {  // absolute: the name of a version it defines
      global.add(name);
    }
  }
};

bool is_constant(const Elf64_Sym& entry, const Segments& segments) {
  const Elf64_Phdr* segment = segments.mapping(entry.st_value, sizeof(tenon_entry));
  if (segment == nullptr || (segment->p_flags & PF_W) == 0) return true;
  for (const Elf64_Phdr& relro : segments.all)
    if (relro.p_type == PT_GNU_RELRO && entry.st_value >= relro.p_vaddr && entry.st_value - relro.p_vaddr < relro.p_memsz) return true;
  return false;
}

bool has_relro(const Segments& segments) {
  for (const Elf64_Phdr& segment : segments.all)
    if (segment.p_type == PT_GNU_RELRO) return true;
  return false;
}

/// The entry's own bytes: magic, size and ABI stand in the file as they will in memory (they are not relocated).
void check_entry(Bytes file, const Segments& segments, const Elf64_Sym& symbol, ElfReport& report, GateFindings& findings) {
  const unsigned type = ELF64_ST_TYPE(symbol.st_info);
  if (type != STT_OBJECT) {
    findings.refuse("elf.bad_entry",
                    "`" + entry_name + "` is " + (type == STT_FUNC || type == STT_GNU_IFUNC ? "a function" : "not data") +
                        ", it must be a constant of type tenon_entry",
                    entry_help);
    return;
  }
  if (symbol.st_size < sizeof(tenon_entry)) {
    findings.refuse(
        "elf.bad_entry",
        "`" + entry_name + "` has " + std::to_string(symbol.st_size) + " bytes, a tenon_entry has " + std::to_string(sizeof(tenon_entry)),
        entry_help);
    return;
  }
  const auto offset = segments.offset_of(symbol.st_value, sizeof(tenon_entry));
  const auto entry = offset ? file.at<tenon_entry>(*offset) : std::nullopt;
  if (!entry) {
    findings.refuse("elf.bad_entry", "`" + entry_name + "` has no content in the file: it is not initialised", entry_help);
    return;
  }
  if (entry->magic != TENON_MAGIC || entry->struct_size < sizeof(tenon_entry)) {
    findings.refuse("elf.bad_entry", "`" + entry_name + "` does not begin with the magic number and size of a tenon_entry", entry_help);
    return;
  }
  if (entry->abi_major != TENON_ABI_MAJOR) {
    findings.refuse("elf.wrong_abi",
                    "`" + entry_name + "` says ABI " + std::to_string(entry->abi_major) + "." + std::to_string(entry->abi_minor) +
                        ", its name says ABI " + std::to_string(TENON_ABI_MAJOR),
                    entry_help);
    return;
  }
  report.has_entry = true;
  report.abi_minor = entry->abi_minor;
  if (has_relro(segments) && !is_constant(symbol, segments))
    findings.warn("elf.writable_entry", "`" + entry_name + "` is writable data", "declare it const");
}

void report_scan(Bytes file, const Segments& segments, const Scan& scan, ElfReport& report, GateFindings& findings) {
  if (scan.entries > 1) {
    findings.refuse("elf.bad_entry", "`" + entry_name + "` is exported " + std::to_string(scan.entries) + " times", entry_help);
  } else if (scan.entry) {
    check_entry(file, segments, *scan.entry, report, findings);
  } else if (scan.other_major != 0) {
    findings.refuse("elf.wrong_abi",
                    "it has ABI " + std::to_string(scan.other_major) + " only, this host offers ABI " + std::to_string(TENON_ABI_MAJOR),
                    "build it with an SDK of ABI " + std::to_string(TENON_ABI_MAJOR) + ", or use a host that offers ABI " +
                        std::to_string(scan.other_major));
  } else {
    findings.refuse("elf.no_entry", "it does not export `" + entry_name + "`", entry_help);
  }
  if (scan.host.count() != 0) {
    findings.refuse("elf.host_symbols", "it expects " + scan.host.text() + " from the host, but a module never links against the host",
                    "reach the host through tenon_host.query(), and link with `-Wl,-z,defs` to see what is missing");
  }
  if (scan.global.count() != 0) {
    findings.warn("elf.exports", "besides the entry it exports " + scan.global.text(),
                  "compile with `-fvisibility=hidden` and link with `-Wl,--exclude-libs,ALL`");
  } else if (scan.weak.count() != 0) {
    findings.note("elf.weak_exports", "it exports " + std::to_string(scan.weak.count()) + " weak symbols (instances of templates)",
                  "a version script with `local: *` hides them");
  }
  if (scan.unique.count() != 0) {
    findings.note("elf.unique_symbols", "it has GNU-unique symbols, " + scan.unique.text() + ", so that it can never be unmapped",
                  "compile with `-fno-gnu-unique`");
  }
}

}  // namespace

void read_symbols(Bytes file, const Segments& segments, const DynamicTable& dynamic, std::uint64_t count, std::uint16_t max_version,
                  ElfReport& report, GateFindings& findings) {
  const Bytes table =
      file.part(segments.offset_of(dynamic.get(DT_SYMTAB), count * sizeof(Elf64_Sym)).value_or(0), count * sizeof(Elf64_Sym));
  Bytes versions;
  if (const auto address = dynamic.find(DT_VERSYM)) {
    const auto offset = segments.offset_of(*address, count * 2);
    if (!offset) findings.malformed("the table of symbol versions lies outside the file");
    if (offset) versions = file.part(*offset, count * 2);
  }
  Scan scan;
  for (std::uint64_t i = 1; i < count; ++i) {
    const auto symbol = table.at<Elf64_Sym>(i * sizeof(Elf64_Sym));
    if (!symbol) break;
    if (symbol->st_name >= dynamic.strings().size()) {
      findings.malformed("a dynamic symbol's name lies outside the string table");
      continue;
    }
    const auto version = versions.at<std::uint16_t>(i * 2);
    if (version && (*version & 0x7fffu) > max_version) findings.malformed("a dynamic symbol has a version that is not defined");
    const std::string_view rest = dynamic.strings().text().substr(symbol->st_name, max_export_name);
    scan.look_at(*symbol, rest.substr(0, rest.find('\0')), report);
  }
  report_scan(file, segments, scan, report, findings);
}

}  // namespace tenon::host

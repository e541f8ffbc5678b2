#include "rules.hpp"

#include <algorithm>
#include <string>

#include "base/sanitizer.hpp"
#include "base/text.hpp"

namespace tenon::host {

namespace {

constexpr std::size_t max_needed = 1000;

std::string named(const DynamicTable& dynamic, std::uint64_t offset) {
  const auto name = dynamic.name(offset);
  return name ? "`" + printable(*name) + "`" : "a name that cannot be read";
}

// A sanitizer's shared runtime ends the process when it is loaded late: only a host that was built with it can take such modules.
bool ends_the_process(std::string_view library) {
  if (is_sanitized) return false;
  for (const std::string_view runtime : {"libasan.so", "libtsan.so", "liblsan.so", "libhwasan.so", "libclang_rt.asan", "libclang_rt.tsan"})
    if (library.starts_with(runtime)) return true;
  return false;
}

void check_needed(const DynamicTable& dynamic, ElfReport& report, GateFindings& findings) {
  std::size_t count = 0;
  for (const Elf64_Dyn& entry : dynamic.entries()) {
    if (entry.d_tag != DT_NEEDED) continue;
    const auto name = dynamic.name(entry.d_un.d_val);
    if (!name || name->empty() || ++count > max_needed) {
      findings.malformed("the list of libraries it needs is damaged");
      return;
    }
    report.needed.emplace_back(*name);
    if (name->find('/') != std::string_view::npos) {
      findings.refuse("elf.needed_path", "it needs the library `" + printable(*name) + "` by path",
                      "link with `-lNAME`, or give that library a soname without '/'");
    } else if (ends_the_process(*name)) {
      findings.refuse("elf.sanitizer", "it was built with a sanitizer (it needs `" + printable(*name) + "`), this host was not",
                      "build it without -fsanitize, or use a host built with the same one");
    }
  }
}

void check_tags(const DynamicTable& dynamic, GateFindings& findings) {
  for (const std::int64_t tag : {DT_RPATH, DT_RUNPATH}) {
    if (const auto value = dynamic.find(tag)) {
      findings.refuse(
          "elf.rpath",
          std::string("it has a search path of its own (") + (tag == DT_RPATH ? "RPATH " : "RUNPATH ") + named(dynamic, *value) + ")",
          "link without `-rpath`; with CMake set BUILD_WITH_INSTALL_RPATH, or use tenon_add_module(); `patchelf --remove-rpath` mends a "
          "file");
    }
  }
  for (const std::int64_t tag : {std::int64_t{DT_AUDIT}, std::int64_t{DT_DEPAUDIT}}) {
    if (const auto value = dynamic.find(tag))
      findings.refuse("elf.audit", "it asks the loader to load the audit library " + named(dynamic, *value),
                      "link without `--audit` and `--depaudit`");
  }
  for (const std::int64_t tag : {std::int64_t{DT_FILTER}, std::int64_t{DT_AUXILIARY}}) {
    if (const auto value = dynamic.find(tag))
      findings.refuse("elf.filter", "it is a filter for " + named(dynamic, *value), "link without `--filter` and `--auxiliary`");
  }
  if (dynamic.has(DT_PREINIT_ARRAY))
    findings.refuse("elf.preinit", "it has functions that run before all constructors, which only programs may have",
                    "use a constructor, or better `create`");
}

void check_flags(const Segments& segments, const DynamicTable& dynamic, GateFindings& findings) {
  struct Rule {
    std::uint64_t flag;
    const char *code, *message, *help;
  };
  constexpr Rule rules[] = {
      {DF_1_INITFIRST, "elf.init_first", "it asks to be initialised before everything else (INITFIRST)", "link without `-z initfirst`"},
      {DF_1_INTERPOSE, "elf.interpose", "it asks to take the place of other libraries' symbols (INTERPOSE)", "link without `-z interpose`"},
      {DF_1_GLOBAL, "elf.global", "it asks for its symbols to be seen by all others (GLOBAL)", "link without `-z global`"},
      {DF_1_NOOPEN, "elf.no_open", "it forbids being loaded by a running program (NOOPEN)", "link without `-z nodlopen`"},
  };
  const std::uint64_t flags = dynamic.get(DT_FLAGS), flags_1 = dynamic.get(DT_FLAGS_1);
  for (const Rule& rule : rules)
    if ((flags_1 & rule.flag) != 0) findings.refuse(rule.code, rule.message, rule.help);
  if ((flags & DF_STATIC_TLS) != 0) {
    findings.refuse("elf.static_tls", "it uses the static thread-local storage block, which has no room for libraries loaded later",
                    "compile without `-ftls-model=initial-exec`, also the static libraries in it");
  }
  if ((flags & DF_BIND_NOW) == 0 && (flags_1 & DF_1_NOW) == 0 && !dynamic.has(DT_BIND_NOW))
    findings.note("elf.lazy_binding", "it was linked for lazy binding (the host binds it at once nevertheless)", "link with `-Wl,-z,now`");
  const bool relro = std::any_of(segments.all.begin(), segments.all.end(), [](const Elf64_Phdr& s) { return s.p_type == PT_GNU_RELRO; });
  if (!relro) findings.note("elf.no_relro", "its tables stay writable after loading", "link with `-Wl,-z,relro`");
}

/// The loader takes the write permission of its pages away after relocation, whatever they are: they must be pages of one writable segment. Linkers
/// round its end up to a page.
bool is_sound_relro(const Elf64_Phdr& relro, const Segments& segments) {
  constexpr std::uint64_t page = 4096;
  if (relro.p_memsz == 0) return true;
  return std::any_of(segments.all.begin(), segments.all.end(), [&](const Elf64_Phdr& load) {
    if (load.p_type != PT_LOAD || (load.p_flags & PF_W) == 0 || relro.p_vaddr < load.p_vaddr) return false;
    const std::uint64_t into = relro.p_vaddr - load.p_vaddr;
    return into <= load.p_memsz && relro.p_memsz <= load.p_memsz - into + page - 1;
  });
}

/// Its initial image lies in the file; without one (all zero) its address means nothing.
bool is_sound_tls(const Elf64_Phdr& tls, const Segments& segments) {
  if ((tls.p_align & (tls.p_align - 1)) != 0 || tls.p_filesz > tls.p_memsz) return false;
  return tls.p_filesz == 0 || segments.offset_of(tls.p_vaddr, tls.p_filesz).has_value();
}

}  // namespace

void check_segments(const Segments& segments, ElfReport& report, GateFindings& findings) {
  bool has_stack = false, executable_stack = false, writable_code = false;
  for (const Elf64_Phdr& segment : segments.all) {
    if (segment.p_type == PT_GNU_STACK) {
      has_stack = true;
      executable_stack = executable_stack || (segment.p_flags & PF_X) != 0;
    }
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_X) != 0 && (segment.p_flags & PF_W) != 0) writable_code = true;
    if (segment.p_type == PT_GNU_RELRO && !is_sound_relro(segment, segments))
      findings.malformed("the segment to be protected after relocation (RELRO) lies outside the writable ones");
    if (segment.p_type == PT_TLS && !is_sound_tls(segment, segments)) findings.malformed("the thread-local storage segment is damaged");
  }
  for (const Elf64_Phdr& load : segments.loads) {
    if ((load.p_flags & PF_X) != 0) report.text_bytes += load.p_memsz;
    if ((load.p_flags & PF_W) != 0) report.data_bytes += load.p_memsz;
  }
  if (executable_stack) {
    findings.refuse("elf.executable_stack", "it asks for an executable stack",
                    "link with `-Wl,-z,noexecstack`; assembly files need `.section .note.GNU-stack,\"\",@progbits`");
  } else if (!has_stack) {
    findings.refuse("elf.executable_stack",
                    "it does not say that its stack need not be executable (no PT_GNU_STACK), so the loader would make it so",
                    "link with `-Wl,-z,noexecstack`");
  }
  if (writable_code)
    findings.refuse("elf.writable_code", "it has a segment that is writable and executable at once",
                    "link without `-N` and special linker scripts");
}

bool check_dynamic(const Segments& segments, const DynamicTable& dynamic, ElfReport& report, GateFindings& findings) {
  const bool interpreter = std::any_of(segments.all.begin(), segments.all.end(), [](const Elf64_Phdr& s) { return s.p_type == PT_INTERP; });
  if (interpreter || (dynamic.get(DT_FLAGS_1) & DF_1_PIE) != 0) {
    findings.refuse("elf.program", "this is a program (a position-independent executable), not a shared library",
                    "build it with `cc -shared -fPIC`, without `-pie`");
    return false;
  }
  if (const auto soname = dynamic.find(DT_SONAME)) report.soname = dynamic.name(*soname).value_or("");
  check_needed(dynamic, report, findings);
  check_tags(dynamic, findings);
  check_flags(segments, dynamic, findings);
  return true;
}

}  // namespace tenon::host

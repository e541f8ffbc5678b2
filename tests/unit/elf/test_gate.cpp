// Each rule of the gate, on a real linked file.
#include <link.h>
#include <tenon/core.h>

#include "elf_fixture.hpp"
#include "skip.hpp"

using namespace tenon::host;
using List = std::vector<std::string>;

TEST_CASE("a sound module passes without findings") {
  for (const char* name :
       {"elf_good.so", "elf_bare.so", "elf_two.so", "elf_sysv_hash.so", "elf_gnu_hash.so", "elf_nodelete.so", "elf_stripped.so"}) {
    CAPTURE(name);
    const ElfReport report = gate_file(name);
    CHECK(codes(report) == List{});
    CHECK_FALSE(report.refused());
    CHECK(report.has_entry);
    CHECK(report.abi_minor == TENON_ABI_MINOR);
    CHECK(report.exports == List{"tenon_entry_v1"});
    CHECK(report.export_count == 1);
    CHECK(report.needed == List{"libc.so.6"});
    CHECK(report.build_id.size() == 40);
    CHECK(report.text_bytes > 0);
    CHECK(report.data_bytes > 0);
  }
}

TEST_CASE("files linked by lld pass too") {
  SKIP_UNLESS(read_text_file(fixture_path("elf_lld.so"), 1u << 26u), "its fixtures are made by clang and lld, which are not installed");
  for (const char* name : {"elf_lld.so", "elf_lld_relr.so", "elf_lld_sysv_hash.so"}) {
    CAPTURE(name);
    const ElfReport report = gate_file(name);
    CHECK(codes(report) == List{});
    CHECK(report.has_entry);
    CHECK(report.manifests.size() == 1);
  }
}

TEST_CASE("thread-local storage without an initial image lies nowhere") {
  SKIP_UNLESS(read_text_file(fixture_path("elf_lld_static_tls.so"), 1u << 26u),
              "its fixture is made by clang and lld, which are not installed");
  CHECK(codes(gate_file("elf_lld_static_tls.so")) == List{"error elf.static_tls", "warning elf.exports"});
}

TEST_CASE("each fixture has exactly the findings it was built for") {
  struct Case {
    const char* file;
    List findings;
  };
  const Case cases[] = {
      {"elf_no_entry.so", {"error elf.no_entry"}},
      {"elf_abi2.so", {"error elf.wrong_abi"}},
      {"elf_entry_function.so", {"error elf.bad_entry"}},
      {"elf_entry_small.so", {"error elf.bad_entry"}},
      {"elf_entry_bss.so", {"error elf.bad_entry"}},
      {"elf_entry_magic.so", {"error elf.bad_entry"}},
      {"elf_entry_size.so", {"error elf.bad_entry"}},
      {"elf_entry_major.so", {"error elf.wrong_abi"}},
      {"elf_entry_writable.so", {"warning elf.writable_entry"}},
      {"elf_textrel.so", {"error elf.text_relocations"}},
      {"elf_execstack.so", {"error elf.executable_stack"}},
      {"elf_writable_code.so", {"error elf.writable_code"}},
      {"elf_static_tls.so", {"error elf.static_tls", "warning elf.exports"}},
      {"elf_rpath.so", {"error elf.rpath"}},
      {"elf_runpath.so", {"error elf.rpath"}},
      {"elf_initfirst.so", {"error elf.init_first"}},
      {"elf_interpose.so", {"error elf.interpose"}},
      {"elf_global.so", {"error elf.global"}},
      {"elf_nodlopen.so", {"error elf.no_open"}},
      {"elf_filter.so", {"error elf.filter"}},
      {"elf_auxiliary.so", {"error elf.filter"}},
      {"elf_audit.so", {"error elf.audit"}},
      {"elf_depaudit.so", {"error elf.audit"}},
      {"elf_host_symbol.so", {"error elf.host_symbols", "warning elf.exports"}},
      {"elf_exports.so", {"warning elf.exports"}},
      {"elf_unique.so", {"note elf.unique_symbols"}},
      {"elf_lazy.so", {"note elf.lazy_binding", "note elf.no_relro"}},
      {"elf_needed_path.so", {"error elf.needed_path"}},
      {"elf_note_too_large.so", {"error elf.manifest_too_large"}},
      {"elf_added_section.so", {"warning elf.manifest_section"}},
      {"elf_wrong_machine.so", {"error elf.machine"}},
      {"elf_32_bit.so", {"error elf.class"}},
      {"elf_big_endian.so", {"error elf.byte_order"}},
      {"elf_truncated.so", {"error elf.truncated", "error elf.truncated"}},
      {"elf_text.so", {"error elf.not_elf"}},
      {"elf_empty.so", {"error elf.not_elf"}},
      {"elf_program.so", {"error elf.program"}},
      {"elf_static_program.so", {"error elf.type"}},
      {"elf_object.so", {"error elf.type"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.file);
    const ElfReport report = gate_file(c.file);
    CHECK(codes(report) == c.findings);
    CHECK(report.refused() == c.findings.front().starts_with("error"));
    for (const ElfFinding& f : report.findings) {
      CHECK_FALSE(f.message.empty());
      CHECK_FALSE(f.help.empty());
    }
  }
}

TEST_CASE("messages name what was found") {
  CHECK(finding(gate_file("elf_abi2.so"), "elf.wrong_abi").message == "it has ABI 2 only, this host offers ABI 1");
  CHECK(finding(gate_file("elf_rpath.so"), "elf.rpath").message == "it has a search path of its own (RPATH `/opt/somewhere`)");
  CHECK(finding(gate_file("elf_runpath.so"), "elf.rpath").message == "it has a search path of its own (RUNPATH `$ORIGIN/lib`)");
  CHECK(finding(gate_file("elf_host_symbol.so"), "elf.host_symbols").message ==
        "it expects `tenon_log_write_somehow` from the host, but a module never links against the host");
  CHECK(finding(gate_file("elf_filter.so"), "elf.filter").message == "it is a filter for `libfiltered.so`");
  CHECK(finding(gate_file("elf_wrong_machine.so"), "elf.machine").message.starts_with("it was built for riscv, this machine is "));
  CHECK(finding(gate_file("elf_text.so"), "elf.not_elf").message == "this is not an ELF file: it begins with `this is `");
  CHECK(finding(gate_file("elf_needed_path.so"), "elf.needed_path").message.find("/libraries/libnosoname.so` by path") !=
        std::string::npos);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a module built with a sanitizer is refused by a host without") {
  CHECK(codes(gate_file("elf_sanitizer.so")) == List{"error elf.sanitizer"});
}
#endif

TEST_CASE("several things wrong are all said") {
  std::string bytes = fixture_bytes("elf_rpath.so");
  edit_segments(bytes, [](Elf64_Phdr& s) {
    if (s.p_type == PT_GNU_STACK) s.p_flags |= PF_X;
  });
  edit_dynamic(bytes, [](Elf64_Dyn& d) {
    if (d.d_tag == DT_FLAGS_1) d.d_un.d_val |= DF_1_INITFIRST;
  });
  CHECK(codes(gate(bytes)) == List{"error elf.executable_stack", "error elf.rpath", "error elf.init_first"});
}

TEST_CASE("section headers are not needed") {
  for (const char* name : {"elf_good.so", "elf_rpath.so", "elf_two.so"}) {
    std::string bytes = fixture_bytes(name);
    const ElfReport before = gate(bytes);
    Elf64_Ehdr header = header_of(bytes);
    bytes.resize(header.e_shoff);
    header.e_shoff = 0, header.e_shnum = 0, header.e_shstrndx = 0;
    put(bytes, 0, header);
    const ElfReport report = gate(bytes);
    CHECK(codes(report) == codes(before));
    CHECK(report.has_entry);
    CHECK(report.manifests.size() == before.manifests.size());
    CHECK(report.build_id == before.build_id);
  }
}

TEST_CASE("a stack that is not said to be harmless is refused") {
  std::string bytes = fixture_bytes("elf_good.so");
  edit_segments(bytes, [](Elf64_Phdr& s) {
    if (s.p_type == PT_GNU_STACK) s.p_type = PT_NULL;
  });
  CHECK(codes(gate(bytes)) == List{"error elf.executable_stack"});
}

TEST_CASE("an interpreter makes it a program") {
  std::string bytes = fixture_bytes("elf_good.so");
  edit_segments(bytes, [](Elf64_Phdr& s) {
    if (s.p_type == PT_GNU_EH_FRAME) s.p_type = PT_INTERP;
  });
  CHECK(codes(gate(bytes)) == List{"error elf.program"});
}

TEST_CASE("functions before all constructors are refused") {
  std::string bytes = fixture_bytes("elf_good.so");
  edit_dynamic(bytes, [](Elf64_Dyn& d) {
    if (d.d_tag == DT_FINI_ARRAY) d.d_tag = DT_PREINIT_ARRAY;
  });
  CHECK(has(gate(bytes), "elf.preinit"));
}

TEST_CASE("text relocations are seen even when they are not declared") {
  std::string bytes = fixture_bytes("elf_textrel.so");
  edit_dynamic(bytes, [](Elf64_Dyn& d) {
    if (d.d_tag == DT_TEXTREL) d.d_tag = DT_DEBUG;
    if (d.d_tag == DT_FLAGS) d.d_un.d_val &= ~std::uint64_t{DF_TEXTREL};
  });
  CHECK(codes(gate(bytes)) == List{"error elf.text_relocations"});
}

TEST_CASE("an entry exported twice is refused") {
  std::string bytes = fixture_bytes("elf_exports.so");
  const std::size_t symbols = offset_of(bytes, dynamic_value(bytes, DT_SYMTAB));
  const std::size_t strings = offset_of(bytes, dynamic_value(bytes, DT_STRTAB));
  std::uint32_t entry_name = 0;
  std::size_t other = 0;
  for (unsigned i = 1; i < 32; ++i) {
    const auto symbol = get<Elf64_Sym>(bytes, symbols + i * sizeof(Elf64_Sym));
    const std::string name(bytes.c_str() + strings + symbol.st_name);
    if (name == "tenon_entry_v1") entry_name = symbol.st_name;
    if (name == "fixture_exported") other = symbols + i * sizeof(Elf64_Sym);
    if (entry_name != 0 && other != 0) break;
  }
  REQUIRE(entry_name != 0);
  REQUIRE(other != 0);
  auto symbol = get<Elf64_Sym>(bytes, other);
  symbol.st_name = entry_name;
  put(bytes, other, symbol);
  CHECK(codes(gate(bytes)) == List{"error elf.bad_entry"});
}

TEST_CASE("a hidden entry is no entry") {
  std::string bytes = fixture_bytes("elf_good.so");
  const std::size_t symbols = offset_of(bytes, dynamic_value(bytes, DT_SYMTAB));
  const std::size_t strings = offset_of(bytes, dynamic_value(bytes, DT_STRTAB));
  for (unsigned i = 1; i < 32; ++i) {
    auto symbol = get<Elf64_Sym>(bytes, symbols + i * sizeof(Elf64_Sym));
    if (std::string(bytes.c_str() + strings + symbol.st_name) != "tenon_entry_v1") continue;
    symbol.st_other = STV_HIDDEN;
    put(bytes, symbols + i * sizeof(Elf64_Sym), symbol);
    CHECK(codes(gate(bytes)) == List{"error elf.no_entry"});
    return;
  }
  FAIL("no entry in the fixture");
}

TEST_CASE("libraries of this machine are read without complaint about their structure") {
  unsigned seen = 0;
  const auto visit = [](dl_phdr_info* info, std::size_t, void* count) {
    const std::string path = info->dlpi_name;
    if (!path.starts_with("/")) return 0;
    const auto bytes = read_text_file(path, 1u << 28u);
    if (!bytes) return 0;
    ++*static_cast<unsigned*>(count);
    const ElfReport report = gate(*bytes);
    CAPTURE(path);
    CHECK_FALSE(has(report, "elf.malformed"));
    CHECK_FALSE(has(report, "elf.truncated"));
    if (!has(report, "elf.program")) CHECK(report.export_count > 0);  // libc.so.6 can be run
    return 0;
  };
  ::dl_iterate_phdr(visit, &seen);
  CHECK(seen >= 2);  // libc and libstdc++ at least
}

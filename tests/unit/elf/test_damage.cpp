// Damaged and hostile files: always an answer, never a crash (run under sanitizers too), never much time.
#include <algorithm>
#include <chrono>
#include <functional>
#include <random>

#include "elf_fixture.hpp"

using namespace tenon::host;

TEST_CASE("every truncation is refused") {
  const std::string whole = fixture_bytes("elf_good.so");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    // Exact allocations, so that the address sanitizer sees a read one byte too far.
    const std::vector<std::byte> cut(reinterpret_cast<const std::byte*>(whole.data()),
                                     reinterpret_cast<const std::byte*>(whole.data()) + length);
    const ElfReport report = read_elf(cut);
    if (!report.refused()) FAIL("length " << length << " passes");
  }
}

TEST_CASE("a file that ends before its table of segments is said to be cut off, and nothing is made of what is not there") {
  const std::string whole = fixture_bytes("elf_good.so");
  const ElfReport report = gate(whole.substr(0, 100));
  CHECK(report.findings.size() == 2);
  for (const ElfFinding& f : report.findings) CHECK(f.code == "elf.truncated");
}

TEST_CASE("bytes after the end do not matter") { CHECK_FALSE(gate(fixture_bytes("elf_good.so") + std::string(5000, 'x')).refused()); }

TEST_CASE("random bytes are refused") {
  std::mt19937_64 random(1);
  for (unsigned round = 0; round < 3000; ++round) {
    std::string bytes(random() % 4096, '\0');
    std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<char>(random()); });
    if (round % 2 == 0) bytes.insert(0, std::string("\177ELF\2\1\1", 7));
    if (!gate(bytes).refused()) FAIL("round " << round << " passes");
  }
}

TEST_CASE("flipped bits in the tables never crash it") {
  std::mt19937_64 random(2);
  for (const char* name : {"elf_good.so", "elf_sysv_hash.so", "elf_two.so", "elf_static_tls.so"}) {
    const std::string whole = fixture_bytes(name);
    for (unsigned round = 0; round < 4000; ++round) {
      std::string bytes = whole;
      for (unsigned flips = 1 + random() % 8; flips != 0; --flips) {
        const std::size_t at = random() % 2 != 0 ? random() % 1024 : random() % bytes.size();
        bytes[at] = static_cast<char>(random() % 3 == 0 ? 0xff : random());
      }
      const ElfReport report = gate(bytes);
      if (!report.refused() && !report.has_entry) FAIL("passes without entry");
    }
  }
}

namespace {

/// One edit of a sound file and the code it must give.
void refused_after(const char* what, const char* code, const std::function<void(std::string&)>& edit) {
  CAPTURE(what);
  std::string bytes = fixture_bytes("elf_good.so");
  edit(bytes);
  const ElfReport report = gate(bytes);
  CHECK(has(report, code));
  CHECK(report.refused());
}

template <class Edit>
void each_load(std::string& bytes, Edit edit) {
  unsigned index = 0;
  edit_segments(bytes, [&](Elf64_Phdr& s) {
    if (s.p_type == PT_LOAD) edit(s, index++);
  });
}

void set_dynamic(std::string& bytes, std::int64_t tag, std::uint64_t value) {
  bool found = false;
  edit_dynamic(bytes, [&](Elf64_Dyn& d) {
    if (d.d_tag == tag) d.d_un.d_val = value, found = true;
  });
  REQUIRE(found);
}

}  // namespace

TEST_CASE("segments that cannot be") {
  refused_after("beyond the end", "elf.truncated", [](std::string& b) {
    each_load(b, [](Elf64_Phdr& s, unsigned i) {
      if (i == 1) s.p_filesz = s.p_memsz = 1u << 20u;
    });
  });
  refused_after("offset overflow", "elf.truncated", [](std::string& b) {
    each_load(b, [](Elf64_Phdr& s, unsigned i) {
      if (i == 1) s.p_offset = UINT64_MAX - 4095;
    });
  });
  refused_after("larger in the file", "elf.malformed", [](std::string& b) {
    each_load(b, [](Elf64_Phdr& s, unsigned i) {
      if (i == 1) s.p_memsz = 1;
    });
  });
  refused_after("beyond the address space", "elf.malformed", [](std::string& b) {
    each_load(b, [](Elf64_Phdr& s, unsigned i) {
      if (i == 3) s.p_memsz = UINT64_MAX;
    });
  });
  refused_after("overlapping", "elf.malformed", [](std::string& b) {
    each_load(b, [](Elf64_Phdr& s, unsigned i) {
      if (i == 0) s.p_memsz = 1u << 20u;
    });
  });
  refused_after("not aligned", "elf.malformed", [](std::string& b) {
    each_load(b, [](Elf64_Phdr& s, unsigned i) {
      if (i == 1) s.p_vaddr += 8;
    });
  });
  refused_after("alignment no power of two", "elf.malformed", [](std::string& b) {
    each_load(b, [](Elf64_Phdr& s, unsigned i) {
      if (i == 1) s.p_align = 4096 * 3;
    });
  });
  refused_after("none to load", "elf.malformed", [](std::string& b) { each_load(b, [](Elf64_Phdr& s, unsigned) { s.p_type = PT_NULL; }); });
  refused_after("too many", "elf.malformed", [](std::string& b) {
    auto h = header_of(b);
    h.e_phnum = 65000;
    put(b, 0, h);
  });
  refused_after("none", "elf.malformed", [](std::string& b) {
    auto h = header_of(b);
    h.e_phnum = 0;
    put(b, 0, h);
  });
  refused_after("odd size", "elf.malformed", [](std::string& b) {
    auto h = header_of(b);
    h.e_phentsize = 8;
    put(b, 0, h);
  });
  refused_after("table beyond the end", "elf.truncated", [](std::string& b) {
    auto h = header_of(b);
    h.e_phoff = UINT64_MAX - 8;
    put(b, 0, h);
  });
  refused_after("sections beyond the end", "elf.truncated", [](std::string& b) {
    auto h = header_of(b);
    h.e_shoff = UINT64_MAX - 8;
    put(b, 0, h);
  });
  refused_after("another system", "elf.osabi", [](std::string& b) { b[EI_OSABI] = static_cast<char>(ELFOSABI_FREEBSD); });
}

TEST_CASE("dynamic tables that cannot be") {
  refused_after("absent", "elf.malformed", [](std::string& b) {
    edit_segments(b, [](Elf64_Phdr& s) {
      if (s.p_type == PT_DYNAMIC) s.p_type = PT_NULL;
    });
  });
  refused_after("outside", "elf.malformed", [](std::string& b) {
    edit_segments(b, [](Elf64_Phdr& s) {
      if (s.p_type == PT_DYNAMIC) s.p_vaddr = 1u << 30u;
    });
  });
  refused_after("without end", "elf.malformed", [](std::string& b) {
    edit_segments(b, [](Elf64_Phdr& s) {
      if (s.p_type == PT_DYNAMIC) s.p_filesz = 64;
    });
  });
  refused_after("two", "elf.malformed", [](std::string& b) {
    edit_segments(b, [](Elf64_Phdr& s) {
      if (s.p_type == PT_GNU_EH_FRAME) s.p_type = PT_DYNAMIC;
    });
  });
  refused_after("strings outside", "elf.malformed", [](std::string& b) { set_dynamic(b, DT_STRTAB, 1u << 30u); });
  refused_after("no strings", "elf.malformed", [](std::string& b) { set_dynamic(b, DT_STRSZ, 0); });
  refused_after("strings without end", "elf.malformed", [](std::string& b) { set_dynamic(b, DT_STRSZ, dynamic_value(b, DT_STRSZ) - 1); });
  refused_after("symbol size", "elf.malformed", [](std::string& b) { set_dynamic(b, DT_SYMENT, 16); });
  refused_after("relocation size", "elf.malformed", [](std::string& b) { set_dynamic(b, DT_RELAENT, 1); });
  refused_after("symbols outside", "elf.malformed", [](std::string& b) { set_dynamic(b, DT_SYMTAB, 1u << 30u); });
  refused_after("hash outside", "elf.malformed", [](std::string& b) { set_dynamic(b, DT_GNU_HASH, 1u << 30u); });
  refused_after("relocations outside", "elf.malformed", [](std::string& b) { set_dynamic(b, DT_RELASZ, 1u << 30u); });
  refused_after("versions outside", "elf.malformed", [](std::string& b) { set_dynamic(b, DT_VERSYM, 1u << 30u); });
  refused_after("version needs outside", "elf.malformed", [](std::string& b) { set_dynamic(b, DT_VERNEED, 1u << 30u); });
  refused_after("init outside the code", "elf.malformed", [](std::string& b) { set_dynamic(b, DT_INIT, 16); });
  refused_after("init array outside", "elf.malformed", [](std::string& b) { set_dynamic(b, DT_INIT_ARRAY, 1u << 30u); });
  refused_after("needed name outside", "elf.malformed", [](std::string& b) { set_dynamic(b, DT_NEEDED, 1u << 30u); });
}

TEST_CASE("the loader's assertions cannot be reached") {
  refused_after("bloom filter no power of two", "elf.malformed",
                [](std::string& b) { put(b, offset_of(b, dynamic_value(b, DT_GNU_HASH)) + 8, std::uint32_t{3}); });
  refused_after("version of a library that is not needed", "elf.version_without_library", [](std::string& b) {
    edit_dynamic(b, [](Elf64_Dyn& d) {
      if (d.d_tag == DT_NEEDED) d.d_tag = DT_DEBUG;
    });
  });
  refused_after("version index not defined", "elf.malformed",
                [](std::string& b) { put(b, offset_of(b, dynamic_value(b, DT_VERSYM)) + 2, std::uint16_t{77}); });
  refused_after("relocation of a symbol that does not exist", "elf.malformed", [](std::string& b) {
    const std::size_t at = offset_of(b, dynamic_value(b, DT_RELA)) + 8;
    put(b, at, (std::uint64_t{9999} << 32u) | (get<std::uint64_t>(b, at) & 0xffffffffu));
  });
  refused_after("relocation outside", "elf.malformed",
                [](std::string& b) { put(b, offset_of(b, dynamic_value(b, DT_RELA)), std::uint64_t{1} << 40u); });
  for (const std::int64_t tag : {DT_RELASZ, DT_RELAENT, DT_RELA, DT_INIT_ARRAYSZ, DT_FINI_ARRAYSZ, DT_JMPREL, DT_PLTRELSZ, DT_PLTREL}) {
    CAPTURE(tag);
    refused_after("a group without one of its tags", "elf.malformed", [&](std::string& b) {
      REQUIRE(dynamic_value(b, tag) != 0);
      edit_dynamic(b, [&](Elf64_Dyn& d) {
        if (d.d_tag == tag) d.d_tag = DT_DEBUG;
      });
    });
  }
  for (const std::int64_t tag : {DT_RELR, DT_RELRSZ}) {
    CAPTURE(tag);
    refused_after("a group of which only one tag is there", "elf.malformed", [&](std::string& b) {
      const std::uint64_t address = dynamic_value(b, DT_RELA);
      edit_dynamic(b, [&](Elf64_Dyn& d) {
        if (d.d_tag == DT_RELACOUNT) d.d_tag = tag, d.d_un.d_val = tag == DT_RELR ? address : 8;
      });
    });
  }
  refused_after("half a relocation", "elf.malformed", [](std::string& b) { set_dynamic(b, DT_RELASZ, dynamic_value(b, DT_RELASZ) - 8); });
  refused_after("more relative relocations than there are", "elf.malformed",
                [](std::string& b) { set_dynamic(b, DT_RELACOUNT, 0xffffffff0000000d); });
  refused_after("relocations counted as relative that are none", "elf.malformed",
                [](std::string& b) { set_dynamic(b, DT_RELACOUNT, dynamic_value(b, DT_RELASZ) / sizeof(Elf64_Rela)); });
  refused_after("a copy relocation", "elf.malformed", [](std::string& b) {
    const std::size_t at = offset_of(b, dynamic_value(b, DT_RELA)) + dynamic_value(b, DT_RELASZ) - sizeof(Elf64_Rela) + 8;
#if defined(__x86_64__)
    const std::uint64_t type = R_X86_64_COPY;
#else
    const std::uint64_t type = R_AARCH64_COPY;
#endif
    put(b, at, (get<std::uint64_t>(b, at) & ~std::uint64_t{0xffffffff}) | type);
  });
  for (const bool far : {true, false})
    refused_after("RELRO outside its segment", "elf.malformed", [far](std::string& b) {
      edit_segments(b, [far](Elf64_Phdr& s) {
        if (s.p_type != PT_GNU_RELRO) return;
        if (far)
          s.p_vaddr += 0x40000;
        else
          s.p_vaddr = 0;
      });
    });
  refused_after("symbol name outside", "elf.malformed",
                [](std::string& b) { put(b, offset_of(b, dynamic_value(b, DT_SYMTAB)) + sizeof(Elf64_Sym), std::uint32_t{1u << 30u}); });
}

TEST_CASE("tables that refer to themselves take no time") {
  std::string bytes = fixture_bytes("elf_good.so");
  // A verneed entry whose auxiliary list and successor are itself, one byte further each time.
  const std::size_t at = offset_of(bytes, dynamic_value(bytes, DT_VERNEED));
  auto need = get<Elf64_Verneed>(bytes, at);
  need.vn_cnt = 65535, need.vn_next = 1;
  put(bytes, at, need);
  set_dynamic(bytes, DT_VERNEEDNUM, UINT64_MAX);
  CHECK(gate(bytes).refused());

  // Every segment is the same huge note segment: 128 x 32 MiB would be 4 GiB to walk.
  std::string notes(std::size_t{32} << 20u, '\0');
  Elf64_Ehdr header = header_of(bytes);
  header.e_phnum = 128, header.e_phoff = sizeof header, header.e_shoff = 0;
  put(notes, 0, header);
  for (unsigned i = 0; i < 128; ++i) {
    Elf64_Phdr segment{};
    segment.p_type = PT_NOTE, segment.p_offset = 8192, segment.p_filesz = notes.size() - 8192, segment.p_align = 4;
    put(notes, sizeof header + i * sizeof segment, segment);
  }
  for (std::size_t i = 8192; i + 16 <= notes.size(); i += 16) put(notes, i, Elf64_Nhdr{4, 0, 1});
  const auto begin = std::chrono::steady_clock::now();
  CHECK(gate(notes).refused());
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));  // about 0.1 s; generous for sanitizers
}

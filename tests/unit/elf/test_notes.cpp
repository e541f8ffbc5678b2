// Manifests in the file.
#include <tenon/core.h>

#include "elf_fixture.hpp"

using namespace tenon::host;

namespace {

std::string note(const std::string& owner, std::uint32_t type, const std::string& content, std::size_t alignment = 4) {
  std::string out;
  const auto word = [&](std::uint32_t w) { out.append(reinterpret_cast<const char*>(&w), 4); };
  const auto pad = [&] { out.resize((out.size() + alignment - 1) / alignment * alignment); };
  word(static_cast<std::uint32_t>(owner.size() + 1)), word(static_cast<std::uint32_t>(content.size())), word(type);
  out += owner + '\0';
  pad();
  out += content;
  pad();
  return out;
}

/// A good module whose note segment is replaced by `notes`, appended to the file.
ElfReport with_notes(const std::string& notes, std::size_t alignment) {
  std::string bytes = fixture_bytes("elf_good.so");
  Elf64_Ehdr header = header_of(bytes);
  header.e_shoff = 0, header.e_shnum = 0, header.e_shstrndx = 0;
  put(bytes, 0, header);
  bytes.resize((bytes.size() + 15) / 16 * 16);
  bool first = true;
  const std::size_t at = bytes.size();
  edit_segments(bytes, [&](Elf64_Phdr& s) {
    if (s.p_type != PT_NOTE) return;
    if (!first) {
      s.p_type = PT_NULL;
      return;
    }
    first = false;
    s.p_offset = at, s.p_filesz = notes.size(), s.p_align = alignment;
  });
  REQUIRE_FALSE(first);
  return gate(bytes + notes);
}

}  // namespace

TEST_CASE("the manifest is read without its NUL") {
  const ElfReport report = gate_file("elf_good.so");
  REQUIRE(report.manifests.size() == 1);
  CHECK(report.manifests[0].text == "manifest: 1\nsdk: \"1.0\"\nname: elf_good\nversion: 1.0.0\ndescription: Fixture of the ELF gate\n");
  CHECK_FALSE(report.manifests[0].from_section);
}

TEST_CASE("one note per module") {
  const ElfReport report = gate_file("elf_two.so");
  REQUIRE(report.manifests.size() == 2);
  const std::string both = report.manifests[0].text + report.manifests[1].text;
  CHECK(both.find("name: elf_two\n") != std::string::npos);
  CHECK(both.find("name: elf_second\n") != std::string::npos);
}

TEST_CASE("a file may have no manifest") {
  const ElfReport report = gate_file("elf_bare.so");
  CHECK(report.manifests.empty());
  CHECK_FALSE(report.refused());
}

TEST_CASE("notes are walked with the alignment of their segment") {
  for (const std::size_t alignment : {std::size_t{4}, std::size_t{8}}) {
    CAPTURE(alignment);
    const std::string notes = note("GNU", 5, std::string(17, 'p'), alignment) + note("TENON", TENON_NOTE_TYPE, "name: a\n", alignment) +
                              note("GNU", NT_GNU_BUILD_ID, "\xab\xcd", alignment) +
                              note("TENON", TENON_NOTE_TYPE, std::string("name: b\n\0\0\0", 11), alignment);
    const ElfReport report = with_notes(notes, alignment);
    REQUIRE(report.manifests.size() == 2);
    CHECK(report.manifests[0].text == "name: a\n");
    CHECK(report.manifests[1].text == "name: b\n");
    CHECK(report.build_id == "abcd");
    CHECK_FALSE(report.refused());
  }
}

TEST_CASE("notes of 4 merged into a segment of 8 are still found") {
  const std::string notes = note("GNU", 5, std::string(16, 'p'), 8) + note("TENON", TENON_NOTE_TYPE, "name: a", 4);
  const ElfReport report = with_notes(notes, 8);
  REQUIRE(report.manifests.size() == 1);
  CHECK(report.manifests[0].text == "name: a");
}

TEST_CASE("alignments of 0, 1 and 16 count as 4") {
  for (const std::size_t alignment : {std::size_t{0}, std::size_t{1}, std::size_t{16}}) {
    const ElfReport report = with_notes(note("TENON", TENON_NOTE_TYPE, "name: abc"), alignment);
    REQUIRE(report.manifests.size() == 1);
    CHECK(report.manifests[0].text == "name: abc");
  }
}

TEST_CASE("other owners and types are not ours") {
  const ElfReport report =
      with_notes(note("TENONX", TENON_NOTE_TYPE, "a") + note("TENON", TENON_NOTE_TYPE + 1, "b") + note("GNU", 9, "c"), 4);
  CHECK(report.manifests.empty());
}

TEST_CASE("lying note sizes end the walk") {
  std::string notes = note("TENON", TENON_NOTE_TYPE, "name: a\n");
  put(notes, 4, std::uint32_t{0xffffffffu});
  CHECK(with_notes(notes, 4).manifests.empty());
  notes = note("TENON", TENON_NOTE_TYPE, "name: a\n");
  put(notes, 0, std::uint32_t{0xfffffff0u});
  CHECK(with_notes(notes, 4).manifests.empty());
}

TEST_CASE("size and number of manifests are bounded") {
  CHECK_FALSE(with_notes(note("TENON", TENON_NOTE_TYPE, std::string(TENON_NOTE_MAX, 'x')), 4).refused());
  const ElfReport large = with_notes(note("TENON", TENON_NOTE_TYPE, std::string(TENON_NOTE_MAX + 1, 'x')), 4);
  CHECK(has(large, "elf.manifest_too_large"));
  CHECK(large.manifests.empty());
  std::string many;
  for (unsigned i = 0; i < 65; ++i) many += note("TENON", TENON_NOTE_TYPE, "name: a\n");
  const ElfReport report = with_notes(many, 4);
  CHECK(has(report, "elf.too_many_manifests"));
  CHECK(report.manifests.size() == 64);
}

TEST_CASE("a note that left the note segment is found by its section") {
  std::string bytes = fixture_bytes("elf_good.so");
  edit_segments(bytes, [](Elf64_Phdr& s) {
    if (s.p_type == PT_NOTE) s.p_type = PT_NULL;
  });
  const ElfReport report = gate(bytes);
  REQUIRE(report.manifests.size() == 1);
  CHECK(report.manifests[0].from_section);
  CHECK(report.manifests[0].text.find("name: elf_good\n") != std::string::npos);
  CHECK_FALSE(report.refused());
  CHECK(finding(report, "elf.manifest_section").severity == Severity::warning);
  CHECK(finding(report, "elf.manifest_section").help.find("patchelf") != std::string::npos);
}

TEST_CASE("a section without a note says how to embed one") {
  const ElfReport report = gate_file("elf_added_section.so");
  CHECK(report.manifests.empty());
  CHECK(finding(report, "elf.manifest_section").help.find("TENON_MANIFEST") != std::string::npos);
}

#include "notes.hpp"

#include <tenon/core.h>

#include <string>

namespace tenon::host {

namespace {

constexpr std::size_t max_manifests = 64;
constexpr std::size_t max_build_id = 64;

struct Note {
  std::uint32_t type = 0;
  std::string_view owner;  ///< without the NUL
  Bytes content;
};

/// Calls `see(note)` for each note; false if the area is not a sequence of notes with this alignment.
template <class See>
bool walk(Bytes area, std::uint64_t alignment, See see) {
  const auto up = [&](std::uint64_t n) { return (n + alignment - 1) & ~(alignment - 1); };
  std::uint64_t at = 0;
  while (area.size() - at >= sizeof(Elf64_Nhdr)) {
    const auto head = area.at<Elf64_Nhdr>(at);
    if (head->n_namesz == 0 && head->n_descsz == 0 && head->n_type == 0) return true;  // padding
    const std::uint64_t name_at = at + sizeof(Elf64_Nhdr), content_at = up(name_at + head->n_namesz);
    if (!area.contains(name_at, head->n_namesz) || !area.contains(content_at, head->n_descsz)) return false;
    Note note{head->n_type, area.part(name_at, head->n_namesz).text(), area.part(content_at, head->n_descsz)};
    note.owner = note.owner.substr(0, note.owner.find('\0'));
    see(note);
    at = up(content_at + head->n_descsz);
    if (at >= area.size()) return true;
  }
  return true;
}

class Reader {
 public:
  Reader(ElfReport& report, GateFindings& findings) : report_(report), findings_(findings) {}

  /// The notes of one area. Linkers lay out by the segment's alignment, but some merge notes of 4 and 8: whichever fits counts.
  void area(Bytes bytes, std::uint64_t alignment, bool from_section) {
    const std::uint64_t said = alignment == 8 ? 8 : 4, other = 12 - said;
    const auto ignore = [](const Note&) {};
    const bool use_other = !walk(bytes, said, ignore) && walk(bytes, other, ignore);
    walk(bytes, use_other ? other : said, [&](const Note& note) { take(note, from_section); });
  }

  /// Manifest notes met so far, those refused included.
  [[nodiscard]] std::size_t seen() const { return seen_; }

 private:
  void take(const Note& note, bool from_section) {
    if (note.owner == "GNU" && note.type == NT_GNU_BUILD_ID && report_.build_id.empty()) {
      build_id(note.content.text().substr(0, max_build_id));
    } else if (note.owner == TENON_NOTE_OWNER && note.type == TENON_NOTE_TYPE) {
      manifest(note.content.text(), from_section);
    }
  }

  void build_id(std::string_view bytes) {
    constexpr char digits[] = "0123456789abcdef";
    for (const char c : bytes) {
      report_.build_id += digits[static_cast<unsigned char>(c) >> 4u];
      report_.build_id += digits[static_cast<unsigned char>(c) & 15u];
    }
  }

  void manifest(std::string_view text, bool from_section) {
    ++seen_;
    while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
    if (text.size() > TENON_NOTE_MAX) {
      findings_.refuse(
          "elf.manifest_too_large",
          "its embedded manifest has " + std::to_string(text.size()) + " bytes, at most " + std::to_string(TENON_NOTE_MAX) + " are allowed",
          "shorten it");
      return;
    }
    if (report_.manifests.size() == max_manifests) {
      findings_.refuse("elf.too_many_manifests", "it holds more than " + std::to_string(max_manifests) + " manifests",
                       "one note per module; split the library");
      full_ = true;
    }
    if (!full_) report_.manifests.push_back({std::string(text), from_section});
  }

  ElfReport& report_;
  GateFindings& findings_;
  std::size_t seen_ = 0;
  bool full_ = false;
};

void by_section(Bytes file, const Elf64_Ehdr& header, Reader& reader, GateFindings& findings) {
  if (header.e_shoff == 0 || header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shstrndx >= header.e_shnum) return;
  const auto section = [&](std::uint64_t index) { return file.at<Elf64_Shdr>(header.e_shoff + index * sizeof(Elf64_Shdr)); };
  if (!file.contains(header.e_shoff, std::uint64_t{header.e_shnum} * sizeof(Elf64_Shdr))) return;
  const Elf64_Shdr names_at = *section(header.e_shstrndx);
  const Bytes names = file.part(names_at.sh_offset, names_at.sh_size);
  constexpr std::string_view wanted = TENON_NOTE_SECTION;
  std::uint64_t budget = file.size();  // sections that overlap must not cost more than the file once
  for (std::uint64_t i = 1; i < header.e_shnum; ++i) {
    const Elf64_Shdr entry = *section(i);
    if (entry.sh_type == SHT_NOBITS ||
        names.part(entry.sh_name, wanted.size() + 1).text() != std::string_view(wanted.data(), wanted.size() + 1))
      continue;
    if (entry.sh_size > budget || !file.contains(entry.sh_offset, entry.sh_size)) {
      findings.malformed("the section `" TENON_NOTE_SECTION "` lies outside the file");
      return;
    }
    budget -= entry.sh_size;
    const std::size_t before = reader.seen();
    reader.area(file.part(entry.sh_offset, entry.sh_size), entry.sh_addralign, true);
    if (reader.seen() == before) {
      findings.warn(
          "elf.manifest_section", "its section `" TENON_NOTE_SECTION "` holds no note with owner `" TENON_NOTE_OWNER "`",
          "`objcopy --add-section` adds bare bytes; embed the manifest with tenon_add_module(... MANIFEST x.yaml) or TENON_MANIFEST");
    } else {
      findings.warn(
          "elf.manifest_section", "its manifest is no longer in the note segment and was found by the section's name",
          "tools that edit libraries do that, patchelf before 0.14 and objcopy among them: use a newer one, or embed the manifest anew");
    }
  }
}

}  // namespace

void read_notes(Bytes file, const Elf64_Ehdr& header, const Segments& segments, ElfReport& report, GateFindings& findings) {
  Reader reader(report, findings);
  std::uint64_t budget = file.size();  // segments that overlap must not cost more than the file once
  for (const Elf64_Phdr& segment : segments.all) {
    if (segment.p_type != PT_NOTE) continue;
    if (segment.p_filesz > budget || !file.contains(segment.p_offset, segment.p_filesz)) {
      findings.malformed("a note segment lies outside the file");
      continue;
    }
    budget -= segment.p_filesz;
    reader.area(file.part(segment.p_offset, segment.p_filesz), segment.p_align, false);
  }
  if (reader.seen() == 0) by_section(file, header, reader, findings);
}

}  // namespace tenon::host

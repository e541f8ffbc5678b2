#include "image.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace tenon::host {

namespace {

constexpr std::uint16_t max_segments = 128;                     ///< real libraries have about a dozen
constexpr std::uint64_t max_address = std::uint64_t{1} << 47u;  ///< user space of x86-64; aarch64 is not smaller in practice
constexpr std::uint64_t min_page = 4096;

const char* const build_help = "build it as a shared library: `cc -shared -fPIC`";

std::string first_bytes(Bytes file) { return printable(file.text().substr(0, 8)); }

/// False if the file is of a kind whose tables mean something else.
bool check_type(const Elf64_Ehdr& header, GateFindings& findings) {
  switch (header.e_type) {
    case ET_DYN:
      return true;
    case ET_REL:
      findings.refuse("elf.type", "this is an object file that was not linked", build_help);
      return false;
    case ET_EXEC:
      findings.refuse("elf.type", "this is a program, not a shared library", build_help);
      return false;
    case ET_CORE:
      findings.refuse("elf.type", "this is a core dump, not a shared library", build_help);
      return false;
    default:
      findings.refuse("elf.type", "this is not a shared library (ELF type " + std::to_string(header.e_type) + ")", build_help);
      return false;
  }
}

std::string bytes_text(std::uint64_t n) { return "byte " + std::to_string(n); }

bool check_load(Bytes file, const Elf64_Phdr& load, std::size_t index, GateFindings& findings) {
  const std::string which = "segment " + std::to_string(index);
  if (load.p_filesz > load.p_memsz) {
    findings.malformed(which + " is larger in the file than in memory");
    return false;
  }
  if (!file.contains(load.p_offset, load.p_filesz)) {
    const bool overflow = load.p_filesz > UINT64_MAX - load.p_offset;
    findings.refuse("elf.truncated",
                    "the file is cut off: " + which + " ends at " +
                        (overflow ? "an impossible byte" : bytes_text(load.p_offset + load.p_filesz)) + ", the file at " +
                        bytes_text(file.size()),
                    "copy or build it again");
    return false;
  }
  if (load.p_vaddr > max_address || load.p_memsz > max_address - load.p_vaddr) {
    findings.malformed(which + " lies beyond the address space");
    return false;
  }
  const std::uint64_t align = std::max(load.p_align, min_page);
  if ((align & (align - 1)) != 0 || load.p_align % min_page != 0 || ((load.p_vaddr - load.p_offset) & (align - 1)) != 0) {
    findings.malformed(which + " is not aligned to pages");
    return false;
  }
  return true;
}

}  // namespace

std::string machine_name(std::uint16_t machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86-64";
    case EM_AARCH64:
      return "aarch64";
    case EM_386:
      return "i386";
    case EM_ARM:
      return "arm";
    case EM_RISCV:
      return "riscv";
    case EM_PPC64:
      return "ppc64";
    case EM_S390:
      return "s390";
    case EM_MIPS:
      return "mips";
    default:
      return "machine " + std::to_string(machine);
  }
}

std::optional<std::uint64_t> Segments::offset_of(std::uint64_t address, std::uint64_t size) const {
  for (const Elf64_Phdr& load : loads) {
    if (address < load.p_vaddr || address - load.p_vaddr > load.p_filesz) continue;
    const std::uint64_t into = address - load.p_vaddr;
    if (size > load.p_filesz - into) continue;
    return load.p_offset + into;
  }
  return std::nullopt;
}

const Elf64_Phdr* Segments::mapping(std::uint64_t address, std::uint64_t size) const {
  for (const Elf64_Phdr& load : loads) {
    if (address < load.p_vaddr || address - load.p_vaddr > load.p_memsz) continue;
    if (size <= load.p_memsz - (address - load.p_vaddr)) return &load;
  }
  return nullptr;
}

Bytes Segments::tail(Bytes file, std::uint64_t address) const {
  for (const Elf64_Phdr& load : loads) {
    if (address < load.p_vaddr || address - load.p_vaddr >= load.p_filesz) continue;
    const std::uint64_t into = address - load.p_vaddr;
    return file.part(load.p_offset + into, load.p_filesz - into);
  }
  return {};
}

std::optional<Elf64_Ehdr> read_header(Bytes file, GateFindings& findings) {
  if (file.size() == 0) {
    findings.refuse("elf.not_elf", "the file is empty", build_help);
    return std::nullopt;
  }
  if (file.text().substr(0, SELFMAG) != std::string_view(ELFMAG, SELFMAG)) {
    findings.refuse("elf.not_elf", "this is not an ELF file: it begins with `" + first_bytes(file) + "`", build_help);
    return std::nullopt;
  }
  const auto header = file.at<Elf64_Ehdr>(0);
  if (file.size() > EI_CLASS && file.text()[EI_CLASS] != ELFCLASS64) {
    const bool is_32 = file.text()[EI_CLASS] == ELFCLASS32;
    findings.refuse("elf.class",
                    is_32 ? "this is a 32-bit library, the host is a 64-bit program" : "the ELF class is neither 32 nor 64 bit",
                    "build it for this machine (" + machine_name(this_machine) + ")");
    return std::nullopt;
  }
  if (!header) {
    findings.refuse("elf.truncated", "the file is cut off within its header: it has " + std::to_string(file.size()) + " bytes",
                    "copy or build it again");
    return std::nullopt;
  }
  if (header->e_ident[EI_DATA] != ELFDATA2LSB) {
    findings.refuse("elf.byte_order", "its byte order is not this machine's (little-endian)",
                    "build it for this machine (" + machine_name(this_machine) + ")");
    return std::nullopt;
  }
  if (header->e_ident[EI_VERSION] != EV_CURRENT || header->e_version != EV_CURRENT) findings.malformed("the ELF version is not 1");
  const unsigned char osabi = header->e_ident[EI_OSABI];
  if (osabi != ELFOSABI_SYSV && osabi != ELFOSABI_GNU)
    findings.refuse("elf.osabi", "it was built for another operating system (OS ABI " + std::to_string(osabi) + ")", "build it for Linux");
  if (header->e_machine != this_machine) {
    findings.refuse("elf.machine",
                    "it was built for " + machine_name(header->e_machine) + ", this machine is " + machine_name(this_machine),
                    "build it for " + machine_name(this_machine));
  }
  if (!check_type(*header, findings)) return std::nullopt;
  const std::uint64_t section_bytes = std::uint64_t{header->e_shnum} * header->e_shentsize;
  if (header->e_shoff != 0 && !file.contains(header->e_shoff, section_bytes)) {
    findings.refuse(
        "elf.truncated",
        "the file is cut off: its section table begins at " + bytes_text(header->e_shoff) + ", the file ends at " + bytes_text(file.size()),
        "copy or build it again");
  }
  return header;
}

Segments read_segments(Bytes file, const Elf64_Ehdr& header, GateFindings& findings) {
  Segments segments;
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 || header.e_phnum > max_segments) {
    findings.malformed("the table of segments has an impossible shape (" + std::to_string(header.e_phnum) + " entries of " +
                       std::to_string(header.e_phentsize) + " bytes)");
    return segments;
  }
  if (!file.contains(header.e_phoff, std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr))) {
    findings.refuse("elf.truncated", "the file is cut off: its table of segments lies beyond the end", "copy or build it again");
    return segments;
  }
  segments.all.reserve(header.e_phnum);
  segments.loads.reserve(8);
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const Elf64_Phdr segment = *file.at<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr));
    segments.all.push_back(segment);
    if (segment.p_type != PT_LOAD || !check_load(file, segment, i, findings)) continue;
    if (segment.p_vaddr < end) {
      findings.malformed("segment " + std::to_string(i) + " overlaps the one before it");
      continue;
    }
    end = segment.p_vaddr + segment.p_memsz;
    segments.loads.push_back(segment);
  }
  if (segments.loads.empty()) findings.malformed("no segment can be loaded");
  return segments;
}

}  // namespace tenon::host

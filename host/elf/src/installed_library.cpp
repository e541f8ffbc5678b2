#include "installed_library.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/file.hpp"
#include "dynamic.hpp"
#include "versions.hpp"

namespace tenon::host {

namespace {

constexpr std::uint64_t max_dynamic = std::uint64_t{64} * 1024;
constexpr std::uint64_t max_definitions = std::uint64_t{256} * 1024;
constexpr std::uint64_t max_strings = std::uint64_t{64} * 1024 * 1024;

/// At most `size` bytes from `offset`; fewer at the end of the file.
std::vector<std::byte> read_part(int fd, std::uint64_t offset, std::uint64_t size) {
  std::vector<std::byte> bytes(size);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

Bytes view(const std::vector<std::byte>& bytes) { return Bytes(std::span<const std::byte>(bytes)); }

/// PT_LOAD and PT_DYNAMIC as they are; offsets may point anywhere, read_part does not mind.
Segments read_headers(Bytes head, const Elf64_Ehdr& header) {
  Segments segments;
  for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
    const auto segment = head.at<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment) break;
    if (segment->p_offset > INT64_MAX / 2 || segment->p_filesz > INT64_MAX / 2) continue;
    segments.all.push_back(*segment);
    if (segment->p_type == PT_LOAD) segments.loads.push_back(*segment);
  }
  return segments;
}

}  // namespace

std::unique_ptr<InstalledLibrary> read_installed_library(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return nullptr;
  const auto head = read_part(fd.get(), 0, 4096);
  const auto header = view(head).at<Elf64_Ehdr>(0);
  if (!header || !view(head).text().starts_with(std::string_view(ELFMAG, SELFMAG)) || header->e_ident[EI_CLASS] != ELFCLASS64 ||
      header->e_machine != this_machine || header->e_type != ET_DYN)
    return nullptr;

  auto library = std::make_unique<InstalledLibrary>();
  library->path = path;
  const Segments segments = read_headers(view(head), *header);
  DynamicTable dynamic;
  for (const Elf64_Phdr& segment : segments.all)
    if (segment.p_type == PT_DYNAMIC) dynamic.parse(view(read_part(fd.get(), segment.p_offset, std::min(segment.p_filesz, max_dynamic))));
  const auto definitions_at = dynamic.find(DT_VERDEF);
  const auto strings_size = std::min({dynamic.get(DT_STRSZ), max_strings, static_cast<std::uint64_t>(status.st_size)});
  const auto definitions = definitions_at ? segments.offset_of(*definitions_at, 0) : std::nullopt;
  const auto strings = segments.offset_of(dynamic.get(DT_STRTAB), 0);
  if (!definitions || !strings) return library;
  const auto string_bytes = read_part(fd.get(), *strings, strings_size);
  const auto definition_bytes = read_part(fd.get(), *definitions, std::min(max_definitions, static_cast<std::uint64_t>(status.st_size)));
  dynamic.set_strings(view(string_bytes));
  std::uint16_t index = 0;
  // A table that cannot be read proves nothing: the library then counts as one without versions, as the loader only warns about those.
  if (auto versions = walk_definitions(view(definition_bytes), dynamic.get(DT_VERDEFNUM), dynamic, index)) {
    library->versioned = true;
    library->versions = std::move(*versions);
    std::sort(library->versions.begin(), library->versions.end());
  }
  return library;
}

}  // namespace tenon::host

#include "library.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/text.hpp"
#include "walk.hpp"

namespace tenon::host {

namespace {

constexpr std::uint64_t large_file = std::uint64_t{32} * 1024 * 1024;

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

bool same_state(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && nanoseconds(a.st_mtim) == nanoseconds(b.st_mtim) && nanoseconds(a.st_ctim) == nanoseconds(b.st_ctim);
}

Error changed(const std::string& path) {
  return Error{Code::aborted,
               "`" + printable(path, 4096) + "` changed while it was read: copy it under another name and rename it into place", "CHANGED",
               0, ExitCode::try_again};
}

}  // namespace

bool vanished(const SafeRoot& root, const std::string& name, const Error& error) {
  struct stat status {};
  return error.code == Code::not_found && ::fstatat(root.fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0;
}

void Examiner::examine(Library& library) {
  const Root& root = roots_[library.entry.root];
  library.path = join_path(root.directory.path, library.entry.name);
  auto fd = open_beneath(root.directory, library.entry.name, owners_, options_.path_checks, &library.path);
  if (!fd) {
    library.gone = vanished(root.directory, library.entry.name, fd.error());
    library.failure = fd.error();
    return;
  }
  read(library, fd->get());
}

void Examiner::read(Library& library, int fd) {
  struct stat before {};
  if (::fstat(fd, &before) != 0) {
    library.failure = Error::system(errno, "cannot examine `" + printable(library.path, 4096) + "`");
    return;
  }
  const auto size = static_cast<std::uint64_t>(before.st_size);
  if (size > max_library_bytes) {
    library.failure = Error{
        Code::resource_exhausted,
        "`" + printable(library.path, 4096) + "` has " + format_size(size) + ", at most " + format_size(max_library_bytes) + " are loaded",
        "TOO_LARGE", 0, ExitCode::unavailable};
    return;
  }
  std::unique_lock alone(one_large_file_, std::defer_lock);
  if (size > large_file) alone.lock();
  const auto bytes = read_all(fd, max_library_bytes, library.path);
  if (!bytes) {
    library.failure = bytes.error();
    return;
  }
  struct stat after {};
  if (::fstat(fd, &after) != 0 || !same_state(before, after) || bytes->size() != size) {
    library.failure = changed(library.path);
    return;
  }
  ElfReport report = read_elf(bytes->span());
  check_needed_libraries(report, needed_);
  library.whole = !report.machine.empty() && std::none_of(report.findings.begin(), report.findings.end(), [](const ElfFinding& f) {
    return f.code == "elf.truncated" || f.code == "elf.manifest_too_large";
  });
  library.findings = std::move(report.findings);
  library.manifests = std::move(report.manifests);
  library.links = before.st_nlink;
  LibraryFile& file = library.file.emplace();
  file.path = library.path;
  file.device = before.st_dev;
  file.inode = before.st_ino;
  file.size = size;
  file.mtime_ns = nanoseconds(before.st_mtim);
  file.build_id = std::move(report.build_id);
  if (options_.skip_plugins && roots_[library.entry.root].origin != Origin::runtime) return;
  const std::optional<Digest> known = options_.known_digest ? options_.known_digest(file, bytes->span()) : std::nullopt;
  file.digest = known ? *known : sha256(bytes->span());
}

}  // namespace tenon::host

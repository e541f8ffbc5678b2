#include "audit_tail.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <new>

#include "base/file.hpp"
#include "base/text.hpp"
#include "kernel/audit_file.hpp"

namespace tenon::host {
namespace {

constexpr off_t tail_bytes = 512 * 1024;
constexpr std::string_view record_begin = "{\"seq\":";

// Somebody else's file must be neither appended to nor moved away: ours begins with a record, or has a note beside it. (Zeros are what a
// loss of power may leave of a first record.)
bool is_foreign(int fd, off_t size, const std::string& path) {
  char text[record_begin.size()] = {};
  const ssize_t n = size > 0 ? ::pread(fd, text, sizeof text, 0) : 0;
  if (n <= 0 || text[0] == '\0' || record_begin.starts_with(std::string_view(text, static_cast<std::size_t>(n)))) return false;
  struct stat st {};
  return ::stat(audit_head_path(path).c_str(), &st) != 0;
}

// What is left of a record whose write was cut off: its beginning, or the zeros of a loss of power.
bool may_be_torn(std::string_view line) {
  return line.substr(0, record_begin.size()) == record_begin.substr(0, line.size()) || line.find('\0') != std::string_view::npos;
}

// errno of open(2).
Error cannot_open(const std::string& path) {
  return audit_file_error("cannot open", path, errno == EACCES ? ExitCode::no_permission : ExitCode::cannot_create);
}

// A name that remove_temporaries knows.
std::string made_note_path(const std::string& path) { return audit_head_path(path) + ".synced"; }

}  // namespace

Error audit_file_error(const char* what, const std::string& path, ExitCode exit) {
  return Error::system(errno, std::string(what) + " the audit file `" + printable(path, 4096) + "`", exit);
}

std::optional<AuditSeal> read_audit_note(const std::string& path) {
  const auto text = read_text_file(audit_head_path(path), 256);
  return text ? read_audit_head(*text) : std::nullopt;
}

bool make_audit_note(const std::string& path, const AuditSeal& seal) noexcept {
  try {
    const std::string made = made_note_path(path);
    ::unlink(made.c_str());
    const UniqueFd fd(::open(made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    return fd && write_all(fd.get(), make_audit_head(seal)) && ::fsync(fd.get()) == 0;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

bool put_audit_note(const std::string& path) { return ::rename(made_note_path(path).c_str(), audit_head_path(path).c_str()) == 0; }

Result<void> check_audit_note(const std::string& path, const AuditSeal& last, const AuditSeal& noted) {
  if (last.seq > noted.seq || (last.seq == noted.seq && last.hash == noted.hash)) return {};
  const std::string seq = std::to_string(noted.seq);
  return Error{Code::data_loss,
               "the audit file `" + printable(path, 4096) + "` " +
                   (last.seq == noted.seq ? "ends with another record " + seq + " than was noted"
                                          : "ends with record " + std::to_string(last.seq) + ", but record " + seq + " was noted") +
                   " as written: it was cut or exchanged; look at it with `tenond audit verify`",
               "AUDIT_CHANGED", 0, ExitCode::data_error};
}

Result<UniqueFd> open_audit_file(const std::string& path, bool create, uid_t owner, struct stat& st) {
  const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK;
  UniqueFd fd(create ? ::open(path.c_str(), flags | O_CREAT, 0600) : ::open(path.c_str(), flags));
  if (!fd && errno == ELOOP)
    return Error{Code::permission_denied,
                 "the audit file `" + printable(path, 4096) + "` is a symbolic link: give the file it leads to as `audit.path`",
                 "UNSAFE_FILE", 0, ExitCode::no_permission};
  if (!fd) return cannot_open(path);
  if (::fstat(fd.get(), &st) != 0) return audit_file_error("cannot examine", path, ExitCode::io_error);
  if (!S_ISREG(st.st_mode) || st.st_uid != owner || (st.st_mode & 0022U) != 0)
    return Error{Code::permission_denied,
                 "the audit file `" + printable(path, 4096) + "` must be a regular file of uid " + std::to_string(owner) +
                     " that nobody else may write",
                 "UNSAFE_FILE", 0, ExitCode::no_permission};
  return fd;
}

Result<void> look_at_audit_file(const std::string& path, std::uint32_t owner) {
  const auto directory_is_writable = [&path] {
    const std::string directory = path.substr(0, std::max<std::size_t>(1, path.rfind('/')));
    return ::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
  };
  // The note first: it is older than the end of the file then, also where a daemon is writing.
  const std::optional<AuditSeal> noted = read_audit_note(path);
  struct stat st {};
  const Result<UniqueFd> fd = open_audit_file(path, false, owner, st);
  if (!fd && fd.error().sys_errno != ENOENT) return fd.error();
  if (!fd) return directory_is_writable() ? Result<void>() : cannot_open(path);
  const Result<AuditTail> tail = read_audit_tail(fd->get(), st.st_size, path);
  Result<void> goes_on;
  if (!tail)
    goes_on = tail.error();
  else if (noted && st.st_size != 0)
    goes_on = check_audit_note(path, tail->last, *noted);
  if (goes_on || goes_on.error().reason != "AUDIT_CHANGED" || directory_is_writable()) return goes_on;
  return audit_file_error("cannot set aside", path, ExitCode::cannot_create);
}

Result<AuditTail> read_audit_tail(int fd, off_t size, const std::string& path) {
  AuditTail out;
  if (is_foreign(fd, size, path))
    return Error{Code::failed_precondition,
                 "`" + printable(path, 4096) + "` is no audit file: it does not begin with a record; give another one as `audit.path`",
                 "NO_AUDIT_FILE", 0, ExitCode::data_error};
  const off_t from = std::max<off_t>(0, size - tail_bytes);
  std::string bytes(static_cast<std::size_t>(size - from), '\0');
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::pread(fd, bytes.data() + done, bytes.size() - done, from + static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return audit_file_error("cannot read", path, ExitCode::io_error);
    if (n == 0) bytes.resize(done);
    done += static_cast<std::size_t>(n);
  }
  std::string_view text = bytes;
  if (text.empty()) return out;
  const std::size_t whole = text.rfind('\n');
  out.torn = whole == std::string_view::npos ? text.size() : text.size() - whole - 1;
  if (const std::optional<ReadSeal> read = read_audit_line(text.substr(text.size() - out.torn)); read && read->intact)
    return AuditTail{read->seal, 0, true};
  if (whole == std::string_view::npos) {
    if (from == 0) return out;  // nothing but the first line, torn
    return Error{Code::data_loss, "`" + printable(path, 4096) + "` is no audit file: it has no lines", "NO_AUDIT_FILE", 0,
                 ExitCode::data_error};
  }
  // Upwards to the last record: the one that would have told of a torn line may be torn itself.
  for (std::size_t end = whole;;) {
    const std::size_t before = end == 0 ? std::string_view::npos : text.rfind('\n', end - 1);
    const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
    const std::string_view line = text.substr(begin, end - begin);
    const std::optional<ReadSeal> read = read_audit_line(line);
    if (read && read->intact) {
      out.last = read->seal;
      out.torn = text.size() - end - 1;
      return out;
    }
    if (read || !may_be_torn(line)) break;
    if (before == std::string_view::npos) {
      if (from != 0) break;
      out.torn = text.size();  // nothing but torn lines: there never was a record
      return out;
    }
    end = before;
  }
  return Error{Code::data_loss,
               "the last record of the audit file `" + printable(path, 4096) +
                   "` is damaged or was changed, so that nothing can be appended; look at it with `tenond audit verify`, then move it away",
               "AUDIT_CHANGED", 0, ExitCode::data_error};
}

}  // namespace tenon::host

// The audit file as somebody left it: what a new life goes on from.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>

#include "audit_line.hpp"
#include "base/file.hpp"
#include "base/result.hpp"

namespace tenon::host {

/// Its last whole record, and what is torn behind it: one line, or several with their newlines.
struct AuditTail {
  AuditSeal last{0, {}, std::string(audit_chain_begin)};
  std::size_t torn = 0;  ///< bytes
  bool unended = false;  ///< whole, but for its newline
};

/// The file, open, if it is one to trust: regular, of `owner`, writable by nobody else. `st`: what it is. Errors: as of AuditLog::open.
Result<UniqueFd> open_audit_file(const std::string& path, bool create, uid_t owner, struct stat& st);
/// Reads the end of the file. Errors: as of AuditLog::open.
Result<AuditTail> read_audit_tail(int fd, off_t size, const std::string& path);
/// The note of a former life; nullopt if there is none, or none that can be read.
std::optional<AuditSeal> read_audit_note(const std::string& path);
/// A new note, on the disk, beside the place where it is read; and into that place, instead of the one that is there. False: not done.
bool make_audit_note(const std::string& path, const AuditSeal& seal) noexcept;
bool put_audit_note(const std::string& path);
/// AUDIT_CHANGED if a file that ends with `last` cannot be the one in which `noted` was written.
Result<void> check_audit_note(const std::string& path, const AuditSeal& last, const AuditSeal& noted);
/// errno, as an error about the file: "`what` the audit file …".
Error audit_file_error(const char* what, const std::string& path, ExitCode exit);

}  // namespace tenon::host

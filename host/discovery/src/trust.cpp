#include "discovery/trust.hpp"

#include <unistd.h>

#include "base/text.hpp"
#include "unsafe.hpp"
#include "walk.hpp"

namespace tenon::host {

namespace {

std::string octal(mode_t mode) {
  std::string text;
  for (mode_t bits = mode & 07777u, place = 0; place < 4; ++place, bits >>= 3u)
    text.insert(text.begin(), static_cast<char>('0' + (bits & 7u)));
  return text;
}

Error denied(std::string message, const char* reason) {
  return Error{Code::permission_denied, std::move(message), reason, 0, ExitCode::no_permission};
}

/// Uids of a user namespace that have no name in it look like this one.
constexpr uid_t overflow_uid = 65534;

}  // namespace

bool TrustedOwners::trusts(uid_t uid) const {
  return uid == 0 || uid == effective_uid || (has_executable_owner && uid == executable_owner);
}

std::optional<Error> who_could_change(const struct stat& status, const std::string& path, const TrustedOwners& owners) {
  const std::string shown = printable(path, 4096), name = "`" + shown + "`";
  const std::string owner = "uid " + std::to_string(status.st_uid);
  if (!owners.trusts(status.st_uid) && !owners.executable_unsafe.empty() && status.st_uid == owners.executable_owner) {
    return denied(name + " belongs to " + owner +
                      ", the owner of tenond, who is trusted only while nobody else can change tenond: " + owners.executable_unsafe,
                  "UNTRUSTED_OWNER");
  }
  if (!owners.trusts(status.st_uid)) {
    return denied(name + " belongs to " + owner + ", who is neither root nor the user or owner of tenond: " +
                      (status.st_uid == overflow_uid ? "in a container without the real owners set `security.path_checks: file_only`"
                                                     : "if it is meant to be loaded run `chown root " + shown + "`"),
                  "UNTRUSTED_OWNER");
  }
  if (S_ISLNK(status.st_mode)) return std::nullopt;
  if (S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0 && status.st_uid == 0) return std::nullopt;
  const std::string mode = " (mode " + octal(status.st_mode) + ", " + owner + ")";
  if ((status.st_mode & S_IWOTH) != 0)
    return denied(name + " is writable by everyone" + mode + ": run `chmod o-w " + shown + "`", "WORLD_WRITABLE");
  const bool trusted_group = status.st_gid == 0 || (status.st_gid == owners.effective_gid && owners.effective_uid != 0);
  if ((status.st_mode & S_IWGRP) != 0 && !trusted_group) {
    return denied(name + " is writable by its group, gid " + std::to_string(status.st_gid) + mode + ": run `chmod g-w " + shown + "`",
                  "GROUP_WRITABLE");
  }
  return std::nullopt;
}

TrustedOwners TrustedOwners::of_process(const std::string& executable) {
  TrustedOwners owners;
  owners.effective_uid = ::geteuid();
  owners.effective_gid = ::getegid();
  struct stat status {};
  if (executable.empty() || ::stat(executable.c_str(), &status) != 0 || owners.trusts(status.st_uid)) return owners;
  TrustedOwners with_owner = owners;
  with_owner.has_executable_owner = true;
  with_owner.executable_owner = status.st_uid;
  const auto walked =
      walk_from_top(executable, [&](const struct stat& s, const std::string& path) { return who_could_change(s, path, with_owner); });
  const std::optional<Error> unsafe = walked ? who_could_change(status, executable, with_owner) : walked.error();
  if (!unsafe && !walked->is_directory) return with_owner;
  owners.executable_owner = status.st_uid;
  if (unsafe) owners.executable_unsafe = unsafe->message;
  return owners;
}

}  // namespace tenon::host

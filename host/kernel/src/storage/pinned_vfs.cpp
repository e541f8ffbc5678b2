#include "pinned_vfs.hpp"

#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace tenon::host {
namespace {

int full_path_as_is(sqlite3_vfs*, const char* path, int size, char* out) {
  const std::size_t length = std::strlen(path);
  if (size <= 0 || length >= static_cast<std::size_t>(size)) return SQLITE_CANTOPEN;
  std::memcpy(out, path, length + 1);
  return SQLITE_OK;
}

}  // namespace

Result<void> PinnedVfs::add(const std::string& below) {
  sqlite3_vfs* const parent = sqlite3_vfs_find(below.empty() ? nullptr : below.c_str());
  if (parent == nullptr)
    return Error{Code::internal, "SQLite has no file functions called `" + below + "`", "STORAGE_VFS", 0, ExitCode::software};
  char name[64];
  std::snprintf(name, sizeof name, "tenon-pinned-%" PRIxPTR, reinterpret_cast<std::uintptr_t>(this));
  name_ = name;
  vfs_ = *parent;
  vfs_.pNext = nullptr;
  vfs_.zName = name_.c_str();
  vfs_.xFullPathname = full_path_as_is;
  if (sqlite3_vfs_register(&vfs_, 0) != SQLITE_OK)
    return Error{Code::internal, "SQLite refused the file functions of the store", "STORAGE_VFS", 0, ExitCode::software};
  added_ = true;
  return {};
}

PinnedVfs::~PinnedVfs() {
  if (added_) sqlite3_vfs_unregister(&vfs_);
}

}  // namespace tenon::host

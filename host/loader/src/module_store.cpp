#include "loader/module_store.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>

#include "base/text.hpp"
#include "store_index.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t max_module_bytes = 256ULL * 1024 * 1024;
constexpr std::size_t versions_kept = 3;
constexpr const char* index_name = "index";
constexpr std::string_view incoming = ".incoming-";  // a copy that is being made

// Ours, read-only and of the size that is wanted.
bool looks_right(const struct stat& st, const StoreRequest& request) {
  return S_ISREG(st.st_mode) && st.st_uid == ::geteuid() && (st.st_mode & 0222U) == 0 &&
         static_cast<std::uint64_t>(st.st_size) == request.size;
}

// The stamp of the stored copy if it is whole, else nothing.
std::optional<CopyStamp> hash_copy(int directory, const std::string& file, const StoreRequest& request) {
  const UniqueFd fd(::openat(directory, file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return std::nullopt;
  struct stat st {};  // before the bytes are read: a later change shows
  if (::fstat(fd.get(), &st) != 0 || !looks_right(st, request)) return std::nullopt;
  const auto bytes = read_all(fd.get(), max_module_bytes, file);
  if (!bytes || sha256(bytes->span()) != request.digest) return std::nullopt;
  return CopyStamp::of(st);
}

Result<void> copy_in(int directory, const std::string& file, const StoreRequest& request) {
  const UniqueFd source(::open(request.source_path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!source) return Error::system(errno, "cannot open `" + printable(request.source_path, 4096) + "`", ExitCode::unavailable);
  const auto bytes = read_all(source.get(), max_module_bytes, request.source_path);
  if (!bytes) return bytes.error();
  if (sha256(bytes->span()) != request.digest)
    return Error{Code::aborted,
                 "`" + printable(request.source_path, 4096) + "` changed after it was examined; restart to have it examined again",
                 "FILE_CHANGED", 0, ExitCode::unavailable};
  // A name of its own for each writer: two modules of one file may be staged at once.
  std::string temporary = std::string(incoming) + file.substr(0, 16) + "-" + std::to_string(::gettid());
  ::unlinkat(directory, temporary.c_str(), 0);
  UniqueFd out(::openat(directory, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!out) return Error::system(errno, "cannot create a file in the module store", ExitCode::cannot_create);
  const auto fail = [&](Error e) {
    ::unlinkat(directory, temporary.c_str(), 0);
    return e;
  };
  if (Result<void> written = write_all(out.get(), bytes->view()); !written)
    return fail(Error::system(written.error().sys_errno,
                              "cannot write the module store's copy of `" + printable(request.source_path, 4096) + "`",
                              written.error().sys_errno == ENOSPC ? ExitCode::cannot_create : ExitCode::io_error));
  if (::fchmod(out.get(), 0555) != 0) return fail(Error::system(errno, "cannot set the mode of a file in the module store"));
  out.reset();
  if (::renameat(directory, temporary.c_str(), directory, file.c_str()) != 0)
    return fail(Error::system(errno, "cannot rename a file in the module store"));
  return {};
}

// Copies that a killed process did not finish. Nobody else is at work: the state directory is locked by one daemon.
void remove_leftovers(int directory) {
  UniqueFd fd(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* entries = ::fdopendir(fd.get());
  if (entries == nullptr) return;  // only space is lost
  fd.release();
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(entries))
    if (std::string_view(entry->d_name).starts_with(incoming)) names.emplace_back(entry->d_name);
  ::closedir(entries);
  for (const std::string& name : names) ::unlinkat(directory, name.c_str(), 0);
}

}  // namespace

// From one start to the next, between open() and keep().
struct ModuleStore::Memory {
  std::string boot;
  std::unordered_map<std::string, CopyStamp> before;  // by digest, of the index as open() found it; read without a lock
  std::mutex mutex;
  std::unordered_map<std::string, CopyStamp> seen;  // by digest, hashed by provide(); guarded by mutex

  void saw(const std::string& digest, CopyStamp stamp) {
    const std::lock_guard lock(mutex);
    seen.insert_or_assign(digest, stamp);
  }
};

namespace {

StoreIndex read_index(const std::string& store, const std::string& boot) {
  const auto text = read_text_file(store + "/" + index_name, 16ULL * 1024 * 1024);
  return StoreIndex::parse(text ? std::string_view(*text) : std::string_view(), boot);
}

}  // namespace

Result<ModuleStore> ModuleStore::open(const std::string& state_dir) {
  ModuleStore store;
  store.directory_ = state_dir + "/modules";
  if (::mkdir(store.directory_.c_str(), 0700) != 0 && errno != EEXIST)
    return Error::system(errno, "cannot create the module store `" + printable(store.directory_, 4096) + "`", ExitCode::cannot_create);
  store.fd_ = std::make_shared<UniqueFd>(::open(store.directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!*store.fd_)
    return Error::system(errno, "cannot open the module store `" + printable(store.directory_, 4096) + "`", ExitCode::no_permission);
  struct stat st {};
  if (::fstat(store.fd_->get(), &st) != 0) return Error::system(errno, "cannot examine the module store");
  if (st.st_uid != ::geteuid() || (st.st_mode & 0077U) != 0) {
    // Made by us with a wider mode (an older umask, a restore): narrowing is safe as long as it is ours.
    if (st.st_uid != ::geteuid() || ::fchmod(store.fd_->get(), 0700) != 0)
      return Error{Code::permission_denied,
                   "the module store `" + printable(store.directory_, 4096) + "` must belong to uid " + std::to_string(::geteuid()) +
                       " alone (mode 0700); it belongs to uid " + std::to_string(st.st_uid),
                   "UNSAFE_STORE", 0, ExitCode::no_permission};
  }
  struct statvfs fs {};
  if (::fstatvfs(store.fd_->get(), &fs) == 0 && (fs.f_flag & ST_NOEXEC) != 0)
    return Error{
        Code::failed_precondition,
        "the module store `" + printable(store.directory_, 4096) +
            "` is on a file system mounted noexec, from which nothing can be loaded; give --state-dir elsewhere, or remount it with exec",
        "NOEXEC", 0, ExitCode::os_error};
  remove_leftovers(store.fd_->get());
  store.memory_ = std::make_shared<Memory>();
  store.memory_->boot = read_boot_id();
  for (const IndexEntry& copy : read_index(store.directory_, store.memory_->boot).copies)
    if (copy.stamp) store.memory_->before.emplace(copy.digest, *copy.stamp);
  return store;
}

Result<std::string> ModuleStore::provide(const StoreRequest& request) const {
  const std::string digest = to_hex(request.digest);
  const std::string file = digest + ".so";
  std::string path = directory_ + "/" + file;
  struct stat st {};
  // Hashed before, and nothing but the kernel can have changed it since: the directory and the file are ours alone.
  if (const auto known = memory_->before.find(digest); known != memory_->before.end() &&
                                                       ::fstatat(fd_->get(), file.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                                                       looks_right(st, request) && CopyStamp::of(st) == known->second)
    return path;
  if (const auto stamp = hash_copy(fd_->get(), file, request)) {
    memory_->saw(digest, *stamp);
    return path;
  }
  if (Result<void> copied = copy_in(fd_->get(), file, request); !copied) return copied.error();
  if (::fstatat(fd_->get(), file.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && looks_right(st, request))
    memory_->saw(digest, CopyStamp::of(st));
  return path;
}

Result<void> ModuleStore::keep(const std::vector<StoreRequest>& used) const {
  StoreIndex index = read_index(directory_, memory_->boot);
  std::vector<IndexEntry> all = index.copies;
  std::set<std::pair<std::string, std::string>> known;
  std::set<std::string> in_use;
  for (const IndexEntry& copy : all) known.emplace(copy.digest, copy.module);
  for (const StoreRequest& request : used) {
    const std::string digest = to_hex(request.digest);
    in_use.insert(digest);
    if (known.emplace(digest, request.name).second) all.push_back({digest, request.name, std::nullopt});
  }
  {
    const std::lock_guard lock(memory_->mutex);
    for (IndexEntry& copy : all)
      if (const auto seen = memory_->seen.find(copy.digest); seen != memory_->seen.end()) copy.stamp = seen->second;
    memory_->seen = {};
  }
  memory_->before = {};
  std::map<std::string, std::size_t> count;
  std::set<std::string> kept;
  std::vector<IndexEntry> after;
  for (auto copy = all.rbegin(); copy != all.rend(); ++copy) {
    if (in_use.count(copy->digest) == 0 && count[copy->module] >= versions_kept) continue;
    ++count[copy->module];
    kept.insert(copy->digest);
    after.push_back(*copy);
  }
  std::reverse(after.begin(), after.end());
  if (after == index.copies) return {};
  index.copies = std::move(after);
  if (Result<void> written = write_file_atomic(directory_ + "/" + index_name, index.render(), 0600); !written) return written;
  for (const IndexEntry& copy : all)
    if (kept.count(copy.digest) == 0) ::unlinkat(fd_->get(), (copy.digest + ".so").c_str(), 0);
  return {};
}

}  // namespace tenon::host

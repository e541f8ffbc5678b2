#include "loader/module_store.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
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
bool looks_right(const struct stat& st, std::uint64_t size) {
  return S_ISREG(st.st_mode) && st.st_uid == ::geteuid() && (st.st_mode & 0222U) == 0 && static_cast<std::uint64_t>(st.st_size) == size;
}

// The stamp of the stored copy if it is whole, else nothing.
std::optional<CopyStamp> hash_copy(int directory, const std::string& file, const StoreRequest& request) {
  const UniqueFd fd(::openat(directory, file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return std::nullopt;
  struct stat st {};  // before the bytes are read: a later change shows
  if (::fstat(fd.get(), &st) != 0 || !looks_right(st, request.size)) return std::nullopt;
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

namespace {

struct Spread {
  std::size_t operator()(const Digest& digest) const {
    std::size_t out = 0;
    std::memcpy(&out, digest.data(), sizeof out);
    return out;
  }
  std::size_t operator()(const CopySource& source) const {
    return std::hash<std::uint64_t>()(source.inode * 0x9E3779B97F4A7C15ULL ^ source.device);
  }
};

}  // namespace

// From one start to the next, between open() and keep().
struct ModuleStore::Memory {
  std::string boot;
  std::unordered_map<Digest, CopyStamp, Spread> before;      // of the index as open() found it; read without a lock
  std::unordered_map<CopySource, Digest, Spread> by_source;  // likewise; of those with a stamp
  std::mutex mutex;
  std::unordered_map<Digest, CopyStamp, Spread> seen;  // hashed by provide(); guarded by mutex

  void saw(const Digest& digest, CopyStamp stamp) {
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

std::optional<ModuleStore> ModuleStore::look(const std::string& state_dir) {
  ModuleStore store;
  store.directory_ = state_dir + "/modules";
  store.fd_ = std::make_shared<UniqueFd>(::open(store.directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  struct stat st {};
  if (!*store.fd_ || ::fstat(store.fd_->get(), &st) != 0 || st.st_uid != ::geteuid() || (st.st_mode & 0077U) != 0) return std::nullopt;
  store.remember();
  return store;
}

void ModuleStore::remember() {
  memory_ = std::make_shared<Memory>();
  memory_->boot = read_boot_id();
  const StoreIndex index = read_index(directory_, memory_->boot);
  memory_->before.reserve(index.copies.size());
  memory_->by_source.reserve(index.copies.size());
  for (const IndexEntry& copy : index.copies) {
    if (!copy.stamp) continue;
    const Digest digest = digest_from_hex(copy.digest);
    memory_->before.insert_or_assign(digest, *copy.stamp);
    if (copy.source) memory_->by_source.insert_or_assign(*copy.source, digest);
  }
}

Result<ModuleStore> ModuleStore::open(const std::string& state_dir, std::optional<ModuleStore> looked) {
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
  if (looked && looked->directory_ == store.directory_)
    store.memory_ = std::move(looked->memory_);
  else
    store.remember();
  return store;
}

std::optional<Digest> ModuleStore::digest_of(std::uint64_t device, std::uint64_t inode, std::span<const std::byte> bytes) const {
  const auto source = memory_->by_source.find({device, inode});
  if (source == memory_->by_source.end()) return std::nullopt;
  const Digest& digest = source->second;
  const auto stamp = memory_->before.find(digest);
  if (stamp == memory_->before.end()) return std::nullopt;
  const UniqueFd fd(::openat(fd_->get(), (to_hex(digest) + ".so").c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat st {};
  if (!fd || ::fstat(fd.get(), &st) != 0 || !looks_right(st, bytes.size()) || CopyStamp::of(st) != stamp->second) return std::nullopt;
  std::array<std::byte, 32 * 1024> part;  // not initialized: read() fills what is compared
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::read(fd.get(), part.data(), std::min(part.size(), bytes.size() - done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || std::memcmp(part.data(), bytes.data() + done, static_cast<std::size_t>(n)) != 0) return std::nullopt;
    done += static_cast<std::size_t>(n);
  }
  return digest;
}

Result<std::string> ModuleStore::provide(const StoreRequest& request) const {
  const std::string digest = to_hex(request.digest);
  const std::string file = digest + ".so";
  std::string path = directory_ + "/" + file;
  struct stat st {};
  // Hashed before, and nothing but the kernel can have changed it since: the directory and the file are ours alone.
  if (const auto known = memory_->before.find(request.digest); known != memory_->before.end() &&
                                                               ::fstatat(fd_->get(), file.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                                                               looks_right(st, request.size) && CopyStamp::of(st) == known->second)
    return path;
  if (const auto stamp = hash_copy(fd_->get(), file, request)) {
    memory_->saw(request.digest, *stamp);
    return path;
  }
  if (Result<void> copied = copy_in(fd_->get(), file, request); !copied) return copied.error();
  if (::fstatat(fd_->get(), file.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && looks_right(st, request.size))
    memory_->saw(request.digest, CopyStamp::of(st));
  return path;
}

Result<void> ModuleStore::keep(const std::vector<StoreRequest>& used) const {
  StoreIndex index = read_index(directory_, memory_->boot);
  std::vector<IndexEntry> all = index.copies;
  std::set<std::pair<std::string, std::string>> known;
  std::set<std::string> in_use;
  std::unordered_map<std::string, CopySource> sources;  // by digest
  for (const IndexEntry& copy : all) known.emplace(copy.digest, copy.module);
  for (const StoreRequest& request : used) {
    const std::string digest = to_hex(request.digest);
    in_use.insert(digest);
    if (known.emplace(digest, request.name).second) all.push_back({digest, request.name, std::nullopt, std::nullopt});
    if (request.inode != 0) sources.insert_or_assign(digest, CopySource{request.device, request.inode});
  }
  {
    const std::lock_guard lock(memory_->mutex);
    for (IndexEntry& copy : all) {
      if (const auto seen = memory_->seen.find(digest_from_hex(copy.digest)); seen != memory_->seen.end()) copy.stamp = seen->second;
      if (const auto source = sources.find(copy.digest); source != sources.end() && copy.stamp) copy.source = source->second;
    }
    memory_->seen.clear();
  }
  // Given back; clearing would keep it.
  memory_->before = decltype(memory_->before)();
  memory_->by_source = decltype(memory_->by_source)();
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

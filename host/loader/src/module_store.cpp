#include "loader/module_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>

#include "base/text.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t max_module_bytes = 256ULL * 1024 * 1024;
constexpr std::size_t versions_kept = 3;
constexpr const char* index_name = "index";

// The stored copy if it is whole, else nothing.
bool has_digest(int directory, const std::string& file, const StoreRequest& request) {
  const UniqueFd fd(::openat(directory, file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return false;
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != ::geteuid() || (st.st_mode & 0222U) != 0 ||
      static_cast<std::uint64_t>(st.st_size) != request.size)
    return false;
  const auto bytes = read_all(fd.get(), max_module_bytes, file);
  return bytes && sha256(bytes->span()) == request.digest;
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
  std::string temporary = ".incoming-" + file.substr(0, 16) + "-" + std::to_string(::gettid());
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

struct IndexEntry {
  std::string digest, name;
};

// One line per stored copy, oldest first: "<sha256> <module name>". Whatever does not look like that is dropped.
std::vector<IndexEntry> read_index(const std::string& path) {
  std::vector<IndexEntry> out;
  const auto text = read_text_file(path, 16ULL * 1024 * 1024);
  if (!text) return out;
  std::istringstream lines(*text);
  for (std::string digest, name; lines >> digest >> name;)
    if (digest.size() == 64 && digest.find_first_not_of("0123456789abcdef") == std::string::npos && is_module_name(name))
      out.push_back({digest, name});
  return out;
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
  return store;
}

Result<std::string> ModuleStore::provide(const StoreRequest& request) const {
  const std::string file = to_hex(request.digest) + ".so";
  std::string path = directory_ + "/" + file;
  if (has_digest(fd_->get(), file, request)) return path;
  if (Result<void> copied = copy_in(fd_->get(), file, request); !copied) return copied.error();
  return path;
}

Result<void> ModuleStore::keep(const std::vector<StoreRequest>& used) const {
  const std::string index_path = directory_ + "/" + index_name;
  const std::vector<IndexEntry> before = read_index(index_path);
  std::vector<IndexEntry> all = before;
  std::set<std::pair<std::string, std::string>> known;
  std::set<std::string> in_use;
  for (const IndexEntry& e : all) known.emplace(e.digest, e.name);
  for (const StoreRequest& r : used) {
    in_use.insert(to_hex(r.digest));
    if (known.emplace(to_hex(r.digest), r.name).second) all.push_back({to_hex(r.digest), r.name});
  }
  std::map<std::string, std::size_t> count;
  std::set<std::string> kept;
  std::vector<IndexEntry> after;
  for (auto e = all.rbegin(); e != all.rend(); ++e) {
    if (in_use.count(e->digest) == 0 && count[e->name] >= versions_kept) continue;
    ++count[e->name];
    kept.insert(e->digest);
    after.push_back(*e);
  }
  std::reverse(after.begin(), after.end());
  const bool changed = !std::equal(after.begin(), after.end(), before.begin(), before.end(),
                                   [](const IndexEntry& a, const IndexEntry& b) { return a.digest == b.digest && a.name == b.name; });
  if (!changed) return {};
  std::string text;
  for (const IndexEntry& e : after) text += e.digest + " " + e.name + "\n";
  if (Result<void> written = write_file_atomic(index_path, text, 0600); !written) return written;
  for (const IndexEntry& e : all)
    if (kept.count(e.digest) == 0) ::unlinkat(fd_->get(), (e.digest + ".so").c_str(), 0);
  return {};
}

}  // namespace tenon::host

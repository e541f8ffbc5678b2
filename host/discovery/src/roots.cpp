#include "roots.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/text.hpp"

namespace tenon::host {

namespace {

std::string quoted(const std::string& path) { return "`" + printable(path, 4096) + "`"; }

const char* const unsafe_help =
    "what the host loads must not be changeable by others than root, the user of tenond and the owner of its executable; "
    "in containers `security.path_checks: file_only` looks at the last directory only";

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

/// Names directly inside, sorted; the order of the directory means nothing.
Result<std::vector<std::string>> list(const SafeRoot& root) {
  UniqueFd fd(::openat(root.fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, CloseDirectory> directory(fd ? ::fdopendir(fd.get()) : nullptr);
  if (!directory) {
    const int err = errno;
    return Error::system(err, "cannot list " + quoted(root.path), err == EACCES ? ExitCode::no_permission : ExitCode::os_error);
  }
  (void)fd.release();  // closedir closes it
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  if (errno != 0) return Error::system(errno, "cannot list " + quoted(root.path), ExitCode::os_error);
  std::sort(names.begin(), names.end());
  return names;
}

class Opener {
 public:
  Opener(const DiscoveryOptions& options, const TrustedOwners& owners, Diagnostics& diagnostics)
      : options_(options), owners_(owners), diagnostics_(diagnostics) {}

  void add(const std::string& path, Origin origin, bool has_libraries) {
    auto opened = open_safe_root(path, owners_, options_.path_checks);
    if (!opened) return refuse(path, opened.error());
    struct stat status {};
    if (::fstat(opened->fd.get(), &status) != 0) return refuse(path, Error::system(errno, "cannot examine " + quoted(path)));
    const std::pair identity{status.st_dev, status.st_ino};
    if (const auto known = std::find(identities_.begin(), identities_.end(), identity); known != identities_.end())
      return merge(roots_.all[static_cast<std::size_t>(known - identities_.begin())], origin, has_libraries);
    identities_.push_back(identity);
    roots_.all.push_back({std::move(*opened), origin, has_libraries});
  }

  Roots scanned() {
    for (std::size_t i = 0; i < roots_.all.size(); ++i) {
      const auto names = list(roots_.all[i].directory);
      if (!names) {
        refuse(roots_.all[i].directory.path, names.error());
        continue;
      }
      for (const std::string& name : *names) {
        if (name.ends_with(".so")) {
          if (roots_.all[i].has_libraries) roots_.libraries.push_back({i, name});
        } else if (name.ends_with(".yaml") || name.ends_with(".yml")) {
          roots_.manifests.push_back({i, name});
        }
      }
    }
    return std::move(roots_);
  }

 private:
  void refuse(const std::string& path, const Error& error) {
    if (error.code == Code::not_found) {
      diagnostics_.note("discovery.absent_directory", in_file(path), "the directory " + quoted(path) + " does not exist and is skipped");
      return;
    }
    const bool unsafe = error.code == Code::permission_denied;
    diagnostics_
        .error(unsafe ? "discovery.unsafe_directory" : "discovery.directory", in_file(path), error.message, unsafe ? unsafe_help : "")
        .exit = error.exit;
  }

  /// The same directory once more: manifests and plugins may share one, the runtime directory shares with nobody.
  void merge(Root& known, Origin origin, bool has_libraries) {
    if (known.origin != origin) {
      diagnostics_.warning("discovery.runtime_directory", in_file(known.directory.path),
                           quoted(known.directory.path) + " is the directory of the RuntimeModules; nothing in it counts as a plugin",
                           "take it out of the list of directories");
      return;
    }
    known.has_libraries = known.has_libraries || has_libraries;
  }

  const DiscoveryOptions& options_;
  const TrustedOwners& owners_;
  Diagnostics& diagnostics_;
  Roots roots_;
  std::vector<std::pair<dev_t, ino_t>> identities_;  ///< of roots_.all
};

}  // namespace

Where in_file(const std::string& path) {
  Where where;
  where.source = std::make_shared<Source>(Source{path, {}});
  return where;
}

Roots open_roots(const DiscoveryOptions& options, const TrustedOwners& owners, Diagnostics& diagnostics) {
  Opener opener(options, owners, diagnostics);
  if (!options.runtime_dir.empty()) opener.add(options.runtime_dir, Origin::runtime, true);
  for (const std::string& path : options.manifest_dirs) opener.add(path, Origin::plugin, false);
  for (const std::string& path : options.plugin_dirs) opener.add(path, Origin::plugin, true);
  return opener.scanned();
}

}  // namespace tenon::host

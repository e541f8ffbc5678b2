#include "elf/needed_libraries.hpp"

#include <fcntl.h>
#include <sys/auxv.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "base/file.hpp"
#include "base/text.hpp"
#include "elf/elf_report.hpp"
#include "findings.hpp"
#include "installed_library.hpp"
#include "ld_cache.hpp"
#include "versions.hpp"

namespace tenon::host {

namespace {

constexpr std::size_t max_cache = std::size_t{64} * 1024 * 1024;

std::string read_cache(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return {};
  const auto bytes = read_all(fd.get(), max_cache, path);
  return bytes ? std::string(bytes->view()) : std::string();
}

/// "GLIBC_2.36": the newest of the family that `wanted` belongs to; empty if the library has none of it.
std::string_view newest_of_family(const InstalledLibrary& library, std::string_view wanted) {
  std::string_view newest;
  for (const std::string& version : library.versions) {
    if (version_family(version) != version_family(wanted) || version.ends_with("_PRIVATE")) continue;
    if (newest.empty() || version_less(newest, version)) newest = version;
  }
  return newest;
}

std::string missing_version(const ElfVersionNeed& need, const InstalledLibrary& library) {
  const std::string_view newest = newest_of_family(library, need.version);
  const std::string name = printable(need.library);
  return "it needs " + printable(need.version) + " of `" + name + "`, this machine's " + name + " (" + printable(library.path) + ")" +
         (newest.empty() ? " defines nothing of that name" : " has up to " + printable(newest));
}

}  // namespace

LibrarySearch LibrarySearch::of_process() {
  LibrarySearch search;
  search.cache_file = "/etc/ld.so.cache";
  const char* path = ::getauxval(AT_SECURE) == 0 ? std::getenv("LD_LIBRARY_PATH") : nullptr;
  if (path != nullptr && *path != '\0') {
    std::string text(path);
    std::replace(text.begin(), text.end(), ';', ':');
    for (const std::string_view part : split(text, ':')) search.first.emplace_back(part.empty() ? "." : part);
  }
#if defined(__x86_64__)
  search.last = {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"};
#else
  search.last = {"/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"};
#endif
  return search;
}

NeededLibraries::NeededLibraries(LibrarySearch search) : search_(std::move(search)), cache_(read_cache(search_.cache_file)) {}
NeededLibraries::~NeededLibraries() = default;

const InstalledLibrary* NeededLibraries::find(std::string_view name) {
  std::string key(name);
  {
    const std::shared_lock lock(mutex_);
    if (const auto known = known_.find(key); known != known_.end()) return known->second.get();
  }
  auto found = look_up(key);  // without the lock; two threads may look for the same name, the first answer stays
  const std::unique_lock lock(mutex_);
  return known_.try_emplace(std::move(key), std::move(found)).first->second.get();
}

std::unique_ptr<InstalledLibrary> NeededLibraries::look_up(const std::string& name) const {
  if (name.empty() || name.find('/') != std::string::npos) return nullptr;
  for (const std::string& directory : search_.first)
    if (auto library = read_installed_library(directory + "/" + name)) return library;
  for (const std::string& path : paths_in_cache(Bytes(cache_), name))
    if (auto library = read_installed_library(path)) return library;
  for (const std::string& directory : search_.last)
    if (auto library = read_installed_library(directory + "/" + name)) return library;
  return nullptr;
}

std::string NeededLibraries::searched() const {
  std::string text;
  const auto add = [&](const std::string& place) { text += (text.empty() ? "" : ", ") + printable(place); };
  for (const std::string& directory : search_.first) add(directory);
  if (!search_.cache_file.empty()) add(search_.cache_file);
  for (const std::string& directory : search_.last) add(directory);
  return text;
}

void check_needed_libraries(ElfReport& report, NeededLibraries& libraries) {
  GateFindings findings(report.findings);
  for (const std::string& name : report.needed) {
    if (name.find('/') != std::string::npos || libraries.find(name) != nullptr) continue;
    findings.refuse("elf.missing_library", "it needs the library `" + printable(name) + "`, which this machine does not have",
                    "install it and run `ldconfig`; searched: " + libraries.searched());
  }
  for (const ElfVersionNeed& need : report.versions) {
    const InstalledLibrary* library = need.weak ? nullptr : libraries.find(need.library);
    if (library == nullptr || !library->versioned) continue;
    if (!std::binary_search(library->versions.begin(), library->versions.end(), need.version))
      findings.refuse("elf.missing_version", missing_version(need, *library),
                      "build it on (or for) a system as old as this one, or upgrade this one");
  }
}

}  // namespace tenon::host

// The steps of discovery, in order.
#include <unistd.h>
#include <climits>
#include <exception>
#include <tuple>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "collection.hpp"
#include "parallel.hpp"
#include "walk.hpp"

namespace tenon::host {

namespace {

constexpr std::size_t max_manifest_bytes = std::size_t{1024} * 1024;

TrustedOwners owners_of_this_process() {
  std::array<char, PATH_MAX> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  return TrustedOwners::of_process(length > 0 ? std::string(path.data(), static_cast<std::size_t>(length)) : std::string());
}

void read_manifest_file(ManifestFile& file, const SafeRoot& root, const TrustedOwners& owners, PathChecks checks) {
  file.path = join_path(root.path, file.entry.name);
  const auto fd = open_beneath(root, file.entry.name, owners, checks, &file.path);
  if (!fd) {
    file.failure = fd.error();
    file.gone = vanished(root, file.entry.name, fd.error());
    return;
  }
  const auto bytes = read_all(fd->get(), max_manifest_bytes, file.path);
  if (bytes) {
    file.text = bytes->view();
  } else {
    file.failure = bytes.error();
  }
}

std::string embedded_place(const Library& library, std::size_t index) {
  if (library.manifests.size() == 1) return library.path + " (embedded manifest)";
  return library.path + " (embedded manifest " + std::to_string(index + 1) + " of " + std::to_string(library.manifests.size()) + ")";
}

class Search {
 public:
  Search(const DiscoveryOptions& options, const TrustedOwners& owners, Diagnostics& diagnostics)
      : options_(options), owners_(owners), found_(scan(diagnostics)), examiner_(options, owners, found_.roots) {}

  const Collection& run() {
    read_files();
    for (ManifestFile& file : found_.manifests)
      if (!file.failure) file.parsed = found_.texts.add(file.path, std::move(file.text));
    take_embedded(0);
    found_.texts.parse(options_.host_sdk, options_.threads);
    const std::size_t scanned = found_.libraries.size();
    locate_libraries(found_, owners_, options_.path_checks);
    if (found_.libraries.size() == scanned) return found_;
    for_each_index(found_.libraries.size() - scanned, options_.threads,
                   [&](std::size_t i) { examiner_.examine(found_.libraries[scanned + i]); });
    take_embedded(scanned);
    found_.texts.parse(options_.host_sdk, options_.threads);
    return found_;
  }

 private:
  Collection scan(Diagnostics& diagnostics) {
    Collection found;
    Roots roots = open_roots(options_, owners_, diagnostics);
    found.roots = std::move(roots.all);
    for (Entry& entry : roots.libraries) found.libraries.emplace_back().entry = std::move(entry);
    for (Entry& entry : roots.manifests) found.manifests.emplace_back().entry = std::move(entry);
    return found;
  }

  /// Libraries and manifests at once: neither needs the other here.
  void read_files() {
    const std::size_t libraries = found_.libraries.size();
    for_each_index(libraries + found_.manifests.size(), options_.threads, [&](std::size_t i) {
      if (i < libraries) return examiner_.examine(found_.libraries[i]);
      ManifestFile& file = found_.manifests[i - libraries];
      read_manifest_file(file, found_.roots[file.entry.root].directory, owners_, options_.path_checks);
    });
  }

  /// Files come before notes in `texts`, so that messages point to what can be edited.
  void take_embedded(std::size_t first) {
    found_.embedded.resize(found_.libraries.size());
    for (std::size_t i = first; i < found_.libraries.size(); ++i) {
      Library& library = found_.libraries[i];
      for (std::size_t note = 0; note < library.manifests.size(); ++note)
        found_.embedded[i].push_back(found_.texts.add(embedded_place(library, note), std::move(library.manifests[note].text)));
    }
  }

  const DiscoveryOptions& options_;
  const TrustedOwners& owners_;
  Collection found_;
  Examiner examiner_;
};

const std::string& sort_path(const Candidate& candidate) {
  if (candidate.file) return candidate.file->path;
  return candidate.manifest_paths.empty() ? candidate.name : candidate.manifest_paths.front();
}

}  // namespace

Discovery discover(const DiscoveryOptions& options) {
  Discovery result;
  try {
    const TrustedOwners owners = options.owners ? *options.owners : owners_of_this_process();
    Search search(options, owners, result.diagnostics);
    result.candidates = join(search.run(), result.diagnostics);
    std::sort(result.candidates.begin(), result.candidates.end(), [](const Candidate& a, const Candidate& b) {
      return std::tie(a.origin, a.name, sort_path(a)) < std::tie(b.origin, b.name, sort_path(b));
    });
    result.diagnostics.sort();
  } catch (const std::exception& e) {
    result.diagnostics.error("discovery.failed", {}, std::string("the directories could not be read: ") + printable(e.what())).exit =
        ExitCode::os_error;
  }
  return result;
}

}  // namespace tenon::host

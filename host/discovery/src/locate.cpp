// From a manifest's `library` to the file.
#include <unordered_map>

#include "base/text.hpp"
#include "collection.hpp"
#include "walk.hpp"

namespace tenon::host {

namespace {

class Locator {
 public:
  Locator(Collection& collection, const TrustedOwners& owners, PathChecks checks)
      : collection_(collection), owners_(owners), checks_(checks) {
    by_name_.reserve(collection.libraries.size());
    for (std::size_t i = 0; i < collection.libraries.size(); ++i) by_name_.emplace(key(collection.libraries[i].entry), i);
  }

  void locate(ManifestFile& file) {
    const std::string& name = collection_.texts[file.parsed].library;
    if (name.empty()) {
      file.not_found = "this manifest does not say which library it is for";
      return;
    }
    std::string searched;
    const auto found_in = [&](std::size_t root) {
      file.library = find({root, name});
      searched += (searched.empty() ? "" : ", ") + printable(join_path(collection_.roots[root].directory.path, name), 4096);
      return file.library != none;
    };
    if (found_in(file.entry.root)) return;
    const Origin origin = collection_.roots[file.entry.root].origin;
    for (std::size_t root = 0; root < collection_.roots.size(); ++root) {
      const Root& candidate = collection_.roots[root];
      if (root == file.entry.root || origin != Origin::plugin || candidate.origin != Origin::plugin || !candidate.has_libraries) continue;
      if (found_in(root)) return;
    }
    file.not_found = "its library `" + printable(name, 4096) + "` is not there: looked for " + searched;
  }

 private:
  static std::string key(const Entry& entry) { return std::to_string(entry.root) + '/' + entry.name; }

  /// Index of the library; none if there is nothing of that name. Something that is there but cannot be used is found, and refused when it is
  /// examined.
  std::size_t find(const Entry& entry) {
    std::string name = key(entry);
    if (const auto known = by_name_.find(name); known != by_name_.end()) return known->second;
    const auto fd = open_beneath(collection_.roots[entry.root].directory, entry.name, owners_, checks_, nullptr);
    if (!fd && fd.error().code == Code::not_found) return none;
    const std::size_t index = collection_.libraries.size();
    collection_.libraries.emplace_back().entry = entry;
    by_name_.emplace(std::move(name), index);
    return index;
  }

  Collection& collection_;
  const TrustedOwners& owners_;
  PathChecks checks_;
  std::unordered_map<std::string, std::size_t> by_name_;
};

}  // namespace

void locate_libraries(Collection& collection, const TrustedOwners& owners, PathChecks checks) {
  Locator locator(collection, owners, checks);
  for (ManifestFile& file : collection.manifests)
    if (file.parsed != none) locator.locate(file);
}

}  // namespace tenon::host

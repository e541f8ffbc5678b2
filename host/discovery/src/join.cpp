// Everything said about one library file becomes one candidate per module name.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/text.hpp"
#include "collection.hpp"

namespace tenon::host {

namespace {

const char* const embed_help =
    "embed one with `tenon_add_module(... MANIFEST x.yaml)` or TENON_MANIFEST from tenon/core.h, or put a manifest beside it whose "
    "`library` names it";

/// One manifest and where it was found.
struct Mention {
  const ParsedManifest* parsed = nullptr;
  std::string place;
  bool embedded = false;
};
/// What is said about one module of one library. Files first, then notes.
using Group = std::vector<Mention>;
using Groups = std::map<std::string, Group>;

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool has_embedded(const Group& group) {
  return std::any_of(group.begin(), group.end(), [](const Mention& m) { return m.embedded; });
}

void move_into(Groups& groups, Groups::iterator from, Groups::iterator to) {
  to->second.insert(to->second.end(), std::make_move_iterator(from->second.begin()), std::make_move_iterator(from->second.end()));
  std::stable_partition(to->second.begin(), to->second.end(), [](const Mention& m) { return !m.embedded; });
  groups.erase(from);
}

/// By name. A manifest whose name cannot be read goes with the only other one, else stands under the name of the file.
Groups by_name(const std::vector<Mention>& mentions, const std::string& path) {
  Groups groups;
  for (const Mention& mention : mentions) groups[mention.parsed->name].push_back(mention);
  if (const auto nameless = groups.find(""); nameless != groups.end()) {
    if (groups.size() == 2) {
      move_into(groups, nameless, std::prev(groups.end()));
    } else {
      auto node = groups.extract(nameless);
      node.key() = file_name(path);
      groups.insert(std::move(node));
    }
  }
  return groups;
}

std::string place_of(const Where& where) {
  if (!where.source) return "?";
  std::string text = printable(where.source->name, 4096);
  if (where.line != 0) text += ":" + std::to_string(where.line) + ":" + std::to_string(where.column);
  return text;
}

class Joiner {
 public:
  Joiner(const Collection& found, Diagnostics& diagnostics) : found_(found), diagnostics_(diagnostics) {}

  std::vector<Candidate> run() {
    find_aliases();
    collect_mentions();
    for (std::size_t i = 0; i < found_.libraries.size(); ++i)
      if (primary_[i] == i) library(i);
    manifests_without_library();
    return std::move(candidates_);
  }

 private:
  Origin origin_of(const Entry& entry) const { return found_.roots[entry.root].origin; }

  /// Names that lead to one file (links, hard links) are one library: that with the first path.
  void find_aliases() {
    std::map<std::tuple<Origin, dev_t, ino_t>, std::size_t> first;
    primary_.resize(found_.libraries.size());
    for (std::size_t i = 0; i < primary_.size(); ++i) {
      primary_[i] = i;
      const Library& library = found_.libraries[i];
      if (!library.file) continue;
      const auto [known, is_new] = first.try_emplace({origin_of(library.entry), library.file->device, library.file->inode}, i);
      if (!is_new && library.path < found_.libraries[known->second].path) known->second = i;
    }
    for (std::size_t i = 0; i < primary_.size(); ++i) {
      const Library& library = found_.libraries[i];
      if (library.file) primary_[i] = first.at({origin_of(library.entry), library.file->device, library.file->inode});
    }
  }

  void collect_mentions() {
    mentions_.resize(found_.libraries.size());
    for (const ManifestFile& file : found_.manifests)
      if (file.parsed != none && file.library != none)
        mentions_[primary_[file.library]].push_back({&found_.texts[file.parsed], file.path, false});
    for (std::size_t i = 0; i < found_.libraries.size(); ++i) {
      if (primary_[i] != i) continue;
      for (const std::size_t parsed : found_.embedded[i])
        mentions_[i].push_back({&found_.texts[parsed], found_.libraries[i].path + " (embedded manifest)", true});
    }
  }

  void library(std::size_t index) {
    const Library& library = found_.libraries[index];
    if (library.gone && mentions_[index].empty()) {
      diagnostics_.note("discovery.vanished", in_file(library.path),
                        "`" + printable(library.path, 4096) + "` vanished while the directory was read");
      return;
    }
    Groups groups = by_name(mentions_[index], library.path);
    if (groups.empty()) {
      Candidate& candidate = add(file_name(library.path), library.entry);
      fill(candidate, library, {});
      if (library.whole)
        candidate.diagnostics
            .error("discovery.no_manifest", in_file(library.path), "this library has no manifest, so nothing is known about it", embed_help)
            .exit = ExitCode::unavailable;
      finish(candidate);
      return;
    }
    join_foreign(groups);
    const bool has_notes = std::any_of(groups.begin(), groups.end(), [](const auto& group) { return has_embedded(group.second); });
    for (const auto& [name, group] : groups) {
      Candidate& candidate = add(name, library.entry);
      fill(candidate, library, group);
      agree(candidate, group, library.path);
      if (has_notes && !has_embedded(group)) {
        candidate.diagnostics.error("discovery.not_in_library", in_file(group.front().place),
                                    "this manifest is for the module `" + printable(name) + "`, but the library `" +
                                        printable(library.path, 4096) + "` holds manifests of other modules only",
                                    "correct `name` or `library`");
      }
      finish(candidate);
    }
  }

  /// A library with one note speaks of one module: files that give it another name contradict the note.
  static void join_foreign(Groups& groups) {
    if (std::count_if(groups.begin(), groups.end(), [](const auto& group) { return has_embedded(group.second); }) != 1) return;
    const auto own = std::find_if(groups.begin(), groups.end(), [](const auto& group) { return has_embedded(group.second); });
    for (auto group = groups.begin(); group != groups.end();) {
      const auto foreign = group++;
      if (foreign != own) move_into(groups, foreign, own);
    }
  }

  void manifests_without_library() {
    std::map<std::tuple<Origin, std::string, std::string>, Group> groups;
    std::map<const ParsedManifest*, const ManifestFile*> files;
    for (const ManifestFile& file : found_.manifests) {
      if (file.failure) {
        unreadable(file);
      } else if (file.library == none) {
        const ParsedManifest& parsed = found_.texts[file.parsed];
        std::string name = parsed.name.empty() ? file_name(file.path) : parsed.name;
        groups[{origin_of(file.entry), std::move(name), parsed.library}].push_back({&parsed, file.path, false});
        files.emplace(&parsed, &file);
      }
    }
    for (const auto& [key, group] : groups) {
      const ManifestFile& file = *files.at(group.front().parsed);
      Candidate& candidate = add(std::get<1>(key), file.entry);
      agree(candidate, group, {});
      Where where;
      where.source = group.front().parsed->source;
      if (group.front().parsed->manifest != nullptr && group.front().parsed->manifest->library_where.source != nullptr)
        where = group.front().parsed->manifest->library_where;
      // A manifest that could not be read at all has said enough.
      if (group.front().parsed->manifest != nullptr || !group.front().parsed->library.empty()) {
        const bool said = !group.front().parsed->library.empty();
        candidate.diagnostics
            .error("discovery.library_missing", where, file.not_found,
                   said ? "install the library, or correct `library`: it is relative to the manifest, then to the plugin directories"
                        : "add `library: lib" + printable(candidate.name) + ".so`, relative to the manifest or to a plugin directory")
            .exit = said ? ExitCode::unavailable : ExitCode::config;
      }
      finish(candidate);
    }
  }

  void unreadable(const ManifestFile& file) {
    if (file.gone) {
      diagnostics_.note("discovery.vanished", in_file(file.path),
                        "`" + printable(file.path, 4096) + "` vanished while the directory was read");
      return;
    }
    Candidate& candidate = add(file_name(file.path), file.entry);
    candidate.manifest_paths.push_back(file.path);
    failure(candidate, *file.failure, file.path);
    finish(candidate);
  }

  Candidate& add(std::string name, const Entry& entry) {
    Candidate& candidate = candidates_.emplace_back();
    candidate.name = std::move(name);
    candidate.origin = origin_of(entry);
    return candidate;
  }

  /// `help`: the way out of what is no file.
  static void failure(Candidate& candidate, const Error& error, const std::string& path, std::string help = "remove it") {
    const bool unsafe = error.code == Code::permission_denied;
    if (error.reason != "NOT_A_FILE") help.clear();
    candidate.diagnostics.error(unsafe ? "discovery.unsafe_file" : "discovery.file", in_file(path), error.message, std::move(help)).exit =
        unsafe && candidate.origin == Origin::runtime ? ExitCode::no_permission : ExitCode::unavailable;
  }

  /// What is known of the file itself. `group`: who led to it.
  static void fill(Candidate& candidate, const Library& library, const Group& group) {
    candidate.file = library.file;
    candidate.elf = library.findings;
    if (library.failure) failure(candidate, *library.failure, library.path, group.empty() ? "remove it" : must_name_a_file(group.front()));
    if (library.links > 1) {
      candidate.diagnostics.note("discovery.hard_links", in_file(library.path),
                                 "this file has " + std::to_string(library.links) + " hard links; the host runs a copy of its own");
    }
    const Where where = library.findings.empty() ? Where{} : in_file(library.path);
    for (const ElfFinding& finding : library.findings)
      candidate.diagnostics.add({finding.severity, finding.code, finding.message, finding.help, where, {}, {}, ExitCode::unavailable});
  }

  static std::string must_name_a_file(const Mention& mention) {
    const Manifest* const manifest = mention.parsed->manifest.get();
    const bool exact =
        manifest != nullptr && manifest->library_where.source != nullptr && manifest->library_where.source->name == mention.place;
    return "`library` must name a file: correct it in " + (exact ? place_of(manifest->library_where) : printable(mention.place, 4096));
  }

  /// True if the places in `parsed` are in one of the group's texts: equal texts are parsed once, wherever they stand.
  static bool is_at_home(const ParsedManifest& parsed, const Group& group) {
    // An embedded place may go on with "1 of 2".
    const auto covers = [&](const Mention& m) {
      const std::string_view place = m.embedded ? std::string_view(m.place).substr(0, m.place.size() - 1) : std::string_view(m.place);
      return m.parsed == &parsed && (m.embedded ? parsed.source->name.starts_with(place) : parsed.source->name == place);
    };
    return std::any_of(group.begin(), group.end(), covers);
  }

  /// Takes the manifest, and insists that all say the same.
  static void agree(Candidate& candidate, const Group& group, const std::string& library_path) {
    std::set<const ParsedManifest*> seen;
    std::size_t notes = 0;
    for (const Mention& mention : group) {
      candidate.manifest_paths.push_back(mention.place);
      if (mention.embedded && !mention.parsed->name.empty()) ++notes;
      if (!seen.insert(mention.parsed).second) continue;
      ParsedManifest here;
      const bool at_home = is_at_home(*mention.parsed, group);
      if (!at_home) here = moved_to(*mention.parsed, mention.place);
      const ParsedManifest& parsed = at_home ? *mention.parsed : here;
      candidate.diagnostics.append(parsed.diagnostics);
      if (parsed.manifest == nullptr) continue;
      if (candidate.manifest == nullptr) {
        candidate.manifest = parsed.manifest;
        continue;
      }
      const auto difference = differing_key(*candidate.manifest, *parsed.manifest);
      if (!difference || notes > 1) continue;  // which of two notes holds is not asked
      candidate.diagnostics.error("discovery.manifests_differ", difference->b,
                                  "two manifests of one library differ in `" + printable(difference->key) +
                                      "`: " + place_of(difference->a) + " and " + place_of(difference->b),
                                  "make them equal, or remove the one outside the library");
    }
    if (notes > 1) refuse_second_note(candidate.name, notes, in_file(library_path), candidate.diagnostics);
  }

  static void finish(Candidate& candidate) {
    for (Diagnostic& diagnostic : candidate.diagnostics.items())
      if (diagnostic.module.empty()) diagnostic.module = candidate.name;
    candidate.diagnostics.sort();
  }

  const Collection& found_;
  Diagnostics& diagnostics_;
  std::vector<std::size_t> primary_;  ///< per library: itself, or the library it is another name of
  std::vector<std::vector<Mention>> mentions_;
  std::vector<Candidate> candidates_;
};

}  // namespace

void refuse_second_note(std::string_view module, std::size_t count, Where file, Diagnostics& diagnostics) {
  Diagnostic& d = diagnostics.error(
      "discovery.second_note", std::move(file),
      "this library holds " + std::to_string(count) + " manifests of the module `" + printable(module) + "`, one is allowed",
      "embed it once: either with `tenon_add_module(... MANIFEST x.yaml)` or with TENON_MANIFEST");
  d.module = module;
  d.exit = ExitCode::unavailable;
}

std::vector<Candidate> join(const Collection& collection, Diagnostics& diagnostics) { return Joiner(collection, diagnostics).run(); }

}  // namespace tenon::host

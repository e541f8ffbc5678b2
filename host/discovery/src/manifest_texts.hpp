// Manifest texts, each parsed once however often it stands somewhere.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/diagnostic.hpp"
#include "manifest/manifest.hpp"

namespace tenon::host {

/// What one text gave.
struct ParsedManifest {
  SourceRef source;                          ///< the first place it was found in
  std::shared_ptr<const Manifest> manifest;  ///< null: it has errors
  Diagnostics diagnostics;
  std::string host_sdk;
  std::string name, library;  ///< as far as they can be read, also of a manifest with errors; library as written
};

/// The same text as found in another place: everything points there.
ParsedManifest moved_to(const ParsedManifest& parsed, std::string place);

/// Files beside libraries, in manifest directories and notes inside libraries usually hold the same bytes; parsing is the most expensive
/// part of discovery.
class ManifestTexts {
 public:
  /// Index of the text; a text already known keeps its first place.
  std::size_t add(std::string place, std::string text);
  /// Parses what was added since the last time, on several threads.
  void parse(const std::string& host_sdk, unsigned threads);
  [[nodiscard]] const ParsedManifest& operator[](std::size_t index) const { return parsed_[index]; }

 private:
  std::vector<ParsedManifest> parsed_;
  std::unordered_map<std::string_view, std::size_t> by_text_;  ///< views of parsed_[i].source->text
  std::size_t done_ = 0;
};

}  // namespace tenon::host

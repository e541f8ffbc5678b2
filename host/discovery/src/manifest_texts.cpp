#include "manifest_texts.hpp"

#include <exception>
#include <utility>

#include "base/text.hpp"
#include "manifest/yaml.hpp"
#include "parallel.hpp"

namespace tenon::host {

namespace {

/// A manifest with errors still says whose it is, so that the module is refused under its name and not as a nameless file.
void read_hints(ParsedManifest& parsed) {
  Diagnostics ignored;
  const auto document = parse_yaml(parsed.source, ignored);
  if (!document) return;
  const auto text = [&](std::string_view key) -> std::string {
    const Value* value = document->find(key);
    const std::string* string = value != nullptr ? value->as_string() : nullptr;
    return string != nullptr ? *string : std::string();
  };
  parsed.library = text("library");
  if (std::string name = text("name"); is_module_name(name)) parsed.name = std::move(name);
}

void parse_one(ParsedManifest& parsed, const std::string& host_sdk) {
  try {
    if (auto manifest = read_manifest(parsed.source, host_sdk, parsed.diagnostics)) {
      parsed.name = manifest->name;
      parsed.library = manifest->library;
      parsed.manifest = std::make_shared<const Manifest>(std::move(*manifest));
    } else {
      read_hints(parsed);
    }
  } catch (const std::exception& e) {
    parsed.manifest = nullptr;
    parsed.diagnostics.error("manifest.unreadable", {parsed.source},
                             std::string("this manifest could not be read: ") + printable(e.what()));
  }
}

}  // namespace

std::size_t ManifestTexts::add(std::string place, std::string text) {
  if (const auto known = by_text_.find(text); known != by_text_.end()) return known->second;
  const std::size_t index = parsed_.size();
  ParsedManifest& parsed = parsed_.emplace_back();
  parsed.source = std::make_shared<Source>(Source{std::move(place), std::move(text)});
  by_text_.emplace(parsed.source->text, index);
  return index;
}

void ManifestTexts::parse(const std::string& host_sdk, unsigned threads) {
  const std::size_t first = std::exchange(done_, parsed_.size());
  for_each_index(parsed_.size() - first, threads, [&](std::size_t i) { parse_one(parsed_[first + i], host_sdk); });
}

}  // namespace tenon::host

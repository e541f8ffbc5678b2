#include "manifest_texts.hpp"

#include <exception>
#include <utility>

#include "base/text.hpp"
#include "manifest/yaml.hpp"
#include "parallel.hpp"

namespace tenon::host {

namespace {

/// The value of a top-level `key: value` in text that is not YAML.
std::string raw_value(std::string_view text, std::string_view key) {
  for (std::string_view line : split(text, '\n')) {
    if (!line.starts_with(key) || line.substr(key.size(), 1) != ":") continue;
    line.remove_prefix(key.size() + 1);
    line = line.substr(0, line.find(" #"));
    constexpr std::string_view around = " \t\r\"'";
    const std::size_t first = line.find_first_not_of(around);
    return first == std::string_view::npos ? std::string() : std::string(line.substr(first, line.find_last_not_of(around) - first + 1));
  }
  return {};
}

/// A `library` that is absolute, leads upwards or names a directory has been refused, and is not looked for.
bool may_be_a_library(std::string_view path) {
  return !path.starts_with('/') && !path.ends_with('/') && path != "." && !path.ends_with("/.") &&
         ("/" + std::string(path) + "/").find("/../") == std::string::npos;
}

/// A manifest with errors still says whose it is, so that the module is refused under its name and not as a nameless file.
void read_hints(ParsedManifest& parsed) {
  Diagnostics ignored;
  const auto document = parse_yaml(parsed.source, ignored);
  const auto text = [&](std::string_view key) -> std::string {
    if (!document) return raw_value(parsed.source->text, key);
    const Value* value = document->find(key);
    const std::string* string = value != nullptr ? value->as_string() : nullptr;
    return string != nullptr ? *string : std::string();
  };
  // A name that was refused is not looked for: what is wrong with it has been said.
  if (std::string library = text("library"); may_be_a_library(library)) parsed.library = std::move(library);
  if (std::string name = text("name"); is_module_name(name)) parsed.name = std::move(name);
}

void parse_one(ParsedManifest& parsed) {
  try {
    if (auto manifest = read_manifest(parsed.source, parsed.host_sdk, parsed.diagnostics)) {
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

ParsedManifest moved_to(const ParsedManifest& parsed, std::string place) {
  ParsedManifest out;
  out.source = std::make_shared<Source>(Source{std::move(place), parsed.source->text});
  out.host_sdk = parsed.host_sdk;
  parse_one(out);
  return out;
}

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
  for_each_index(parsed_.size() - first, threads, [&](std::size_t i) {
    parsed_[first + i].host_sdk = host_sdk;
    parse_one(parsed_[first + i]);
  });
}

}  // namespace tenon::host

// Loading a configuration from texts, for the tests of this room.
#pragma once

#include <doctest/doctest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/diagnostic.hpp"
#include "config/config.hpp"
#include "manifest/yaml.hpp"

namespace tenon::test {

using namespace tenon::host;

/// A directory that goes away with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tenon-config-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, std::string_view text) const {
    std::filesystem::create_directories(std::filesystem::path(file(name)).parent_path());
    std::ofstream(file(name), std::ios::binary) << text;
    return file(name);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Input built step by step, then loaded. Without files the default path is one that does not exist.
class Loader {
 public:
  Loader() {
    input.euid = 1000;
    input.environment.emplace_back("HOME", "/home/tester");
    input.files = {directory.file("absent.yaml")};
  }
  Loader& file(std::string_view text, const std::string& name = "") {
    if (!input.files_given) input.files.clear();
    input.files_given = true;
    const std::string used = name.empty() ? std::string(1, static_cast<char>('a' + static_cast<char>(input.files.size()))) + ".yaml" : name;
    input.files.push_back(directory.write(used, text));
    return *this;
  }
  Loader& env(const std::string& name, const std::string& value) {
    input.environment.emplace_back(name, value);
    return *this;
  }
  Loader& set(const std::string& text) {
    input.sets.push_back(text);
    return *this;
  }
  Loader& option(const std::string& path, const std::string& value, const std::string& flag) {
    input.options.push_back({path, value, flag});
    return *this;
  }
  /// Loads; null if there were errors.
  std::shared_ptr<const Config> load() {
    diagnostics = {};
    config = load_config(input, diagnostics);
    CHECK((config == nullptr) == diagnostics.has_errors());
    return config;
  }
  /// Loads, and insists that nothing was found.
  const Config& good() {
    load();
    INFO(text());
    REQUIRE(config);
    CHECK(diagnostics.empty());
    return *config;
  }
  /// Loads, and insists that it is refused. Returns what is printed, with the directory left out.
  std::string bad() {
    load();
    CHECK(config == nullptr);
    return text();
  }
  [[nodiscard]] std::string text() const { return without_directory(to_text(diagnostics)); }
  [[nodiscard]] std::string without_directory(std::string out) const {
    for (std::size_t at = out.find(directory.path() + "/"); at != std::string::npos; at = out.find(directory.path() + "/"))
      out.erase(at, directory.path().size() + 1);
    return out;
  }
  [[nodiscard]] std::vector<std::string> codes() const {
    std::vector<std::string> out;
    for (const Diagnostic& d : diagnostics.items()) out.push_back(d.code);
    return out;
  }
  [[nodiscard]] bool has(std::string_view code, std::string_view path = {}) const {
    return std::any_of(diagnostics.items().begin(), diagnostics.items().end(),
                       [&](const Diagnostic& d) { return d.code == code && (path.empty() || d.path == path); });
  }

  TemporaryDirectory directory;
  ConfigInput input;
  Diagnostics diagnostics;
  std::shared_ptr<const Config> config;
};

inline Value yaml(const std::string& text) {
  Diagnostics diagnostics;
  const auto value = parse_yaml(std::make_shared<const Source>(Source{"test.yaml", text}), diagnostics);
  INFO(to_text(diagnostics));
  REQUIRE(value);
  return *value;
}

/// The value at a dotted path; null if there is none.
inline Value at(const Value& tree, std::string_view path) {
  const Value* value = &tree;
  while (value != nullptr && !path.empty()) {
    value = value->find(path.substr(0, path.find('.')));
    path.remove_prefix(path.find('.') == std::string_view::npos ? path.size() : path.find('.') + 1);
  }
  return value != nullptr ? *value : Value();
}

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace tenon::test

#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "manifest/manifest.hpp"
#include "manifest/yaml.hpp"

namespace tenon::host::test {

inline SourceRef source(std::string text, std::string name = "m.yaml") {
  return std::make_shared<Source>(Source{std::move(name), std::move(text)});
}

/// JSON of what the text means; its findings, if it was refused.
inline std::string yaml(const std::string& text, const YamlLimits& limits = {}) {
  Diagnostics d;
  const std::optional<Value> v = parse_yaml(source(text), d, limits);
  CHECK(v.has_value() == !d.has_errors());
  return v ? to_json(*v) : to_text(d);
}

/// "line:column+length code" of each finding, joined by "; ". "" if there was none.
inline std::string brief(const Diagnostics& d) {
  std::string out;
  for (const Diagnostic& x : d.items()) {
    if (!out.empty()) out += "; ";
    out += std::to_string(x.where.line) + ":" + std::to_string(x.where.column) + "+" + std::to_string(x.where.length) + " " + x.code;
    if (x.severity == Severity::warning) out += " (warning)";
  }
  return out;
}

inline std::string refusal(const std::string& text, const YamlLimits& limits = {}) {
  Diagnostics d;
  const std::optional<Value> v = parse_yaml(source(text), d, limits);
  CHECK_FALSE(v.has_value());
  return brief(d);
}

struct Read {
  std::optional<Manifest> manifest;
  Diagnostics diagnostics;
};

inline Read read(const std::string& text, std::string_view host_sdk = "1.0") {
  Read out;
  out.manifest = read_manifest(source(text), host_sdk, out.diagnostics);
  CHECK(out.manifest.has_value() == !out.diagnostics.has_errors());
  return out;
}

/// The least manifest, and what follows it.
inline std::string with(const std::string& more) { return "manifest: 1\nsdk: \"1.0\"\nname: orders\nversion: 1.4.2\n" + more; }

}  // namespace tenon::host::test

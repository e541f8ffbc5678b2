// JSON Schema 2020-12, the documented subset of manifest-and-config.md, compiled once and evaluated against Values.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"
#include "base/value.hpp"

namespace tenon::host {

/// One violation: where in the instance (path "a.b[0]"), and what was expected.
struct SchemaViolation {
  std::string path;
  std::string message;
  std::string help;
  Where where;
};

/// A compiled schema. Immutable after compile; evaluation is thread-safe and bounded.
class Schema {
 public:
  /// Compiles; unknown keywords, malformed keywords, unresolvable or endlessly recursing `$ref` are errors with their place. nullopt on any.
  static std::optional<Schema> compile(const Value& schema, Diagnostics& diagnostics);
  Schema(Schema&&) noexcept;
  Schema& operator=(Schema&&) noexcept;
  ~Schema();

  /// All violations, in document order. Empty = valid.
  [[nodiscard]] std::vector<SchemaViolation> validate(const Value& instance) const;
  /// Fills `default`s in for absent members (recursively, where `properties` applies unconditionally).
  void fill_defaults(Value& instance) const;
  /// True if the schema at this dotted path says `secret: true` (any subschema that applies by properties/items/patternProperties).
  [[nodiscard]] bool is_secret(std::string_view path) const;
  /// True if the path, or one above it, is declared `live: true`.
  [[nodiscard]] bool is_live(std::string_view path) const;
  /// The `type` the schema gives a dotted path, for parsing text from environment and command line; empty if it says none or several.
  [[nodiscard]] std::string type_at(std::string_view path) const;
  /// Property names known at a dotted path (of the map there), for matching environment names and suggestions.
  [[nodiscard]] std::vector<std::string> property_names(std::string_view path) const;

 private:
  struct Impl;
  explicit Schema(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace tenon::host

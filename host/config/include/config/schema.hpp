// JSON Schema 2020-12, the documented subset of manifest-and-config.md, compiled once and evaluated against Values.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"
#include "base/value.hpp"

namespace tenon::host {

/// One violation: where in the instance (path "a.b[0]", of the missing or unknown member itself), and what was expected. Keys that are not
/// plain words are written as ["a.b"]. Values that may be secret are not shown.
struct SchemaViolation {
  std::string path;
  std::string message;
  std::string help;
  Where where;
  bool missing = false;  ///< a key is not there that has to be: whoever writes the value can give it
};

/// A compiled schema. Immutable after compile; evaluation is thread-safe and bounded.
class Schema {
 public:
  /// Compiles; unknown keywords, malformed keywords, patterns that RE2 cannot run, unresolvable or endlessly recursing `$ref`, and defaults
  /// that violate their own schema are errors with their place. nullopt on any. `path` of each diagnostic is a JSON pointer into the schema
  /// ("#/properties/port/minimum"), empty where there is none.
  static std::optional<Schema> compile(const Value& schema, Diagnostics& diagnostics);
  Schema(Schema&&) noexcept;
  Schema& operator=(Schema&&) noexcept;
  ~Schema();

  /// All violations (at most 100), in document order. Empty = valid. A value of the wrong type is reported for that alone. Messages do not
  /// show values that the schema calls secret, strings under names such as `token`, URLs with a password, and values at paths for which
  /// `hide` is true.
  [[nodiscard]] std::vector<SchemaViolation> validate(const Value& instance, const std::function<bool(std::string_view)>& hide = {}) const;
  /// Fills `default`s in for absent members (recursively, where `properties` applies unconditionally: also through `$ref`, `allOf`, `items`,
  /// `patternProperties`, `additionalProperties`). A map that is absent and has no default itself stays absent. The inserted values point to
  /// their place in the schema. False if it stopped at a limit (a million values, ten million steps): the instance is then not complete, and
  /// what `validate` says of it means nothing.
  [[nodiscard]] bool fill_defaults(Value& instance) const;
  /// True if the schema at this dotted path, or at one above it, says `secret: true` (any subschema that applies by properties, items,
  /// patternProperties, `$ref` or any branch of allOf, anyOf, oneOf, if/then/else), or if this is a list whose entries are or hold secrets.
  /// Paths: "a.b[0].c", "a.b.0.c", and ["x.y"] for a key with dots; a key may also have dots without that.
  [[nodiscard]] bool is_secret(std::string_view path) const;
  /// True if the path, or one above it, is declared `live: true`.
  [[nodiscard]] bool is_live(std::string_view path) const;
  /// The one JSON Schema type ("string", "integer", "array", "object", ...) the schema allows at a dotted path, by `type`, `enum` or `const`,
  /// for parsing text from environment and command line; empty if it says none or several.
  [[nodiscard]] std::string type_at(std::string_view path) const;
  /// Property names known at a dotted path (of the map there), in the order they are declared, for matching environment names and
  /// suggestions.
  [[nodiscard]] std::vector<std::string> property_names(std::string_view path) const;

 private:
  struct Impl;
  explicit Schema(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace tenon::host

// From the text of a schema to its Program.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "base/value.hpp"
#include "schema_program.hpp"

namespace tenon::host::json_schema {

/// Where the compiler stands in the schema: a chain on the stack, turned into text only for a diagnostic.
struct Place {
  const Place* parent = nullptr;
  std::string_view token;
  std::size_t index = 0;
  bool is_index = false;

  /// As a JSON pointer: "#/properties/port/minimum".
  [[nodiscard]] std::string text() const;
};

/// A `$ref` as written, to be resolved when all schemas are known.
struct PendingReference {
  std::uint32_t slot = 0;  ///< of Program::ids, for the target
  std::string target;
  Where where;
  std::string place;
};

/// A program under construction, with what is needed only until it is finished.
struct Draft {
  Program program;
  std::vector<const Value*> written;  ///< by node: the schema it was made from
  std::vector<PendingReference> pending;
  std::vector<const ValueMap::Member*> default_members;  ///< by value; null for those of enum and const
  std::uint32_t errors = 0;
  std::size_t large_patterns = 0;

  /// Adds an error at `place` and counts it.
  void error(Diagnostics& diagnostics, const char* code, Where where, std::string place, std::string message, std::string help);
};

/// The whole compilation; nullopt if there were errors.
std::optional<Program> compile_schema(const Value& schema, Diagnostics& diagnostics);

/// Resolves all pending `$ref`s within `root`.
void resolve_references(Draft& draft, const Value& root, Diagnostics& diagnostics);
/// Refuses schemas that refer to themselves without going into the instance, and chains that are too long; gives every schema the default of
/// what it refers to. Needs resolved references.
void check_recursion(Draft& draft, Diagnostics& diagnostics);
/// Refuses defaults that violate their own schema or bring along defaults without end.
void check_defaults(Draft& draft, Diagnostics& diagnostics);

}  // namespace tenon::host::json_schema

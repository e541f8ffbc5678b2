// JSON text -> Value, for tests that write schemas and instances down.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"
#include "base/value.hpp"
#include "config/schema.hpp"

namespace schema_test {

/// Members keep their order. Every value's `where` has the number of its node, counted from 1 in document order, as line; a key has that of
/// its value. Malformed text ends the test.
tenon::host::Value json(std::string_view text, const std::string& name = "test.json");

/// Compiles; errors end the test.
tenon::host::Schema schema(std::string_view text);
/// The errors of compiling, as "code path: message = help".
std::vector<std::string> compile_errors(std::string_view text);
bool valid(std::string_view schema_text, std::string_view instance);
/// The violations as "path: message = help" (" = help" only if there is one).
std::vector<std::string> violations(std::string_view schema_text, std::string_view instance);

/// One group of cases in the layout of the public test suite.
struct Case {
  std::string description;
  tenon::host::Value data;
  bool valid;
};
struct Group {
  std::string file, description;
  tenon::host::Value schema;
  std::vector<Case> cases;
};
/// All groups of all *.json files in `directory` and below, sorted by file; `file` is the path from there.
std::vector<Group> read_groups(const std::string& directory);

}  // namespace schema_test

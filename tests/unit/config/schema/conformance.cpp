// Cases in the layout of the public JSON Schema test suite: our own in cases/, any other directory through TENON_SCHEMA_SUITE. There, schemas
// outside the subset are counted, not failed.
#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "json.hpp"

using namespace tenon::host;
using namespace schema_test;

namespace {

struct Count {
  std::size_t groups = 0, cases = 0, left_out = 0;
};

/// What makes a schema one outside the subset, as opposed to one that is refused by mistake.
bool is_outside_subset(const Diagnostics& diagnostics) {
  for (const Diagnostic& d : diagnostics.items())
    if (d.code == "schema.unknown_keyword" || d.code == "schema.format" || d.code == "schema.reference") return true;
  return false;
}

Count run(const std::string& directory, bool whole_suite) {
  Count count;
  for (const Group& group : read_groups(directory)) {
    CAPTURE(group.file);
    CAPTURE(group.description);
    Diagnostics diagnostics;
    const auto compiled = Schema::compile(group.schema, diagnostics);
    if (!compiled && whole_suite && is_outside_subset(diagnostics)) {
      ++count.left_out;
      MESSAGE("outside the subset: " << group.file << ": " << group.description << ": " << diagnostics.items().front().message);
      continue;
    }
    CHECK_MESSAGE(compiled.has_value(), to_text(diagnostics));
    if (!compiled) continue;
    ++count.groups;
    for (const Case& c : group.cases) {
      ++count.cases;
      const auto violations = compiled->validate(c.data);
      CHECK_MESSAGE(violations.empty() == c.valid,
                    c.description << ": " << to_json(c.data) << (violations.empty() ? "" : ": " + violations.front().message));
      for (const SchemaViolation& v : violations) CHECK(!v.message.empty());
    }
  }
  return count;
}

}  // namespace

TEST_CASE("every keyword behaves as JSON Schema 2020-12 says") {
  const Count count = run(SCHEMA_CASES, false);
  MESSAGE(count.cases << " cases of " << count.groups << " schemas");
  CHECK(count.groups > 150);
  CHECK(count.cases > 800);
}

TEST_CASE("a suite given from outside") {
  const char* directory = std::getenv("TENON_SCHEMA_SUITE");
  if (directory == nullptr) return;
  const Count count = run(directory, true);
  MESSAGE(count.cases << " cases of " << count.groups << " schemas, " << count.left_out << " schemas outside the subset");
  CHECK(count.cases > 0);
}

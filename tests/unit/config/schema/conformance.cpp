// Cases in the layout of the public JSON Schema test suite: our own in cases/, and any other directory through TENON_SCHEMA_SUITE
// (its draft2020-12/, with the directories below). There, schemas that the subset refuses by its rules are counted, not failed.
#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "json.hpp"
#include "skip.hpp"

using namespace tenon::host;
using namespace schema_test;

namespace {

struct Count {
  std::size_t groups = 0, ran = 0, passed = 0, refused = 0, documented = 0;
  std::map<std::string, std::size_t> reasons;  // of `refused`, in cases
};

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// Why the subset refuses the schema, if that is one of its rules; empty if it is refused by mistake.
std::string rule_of_refusal(const Diagnostics& diagnostics) {
  for (const Diagnostic& d : diagnostics.items()) {
    if (d.code == "schema.unknown_keyword") return d.message;
    if (d.code == "schema.format") return d.message;
    if (d.code == "schema.reference" && contains(d.message, "leads outside this schema")) return "`$ref` to another document";
    if (d.code == "schema.reference" && contains(d.message, "names an anchor")) return "`$ref` to an anchor";
    if (d.code == "schema.malformed" && contains(d.message, "`$schema` names another dialect")) return "`$schema` of another dialect";
    if (d.code == "schema.default") return "a default that its own schema refuses";
  }
  return {};
}

/// The suite states that a format is an annotation unless a dialect says more. Ours does: the named formats are demands.
bool is_documented_difference(const Group& group, const Case& c) {
  return group.file == "format.json" && c.valid && c.data.is_string() && contains(c.description, "only an annotation");
}

Count run(const std::string& directory, bool whole_suite) {
  Count count;
  for (const Group& group : read_groups(directory)) {
    CAPTURE(group.file);
    CAPTURE(group.description);
    Diagnostics diagnostics;
    const auto compiled = Schema::compile(group.schema, diagnostics);
    if (!compiled && whole_suite) {
      if (const std::string rule = rule_of_refusal(diagnostics); !rule.empty()) {
        count.refused += group.cases.size();
        count.reasons[rule] += group.cases.size();
        continue;
      }
    }
    CHECK_MESSAGE(compiled.has_value(), to_text(diagnostics));
    ++count.groups;
    for (const Case& c : group.cases) {
      if (whole_suite && is_documented_difference(group, c)) {
        ++count.documented;
        continue;
      }
      ++count.ran;
      if (!compiled) continue;
      const auto violations = compiled->validate(c.data);
      CHECK_MESSAGE(violations.empty() == c.valid,
                    c.description << ": " << to_json(c.data) << (violations.empty() ? "" : ": " + violations.front().message));
      if (violations.empty() == c.valid) ++count.passed;
      for (const SchemaViolation& v : violations) CHECK(!v.message.empty());
    }
  }
  return count;
}

}  // namespace

TEST_CASE("every keyword behaves as JSON Schema 2020-12 says") {
  const Count count = run(SCHEMA_CASES, false);
  MESSAGE(count.ran << " cases of " << count.groups << " schemas");
  CHECK(count.groups > 150);
  CHECK(count.ran > 800);
  CHECK(count.passed == count.ran);
}

TEST_CASE("a suite given from outside") {
  const char* directory = std::getenv("TENON_SCHEMA_SUITE");
  SKIP_UNLESS(directory != nullptr, "$TENON_SCHEMA_SUITE names no suite");
  const Count count = run(directory, true);
  std::string refused;
  for (const auto& [reason, cases] : count.reasons) refused += "\n  " + std::to_string(cases) + ": " + reason;
  MESSAGE(count.ran << " cases ran, " << count.passed << " passed, " << count.ran - count.passed << " failed, " << count.documented
                    << " left out because formats are demands here, " << count.refused << " refused by a rule of the subset:" << refused);
  CHECK(count.ran > 0);
}

// Any bytes as a module's schema: the text before a line `%%` is the schema, what comes after it an instance, both YAML.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "config/schema.hpp"
#include "manifest/yaml.hpp"

using namespace tenon::host;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::optional<Value> yaml(std::string_view text) {
  Diagnostics diagnostics;
  return parse_yaml(std::make_shared<const Source>(Source{"fuzz", std::string(text)}), diagnostics);
}

void check_violations(const std::vector<SchemaViolation>& violations) {
  require(violations.size() <= 101);  // the hundred, and that the evaluation was given up
  for (const SchemaViolation& v : violations) {
    require(!v.message.empty() && printable(v.message, SIZE_MAX) == v.message);
    require(printable(v.help, SIZE_MAX) == v.help);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t mark = all.find("\n%%\n");
  const std::optional<Value> written = yaml(all.substr(0, mark));
  if (!written) return 0;
  Diagnostics diagnostics;
  const std::optional<Schema> schema = Schema::compile(*written, diagnostics);
  require(schema.has_value() != diagnostics.has_errors());
  require(invalid_utf8_at(to_text(diagnostics)) == std::string::npos);
  for (const Diagnostic& d : diagnostics.items()) require(!d.message.empty() && printable(d.message, SIZE_MAX) == d.message);
  if (!schema || mark == std::string_view::npos) return 0;

  std::optional<Value> instance = yaml(all.substr(mark + 4));
  if (!instance) return 0;
  check_violations(schema->validate(*instance));
  if (!schema->fill_defaults(*instance)) return 0;
  const std::vector<SchemaViolation> found = schema->validate(*instance);
  check_violations(found);
  // What is filled in stays as it is.
  Value again = *instance;
  require(schema->fill_defaults(again) && again == *instance);
  for (const SchemaViolation& v : found) {
    (void)schema->is_secret(v.path);
    (void)schema->is_live(v.path);
    (void)schema->type_at(v.path);
    for (const std::string& name : schema->property_names(v.path)) (void)schema->type_at(name);
  }
  return 0;
}

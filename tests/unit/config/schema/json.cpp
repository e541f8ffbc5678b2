#include "json.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

namespace schema_test {
namespace {

using namespace tenon::host;
using Json = nlohmann::ordered_json;

Value convert(const Json& j, const SourceRef& source, std::uint32_t& line) {
  const Where where{source, ++line, 1, 1};
  Value out;
  if (j.is_boolean()) {
    out = Value(j.get<bool>());
  } else if (j.is_number_integer() && (!j.is_number_unsigned() || j.get<std::uint64_t>() <= INT64_MAX)) {
    out = Value(j.get<std::int64_t>());
  } else if (j.is_number()) {
    out = Value(j.get<double>());
  } else if (j.is_string()) {
    out = Value(j.get<std::string>());
  } else if (j.is_array()) {
    ValueList list;
    for (const Json& entry : j) list.push_back(convert(entry, source, line));
    out = Value(std::move(list));
  } else if (j.is_object()) {
    ValueMap map;
    for (const auto& [key, value] : j.items()) {
      const Where key_where{source, line + 1, 1, 1};
      map.set(key, convert(value, source, line), key_where);
    }
    out = Value(std::move(map));
  }
  out.set_where(where);
  return out;
}

Value convert(const Json& j, const std::string& name) {
  std::uint32_t line = 0;
  return convert(j, std::make_shared<const Source>(Source{name, {}}), line);
}

}  // namespace

Value json(std::string_view text, const std::string& name) { return convert(Json::parse(text), name); }

Schema schema(std::string_view text) {
  Diagnostics diagnostics;
  auto compiled = Schema::compile(json(text), diagnostics);
  INFO(to_text(diagnostics));
  REQUIRE(compiled);
  REQUIRE(diagnostics.empty());
  return std::move(*compiled);
}

std::vector<std::string> compile_errors(std::string_view text) {
  Diagnostics diagnostics;
  const auto compiled = Schema::compile(json(text), diagnostics);
  REQUIRE(compiled.has_value() == !diagnostics.has_errors());
  std::vector<std::string> out;
  for (const Diagnostic& d : diagnostics.items())
    out.push_back(d.code + " " + d.path + ": " + d.message + (d.help.empty() ? "" : " = " + d.help));
  return out;
}

bool valid(std::string_view schema_text, std::string_view instance) { return schema(schema_text).validate(json(instance)).empty(); }

std::vector<std::string> violations(std::string_view schema_text, std::string_view instance) {
  std::vector<std::string> out;
  for (const SchemaViolation& v : schema(schema_text).validate(json(instance)))
    out.push_back(v.path + ": " + v.message + (v.help.empty() ? "" : " = " + v.help));
  return out;
}

std::vector<Group> read_groups(const std::string& directory) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
    if (entry.path().extension() == ".json") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  std::vector<Group> out;
  for (const std::string& file : files) {
    std::ifstream in(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::string name = std::filesystem::path(file).lexically_relative(directory).string();
    for (const Json& group : Json::parse(text)) {
      Group g{name, group.at("description").get<std::string>(), convert(group.at("schema"), name), {}};
      for (const Json& test : group.at("tests"))
        g.cases.push_back({test.at("description").get<std::string>(), convert(test.at("data"), name), test.at("valid").get<bool>()});
      out.push_back(std::move(g));
    }
  }
  return out;
}

}  // namespace schema_test

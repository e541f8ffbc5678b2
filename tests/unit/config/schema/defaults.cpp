// Defaults fill in, and are checked when the schema is compiled.
#include <doctest/doctest.h>

#include "json.hpp"

using namespace tenon::host;
using namespace schema_test;

namespace {
std::string filled(std::string_view schema_text, std::string_view instance) {
  Value v = json(instance);
  CHECK(schema(schema_text).fill_defaults(v));
  return to_json(v);
}
}  // namespace

TEST_CASE("absent members get their default, present ones keep their value") {
  const char* s = R"({"properties": {"a": {"default": 1}, "b": {"default": "x"}, "c": {}, "n": {"default": null}}})";
  CHECK(filled(s, "{}") == R"({"a":1,"b":"x","n":null})");
  CHECK(filled(s, R"({"b": null, "z": 1, "a": 2})") == R"({"b":null,"z":1,"a":2,"n":null})");
  CHECK(filled(s, "[]") == "[]");
  CHECK(filled(s, "5") == "5");
  CHECK(filled("true", "{}") == "{}");
}

TEST_CASE("defaults fill in recursively") {
  CHECK(filled(R"({"properties": {"log": {"properties": {"level": {"default": "info"}}}}})", R"({"log": {}})") ==
        R"({"log":{"level":"info"}})");
  // What is absent and has no default itself stays absent: its presence could mean something.
  CHECK(filled(R"({"properties": {"log": {"properties": {"level": {"default": "info"}}}}})", "{}") == "{}");
  CHECK(filled(R"({"properties": {"log": {"default": {}, "properties": {"level": {"default": "info"}}}}})", "{}") ==
        R"({"log":{"level":"info"}})");
  CHECK(filled(R"({"properties": {"l": {"items": {"properties": {"a": {"default": 1}}}}}})", R"({"l": [{}, {"a": 2}, 5]})") ==
        R"({"l":[{"a":1},{"a":2},5]})");
  CHECK(filled(R"({"prefixItems": [{"properties": {"a": {"default": 1}}}], "items": {"properties": {"b": {"default": 2}}}})", "[{}, {}]") ==
        R"([{"a":1},{"b":2}])");
  CHECK(
      filled(
          R"({"additionalProperties": {"properties": {"a": {"default": 1}}}, "properties": {"x": {}}, "patternProperties": {"^p": {"properties": {"b": {"default": 2}}}}})",
          R"({"x": {}, "y": {}, "p": {}})") == R"({"x":{},"y":{"a":1},"p":{"b":2}})");
}

TEST_CASE("defaults come through references and allOf, the nearest first") {
  const char* s = R"({"$defs": {"port": {"type": "integer", "default": 80}, "base": {"properties": {"p": {"$ref": "#/$defs/port"}}}},
    "properties": {"a": {"$ref": "#/$defs/port"}, "b": {"$ref": "#/$defs/port", "default": 81}, "c": {"allOf": [{}, {"default": 5}]}},
    "allOf": [{"$ref": "#/$defs/base"}, {"properties": {"a": {"default": 7}}}]})";
  CHECK(filled(s, "{}") == R"({"a":80,"b":81,"c":5,"p":80})");
}

TEST_CASE("branches that may not apply fill nothing in") {
  CHECK(
      filled(
          R"({"anyOf": [{"properties": {"a": {"default": 1}}}], "oneOf": [{"properties": {"a": {"default": 1}}}], "if": {"properties": {"a": {"default": 1}}},
                  "then": {"properties": {"a": {"default": 1}}}, "else": {"properties": {"a": {"default": 1}}}, "not": {"required": ["b"], "properties": {"a": {"default": 1}}}})",
          "{}") == "{}");
}

TEST_CASE("an inserted value points to its place in the schema") {
  const Value text = json(R"({"properties": {"a": {"default": 1}}})", "manifest.yaml");
  Diagnostics diagnostics;
  const auto s = Schema::compile(text, diagnostics);
  REQUIRE(s);
  Value v = json("{}");
  CHECK(s->fill_defaults(v));
  CHECK(v.find("a")->where().source->name == "manifest.yaml");
  CHECK(v.find("a")->where().line == 4);
}

TEST_CASE("validate does not fill in") { CHECK_FALSE(valid(R"({"properties": {"a": {"default": 1}}, "required": ["a"]})", "{}")); }

TEST_CASE("a default that violates its own schema is refused") {
  using Errors = std::vector<std::string>;
  CHECK(compile_errors(R"({"properties": {"a": {"type": "integer", "default": "x"}}})") ==
        Errors{"schema.default : the default violates its own schema: the value is \"x\", expected an integer"});
  CHECK(compile_errors(R"({"$defs": {"p": {"default": 5}}, "properties": {"a": {"$ref": "#/$defs/p", "maximum": 3}}})") ==
        Errors{"schema.default : the default violates its own schema: the value is 5, expected at most 3"});
  CHECK(compile_errors(R"({"properties": {"a": {"default": {"b": "x"}, "properties": {"b": {"type": "null"}}}}})") ==
        Errors{"schema.default : the default violates its own schema: `b` is \"x\", expected null"});
  // With what it brings along it is complete.
  CHECK(compile_errors(R"({"properties": {"a": {"default": {}, "required": ["b"], "properties": {"b": {"default": 1}}}}})").empty());
  Diagnostics diagnostics;
  CHECK_FALSE(Schema::compile(json(R"({"minimum": 3, "default": 1})"), diagnostics));
  CHECK(diagnostics.items().at(0).where.line == 3);
}

TEST_CASE("defaults without end are refused") {
  const auto endless = [](const char* text) {
    CAPTURE(text);
    const auto errors = compile_errors(text);
    REQUIRE(!errors.empty());
    CHECK(errors[0] == "schema.default : this default contains itself without end = leave out one of the defaults on the way");
  };
  endless(R"({"properties": {"child": {"$ref": "#", "default": {}}}})");
  endless(
      R"({"$defs": {"a": {"properties": {"b": {"$ref": "#/$defs/b", "default": {}}}}, "b": {"properties": {"a": {"$ref": "#/$defs/a", "default": {}}}}},
              "$ref": "#/$defs/a"})");
  endless(R"({"properties": {"l": {"default": [{}], "items": {"$ref": "#"}}}})");
  CHECK(compile_errors(R"({"properties": {"child": {"$ref": "#", "default": null}}})").empty());
}

TEST_CASE("defaults that multiply are refused") {
  std::string text = R"({"$defs": {"d0": {"type": "object"})";
  for (int i = 1; i <= 40; ++i) {
    const std::string below = R"({"default": {}, "$ref": "#/$defs/d)" + std::to_string(i - 1) + "\"}";
    text += ", \"d" + std::to_string(i) + R"(": {"properties": {"x": )" + below + ", \"y\": " + below + "}}";
  }
  text += R"(}, "$ref": "#/$defs/d40"})";
  const auto errors = compile_errors(text);
  REQUIRE(!errors.empty());
  CHECK(errors[0] == "schema.default : this default is too large with the defaults it brings along = at most 10000 values");
}

TEST_CASE("filling in stops at a limit on steps, whatever they are spent on") {
  std::string properties;
  for (int i = 0; i < 300; ++i) properties += ", \"p" + std::to_string(i) + "\": {}";
  const std::string by_name = R"({"items": {"properties": {"a": {"default": 1})" + properties + "}}}";
  const std::string by_pattern = R"({"items": {"properties": {"a": {"default": 1}}, "patternProperties": {"x{900}y": {"items": true}}}})";
  std::string maps = "[{}";
  for (int i = 0; i < 40'000; ++i) maps += ",{}";
  Value v = json(maps + "]");
  CHECK_FALSE(schema(by_name).fill_defaults(v));
  v = json(R"([{"x": [], ")" + std::string(1 << 20, 'x') + R"(": []}])");
  CHECK_FALSE(schema(by_pattern).fill_defaults(v));
  v = json("[{}, {}]");
  CHECK(schema(by_name).fill_defaults(v));
}

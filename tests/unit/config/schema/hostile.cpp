// Schemas and instances made to cost time, memory or stack.
#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "json.hpp"

using namespace tenon::host;
using namespace schema_test;

namespace {

std::string repeat(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

/// `depth` maps within each other under `key`, around `inner`.
std::string nested(std::string_view key, int depth, std::string_view inner) {
  return repeat("{\"" + std::string(key) + "\": ", depth) + std::string(inner) + repeat("}", depth);
}

/// The time of a call as bounded by the work limits, generous for sanitizers on a busy machine.
template <class F>
void in_time(F f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
}

}  // namespace

TEST_CASE("definitions that double at every step are evaluated once each") {
  for (const char* keyword : {"allOf", "anyOf", "oneOf"}) {
    CAPTURE(keyword);
    std::string text = R"({"$defs": {"d0": {"type": "integer"})";
    const int steps = keyword == std::string("oneOf") ? 20 : 30;
    for (int i = 1; i <= steps; ++i) {
      const std::string below = R"({"$ref": "#/$defs/d)" + std::to_string(i - 1) + "\"}";
      const std::string second = keyword == std::string("oneOf") ? R"({"allOf": [)" + below + ", false]}" : below;
      text += ", \"d" + std::to_string(i) + "\": {\"" + keyword + "\": [" + below + ", " + second + "]}";
    }
    text += R"(}, "$ref": "#/$defs/d)" + std::to_string(steps) + "\"}";
    in_time([&] {
      CHECK(valid(text, "1"));
      const auto lines = violations(text, "\"x\"");
      REQUIRE(lines.size() == 1);
      CHECK(lines[0].find("given up") == std::string::npos);
    });
  }
}

TEST_CASE("alternatives that all go deeper do not multiply") {
  const std::string branches =
      R"([{"properties": {"c": {"$ref": "#"}}, "required": ["x"]}, {"properties": {"c": {"$ref": "#"}}, "required": ["y"]},
                                  {"properties": {"c": {"$ref": "#"}}, "required": ["z"]}])";
  for (const char* keyword : {"anyOf", "oneOf", "allOf"}) {
    CAPTURE(keyword);
    const std::string text = "{\"type\": \"object\", \"" + std::string(keyword) + "\": " + branches + "}";
    in_time([&] {
      const auto lines = violations(text, nested("c", 60, "{}"));
      REQUIRE(!lines.empty());
      for (const std::string& line : lines) CHECK(line.find("given up") == std::string::npos);
    });
  }
  in_time([&] { CHECK(valid(R"({"not": {"not": {"properties": {"c": {"$ref": "#"}}}}})", nested("c", 60, "{}"))); });
}

TEST_CASE("work beyond the budget is a violation, not a hang") {
  // 20 000 entries, each compared with 2 000 allowed lists.
  std::string allowed = "[-1]";
  for (int i = 0; i < 20'000; ++i) allowed += ",[" + std::to_string(i) + "]";
  std::string list = "[-2]";
  for (int i = 0; i < 20'000; ++i) list += ",[-2]";
  in_time([&] {
    const auto lines = violations(R"({"items": {"not": {"enum": [)" + allowed + "]}}}", "[" + list + "]");
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].find("was given up: it takes more than 10000000 steps = simplify the schema, or make the value smaller") !=
          std::string::npos);
  });
}

TEST_CASE("the budget is far from what real lists need") {
  std::string list = "0";
  for (int i = 1; i < 100'000; ++i) list += "," + std::to_string(i);
  in_time([&] {
    CHECK(valid(R"({"type": "array", "uniqueItems": true, "items": {"type": "integer", "minimum": 0, "maximum": 100000, "multipleOf": 1}})",
                "[" + list + "]"));
    CHECK_FALSE(valid(R"({"uniqueItems": true})", "[" + list + ", 99999.0]"));
  });
}

TEST_CASE("many violations are cut") {
  const auto lines = violations(R"({"items": {"type": "string"}})", "[1" + repeat(", 1", 5000) + "]");
  CHECK(lines.size() == 100);
}

TEST_CASE("deep schemas are refused, deep instances are a violation") {
  const auto errors = compile_errors(nested("items", 500, "true"));
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].find("schema.limit ") == 0);
  CHECK(errors[0].find("the schema is nested too deeply = at most 96 levels") != std::string::npos);
  CHECK(compile_errors(nested("items", 90, "true")).empty());

  const std::string recursive = R"({"properties": {"c": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"allOf": [{"$ref": "#"}]}}})";
  CHECK(valid(recursive, nested("c", 64, "1")));
  const auto lines = violations(recursive, nested("c", 1500, "1"));
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find("was given up: schema and value are nested too deeply") != std::string::npos);
}

TEST_CASE("long chains of references are refused") {
  std::string text = R"({"$defs": {"d0": {"type": "integer"})";
  for (int i = 1; i <= 15'000; ++i) text += ", \"d" + std::to_string(i) + R"(": {"$ref": "#/$defs/d)" + std::to_string(i - 1) + "\"}";
  text += R"(}, "$ref": "#/$defs/d15000"})";
  in_time([&] {
    const auto errors = compile_errors(text);
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].find("schema.limit : this schema refers on through too many others = at most 64") == 0);
  });
}

TEST_CASE("schemas are limited in size and patterns in number") {
  std::string many = "\"p0\": {}";
  for (int i = 1; i < 25'000; ++i) many += ", \"p" + std::to_string(i) + "\": {}";
  const auto errors = compile_errors("{\"properties\": {" + many + "}}");
  REQUIRE(!errors.empty());
  CHECK(errors.size() <= 100);
  CHECK(errors[0].find("the schema is too large = at most 20000 subschemas") != std::string::npos);

  std::string patterns = "\"a0\": {}";
  for (int i = 1; i < 300; ++i) patterns += ", \"a" + std::to_string(i) + "\": {}";
  CHECK(compile_errors("{\"patternProperties\": {" + patterns + "}}").at(0).find("more than 256 different patterns") != std::string::npos);

  std::string large = R"("^[\\p{L}]{1,100}x0$": {})";
  for (int i = 1; i < 12; ++i) large += R"(, "^[\\p{L}]{1,100}x)" + std::to_string(i) + "$\": {}";
  CHECK(compile_errors("{\"patternProperties\": {" + large + "}}").at(0).find("more than 8 patterns that need much memory") !=
        std::string::npos);
}

TEST_CASE("keys made to collide in `required` and names made to be searched stay cheap") {
  std::string names = "\"n0\"";
  for (int i = 1; i < 20'000; ++i) names += ", \"n" + std::to_string(i) + "\"";
  in_time([&] {
    CHECK(violations("{\"required\": [" + names + "]}", "{}").size() == 100);
    CHECK(violations("{\"items\": {\"required\": [" + names + "]}}", "[{}" + repeat(", {}", 3000) + "]").size() == 100);
  });
}

TEST_CASE("text that is not UTF-8 and numbers that are none do no harm") {
  const auto s = schema(R"({"anyOf": [{"pattern": "^a"}, {"format": "uri"}, {"minLength": 10}]})");
  CHECK_FALSE(s.validate(Value(std::string("\xff\xfe"))).empty());
  const auto numbers = schema(R"({"minimum": 1, "maximum": 2, "multipleOf": 2, "type": "number"})");
  CHECK_FALSE(numbers.validate(Value(std::numeric_limits<double>::quiet_NaN())).empty());
  CHECK_FALSE(numbers.validate(Value(std::numeric_limits<double>::infinity())).empty());
  CHECK_FALSE(schema(R"({"type": "integer"})").validate(Value(std::numeric_limits<double>::infinity())).empty());
  const auto list = schema(R"({"uniqueItems": true})");
  ValueList nans;
  for (int i = 0; i < 20; ++i) nans.emplace_back(std::numeric_limits<double>::quiet_NaN());
  CHECK(list.validate(Value(std::move(nans))).empty());
}

TEST_CASE("every beginning and every single change of a schema is refused or works, nothing else") {
  const std::string text =
      R"({"$defs": {"p": {"type": "integer", "minimum": 1, "default": 5}}, "properties": {"a": {"$ref": "#/$defs/p"}, "b": {"pattern": "^[a-z]+$", "secret": true},
          "c": {"type": ["array", "null"], "items": {"anyOf": [{"const": 1}, {"enum": ["x", {}]}]}, "uniqueItems": true}}, "required": ["a"],
          "if": {"required": ["b"]}, "then": {"dependentRequired": {"b": ["c"]}}, "additionalProperties": false})";
  const Value instance = json(R"({"a": 0, "b": "Q", "c": [1, 1.0, "x", {}], "d": null})");
  const Value original = json(text);
  // Replaces each node of the schema in turn by values of every kind.
  std::vector<Value> replacements;
  for (const char* r :
       {"null", "true", "false", "-1", "0.5", "1e300", "\"\"", "\"#\"", "\"#/properties/a\"", "[]", "[{}]", "{}", "{\"a\": 1}", "[\"a\"]"})
    replacements.push_back(json(r));
  const auto count = [](const auto& self, const Value& v) -> std::size_t {
    std::size_t n = 1;
    if (const ValueList* l = v.as_list())
      for (const Value& e : *l) n += self(self, e);
    if (const ValueMap* m = v.as_map())
      for (const auto& e : *m) n += self(self, e.value);
    return n;
  };
  const auto replace = [](const auto& self, Value& v, std::size_t& index, const Value& by) -> void {
    if (index-- == 0) {
      v = by;
      return;
    }
    if (ValueList* l = v.as_list())
      for (Value& e : *l) {
        if (index == SIZE_MAX) return;
        self(self, e, index, by);
      }
    if (ValueMap* m = v.as_map())
      for (auto& e : *m) {
        if (index == SIZE_MAX) return;
        self(self, e.value, index, by);
      }
  };
  std::size_t compiled = 0, refused = 0;
  const std::size_t nodes = count(count, original);
  for (std::size_t i = 0; i < nodes; ++i) {
    for (const Value& by : replacements) {
      Value changed = original;
      std::size_t index = i;
      replace(replace, changed, index, by);
      Diagnostics diagnostics;
      const auto s = Schema::compile(changed, diagnostics);
      CHECK(s.has_value() == !diagnostics.has_errors());
      if (!s) {
        ++refused;
        continue;
      }
      ++compiled;
      Value copy = instance;
      if (s->fill_defaults(copy)) (void)s->validate(copy);
      (void)s->is_secret("c[0].x");
      (void)s->type_at("c[0]");
      (void)s->property_names("");
    }
  }
  CHECK(compiled > 100);
  CHECK(refused > 100);
}

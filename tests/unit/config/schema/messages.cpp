// What violations say, and what they keep to themselves.
#include <doctest/doctest.h>

#include "json.hpp"

using namespace tenon::host;
using namespace schema_test;
using Lines = std::vector<std::string>;

TEST_CASE("every keyword says what it found and what it expected") {
  CHECK(violations(R"({"properties": {"page_size": {"minimum": 1}}})", R"({"page_size": 0})") ==
        Lines{"page_size: `page_size` is 0, expected at least 1"});
  CHECK(violations(R"({"maximum": 1.5})", "2") == Lines{": the value is 2, expected at most 1.5"});
  CHECK(violations(R"({"exclusiveMinimum": 0})", "0") == Lines{": the value is 0, expected more than 0"});
  CHECK(violations(R"({"exclusiveMaximum": 1})", "1.0") == Lines{": the value is 1.0, expected less than 1"});
  CHECK(violations(R"({"multipleOf": 5})", "7") == Lines{": the value is 7, expected a multiple of 5"});
  CHECK(violations(R"({"items": {"minLength": 3}})", R"(["é"])") == Lines{"[0]: `[0]` has 1 character, expected at least 3"});
  CHECK(violations(R"({"maxLength": 1})", R"("ab")") == Lines{": the value has 2 characters, expected at most 1"});
  CHECK(violations(R"({"pattern": "^[a-z]+$"})", R"("Foo")") ==
        Lines{": the value is \"Foo\", expected text that matches the pattern `^[a-z]+$`"});
  CHECK(violations(R"({"format": "ipv4"})", R"("1.2.3")") ==
        Lines{": the value is \"1.2.3\", expected an IPv4 address, such as 192.0.2.1"});
  CHECK(violations(R"({"format": "tenon-duration"})", R"("5")") ==
        Lines{": the value is \"5\", expected a duration with its unit, such as 5s or 1h30m"});
  CHECK(violations(R"({"properties": {"l": {"minItems": 1}}})", R"({"l": []})") == Lines{"l: `l` has 0 entries, expected at least 1"});
  CHECK(violations(R"({"maxItems": 1})", "[1, 2]") == Lines{": the value has 2 entries, expected at most 1"});
  CHECK(violations(R"({"minProperties": 2})", R"({"a": 1})") == Lines{": the value has 1 key, expected at least 2"});
  CHECK(violations(R"({"properties": {"l": {"uniqueItems": true}}})", R"({"l": [1, 2, 1.0]})") ==
        Lines{"l[2]: `l[2]` repeats `l[0]`, expected no entry twice"});
  CHECK(violations(R"({"properties": {"server": {"required": ["port", "host"]}}})", R"({"server": {}})") ==
        Lines{"server.port: `server.port` is missing", "server.host: `server.host` is missing"});
  CHECK(violations(R"({"dependentRequired": {"cert": ["key"]}})", R"({"cert": 1})") == Lines{"key: `key` is missing, `cert` requires it"});
  CHECK(violations(R"({"const": 2})", "1") == Lines{": the value is 1, expected 2"});
  CHECK(violations(R"({"enum": []})", "1") == Lines{": the value is 1, expected nothing: the schema allows no value"});
  CHECK(violations(R"({"properties": {"a": false}})", R"({"a": 1})") == Lines{"a: `a` is not allowed here"});
  CHECK(violations(R"({"not": {"type": "integer"}})", "1") == Lines{": the value is 1, which the schema excludes with `not`"});
  CHECK(violations(R"({"prefixItems": [true], "items": false})", "[1, 2]") == Lines{": the value has 2 entries, expected at most 1"});
  CHECK(violations(R"({"if": true, "then": {"maximum": 1}})", "2") == Lines{": the value is 2, expected at most 1"});
}

TEST_CASE("wrong types are named in the words of YAML") {
  CHECK(violations(R"({"properties": {"n": {"type": "integer"}}})", R"({"n": "abc"})") == Lines{"n: `n` is \"abc\", expected an integer"});
  CHECK(violations(R"({"type": "integer"})", R"("12")") ==
        Lines{": the value is \"12\", expected an integer = without quotes it is a number"});
  CHECK(violations(R"({"type": "boolean"})", R"("true")") ==
        Lines{": the value is \"true\", expected true or false = without quotes it is a truth value"});
  CHECK(violations(R"({"type": "boolean"})", R"("yes")") == Lines{": the value is \"yes\", expected true or false = write true"});
  CHECK(violations(R"({"type": "boolean"})", R"("off")") == Lines{": the value is \"off\", expected true or false = write false"});
  CHECK(violations(R"({"type": "string"})", "12") == Lines{": the value is 12, expected a string = in quotes it is a string"});
  CHECK(violations(R"({"type": ["object", "array", "null"]})", "1.5") == Lines{": the value is 1.5, expected a map, a list or null"});
  CHECK(violations(R"({"type": ["number", "string"]})", "[]") == Lines{": the value is an empty list, expected a string or a number"});
  CHECK(violations(R"({"type": "object"})", "[1]") == Lines{": the value is a list, expected a map"});
  CHECK(violations(R"({"type": "array"})", "{}") == Lines{": the value is an empty map, expected a list"});
  CHECK(violations(R"({"type": "integer"})", "null") == Lines{": the value is null, expected an integer"});
  // The wrong type says it all: other keywords would only repeat it.
  CHECK(violations(R"({"type": "integer", "enum": [1, 2], "minimum": 1})", R"("x")").size() == 1);
}

TEST_CASE("suggestions for misspelled keys and values") {
  const char* known = R"({"properties": {"page_size": {}, "level": {"enum": ["debug", "info", "warn"]}}, "additionalProperties": false})";
  CHECK(violations(known, R"({"pagesize": 1})") == Lines{"pagesize: `pagesize` is not a known key = did you mean `page_size`?"});
  CHECK(violations(known, R"({"zzz": 1})") == Lines{"zzz: `zzz` is not a known key = known keys: `page_size`, `level`"});
  CHECK(violations(known, R"({"level": "inof"})") ==
        Lines{"level: `level` is \"inof\", expected \"debug\", \"info\" or \"warn\" = did you mean \"info\"?"});
  CHECK(violations(R"({"additionalProperties": false})", R"({"a": 1})") == Lines{"a: `a` is not a known key"});
}

TEST_CASE("paths name keys that are not plain words in full") {
  CHECK(violations(R"({"additionalProperties": {"items": {"additionalProperties": {"type": "null"}}}})",
                   R"({"a.b": [{"": 1, "x y": 1, "q\"": 1, "größe": 1, "[0]": 1}]})") ==
        Lines{R"(["a.b"][0][""]: `["a.b"][0][""]` is 1, expected null)", R"(["a.b"][0]["x y"]: `["a.b"][0]["x y"]` is 1, expected null)",
              R"(["a.b"][0]["q\""]: `["a.b"][0]["q\""]` is 1, expected null)",
              R"(["a.b"][0].größe: `["a.b"][0].größe` is 1, expected null)",
              R"(["a.b"][0]["[0]"]: `["a.b"][0]["[0]"]` is 1, expected null)"});
}

TEST_CASE("hostile text is made printable") {
  const auto lines = violations(R"({"additionalProperties": {"type": "null"}})", "{\"k\\u001b[31m\": \"v\\u001b[31m\\n\\u202e\"}");
  REQUIRE(lines.size() == 1);
  const std::string message = lines[0].substr(lines[0].find(": ") + 2);
  CHECK(message.find('\x1b') == std::string::npos);
  CHECK(message.find('\n') == std::string::npos);
  CHECK(message.find("\xe2\x80\xae") == std::string::npos);
}

TEST_CASE("long values are cut") {
  const auto lines = violations(R"({"type": "integer"})", '"' + std::string(10'000, 'x') + '"');
  CHECK(lines.at(0).size() < 150);
}

TEST_CASE("alternatives: the closest one explains") {
  const char* listen = R"({"properties": {"listen": {"anyOf": [
      {"type": "string", "pattern": ":"},
      {"type": "object", "properties": {"port": {"type": "integer", "minimum": 1}, "host": {"type": "string"}}, "required": ["port", "host"]}]}}})";
  CHECK(violations(listen, R"({"listen": {"port": 0, "host": "a"}})") ==
        Lines{"listen: `listen` is a map, which fits none of 2 allowed forms = the closest says: `listen.port` is 0, expected at least 1"});
  CHECK(
      violations(listen, R"({"listen": {"host": 5}})") ==
      Lines{
          "listen: `listen` is a map, which fits none of 2 allowed forms = the closest says: `listen.port` is missing; `listen.host` is 5, "
          "expected a string"});
  CHECK(
      violations(listen, R"({"listen": "a"})") ==
      Lines{
          "listen: `listen` is \"a\", which fits none of 2 allowed forms = the closest says: `listen` is \"a\", expected text that matches "
          "the pattern `:`"});
  CHECK(violations(listen, R"({"listen": 5})") == Lines{"listen: `listen` is 5, expected a map or a string = in quotes it is a string"});
  CHECK(violations(R"({"oneOf": [{"minimum": 2}, {"multipleOf": 3}, {"type": "string"}]})", "6") ==
        Lines{": the value is 6, which fits more than one of 3 forms, expected exactly one = it fits number 1 and number 2 of `oneOf`"});
  CHECK(violations(R"({"oneOf": [false, {"minimum": 2}]})", "1") ==
        Lines{": the value is 1, which fits none of 2 allowed forms = the closest says: the value is 1, expected at least 2"});
}

TEST_CASE("all violations come in document order, each once, with the place of the value") {
  const char* text = R"({"allOf": [{"properties": {"b": {"type": "integer"}, "c": {"type": "integer"}}},
                                   {"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}], "required": ["z"]})";
  const auto found = schema(text).validate(json(R"({"a": "x", "b": "x", "c": ["x"]})"));
  REQUIRE(found.size() == 4);
  CHECK(found[0].path == "z");
  CHECK(found[0].where.line == 1);
  CHECK(found[1].path == "a");
  CHECK(found[1].where.line == 2);
  CHECK(found[2].path == "b");
  CHECK(found[2].where.line == 3);
  CHECK(found[3].path == "c");
  CHECK(found[3].where.line == 4);
  CHECK(found[3].where.source->name == "test.json");
}

TEST_CASE("secrets are not shown") {
  const char* text = R"({"$defs": {"hidden": {"secret": true}},
    "properties": {
      "pin": {"minimum": 1000, "secret": true},
      "phrase": {"pattern": "^x"}, "via_ref": {"$ref": "#/$defs/hidden", "maxLength": 1, "pattern": "^x"},
      "map": {"secret": true, "additionalProperties": {"type": "integer"}},
      "list": {"items": {"secret": true, "const": "y"}},
      "db_password": {"pattern": "^x"}, "url": {"pattern": "^x"}, "level": {"enum": ["a"]},
      "either": {"secret": true, "anyOf": [{"pattern": "^x"}, {"pattern": "^y"}]}},
    "allOf": [{"properties": {"phrase": {"secret": true}}}]})";
  const auto lines = violations(text, R"({"pin": 7, "phrase": "S3SAME", "via_ref": "S3SAME", "map": {"k": "S3SAME"}, "list": ["S3SAME"],
    "db_password": "S3SAME", "url": "postgres://u:S3SAME@h/db", "either": "S3SAME", "level": "shown"})");
  REQUIRE(lines.size() == 10);
  for (const std::string& line : lines) {
    CAPTURE(line);
    CHECK(line.find("S3SAME") == std::string::npos);
    CHECK(line.find("is 7") == std::string::npos);
  }
  CHECK(lines[0] == "pin: `pin` (value not shown), expected at least 1000");
  CHECK(lines.back() == "level: `level` is \"shown\", expected \"a\"");
}

TEST_CASE("the caller can hide more") {
  const auto s = schema(R"({"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}})");
  const auto found = s.validate(json(R"({"a": "S3SAME", "b": "shown"})"), [](std::string_view path) { return path == "a"; });
  REQUIRE(found.size() == 2);
  CHECK(found[0].message == "`a` (value not shown), expected an integer");
  CHECK(found[1].message == "`b` is \"shown\", expected an integer");
}

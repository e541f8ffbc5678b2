// secret, live, types and names by path.
#include <doctest/doctest.h>

#include "json.hpp"

using namespace tenon::host;
using namespace schema_test;
using Names = std::vector<std::string>;

TEST_CASE("secret by properties, patterns, references and branches") {
  const auto s = schema(R"({
    "$defs": {"credential": {"properties": {"user": {}, "phrase": {"secret": true}}}},
    "properties": {
      "plain": {"type": "string"}, "top": {"secret": true},
      "tree": {"secret": true, "properties": {"leaf": {"type": "string"}}},
      "cred": {"$ref": "#/$defs/credential"},
      "servers": {"type": "array", "items": {"$ref": "#/$defs/credential"}},
      "pair": {"prefixItems": [{}, {"secret": true}]},
      "words": {"items": {"secret": true}},
      "plain_list": {"items": {"type": "integer"}},
      "headers": {"patternProperties": {"^x-": {"secret": true}}, "additionalProperties": {"type": "string"}},
      "extra": {"properties": {"known": {}}, "additionalProperties": {"secret": true}},
      "branch": {"anyOf": [{"properties": {"a": {"secret": true}}}, {"oneOf": [{"properties": {"b": {"secret": true}}}]}],
                 "if": {"properties": {"c": {"secret": true}}}, "then": {"properties": {"d": {"secret": true}}},
                 "else": {"properties": {"e": {"secret": true}}}, "not": {"properties": {"f": {"secret": true}}}},
      "off": {"secret": false}
    }, "allOf": [{"properties": {"plain2": {"secret": true}}}]})");
  for (const char* path : {"top",
                           "tree",
                           "tree.leaf",
                           "tree.leaf.deeper",
                           "cred.phrase",
                           "servers[0].phrase",
                           "servers.3.phrase",
                           "servers[3].phrase.x",
                           "servers",
                           "pair",
                           "pair[1]",
                           "words",
                           "words[7]",
                           "headers.x-auth",
                           "extra.anything",
                           "branch.a",
                           "branch.b",
                           "branch.c",
                           "branch.d",
                           "branch.e",
                           "plain2",
                           "[\"top\"]",
                           "extra[\"a.b\"]",
                           "extra.a.b",
                           "extra.a.b[0].c"}) {
    CAPTURE(path);
    CHECK(s.is_secret(path));
  }
  for (const char* path : {"",
                           "plain",
                           "cred",
                           "cred.user",
                           "servers[0].user",
                           "servers[0]",
                           "pair[0]",
                           "plain_list",
                           "plain_list[0]",
                           "headers.accept",
                           "headers",
                           "extra.known",
                           "extra",
                           "branch.f",
                           "branch",
                           "off",
                           "unknown",
                           "unknown.top",
                           "top2",
                           "to",
                           "servers.x.phrase",
                           "[",
                           "[0",
                           "[\"top",
                           "[\"top\"",
                           "[\"top\"]x",
                           ".",
                           "..",
                           "cred.",
                           "cred..phrase",
                           "[99999999999999999999]"}) {
    CAPTURE(path);
    CHECK_FALSE(s.is_secret(path));
  }
}

TEST_CASE("a secret root hides everything") {
  const auto s = schema(R"({"secret": true, "properties": {"a": {}}})");
  CHECK(s.is_secret(""));
  CHECK(s.is_secret("a"));
  CHECK(s.is_secret("b.c"));
}

TEST_CASE("a recursive schema has secrets at every depth") {
  const auto s = schema(R"({"properties": {"child": {"$ref": "#"}, "pw": {"secret": true}}})");
  CHECK(s.is_secret("child.child.child.pw"));
  CHECK_FALSE(s.is_secret("child.child.child"));
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += "child.";
  CHECK_FALSE(s.is_secret(deep + "pw"));  // too long for any path
}

TEST_CASE("keys with dots are found however the path writes them") {
  const auto s =
      schema(R"({"properties": {"a.b": {"secret": true, "type": "integer"}, "a": {"properties": {"c": {"live": true, "type": "boolean"}}},
                            "q\"\\": {"secret": true}}})");
  CHECK(s.is_secret("a.b"));
  CHECK(s.is_secret(R"(["a.b"])"));
  CHECK(s.is_secret(R"(["q\"\\"])"));
  CHECK(s.type_at("a.b") == "integer");
  CHECK(s.type_at("a.c") == "boolean");
  CHECK_FALSE(s.is_secret("a.c"));
}

TEST_CASE("live is inherited downwards") {
  const auto s = schema(R"({"properties": {"interval": {"live": true}, "log": {"live": true, "properties": {"level": {}}}, "port": {},
                            "l": {"items": {"live": true}}, "f": {"live": false}}})");
  CHECK(s.is_live("interval"));
  CHECK(s.is_live("log"));
  CHECK(s.is_live("log.level"));
  CHECK(s.is_live("log.unknown"));
  CHECK(s.is_live("l[0]"));
  CHECK_FALSE(s.is_live("l"));
  CHECK_FALSE(s.is_live("port"));
  CHECK_FALSE(s.is_live("f"));
  CHECK_FALSE(s.is_live(""));
  CHECK_FALSE(s.is_live("unknown"));
}

TEST_CASE("types by path") {
  const auto s = schema(R"({"type": "object", "$defs": {"n": {"type": "integer"}},
    "properties": {
      "s": {"type": "string"}, "i": {"type": "integer"}, "n": {"type": "number"}, "b": {"type": "boolean"}, "l": {"type": "array", "items": {"type": "string"}},
      "m": {"type": "object", "additionalProperties": {"type": "integer"}}, "z": {"type": "null"},
      "any": {}, "two": {"type": ["string", "integer"]}, "both": {"type": ["integer", "number"]},
      "ref": {"$ref": "#/$defs/n", "minimum": 1}, "enum": {"enum": ["a", "b"]}, "enum_n": {"enum": [1, 2]}, "mixed": {"enum": [1, "a"]}, "const": {"const": true},
      "all": {"allOf": [{"type": ["string", "integer"]}, {"type": ["integer", "null"]}]},
      "number_and_integer": {"allOf": [{"type": "number"}, {"type": "integer"}]},
      "any_of": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "string", "format": "ipv4"}]},
      "any_of_two": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
      "narrowed": {"type": "string", "anyOf": [{"minLength": 1}, {}]},
      "cond": {"if": {"const": "x"}, "then": {"type": "string"}, "else": {"type": "string"}},
      "never": false, "deep": {"properties": {"er": {"type": "string"}}}, "pair": {"prefixItems": [{"type": "boolean"}], "items": {"type": "number"}}},
    "patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": {"type": "boolean"},
    "allOf": [{"properties": {"deep": {"properties": {"er": {"minLength": 1}, "est": {"type": "string"}}}}}]})");
  const auto is = [&](const char* path, const char* type) {
    CAPTURE(path);
    CHECK(s.type_at(path) == type);
  };
  is("", "object"), is("s", "string"), is("i", "integer"), is("n", "number"), is("b", "boolean"), is("l", "array"), is("l[5]", "string");
  is("l.5", "string"), is("m", "object"), is("m.x", "integer"), is("z", "null"), is("any", ""), is("two", ""), is("both", "number");
  is("ref", "integer"), is("enum", "string"), is("enum_n", "integer"), is("mixed", ""), is("const", "boolean"), is("all", "integer");
  is("number_and_integer", "integer"), is("any_of", "string"), is("any_of_two", ""), is("narrowed", "string"), is("cond", "string");
  is("never", ""), is("pair[0]", "boolean"), is("pair[1]", "number"), is("x-a", "string"), is("other", "boolean"), is("s.below", "boolean");
  is("m.dotted.key", "integer"), is("deep.er", "string"), is("deep.est", "string");
  const auto open = schema(R"({"properties": {"a": {"type": "string"}}})");
  CHECK(open.type_at("b").empty());
  CHECK(open.type_at("a.b.c").empty());
}

TEST_CASE("names by path") {
  const auto s = schema(R"({"properties": {"zeta": {"properties": {"one": {}, "two": {}}}, "alpha": {"$ref": "#/$defs/d"}},
    "$defs": {"d": {"properties": {"three": {}}, "anyOf": [{"properties": {"four": {}, "three": {}}}, {}]}},
    "additionalProperties": {"properties": {"five": {}}}})");
  CHECK(s.property_names("") == Names{"zeta", "alpha"});
  CHECK(s.property_names("zeta") == Names{"one", "two"});
  CHECK(s.property_names("alpha") == Names{"three", "four"});
  CHECK(s.property_names("other") == Names{"five"});
  CHECK(s.property_names("zeta.one").empty());
}

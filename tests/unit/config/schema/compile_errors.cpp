// What a schema is refused for, and how it is said.
#include <doctest/doctest.h>

#include <string>

#include "json.hpp"

using namespace tenon::host;
using namespace schema_test;
using Errors = std::vector<std::string>;

TEST_CASE("unknown keywords are refused with a suggestion") {
  CHECK(compile_errors(R"({"minimun": 1})") ==
        Errors{"schema.unknown_keyword #/minimun: `minimun` is not a schema keyword = did you mean `minimum`?"});
  CHECK(compile_errors(R"({"properties": {"a/b": {"tpye": "string"}}})") ==
        Errors{"schema.unknown_keyword #/properties/a~1b/tpye: `tpye` is not a schema keyword = did you mean `type`?"});
  CHECK(compile_errors(R"({"page_size": {"type": "integer"}})") ==
        Errors{"schema.unknown_keyword #/page_size: `page_size` is not a schema keyword = a name of a setting belongs under `properties`"});
  CHECK(compile_errors(R"({"Type": "string"})").front().find("did you mean `type`?") != std::string::npos);
  CHECK(compile_errors("{\"a\\u001bb\": 1}").front().find('\x1b') == std::string::npos);
}

TEST_CASE("keywords of JSON Schema outside the subset are named as such, each with a way out") {
  for (const char* keyword : {"$anchor",          "$dynamicAnchor",       "$dynamicRef",      "$id",
                              "$recursiveAnchor", "$recursiveRef",        "$vocabulary",      "additionalItems",
                              "contains",         "contentEncoding",      "contentMediaType", "contentSchema",
                              "definitions",      "dependencies",         "dependentSchemas", "id",
                              "maxContains",      "minContains",          "nullable",         "propertyNames",
                              "unevaluatedItems", "unevaluatedProperties"}) {
    CAPTURE(keyword);
    const auto errors = compile_errors(std::string("{\"items\": {\"") + keyword + "\": true}}");
    REQUIRE(errors.size() == 1);
    const std::string begin =
        std::string("schema.unknown_keyword #/items/") + keyword + ": the schema keyword `" + keyword + "` is not supported = ";
    CHECK(errors[0].substr(0, begin.size()) == begin);
    CHECK(errors[0].size() > begin.size() + 10);
  }
}

TEST_CASE("unknown keywords are found in every place where a schema stands") {
  for (const char* text :
       {R"({"$defs": {"unused": {"bogus": 1}}})", R"({"properties": {"a": {"bogus": 1}}})", R"({"patternProperties": {"a": {"bogus": 1}}})",
        R"({"additionalProperties": {"bogus": 1}})", R"({"items": {"bogus": 1}})", R"({"prefixItems": [{}, {"bogus": 1}]})",
        R"({"allOf": [{"bogus": 1}]})", R"({"anyOf": [{"bogus": 1}]})", R"({"oneOf": [{"bogus": 1}]})", R"({"not": {"bogus": 1}})",
        R"({"if": {"bogus": 1}})", R"({"then": {"bogus": 1}})", R"({"else": {"bogus": 1}})", R"({"$ref": "#", "bogus": 1})"}) {
    CAPTURE(text);
    bool found = false;
    for (const std::string& error : compile_errors(text))
      found = found || error.find("`bogus` is not a schema keyword") != std::string::npos;
    CHECK(found);
  }
}

TEST_CASE("data is not searched for keywords") {
  CHECK(compile_errors(R"({"enum": [{"bogus": 1, "$ref": 5}], "const": {"bogus": {"type": 1}}, "default": {"bogus": 1, "$ref": 5},
                           "examples": [{"bogus": 1}]})")
            .size() == 1);  // only the default that violates `enum`
  CHECK(compile_errors(R"({"enum": [{"bogus": 1, "$ref": 5}], "examples": [{"bogus": 1}]})").empty());
  CHECK(compile_errors(R"({"properties": {"bogus": {}, "$id": {}, "contains": {}}})").empty());
  CHECK(compile_errors(R"({"$defs": {"bogus": {}, "$id": {}}, "dependentRequired": {"bogus": ["$id"]}})").empty());
}

TEST_CASE("malformed keywords say what was expected") {
  const auto refused = [](const char* text, const char* expected) {
    CAPTURE(text);
    const auto errors = compile_errors(text);
    REQUIRE(errors.size() == 1);
    CHECK(errors[0] == expected);
  };
  refused("5", "schema.malformed #: a schema cannot be an integer = expected a map of keywords, or true or false");
  refused(R"({"type": "map"})", "schema.malformed #/type: `map` is not a type = JSON Schema calls it `object`");
  refused(R"({"type": "list"})", "schema.malformed #/type: `list` is not a type = JSON Schema calls it `array`");
  refused(R"({"type": "strnig"})", "schema.malformed #/type: `strnig` is not a type = did you mean `string`?");
  refused(R"({"type": "any"})",
          "schema.malformed #/type: `any` is not a type = expected null, boolean, object, array, number, string or integer");
  refused(R"({"type": ["string", "string"]})", "schema.malformed #/type: the type `string` is listed twice");
  refused(R"({"type": []})", "schema.malformed #/type: `type` does not fit here: it is an empty list = expected at least one type");
  refused(R"({"type": [1]})",
          "schema.malformed #/type: a type is named by a string = expected null, boolean, object, array, number, string or integer");
  refused(R"({"minimum": "1"})", "schema.malformed #/minimum: `minimum` does not fit here: it is a string = expected a number");
  refused(R"({"multipleOf": 0})", "schema.malformed #/multipleOf: `multipleOf` is 0 = expected a number above 0");
  refused(R"({"multipleOf": -0.5})", "schema.malformed #/multipleOf: `multipleOf` is -0.5 = expected a number above 0");
  refused(R"({"minLength": -1})", "schema.malformed #/minLength: `minLength` is -1 = expected an integer of at least 0");
  refused(R"({"maxItems": 1.5})", "schema.malformed #/maxItems: `maxItems` is 1.5 = expected an integer of at least 0");
  refused(R"({"maxProperties": "2"})",
          "schema.malformed #/maxProperties: `maxProperties` does not fit here: it is a string = expected an integer of at least 0");
  refused(R"({"required": "a"})", "schema.malformed #/required: `required` does not fit here: it is a string = expected a list of names");
  refused(R"({"required": [1]})",
          "schema.malformed #/required: `required` does not fit here: it is a list = expected a list of names, each a string");
  refused(R"({"required": ["a", "a"]})", "schema.malformed #/required: `a` is listed twice in `required`");
  refused(R"({"required": true})", "schema.malformed #/required: `required` does not fit here: it is a boolean = expected a list of names");
  refused(R"({"dependentRequired": {"a": "b"}})",
          "schema.malformed #/dependentRequired/a: `a` does not fit here: it is a string = expected a list of names");
  refused(R"({"dependentRequired": []})",
          "schema.malformed #/dependentRequired: `dependentRequired` does not fit here: it is an empty list = expected a map from a name "
          "to the "
          "names it requires");
  refused(R"({"properties": []})",
          "schema.malformed #/properties: `properties` does not fit here: it is an empty list = expected a map of schemas");
  refused(R"({"properties": {"a": 1}})",
          "schema.malformed #/properties/a: a schema cannot be an integer = expected a map of keywords, or true or false");
  refused(
      R"({"items": [{}]})",
      "schema.malformed #/items: a schema cannot be a list = expected a map of keywords, or true or false; a list of schemas is written "
      "`prefixItems`");
  refused(R"({"allOf": []})",
          "schema.malformed #/allOf: `allOf` does not fit here: it is an empty list = expected a list of at least one schema");
  refused(R"({"anyOf": {}})",
          "schema.malformed #/anyOf: `anyOf` does not fit here: it is an empty map = expected a list of at least one schema");
  refused(R"({"prefixItems": []})",
          "schema.malformed #/prefixItems: `prefixItems` does not fit here: it is an empty list = expected a list of at least one schema");
  refused(R"({"enum": "a"})", "schema.malformed #/enum: `enum` does not fit here: it is a string = expected a list of values");
  refused(R"({"uniqueItems": 1})",
          "schema.malformed #/uniqueItems: `uniqueItems` does not fit here: it is an integer = expected true or false");
  refused(R"({"secret": "yes"})", "schema.malformed #/secret: `secret` does not fit here: it is a string = expected true or false");
  refused(R"({"live": null})", "schema.malformed #/live: `live` does not fit here: it is null = expected true or false");
  refused(R"({"deprecated": 0})",
          "schema.malformed #/deprecated: `deprecated` does not fit here: it is an integer = expected true or false");
  refused(R"({"title": 1})", "schema.malformed #/title: `title` does not fit here: it is an integer = expected a string");
  refused(R"({"examples": 1})", "schema.malformed #/examples: `examples` does not fit here: it is an integer = expected a list of values");
  refused(R"({"$comment": []})", "schema.malformed #/$comment: `$comment` does not fit here: it is an empty list = expected a string");
  refused(R"({"$defs": [1]})", "schema.malformed #/$defs: `$defs` does not fit here: it is a list = expected a map of schemas");
  refused(R"({"$schema": "http://json-schema.org/draft-07/schema#"})",
          "schema.malformed #/$schema: `$schema` names another dialect than JSON Schema 2020-12 = expected "
          "https://json-schema.org/draft/2020-12/schema, or no `$schema`");
  refused(R"({"pattern": 1})",
          "schema.malformed #/pattern: `pattern` does not fit here: it is an integer = expected a regular expression, as a string");
  refused(
      R"j({"pattern": "a(?=b)"})j",
      "schema.pattern #/pattern: the pattern `a(?=b)` cannot be used: look-ahead `(?=` is not supported = patterns are ECMA-262 regular "
      "expressions without look-around and back-references");
  refused(
      R"j({"patternProperties": {"(a": {}}})j",
      "schema.pattern #/patternProperties/(a: the pattern `(a` cannot be used: RE2 says missing ): (?:a = patterns are ECMA-262 regular "
      "expressions without look-around and back-references");
  refused(R"({"format": "ipv5"})", "schema.format #/format: `ipv5` is not a format of this version = did you mean `ipv4`?");
  refused(
      R"({"format": "email"})",
      "schema.format #/format: `email` is not a format of this version = expected one of `uri`, `date-time`, `ipv4`, `ipv6`, `hostname`, "
      "`tenon-duration`, `tenon-size`");
}

TEST_CASE("references that lead nowhere say why") {
  const auto refused = [](const char* target, const char* why) {
    CAPTURE(target);
    const auto errors = compile_errors(std::string(R"({"$defs": {"port": {"enum": [{"a": 1}], "type": "integer"}, "l": {"allOf": [{}]}},
      "properties": {"x": {"$ref": ")") +
                                       target + "\"}}}");
    REQUIRE(errors.size() == 1);
    CHECK(errors[0] == std::string("schema.reference #/properties/x/$ref: `$ref` to `") + target + "` cannot be resolved: " + why);
  };
  refused("#/$defs/prot", "there is no `prot` = did you mean `port`?");
  refused("#/$defs/nothing_like_it", "there is no `nothing_like_it`");
  refused("#/$defs", "what is there is not a schema = a schema stands at the root, below `$defs`, or in a keyword that takes schemas");
  refused("#/$defs/port/type",
          "what is there is not a schema = a schema stands at the root, below `$defs`, or in a keyword that takes schemas");
  refused("#/$defs/port/enum/0",
          "what is there is not a schema = a schema stands at the root, below `$defs`, or in a keyword that takes schemas");
  refused("#/$defs/port/", "there is no ``");
  refused("#/$defs/l/allOf/1", "there is no `1`");
  refused("#/$defs/l/allOf/00", "there is no `00`");
  refused("#/$defs/l/allOf/-", "there is no `-`");
  refused("#/$defs/l/allOf/99999999999999999999999", "there is no `99999999999999999999999`");
  refused("#port", "it names an anchor, which is not supported = refer to the place instead, such as `#/$defs/port`");
  refused("other.json#/a",
          "it leads outside this schema = only places in the same schema can be referred to, such as `#` or `#/$defs/port`");
  refused("https://example.org/schema",
          "it leads outside this schema = only places in the same schema can be referred to, such as `#` or `#/$defs/port`");
  refused("", "it leads outside this schema = only places in the same schema can be referred to, such as `#` or `#/$defs/port`");
  refused("#/a%", "a `%` in it is not followed by two hexadecimal digits = a percent sign itself is written %25");
  refused("#/a%2", "a `%` in it is not followed by two hexadecimal digits = a percent sign itself is written %25");
  refused("#/a~", "a `~` in it is not followed by 0 or 1 = a tilde itself is written ~0, a slash ~1");
  refused("#/a~2", "a `~` in it is not followed by 0 or 1 = a tilde itself is written ~0, a slash ~1");
}

TEST_CASE("recursion that consumes nothing is refused") {
  for (const char* text :
       {R"({"$ref": "#"})", R"({"allOf": [{"$ref": "#"}]})", R"({"anyOf": [{}, {"$ref": "#"}]})", R"({"oneOf": [{"$ref": "#"}]})",
        R"({"not": {"$ref": "#"}})", R"({"if": {"$ref": "#"}})", R"({"if": true, "then": {"$ref": "#"}})",
        R"({"if": true, "else": {"$ref": "#"}})", R"({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}})",
        R"({"properties": {"x": {"$ref": "#/properties/x"}}})"}) {
    CAPTURE(text);
    const auto errors = compile_errors(text);
    REQUIRE(errors.size() == 1);
    CHECK(
        errors[0] ==
        "schema.recursion : this schema refers to itself without end = recursion must go into the value, through `properties`, `items` and "
        "the like");
  }
  CHECK(compile_errors(R"({"properties": {"a": {"$ref": "#"}}, "items": {"$ref": "#"}, "additionalProperties": {"$ref": "#"}})").empty());
}

TEST_CASE("all errors of a schema are reported together, each at its keyword") {
  Diagnostics diagnostics;
  CHECK_FALSE(
      Schema::compile(json(R"({"bogus": 1, "type": "int", "properties": {"a": {"minimum": "x", "$ref": "#/nowhere"}}})"), diagnostics));
  REQUIRE(diagnostics.items().size() == 4);
  const auto line_of = [&](const std::string& code, const std::string& path) {
    for (const Diagnostic& d : diagnostics.items())
      if (d.code == code && d.path == path) return d.where.line;
    return 0u;
  };
  CHECK(line_of("schema.unknown_keyword", "#/bogus") == 2);
  CHECK(line_of("schema.malformed", "#/type") == 3);
  CHECK(line_of("schema.malformed", "#/properties/a/minimum") == 6);
  CHECK(line_of("schema.reference", "#/properties/a/$ref") == 7);
  CHECK(diagnostics.exit_code() == ExitCode::config);
}

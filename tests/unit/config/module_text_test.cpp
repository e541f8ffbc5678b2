// Text for the settings of a module: keys found regardless of case, types from the schema.
#include "support.hpp"

using namespace tenon::test;

namespace {

std::optional<ModuleConfig> resolve(Loader& l, const std::string& schema, Diagnostics& d, const std::string& defaults = "{}") {
  return resolve_module_config("m", yaml(schema), yaml(defaults), l.good(), d);
}

Value good(Loader& l, const std::string& schema, const std::string& defaults = "{}") {
  Diagnostics d;
  const auto m = resolve(l, schema, d, defaults);
  INFO(to_text(d));
  REQUIRE(m);
  return m->value;
}

std::string bad(Loader& l, const std::string& schema) {
  Diagnostics d;
  CHECK_FALSE(resolve(l, schema, d));
  return to_text(d);
}

Value one(const std::string& type, const std::string& text) {
  Loader l;
  l.set("modules.m.config.x=" + text);
  return at(good(l, "{type: object, properties: {x: " + type + "}}"), "x");
}

bool refused(const std::string& type, const std::string& text) {
  Loader l;
  l.set("modules.m.config.x=" + text);
  Diagnostics d;
  return !resolve(l, "{type: object, properties: {x: " + type + "}}", d);
}

}  // namespace

TEST_CASE("module text: one type") {
  CHECK(one("{type: string}", "123") == Value(std::string("123")));
  CHECK(one("{type: string}", "true") == Value(std::string("true")));
  CHECK(one("{type: string}", " [a] ") == Value(std::string(" [a] ")));
  CHECK(one("{type: integer}", "123") == Value(std::int64_t{123}));
  CHECK(one("{type: number}", "1.5") == Value(1.5));
  CHECK(one("{type: number}", "-2") == Value(std::int64_t{-2}));
  CHECK(one("{type: boolean}", "true") == Value(true));
  CHECK(one("{type: array}", "[1, a, [b]]") == yaml("[1, a, [b]]"));
  CHECK(one("{type: object}", "{a: {b: 1}}") == yaml("{a: {b: 1}}"));
  CHECK(one("{enum: [a, b]}", "b") == Value(std::string("b")));
  CHECK(one("{const: 5}", "5") == Value(std::int64_t{5}));
  CHECK(refused("{type: integer}", "abc"));
  CHECK(refused("{type: integer}", "1.5"));
  CHECK(refused("{type: integer}", "0x10"));
  CHECK(refused("{type: boolean}", "yes"));
  CHECK(refused("{type: boolean}", "1"));
  CHECK(refused("{type: array}", "a"));
  CHECK(refused("{type: array}", "[a"));
  CHECK(refused("{type: object}", "[a]"));
}

TEST_CASE("module text: several types, or none") {
  CHECK(one("{type: [string, integer]}", "5") == Value(std::int64_t{5}));
  CHECK(one("{type: [string, integer]}", "05") == Value(std::string("05")));
  CHECK(one("{type: [string, integer]}", "five") == Value(std::string("five")));
  CHECK(one("{type: [string, \"null\"]}", "12345") == Value(std::string("12345")));
  CHECK(one("{type: [string, \"null\"]}", "true") == Value(std::string("true")));
  CHECK(one("{}", "[1, 2]") == yaml("[1, 2]"));
  CHECK(one("{}", "{a: 1}") == yaml("{a: 1}"));
  CHECK(one("{}", "[1, 2") == Value(std::string("[1, 2")));
  CHECK(one("{}", "null") == Value(std::string("null")));
  CHECK(one("{type: [string, array]}", "[a]") == yaml("[a]"));
}

TEST_CASE("module text: names in the environment find their keys regardless of case") {
  const std::string schema =
      "{type: object, additionalProperties: false, properties: {pageSize: {type: integer}, nested: {type: object, properties: {Deep_Key: "
      "{type: string}}}}}";
  Loader l;
  l.env("TENON__MODULES__M__CONFIG__PAGESIZE", "5").env("TENON__MODULES__M__CONFIG__NESTED__DEEP_KEY", "x");
  CHECK(good(l, schema) == yaml("{pageSize: 5, nested: {Deep_Key: x}}"));
  Loader set;
  set.set("modules.m.config.pagesize=5");
  CHECK(contains(bad(set, schema), "did you mean `pageSize`?"));
  Loader typo;
  typo.env("TENON__MODULES__M__CONFIG__PAGESIZ", "5");
  const std::string text = bad(typo, schema);
  CHECK(contains(text, "environment TENON__MODULES__M__CONFIG__PAGESIZ: error: unknown key `modules.m.config.pagesiz`"));
  CHECK(contains(text, "did you mean `modules.m.config.pageSize`?"));
}

TEST_CASE("module text: a name that fits two keys is ambiguous") {
  Loader l;
  l.env("TENON__MODULES__M__CONFIG__SIZE", "5");
  CHECK(contains(bad(l, "{type: object, properties: {size: {type: integer}, Size: {type: integer}}}"),
                 "`SIZE` stands for both `Size` and `size`"));
}

TEST_CASE("module text: free maps take the name in lower case, or as it stands in a lower layer") {
  const std::string schema = "{type: object, properties: {labels: {type: object, additionalProperties: {type: string}}}}";
  Loader l;
  l.file("modules: {m: {config: {labels: {Region: eu}}}}")
      .env("TENON__MODULES__M__CONFIG__LABELS__REGION", "us")
      .env("TENON__MODULES__M__CONFIG__LABELS__TIER", "1");
  CHECK(good(l, schema, "{labels: {Zone: a}}") == yaml("{labels: {Zone: a, Region: us, tier: \"1\"}}"));
  Loader pattern;
  pattern.env("TENON__MODULES__M__CONFIG__X_SIZE", "5");
  CHECK(good(pattern, "{type: object, properties: {a: {}}, patternProperties: {\"^x_\": {type: integer}}}") == yaml("{x_size: 5}"));
}

TEST_CASE("module text: elements of lists cannot be set") {
  const std::string schema = "{type: object, properties: {list: {type: array}, any: {}}}";
  Loader l;
  l.set("modules.m.config.list.0=x");
  CHECK(contains(bad(l, schema), "`modules.m.config.list` is a list, `0` in it cannot be set"));
  Loader env;
  env.env("TENON__MODULES__M__CONFIG__LIST__0", "x");
  CHECK(contains(bad(env, schema), "lists are replaced as a whole"));
  Loader by_value;
  by_value.file("modules: {m: {config: {any: [1]}}}").set("modules.m.config.any.0=x");
  CHECK(contains(bad(by_value, schema), "lists are replaced as a whole"));
}

TEST_CASE("module text: a list replaces, a map merges") {
  const std::string schema = "{type: object, properties: {list: {type: array}, map: {type: object}}}";
  Loader l;
  l.file("modules: {m: {config: {list: [1, 2], map: {a: 1, b: {c: 2}}}}}")
      .set("modules.m.config.list=[3]")
      .set("modules.m.config.map={b: {d: 4}}");
  CHECK(good(l, schema) == yaml("{list: [3], map: {a: 1, b: {c: 2, d: 4}}}"));
}

TEST_CASE("module text: a value below a scalar is refused by the schema") {
  Loader l;
  l.file("modules: {m: {config: {n: 1}}}").set("modules.m.config.n.deep=x");
  CHECK(contains(bad(l, "{type: object, properties: {n: {type: integer}}}"), "`n`"));
}

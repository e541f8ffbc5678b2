#include <thread>

#include "support.hpp"

using namespace tenon::test;

namespace {

constexpr const char* schema_text = R"(
type: object
additionalProperties: false
properties:
  page_size: {type: integer, minimum: 1, maximum: 1000, default: 50, live: true}
  title: {type: string}
  ratio: {type: number}
  fast: {type: boolean}
  tags: {type: array, items: {type: string}}
  nested: {type: object, properties: {deep_key: {type: string}, n: {type: integer, default: 7}}}
  nullable: {type: [string, "null"]}
  labels: {type: object, additionalProperties: {type: string}}
  pin: {type: string, secret: true, minLength: 4}
)";

struct Module {
  std::optional<ModuleConfig> config;
  Diagnostics diagnostics;
  std::string text;
};

Module resolve(Loader& l, const char* schema = schema_text, const std::string& defaults = "") {
  const Config& c = l.good();
  Module out;
  out.config = resolve_module_config("orders", schema != nullptr ? std::optional(yaml(schema)) : std::nullopt,
                                     defaults.empty() ? Value() : yaml(defaults), c, out.diagnostics);
  CHECK(out.config.has_value() != out.diagnostics.has_errors());
  for (const Diagnostic& d : out.diagnostics.items()) CHECK(d.module == "orders");
  out.text = l.without_directory(to_text(out.diagnostics));
  return out;
}

Value good(Loader& l, const char* schema = schema_text, const std::string& defaults = "") {
  Module m = resolve(l, schema, defaults);
  INFO(m.text);
  REQUIRE(m.config);
  CHECK(m.diagnostics.empty());
  return std::move(m.config->value);
}

std::string bad(Loader& l, const char* schema = schema_text, const std::string& defaults = "") {
  Module m = resolve(l, schema, defaults);
  CHECK_FALSE(m.config);
  return m.text;
}

}  // namespace

TEST_CASE("what cannot be expanded is said once, and not judged by the schema") {
  Loader l;
  l.file("modules: {m: {config: {interval: \"${cred:nope}\", size: x}}}");
  Diagnostics d;
  CHECK_FALSE(resolve_module_config("m",
                                    yaml("{type: object, properties: {interval: {type: string, format: tenon-duration}, size: {type: "
                                         "integer}}}"),
                                    Value(), l.good(), d));
  INFO(to_text(d));
  CHECK(d.error_count() == 2);
  CHECK_FALSE(contains(to_text(d), "expected a duration"));
}

TEST_CASE("module configuration: defaults of the schema, then of the manifest, then the operator") {
  Loader none;
  CHECK(good(none) == yaml("{page_size: 50}"));
  CHECK(good(none, schema_text, "{page_size: 60, nested: {deep_key: m}}") == yaml("{page_size: 60, nested: {deep_key: m, n: 7}}"));
  Loader file;
  file.file("modules: {orders: {config: {page_size: 70, nested: {n: 1}}}}");
  CHECK(good(file, schema_text, "{page_size: 60, nested: {deep_key: m}}") == yaml("{page_size: 70, nested: {deep_key: m, n: 1}}"));
  file.env("TENON__MODULES__ORDERS__CONFIG__PAGE_SIZE", "80");
  CHECK(at(good(file), "page_size") == Value(std::int64_t{80}));
  file.set("modules.orders.config.page_size=90");
  CHECK(at(good(file), "page_size") == Value(std::int64_t{90}));
  file.env("TENON_SUPER__MODULES__ORDERS__CONFIG__PAGE_SIZE", "100");
  CHECK(at(good(file), "page_size") == Value(std::int64_t{100}));
}

TEST_CASE("module configuration: a map as text in a lower layer does not win over a higher one") {
  Loader l;
  l.env("TENON__MODULES__ORDERS", "{enabled: true, config: {page_size: 1, title: env}}")
      .set("modules.orders.config.page_size=2")
      .set("modules.orders.config={ratio: 3}");
  CHECK(good(l) == yaml("{page_size: 2, title: env, ratio: 3}"));
  CHECK(l.config->host.modules.at("orders").enabled == true);
}

TEST_CASE("module configuration: errors have place, path and module") {
  Loader l;
  l.file("modules:\n  orders:\n    config:\n      page_size: 5000\n      titel: x\n").set("modules.orders.config.fast=yes");
  Module m = resolve(l);
  CHECK(contains(m.text, "a.yaml:4:18: error: in `modules.orders.config`: `page_size`"));
  CHECK(contains(m.text, "a.yaml:5:"));
  CHECK(contains(m.text, "did you mean `title`?"));
  CHECK(contains(m.text, "--set modules.orders.config.fast: error: in `modules.orders.config`: `fast`"));
  REQUIRE(m.diagnostics.error_count() == 3);
  std::vector<std::string> paths;
  for (const Diagnostic& d : m.diagnostics.items()) {
    CHECK(d.code == "config.schema");
    paths.push_back(d.path);
  }
  std::sort(paths.begin(), paths.end());
  CHECK(paths == std::vector<std::string>{"modules.orders.config.fast", "modules.orders.config.page_size", "modules.orders.config.titel"});
}

TEST_CASE("module configuration: a key that nobody gives is missing where the schema stands, or where the operator speaks of the module") {
  constexpr const char* schema = "{required: [a], properties: {a: {type: integer}}}";
  Loader none;
  CHECK(bad(none, schema) ==
        "test.yaml:1:1: error: in `modules.orders.config`: `a` is missing [config.required]\n"
        "  1 | {required: [a], properties: {a: {type: integer}}}\n    | ^\n  = help: set `modules.orders.config.a`\n");
  Loader some;
  some.file("modules:\n  orders: {enabled: true}\n");
  const std::string text = bad(some, schema);
  INFO(text);
  CHECK(contains(text, "a.yaml:2:"));
  CHECK(contains(text, "= help: set `modules.orders.config.a`"));
}

TEST_CASE("module configuration: a key that is missing has an error code of its own, for a value can still be given") {
  Loader l;
  l.file("modules: {orders: {config: {listen: {cert: x, host: 5}}}}");
  Module m = resolve(l, "{properties: {listen: {required: [port], dependentRequired: {cert: [key]}, properties: {host: {type: string}}}}}");
  std::vector<std::string> found;
  for (const Diagnostic& d : m.diagnostics.items()) found.push_back(d.code + " " + d.path);
  std::sort(found.begin(), found.end());
  CHECK(found == std::vector<std::string>{"config.required modules.orders.config.listen.key",
                                          "config.required modules.orders.config.listen.port",
                                          "config.schema modules.orders.config.listen.host"});
}

TEST_CASE("module configuration: without a schema a module takes none") {
  Loader none;
  CHECK(good(none, nullptr) == yaml("{}"));
  Loader empty;
  empty.file("modules: {orders: {enabled: true, config: {}}}");
  CHECK(good(empty, nullptr) == yaml("{}"));
  Loader file;
  file.file("modules:\n  orders:\n    config: {a: 1}");
  CHECK(contains(bad(file, nullptr), "a.yaml:3:14: error: `orders` takes no configuration"));
  Loader set;
  set.set("modules.orders.config.a=1");
  CHECK(contains(bad(set, nullptr), "--set modules.orders.config.a: error: `orders` takes no configuration"));
  Loader unset;
  unset.set("modules.orders.config.a=").set("modules.orders.config=");
  CHECK(good(unset, nullptr) == yaml("{}"));
  CHECK(contains(bad(none, nullptr, "{a: 1}"), "takes no configuration"));
}

TEST_CASE("module configuration: a bad schema is reported") {
  Loader l;
  CHECK(contains(bad(l, "{type: object, propertys: {}}"), "propertys"));
}

TEST_CASE("module configuration: null takes a key away") {
  Loader l;
  l.file("modules: {orders: {config: {page_size: null, title: null, nullable: null, nested: {n: null}}}}");
  const Value value = good(l, schema_text, "{page_size: 60, title: m, nullable: m, nested: {deep_key: m}}");
  CHECK(at(value, "page_size") == Value(std::int64_t{50}));
  CHECK(value.find("title") == nullptr);
  REQUIRE(value.find("nullable") != nullptr);
  CHECK(value.find("nullable")->is_null());
  CHECK(at(value, "nested") == yaml("{deep_key: m, n: 7}"));
}

TEST_CASE("module configuration: empty text takes a key away as null in a file does, from whichever layer") {
  const auto defaults = "{page_size: 60, title: m, nullable: m, nested: {deep_key: m}}";
  const auto check = [&](Loader& l) {
    const Value value = good(l, schema_text, defaults);
    CHECK(at(value, "page_size") == Value(std::int64_t{50}));
    CHECK(value.find("title") == nullptr);
    REQUIRE(value.find("nullable") != nullptr);
    CHECK(value.find("nullable")->is_null());
    CHECK(at(value, "nested") == yaml("{n: 7}"));
  };
  for (const char* prefix : {"TENON__", "TENON_SUPER__"}) {
    const std::string config = std::string(prefix) + "MODULES__ORDERS__CONFIG__";
    Loader l;
    l.env(config + "PAGE_SIZE", "").env(config + "TITLE", "").env(config + "NULLABLE", "").env(config + "NESTED__DEEP_KEY", "");
    check(l);
  }
  Loader set;
  const std::string config = "modules.orders.config.";
  set.set(config + "page_size=").set(config + "title=").set(config + "nullable=").set(config + "nested.deep_key=");
  check(set);
  set.file("modules: {orders: {config: {page_size: 5, title: f, nested: {deep_key: f}}}}");
  check(set);
  set.set(config + "title=x");
  CHECK(at(good(set, schema_text, defaults), "title") == Value(std::string("x")));
}

TEST_CASE("module configuration: an empty text that takes away what is required leaves it missing, not null") {
  Loader l;
  l.file("modules: {orders: {config: {n: 5}}}").set("modules.orders.config.n=").set("modules.orders.config.s=x");
  const std::string text = bad(l, "{type: object, required: [n], properties: {n: {type: integer}, s: {type: string}}}", "{n: 3}");
  INFO(text);
  CHECK(contains(text, "`n` is missing"));
  CHECK_FALSE(contains(text, "null"));
}

TEST_CASE("module configuration: unset as a whole, the operator has said nothing") {
  Loader l;
  l.file("modules: {orders: {config: {page_size: 1}}}").set("modules.orders.config=").set("modules.orders.config.title=x");
  CHECK(good(l, schema_text, "{page_size: 60}") == yaml("{page_size: 60, title: x}"));
}

TEST_CASE("module configuration: expansion, typed by the schema") {
  Loader l;
  const std::string file = l.directory.write("pin", "hunter2\n");
  l.env("SIZE", "77").env("T", "true").env("R", "0.5").env("LIST", "[a]");
  l.file("modules: {orders: {config: {page_size: \"${SIZE}\", fast: \"${T}\", title: \"${SIZE}\", pin: \"${file:" + file +
         "}\", tags: [\"${LIST}\", \"$${x}\"]}}}");
  l.set("modules.orders.config.ratio=${R}");
  Module m = resolve(l);
  REQUIRE(m.config);
  CHECK(m.config->value == yaml("{page_size: 77, fast: true, title: \"77\", pin: hunter2, tags: [\"[a]\", \"${x}\"], ratio: 0.5}"));
  CHECK(m.config->secret_paths == std::vector<std::string>{"pin"});
}

TEST_CASE("module configuration: a failed expansion concerns this module only") {
  Loader l;
  l.file("modules: {orders: {config: {title: \"${MISSING}\"}}}");
  CHECK(contains(bad(l), "a.yaml:1:36: error: `modules.orders.config.title`: the environment variable `MISSING` is not set"));
  l.set("modules.orders.config.title=x");
  CHECK(at(good(l), "title") == Value(std::string("x")));
}

TEST_CASE("module configuration: what a manifest says is never expanded") {
  Loader l;
  const std::string file = l.directory.write("pw", "hunter2");
  CHECK(at(good(l, schema_text, "{title: \"${file:" + file + "}\"}"), "title") == Value("${file:" + file + "}"));
  l.set("modules.orders.config.page_size=5");
  CHECK(at(good(l, schema_text, "{title: \"${file:" + file + "}\"}"), "title") == Value("${file:" + file + "}"));
  const char* schema = "{type: object, properties: {a: {type: string, default: \"${HOME}\"}}}";
  l.input.sets = {"modules.orders.config={}"};
  CHECK(at(good(l, schema), "a") == Value(std::string("${HOME}")));
}

TEST_CASE("module configuration: secrets do not leak through messages and excerpts") {
  Loader l;
  const std::string file = l.directory.write("pw", "hunter2");
  l.file("modules: {orders: {config: {pin: hun, bogus: 1}}}");
  std::string text = bad(l);
  CHECK_FALSE(contains(text, "hun,"));
  CHECK(contains(text, "`pin`"));

  Loader expanded;
  expanded.file("modules: {orders: {config: {page_size: \"${file:" + file + "}\", title: [\"${file:" + file + "}\"]}}}");
  text = bad(expanded);
  CHECK_FALSE(contains(text, "hunter2"));

  Loader given;
  given.set("modules.orders.config.pin=hun").set("modules.orders.config.tags={pin: hunter2").set("modules.orders.config.nested=[hunter2");
  text = bad(given);
  CHECK_FALSE(contains(text, "hun"));

  Loader named;
  named.set("modules.orders.config.api_token=5");
  CHECK_FALSE(contains(bad(named, "{type: object, properties: {api_token: {type: integer, minimum: 1000, enum: [1000]}}}"), " 5"));
  Loader integer;
  integer.file("modules: {orders: {config: {api_key: 31337}}}");
  CHECK_FALSE(contains(bad(integer, "{type: object, properties: {api_key: {type: integer, maximum: 5}}}"), "31337"));
}

TEST_CASE("module configuration: a literal secret of the schema in the super environment warns") {
  Loader l;
  l.env("TENON_SUPER__MODULES__ORDERS__CONFIG__PIN", "12345");
  Module m = resolve(l);
  REQUIRE(m.config);
  REQUIRE(m.diagnostics.items().size() == 1);
  CHECK(m.diagnostics.items()[0].code == "config.literal_password");
  CHECK_FALSE(contains(m.text, "12345"));
}

TEST_CASE("module configuration: locked paths inside text") {
  const char* schema = "{type: object, properties: {listeners: {type: array}, any: {}}}";
  const auto resolve_api = [&](Loader& l) {
    Diagnostics d;
    (void)resolve_module_config("api", yaml(schema), Value(), l.good(), d);
    return to_text(d);
  };
  Loader list;
  list.set("modules.api.config.listeners=[{tls: {key: a}}]");
  CHECK(contains(resolve_api(list), "`modules.api.config.listeners.0.tls.key` is locked"));
  Loader untyped;
  untyped.set("modules.api.config.any={tls: {key: a}}");
  CHECK(contains(resolve_api(untyped), "`modules.api.config.any.tls.key` is locked"));
  Loader harmless;
  harmless.set("modules.api.config.listeners=[{port: 1}]");
  CHECK(resolve_api(harmless) == "");
  Loader super;
  super.env("TENON_SUPER__MODULES__API__CONFIG__LISTENERS", "[{tls: {cert: a}}]");
  CHECK(resolve_api(super) == "");
  Loader replaced;
  replaced.file("instance: {environment: local}\nmodules: {api: {config: {listeners: [{tls: {cert: a}}]}}}")
      .set("modules.api.config.listeners=[]");
  CHECK(contains(resolve_api(replaced), "cannot be replaced here"));
}

TEST_CASE("module configuration: many modules at once") {
  Loader l;
  std::string text = "modules:\n";
  for (int i = 0; i < 200; ++i) text += "  m" + std::to_string(i) + ": {config: {page_size: " + std::to_string(i + 1) + "}}\n";
  const Config& c = l.file(text).good();
  const Value schema = yaml(schema_text);
  std::vector<std::thread> threads;
  std::vector<int> failures(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = t; i < 400; i += 4) {
        Diagnostics d;
        const auto m = resolve_module_config("m" + std::to_string(i), schema, Value(), c, d);
        const Value want(std::int64_t{i < 200 ? i + 1 : 50});
        if (!m || m->value.find("page_size") == nullptr || !(*m->value.find("page_size") == want)) ++failures[static_cast<std::size_t>(t)];
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(failures == std::vector<int>{0, 0, 0, 0});
}

TEST_CASE("module configuration: defaults that are not filled in to the end are one error, and nothing is said to be missing") {
  std::string schema = "{properties: {list: {items: {required: [last], properties: {";
  for (int i = 0; i < 300; ++i) schema += "p" + std::to_string(i) + ": {}, ";
  schema += "last: {default: 1}}}}}}";
  std::string list = "[{}";
  for (int i = 0; i < 40'000; ++i) list += ", {}";
  Loader l;
  l.file("modules: {orders: {config: {list: " + list + "]}}}\n");
  const Module m = resolve(l, schema.c_str());
  CHECK_FALSE(m.config);
  REQUIRE(m.diagnostics.items().size() == 1);
  CHECK(m.diagnostics.items().front().code == "config.bounds");
  CHECK(m.diagnostics.items().front().message ==
        "in `modules.orders.config`: filling in the defaults of the schema takes too many values or steps");
}

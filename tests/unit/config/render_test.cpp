#include "config/schema.hpp"
#include "support.hpp"

using namespace tenon::test;

namespace {
constexpr const char* schema =
    "{type: object, properties: {page_size: {type: integer, default: 50}, pin: {type: string, secret: true}, list: {type: array, items: "
    "{type: object, "
    "properties: {pw: {type: string, secret: true}}}}, url: {type: string}, note: {type: string}}}";

std::pair<std::string, std::string> rendered(Loader& l, const std::string& defaults = "{note: m}") {
  const Config& c = l.good();
  Diagnostics d;
  const auto orders = resolve_module_config("orders", yaml(schema), yaml(defaults), c, d);
  INFO(to_text(d));
  REQUIRE(orders);
  return {l.without_directory(config_to_text(c, {{"orders", &*orders}})), l.without_directory(config_to_json(c, {{"orders", &*orders}}))};
}
}  // namespace

TEST_CASE("rendering: text is YAML with the source of every leaf") {
  Loader l;
  l.file("log: {level: debug}\nmodules: {orders: {config: {page_size: 7}}}").env("TENON__LOG__RATE", "5").set("instance.name=shop");
  const std::string text = rendered(l).first;
  INFO(text);
  CHECK(contains(text, "  level: debug                                  # a.yaml:1:14\n"));
  CHECK(contains(text, "  rate: 5                                       # environment TENON__LOG__RATE\n"));
  CHECK(contains(text, "  name: shop                                    # --set instance.name\n"));
  CHECK(contains(text, "  burst: 5000                                   # default\n"));
  CHECK(contains(text, "      page_size: 7                              # a.yaml:2:40\n"));
  CHECK(contains(text, "      note: m                                   # test.yaml:1:8\n"));
  Value parsed = yaml(text);
  CHECK(at(parsed, "log.level") == Value(std::string("debug")));
  CHECK(at(parsed, "lifecycle.timeouts.start") == Value(std::string("60s")));
  CHECK(at(parsed, "modules.orders.config.page_size") == Value(std::int64_t{7}));
}

TEST_CASE("rendering: the state directory, whoever decided on it") {
  Loader given;
  given.env("STATE_DIRECTORY", "/srv/state:/other");
  CHECK(contains(config_to_text(given.good(), {}), "  state: /srv/state                             # $STATE_DIRECTORY\n"));
  CHECK(contains(config_to_json(*given.config, {}), R"("paths.state":{"layer":"environment","source":"$STATE_DIRECTORY"})"));
  Loader other;
  CHECK(contains(config_to_text(other.good(), {}), "  state: /home/tester/.local/state/tenon        # default\n"));
  Loader relative;
  CHECK(contains(relative.env("STATE_DIRECTORY", "rel").bad(), "$STATE_DIRECTORY is `rel`"));
}

TEST_CASE("rendering: JSON has config, provenance and what is secret") {
  Loader l;
  l.env("TENON__LOG__RATE", "5").env("TENON_SUPER__MODULES__ORDERS__CONFIG__NOTE", "n").file("modules: {orders: {config: {pin: hunter2}}}");
  const std::string json = rendered(l).second;
  INFO(json);
  const Value parsed = yaml(json);
  CHECK(at(parsed, "config.log.rate") == Value(std::int64_t{5}));
  CHECK(at(parsed, "config.modules.orders.config.pin") == Value(std::string("***")));
  CHECK(*parsed.find("provenance")->find("log.rate") == yaml("{layer: environment, source: environment TENON__LOG__RATE}"));
  CHECK(*parsed.find("provenance")->find("modules.orders.config.note") ==
        yaml("{layer: super, source: environment TENON_SUPER__MODULES__ORDERS__CONFIG__NOTE}"));
  CHECK(*parsed.find("provenance")->find("modules.orders.config.pin") == yaml("{layer: file, source: \"a.yaml:1:34\"}"));
  CHECK(*parsed.find("provenance")->find("log.level") == yaml("{layer: defaults, source: default}"));
  CHECK(*parsed.find("secret") == yaml("[modules.orders.config.pin]"));
}

TEST_CASE("rendering: everything secret is masked, nothing else") {
  Loader l;
  const std::string file = l.directory.write("f", "hunter2");
  l.env("MY_TOKEN", "hunter2").env("PLAIN", "visible");
  l.file(
      "modules: {orders: {config: {pin: hunter2, list: [{pw: hunter2}, {pw: hunter2, n: visible2}], url: \"http://u:hunter2@h/\", note: "
      "\"x${file:" +
      file + "}\", accesskey: 31337, colour: visible3, keys: [1, hunter2]}}}");
  l.set("modules.orders.config.extra=${PLAIN}").set("modules.orders.config.other=${MY_TOKEN}");
  const auto [text, json] = rendered(l);
  for (const std::string& out : {text, json}) {
    INFO(out);
    CHECK_FALSE(contains(out, "hunter"));
    CHECK_FALSE(contains(out, "31337"));
    CHECK(contains(out, "visible"));
    CHECK(contains(out, "visible2"));
    CHECK(contains(out, "visible3"));
    CHECK(contains(out, "http://u:***@h/"));
  }
  CHECK(contains(text, "note: \"***\""));
}

TEST_CASE("rendering: modules that are resolved but not configured, and configured but not resolved") {
  Loader l;
  l.set("modules.zeta.config.page_size=9").set("modules.alpha.enabled=false");
  const auto [text, json] = rendered(l);
  const Value parsed = yaml(text);
  CHECK(at(parsed, "modules.orders.config.page_size") == Value(std::int64_t{50}));
  CHECK(at(parsed, "modules.zeta.config.page_size") == Value(std::string("***")));  // nobody knows what it is
  CHECK(text.find("alpha:") < text.find("orders:"));
  CHECK(text.find("orders:") < text.find("zeta:"));
  CHECK(config_to_text(*l.config, {{"none", nullptr}}) == config_to_text(*l.config, {}));
}

TEST_CASE("rendering: what is not resolved shows only what its schema knows as plain") {
  Loader l;
  l.file("modules: {m: {config: {pin: hunter2, size: 7, list: [{pw: hunter2}], unknown: hunter2, size_hint: [hunter2]}}}")
      .set("modules.m.config.creds={pw: hunter2}")
      .env("TENON__MODULES__M__CONFIG__NOTEPIN", "hunter2")
      .env("TENON__MODULES__N__CONFIG", "{pin: hunter2}");
  Diagnostics d;
  ModuleConfig schema_only;
  auto compiled =
      Schema::compile(yaml("{type: object, properties: {pin: {type: string, secret: true}, size: {type: integer}, list: {type: array, "
                           "items: {type: object, properties: {pw: {type: string, secret: true}}}}, creds: {type: object, "
                           "properties: {pw: {type: string, secret: true}}}, notePin: {type: string, secret: true}}}"),
                      d);
  REQUIRE(compiled);
  schema_only.schema = std::make_shared<const Schema>(std::move(*compiled));
  const ModuleConfig other = schema_only;
  const Config& c = l.good();
  for (const auto& known : {std::vector<std::pair<std::string, const ModuleConfig*>>{{"m", &schema_only}, {"n", &schema_only}},
                            {},
                            {{"m", nullptr}},
                            {{"m", &schema_only}, {"m", &other}}}) {
    const std::string text = config_to_text(c, known), json = config_to_json(c, known);
    INFO(text);
    CHECK_FALSE(contains(text, "hunter"));
    CHECK_FALSE(contains(json, "hunter"));
    CHECK(contains(text, "size: 7") == (known.size() == 2 && known[1].first == "n"));
    CHECK(contains(json, "\"modules.m.config.pin\""));
  }
}

TEST_CASE("rendering: what would be secret once expanded is secret as it is written, too") {
  Loader l;
  l.env("DB_PASSWORD", "").env("PLAIN", "visible");
  l.file(R"(modules: {m: {config: {a: "x:${DB_PASSWORD:-hunter2}", b: "${X:-visible1} ${TENON_SUPER__X:-hunter2}", c: "${MY_TOKEN:-hunter2",
    d: "${X:-${Y:-hunter2}}", e: "${cred:a:-hunter2}", f: "$${X} ${X:-visible2} $y", g: "$${MY_TOKEN:-visible3}", h: "$$${MY_TOKEN:-visible4}",
    i: "$ ${X}${MY TOKEN:-hunter2}"}}})");
  Diagnostics d;
  ModuleConfig schema_only;
  std::string properties;
  for (char key = 'a'; key <= 'i'; ++key) properties += (properties.empty() ? "" : ", ") + std::string(1, key) + ": {type: string}";
  auto compiled = Schema::compile(yaml("{type: object, properties: {" + properties + "}}"), d);
  REQUIRE(compiled);
  schema_only.schema = std::make_shared<const Schema>(std::move(*compiled));
  const Config& c = l.good();
  const std::string text = config_to_text(c, {{"m", &schema_only}}), json = config_to_json(c, {{"m", &schema_only}});
  for (const std::string& out : {text, json}) {
    INFO(out);
    CHECK_FALSE(contains(out, "hunter"));
    for (const char* shown : {"visible2", "visible3", "visible4"}) CHECK(contains(out, shown));
    CHECK_FALSE(contains(out, "visible1"));  // the value as a whole, as when it is expanded
  }
  CHECK(contains(json, R"("secret":["modules.m.config.a","modules.m.config.b","modules.m.config.c","modules.m.config.d",)"
                       R"("modules.m.config.e","modules.m.config.i"])"));
}

TEST_CASE("rendering: hostile texts cannot disguise themselves") {
  Loader l;
  l.set("modules.m.config.a=x # default\ny: 1")
      .set("modules.m.config.b=\x1b[31m\xC2\x9B")
      .set("modules.m.config.c=true")
      .set("modules.m.config.\"d: e\"=1");
  const std::string text = config_to_text(l.good(), {});
  INFO(text);
  CHECK_FALSE(contains(text, "\x1b"));
  CHECK_FALSE(contains(text, "\xC2\x9B"));
  CHECK_FALSE(contains(text, "\ny: 1"));
  CHECK(contains(text, "c: \"***\""));
}

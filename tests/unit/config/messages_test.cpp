// Messages for people, compared as they are printed. Mended by TENON_UPDATE_GOLDEN=1.
#include <sstream>

#include "support.hpp"

using namespace tenon::test;

namespace {
void golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(GOLDEN_DIR) + "/" + name + ".txt";
  if (::getenv("TENON_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ifstream in(path);
  INFO(path);
  REQUIRE(in);
  std::ostringstream expected;
  expected << in.rdbuf();
  CHECK(text == expected.str());
}
}  // namespace

TEST_CASE("golden: keys") {
  Loader l;
  l.file(R"(instance:
  nmae: shop
log:
  levle: debug
  modules: {Orders: debug}
modules:
  orders:
    page_size: 5
    grants:
      services: {calls: [a], call: [catalog.*, "a..b", c]}
      events: {publish: a.b, subscribe: [">.a"]}
      storage: {namespaces: ["*"], max_bytes: 1MiB}
      http: {routes: [/a]}
permissions: {default: manifests}
audit: {writer: disk}
colour: red
)");
  l.env("TENON__LOG__LEVLE", "debug").env("TENON_LOG__LEVEL", "debug").set("log.level.deep=1").set("paths.plugins.0=/x").set("nonsense");
  golden("keys", l.bad());
}

TEST_CASE("golden: values") {
  Loader l;
  l.file(R"(instance:
  name: a b
  environment: prod
paths:
  plugins: /one
  manifests: [1]
plugins:
  default_enabled: yes
log:
  level: inof
  rate: -1
  file:
    max_size: 100
    max_files: many
lifecycle:
  parallelism: 65
  timeouts:
    start: 5
    stop: 2h
storage: []
)");
  l.set("log.burst=lots").env("TENON__PLUGINS__DEFAULT_ENABLED", "on").option("log.level", "loud", "--log-level");
  golden("values", l.bad());
}

TEST_CASE("golden: locked paths") {
  Loader l;
  l.file("instance:\n  environment: production\nstorage:\n  url: sqlite:x\n").file("instance:\n  environment: local\n");
  l.env("TENON__SECURITY__PATH_CHECKS", "file_only").set("locked=[]").env("TENON_SUPER__LOCKED", "[log.level, lgo.rate]");
  golden("locked", l.bad());
}

TEST_CASE("golden: expansion and secrets") {
  Loader l;
  l.directory.write("credentials/format", "hunter2");
  l.input.credentials_dir = l.directory.file("credentials");
  l.file(R"(instance: {environment: local}
log: {level: "${MISSING}", format: "${cred:format}", rate: "${vault:x}"}
storage: {url: "postgres://u:hunter2@h:x/db", bogus: 1}
paths: {state: "${cred:a/b}", plugins: ["${file:plugins}", "${A:-${B}}"]}
)");
  golden("expansion", l.bad());
}

TEST_CASE("golden: configuration of a module") {
  Loader l;
  l.file("modules:\n  orders:\n    config:\n      page_size: 5000\n      titel: x\n      pin: abc\n");
  l.env("TENON__MODULES__ORDERS__CONFIG__FAST", "yes")
      .env("TENON__MODULES__ORDERS__CONFIG__TAGS", "[a")
      .env("TENON__MODULES__ORDERS__CONFIG__PAGE_SIZ", "5");
  Diagnostics d;
  CHECK_FALSE(resolve_module_config("orders",
                                    yaml("{type: object, additionalProperties: false, properties: {page_size: {type: integer, maximum: "
                                         "1000}, title: {type: string}, pin: {type: "
                                         "string, secret: true, minLength: 4}, fast: {type: boolean}, tags: {type: array}}}"),
                                    Value(), l.good(), d));
  golden("module", l.without_directory(to_text(d)));
}

TEST_CASE("golden: the effective configuration") {
  Loader l;
  l.file(
      "instance: {name: shop, environment: local}\nstorage: {url: \"postgres://u:hunter2@h/db\"}\nmodules:\n  orders:\n    required: "
      "true\n    config: {page_size: 7, api_key: x}\n");
  l.env("TENON__LOG__LEVEL", "debug").env("TENON__MODULES__ORDERS__CONFIG__TITLE", "A \"title\"").set("paths.plugins=[/a, /b c]");
  const Config& c = l.good();
  Diagnostics d;
  const auto orders =
      resolve_module_config("orders", yaml("{type: object, properties: {depth: {type: integer, default: 3}, title: {type: string}}}"),
                            yaml("{page_size: 1}"), c, d);
  INFO(to_text(d));
  REQUIRE(orders);
  golden("effective", l.without_directory(config_to_text(c, {{"orders", &*orders}})));
  golden("effective_json", l.without_directory(config_to_json(c, {{"orders", &*orders}})) + "\n");
}

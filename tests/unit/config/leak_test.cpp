// A secret must not reach anything that is printed: messages, help, excerpts, JSON, the effective configuration.
#include "support.hpp"

using namespace tenon::test;

namespace {
void check_no_leak(Loader& l) {
  l.load();
  INFO(to_text(l.diagnostics));
  CHECK(l.diagnostics.has_errors());
  CHECK_FALSE(contains(to_text(l.diagnostics), "hunter"));
  CHECK_FALSE(contains(to_json(l.diagnostics), "hunter"));
}
}  // namespace

TEST_CASE("no leak: lines of files with errors") {
  for (const char* text : {
           "storage: {url: \"postgres://u:hunter2@h/db\", bogus: 1}",
           "storage: {bogus: 1, url: \"postgres://u:hunter2@h/db\"}",
           "storage: {url: \"postgres://u:hunter2@x@h/db\"}",
           "storage: {url: \"postgres://u:hunter2@h:port/db\"}",
           "storage:\n  url: hunter2",
           "storage: {url: [\"postgres://u:hunter2@h\"]}",
           "modules: {orders: {config: {password: hunter2}, bogus: 1}}",
           "modules: {orders: {bogus: 1, config: {api_key: hunter2}}}",
           "modules: {orders: {config: {\"pass\\u0077ord\": hunter2}, bogus: 1}}",
           "password: hunter2",
           "modules: {orders: {password: hunter2}}",
           "modules: {orders: {config: {password: hunter2}}} }",
           "modules:\n  orders:\n    config:\n      password: *hunter2\n",
           "modules:\n  orders:\n    config:\n      password: !hunter2 x\n",
           "modules:\n  orders:\n    config:\n      password: \"hunter2\n",
           "modules:\n  orders:\n    config:\n      password: hunter2: hunter3\n",
           "modules:\n  orders:\n    config:\n      password: {hunter2\n",
           "modules:\n  orders:\n    config:\n      password: hunter2\n      password: hunter3\n",
           "modules:\n  orders:\n    config:\n      tokens: [hunter2, hunter3\n",
           "modules: {orders: {config: {url: \"https://u:hunter2@h/\"}, bogus: 1}}",
       }) {
    CAPTURE(text);
    Loader l;
    l.file(text);
    check_no_leak(l);
  }
}

TEST_CASE("no leak: environment and command line") {
  for (const auto& [path, value] : std::vector<std::pair<std::string, std::string>>{
           {"storage.url", "postgres://u:hunter2@h:port/db"},
           {"storage.url", "hunter2"},
           {"storage", "{url: \"postgres://u:hunter2@h/db\", bogus: 1}"},
           {"storage", "{url: \"postgres://u:hunter2@h/db\""},
           {"storage", "hunter2"},
           {"storage.password", "hunter2"},
           {"modules.orders", "{config: {password: hunter2}, bogus: 1}"},
           {"modules.orders", "{config: {password: hunter2}"},
           {"modules.orders.config", "{password: hunter2"},
           {"modules.orders.config", "hunter2"},
           {"database.servers.main", "{url: \"postgres://u:hunter2@h/db\", bogus: \"postgres://u:hunter2@h/db\"}"},
       }) {
    CAPTURE(path + "=" + value);
    Loader set;
    set.set(path + "=" + value);
    check_no_leak(set);
    Loader env;
    std::string name = "TENON_SUPER";
    for (std::size_t from = 0; from != std::string::npos;) {
      const std::size_t dot = path.find('.', from);
      name += "__" + path.substr(from, dot == std::string::npos ? dot : dot - from);
      from = dot == std::string::npos ? dot : dot + 1;
    }
    env.env(name, value);
    check_no_leak(env);
  }
  Loader no_equals;
  no_equals.set("modules.orders.config.password:hunter2");
  check_no_leak(no_equals);
  Loader spaces;
  spaces.set("modules.orders.config.password hunter2");
  check_no_leak(spaces);
}

TEST_CASE("no leak: expanded values that do not fit their key") {
  Loader l;
  const std::string file = l.directory.write("pw", "hunter2");
  l.file("log: {level: \"${file:" + file + "}\", rate: \"${file:" + file + "}\"}\nlifecycle: {shutdown: \"${file:" + file +
         "}\"}\nstorage: {url: \"${file:" + file + "}\"}\ninstance: {environment: local, name: \"a b ${file:" + file + "}\"}\n");
  check_no_leak(l);
  CHECK(l.diagnostics.error_count() == 5);
  Loader variable;
  variable.env("LEVEL_TOKEN", "hunter2").file("log: {level: \"${LEVEL_TOKEN}\"}");
  check_no_leak(variable);
}

TEST_CASE("no leak: what only a schema calls a secret, in lines with errors of others") {
  for (const char* text : {
           "modules: {sm: {config: {pin: hunter2}, required: 3}}",
           "modules:\n  sm: {required: 3, config: {pin: \"hunter2\", list: [hunter3]}}\n",
           "modules: {sm: {config: {pin: hunter2}}, other: {bogus: 1}}",
           // Not even YAML.
           "modules:\n  sm:\n    config:\n      pin: hunter2: hunter3\n",
           "modules:\n  sm:\n    config:\n      pin: {hunter2\n",
           "modules:\n  sm:\n    config:\n      pins:\n        - hunter2\n        - [hunter3\n",
           "modules: {sm: {config: {pin: hunter2, [}}}",
           "modules:\n  sm:\n    \"config\":\n      pin: *hunter2\n",
       }) {
    CAPTURE(text);
    Loader l;
    l.file(text);
    check_no_leak(l);
  }
}

TEST_CASE("no leak: an error in the configuration of a module shows neither mistyped nor overridden nor others' values") {
  Loader l;
  l.file("modules:\n  other: {config: {pin: hunter2}}\n  sm:\n    config:\n      pin: hunter3\n      size: x\n      pni: hunter4\n")
      .set("modules.sm.config.pin=1");
  Diagnostics d;
  CHECK_FALSE(
      resolve_module_config("sm",
                            yaml("{type: object, additionalProperties: false, properties: {pin: {type: string, secret: true}, size: "
                                 "{type: integer}}}"),
                            Value(), l.good(), d));
  CHECK(d.error_count() == 2);
  CHECK_FALSE(contains(to_text(d), "hunter"));
  CHECK(contains(to_text(d), "size: x"));
}

TEST_CASE("no leak: the effective configuration") {
  Loader l;
  const std::string file = l.directory.write("pw", "hunter2");
  l.file(
      "instance: {environment: local}\nstorage: {url: \"postgres://u:hunter2@h/db\"}\ndatabase: {servers: {main: {url: "
      "\"postgres://u:${file:" +
      file + "}@h/db\", admin_url: \"postgres://h/db?password=hunter2\"}}}\nlog: {file: {path: \"/${file:" + file +
      "}\"}}\nmodules: {orders: {config: {db_password: hunter2, nested: {token: hunter2, list: [{secret: hunter2}]}, keys: {a: hunter2}, "
      "url: \"https://u:hunter2@h\"}, "
      "database: {url: \"postgres://u:hunter2@h/o\"}}}\n");
  l.set("modules.orders.config.api_key=hunter2").set("modules.billing.config={client_secret: hunter2}");
  const Config& c = l.good();
  for (const std::string& text : {config_to_text(c, {}), config_to_json(c, {})}) {
    INFO(text);
    CHECK_FALSE(contains(text, "hunter"));
    CHECK(contains(text, "postgres://u:***@h/db"));
  }
}

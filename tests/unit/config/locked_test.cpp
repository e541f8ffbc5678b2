#include "support.hpp"

using namespace tenon::test;

namespace {
// The paths that were refused as locked.
std::vector<std::string> refused(Loader& l) {
  l.load();
  std::vector<std::string> out;
  for (const Diagnostic& d : l.diagnostics.items()) {
    CHECK(d.code == "config.locked");
    out.push_back(d.path);
  }
  return out;
}
using Paths = std::vector<std::string>;
std::string joined(const Paths& paths) {
  std::string out;
  for (const std::string& path : paths) out += path + "\n";
  return out;
}
constexpr const char* all_locked =
    "storage: {url: \"sqlite:x\"}\n"
    "database: {servers: {main: {url: \"postgres://h/db\"}}}\n"
    "security: {path_checks: file_only}\n"
    "modules:\n"
    "  orders: {database: {url: \"sqlite:o\"}}\n"
    "  api: {config: {tls: {cert: /c}, listeners: {a: {tls: {key_file: /k}}}, iam: {issuer: x}, free: 1}}\n"
    "locked: [log.level]\n";
const Paths all_paths = {"storage.url",
                         "database.servers.main.url",
                         "security.path_checks",
                         "modules.orders.database.url",
                         "modules.api.config.tls.cert",
                         "modules.api.config.listeners.a.tls.key_file",
                         "modules.api.config.iam.issuer",
                         "locked"};
}  // namespace

TEST_CASE("locked keys: a production file may not set them, and each is named with its place") {
  Loader l;
  l.file(std::string("instance: {environment: production}\n") + all_locked);
  Paths got = refused(l), want = all_paths;
  std::sort(got.begin(), got.end());
  std::sort(want.begin(), want.end());
  CHECK(joined(got) == joined(want));
  CHECK(contains(l.text(), "a.yaml:2:16: error: `storage.url` is locked: it cannot be set here"));
  CHECK(contains(l.text(), "set `TENON_SUPER__STORAGE__URL`"));
}

TEST_CASE("locked keys: the first file may set them while it says local") {
  Loader l;
  const Config& c = l.file(std::string("instance: {environment: local}\n") + all_locked).good();
  CHECK(c.host.path_checks_file_only);
  CHECK(at(c.effective, "storage.url") == Value(std::string("sqlite:x")));
  CHECK(at(c.effective, "locked") == yaml("[log.level]"));
}

TEST_CASE("locked keys: no other file, even if the first one is local or it says local itself") {
  Loader l;
  l.file("instance: {environment: local}").file("storage: {url: \"sqlite:x\"}").file("instance: {environment: local}");
  CHECK(joined(refused(l)) == joined({"storage.url", "instance.environment"}));
  CHECK(contains(l.text(), "b.yaml:1:16"));
  CHECK(contains(l.text(), "c.yaml:1:25"));
  Loader directory;
  directory.file("instance: {environment: local}");
  directory.directory.write("a.yaml.d/x.yaml", "security: {path_checks: file_only}");
  CHECK(joined(refused(directory)) == joined({"security.path_checks"}));
  Loader only_directory;
  only_directory.directory.write("absent.yaml.d/x.yaml", "instance: {environment: local}\nstorage: {url: \"sqlite:x\"}");
  CHECK(refused(only_directory).size() == 2);
}

TEST_CASE("locked keys: only the literal word local unlocks") {
  Loader l;
  l.env("ENVIRONMENT", "local").file("instance: {environment: \"${ENVIRONMENT}\"}\nstorage: {url: \"sqlite:x\"}");
  CHECK(joined(refused(l)) == joined({"storage.url"}));
}

TEST_CASE("locked keys: environment and command line may not set them") {
  Loader l;
  l.file("instance: {environment: local}");
  l.env("TENON__STORAGE__URL", "sqlite:x")
      .env("TENON__INSTANCE__ENVIRONMENT", "local")
      .env("TENON__MODULES__API__CONFIG__IAM__ISSUER", "x");
  l.set("security.path_checks=file_only").set("locked=[]").set("modules.api.config.a.tls.key=x").set("instance={environment: local}");
  Paths got = refused(l);
  std::sort(got.begin(), got.end());
  CHECK(joined(got) == joined({"instance.environment", "instance.environment", "locked", "modules.api.config.a.tls.key",
                               "modules.api.config.iam.issuer", "security.path_checks", "storage.url"}));
  CHECK(contains(l.text(), "--set security.path_checks: error: `security.path_checks` is locked"));
}

TEST_CASE("locked keys: unsetting is setting") {
  for (const char* text : {"storage.url=", "security=", "security.path_checks="}) {
    CAPTURE(text);
    Loader l;
    l.file("instance: {environment: local}\nstorage: {url: \"sqlite:x\"}\nsecurity: {path_checks: file_only}").set(text);
    CHECK(refused(l).size() == 1);
  }
  Loader above;
  above.file("instance: {environment: local}\nstorage: {url: \"sqlite:x\"}").set("storage=");
  CHECK(joined(refused(above)) == joined({"storage"}));
  CHECK(contains(above.text(), "`storage` cannot be replaced here: `storage.url` in it is locked"));
  Loader file;
  file.file("instance: {environment: local}").file("instance: null");
  CHECK(joined(refused(file)) == joined({"instance"}));
  Loader list;
  list.file("instance: {environment: local}\nmodules: {api: {config: {listeners: [{tls: {key: a}}]}}}")
      .file("modules: {api: {config: {listeners: []}}}");
  CHECK(joined(refused(list)) == joined({"modules.api.config.listeners"}));
  CHECK(Loader().file("instance: {environment: local}").file("security: {}\nstorage: {}\n").good().host.environment == "local");
}

TEST_CASE("locked keys: elements of lists are looked into") {
  Loader l;
  l.file("modules: {api: {config: {listeners: [{port: 1}, {tls: {key: a}}]}}}");
  CHECK(joined(refused(l)) == joined({"modules.api.config.listeners.1.tls.key"}));
}

TEST_CASE("locked keys: the super environment may set everything") {
  Loader l;
  l.env("TENON_SUPER__STORAGE__URL", "sqlite:x")
      .env("TENON_SUPER__INSTANCE__ENVIRONMENT", "staging")
      .env("TENON_SUPER__LOCKED", "[log.level]");
  l.env("TENON_SUPER__SECURITY__PATH_CHECKS", "file_only").env("TENON_SUPER__MODULES__API__CONFIG__IAM__ISSUER", "x");
  const Config& c = l.good();
  CHECK(c.host.environment == "staging");
  CHECK(c.host.path_checks_file_only);
  CHECK(c.provenance.at("storage.url").layer == Layer::super);
}

TEST_CASE("locked keys: policies of loops") {
  Loader l;
  l.file("modules: {m: {loops: {poll: fail, \"*\": ignore}}, n: {loops: {push: fail}}}");
  l.env("TENON_SUPER__LOCKED", "[modules.*.loops.poll, modules.n.loops.*]").set("modules.m.loops.push=fail");
  CHECK(joined(refused(l)) == joined({"modules.m.loops.poll", "modules.n.loops.push"}));
}

TEST_CASE("locked keys: `locked` only adds") {
  Loader l;
  l.file("instance: {environment: local}\nlocked: [log.level]").env("TENON_SUPER__LOCKED", "[log.rate, log.level]");
  const Config& c = l.good();
  CHECK(at(c.effective, "locked") == yaml("[log.level, log.rate]"));
  CHECK(c.locked.size() == 8 + 2);
  CHECK(c.locked.front() == "instance.environment");

  l.file("log: {level: debug}").set("log.rate=5").env("TENON__LOG__BURST", "7");
  CHECK(refused(l).size() == 2);
  CHECK(contains(l.text(), "b.yaml:1:14: error: `log.level` is locked"));

  Loader super_wins;
  super_wins.env("TENON_SUPER__LOCKED", "[log.level]").env("TENON_SUPER__LOG__LEVEL", "debug");
  CHECK(super_wins.good().host.log.level == 10);
  Loader file_under_super;
  file_under_super.file("log: {level: debug}").env("TENON_SUPER__LOCKED", "[log.**]");
  CHECK(joined(refused(file_under_super)) == joined({"log.level"}));
}

TEST_CASE("locked keys: what is also invalid is refused with its place") {
  Loader l;
  l.file("log: {level: info}").file("storage: {url: \"mysql://x\"}\nsecurity: {path_checks: foo}\nlocked: 3\n").bad();
  INFO(l.text());
  for (const char* at : {"b.yaml:1:16: error: `storage.url` is locked", "b.yaml:2:25: error: `security.path_checks` is locked",
                         "b.yaml:3:9: error: `locked` is locked"})
    CHECK(contains(l.text(), at));
}

TEST_CASE("locked keys: a lock above a key holds below") {
  Loader l;
  l.file("modules: {orders: {config: {page_size: 1}}}").env("TENON_SUPER__LOCKED", "[modules.orders.config]");
  CHECK(joined(refused(l)) == joined({"modules.orders.config.page_size"}));
}

TEST_CASE("locked keys: unsetting a module's whole configuration would drop them, so it is refused") {
  const std::string file =
      "instance: {environment: local}\nmodules: {api: {config: {iam: {admins: [root_only]}, free: 1}}, other: {config: {a: 1}}}\n";
  for (const char* set :
       {"modules.api.config=", "modules.api.config=null", "modules.api={config: null}", "modules={api: {config: null}}"}) {
    CAPTURE(set);
    Loader l;
    l.file(file).set(set);
    CHECK(refused(l) == Paths{"modules.api.config"});
  }
  Loader from_environment;
  from_environment.file(file);
  from_environment.env("TENON__MODULES__API__CONFIG", "");
  CHECK(refused(from_environment) == Paths{"modules.api.config"});
  Loader unlocked;
  unlocked.file(file);
  unlocked.set("modules.other.config=");
  CHECK(refused(unlocked).empty());
}

TEST_CASE("locked keys: globs are checked") {
  for (const char* glob : {"lgo.level", "log..level", "log.l*", "permissions.defaults", "${HOME}"}) {
    CAPTURE(glob);
    Loader l;
    l.env("TENON_SUPER__LOCKED", "[\"" + std::string(glob) + "\"]").bad();
    CHECK(l.has("config.glob"));
  }
}

TEST_CASE("a literal password in the super environment is a warning that does not show it") {
  Loader l;
  l.env("TENON_SUPER__STORAGE__URL", "postgres://u:hunter2@h/db").env("TENON_SUPER__MODULES__ORDERS__CONFIG__API_KEY", "hunter2");
  l.env("TENON_SUPER__MODULES__BILLING__CONFIG", "{db: {password: hunter2}}").load();
  REQUIRE(l.config);
  CHECK(l.diagnostics.items().size() == 3);
  CHECK(l.has("config.literal_password", "storage.url"));
  CHECK(l.has("config.literal_password", "modules.orders.config.api_key"));
  CHECK(l.has("config.literal_password", "modules.billing.config.db.password"));
  CHECK_FALSE(contains(l.text(), "hunter2"));
  Loader good;
  const std::string file = good.directory.write("pw", "hunter2\n");
  good.env("TENON_SUPER__STORAGE__URL", "postgres://u:${file:" + file + "}@h/db")
      .env("TENON_SUPER__MODULES__ORDERS__CONFIG__API_KEY", "${cred:x}")
      .good();
}

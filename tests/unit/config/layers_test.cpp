#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.hpp"

using namespace tenon::test;

TEST_CASE("what is left of a configuration with errors shows what else is wrong, unless it decides where to look") {
  Loader l;
  l.file("log: {level: loud, rate: 7}\nmodules: {orders: {config: {a: 1}, required: 3, enabled: false}}\n").bad();
  const LoadedConfig left = load_config_as_far_as_possible(l.input, l.diagnostics);
  CHECK_FALSE(left.valid);
  REQUIRE(left.config);
  CHECK(left.config->host.log.rate == 7);
  const ModuleSettings& orders = left.config->host.modules.at("orders");
  CHECK_FALSE(orders.required);
  CHECK(orders.enabled == false);
  CHECK(*orders.config.find("a") == Value(std::int64_t{1}));
  for (const char* text : {"paths: {plugins: 3}", "paths: {plugnis: [a]}", "pahts: {plugins: [a]}", "security: {path_checks: foo}",
                           "plugins: {default_enabled: 3}", "modules: {", "- a"}) {
    CAPTURE(text);
    Loader useless;
    useless.file(text).bad();
    CHECK_FALSE(load_config_as_far_as_possible(useless.input, useless.diagnostics).config);
  }
  Loader good;
  CHECK(load_config_as_far_as_possible(good.input, good.diagnostics).valid);
}

TEST_CASE("without anything: the defaults") {
  Loader l;
  const Config& c = l.good();
  CHECK(c.host.instance_name == "tenon");
  CHECK(c.host.environment == "production");
  CHECK(c.host.plugin_dirs == std::vector<std::string>{"/usr/lib/tenon/plugins", "/var/lib/tenon/plugins"});
  CHECK(c.host.manifest_dirs == std::vector<std::string>{"/etc/tenon/manifests.d"});
  CHECK(c.host.log.level == 20);
  CHECK(c.host.log.format == "text");
  CHECK(c.host.log.rate == 1000);
  CHECK(c.host.log.burst == 5000);
  CHECK_FALSE(c.host.log.file);
  CHECK(c.host.parallelism == 1);
  CHECK(c.host.stop_total == std::chrono::seconds(15));
  CHECK(c.host.modules.empty());
  for (const auto& leaf : c.provenance) {
    CAPTURE(leaf.first);
    CHECK(leaf.second.layer == Layer::defaults);
    CHECK(leaf.second.source == "default");
  }
}

TEST_CASE("defaults of the table are those of the typed settings") {
  Loader l;
  const HostSettings& given = l.good().host;
  const PhaseTimeouts plain;
  PhaseTimeouts from_table = given.timeouts;
  PhaseTimeouts from_code = plain;
  for (const char* phase : {"load", "create", "pre_init", "init", "post_init", "start", "stop", "destroy"}) {
    CAPTURE(phase);
    REQUIRE(from_table.find(phase) != nullptr);
    CHECK(*from_table.find(phase) == *from_code.find(phase));
  }
  CHECK(from_table.find("migrate") == nullptr);
  const LogSettings log;
  CHECK(given.log.level == log.level);
  CHECK(given.log.format == log.format);
  CHECK(given.log.rate == log.rate);
  CHECK(given.log.burst == log.burst);
  CHECK(Loader().set("log.file.path=/x").good().host.log.file->max_size == LogFileSettings().max_size);
  CHECK(Loader().set("log.file.path=/x").good().host.log.file->max_files == LogFileSettings().max_files);
  const HostSettings settings;
  CHECK(given.shutdown == settings.shutdown);
  CHECK(given.stop_total == settings.stop_total);
  CHECK(given.parallelism == settings.parallelism);
  CHECK(given.plugins_default_enabled == settings.plugins_default_enabled);
  CHECK(given.path_checks_file_only == settings.path_checks_file_only);
}

TEST_CASE("five layers, later wins") {
  Loader l;
  l.file("log: {level: debug, rate: 1, burst: 1, format: text}\ninstance: {name: file}\n");
  l.env("TENON__LOG__RATE", "2").env("TENON__LOG__BURST", "2").env("TENON__LOG__FORMAT", "json");
  l.set("log.burst=3").set("log.format=text");
  l.env("TENON_SUPER__LOG__FORMAT", "json");
  const Config& c = l.good();
  CHECK(c.host.log.level == 10);
  CHECK(c.host.log.rate == 2);
  CHECK(c.host.log.burst == 3);
  CHECK(c.host.log.format == "json");
  CHECK(c.provenance.at("log.level").layer == Layer::file);
  CHECK(l.without_directory(c.provenance.at("log.level").source) == "a.yaml:1:14");
  CHECK(c.provenance.at("log.rate").layer == Layer::environment);
  CHECK(c.provenance.at("log.rate").source == "environment TENON__LOG__RATE");
  CHECK(c.provenance.at("log.burst").layer == Layer::command_line);
  CHECK(c.provenance.at("log.burst").source == "--set log.burst");
  CHECK(c.provenance.at("log.format").layer == Layer::super);
  CHECK(c.provenance.at("log.format").source == "environment TENON_SUPER__LOG__FORMAT");
}

TEST_CASE("maps merge deeply, scalars and lists replace, null unsets") {
  Loader l;
  l.file(
      "paths: {plugins: [/a, /b], manifests: [/m]}\nmodules:\n  orders: {enabled: true, config: {a: 1, b: {c: 2, d: 3}, l: [1, 2]}}\nlog: "
      "{level: debug}\n");
  l.file("paths: {plugins: [/c]}\nmodules:\n  orders: {config: {b: {d: 4}, l: [3]}}\n  billing: {required: true}\nlog: {level: null}\n");
  const Config& c = l.good();
  CHECK(c.host.plugin_dirs == std::vector<std::string>{"/c"});
  CHECK(c.host.manifest_dirs == std::vector<std::string>{"/m"});
  CHECK(c.host.modules.at("orders").config == yaml("{a: 1, b: {c: 2, d: 4}, l: [3]}"));
  CHECK(c.host.modules.at("orders").enabled == true);
  CHECK(c.host.modules.at("billing").required);
  CHECK(c.host.log.level == 20);
  CHECK(c.provenance.at("log.level").layer == Layer::defaults);
  CHECK(l.without_directory(c.provenance.at("modules.orders.config.b.d").source) == "b.yaml:3:28");
  CHECK(l.without_directory(c.provenance.at("modules.orders.config.b.c").source) == "a.yaml:3:49");
}

TEST_CASE("null of a whole section, and what comes after it") {
  Loader l;
  const Config& c =
      l.file("log: {level: debug, rate: 5}\nmodules: {a: {enabled: false}}").file("log: null\nmodules: ~\n").set("log.rate=9").good();
  CHECK(c.host.log.level == 20);
  CHECK(c.host.log.rate == 9);
  CHECK(c.host.modules.empty());
}

TEST_CASE("an empty file and an empty section say nothing") {
  CHECK(Loader().file("").good().host.log.level == 20);
  CHECK(Loader().file("log:\n").good().host.log.level == 20);
  CHECK(Loader().file("log: {}\nmodules: {orders: {}}\n").good().host.modules.size() == 1);
}

TEST_CASE("each file is followed by its directory, by name, without dot-files") {
  Loader l;
  l.file("log: {rate: 1, burst: 1}\ninstance: {name: one}");
  l.directory.write("a.yaml.d/20.yaml", "log: {rate: 20}");
  l.directory.write("a.yaml.d/10.yaml", "log: {rate: 10, burst: 10}");
  l.directory.write("a.yaml.d/.hidden.yaml", "nonsense: 1");
  l.directory.write("a.yaml.d/30.yml", "nonsense: 1");
  l.directory.write("a.yaml.d/30.yaml~", "nonsense: 1");
  l.file("instance: {name: two}");
  l.directory.write("b.yaml.d/x.yaml", "log: {level: debug}");
  const Config& c = l.good();
  CHECK(c.host.log.rate == 20);
  CHECK(c.host.log.burst == 10);
  CHECK(c.host.instance_name == "two");
  CHECK(c.host.log.level == 10);
  CHECK(l.without_directory(c.provenance.at("log.rate").source) == "a.yaml.d/20.yaml:1:13");
}

TEST_CASE("a file that was named must exist") {
  Loader l;
  l.input.files_given = true;
  l.bad();
  CHECK(l.has("config.file_missing"));
  CHECK(l.diagnostics.exit_code() == ExitCode::no_input);
}

TEST_CASE("the default file may be absent, its directory counts all the same") {
  Loader l;
  l.directory.write("absent.yaml.d/a.yaml", "log: {level: debug}");
  CHECK(l.good().host.log.level == 10);
}

TEST_CASE("files that cannot be read") {
  Loader directory;
  ::mkdir(directory.directory.file("d.yaml").c_str(), 0755);
  directory.input.files = {directory.directory.file("d.yaml")};
  CHECK(contains(directory.bad(), "is not a regular file"));

  Loader fifo;
  REQUIRE(::mkfifo(fifo.directory.file("f.yaml").c_str(), 0600) == 0);
  fifo.input.files = {fifo.directory.file("f.yaml")};
  CHECK(contains(fifo.bad(), "is not a regular file"));

  Loader large;
  CHECK(contains(large.file("# " + std::string(1024 * 1024, 'x')).bad(), "is larger than 1MiB"));

  Loader not_a_directory;
  not_a_directory.file("");
  not_a_directory.directory.write("a.yaml.d", "");
  CHECK(contains(not_a_directory.bad(), "cannot list the directory"));
}

TEST_CASE("a file we may not read ends with 77, not as one that is missing") {
  Loader forbidden;
  forbidden.file("");
  ::chmod(forbidden.directory.path().c_str(), 0755);
  ::chmod(forbidden.input.files[0].c_str(), 0);
  // Root may read everything, so somebody else tries, in a process of its own.
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::geteuid() == 0 && (::setresgid(61001, 61001, 61001) != 0 || ::setresuid(61001, 61001, 61001) != 0)) ::_exit(2);
    Diagnostics diagnostics;
    const bool refused = load_config(forbidden.input, diagnostics) == nullptr;
    ::_exit(refused && diagnostics.error_count() == 1 && diagnostics.exit_code() == ExitCode::no_permission ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("all errors of one run together, each in its place") {
  Loader l;
  l.file("log: {levle: debug}\nlifecycle:\n  parallelism: many\n  timeouts: {start: 5}\n");
  l.file("instance: {name: [x]}\n");
  l.env("TENON__LOG__RATE", "-1").set("nonsense=1").env("TENON_SUPER__STORAGE__URL", "mysql://x");
  const std::string text = l.bad();
  CHECK(l.diagnostics.error_count() == 7);
  CHECK(contains(text, "a.yaml:1:7: error: unknown key `log.levle`"));
  CHECK(contains(text, "a.yaml:3:16: error: `lifecycle.parallelism` must be an integer from 1 to 64, not `many`"));
  CHECK(contains(text, "a.yaml:4:21: error: `lifecycle.timeouts.start` must be a duration from 10ms to 1h, not `5`"));
  CHECK(contains(text, "b.yaml:1:18: error: `instance.name` must be a name"));
  CHECK(contains(text, "environment TENON__LOG__RATE: error: `log.rate` must be an integer from 0 to 1000000, not `-1`"));
  CHECK(contains(text, "--set nonsense: error: unknown key `nonsense`"));
  CHECK(contains(text, "environment TENON_SUPER__STORAGE__URL: error: `storage.url` is no database URL"));
  CHECK_FALSE(contains(text, "postgres"));  // what is advised is served
  CHECK(l.diagnostics.exit_code() == ExitCode::config);
}

TEST_CASE("bounds are checked, never clamped") {
  const auto refused = [](const std::string& key, const std::string& value) {
    CAPTURE(key + "=" + value);
    Loader l;
    l.set(key + "=" + value).bad();
    CHECK(l.diagnostics.error_count() == 1);
  };
  refused("lifecycle.timeouts.start", "9ms");
  refused("lifecycle.timeouts.start", "1h1ms");
  refused("lifecycle.timeouts.start", "60");
  refused("lifecycle.timeouts.start", "-5s");
  refused("lifecycle.parallelism", "0");
  refused("lifecycle.parallelism", "65");
  refused("log.burst", "0");
  refused("log.rate", "1000001");
  refused("instance.name", "a b");
  refused("instance.name", "a.b");
  refused("instance.name", std::string(64, 'a'));
  refused("instance.environment", "Production");
  CHECK(Loader().set("lifecycle.timeouts.start=10ms").good().host.timeouts.start == std::chrono::milliseconds(10));
  CHECK(Loader().set("lifecycle.timeouts.start=1h").good().host.timeouts.start == std::chrono::hours(1));
  Loader size;
  size.set("log.file.path=/x").set("log.file.max_size=100").bad();
  CHECK(size.has("config.type", "log.file.max_size"));
  Loader small;
  small.set("log.file.path=/x").set("log.file.max_size=4095B").bad();
  CHECK(small.has("config.bounds", "log.file.max_size"));
}

TEST_CASE("types in files are strict") {
  for (const char* text : {"lifecycle: {parallelism: \"4\"}", "plugins: {default_enabled: yes}", "plugins: {default_enabled: \"true\"}",
                           "log: {level: 20}", "paths: {plugins: /a}", "paths: {plugins: [1]}", "modules: []", "modules: {orders: 1}",
                           "modules: {orders: {config: []}}", "[]", "5", "log: {file: /x}", "instance: {name: 5}"}) {
    CAPTURE(text);
    Loader l;
    l.file(text).bad();
    CHECK(l.diagnostics.error_count() == 1);
    CHECK(l.has("config.type"));
  }
}

TEST_CASE("names of modules and servers") {
  for (const char* text : {"modules: {Orders: {}}", "modules: {\"a b\": {}}", "modules: {a__b: {}}", "log: {modules: {1a: debug}}"}) {
    CAPTURE(text);
    Loader l;
    l.file(text).bad();
    CHECK(l.has("config.name"));
  }
}

TEST_CASE("rules between keys") {
  Loader no_path;
  CHECK(contains(no_path.file("log: {file: {max_files: 3}}").bad(), "`log.file` lacks `path`"));
  Loader server;
  server.file(
      "instance: {environment: local}\ndatabase: {servers: {main: {url: \"postgres://h/db\"}}}\nmodules: {orders: {database: {server: "
      "mian}}}\n");
  CHECK(contains(server.bad(), "did you mean `main`?"));
  Loader both;
  both.file(
      "instance: {environment: local}\ndatabase: {servers: {main: {url: \"postgres://h/db\"}}}\nmodules: {orders: {database: {server: "
      "main, url: \"sqlite:x\"}}}\n");
  CHECK(contains(both.bad(), "has both `server` and `url`"));
  Loader admin;
  CHECK(contains(admin.file("database: {servers: {main: {admin_url: \"postgres://h/db\"}}}").bad(), "`database.servers.main` lacks `url`"));
  Loader good;
  const Config& c = good.file(
                            "instance: {environment: local}\ndatabase: {servers: {main: {url: \"postgres://h/db\"}}}\nmodules: {orders: "
                            "{database: {server: main}}}\n")
                        .good();
  CHECK(c.host.modules.at("orders").database_server == "main");
}

TEST_CASE("a bad value that a later layer replaces is still an error") {
  Loader l;
  CHECK(contains(l.file("log: {level: loud}").set("log.level=debug").bad(), "`log.level` must be one of"));
}

TEST_CASE("places of modules") {
  Loader l;
  const Config& c = l.file("modules:\n  orders:\n    required: true\n").env("TENON__MODULES__BILLING__CONFIG__A", "1").good();
  CHECK(c.host.modules.at("orders").where.line == 2);
  CHECK(c.host.modules.at("orders").required_where.line == 3);
  REQUIRE(c.host.modules.at("billing").where.source);
  CHECK(c.host.modules.at("billing").where.source->name == "environment TENON__MODULES__BILLING__CONFIG__A");
}

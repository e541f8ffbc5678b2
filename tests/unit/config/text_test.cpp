// Text from environment and command line becomes a value by the type of its key.
#include "support.hpp"

using namespace tenon::test;

TEST_CASE("text by type: scalars") {
  Loader l;
  const Config& c = l.env("TENON__LIFECYCLE__PARALLELISM", "4")
                        .env("TENON__PLUGINS__DEFAULT_ENABLED", "false")
                        .env("TENON__INSTANCE__NAME", "123")
                        .env("TENON__LOG__FILE__PATH", "/tmp/a: b")
                        .env("TENON__LOG__FILE__MAX_SIZE", "1MiB")
                        .env("TENON__LIFECYCLE__SHUTDOWN", "1m")
                        .good();
  CHECK(c.host.parallelism == 4);
  CHECK_FALSE(c.host.plugins_default_enabled);
  CHECK(c.host.instance_name == "123");
  REQUIRE(c.host.log.file);
  CHECK(c.host.log.file->path == "/tmp/a: b");
  CHECK(c.host.log.file->max_size == 1024 * 1024);
  CHECK(c.host.shutdown == std::chrono::minutes(1));
}

TEST_CASE("text by type: booleans are true and false only") {
  for (const char* text : {"yes", "no", "on", "1", "0", "True", "TRUE", " true", "null", "~"}) {
    CAPTURE(text);
    CHECK(contains(Loader().env("TENON__PLUGINS__DEFAULT_ENABLED", text).bad(), "must be `true` or `false`"));
  }
}

TEST_CASE("text by type: integers") {
  for (const char* text : {"0", "65", "1.5", "x", "0x1", "1e1", "99999999999999999999", "+1", " 1", "01"}) {
    CAPTURE(text);
    CHECK(contains(Loader().env("TENON__LIFECYCLE__PARALLELISM", text).bad(), "must be an integer from 1 to 64"));
  }
}

TEST_CASE("text by type: lists and maps are YAML flow") {
  Loader l;
  const Config& c =
      l.env("TENON__PATHS__PLUGINS", "[/a, \"/b c\"]").set("log={level: debug, rate: 7}").set("modules.orders={enabled: false}").good();
  CHECK(c.host.plugin_dirs == std::vector<std::string>{"/a", "/b c"});
  CHECK(c.host.log.level == 10);
  CHECK(c.host.log.rate == 7);
  CHECK(c.host.modules.at("orders").enabled == false);
  CHECK(contains(Loader().env("TENON__PATHS__PLUGINS", "/a").bad(), "must be a list of paths"));
  CHECK(contains(Loader().env("TENON__PATHS__PLUGINS", "[/a").bad(), "environment TENON__PATHS__PLUGINS"));
  CHECK(contains(Loader().set("log=debug").bad(), "`log` must be a map"));
  CHECK(contains(Loader().set("log={levle: debug}").bad(), "unknown key `log.levle`"));
}

TEST_CASE("empty text unsets what lower layers say") {
  Loader l;
  const Config& c =
      l.file("log: {level: debug, rate: 5}\nmodules: {orders: {enabled: false}}\n").env("TENON__LOG__LEVEL", "").set("modules=").good();
  CHECK(c.host.log.level == 20);
  CHECK(c.host.log.rate == 5);
  CHECK(c.host.modules.empty());
  CHECK(c.provenance.at("log.level").layer == Layer::defaults);
}

TEST_CASE("environment names match regardless of case") {
  Loader l;
  const Config& c = l.env("TENON__log__Level", "debug").env("TENON__MODULES__MY_ORDERS__ENABLED", "true").good();
  CHECK(c.host.log.level == 10);
  CHECK(c.host.modules.at("my_orders").enabled == true);
  CHECK(c.provenance.at("log.level").source == "environment TENON__log__Level");
  CHECK(c.provenance.at("log.level").layer == Layer::environment);
}

TEST_CASE("two variables for one key are ambiguous") {
  Loader l;
  CHECK(contains(l.env("TENON__LOG__LEVEL", "debug").env("TENON__log__level", "info").bad(), "set the same key"));
  CHECK(l.has("config.ambiguous"));
}

TEST_CASE("a map comes before what is set below it, whatever the order of the environment") {
  for (const bool map_first : {true, false}) {
    Loader l;
    if (map_first) l.env("TENON__LOG", "{level: debug, rate: 3}");
    l.env("TENON__LOG__LEVEL", "warn");
    if (!map_first) l.env("TENON__LOG", "{level: debug, rate: 3}");
    const Config& c = l.good();
    CHECK(c.host.log.level == 30);
    CHECK(c.host.log.rate == 3);
  }
}

TEST_CASE("names of variables that are wrong") {
  Loader l;
  const std::string text =
      l.env("TENON__LGO__LEVEL", "x").env("TENON__LOG____LEVEL", "x").env("TENON__", "x").env("TENON__LOG__LEVEL__DEEP", "x").bad();
  CHECK(contains(text, "did you mean `log`?"));
  CHECK(contains(text, "`TENON__LOG____LEVEL` has an empty part"));
  CHECK(contains(text, "`TENON__` has an empty part"));
  CHECK(contains(text, "`log.level` is no map, it has no key `deep`"));
  CHECK(l.diagnostics.error_count() == 4);
}

TEST_CASE("other variables are not ours") {
  Loader l;
  l.env("TENON_VERSION", "1").env("NOTIFY_SOCKET", "/x").env("TENONX__LOG__LEVEL", "x").env("tenon__log__level", "x").good();
  Loader near_miss;
  near_miss.env("TENON_LOG__LEVEL", "debug").load();
  REQUIRE(near_miss.config);
  CHECK(near_miss.has("config.unknown_variable"));
  CHECK(contains(near_miss.text(), "`TENON__LOG__LEVEL`"));
}

TEST_CASE("--set: syntax") {
  for (const char* text : {"", "=", "=x", "log.level", "a..b=1", ".log=1", "log.=1"}) {
    CAPTURE(text);
    Loader l;
    l.set(text).bad();
    CHECK(l.has("config.set_syntax"));
    CHECK(l.diagnostics.exit_code() == ExitCode::usage);
  }
  Loader l;
  CHECK(l.set("log.level=debug").set("log.level=warn").good().host.log.level == 30);
  CHECK(contains(Loader().set("Log.level=debug").bad(), "did you mean `log`?"));
  CHECK(Loader().set("log.file.path=/a=b").good().host.log.file->path == "/a=b");
}

TEST_CASE("elements of lists cannot be set") {
  Loader l;
  CHECK(contains(l.set("paths.plugins.0=/x").bad(), "lists are replaced as a whole"));
  CHECK(l.has("config.list_index"));
}

TEST_CASE("dedicated options win over --set, repeated ones make a list") {
  Loader l;
  const Config& c = l.set("log.level=warn")
                        .set("paths.plugins=[/set]")
                        .option("log.level", "debug", "--log-level")
                        .option("paths.plugins", "[/a, b]", "--plugins-dir")
                        .option("paths.plugins", "/b", "--plugins-dir")
                        .option("paths.state", "/s", "--state-dir")
                        .good();
  CHECK(c.host.log.level == 10);
  CHECK(c.host.plugin_dirs == std::vector<std::string>{"[/a, b]", "/b"});
  CHECK(c.host.state_dir == "/s");
  CHECK(c.provenance.at("log.level").source == "--log-level");
  CHECK(c.provenance.at("log.level").layer == Layer::command_line);
  CHECK(contains(Loader().option("log.level", "verbose", "--log-level").bad(), "--log-level: error: `log.level` must be one of"));
}

TEST_CASE("keys of the design that are not served have their own message") {
  Loader l;
  const std::string text = l.file("modules: {orders: {grants: {http: {routes: [/a]}}}}\nlifecycle: {timeouts: {migrate: 10m}}\n")
                               .set("lifecycle.timeouts.grpc=5s")
                               .bad();
  CHECK(contains(text, "`modules.orders.grants.http` is not served by this version of tenond: modules have no routes yet"));
  CHECK(contains(text, "`lifecycle.timeouts.migrate` is not served by this version of tenond: it runs no migrations"));
  CHECK(contains(text, "`lifecycle.timeouts.grpc` is not served"));
  CHECK(contains(Loader().env("TENON__LIFECYCLE__TIMEOUTS__DRAIN", "3s").bad(), "`lifecycle.timeouts.drain` is not served"));
  for (const Diagnostic& d : l.diagnostics.items()) CHECK(d.code == "config.not_served");
}

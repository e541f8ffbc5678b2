#include "support.hpp"

using namespace tenon::test;

namespace {
std::string state(const StateDirSources& sources) {
  const auto result = resolve_state_dir(sources);
  return result ? *result : "error: " + result.error().message;
}
}  // namespace

TEST_CASE("state directory: the order of what decides") {
  StateDirSources s{"/configured", "/run/state:/second", true, "/xdg", "/home/x"};
  CHECK(state(s) == "/configured");
  s.configured.clear();
  CHECK(state(s) == "/run/state");
  s.state_directory = ":/second";
  CHECK(state(s) == "/var/lib/tenon");
  s.root = false;
  CHECK(state(s) == "/xdg/tenon");
  s.xdg_state_home = "relative";
  CHECK(state(s) == "/home/x/.local/state/tenon");
  s.home = "relative";
  CHECK(state(s).starts_with("error: "));
  s.home.clear();
  CHECK(resolve_state_dir(s).error().exit == ExitCode::cannot_create);
  s.state_directory = "relative";
  CHECK(resolve_state_dir(s).error().exit == ExitCode::config);
  CHECK(contains(resolve_state_dir(s).error().message, "`relative`"));
}

TEST_CASE("a boolean in quotes is told to be in quotes") {
  Loader l;
  const std::string text = l.file("modules: {m: {enabled: \"true\"}}").bad();
  INFO(text);
  CHECK(contains(text, "must be `true` or `false`, not this text in quotes"));
  CHECK(contains(text, "write it without quotes"));
}

TEST_CASE("state directory: from option, configuration and environment") {
  Loader l;
  CHECK(l.good().host.state_dir == "/home/tester/.local/state/tenon");
  l.env("XDG_STATE_HOME", "/xdg");
  CHECK(l.good().host.state_dir == "/xdg/tenon");
  l.input.euid = 0;
  CHECK(l.good().host.state_dir == "/var/lib/tenon");
  l.env("STATE_DIRECTORY", "/var/lib/tenon-a:/b");
  CHECK(l.good().host.state_dir == "/var/lib/tenon-a");
  l.file("paths: {state: /from/file}");
  CHECK(l.good().host.state_dir == "/from/file");
  l.option("paths.state", "/from/option", "--state-dir");
  CHECK(l.good().host.state_dir == "/from/option");
}

TEST_CASE("state directory: nothing decides") {
  Loader l;
  l.input.environment.clear();
  CHECK(contains(l.bad(), "there is no place for the state"));
  CHECK(l.diagnostics.exit_code() == ExitCode::cannot_create);
}

TEST_CASE("relative files and paths begin where the input says, and messages name a file as it was typed") {
  const TemporaryDirectory directory;
  directory.write("host.yaml", "paths: {plugins: [p, /q], manifests: [m]}\nlog: {file: {path: x.log}}\naudit: {path: a.log}\n");
  directory.write("host.yaml.d/1.yaml", "instance: {name: found}\n");
  ConfigInput input;
  input.euid = 1000;
  input.environment.emplace_back("HOME", "/home/tester");
  input.files = {"host.yaml"};
  input.files_given = true;
  input.directory = directory.path();
  Diagnostics diagnostics;
  const auto config = load_config(input, diagnostics);
  REQUIRE_MESSAGE(config, to_text(diagnostics));
  CHECK(config->host.instance_name == "found");
  CHECK(config->host.plugin_dirs == std::vector<std::string>{directory.file("p"), "/q"});
  CHECK(config->host.manifest_dirs == std::vector<std::string>{directory.file("m")});
  CHECK(config->host.log.file->path == directory.file("x.log"));
  CHECK(apply_reload(*config, *config)->host.log.file->path == directory.file("x.log"));
  CHECK(config->host.audit_path == directory.file("a.log"));
  directory.write("host.yaml", "nonsense: 1\n");
  CHECK_FALSE(load_config(input, diagnostics));
  const std::string text = to_text(diagnostics);
  CHECK(text.find("host.yaml:1") != std::string::npos);
  CHECK(text.find(directory.path()) == std::string::npos);
}

TEST_CASE("directory of the status file") {
  Loader l;
  CHECK(l.good().host.runtime_dir_status == "/home/tester/.local/state/tenon");
  l.env("RUNTIME_DIRECTORY", "/run/tenon:/run/b");
  CHECK(l.good().host.runtime_dir_status == "/run/tenon");
}

TEST_CASE("every setting arrives typed") {
  Loader l;
  const Config& c = l.file(R"(
instance: {name: shop-1, environment: local}
paths: {state: /s, plugins: [a, /b], manifests: []}
plugins: {default_enabled: false}
security: {path_checks: file_only}
log:
  level: fatal
  format: json
  modules: {orders: trace, billing: error}
  rate: 0
  burst: 1
  file: {path: /l, max_size: 1GB, max_files: 1}
lifecycle:
  parallelism: 64
  timeouts: {load: 1s, create: 2s, pre_init: 3s, init: 4s, post_init: 5s, start: 6s, stop: 7s, destroy: 8s}
  stop_total: 9s
  shutdown: 10s
modules:
  orders: {enabled: true, required: true, config: {a: 1}, timeouts: {start: 30s, stop: 1.5s}, database: {url: "sqlite:o"}}
  billing: {enabled: false}
)")
                        .good();
  const HostSettings& h = c.host;
  CHECK(h.instance_name == "shop-1");
  CHECK(h.environment == "local");
  CHECK(h.state_dir == "/s");
  CHECK(h.plugin_dirs == std::vector<std::string>{"a", "/b"});
  CHECK(h.manifest_dirs.empty());
  CHECK_FALSE(h.plugins_default_enabled);
  CHECK(h.path_checks_file_only);
  CHECK(h.log.level == 50);
  CHECK(h.log.format == "json");
  CHECK(h.log.modules.at("orders") == 0);
  CHECK(h.log.modules.at("billing") == 40);
  CHECK(h.log.rate == 0);
  CHECK(h.log.burst == 1);
  REQUIRE(h.log.file);
  CHECK(h.log.file->path == "/l");
  CHECK(h.log.file->max_size == 1'000'000'000);
  CHECK(h.log.file->max_files == 1);
  CHECK(h.parallelism == 64);
  PhaseTimeouts timeouts = h.timeouts;
  int second = 1;
  for (const char* phase : {"load", "create", "pre_init", "init", "post_init", "start", "stop", "destroy"})
    CHECK(*timeouts.find(phase) == std::chrono::seconds(second++));
  CHECK(h.stop_total == std::chrono::seconds(9));
  CHECK(h.shutdown == std::chrono::seconds(10));
  const ModuleSettings& orders = h.modules.at("orders");
  CHECK(orders.enabled == true);
  CHECK(orders.required);
  CHECK(orders.config == yaml("{a: 1}"));
  CHECK(orders.timeouts.size() == 2);
  CHECK(orders.timeouts[0].first == "start");
  CHECK(orders.timeouts[0].second == std::chrono::seconds(30));
  CHECK(orders.timeouts[1].second == std::chrono::milliseconds(1500));
  CHECK(orders.database_url == "sqlite:o");
  CHECK(h.modules.at("billing").enabled == false);
  CHECK_FALSE(h.modules.at("billing").required);
}

TEST_CASE("permissions and audit have defaults") {
  Loader l;
  const Config& c = l.option("paths.state", "/s", "--state-dir").good();
  CHECK_FALSE(c.host.grant_what_is_asked);
  CHECK(c.host.audit_writer == "file");
  CHECK(c.host.audit_path == "/s/audit.log");
  Loader m;
  m.file("permissions: {default: manifest}\naudit: {writer: console, path: /a}\nmodules: {orders: {}}\n");
  const Config& d = m.good();
  CHECK(d.host.grant_what_is_asked);
  CHECK(d.host.audit_writer == "console");
  CHECK(d.host.audit_path == "/a");
  CHECK_FALSE(d.host.modules.at("orders").grants);
}

TEST_CASE("breakers of services: off without their section, bounded, the rest by default") {
  Loader l;
  CHECK_FALSE(l.good().host.breaker);
  CHECK(l.good().effective.find("services") == nullptr);
  Loader m;
  m.file("services: {breaker: {failures: 3, open: 250ms}}\n");
  const std::optional<BreakerSettings> b = m.good().host.breaker;
  REQUIRE(b);
  CHECK(b->failures == 3);
  CHECK(b->window == std::chrono::seconds(60));
  CHECK(b->open == std::chrono::milliseconds(250));
  CHECK(b->successes == 2);
  for (const char* wrong : {"failures: 0", "successes: 0", "window: 1ms", "open: 2h", "failures: many", "closed: 1s"}) {
    CAPTURE(wrong);
    Loader w;
    w.file("services: {breaker: {" + std::string(wrong) + "}}\n");
    CHECK_FALSE(w.bad().empty());
  }
}

TEST_CASE("grants of a module, with the place of each") {
  Loader l;
  l.file(
      "modules:\n  orders:\n    grants:\n      services: {call: [catalog.*, pricing.get/2], provide: [shop.list]}\n"
      "      events: {publish: [billing.order], subscribe: [\">\"]}\n      storage: {namespaces: [catalog], max_bytes: 256MiB}\n"
      "  pricing: {grants: {}}\n");
  const Config& c = l.good();
  const auto& grants = c.host.modules.at("orders").grants;
  REQUIRE(grants);
  REQUIRE(grants->service_calls.size() == 2);
  CHECK(grants->service_calls[1].text == "pricing.get/2");
  CHECK(grants->service_calls[1].where.line == 4);
  CHECK(grants->service_calls[1].where.column == 36);
  CHECK(grants->where.line == 3);
  CHECK(grants->service_provides.at(0).text == "shop.list");
  CHECK(grants->event_publishes.at(0).text == "billing.order");
  CHECK(grants->event_subscribes.at(0).text == ">");
  CHECK(grants->storage_namespaces.at(0).text == "catalog");
  CHECK(grants->storage_max_bytes == 256ULL * 1024 * 1024);
  // An empty one grants nothing, whatever `permissions.default` says.
  REQUIRE(c.host.modules.at("pricing").grants);
  CHECK(c.host.modules.at("pricing").grants->service_calls.empty());
}

TEST_CASE("grants from the environment and the command line") {
  Loader l;
  l.env("TENON__MODULES__ORDERS__GRANTS__SERVICES__CALL", "[catalog.*]").set("modules.orders.grants.storage.max_bytes=1GiB");
  const auto& grants = l.good().host.modules.at("orders").grants;
  REQUIRE(grants);
  CHECK(grants->service_calls.at(0).text == "catalog.*");
  CHECK(grants->storage_max_bytes == 1024ULL * 1024 * 1024);
}

namespace {
// "poll=ignore by modules.m.loops.poll"
std::vector<std::string> loops_of(const Config& c) {
  std::vector<std::string> out;
  for (const LoopSetting& l : c.host.modules.at("m").loops) {
    using Policy = LoopSetting::Policy;
    const char* word = l.policy == Policy::ignore ? "ignore" : l.policy == Policy::restart ? "restart" : "fail";
    out.push_back(l.loop + "=" + word + " by " + l.key);
  }
  return out;
}
}  // namespace

TEST_CASE("loops of a module: by the names it gives them, and the rest of them") {
  Loader l;
  l.file("modules: {m: {loops: {poll: ignore, \"*\": restart, Big one.2: fail}}, n: {loops: {}}, o: {}}");
  CHECK(loops_of(l.good()) == std::vector<std::string>{"*=restart by modules.m.loops.\"*\"",
                                                       "Big one.2=fail by modules.m.loops.\"Big one.2\"",
                                                       "poll=ignore by modules.m.loops.poll"});
  CHECK(l.config->host.modules.at("n").loops.empty());
  CHECK(l.config->host.modules.at("o").loops.empty());
}

TEST_CASE("loops of a module: layers win one by one, and take back what lower ones say") {
  Loader l;
  l.file("modules: {m: {loops: {poll: ignore, push: ignore, pull: ignore, \"*\": fail}}}").file("modules: {m: {loops: {push: restart}}}");
  l.env("TENON__MODULES__M__LOOPS__POLL", "restart").env("TENON__MODULES__M__LOOPS__PULL", "");
  l.set("modules.m.loops.*=ignore").env("TENON_SUPER__MODULES__M__LOOPS__POLL", "fail");
  CHECK(loops_of(l.good()) == std::vector<std::string>{"*=ignore by modules.m.loops.\"*\"", "poll=fail by modules.m.loops.poll",
                                                       "push=restart by modules.m.loops.push"});
  CHECK(l.config->provenance.at("modules.m.loops.poll").layer == Layer::super);
  CHECK(l.config->provenance.at("modules.m.loops.push").source.ends_with("b.yaml:1:29"));
  CHECK(l.config->provenance.at("modules.m.loops.\"*\"").source == "--set modules.m.loops.*");
}

TEST_CASE("loops of a module: wrong words and names, each at its place") {
  Loader l;
  const std::string longest(63, 'n');
  std::string text = l.file("modules:\n  m:\n    loops: {a: restrat, b: true, \"\": fail, " + longest + "n: fail, " + longest +
                            ": fail}\n  n: {loops: restart}\n")
                         .bad();
  INFO(text);
  CHECK(contains(text, "a.yaml:3:16: error: `modules.m.loops.a` must be one of `ignore`, `restart`, `fail`, not `restrat` [config.word]"));
  CHECK(contains(text, "did you mean `restart`?"));
  CHECK(contains(text, "a.yaml:3:28: error: `modules.m.loops.b` must be one of `ignore`, `restart`, `fail`, not `true`"));
  CHECK(contains(text, "a.yaml:3:34: error: `` is no name for an entry of `modules.m.loops` [config.name]"));
  CHECK(contains(text, "names of loops have 1 to 63 bytes of UTF-8; one without a name is covered by `\"*\"`"));
  CHECK(contains(text, "a.yaml:3:44: error: `" + longest + "n` is no name"));
  CHECK_FALSE(contains(text, "`" + longest + "` is no name"));
  CHECK(contains(text, "a.yaml:4:14: error: `modules.n.loops` must be a map, not a string"));
  Loader m;
  m.set("modules.m.loops.\xff=fail").env("TENON__MODULES__M__LOOPS__POLL", "Ignore").set("modules.m.loops.poll.x=fail");
  text = m.bad();
  INFO(text);
  CHECK(contains(text, "`\\xff` is no name for an entry of `modules.m.loops`"));
  CHECK(contains(text, "did you mean `ignore`?"));
  CHECK(contains(text, "`modules.m.loops.poll` is no map, it has no key `x`"));
}

TEST_CASE("every wrong element of a list is told, each at its place") {
  Loader l;
  const std::string text = l.file("modules: {m: {grants: {services: {call: [a..b, ok.x, \">.a\"]}}}}").bad();
  INFO(text);
  CHECK(contains(text, "a.yaml:1:42: error: `modules.m.grants.services.call[0]`"));
  CHECK(contains(text, "a.yaml:1:54: error: `modules.m.grants.services.call[2]`"));
  CHECK_FALSE(contains(text, "call[1]"));
}

TEST_CASE("what is there, but wrong, is not told to be missing, too") {
  const std::string server = Loader().file("instance: {environment: local}\ndatabase: {servers: {main: {url: x}}}").bad();
  INFO(server);
  CHECK(contains(server, "is no database URL"));
  CHECK_FALSE(contains(server, "lacks"));
  const std::string log = Loader().file("log: {file: {path: \"\"}}").bad();
  INFO(log);
  CHECK(contains(log, "is no usable path"));
  CHECK_FALSE(contains(log, "lacks"));
  CHECK(contains(Loader().file("log: {file: {max_files: 2}}").bad(), "`log.file` lacks `path`"));
}

TEST_CASE("a variable that is not set: the message says what can be done") {
  const std::string text = Loader().file("log: {level: \"${NOPE}\"}").bad();
  CHECK(contains(text, "the environment variable `NOPE` is not set; set it, or write `${NOPE:-default}`"));
}

TEST_CASE("kinds of values are told with the right article") {
  CHECK(contains(Loader().file("42").bad(), "the configuration must be a map, not an integer"));
  CHECK(contains(Loader().file("log: [a]").bad(), "`log` must be a map, not a list"));
}

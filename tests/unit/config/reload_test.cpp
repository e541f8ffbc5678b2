#include "support.hpp"

using namespace tenon::test;

namespace {
using Paths = std::vector<std::string>;
std::shared_ptr<const Config> of(const std::string& text) {
  Loader l;
  l.file("instance: {environment: local}\n" + text);
  l.good();
  return l.config;
}
constexpr const char* schema =
    "{type: object, properties: {interval: {type: string, live: true}, name: {type: string}, group: {type: object, live: true}, list: "
    "{type: array}}}";
ModuleConfig module(const std::string& config) {
  const auto c = of("modules: {m: {config: " + config + "}}");
  Diagnostics d;
  auto out = resolve_module_config("m", yaml(schema), Value(), *c, d);
  INFO(to_text(d));
  REQUIRE(out);
  return std::move(*out);
}
}  // namespace

TEST_CASE("reload: nothing changed") {
  const auto a = of("log: {level: debug}\nmodules: {m: {config: {a: 1}}}"),
             b = of("modules:\n  m:\n    config:\n      a: 1\nlog:\n  level: debug\n");
  CHECK(diff_config(*a, *b).empty());
}

TEST_CASE("reload: live keys apply, others need a restart") {
  const auto a =
      of("log: {level: debug, modules: {x: info, y: info}}\nlifecycle: {parallelism: 2}\npaths: {plugins: [/a]}\nmodules: {m: {enabled: "
         "true}}");
  const auto b =
      of("log: {rate: 7, burst: 8, format: json, modules: {x: warn, z: info}, file: {path: /l}}\nlifecycle: {parallelism: 3}\npaths: "
         "{plugins: [/b]}\nmodules: {m: {enabled: false}, n: {required: true}}");
  const ReloadDiff d = diff_config(*a, *b);
  CHECK(d.applied == Paths{"log.burst", "log.format", "log.level", "log.modules.x", "log.modules.y", "log.modules.z", "log.rate"});
  CHECK(d.needs_restart == Paths{"lifecycle.parallelism", "log.file.max_files", "log.file.max_size", "log.file.path", "modules.m.enabled",
                                 "modules.n.required", "paths.plugins"});
  CHECK(d.modules.empty());

  const auto merged = apply_reload(*a, *b);
  CHECK(merged->host.log.level == 20);
  CHECK(merged->host.log.rate == 7);
  CHECK(merged->host.log.burst == 8);
  CHECK(merged->host.log.format == "json");
  CHECK(merged->host.log.modules == std::unordered_map<std::string, int>{{"x", 30}, {"z", 20}});
  CHECK_FALSE(merged->host.log.file);
  CHECK(merged->host.parallelism == 2);
  CHECK(merged->host.plugin_dirs == Paths{"/a"});
  CHECK(merged->host.modules.at("m").enabled == true);
  CHECK(at(merged->effective, "log.rate") == Value(std::int64_t{7}));
  CHECK(at(merged->effective, "lifecycle.parallelism") == Value(std::int64_t{2}));
  CHECK(merged->provenance.at("log.rate").layer == Layer::file);
  // What was applied is no difference any more; what needs a restart still is.
  const ReloadDiff again = diff_config(*merged, *b);
  CHECK(again.applied.empty());
  CHECK(again.needs_restart == d.needs_restart);
}

TEST_CASE("reload: a locked live key needs a restart") {
  const auto a = of("locked: [log.level]\nlog: {level: debug}"), b = of("locked: [log.level]\nlog: {level: warn}");
  CHECK(diff_config(*a, *b).needs_restart == Paths{"log.level"});
  CHECK(apply_reload(*a, *b)->host.log.level == 10);
  const auto unlocked = of("log: {level: warn}");
  CHECK(diff_config(*a, *unlocked).needs_restart == Paths{"locked", "log.level"});
}

TEST_CASE("reload: policies of loops need a restart") {
  const auto a = of("modules: {m: {loops: {poll: ignore, push: fail, pull: fail}}}"),
             b = of("modules: {m: {loops: {poll: restart, push: fail, \"*\": fail}}}");
  const ReloadDiff d = diff_config(*a, *b);
  CHECK(d.needs_restart == Paths{"modules.m.loops.\"*\"", "modules.m.loops.poll", "modules.m.loops.pull"});
  CHECK(d.applied.empty());
  CHECK(d.modules.empty());
  CHECK(apply_reload(*a, *b)->host.modules.at("m").loops.size() == 3);
  CHECK(diff_config(*apply_reload(*a, *b), *b).needs_restart == d.needs_restart);
}

TEST_CASE("reload: modules whose configuration may have changed") {
  const auto a = of("modules: {m: {config: {a: 1}}, same: {config: {b: 1}}, gone: {config: {c: 1}}, refers: {config: {d: \"${HOME}\"}}}");
  const auto b = of("modules: {m: {config: {a: 2}}, same: {config: {b: 1}}, fresh: {config: {e: 1}}, refers: {config: {d: \"${HOME}\"}}}");
  CHECK(diff_config(*a, *b).modules == Paths{"fresh", "gone", "m", "refers"});
  CHECK(diff_config(*a, *b).needs_restart.empty());
  const auto merged = apply_reload(*a, *b);
  Diagnostics d;
  const auto m = resolve_module_config("m", yaml("{type: object}"), Value(), *merged, d);
  REQUIRE(m);
  CHECK(m->value == yaml("{a: 2}"));
  CHECK(merged->host.modules.at("gone").config.is_null());
  CHECK(at(merged->effective, "modules.m.config.a") == Value(std::int64_t{2}));

  Loader one, two;
  one.set("modules.m.config.a=1").good();
  two.set("modules.m.config.a=2").good();
  CHECK(diff_config(*one.config, *two.config).modules == Paths{"m"});
}

TEST_CASE("reload: one module, live by its schema") {
  const ModuleConfig a = module("{interval: 1s, name: x, group: {a: 1, b: 2}, list: [1]}"),
                     b = module("{interval: 2s, name: y, group: {a: 1, c: 3}, list: [2]}");
  const ModuleReload r = diff_module_config(a, b);
  CHECK(r.applied == Paths{"group.b", "group.c", "interval"});
  CHECK(r.needs_restart == Paths{"list", "name"});
  CHECK(r.config.value == yaml("{interval: 2s, name: x, group: {a: 1, c: 3}, list: [1]}"));
  CHECK(diff_module_config(a, a).applied.empty());
  CHECK(diff_module_config(a, a).needs_restart.empty());
}

TEST_CASE("reload: keys that come, go, or change their kind") {
  const ModuleConfig a = module("{group: {a: {x: 1}, b: 5, c: {}}}"), b = module("{group: {a: 7, b: {y: 2}}}");
  const ModuleReload r = diff_module_config(a, b);
  CHECK(r.applied == Paths{"group.a", "group.b", "group.c"});
  CHECK(r.config.value == b.value);
  const ModuleReload back = diff_module_config(b, a);
  CHECK(back.config.value == a.value);
  const ModuleConfig none = module("{name: x}");
  CHECK(diff_module_config(none, a).config.value.find("group") != nullptr);
}

TEST_CASE("reload: secrets stay secret") {
  Loader l;
  const std::string file = l.directory.write("f", "hunter2");
  l.file("instance: {environment: local}\nlog: {level: info}").good();
  Loader n;
  n.env("LEVEL_TOKEN", "debug").file("instance: {environment: local}\nlog: {level: \"${LEVEL_TOKEN}\"}").good();
  const auto merged = apply_reload(*l.config, *n.config);
  CHECK(merged->secret_paths == Paths{"log.level"});
  CHECK(contains(config_to_text(*merged, {}), "level: \"***\""));
}

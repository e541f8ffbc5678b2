// Candidates, the host's table and the operator's settings become fates.
#include <doctest/doctest.h>

#include "build.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

TEST_CASE("an empty world is a valid plan") {
  const Plan plan = World().plan();
  CHECK(plan.modules.empty());
  CHECK(plan.planned == 0);
  CHECK(exit_of(plan) == 0);
  CHECK(plan.diagnostics.empty());
}

TEST_CASE("RuntimeModules are trusted and required as the table says") {
  World w;
  w.runtime("logger");
  w.runtime("presence", false);
  w.plugin("orders");
  const Plan plan = w.plan();
  CHECK(order_of(plan) == "logger,presence,orders");
  CHECK(find(plan, "logger")->trusted);
  CHECK(find(plan, "logger")->required);
  CHECK(find(plan, "presence")->trusted);
  CHECK_FALSE(find(plan, "presence")->required);
  CHECK_FALSE(find(plan, "orders")->trusted);
  CHECK_FALSE(find(plan, "orders")->required);
  CHECK(exit_of(plan) == 0);
}

TEST_CASE("a stranger in the runtime directory is refused") {
  World w;
  w.runtime("stray", true, false);
  const Plan plan = w.plan();
  CHECK(fate_of(plan, "stray") == "refused: `stray` (/opt/lib/tenon/runtime/libstray.so) is not in this host's table of RuntimeModules");
  CHECK_FALSE(find(plan, "stray")->trusted);
  CHECK(exit_of(plan) == 0);
}

TEST_CASE("a required row of the table without a candidate is fatal, an optional one a note") {
  World w;
  w.table = {{"logger", true}, {"presence", false}};
  const Plan plan = w.plan();
  CHECK(exit_of(plan) == 69);
  const auto found = with_code(plan, "plan.runtime_missing");
  REQUIRE(found.size() == 2);
  CHECK(found[0]->severity != found[1]->severity);
  for (const Diagnostic* d : found) CHECK(d->severity == (d->module == "logger" ? Severity::error : Severity::note));
  w.table = {{"presence", false}};
  CHECK(exit_of(w.plan()) == 0);
}

TEST_CASE("a plugin with the name of a RuntimeModule is refused and disturbs nobody") {
  World w;
  w.runtime("logger");
  w.plugin("logger").at("/plugins/liblogger.so").needs_module("ghost").service("logger.log");
  w.plugin("orders").needs_module("logger");
  const Plan plan = w.plan();
  CHECK(order_of(plan) == "logger,orders");
  CHECK(plan.modules[0].trusted);
  CHECK(exit_of(plan) == 0);
  CHECK(message(plan, "plan.reserved_name") ==
        "`logger` (/plugins/liblogger.so) is the name of a RuntimeModule of this host; a plugin cannot have it");
  CHECK(plan.diagnostics.error_count() == 1);
}

TEST_CASE("a plugin with a reserved name is refused") {
  for (const char* name : {"core", "host", "tenon", "grpc_hub", "directory"}) {
    World w;
    w.plugin(name);
    const Plan plan = w.plan();
    CHECK(find(plan, name)->fate == Fate::refused);
    CHECK(message(plan, "plan.reserved_name").find("reserved name") != std::string::npos);
    CHECK(exit_of(plan) == 0);
  }
  // The table may use such a name: it is reserved for it.
  World w;
  w.runtime("grpc_hub");
  CHECK(order_of(w.plan()) == "grpc_hub");
}

TEST_CASE("two candidates of one name are both refused, naming both files") {
  World w;
  w.plugin("orders").at("/a/liborders.so");
  w.plugin("orders").at("/b/liborders.so");
  w.plugin("user").needs_module("orders");
  w.plugin("free");
  Plan plan = w.plan();
  CHECK(order_of(plan) == "free");
  CHECK(exit_of(plan) == 0);
  const auto found = with_code(plan, "plan.duplicate_name");
  REQUIRE(found.size() == 2);
  for (const Diagnostic* d : found) CHECK(d->message == "2 candidates are named `orders`: /a/liborders.so and /b/liborders.so");
  CHECK(fate_of(plan, "user").starts_with("blocked: requires `orders`, which is refused: 2 candidates"));
  w.require("orders");
  CHECK(exit_of(w.plan()) == 78);
  w.config.host.modules.clear();
  w.require("user");
  CHECK(exit_of(w.plan()) == 78);  // the root is a wrong name, which touches a required module
}

TEST_CASE("many candidates of one name are counted") {
  World w;
  for (int i = 10; i < 30; ++i) w.plugin("orders").at("/d" + std::to_string(i) + "/liborders.so");
  const Plan plan = w.plan();
  CHECK(with_code(plan, "plan.duplicate_name").size() == 20);
  CHECK(plan.modules[0].reason.find("/d17/liborders.so and 12 more") != std::string::npos);
}

TEST_CASE("a manifest that says its name and is wrong otherwise has that name all the same") {
  Diagnostic d;
  d.code = "manifest.unknown_key";
  d.message = "unknown key `requiers`";
  d.where.line = 4;
  World w;
  w.unreadable("orders", Origin::plugin, d);
  w.plugin("user").needs_module("orders");
  CHECK(fate_of(w.plan(), "user") == "blocked: requires `orders`, which is refused: unknown key `requiers`");
  w.plugin("orders");
  const Plan plan = w.plan();
  CHECK(with_code(plan, "plan.duplicate_name").size() == 2);
  CHECK(plan.planned == 0);
  CHECK(exit_of(plan) == 0);

  World evil;
  evil.runtime("logger");
  evil.unreadable("logger", Origin::plugin, d);
  CHECK(order_of(evil.plan()) == "logger");
  CHECK(exit_of(evil.plan()) == 0);
}

TEST_CASE("two RuntimeModules of one name are refused") {
  World w;
  w.runtime("logger").at("/r/a.so");
  w.runtime("logger", true, false).at("/r/b.so");
  const Plan plan = w.plan();
  CHECK(plan.planned == 0);
  CHECK(exit_of(plan) == 78);
}

TEST_CASE("plugins are enabled unless configuration says otherwise") {
  World w;
  w.plugin("a");
  w.plugin("b");
  w.disable("b");
  Plan plan = w.plan();
  CHECK(order_of(plan) == "a");
  CHECK(fate_of(plan, "b") == "disabled: `modules.b.enabled` is false (/etc/tenon/tenon.yaml:1:5)");
  CHECK(plan.diagnostics.empty());

  w.config.host.plugins_default_enabled = false;
  w.settings("b").enabled = true;
  plan = w.plan();
  CHECK(order_of(plan) == "b");
  CHECK(fate_of(plan, "a") == "disabled: `plugins.default_enabled` is false");
}

TEST_CASE("plugins.default_enabled does not concern RuntimeModules") {
  World w;
  w.runtime("logger");
  w.config.host.plugins_default_enabled = false;
  CHECK(order_of(w.plan()) == "logger");
}

TEST_CASE("disabling a required RuntimeModule is a configuration error, an optional one can be disabled") {
  World w;
  w.runtime("logger");
  w.disable("logger");
  Plan plan = w.plan();
  CHECK(exit_of(plan) == 78);
  REQUIRE(with_code(plan, "plan.runtime_enabled").size() == 1);
  CHECK(with_code(plan, "plan.runtime_enabled")[0]->path == "modules.logger.enabled");

  World other;
  other.runtime("presence", false);
  other.disable("presence");
  plan = other.plan();
  CHECK(exit_of(plan) == 0);
  CHECK(find(plan, "presence")->fate == Fate::disabled);
}

TEST_CASE("an operator cannot make an optional RuntimeModule required in silence") {
  World w;
  w.runtime("presence", false);
  w.require("presence");
  const Plan plan = w.plan();
  CHECK(exit_of(plan) == 78);
  CHECK_FALSE(find(plan, "presence")->required);
  CHECK(with_code(plan, "plan.runtime_required").size() == 1);
  World same;
  same.runtime("logger");
  same.require("logger");
  CHECK(exit_of(same.plan()) == 0);
}

TEST_CASE("a required plugin that is disabled ends the boot") {
  World w;
  w.plugin("a");
  w.disable("a");
  w.require("a");
  const Plan plan = w.plan();
  CHECK(exit_of(plan) == 69);
  CHECK(find(plan, "a")->fate == Fate::disabled);
  CHECK(message(plan, "plan.required_disabled") ==
        "`a` is required, but disabled: `modules.a.enabled` is false (/etc/tenon/tenon.yaml:1:5)");
}

TEST_CASE("settings of a module that is not there: a warning with a suggestion, fatal if required") {
  World w;
  w.plugin("orders");
  w.settings("ordres");
  Plan plan = w.plan();
  CHECK(exit_of(plan) == 0);
  REQUIRE(with_code(plan, "plan.unknown_module").size() == 1);
  const Diagnostic& d = *with_code(plan, "plan.unknown_module")[0];
  CHECK(d.severity == Severity::warning);
  CHECK(d.help == "did you mean `orders`?");
  CHECK(d.path == "modules.ordres");
  CHECK(d.where.line == 1);

  w.require("ordres");
  plan = w.plan();
  CHECK(exit_of(plan) == 69);
  CHECK(message(plan, "plan.required_missing") == "`ordres` is required by the configuration, but no module of that name was found");
  CHECK(exit_of(w.plan(true)) == 0);  // safe mode: nobody's `required` counts
}

TEST_CASE("settings of an optional RuntimeModule that is not installed are no typing error") {
  World w;
  w.table = {{"presence", false}};
  w.settings("presence");
  CHECK(with_code(w.plan(), "plan.unknown_module").empty());
}

TEST_CASE("safe mode: no plugin runs, their required is ignored, RuntimeModules run") {
  World w;
  w.runtime("logger");
  w.plugin("a").needs_module("ghost");
  w.plugin("b").broken("text relocations");
  w.require("a");
  w.require("b");
  const Plan plan = w.plan(true);
  CHECK(order_of(plan) == "logger");
  CHECK(fate_of(plan, "a") == "disabled: safe mode");
  CHECK(fate_of(plan, "b") == "disabled: safe mode");
  CHECK_FALSE(find(plan, "a")->required);
  CHECK(exit_of(plan) == 0);
}

TEST_CASE("a candidate with errors is refused with the first as its reason") {
  World w;
  w.plugin("a").broken("text relocations").broken("executable stack", "elf.executable_stack");
  Plan plan = w.plan();
  CHECK(fate_of(plan, "a") == "refused: text relocations");
  CHECK(exit_of(plan) == 0);
  CHECK(plan.diagnostics.error_count() == 2);
  for (const Diagnostic& d : plan.diagnostics.items()) CHECK(d.module == "a");
  w.require("a");
  CHECK(exit_of(w.plan()) == 69);
}

TEST_CASE("warnings and notes of a candidate change nothing") {
  World w;
  w.plugin("a");
  Discovery d = w.discovery();
  d.candidates[0].diagnostics.warning("elf.gnu_unique", {}, "GNU-unique symbols");
  const Plan plan = make_plan(std::move(d), w.table, w.offer, w.config, {});
  CHECK(order_of(plan) == "a");
  CHECK(plan.diagnostics.items().size() == 1);
}

TEST_CASE("wrong text of a required module is 78, any other refusal 69, both 78") {
  struct Row {
    const char* code;
    ExitCode exit;
    std::uint32_t line;
    int expected;
  };
  for (const Row& row : {Row{"manifest.unknown_key", ExitCode::config, 0, 78}, Row{"yaml.syntax", ExitCode::config, 3, 78},
                         Row{"discovery.field_differs", ExitCode::config, 3, 78}, Row{"elf.not_elf", ExitCode::config, 0, 69},
                         Row{"elf.not_elf", ExitCode::unavailable, 0, 69}, Row{"path.unsafe", ExitCode::no_permission, 0, 69},
                         Row{"file.read", ExitCode::io_error, 0, 69}}) {
    CAPTURE(row.code);
    World w;
    w.require("orders");
    Diagnostic d;
    d.code = row.code;
    d.message = "broken";
    d.exit = row.exit;
    d.where.line = row.line;
    w.unreadable("orders.yaml", Origin::plugin, d);
    CHECK(exit_of(w.plan()) == row.expected);
    w.config.host.modules.clear();
    CHECK(exit_of(w.plan()) == 0);
  }
  // The host's own directory, on the other hand, is the host's own.
  World w;
  w.table = {{"logger", true}};
  Diagnostic d;
  d.exit = ExitCode::no_permission;
  w.unreadable("liblogger.so", Origin::runtime, d);
  CHECK(exit_of(w.plan()) == 77);
}

TEST_CASE("a file whose manifest cannot be read stands for the module it is named after") {
  World w;
  Diagnostic d;
  d.code = "yaml.syntax";
  d.message = "not YAML";
  w.unreadable("liborders.so", Origin::plugin, d);
  w.plugin("user").needs_module("orders");
  w.settings("orders").enabled = true;
  Plan plan = w.plan();
  CHECK(fate_of(plan, "user") == "blocked: requires `orders`, which is refused: not YAML");
  CHECK(with_code(plan, "plan.unknown_module").empty());
  CHECK(find(plan, "liborders.so") != nullptr);

  SUBCASE("unless a real one is there") {
    w.plugin("orders");
    plan = w.plan();
    CHECK(order_of(plan) == "orders,user");
    CHECK(fate_of(plan, "liborders.so") == "refused: not YAML");
  }
  SUBCASE("two such files are no duplicates") {
    w.unreadable("orders.yaml", Origin::plugin, d);
    CHECK(with_code(w.plan(), "plan.duplicate_name").empty());
  }
  SUBCASE("it cannot stand for a RuntimeModule") {
    w.table = {{"logger", true}};
    w.unreadable("logger.so", Origin::plugin, d);
    plan = w.plan();
    CHECK(message(plan, "plan.runtime_missing").find("`logger`") != std::string::npos);
    CHECK_FALSE(find(plan, "logger.so")->required);
  }
  SUBCASE("in the runtime directory it does") {
    w.table = {{"logger", true}};
    w.unreadable("liblogger.so", Origin::runtime, d);
    plan = w.plan();
    CHECK(with_code(plan, "plan.runtime_missing").empty());
    CHECK(find(plan, "liblogger.so")->required);
    CHECK(exit_of(plan) == 78);
  }
}

TEST_CASE("a candidate without manifest and without findings is refused all the same") {
  World w;
  Candidate c;
  c.name = "bare.so";
  w.raw.push_back(c);
  const Plan plan = w.plan();
  CHECK(plan.planned == 0);
  CHECK(fate_of(plan, "bare.so") == "refused: `bare` (bare.so) has no manifest");
}

TEST_CASE("findings about directories count as they are") {
  World w;
  Discovery d = w.discovery();
  d.diagnostics.error("path.world_writable", {}, "everybody can write to the runtime directory").exit = ExitCode::no_permission;
  const Plan plan = make_plan(std::move(d), w.table, w.offer, w.config, {});
  CHECK(exit_of(plan) == 77);
}

TEST_CASE("hostile file names come out printable") {
  World w;
  Candidate c;
  c.name = "a\x1b[31m\xff`<b>.so";
  w.raw.push_back(c);
  const Plan plan = w.plan();
  REQUIRE(plan.diagnostics.items().size() == 1);
  for (const char ch : plan.diagnostics.items()[0].message) CHECK(static_cast<unsigned char>(ch) >= 0x20);
}

TEST_CASE("loops: what the operator says of them goes with the module") {
  World w;
  w.plugin("a");
  w.settings("a").loops = {{"*", LoopSetting::Policy::restart, "modules.a.loops.*"},
                           {"poll", LoopSetting::Policy::ignore, "modules.a.loops.poll"},
                           {"push", LoopSetting::Policy::fail, "modules.a.loops.push"}};
  w.plugin("b");
  const Plan plan = w.plan();
  const LoopDecisions& loops = find(plan, "a")->loops;
  REQUIRE(loops.size() == 3);
  CHECK(loops.at("*").policy == LoopPolicy::restart);
  CHECK(loops.at("poll").policy == LoopPolicy::ignore);
  CHECK(loops.at("poll").key == "modules.a.loops.poll");
  CHECK(loops.at("push").policy == LoopPolicy::fail);
  CHECK(find(plan, "b")->loops.empty());
}

TEST_CASE("timeouts: host's, then manifest's, then operator's") {
  using namespace std::chrono_literals;
  World w;
  w.config.host.timeouts.start = 50s;
  w.config.host.timeouts.stop = 4s;
  w.config.host.timeouts.init = 20s;
  w.plugin("a").timeout("start", 70s).timeout("stop", 6s).timeout("no_such_phase", 1s);
  w.settings("a").timeouts = {{"stop", 9s}};
  w.plugin("b");
  const Plan plan = w.plan();
  CHECK(find(plan, "a")->timeouts.start == 70s);
  CHECK(find(plan, "a")->timeouts.stop == 9s);
  CHECK(find(plan, "a")->timeouts.init == 20s);
  CHECK(find(plan, "b")->timeouts.start == 50s);
}

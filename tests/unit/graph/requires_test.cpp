// Requirements, cycles and blocking: what people are told, and what the process ends with.
#include <doctest/doctest.h>

#include "build.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

/// The exit code with the modules named made required, one at a time; they are optional before.
void check_exit(World& w, const std::string& required, int expected) {
  CHECK(exit_of(w.plan()) == 0);
  w.require(required);
  CHECK(exit_of(w.plan()) == expected);
  w.config.host.modules.erase(required);
}

}  // namespace

TEST_CASE("an unknown requirement, with the nearest name") {
  World w;
  w.plugin("orders").needs_module("catalgo");
  w.plugin("catalog");
  const Plan plan = w.plan();
  CHECK(message(plan, "graph.unknown_requirement") == "`orders` requires `catalgo`, but no module of that name was found");
  CHECK(with_code(plan, "graph.unknown_requirement")[0]->help == "did you mean `catalog`?");
  CHECK(with_code(plan, "graph.unknown_requirement")[0]->where.line == 2);
  CHECK(fate_of(plan, "orders") == "blocked: requires `catalgo`, but no module of that name was found");
  CHECK(order_of(plan) == "catalog");
  check_exit(w, "orders", 69);
}

TEST_CASE("a reserved name is no module to install") {
  for (const char* name : {"core", "directory", "grpc_hub", "host", "tenon"}) {
    World w;
    w.plugin("orders").needs_module(name);
    w.plugin("hosts");
    const Plan plan = w.plan();
    CHECK(message(plan, "graph.unknown_requirement") ==
          std::string("`orders` requires `") + name + "`, which is a reserved name that no module has");
    CHECK(with_code(plan, "graph.unknown_requirement")[0]->help ==
          "remove it from `requires`; interfaces of the host are named in `needs`");
    check_exit(w, "orders", 69);
  }
}

TEST_CASE("a version mismatch names both sides") {
  World w;
  w.plugin("orders").needs_module("catalog", ">=2");
  w.plugin("catalog", "1.4.0").at("/plugins/libcatalog.so");
  const Plan plan = w.plan();
  CHECK(message(plan, "graph.version_mismatch") == "`orders` requires `catalog` >=2, found 1.4.0 in /plugins/libcatalog.so");
  check_exit(w, "orders", 69);
  check_exit(w, "catalog", 0);  // nothing is wrong with it
}

TEST_CASE("a disabled requirement says who disabled it") {
  World w;
  w.plugin("orders").needs_module("catalog");
  w.plugin("catalog");
  w.disable("catalog");
  const Plan plan = w.plan();
  CHECK(message(plan, "graph.disabled_requirement") ==
        "`orders` requires `catalog`, which is disabled: `modules.catalog.enabled` is false (/etc/tenon/tenon.yaml:1:5)");
  check_exit(w, "orders", 69);
}

TEST_CASE("a refused requirement: the reason names the root cause and the way to it") {
  World w;
  w.plugin("catalog").broken("text relocations");
  w.plugin("orders").needs_module("catalog");
  w.plugin("shop").needs_module("orders");
  w.plugin("mall").needs_module("shop");
  const Plan plan = w.plan();
  CHECK(fate_of(plan, "orders") == "blocked: requires `catalog`, which is refused: text relocations");
  CHECK(fate_of(plan, "shop") == "blocked: requires `orders`, which requires `catalog`, which is refused: text relocations");
  CHECK(fate_of(plan, "mall") ==
        "blocked: requires `shop`, which requires `orders`, which requires `catalog`, which is refused: text relocations");
  REQUIRE(with_code(plan, "graph.blocked").size() == 3);
  for (const Diagnostic* d : with_code(plan, "graph.blocked")) CHECK(d->where.line == 2);
  check_exit(w, "mall", 69);
}

TEST_CASE("a long way to the cause is shortened in the middle") {
  World w;
  w.plugin("m00").broken("text relocations");
  for (int i = 1; i < 12; ++i) {
    const auto name = [](int n) { return "m" + std::to_string(n / 10) + std::to_string(n % 10); };
    w.plugin(name(i)).needs_module(name(i - 1));
  }
  const Plan plan = w.plan();
  CHECK(fate_of(plan, "m05") ==
        "blocked: requires `m04`, which requires `m03`, which requires `m02`, which requires `m01`, which requires `m00`, which is "
        "refused: text relocations");
  CHECK(fate_of(plan, "m11") ==
        "blocked: requires `m10`, which requires `m09`, which requires `m08`, which requires 7 more in a row down to `m00`, which is "
        "refused: "
        "text relocations");
}

TEST_CASE("a blocked requirement passes its own reason on") {
  World w;
  w.plugin("catalog").needs_module("ghost");
  w.plugin("orders").needs_module("catalog");
  CHECK(fate_of(w.plan(), "orders") ==
        "blocked: requires `catalog`, which is blocked: requires `ghost`, but no module of that name was found");
  check_exit(w, "orders", 69);
}

TEST_CASE("a self-requirement is an error of the text") {
  World w;
  w.plugin("orders").needs_module("orders");
  const Plan plan = w.plan();
  CHECK(message(plan, "graph.self_requirement") == "`orders` requires itself");
  CHECK(plan.planned == 0);
  check_exit(w, "orders", 78);
}

TEST_CASE("after oneself is an error of the text") {
  World w;
  w.plugin("orders").after("orders");
  CHECK(message(w.plan(), "graph.self_after") == "`orders` is to come after itself");
  check_exit(w, "orders", 78);
}

TEST_CASE("a cycle is shown closed, blocks its members and who requires them, and is fatal among required ones") {
  World w;
  w.plugin("c").needs_module("a");
  w.plugin("b").needs_module("c");
  w.plugin("a").needs_module("b");
  w.plugin("user").needs_module("b");
  w.plugin("free");
  const Plan plan = w.plan();
  CHECK(message(plan, "graph.cycle") == "cycle in the graph: `a -> b -> c -> a`");
  CHECK(fate_of(plan, "b") == "blocked: is part of the cycle `a -> b -> c -> a`");
  CHECK(fate_of(plan, "user") == "blocked: requires `b`, which is blocked: is part of the cycle `a -> b -> c -> a`");
  CHECK(order_of(plan) == "free");
  check_exit(w, "c", 78);
  check_exit(w, "user", 78);
}

TEST_CASE("a cycle through after is drawn with another arrow") {
  World w;
  w.plugin("a").needs_module("b");
  w.plugin("b").after("a");
  const Plan plan = w.plan();
  CHECK(message(plan, "graph.cycle") == "cycle in the graph: `a -> b ~> a`");
  CHECK(with_code(plan, "graph.cycle")[0]->help == "read `->` as \"requires\", `~>` as \"comes after\"; remove one of these edges");
  check_exit(w, "a", 78);
}

TEST_CASE("an optional plugin cannot wrap a required one into a cycle") {
  World w;
  w.plugin("vital").after("intruder");
  w.plugin("intruder").needs_module("vital");
  w.require("vital");
  const Plan plan = w.plan();
  CHECK(order_of(plan) == "vital");
  CHECK(exit_of(plan) == 0);
  CHECK(fate_of(plan, "intruder") == "blocked: is part of the cycle `intruder -> vital ~> intruder`");
}

TEST_CASE("a very long cycle is shortened in the middle, and more cycles than are listed are mentioned") {
  World w;
  for (int i = 0; i < 100; ++i) w.plugin("m" + std::to_string(100 + i)).needs_module("m" + std::to_string(100 + (i + 1) % 100));
  Plan plan = w.plan();
  const std::string text = message(plan, "graph.cycle");
  CHECK(text.find("m100 -> m101 -> ") != std::string::npos);
  CHECK(text.find("m131 -> ... (66 more) -> m198 -> m199 -> m100`") != std::string::npos);
  CHECK(fate_of(plan, "m150") ==
        "blocked: is part of the cycle `m100 -> m101 -> m102 -> m103 -> m104 -> m105 -> ... (92 more) -> m198 -> m199 -> m100`");

  World clique;
  for (char a = 'a'; a <= 'f'; ++a) {
    auto& m = clique.plugin(std::string(1, a));
    for (char b = 'a'; b <= 'f'; ++b)
      if (a != b) m.needs_module(std::string(1, b));
  }
  plan = clique.plan();
  CHECK(with_code(plan, "graph.cycle").size() == 16);
  CHECK(message(plan, "graph.more_cycles") == "further cycles between `a`, `b`, `c`, `d`, `e`, `f` are not listed: only the first 16 are");
  check_exit(clique, "f", 78);
}

TEST_CASE("a RuntimeModule that breaks the table's order is a bug in the host") {
  World w;
  w.runtime("logger").needs_module("admin");
  w.runtime("admin");
  const Plan plan = w.plan();
  CHECK(exit_of(plan) == 70);
  CHECK(order_of(plan) == "admin");
  CHECK(message(plan, "graph.table_order") ==
        "`logger` is a RuntimeModule and requires `admin`, which stands after it in the host's table");
}

TEST_CASE("a RuntimeModule may not require a plugin") {
  World w;
  w.runtime("logger", false).needs_module("orders");
  w.plugin("orders");
  const Plan plan = w.plan();
  CHECK(message(plan, "graph.requires_plugin") == "`logger` is a RuntimeModule and requires `orders`, which is not in the host's table");
  CHECK(order_of(plan) == "orders");
  CHECK(exit_of(plan) == 0);
}

TEST_CASE("a RuntimeModule cannot come after what always comes later") {
  World w;
  w.runtime("logger").after("orders");
  w.plugin("orders");
  const Plan plan = w.plan();
  CHECK(order_of(plan) == "logger,orders");
  REQUIRE(with_code(plan, "graph.after_ignored").size() == 1);
  CHECK(with_code(plan, "graph.after_ignored")[0]->severity == Severity::warning);
  CHECK(exit_of(plan) == 0);
}

TEST_CASE("a required module blocked by an optional one ends the boot, both codes at once give the worse") {
  World w;
  w.plugin("catalog").needs_module("catalog");  // text: 78
  w.plugin("orders").needs_module("catalog");
  w.plugin("other").needs_module("ghost");  // 69
  w.require("other");
  CHECK(exit_of(w.plan()) == 69);
  w.require("orders");
  CHECK(exit_of(w.plan()) == 78);
}

TEST_CASE("all problems in one pass") {
  World w;
  w.plugin("a").needs_module("ghost").needs_module("b", ">=2").needs_module("a").needs_module("off").broken("executable stack");
  w.plugin("b").needs_module("c");
  w.plugin("c").needs_module("b").interface("tenon.nothing/1");
  w.plugin("off");
  w.disable("off");
  const Plan plan = w.plan();
  for (const char* code : {"elf.text_relocations", "graph.unknown_requirement", "graph.version_mismatch", "graph.self_requirement",
                           "graph.disabled_requirement", "graph.cycle", "plan.unknown_interface"}) {
    CAPTURE(code);
    CHECK(with_code(plan, code).size() == 1);
  }
}

TEST_CASE("whenever a required module does not run the boot does not go on, and the diagnostics agree with the plan") {
  // Every way to lose a module that these tests know, behind a required one.
  const auto lose = [](int way, World& w) {
    auto& m = w.plugin("lost");
    switch (way) {
      case 0:
        m.broken("broken");
        break;
      case 1:
        m.needs_module("ghost");
        break;
      case 2:
        m.needs_module("lost");
        break;
      case 3:
        w.disable("lost");
        break;
      case 4:
        m.interface("tenon.unknown/1");
        break;
      case 5:
        m.capability("migrations");
        break;
      case 6:
        m.capability("system");
        break;
      case 7:
        w.plugin("lost").at("/elsewhere/liblost.so");
        break;
      case 8:
        m.service("tenon.x");
        break;
      case 9:
        w.configure("lost", "x", Value(true));
        break;
      case 10:
        m.needs_module("peer");
        w.plugin("peer").needs_module("lost");
        break;
      default:
        m.interface("tenon.log_sink/1");
    }
  };
  for (int way = 0; way < 12; ++way)
    for (const bool directly : {true, false}) {
      CAPTURE(way);
      World w;
      w.plugin("top").needs_module("lost");
      lose(way, w);
      CHECK(exit_of(w.plan()) == 0);
      CHECK(find(w.plan(), "top")->fate == Fate::blocked);
      w.require(directly ? "lost" : "top");
      const Plan plan = w.plan();
      CHECK(exit_of(plan) != 0);
      CHECK(plan.exit == plan.diagnostics.exit_code());
      CHECK(exit_of(w.plan(true)) == 0);
    }
}

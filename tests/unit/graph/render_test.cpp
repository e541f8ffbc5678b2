// Renderings and messages, compared with golden files. TENON_UPDATE_GOLDEN=1 writes them anew.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "build.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

void check_golden(const std::string& file, const std::string& actual) {
  const std::string path = std::string(GRAPH_GOLDEN_DIR) + "/" + file;
  if (std::getenv("TENON_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << actual;
    return;
  }
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in.good(), "cannot read " << path);
  const std::string expected((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  CHECK_MESSAGE(actual == expected, path << " differs from:\n" << actual);
}

/// One of each thing that can be said about a graph.
World gallery() {
  World w;
  w.offer.interfaces.push_back({"tenon.storage/1", false});
  w.runtime("logger");
  w.runtime("api", false).needs_module("logger");
  w.table.push_back({"presence", false});
  w.plugin("catalog", "1.4.0").needs_module("logger").service("catalog.get");
  w.plugin("orders", "1.4.2").needs_module("catalog", ">=1.2 <2").after("pricing");
  w.plugin("pricing", "2.0.0-rc.1");
  w.plugin("shop").needs_module("catalog", ">=2").needs_module("catalgo").needs_module("shop");
  w.plugin("mall").needs_module("shop");
  w.plugin("gate").broken("text relocations").needs_module("catalog");
  w.plugin("guard").needs_module("gate").needs_module("off");
  w.plugin("off");
  w.disable("off");
  w.plugin("ring_a").needs_module("ring_b");
  w.plugin("ring_b").needs_module("ring_c");
  w.plugin("ring_c").after("ring_a");
  w.plugin("store").interface("tenon.storage/2").capability("migrations").capability("system");
  w.plugin("twin").at("/a/libtwin.so");
  w.plugin("twin").at("/b/libtwin.so");
  w.plugin("host");
  w.plugin("squatter").service("catalog.get").event("tenon.x");
  w.plugin("left").route("/market/{id}");
  w.plugin("right").route("/market/{key}");
  w.settings("catalogue");
  w.require("warehouse");
  w.require("orders");
  return w;
}

World small() {
  World w;
  w.runtime("logger");
  w.plugin("catalog").needs_module("logger");
  w.plugin("orders").needs_module("catalog").after("pricing");
  w.plugin("pricing");
  w.plugin("broken").needs_module("catalog").broken("text relocations");
  w.require("orders");
  return w;
}

World hostile() {
  World w;
  Candidate c;
  c.name = "x\"\\<&>\n\x1b[31m\xff\xef\xbf\xbf]]>.so";
  c.diagnostics.error("elf.not_elf", {}, "no \"ELF\" <file> & \\ more");
  w.raw.push_back(c);
  return w;
}

}  // namespace

TEST_CASE("messages are as agreed") { check_golden("messages.txt", to_text(gallery().plan().diagnostics)); }
TEST_CASE("text rendering") {
  check_golden("gallery.txt", graph_text(gallery().plan()));
  check_golden("small.txt", graph_text(small().plan()));
  CHECK(graph_text(World().plan()) == "no module is planned\n");
}
TEST_CASE("dot rendering") {
  check_golden("small.dot", graph_dot(small().plan()));
  check_golden("gallery.dot", graph_dot(gallery().plan()));
}
TEST_CASE("json rendering") {
  check_golden("small.json", graph_json(small().plan()));
  check_golden("empty.json", graph_json(World().plan()));
}
TEST_CASE("svg rendering") {
  check_golden("small.svg", graph_svg(small().plan()));
  check_golden("gallery.svg", graph_svg(gallery().plan()));
}
TEST_CASE("hostile names cannot leave their place in any rendering") {
  const Plan plan = hostile().plan();
  check_golden("hostile.txt", graph_text(plan));
  check_golden("hostile.dot", graph_dot(plan));
  check_golden("hostile.json", graph_json(plan));
  check_golden("hostile.svg", graph_svg(plan));
  for (const std::string& text : {graph_text(plan), graph_dot(plan), graph_json(plan), graph_svg(plan)})
    for (const char ch : text) CHECK((static_cast<unsigned char>(ch) >= 0x20 || ch == '\n'));
}
TEST_CASE("candidates of one name are two nodes") {
  World w;
  w.plugin("twin").at("/a/libtwin.so");
  w.plugin("twin").at("/b/libtwin.so");
  const std::string dot = graph_dot(w.plan());
  CHECK(dot.find("\"twin\" [") != std::string::npos);
  CHECK(dot.find("\"twin #2\" [") != std::string::npos);
}
TEST_CASE("a level wider than the page goes on in the next row") {
  World w;
  for (int i = 0; i < 300; ++i) {
    auto& m = w.plugin("module_number_" + std::to_string(1000 + i));
    if (i > 200) m.needs_module("module_number_" + std::to_string(1000 + i % 7));
  }
  const std::string svg = graph_svg(w.plan());
  CHECK(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"13"));
  std::size_t boxes = 0, edges = 0;
  for (std::size_t at = svg.find("<rect class="); at != std::string::npos; at = svg.find("<rect class=", at + 1)) ++boxes;
  for (std::size_t at = svg.find("<path class="); at != std::string::npos; at = svg.find("<path class=", at + 1)) ++edges;
  CHECK(boxes == 300);
  CHECK(edges == 99);
}
TEST_CASE("names of fates") {
  CHECK(fate_name(Fate::planned) == "planned");
  CHECK(fate_name(Fate::refused) == "refused");
  CHECK(fate_name(Fate::blocked) == "blocked");
  CHECK(fate_name(Fate::disabled) == "disabled");
}

// tenon.log/1: lines of well-behaved and of hostile modules.
#include <climits>

#include "kernel/traceparent.hpp"
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

struct Logging {
  World world;
  Records records{world.log};
  Instance instance{world.host, options_of("orders")};
  const tenon_log& log = table_of<tenon_log>(instance, TENON_LOG);
  void write(std::int32_t level, tenon_str message, const std::vector<tenon_kv>& kv = {}) {
    log.write(instance.ctx(), level, message, kv.data(), kv.size());
  }
};

}  // namespace

TEST_CASE("log: a line has the phase of the call it came from, or of the instance") {
  Logging l;
  run_as(l.instance, Phase::init, [&](tenon_call*, tenon_error*) { l.write(TENON_LEVEL_INFO, str("hello"), {{str("k"), str("v")}}); });
  CHECK(l.records.last() == "info orders init hello k=v");
  l.instance.set_phase(Phase::run);
  std::thread([&] { l.write(TENON_LEVEL_WARN, str("from a thread of its own")); }).join();
  CHECK(l.records.last() == "warn orders run from a thread of its own");
  run_as(l.instance, Phase::configure, [&](tenon_call*, tenon_error*) { l.write(TENON_LEVEL_INFO, str("changed")); });
  CHECK(l.records.last() == "info orders configure changed");
  Instance other(l.world.host, options_of("other"));
  run_as(other, Phase::stop, [&](tenon_call*, tenon_error*) { l.write(TENON_LEVEL_INFO, str("called by another")); });
  CHECK(l.records.last() == "info orders run called by another");
}

TEST_CASE("log: a line written in a traced call says which trace, as the last pair, if there is room for one") {
  Logging l;
  Call call;
  const std::string traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const auto entered = [&](const std::vector<tenon_kv>& kv) {
    const GateEntry entry(l.instance, Phase::run, ThreadTag::worker, &call, Gate::State::open);
    REQUIRE(entry);
    l.write(TENON_LEVEL_INFO, str("hello"), kv);
    return l.records.last();
  };
  {
    const TracedCall traced(call, traceparent);
    CHECK(entered({{str("k"), str("v")}}) == "info orders run hello k=v tenon.trace_id=0af7651916cd43dd8448eb211c80319c");
    CHECK(entered({}) == "info orders run hello tenon.trace_id=0af7651916cd43dd8448eb211c80319c");
    const std::vector<tenon_kv> most(TENON_LOG_MAX_KV, {str("k"), str("v")});
    CHECK(entered(most).find("trace_id") == std::string::npos);
    CHECK(entered(std::vector<tenon_kv>(TENON_LOG_MAX_KV - 1, {str("k"), str("v")}))
              .ends_with(" tenon.trace_id=0af7651916cd43dd8448eb211c80319c"));
    l.instance.set_phase(Phase::run);
    l.write(TENON_LEVEL_INFO, str("outside"));
    CHECK(l.records.last() == "info orders run outside");
  }
  CHECK(entered({}) == "info orders run hello");
}

TEST_CASE("log: levels that have no name count as the next lower one, below the level nothing is written") {
  Logging l;
  CHECK(l.log.min_level == TENON_LEVEL_INFO);
  for (const std::int32_t level : {INT_MIN, -1, 0, 10, 19}) l.write(level, str("x"));
  CHECK(l.records.lines().empty());
  constexpr std::pair<std::int32_t, const char*> cases[] = {{20, "info"},  {29, "info"},  {35, "warn"},
                                                            {49, "error"}, {50, "fatal"}, {INT_MAX, "fatal"}};
  for (const auto& [level, name] : cases) {
    l.write(level, str("x"));
    CHECK(l.records.last() == std::string(name) + " orders none x");
  }
}

TEST_CASE("log: the level in the table follows the operator, until the instance is gone") {
  World world;
  world.log.set_level("orders", error);
  {
    Instance instance(world.host, options_of("orders"));
    const auto& log = table_of<tenon_log>(instance, TENON_LOG);
    CHECK(log.min_level == TENON_LEVEL_ERROR);
    CHECK_FALSE(TENON_LOG_ENABLED(&log, TENON_LEVEL_WARN));
    world.log.set_level("orders", trace);
    CHECK(TENON_LOG_ENABLED(&log, TENON_LEVEL_TRACE));
    world.log.set_level("orders", -1);
    CHECK(log.min_level == TENON_LEVEL_INFO);
  }
  world.log.set_level("orders", trace);  // writes into no freed table
}

TEST_CASE("log: arguments that cannot be write nothing, or say so in the line") {
  Logging l;
  l.log.write(nullptr, TENON_LEVEL_INFO, str("x"), nullptr, 0);
  l.log.write(l.instance.ctx(), TENON_LEVEL_INFO, str("x"), nullptr, 1);
  for (const tenon_str& text : impossible) l.write(TENON_LEVEL_INFO, text);
  CHECK(l.records.lines().empty());
  for (const tenon_str& text : impossible) {
    l.write(TENON_LEVEL_INFO, str("m"), {{str("a"), str("1")}, {text, str("2")}, {str("c"), text}, {str("d"), {nullptr, 0}}});
    CHECK(l.records.last() == "info orders none m a=1 invalid=a null view with a length invalid=a null view with a length d=");
  }
  l.write(TENON_LEVEL_INFO, {nullptr, 0});
  CHECK(l.records.last() == "info orders none ");
}

TEST_CASE("log: pairs beyond the limit are counted, and not even read") {
  Logging l;
  std::vector<tenon_kv> kv(TENON_LOG_MAX_KV, tenon_kv{str("k"), str("v")});
  l.write(TENON_LEVEL_INFO, str("full"), kv);
  CHECK(l.records.last().find("tenon.dropped_pairs") == std::string::npos);
  l.log.write(l.instance.ctx(), TENON_LEVEL_INFO, str("more"), kv.data(), 1'000'000);
  CHECK(l.records.last().ends_with("tenon.dropped_pairs=999936"));
}

TEST_CASE("log: oversized text is cut, bytes that are not UTF-8 are escaped") {
  Logging l;
  const std::string large(1 << 20, 'x');
  l.write(TENON_LEVEL_INFO, str(large), {{str("k"), str("v")}});
  CHECK(l.records.last().size() < TENON_LOG_MAX_BYTES + 200);
  CHECK(l.records.last().find("…") != std::string::npos);
  CHECK(l.records.last().find("tenon.dropped_pairs=1") != std::string::npos);
  l.write(TENON_LEVEL_INFO, str("a\xff"), {{str("k\xc3"), str("\xed\xa0\x80")}});
  CHECK(l.records.last() == "info orders none a\\xff k\\xc3=\\xed\\xa0\\x80");
}

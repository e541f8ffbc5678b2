// Loaded modules: from the store's copy to destroy, without a lifecycle around them.
#include "loader/loader.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <optional>
#include <thread>

#include "abi/instance.hpp"
#include "abi/notifier.hpp"
#include "base/clock.hpp"
#include "process.hpp"
#include "tenon/calls.h"
#include "tenon/config.h"
#include "tenon/log.h"

using namespace tenon::host;
using tenon::test::lines_of;
using tenon::test::read_file;
using tenon::test::TempDir;

namespace {

std::int64_t in_a_minute() { return monotonic_ns() + 60'000'000'000; }

Value config_of(std::initializer_list<std::pair<const char*, const char*>> fail, const std::string& trace) {
  ValueMap map, actions;
  for (const auto& [phase, action] : fail) actions.set(phase, Value(std::string(action)));
  map.set("trace", Value(trace));
  map.set("fail", Value(std::move(actions)));
  map.set("live_value", Value(std::string("first")));
  return Value(std::move(map));
}

struct Loading {
  TempDir dir;
  std::string trace = dir / "trace";
  LogCore log;
  HostContext host{log, "1.0.0", make_uuid()};
  CodeRanges ranges;
  ModuleStore store = [this] {
    auto opened = ModuleStore::open(dir.path());
    REQUIRE(opened);
    return std::move(*opened);
  }();
  int after_loads = 0;
  std::optional<Loader> loader;
  std::vector<std::unique_ptr<ModuleInstance>> modules;

  Loading() {
    loader.emplace(host, &store, ranges, LoaderOptions{[this] { ++after_loads; }});
  }

  /// A file of its own for each `number`: bytes behind the last section change the digest and nothing else.
  LoadSpec spec(int number = 0, std::initializer_list<std::pair<const char*, const char*>> fail = {}) const {
    const std::string bytes = read_file(std::string(TENON_TEST_FIXTURES) + "/modules/libalpha.so") + "#" + std::to_string(number);
    LoadSpec s;
    s.expected = {"alpha", "1.0.0", {{TENON_LOG, false}, {TENON_CONFIG, false}, {TENON_CALLS, false}}, {"runnable"}};
    s.file = {"alpha", dir.write("plugins/lib" + std::to_string(number) + ".so", bytes), bytes.size(),
              sha256(std::as_bytes(std::span(bytes.data(), bytes.size())))};
    s.build_id = "ab" + std::to_string(number);
    s.config = std::make_shared<const Value>(config_of(fail, trace));
    s.may_change = [](std::string_view path) { return path == "live_value"; };
    return s;
  }
  void prepare(std::vector<LoadSpec> specs) {
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < specs.size(); ++i) order.push_back(i);
    modules = loader->prepare(std::move(specs), order);
  }
  Outcome run(Phase phase, std::size_t i = 0) { return modules[i]->run(phase, in_a_minute()); }
  void live(std::size_t i = 0) {
    for (const Phase phase : {Phase::load, Phase::create, Phase::init, Phase::start}) {
      const Outcome o = run(phase, i);
      REQUIRE_MESSAGE(o.kind == Outcome::Kind::done, o.error.message);
    }
  }
  [[nodiscard]] bool traced(const std::string& line) const {
    for (const std::string& l : lines_of(read_file(trace)))
      if (l == line) return true;
    return false;
  }
};

}  // namespace

TEST_CASE("loader: one life, from the store's copy") {
  Loading l;
  l.prepare({l.spec()});
  CHECK(l.modules.size() == 1);
  CHECK(read_file(l.dir / "plugins/lib0.so").size() > 1000);
  REQUIRE(l.run(Phase::load).kind == Outcome::Kind::done);
  l.dir.write("plugins/lib0.so", "overwritten");  // the copy is what runs
  CHECK(l.after_loads == 1);
  ModuleInstance& m = *l.modules[0];
  CHECK(m.has(Phase::start));
  CHECK_FALSE(m.has(Phase::pre_init));
  CHECK(m.holders().empty());
  for (const Phase phase : {Phase::create, Phase::init, Phase::start, Phase::stop, Phase::destroy})
    CHECK(l.run(phase).kind == Outcome::Kind::done);
  for (const char* phase : {"create", "init", "start", "stop", "destroy"}) CHECK(l.traced(std::string("alpha ") + phase + " leave"));
}

TEST_CASE("loader: a file that changed since it was examined is never opened") {
  Loading l;
  LoadSpec spec = l.spec();
  l.dir.write("plugins/lib0.so", "something else");
  l.prepare({std::move(spec)});
  const Outcome o = l.run(Phase::load);
  CHECK(o.error.reason == "FILE_CHANGED");
  CHECK(l.after_loads == 0);
}

TEST_CASE("loader: what the dynamic loader refuses, and what has no descriptor, is an error with its words") {
  Loading l;
  LoadSpec text = l.spec();
  text.trusted = true;
  text.file.source_path = l.dir.write("libtext.so", "no ELF");
  LoadSpec missing = l.spec();
  missing.trusted = true;
  missing.file.source_path = l.dir / "missing.so";
  LoadSpec liar = l.spec(1);
  liar.expected.version = "2.0.0";
  l.prepare({std::move(text), std::move(missing), std::move(liar)});
  CHECK(l.run(Phase::load, 0).error.message.find("the dynamic loader refuses it") == 0);
  CHECK(l.run(Phase::load, 1).error.message.find("cannot open shared object file") != std::string::npos);
  CHECK(l.run(Phase::load, 2).error.message == "field `version`: the manifest says 2.0.0, the descriptor says 1.0.0");
  CHECK(l.after_loads == 3);  // also a refused file may have run constructors
  CHECK_FALSE(l.traced("alpha create enter"));
}

TEST_CASE("loader: many copies prepared in the background, one that changed fails alone, its code is found by address") {
  Loading l;
  std::vector<LoadSpec> specs;
  for (int i = 0; i < 20; ++i) specs.push_back(l.spec(i));
  l.dir.write("plugins/lib7.so", "changed");
  l.prepare(std::move(specs));
  for (std::size_t i = 0; i < 20; ++i) {
    CAPTURE(i);
    CHECK(l.run(Phase::load, i).kind == (i == 7 ? Outcome::Kind::failed : Outcome::Kind::done));
  }
  CHECK(l.after_loads == 19);
  l.modules.clear();
  l.loader.reset();  // what was never created needs no destroy
}

TEST_CASE("loader: given up before anything was loaded") {
  Loading l;
  std::vector<LoadSpec> specs;
  for (int i = 0; i < 20; ++i) specs.push_back(l.spec(i));
  l.prepare(std::move(specs));
  CHECK(l.modules[3]->holders().empty());
  l.modules[3]->cancel(0);
  l.modules[3]->abandon(Phase::load);
}

TEST_CASE("loader: a create that fails leaves nothing registered, and a live change reaches who runs") {
  Loading l;
  l.prepare({l.spec(0, {{"create", "error"}}), l.spec(1)});
  REQUIRE(l.run(Phase::load, 0).kind == Outcome::Kind::done);
  CHECK(l.run(Phase::create, 0).error.reason == "TOLD_TO_FAIL");
  l.live(1);
  Value next = config_of({}, l.trace);
  next.as_map()->set("live_value", Value(std::string("second")));
  CHECK(l.modules[1]->configure({next, {"live_value"}}, in_a_minute()).kind == Outcome::Kind::done);
  CHECK(l.traced("alpha changed changed second"));
  CHECK(l.run(Phase::stop, 1).kind == Outcome::Kind::done);
  CHECK(l.modules[1]->configure({next, {"live_value"}}, in_a_minute()).kind == Outcome::Kind::done);  // revoked: nobody is told
  CHECK(l.run(Phase::destroy, 1).kind == Outcome::Kind::done);
}

TEST_CASE("loader: a stop that is deferred is waited for, without a limit too") {
  Loading l;
  l.prepare({l.spec(0, {{"stop", "complete"}})});
  l.live();
  CHECK(l.modules[0]->run(Phase::stop, no_deadline).kind == Outcome::Kind::done);
  CHECK(l.run(Phase::destroy).kind == Outcome::Kind::done);
}

TEST_CASE("loader: who is still inside is named and pins the module, what it can reach is never freed") {
  Loading l;
  l.prepare({l.spec(0, {{"changed", "wait"}})});
  l.live();
  Value next = config_of({{"changed", "wait"}}, l.trace);
  next.as_map()->set("live_value", Value(std::string("second")));
  std::thread([module = l.modules[0].get(), next] { module->configure({next, {"live_value"}}, no_deadline); }).detach();
  REQUIRE(tenon::test::eventually([&] { return !l.modules[0]->holders().empty() && l.traced("alpha changed enter"); }));
  CHECK(l.modules[0]->holders().front().find("in configure") != std::string::npos);
  const Outcome o = l.modules[0]->run(Phase::destroy, monotonic_ns() + 20'000'000);
  CHECK(o.error.reason == "PINNED");
  CHECK(o.error.message.find("in configure") != std::string::npos);
  CHECK_FALSE(l.traced("alpha destroy enter"));
  // The waiting thread keeps its module, its call and what it waits on: freeing them here would hang or crash.
  l.modules.clear();
  l.loader.reset();
}

TEST_CASE("loader: what a module is still to be told comes before destroy, or keeps it from being destroyed") {
  std::promise<void> other_is_done;
  Loading l;
  Instance* instance = nullptr;
  LoadSpec spec = l.spec();
  spec.may_change = [&](std::string_view path) {
    instance = static_cast<Instance*>(current_frame()->owner.load());
    return path == "live_value";
  };
  l.prepare({std::move(spec)});
  l.live();
  REQUIRE(instance != nullptr);
  l.host.notifier().post(nullptr, [until = other_is_done.get_future().share()] { until.wait(); });
  std::atomic<int> told{0};
  l.host.notifier().post(instance, [&] {
    const GateEntry entry(*instance, Phase::stop, ThreadTag::other, nullptr, Gate::State::draining);
    if (entry && !l.traced("alpha destroy enter")) ++told;
  });
  CHECK(l.modules[0]->run(Phase::stop, monotonic_ns() + 20'000'000).kind == Outcome::Kind::done);
  CHECK(told == 0);
  bool in_time = false;
  SUBCASE("in time") { in_time = true; }
  SUBCASE("too late") {}
  if (in_time) {
    other_is_done.set_value();
    CHECK(l.run(Phase::destroy).kind == Outcome::Kind::done);
    CHECK(l.traced("alpha destroy leave"));
  } else {
    const Outcome o = l.modules[0]->run(Phase::destroy, monotonic_ns() + 20'000'000);
    CHECK(o.error.reason == "PINNED");
    CHECK(o.error.message.find("still to be told") != std::string::npos);
    CHECK_FALSE(l.traced("alpha destroy enter"));
    l.modules.clear();
    l.loader.reset();
    other_is_done.set_value();
    CHECK(l.host.notifier().flush(instance, in_a_minute()));  // what is told late finds its instance
  }
  CHECK(told == 1);
}

// The fake host finds what a real one would not let pass.
#include <doctest/doctest.h>

#include <string>
#include <tenon/testing.hpp>
#include <thread>

using namespace std::chrono_literals;
using tenon::Status;
using tenon::testing::Config;
using tenon::testing::Host;
using tenon::testing::Value;

namespace {

tenon_status returns_pending(void*, tenon_call*, tenon_error*) noexcept { return TENON_PENDING; }
tenon_status returns_nonsense(void*, tenon_call*, tenon_error*) noexcept { return 77; }

const tenon_calls* calls_of(tenon_ctx* ctx) { return static_cast<const tenon_calls*>(ctx->host->query(ctx, TENON_STR(TENON_CALLS))); }

/// What a module in C keeps.
struct C {
  tenon_ctx* ctx;
  tenon_id id;
};
tenon_status create(tenon_ctx* ctx, tenon_call*, void** self, tenon_error*) noexcept {
  *self = new C{ctx, 0};
  return TENON_OK;
}
void destroy(void* self) noexcept { delete static_cast<C*>(self); }
tenon_status defers(void* self, tenon_call* call, tenon_error*) noexcept {
  auto& c = *static_cast<C*>(self);
  return calls_of(c.ctx)->defer(call, &c.id) == TENON_OK ? TENON_PENDING : TENON_FAILED_PRECONDITION;
}
tenon_status defers_and_returns_ok(void* self, tenon_call* call, tenon_error* err) noexcept {
  return defers(self, call, err) == TENON_PENDING ? TENON_OK : TENON_INTERNAL;
}

TENON_NEED(needs_calls, TENON_CALLS, tenon_calls, on_cancel);
const tenon_need* const needs[] = {&needs_calls};

tenon_lifecycle plain() {
  tenon_lifecycle l{};
  l.struct_size = sizeof l;
  l.create = create;
  l.destroy = destroy;
  return l;
}
tenon_module module_with(const tenon_lifecycle& lifecycle) {
  tenon_module m{};
  m.struct_size = sizeof m;
  m.name = TENON_STR("c");
  m.version = TENON_STR("1.0.0");
  m.needs = needs;
  m.need_count = 1;
  m.lifecycle = &lifecycle;
  return m;
}

struct NeedsConfig {
  using needs = tenon::needs<tenon::Config>;
};

}  // namespace

TEST_CASE("PENDING without defer") {
  tenon_lifecycle l = plain();
  l.start = returns_pending;
  const tenon_module m = module_with(l);
  Host host(m);
  CHECK(host.boot().code() == TENON_INTERNAL);
  REQUIRE(host.finish().size() == 1);
  CHECK(host.problems()[0] == "`start` returned PENDING without having deferred its call");
}

TEST_CASE("a status that is none") {
  tenon_lifecycle l = plain();
  l.init = returns_nonsense;
  const tenon_module m = module_with(l);
  Host host(m);
  CHECK(host.boot().code() == TENON_UNKNOWN);
  CHECK(host.finish() == std::vector<std::string>{"`init` returned the status 77"});
}

TEST_CASE("only start and stop may defer") {
  tenon_lifecycle l = plain();
  l.init = defers;
  const tenon_module m = module_with(l);
  Host host(m);
  CHECK(host.boot().code() == TENON_FAILED_PRECONDITION);
}

TEST_CASE("double completion, stale ids and calls never completed") {
  tenon_lifecycle l = plain();
  l.start = defers;
  const tenon_module m = module_with(l);
  SUBCASE("twice") {
    Host host(m);
    REQUIRE(host.create().ok());
    REQUIRE(host.start().is_pending());
    const tenon_calls* calls = calls_of(host.ctx());
    const tenon_id id = static_cast<C*>(host.self())->id;
    CHECK(calls->id_cancelled(host.ctx(), id) == 0);
    CHECK(calls->complete(host.ctx(), id, TENON_OK, nullptr, nullptr) == TENON_OK);
    CHECK(calls->complete(host.ctx(), id, TENON_OK, nullptr, nullptr) == TENON_NOT_FOUND);
    CHECK(calls->complete(host.ctx(), 4711, TENON_OK, nullptr, nullptr) == TENON_NOT_FOUND);
    CHECK(calls->id_cancelled(host.ctx(), id) == 1);
    CHECK(calls->id_cancelled(host.ctx(), 4711) == 1);
    CHECK(calls->on_cancel(
              host.ctx(), id, [](void*, tenon_status) noexcept {}, nullptr) == TENON_NOT_FOUND);
    CHECK(host.completion().ok());
    CHECK(host.finish() == std::vector<std::string>{"a deferred call was completed twice"});
  }
  SUBCASE("never") {
    Host host(m);
    REQUIRE(host.create().ok());
    REQUIRE(host.start().is_pending());
    CHECK(host.completion(1ms).code() == TENON_DEADLINE_EXCEEDED);
    CHECK(host.finish() == std::vector<std::string>{"a deferred call was never completed"});
  }
  SUBCASE("the call's own deadline counts") {
    Host host(m);
    REQUIRE(host.create().ok());
    host.set_deadline(1ms);
    REQUIRE(host.start().is_pending());
    CHECK(host.completion().code() == TENON_DEADLINE_EXCEEDED);
    CHECK(calls_of(host.ctx())->id_cancelled(host.ctx(), static_cast<C*>(host.self())->id) == 1);
  }
}

TEST_CASE("deferred, and then another status: it ends the call") {
  tenon_lifecycle l = plain();
  l.start = defers_and_returns_ok;
  const tenon_module m = module_with(l);
  Host host(m);
  REQUIRE(host.create().ok());
  CHECK(host.start().ok());
  CHECK(calls_of(host.ctx())->complete(host.ctx(), static_cast<C*>(host.self())->id, TENON_OK, nullptr, nullptr) == TENON_NOT_FOUND);
  CHECK(host.finish().empty());
}

TEST_CASE("an entry with several modules") {
  const tenon_lifecycle l = plain();
  tenon_module a = module_with(l), b = module_with(l);
  b.name = TENON_STR("other");
  const tenon_module* const modules[] = {&a, &b};
  const tenon_entry entry = {TENON_MAGIC, sizeof(tenon_entry), 1, 0, modules, 2};
  CHECK(Host(entry).create().ok());
  CHECK(Host(entry, {}, "other").create().ok());
  CHECK_THROWS_AS(Host(entry, {}, "third"), std::invalid_argument);
}

namespace {

struct Checking {
  using needs = tenon::needs<tenon::if_offered<tenon::Check>, tenon::Log>;
  tenon::Ctx ctx;
  tenon::Check check{ctx};
  tenon::Log log{ctx};
  std::vector<std::int32_t> seen;
  void look() {
    seen.push_back(check.phase());
    seen.push_back(check.thread());
  }
  void init() { look(); }
  void start() {
    look();
    std::thread([this] { look(); }).join();
  }
  void stop() {
    look();
    check.that(seen.empty(), "STILL_BUSY", "something is left");
  }
};

}  // namespace

TEST_CASE("tenon.check knows phase and thread, and collects violations") {
  Host host = Host::of<Checking>();
  REQUIRE(host.boot().ok());
  auto& m = host.object<Checking>();
  m.look();  // the test is no callback
  REQUIRE(host.stop().ok());
  CHECK(m.seen == std::vector<std::int32_t>{TENON_PHASE_INIT, TENON_THREAD_CONTROL, TENON_PHASE_START, TENON_THREAD_CONTROL,
                                            TENON_PHASE_START, TENON_THREAD_OTHER, TENON_PHASE_RUN, TENON_THREAD_OTHER, TENON_PHASE_STOP,
                                            TENON_THREAD_CONTROL});
  CHECK(host.violations() == std::vector<std::string>{"STILL_BUSY: something is left"});
}

TEST_CASE("a host without tenon.check") {
  Host host = Host::of<Checking>();
  host.withhold(TENON_CHECK);
  REQUIRE(host.boot().ok());
  CHECK_FALSE(host.object<Checking>().check);
  CHECK(host.stop().ok());
  CHECK(host.violations().empty());
  CHECK(host.finish().empty());
}

TEST_CASE("log lines of other threads can be waited for") {
  Host host = Host::of<Checking>();
  REQUIRE(host.create().ok());
  const auto& log = host.object<Checking>().log;
  std::thread t([&] {
    for (int i = 0; i < 3; ++i) log.info("tick", "i", i);
  });
  CHECK(host.wait_for_log("tick", 3));
  t.join();
  CHECK_FALSE(host.wait_for_log("tock", 1, 1ms));
  host.clear_log();
  CHECK(host.log().empty());
}

TEST_CASE("configuration from JSON text") {
  const Config c =
      Config::parse(R"( {"a": [1, -2.5e1, true, null, "x\n\"\u00e4\u20ac"], "b": {"c": 9223372036854775807}, "e": {}, "l": []} )");
  CHECK(c.at("a.0")->integer() == 1);
  CHECK(c.at("a.1")->real() == -25.0);
  CHECK(c.at("a.4")->text() == "x\n\"\u00e4\u20ac");
  CHECK(c.at("b.c")->integer() == std::numeric_limits<std::int64_t>::max());
  CHECK(c.at("a.5") == nullptr);
  CHECK(c.at("b.c.d") == nullptr);
  CHECK(c.at("e")->kind() == Value::Kind::map);
  CHECK(Config::parse(c.json()) == c);
  for (const char* bad : {"", "{", "[]", "1", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1 \"b\":2}", "{\"a\":tru}", "{\"a\":1.2.3}",
                          "{\"a\":\"x}", "{} x", "{\"a\":\"\\u12\"}", "{\"a\":\"\\ud800\"}", "{a:1}", "{\"a\":-}"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(Config::parse(bad), std::invalid_argument);
  }
  CHECK_THROWS_AS(Config::parse("{\"a\":" + std::string(100, '[')), std::invalid_argument);
}

TEST_CASE("durations and sizes as text") {
  std::int64_t ns = 0;
  for (const auto& pair : std::initializer_list<std::pair<const char*, std::int64_t>>{{"5s", 5'000'000'000},
                                                                                      {"250ms", 250'000'000},
                                                                                      {"1h30m", 5'400'000'000'000},
                                                                                      {"1.5s", 1'500'000'000},
                                                                                      {"0s", 0},
                                                                                      {"7ns", 7},
                                                                                      {"9007199254740993ns", 9'007'199'254'740'993},
                                                                                      {"0.000000001s", 1},
                                                                                      {"9223372036854775807ns", INT64_MAX},
                                                                                      {"1d2h3m4s5ms6us7ns", 93'784'005'006'007}}) {
    const char* const text = pair.first;  // clang 14 captures no structured binding
    const std::int64_t expected = pair.second;
    CAPTURE(text);
    CHECK(tenon::testing::detail::parse_duration(text, ns));
    CHECK(ns == expected);
  }
  for (const char* bad : {"", "5", "s", "-1s", "1x", "1 s", "1..5s", "1.2.3s", ".s", "400000d", "5.s", "30m1h", "1s2s", "0.1ns",
                          "0.0000000001s", "1.5", "+1s", "9223372036854775808ns", "1h 2m"}) {
    CAPTURE(bad);
    CHECK_FALSE(tenon::testing::detail::parse_duration(bad, ns));
  }
  std::uint64_t bytes = 0;
  CHECK(tenon::testing::detail::parse_size("16MiB", bytes));
  CHECK(bytes == 16U << 20U);
  CHECK(tenon::testing::detail::parse_size("4kB", bytes));
  CHECK(bytes == 4000);
  CHECK(tenon::testing::detail::parse_size("18446744073709551615B", bytes));
  CHECK(bytes == UINT64_MAX);
  CHECK(tenon::testing::detail::parse_size("1.5KiB", bytes));
  CHECK(bytes == 1536);
  for (const char* bad : {"", "0.1B", "18446744073709551616B", "17179869184GiB", "1B1B"})
    CHECK_FALSE(tenon::testing::detail::parse_size(bad, bytes));
  CHECK_FALSE(tenon::testing::detail::parse_size("4", bytes));
  CHECK_FALSE(tenon::testing::detail::parse_size("1MiB1KiB", bytes));
}

TEST_CASE("what is not stopped and destroyed by the test is so by the host") {
  static std::string order;
  struct Module {
    ~Module() { order += " destroyed"; }
    void start() {}
    void stop() { order += "stopped"; }
  };
  order.clear();
  { REQUIRE(Host::of<Module>().boot().ok()); }
  CHECK(order == "stopped destroyed");
  order.clear();
  { REQUIRE(Host::of<Module>().create().ok()); }
  CHECK(order == " destroyed");  // start was not called: no stop
}

TEST_CASE("the manifest's defaults apply when they are given, below the configuration") {
  const auto number = [](Host& host, const char* path) {
    REQUIRE(host.create().ok());
    const auto* config = static_cast<const tenon_config*>(host.ctx()->host->query(host.ctx(), TENON_STR(TENON_CONFIG)));
    std::int64_t out = -1;
    return config->require_i64(host.ctx(), tenon::to_c(path), &out, nullptr) == TENON_OK ? out : -1;
  };
  const Config defaults = {{"a", 1}, {"tree", Config{{"b", 2}, {"c", 3}}}};
  const auto with = [&](Config config, const char* path) {
    Host host = Host::of<NeedsConfig>(std::move(config), defaults);
    return number(host, path);
  };
  CHECK(with({}, "a") == 1);
  CHECK(with({{"a", 5}}, "a") == 5);
  CHECK(with({{"tree", Config{{"b", 7}}}}, "tree.b") == 7);
  CHECK(with({{"tree", Config{{"b", 7}}}}, "tree.c") == 3);
  CHECK(with({{"tree", 4}}, "tree") == 4);
  CHECK(with({{"d", 9}}, "d") == 9);
  CHECK(with({}, "d") == -1);
}

namespace {

/// Registers wherever create may, and fails then.
struct FailsLate {
  using needs = tenon::needs<tenon::Config, tenon::State, tenon::Events, tenon::Tasks, tenon::Calls, tenon::Container>;
  static inline int alive = 0;
  struct Counted {
    Counted() { ++alive; }
    Counted(const Counted&) { ++alive; }
    Counted(Counted&&) noexcept { ++alive; }
    ~Counted() { --alive; }
  };
  explicit FailsLate(tenon::Ctx ctx) {
    (void)tenon::Config(ctx).on_change("a", [c = Counted()](std::string_view) {}).value();
    (void)tenon::State(ctx).open("under_test").value().watch("", [c = Counted()](const tenon::StateChanges&) {}).value();
    (void)tenon::Events(ctx).subscribe("a.b", [c = Counted()](const tenon::Event&) {}).value();
    (void)tenon::Tasks(ctx).post([c = Counted()] {}).value();
    registered = alive;
    (void)tenon::Config(ctx).require<int>("absent").value();
  }
  static inline int registered = 0;
};

}  // namespace

TEST_CASE("what a create that fails has registered is released") {
  Host host = Host::of<FailsLate>();
  CHECK(host.boot().code() == TENON_NOT_FOUND);
  CHECK(FailsLate::registered == 4);
  CHECK(FailsLate::alive == 0);
  CHECK(host.create().code() == TENON_FAILED_PRECONDITION);  // it was run
  CHECK(host.finish().empty());
}

// tenon.config/1: getters over hostile arguments, views that stay, and subscriptions to live values.
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

Value sample() {
  ValueMap map, nested;
  nested.set("port", Value(std::int64_t{8080}));
  map.set("yes", Value(true));
  map.set("count", Value(std::int64_t{42}));
  map.set("ratio", Value(0.5));
  map.set("name", Value(std::string("orders")));
  map.set("after", Value(std::string("1500ms")));
  map.set("room", Value(std::string("16MiB")));
  map.set("nothing", Value());
  map.set("list", Value(ValueList{Value(nested), Value(std::string("second"))}));
  return Value(std::move(map));
}

struct Configured {
  World world;
  Instance instance;
  const tenon_config& config;
  explicit Configured(Value value = sample())
      : instance(world.host,
                 [&value] {
                   InstanceOptions o = options_of("orders");
                   o.config = std::make_shared<const Value>(std::move(value));
                   return o;
                 }()),
        config(table_of<tenon_config>(instance, TENON_CONFIG)) {}
  tenon_ctx* ctx() { return instance.ctx(); }
};

/// A subscriber that writes down the paths it was told.
struct Subscriber {
  std::vector<std::string> told;
  Counter released;
  std::function<void(tenon_call*)> inside;
  tenon_status answer = TENON_OK;
};
tenon_status changed(void* data, tenon_call* call, tenon_str path, tenon_error* err) noexcept {
  auto* s = static_cast<Subscriber*>(data);
  s->told.emplace_back(view(path));
  if (s->inside) s->inside(call);
  if (s->answer != TENON_OK) std::strcpy(err->message, "told to fail");
  return s->answer;
}
void release(void* data) noexcept { static_cast<Subscriber*>(data)->released.add(); }

tenon_status subscribe(Configured& c, std::string_view path, Subscriber& s, tenon_id* id = nullptr, tenon_error* e = nullptr) {
  tenon_id unused = 0;
  return c.config.on_change(c.ctx(), str(path), &changed, &s, &release, id != nullptr ? id : &unused, e);
}

ConfigChange change_of(std::vector<std::string> paths) { return {sample(), std::move(paths)}; }

}  // namespace

TEST_CASE("config: every getter reads its type") {
  Configured c;
  tenon_ctx* x = c.ctx();
  std::int32_t b = -1;
  std::int64_t i = -1, ns = -1;
  double d = -1;
  std::uint64_t bytes = 1;
  std::size_t n = 99;
  tenon_str s{};
  CHECK((c.config.require_bool(x, str("yes"), &b, nullptr) == TENON_OK && b == 1));
  CHECK((c.config.require_i64(x, str("list.0.port"), &i, nullptr) == TENON_OK && i == 8080));
  CHECK((c.config.require_f64(x, str("count"), &d, nullptr) == TENON_OK && d == 42));
  CHECK((c.config.require_str(x, str("list.1"), &s, nullptr) == TENON_OK && view(s) == "second"));
  CHECK((c.config.require_duration(x, str("after"), &ns, nullptr) == TENON_OK && ns == 1'500'000'000));
  CHECK((c.config.require_size(x, str("room"), &bytes, nullptr) == TENON_OK && bytes == 16U << 20U));
  CHECK((c.config.json(x, str("list"), &s, nullptr) == TENON_OK && view(s) == R"([{"port":8080},"second"])"));
  CHECK((c.config.count(x, {nullptr, 0}, &n, nullptr) == TENON_OK && n == 8));  // an empty view may be null
  CHECK(c.config.has(x, str("list.0.port")) == 1);
  for (const char* absent : {"nothing", "no.such", "list.2", "list.-1", "list.99999999999999999999", ".", "count.x", "name."})
    CHECK(c.config.has(x, str(absent)) == 0);
}

TEST_CASE("config: absent is NOT_FOUND or the fallback, another type is INVALID_ARGUMENT, nothing is written but on OK") {
  Configured c;
  tenon_ctx* x = c.ctx();
  std::int64_t i = -1;
  tenon_str s = str("untouched");
  tenon_error e = fresh_error();
  for (const char* absent : {"nothing", "no.such"}) {
    CHECK(c.config.require_i64(x, str(absent), &i, &e) == TENON_NOT_FOUND);
    CHECK(e.status == TENON_NOT_FOUND);
    CHECK(std::string_view(e.reason) == "CONFIG_MISSING");
    CHECK(std::string_view(e.message).find(absent) != std::string_view::npos);
    CHECK(i == -1);
    CHECK((c.config.optional_i64(x, str(absent), 7, &i, &e) == TENON_OK && i == 7));
    i = -1;
  }
  CHECK(c.config.require_i64(x, str("name"), &i, &e) == TENON_INVALID_ARGUMENT);
  CHECK(std::string_view(e.message) == "configuration `name` is a string, asked for an integer");
  CHECK(c.config.optional_i64(x, str("name"), 7, &i, &e) == TENON_INVALID_ARGUMENT);
  CHECK(c.config.optional_str(x, str("count"), str("fallback"), &s, &e) == TENON_INVALID_ARGUMENT);
  CHECK(i == -1);
  CHECK(view(s) == "untouched");
  CHECK((c.config.optional_str(x, str("no"), str("fallback"), &s, nullptr) == TENON_OK && view(s) == "fallback"));
  std::int32_t b = 0;
  double d = 0;
  std::int64_t ns = 0;
  std::uint64_t bytes = 0;
  CHECK((c.config.optional_bool(x, str("no"), 1, &b, nullptr) == TENON_OK && b == 1));
  CHECK((c.config.optional_f64(x, str("no"), 2.5, &d, nullptr) == TENON_OK && d == 2.5));
  CHECK((c.config.optional_duration(x, str("no"), 9, &ns, nullptr) == TENON_OK && ns == 9));
  CHECK((c.config.optional_size(x, str("no"), 10, &bytes, nullptr) == TENON_OK && bytes == 10));
}

TEST_CASE("config: null pointers and views that cannot be are INVALID_ARGUMENT") {
  Configured c;
  tenon_ctx* x = c.ctx();
  std::int64_t i = 3;
  tenon_id id = 0;
  const auto fn = &changed;
  tenon_error e = fresh_error();
  CHECK(c.config.require_i64(nullptr, str("count"), &i, &e) == TENON_INVALID_ARGUMENT);
  CHECK(std::string_view(e.reason) == "NULL_ARGUMENT");
  CHECK(c.config.require_i64(x, str("count"), nullptr, &e) == TENON_INVALID_ARGUMENT);
  CHECK(c.config.has(nullptr, str("count")) == 0);
  CHECK(c.config.on_change(nullptr, str("live"), fn, nullptr, nullptr, &id, &e) == TENON_INVALID_ARGUMENT);
  CHECK(c.config.on_change(x, str("live"), nullptr, nullptr, nullptr, &id, &e) == TENON_INVALID_ARGUMENT);
  CHECK(c.config.on_change(x, str("live"), fn, nullptr, nullptr, nullptr, &e) == TENON_INVALID_ARGUMENT);
  CHECK(c.config.unsubscribe(nullptr, 1) == TENON_INVALID_ARGUMENT);
  for (const tenon_str& path : impossible) {
    CAPTURE(path.len);
    CHECK(c.config.has(x, path) == 0);
    CHECK(c.config.require_i64(x, path, &i, &e) == TENON_INVALID_ARGUMENT);
    CHECK(c.config.optional_i64(x, path, 1, &i, nullptr) == TENON_INVALID_ARGUMENT);
    run_as(c.instance, Phase::create,
           [&](tenon_call*, tenon_error*) { CHECK(c.config.on_change(x, path, fn, nullptr, nullptr, &id, &e) == TENON_INVALID_ARGUMENT); });
  }
  CHECK(i == 3);
  CHECK(id == 0);
}

TEST_CASE("config: paths of any length and bytes are looked up and quoted safely") {
  Configured c;
  std::int64_t i = 3;
  const std::string longest(1 << 20, 'x'), dots(1 << 20, '.');
  for (const std::string& path : {longest, dots, std::string("\xff\xfe\n\x1b[2J"), std::string("\0count", 6)}) {
    tenon_error e = fresh_error();
    CHECK(c.config.require_i64(c.ctx(), str(path), &i, &e) == TENON_NOT_FOUND);
    CHECK(std::string_view(e.message).find_first_of("\n\x1b\xff") == std::string_view::npos);
    CHECK(e.message_len == std::strlen(e.message));
  }
  CHECK(i == 3);
}

TEST_CASE("config: views handed out live as long as ctx, also after values changed") {
  Configured c;
  tenon_str name{}, json{};
  REQUIRE(c.config.require_str(c.ctx(), str("name"), &name, nullptr) == TENON_OK);
  REQUIRE(c.config.json(c.ctx(), str("list"), &json, nullptr) == TENON_OK);
  for (int i = 0; i < 100; ++i) {
    ValueMap map;
    map.set("name", Value("name " + std::to_string(i)));
    c.instance.config().replace(Value(std::move(map)));
    tenon_str now{};
    REQUIRE(c.config.require_str(c.ctx(), str("name"), &now, nullptr) == TENON_OK);
    CHECK(view(now) == "name " + std::to_string(i));
    CHECK(c.config.json(c.ctx(), str("list"), &now, nullptr) == TENON_NOT_FOUND);
  }
  CHECK(view(name) == "orders");
  CHECK(view(json) == R"([{"port":8080},"second"])");
}

TEST_CASE("config: readers see one snapshot while values change") {
  Configured c;
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done.load()) {
      tenon_str all{};
      std::int64_t count = 0;
      REQUIRE(c.config.json(c.ctx(), str(""), &all, nullptr) == TENON_OK);
      CHECK((view(all) == R"({"a":1,"b":1})" || view(all) == R"({"a":2,"b":2})" || view(all).starts_with(R"({"yes")")));
      static_cast<void>(c.config.optional_i64(c.ctx(), str("a"), 0, &count, nullptr));
      CHECK((count >= 0 && count <= 2));
    }
  });
  for (std::int64_t i = 0; i < 2000; ++i) {
    ValueMap map;
    map.set("a", Value(1 + i % 2));
    map.set("b", Value(1 + i % 2));
    c.instance.config().replace(Value(std::move(map)));
  }
  done.store(true);
  reader.join();
}

TEST_CASE("on_change: in create and init only, for live paths only") {
  Configured c;
  Subscriber s;
  for (const Phase phase : {Phase::none, Phase::load, Phase::post_init, Phase::start, Phase::run, Phase::stop, Phase::destroy}) {
    CAPTURE(phase_name(phase));
    c.instance.set_phase(phase);
    tenon_error e = fresh_error();
    CHECK(subscribe(c, "live", s, nullptr, &e) == TENON_FAILED_PRECONDITION);
    CHECK(std::string_view(e.reason) == "WRONG_PHASE");
  }
  for (const Phase phase : {Phase::create, Phase::pre_init, Phase::init}) {
    c.instance.set_phase(phase);
    tenon_error e = fresh_error();
    CHECK(subscribe(c, "live." + std::string(phase_name(phase)), s) == TENON_OK);
    CHECK(subscribe(c, "", s) == TENON_OK);  // everything
    CHECK(subscribe(c, "dead\n", s, nullptr, &e) == TENON_FAILED_PRECONDITION);
    CHECK(std::string_view(e.reason) == "NOT_LIVE");
    CHECK(std::string_view(e.message).find('\n') == std::string_view::npos);
  }
}

TEST_CASE("on_change: the same again is the same, another module's number, a stale one and nobody's are NOT_FOUND") {
  Configured c;
  Subscriber s, other;
  c.instance.set_phase(Phase::init);
  tenon_id first = 0, again = 0, second = 0;
  REQUIRE(subscribe(c, "live.a", s, &first) == TENON_OK);
  CHECK(subscribe(c, "live.a", s, &again) == TENON_OK);
  CHECK(again == first);
  CHECK(subscribe(c, "live.a", other, &second) == TENON_OK);
  CHECK(second != first);
  Instance thief(c.world.host, options_of("thief"));
  CHECK(c.config.unsubscribe(thief.ctx(), first) == TENON_NOT_FOUND);
  CHECK(c.config.unsubscribe(c.ctx(), 0) == TENON_NOT_FOUND);
  CHECK(c.config.unsubscribe(c.ctx(), UINT64_MAX) == TENON_NOT_FOUND);
  CHECK(c.config.unsubscribe(c.ctx(), first) == TENON_OK);
  CHECK(c.config.unsubscribe(c.ctx(), first) == TENON_NOT_FOUND);
  REQUIRE(s.released.wait_for(1));
  tenon_id third = 0;
  CHECK(subscribe(c, "live.a", s, &third) == TENON_OK);
  CHECK(third != first);
  c.instance.revoke_all();
  CHECK(s.released.value() == 2);
  CHECK(other.released.value() == 1);
}

TEST_CASE("on_change: 256 registrations, and each released once") {
  Configured c;
  Subscriber s;
  c.instance.set_phase(Phase::init);
  tenon_id id = 0;
  for (int i = 0; i < 256; ++i) REQUIRE(subscribe(c, "live." + std::to_string(i), s, &id) == TENON_OK);
  tenon_error e = fresh_error();
  CHECK(subscribe(c, "live.more", s, nullptr, &e) == TENON_RESOURCE_EXHAUSTED);
  CHECK(std::string_view(e.reason) == "TOO_MANY");
  CHECK(subscribe(c, "live.255", s) == TENON_OK);  // known already
  CHECK(c.config.unsubscribe(c.ctx(), id) == TENON_OK);
  CHECK(subscribe(c, "live.more", s) == TENON_OK);
  CHECK(s.released.wait_for(1));
  c.instance.revoke_all();
  c.instance.revoke_all();
  CHECK(s.released.value() == 257);
  CHECK(s.told.empty());
}

TEST_CASE("on_change: nothing can be registered once the instance is leaving") {
  Configured c;
  Subscriber s;
  c.instance.set_phase(Phase::init);
  c.instance.gate().advance(Gate::State::draining);
  tenon_error e = fresh_error();
  CHECK(subscribe(c, "live", s, nullptr, &e) == TENON_UNAVAILABLE);
  CHECK(std::string_view(e.reason) == "CLOSED");
  c.instance.revoke_all();
  CHECK(s.released.value() == 0);
}

TEST_CASE("on_change: a subscriber is told the path it registered, once per change, for what concerns it") {
  Configured c;
  Subscriber all, a, ab, abc, x;
  c.instance.set_phase(Phase::init);
  REQUIRE(subscribe(c, "", all) == TENON_OK);
  REQUIRE(subscribe(c, "live", a) == TENON_OK);
  REQUIRE(subscribe(c, "live.b", ab) == TENON_OK);
  REQUIRE(subscribe(c, "live.b.c", abc) == TENON_OK);
  REQUIRE(subscribe(c, "livex", x) == TENON_OK);
  CHECK(c.instance.deliver(change_of({"live.b"}), no_deadline).kind == Outcome::Kind::done);
  using Paths = std::vector<std::string>;
  CHECK(all.told == Paths{""});
  CHECK(a.told == Paths{"live"});
  CHECK(ab.told == Paths{"live.b"});
  CHECK(abc.told == Paths{"live.b.c"});
  CHECK(x.told.empty());
  CHECK(c.instance.deliver(change_of({"live.b.c", "live.b.d", "livex"}), no_deadline).kind == Outcome::Kind::done);
  CHECK(all.told == Paths{"", ""});
  CHECK(ab.told == Paths{"live.b", "live.b"});
  CHECK(x.told == Paths{"livex"});
  CHECK(c.instance.deliver(change_of({"live.bc"}), no_deadline).kind == Outcome::Kind::done);
  CHECK(ab.told.size() == 2);
  CHECK(a.told.size() == 3);
}

TEST_CASE("on_change: the call carries the deadline, may not be deferred, and a failure stops nobody") {
  Configured c;
  const auto& calls = table_of<tenon_calls>(c.instance, TENON_CALLS);
  const auto& check = table_of<tenon_check>(c.instance, TENON_CHECK);
  Subscriber failing, next;
  failing.answer = TENON_ABORTED;
  const std::int64_t deadline = in_a_minute();
  next.inside = [&](tenon_call* call) {
    tenon_id id = 0;
    CHECK(calls.deadline_ns(call) == deadline);
    CHECK(calls.defer(call, &id) == TENON_FAILED_PRECONDITION);
    CHECK(check.thread(c.ctx()) == TENON_THREAD_CONTROL);
    CHECK(check.phase(c.ctx()) == TENON_PHASE_RUN);
  };
  c.instance.set_phase(Phase::init);
  REQUIRE(subscribe(c, "live", failing) == TENON_OK);
  REQUIRE(subscribe(c, "live", next) == TENON_OK);
  c.instance.set_phase(Phase::run);
  const Outcome o = c.instance.deliver(change_of({"live"}), deadline);
  CHECK(o.error.code == Code::aborted);
  CHECK(o.error.message == "told to fail");
  CHECK(next.told.size() == 1);
}

TEST_CASE("on_change: a callback may unsubscribe itself and others, the release comes later, from elsewhere") {
  Configured c;
  Subscriber first, second;
  tenon_id first_id = 0, second_id = 0;
  c.instance.set_phase(Phase::init);
  REQUIRE(subscribe(c, "live", first, &first_id) == TENON_OK);
  REQUIRE(subscribe(c, "live", second, &second_id) == TENON_OK);
  first.inside = [&](tenon_call*) {
    CHECK(c.config.unsubscribe(c.ctx(), second_id) == TENON_OK);
    CHECK(c.config.unsubscribe(c.ctx(), first_id) == TENON_OK);
  };
  CHECK(c.instance.deliver(change_of({"live"}), no_deadline).kind == Outcome::Kind::done);
  CHECK(second.told.empty());
  CHECK(first.released.wait_for(1));
  CHECK(second.released.wait_for(1));
  CHECK(c.instance.deliver(change_of({"live"}), no_deadline).kind == Outcome::Kind::done);
  CHECK(first.told.size() == 1);
  c.instance.revoke_all();
  CHECK(first.released.value() == 1);
}

TEST_CASE("on_change: what is unsubscribed during its delivery is released when that has returned") {
  Configured c;
  Subscriber s;
  tenon_id id = 0;
  c.instance.set_phase(Phase::init);
  REQUIRE(subscribe(c, "live", s, &id) == TENON_OK);
  const auto unsubscribe = [&] { CHECK(c.config.unsubscribe(c.ctx(), id) == TENON_OK); };
  s.inside = [&](tenon_call*) {
    SUBCASE("by itself") { unsubscribe(); }
    SUBCASE("by another thread") { std::thread(unsubscribe).join(); }
    SUBCASE("by the host") { c.instance.revoke_all(); }
    CHECK(c.config.unsubscribe(c.ctx(), id) == TENON_NOT_FOUND);
    CHECK(c.world.host.notifier().flush(&c.instance, in_a_minute()));
    CHECK(s.released.value() == 0);
  };
  CHECK(c.instance.deliver(change_of({"live"}), no_deadline).kind == Outcome::Kind::done);
  CHECK(s.told.size() == 1);
  CHECK(s.released.value() == 1);
  CHECK(c.instance.deliver(change_of({"live"}), no_deadline).kind == Outcome::Kind::done);
  c.instance.revoke_all();
  CHECK(s.told.size() == 1);
  CHECK(s.released.value() == 1);
}

TEST_CASE("on_change: after a delivery was given up no other subscriber is called") {
  Configured c;
  Subscriber hanging, next;
  hanging.inside = [&](tenon_call*) { c.instance.wedge(); };
  c.instance.set_phase(Phase::init);
  REQUIRE(subscribe(c, "live", hanging) == TENON_OK);
  REQUIRE(subscribe(c, "live", next) == TENON_OK);
  CHECK(c.instance.deliver(change_of({"live"}), no_deadline).kind == Outcome::Kind::failed);
  CHECK(next.told.empty());
}

TEST_CASE("on_change: nothing is delivered into an instance that leaves") {
  Configured c;
  Subscriber s;
  c.instance.set_phase(Phase::init);
  REQUIRE(subscribe(c, "live", s) == TENON_OK);
  c.instance.gate().advance(Gate::State::draining);
  CHECK(c.instance.deliver(change_of({"live"}), no_deadline).kind == Outcome::Kind::failed);
  CHECK(s.told.empty());
  c.instance.gate().advance(Gate::State::closed);
  c.instance.revoke_all();
  CHECK(s.released.value() == 1);  // release comes also when the gate is closed
}

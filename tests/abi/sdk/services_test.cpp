// The wrapper of services, in the fake host: what an author writes, and tests.
#include <doctest/doctest.h>

#include <tenon/testing.hpp>
#include <thread>

using namespace std::chrono_literals;
using tenon::testing::Host;
using tenon::testing::ServiceAnswer;
using tenon::testing::ServiceRequest;

namespace {

class Shop {
 public:
  using needs = tenon::needs<tenon::Calls, tenon::Services>;
  explicit Shop(tenon::Ctx ctx) : services(ctx), calls(ctx), in_create(services.offer("shop.early", nothing)) {}
  tenon::Status init() {
    registration = services.offer("shop.buy", [this](const tenon::Request& q, tenon::Reply& r) { return buy(q, r); }).value();
    services
        .offer("shop.later",
               [this](const tenon::Request&, tenon::Reply&, tenon::Call call) -> tenon::Status {
                 deferred = call.defer().value();
                 CHECK(deferred.on_cancel([this](tenon_status s) noexcept { why.push_back(s); }).ok());
                 return tenon::Status::pending();
               })
        .value();
    services.offer("shop.throws", [](const tenon::Request&, tenon::Reply&) { throw std::runtime_error("no luck"); }).value();
    services
        .offer("shop.reply",
               [this](const tenon::Request& q, tenon::Reply& r, tenon::Call call) {
                 const std::string_view kind = q.text();
                 if (kind == "blob") r.payload(tenon::Blob::adopt(std::string(100'000, 'b')));
                 if (kind == "reserve") r.payload(std::string_view(std::string(2000, 'r')));
                 if (kind == "large") r.payload(std::string_view(std::string(70'000, 'l')));
                 if (kind == "twice") {
                   r.payload(tenon::Blob::adopt(std::string("dropped")));
                   r.payload("kept");
                 }
                 if (kind == "typed") {
                   static const tenon_kv pairs[] = {{TENON_STR("k"), TENON_STR("v")}};
                   r.payload("{}");
                   r.content_type("application/json");
                   r.metadata(pairs, 1);
                 }
                 tenon_call_info info{};
                 info.struct_size = sizeof info;
                 CHECK(services.table()->info(call.raw(), &info) == TENON_OK);
                 caller = tenon::view(info.caller);
                 service = tenon::view(info.service);
                 trace = tenon::view(info.traceparent);
                 left = call.deadline() - tenon::Clock::now();
               })
        .value();
    return {};
  }
  tenon::Status start() {
    in_start = ask("shop.buy", "1").status;
    return {};
  }
  tenon::Status buy(const tenon::Request& q, tenon::Reply& r) {
    tenon::Answer<64> order;
    const tenon::Status got = services.call("orders.get", q.payload(), order);
    if (!got.ok()) return got;
    r.payload("bought " + std::string(order.text()));
    return {};
  }
  ServiceAnswer ask(std::string_view name, std::string_view payload, const tenon::CallOptions& options = {}) const {
    tenon::Answer<16> answer;
    tenon::Status status = services.call(name, tenon::Bytes(payload), answer, options, "text/plain");
    ServiceAnswer out(std::move(status));
    out.payload = answer.text();
    out.content_type = answer.content_type();
    return out;
  }
  static void nothing(const tenon::Request&, tenon::Reply&) {}

  tenon::Services services;
  tenon::Calls calls;
  tenon::Result<tenon_id> in_create;
  tenon_id registration = 0;
  tenon::Deferred deferred;
  tenon::Status in_start;
  std::vector<tenon_status> why;
  std::string caller, service, trace;
  tenon::Clock::duration left{};
};

struct Fixture {
  Host host = Host::of<Shop>();
  tenon::Status booted = host.boot();
  Shop& shop = host.object<Shop>();
};

}  // namespace

TEST_CASE("services: registered in init, called after start, gone after stop") {
  Host host = Host::of<Shop>();
  REQUIRE(host.create().ok());
  Shop& shop = host.object<Shop>();
  CHECK(shop.in_create.status().reason() == "WRONG_PHASE");
  CHECK(host.services().call("shop.buy", "1").status.reason() == "NO_SERVICE");
  REQUIRE(host.init().ok());
  CHECK(host.services().offered() == std::vector<std::string>{"shop.buy", "shop.later", "shop.reply", "shop.throws"});
  CHECK(host.services().call("shop.buy", "1").status.reason() == "NOT_STARTED");
  REQUIRE(host.start().ok());
  CHECK(shop.in_start.reason() == "NOT_STARTED");
  CHECK(shop.services.has("shop.buy/1"));
  CHECK(host.services().call("shop.reply", "").ok());
  CHECK(host.services().call("shop..reply", "").status.reason() == "BAD_NAME");
  CHECK(host.stop().ok());
  CHECK(host.services().offered().empty());
  CHECK(host.services().call("shop.reply", "").status.code() == TENON_NOT_FOUND);
  CHECK(shop.ask("orders.get", "").status.reason() == "LEAVING");
  CHECK(shop.services.offer("shop.late", &Shop::nothing).status().reason() == "LEAVING");
  CHECK(host.finish().empty());
}

TEST_CASE("services: a mock of another module is asked, and what it was asked is kept") {
  Fixture f;
  CHECK(f.host.services().call("shop.buy", "17").status.reason() == "NO_SERVICE");
  f.host.services().mock("orders.get", [](const ServiceRequest& q) -> ServiceAnswer {
    CHECK(q.caller == "under_test");
    if (q.payload == "17") return "a book";
    return tenon::Status(TENON_NOT_FOUND, "NO_ORDER", "no such order");
  });
  CHECK(f.host.services().call("shop.buy", "17").payload == "bought a book");
  const ServiceAnswer none = f.host.services().call("shop.buy", "18");
  CHECK(none.status.reason() == "NO_ORDER");
  CHECK(none.payload.empty());
  REQUIRE(f.host.services().called("orders.*").size() == 2);
  CHECK(f.host.services().called()[1].payload == "18");
  CHECK(f.shop.ask("orders.get", "17").payload == "a book");
  CHECK(f.host.services().called()[2].content_type == "text/plain");
  f.host.services().clear_called();
  CHECK(f.host.services().called().empty());
  CHECK_THROWS_AS(f.host.services().mock("shop.buy", [](const ServiceRequest&) { return ServiceAnswer(); }), std::invalid_argument);
  CHECK(f.shop.services.offer("orders.get", &Shop::nothing).status().code() == TENON_ALREADY_EXISTS);
  f.host.services().deny("orders.>");
  CHECK(f.shop.ask("orders.get", "17").status.code() == TENON_PERMISSION_DENIED);
  CHECK(f.shop.services.offer("orders.own", &Shop::nothing).status().code() == TENON_PERMISSION_DENIED);
  CHECK(f.shop.services.offer("tenon.own", &Shop::nothing).status().reason() == "RESERVED");
  f.host.services().unmock("orders.get/1");
  CHECK_FALSE(f.shop.services.has("orders.get"));
  CHECK(f.host.finish().empty());
}

TEST_CASE("services: every kind of reply arrives whole, and the call says who asks") {
  Fixture f;
  for (const std::size_t room : {std::size_t{0}, std::size_t{16}, std::size_t{512}, std::size_t{4096}}) {
    ServiceRequest more;
    more.room = room;
    more.caller = "web";
    more.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    more.timeout = 1h;
    CHECK(f.host.services().call("shop.reply", "blob", more).payload == std::string(100'000, 'b'));
    CHECK(f.host.services().call("shop.reply", "reserve", more).payload == std::string(2000, 'r'));
    CHECK(f.host.services().call("shop.reply", "large", more).payload == std::string(70'000, 'l'));
    CHECK(f.host.services().call("shop.reply", "twice", more).payload == "kept");
    CHECK(f.host.services().call("shop.reply", "", more).payload.empty());
    const ServiceAnswer typed = f.host.services().call("shop.reply", "typed", more);
    CHECK(typed.content_type == "application/json");
    CHECK(typed.meta("k") == "v");
    CHECK(f.shop.caller == "web");
    CHECK(f.shop.service == "shop.reply");
    CHECK(f.shop.trace == more.traceparent);
    CHECK(f.shop.left > 59min);
    CHECK(f.shop.left <= 1h);
  }
  tenon::Answer<0> small;
  tenon::Answer<512> wide;
  CHECK(f.shop.services.call("shop.reply", tenon::Bytes(std::string_view("typed")), small).ok());
  CHECK(small.metadata("k") == "v");
  CHECK(small.text() == "{}");
  CHECK(f.shop.services.call("shop.reply", tenon::Bytes(std::string_view("typed")), wide).ok());
  CHECK(wide.metadata("k") == "v");
  CHECK(wide.content_type() == "application/json");
  CHECK(f.shop.caller == "under_test");
  CHECK(f.shop.left > 4s);
  CHECK(f.shop.left <= 5s);
  CHECK(f.host.services().call("shop.throws", "").status.message().find("no luck") != std::string_view::npos);
  small.reset();
  CHECK(f.host.finish().empty());
}

TEST_CASE("services: what the module does not release is found") {
  Host host = Host::of<Shop>();
  REQUIRE(host.boot().ok());
  const Shop& shop = host.object<Shop>();
  tenon_request q{};
  q.struct_size = sizeof q;
  q.payload = tenon::Bytes(std::string_view("blob"));
  const auto forgets = [&] {
    tenon_reply r{};
    r.struct_size = sizeof r;
    CHECK(shop.services.table()->call_by_name(host.ctx(), TENON_STR("shop.reply"), &q, &r, nullptr, nullptr) == TENON_OK);
    REQUIRE((r.payload.release != nullptr));
    CHECK(r.payload.len == 100'000);
    return r;
  };
  SUBCASE("never") {
    (void)forgets();
    CHECK(host.finish() == std::vector<std::string>{"1 answer of a service was never released"});
  }
  SUBCASE("twice") {
    const tenon_reply r = forgets();
    r.payload.release(r.payload.owner);
    r.payload.release(r.payload.owner);
    CHECK(host.finish() == std::vector<std::string>{"an answer of a service was released twice"});
  }
}

TEST_CASE("services: a deferred call is completed later, given up, or left behind") {
  Fixture f;
  const auto begin = [&] {
    ServiceAnswer a = f.host.services().call("shop.later", "");
    REQUIRE(a.status.is_pending());
    REQUIRE(a.id != 0);
    return a.id;
  };
  SUBCASE("completed, by another thread") {
    const tenon_id id = begin();
    std::thread later([&] { CHECK(f.shop.deferred.complete({}, tenon::Blob::adopt(std::string("at last"))).ok()); });
    const ServiceAnswer a = f.host.services().completion(id);
    later.join();
    CHECK(a.payload == "at last");
    CHECK(f.shop.why == std::vector<tenon_status>{TENON_OK});
    CHECK(f.shop.calls.table()->complete(f.host.ctx(), id, TENON_OK, nullptr, nullptr) == TENON_NOT_FOUND);
    CHECK(f.host.finish() == std::vector<std::string>{"a deferred call was completed twice"});
  }
  SUBCASE("given up by its caller") {
    const tenon_id id = begin();
    CHECK_FALSE(f.shop.deferred.cancelled());
    CHECK(f.host.services().cancel(id));
    CHECK_FALSE(f.host.services().cancel(id));
    CHECK(f.shop.deferred.cancelled());
    CHECK(f.shop.why == std::vector<tenon_status>{TENON_CANCELLED});
    CHECK(f.host.services().completion(id).status.code() == TENON_CANCELLED);
    CHECK(f.shop.deferred.complete().ok());
    CHECK(f.host.finish().empty());
  }
  SUBCASE("not in time") {
    CHECK(f.host.services().completion(begin(), 1ms).status.code() == TENON_DEADLINE_EXCEEDED);
    CHECK(f.shop.why == std::vector<tenon_status>{TENON_CANCELLED});
    CHECK(f.shop.deferred.complete().ok());
    CHECK(f.host.finish().empty());
  }
  SUBCASE("the module waits for it itself, until its own deadline") {
    CHECK(f.shop.ask("shop.later", "", {tenon::Clock::now() + 2ms, {}}).status.code() == TENON_DEADLINE_EXCEEDED);
    CHECK(f.shop.deferred.cancelled());
    CHECK(f.shop.deferred.complete().ok());
    CHECK(f.host.finish().empty());
  }
  SUBCASE("left behind") {
    const tenon_id id = begin();
    CHECK(f.host.stop().ok());
    CHECK(f.host.services().completion(id).status.code() == TENON_UNAVAILABLE);
    static const tenon::Deferred* const forgotten = new tenon::Deferred(std::move(f.shop.deferred));  // its destructor would complete it
    CHECK(forgotten != nullptr);
    CHECK(f.host.finish() == std::vector<std::string>{"the deferred call of `shop.later` was never completed"});
  }
}

TEST_CASE("services: asynchronous calls run when the test says so, and end once") {
  Fixture f;
  std::vector<std::string> ends;
  const auto ask = [&](std::string_view name, std::string_view payload, const tenon::CallOptions& how = {}) {
    return f.shop.services.call_async(
        name, tenon::Bytes(payload),
        [&ends](const tenon::Status& s, tenon::Bytes reply) noexcept {
          ends.push_back(s.ok() ? std::string(reply.text()) : std::string(tenon::status_name(s.code())));
        },
        how);
  };
  CHECK(ask("orders.get", "1").status().reason() == "NO_SERVICE");
  f.host.services().mock("orders.get", [](const ServiceRequest& q) -> ServiceAnswer {
    if (q.payload == "never") return tenon::Status::pending();
    if (q.payload == "no") return tenon::Status(TENON_ABORTED);
    return "order " + q.payload;
  });
  CHECK(ask("orders.get", "1").ok());
  CHECK(ask("orders.get", "no").ok());
  const tenon_id gone = ask("orders.get", "2").value();
  CHECK(f.shop.services.cancel(gone).ok());
  CHECK(f.shop.services.cancel(gone).code() == TENON_NOT_FOUND);
  CHECK(ends.empty());
  CHECK(f.host.services().deliver() == 3);
  CHECK(ends == std::vector<std::string>{"order 1", "ABORTED", "CANCELLED"});
  CHECK(f.shop.services.cancel(gone).code() == TENON_NOT_FOUND);
  ends.clear();

  CHECK(ask("shop.later", "").ok());
  CHECK(f.host.services().deliver() == 0);
  CHECK(f.shop.deferred.complete({}, tenon::Blob::adopt(std::string("later"))).ok());
  CHECK(f.host.services().deliver() == 1);
  CHECK(ask("orders.get", "never", {tenon::Clock::now() - 1ms, {}}).ok());
  CHECK(f.host.services().deliver() == 1);
  CHECK(ends == std::vector<std::string>{"later", "DEADLINE_EXCEEDED"});
  CHECK(f.shop.ask("orders.get", "never").status.code() == TENON_DEADLINE_EXCEEDED);
  ends.clear();
  CHECK(ask("orders.get", "never").ok());
  CHECK(ask("orders.get", "3").ok());
  CHECK(f.host.stop().ok());
  CHECK(ends == std::vector<std::string>{"CANCELLED", "CANCELLED"});
  CHECK(f.host.finish().empty());
}

TEST_CASE("services: handlers are released once, when the service is withdrawn or the module leaves") {
  Fixture f;
  const auto owner = std::make_shared<int>(1);
  const auto handler = [owner](const tenon::Request&, tenon::Reply&) {};
  const tenon_id id = f.shop.services.offer("shop.counted", handler).value();
  CHECK(owner.use_count() == 3);
  CHECK(f.shop.services.offer("shop.counted", handler).status().code() == TENON_ALREADY_EXISTS);
  CHECK(owner.use_count() == 3);
  CHECK(f.shop.services.withdraw_and_wait(id, tenon::Clock::now() + 1h).ok());
  CHECK(owner.use_count() == 2);
  CHECK(f.shop.services.withdraw(id).code() == TENON_NOT_FOUND);
  tenon_id inside = 0;
  inside = f.shop.services
               .offer("shop.inside",
                      [&, owner](const tenon::Request&, tenon::Reply&) {
                        CHECK(f.shop.services.withdraw_and_wait(inside, tenon::Clock::now() + 1h).code() == TENON_FAILED_PRECONDITION);
                        CHECK(f.shop.services.withdraw(inside).ok());
                        CHECK(owner.use_count() == 3);
                      })
               .value();
  CHECK(f.host.services().call("shop.inside", "").ok());
  CHECK(owner.use_count() == 2);
  CHECK(f.shop.services.offer("shop.counted/2", handler).ok());
  CHECK(f.host.stop().ok());
  CHECK(owner.use_count() == 2);
  CHECK(f.host.finish().empty());
}

TEST_CASE("services: handles stand for the name, and are given back") {
  Fixture f;
  CHECK(f.shop.services.resolve("orders.get").status().code() == TENON_NOT_FOUND);
  f.host.services().mock("orders.get", [](const ServiceRequest&) { return "1"; });
  tenon::Result<tenon::ServiceHandle> found = f.shop.services.resolve("orders.get");
  REQUIRE(found.ok());
  tenon::ServiceHandle handle = std::move(*found);
  tenon::Answer<> answer;
  CHECK(handle.call({}, answer).ok());
  CHECK(answer.text() == "1");
  f.host.services().unmock("orders.get");
  CHECK(handle.call({}, answer).code() == TENON_NOT_FOUND);
  CHECK(answer.text().empty());
  f.host.services().mock("orders.get", [](const ServiceRequest&) { return "2"; });
  CHECK(handle.call({}, answer).ok());
  CHECK(answer.text() == "2");
  const tenon_id id = handle.id();
  handle.reset();
  CHECK_FALSE(handle);
  CHECK(handle.call({}, answer).code() == TENON_FAILED_PRECONDITION);
  CHECK(f.shop.services.table()->release_handle(f.host.ctx(), id) == TENON_NOT_FOUND);
}

namespace {
class Serial : public Shop {
 public:
  static constexpr std::uint32_t flags = TENON_SERIAL;
  using Shop::Shop;
};
}  // namespace

TEST_CASE("services: a call inherits deadline and cancellation of the one it is made in") {
  Fixture f;
  std::chrono::nanoseconds left{};
  f.host.services().mock("orders.get", [&](const ServiceRequest& q) -> ServiceAnswer {
    left = q.timeout;
    f.host.cancel();
    return "x";
  });
  ServiceRequest more;
  more.timeout = 100s;
  CHECK(f.host.services().call("shop.buy", "1", more).ok());
  CHECK(left > 90s);
  CHECK(left <= 100s);
  f.host.services().unmock("orders.get");
  f.host.cancel();  // the next call
  CHECK(f.host.services().call("shop.buy", "1").status.reason() == "GIVEN_UP");
  CHECK(f.host.finish().empty());
}

TEST_CASE("services: a serial module is not entered again by a call that waits for it") {
  Host host = Host::of<Serial>();
  REQUIRE(host.boot().ok());
  std::string reason;
  host.services().mock("orders.get", [&](const ServiceRequest&) -> ServiceAnswer {
    reason = host.services().call("shop.reply", "").status.reason();
    return "x";
  });
  CHECK(host.services().call("shop.buy", "1").ok());
  CHECK(reason == "REENTRANT");
  CHECK(host.services().call("shop.reply", "").ok());
  CHECK(host.finish().empty());
}

namespace {

/// Tells by events what it is asked, and asks the catalog about what it hears.
class Relay {
 public:
  using needs = tenon::needs<tenon::Calls, tenon::Services, tenon::Events>;
  explicit Relay(tenon::Ctx ctx) : services_(ctx), events_(ctx) {}
  tenon::Status init() {
    services_.offer("relay.ship", [this](const tenon::Request&, tenon::Reply&) { return events_.publish("relay.shipped", "").status(); })
        .value();
    return events_
        .subscribe("orders.*",
                   [this](tenon::Event) {
                     tenon::Answer<> answer;
                     return services_.call("catalog.get", tenon::Bytes(std::string_view("17")), answer);
                   })
        .status();
  }

 private:
  tenon::Services services_;
  tenon::Events events_;
};

}  // namespace

TEST_CASE("services and events: a trace goes on in what a handler publishes and calls") {
  Host host = Host::of<Relay>();
  REQUIRE(host.boot().ok());
  host.services().mock("catalog.get", [](const ServiceRequest&) { return ServiceAnswer(); });
  const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  for (const std::string& with : {trace, std::string()}) {
    ServiceRequest more;
    more.traceparent = with;
    CHECK(host.services().call("relay.ship", "", more).status.ok());
    CHECK(host.events().published("relay.shipped").back().traceparent == with);
    tenon::Publish traced;
    traced.traceparent = with;
    REQUIRE(host.events().publish("orders.created", "", traced).ok());
    CHECK(host.events().deliver() == 1);
    CHECK(host.services().called("catalog.get").back().traceparent == with);
  }
  CHECK(host.finish().empty());
}

namespace {

/// Its replies are written as in C: where the payload lies is in the request.
struct Raw {
  using needs = tenon::needs<tenon::Calls, tenon::Services>;
  explicit Raw(tenon::Ctx ctx) : services(ctx) {}
  void init() {
    services
        .offer("raw.reply",
               [](const tenon::Request& q, tenon::Reply& reply) -> tenon::Status {
                 const std::string_view where = q.text();
                 tenon_reply& r = *reply.raw();
                 std::uint8_t* const buffer = r.buffer;
                 const std::size_t capacity = r.capacity;
                 std::memset(buffer, 'x', capacity);
                 r.payload = {buffer, capacity, nullptr, nullptr};
                 if (where == "end") r.payload = {buffer + capacity - 1, 1, nullptr, nullptr};
                 if (where == "behind" || where == "fails") r.payload.len = capacity + 1;
                 if (where == "behind the end") r.payload = {buffer + capacity - 1, 2, nullptr, nullptr};
                 if (where == "far behind") r.payload.len = SIZE_MAX;
                 if (where == "larger") r.capacity = r.payload.len = capacity + 1;
                 if (where == "elsewhere") {
                   static std::uint8_t other[100] = {'e'};
                   r.payload = {other, sizeof other, nullptr, nullptr};
                   r.buffer = other;
                   r.capacity = 1;
                 }
                 return where == "fails" ? tenon::Status::unavailable("closed") : tenon::Status();
               })
        .value();
  }
  tenon::Services services;
};

}  // namespace

TEST_CASE("services: a payload that begins in the buffer and ends behind it is no reply") {
  Host host = Host::of<Raw>();
  REQUIRE(host.boot().ok());
  ServiceRequest q;
  q.room = 64;
  const auto ask = [&](std::string_view where) { return host.services().call("raw.reply", where, q); };
  CHECK(ask("all").payload == std::string(64, 'x'));
  CHECK(ask("end").payload == "x");
  CHECK(ask("elsewhere").payload.size() == 100);
  for (const char* where : {"behind", "behind the end", "far behind", "larger"}) {
    INFO(where);
    const ServiceAnswer answer = ask(where);
    CHECK(answer.status.code() == TENON_INTERNAL);
    CHECK(answer.status.reason() == "BAD_REPLY");
    CHECK(answer.payload.empty());
  }
  CHECK(ask("fails").status.code() == TENON_UNAVAILABLE);
  CHECK(host.finish().empty());
}

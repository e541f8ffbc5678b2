// Publishing and receiving: what arrives, in which order, who may, and what is refused.
#include <atomic>
#include <thread>

#include "kernel/gate.hpp"
#include "kernel/traceparent.hpp"
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {
constexpr std::string_view trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
}

TEST_CASE("events: a subscriber gets topic, payload, content type, trace context, number and time, inside its module") {
  Subscriber subscriber;
  EventHost host;
  Module orders(host, "orders"), billing(host, "billing");
  EventView seen{};
  std::string topic, payload, type, trace_seen;
  const Frame* frame = nullptr;
  Phase phase = Phase::none;
  ThreadTag tag = ThreadTag::other;
  Owner* owner = nullptr;
  bool same_call = false;
  std::int64_t left = 0;
  subscriber.then = [&](const EventView& event, Call& call) {
    seen = event;
    topic = event.topic, payload = event.payload, type = event.content_type, trace_seen = event.traceparent;
    frame = current_frame();
    phase = frame->phase(), tag = frame->tag(), owner = frame->owner;
    same_call = frame->call == &call;
    left = call.deadline_ns - monotonic_ns();
  };
  subscriber.to(billing, "orders.*");
  const std::string bytes("a\0b\xff", 4);
  const std::int64_t before = realtime_ns();
  const auto id = orders.client.publish({"orders.created", bytes, "application/json", trace, false});
  REQUIRE(id);
  REQUIRE(subscriber.got.reaches(1));
  CHECK(billing.leave().quiet);
  CHECK(topic == "orders.created");
  CHECK(payload == bytes);
  CHECK(type == "application/json");
  CHECK(trace_seen == trace);
  CHECK(seen.id == *id);
  CHECK(seen.time_ns >= before);
  CHECK(seen.time_ns <= realtime_ns());
  CHECK_FALSE(seen.retained);
  CHECK(owner == &billing.owner);
  CHECK(phase == Phase::run);
  CHECK(tag == ThreadTag::worker);
  CHECK(same_call);
  CHECK(left > 0);
  CHECK(left <= 5'000'000'000);
}

TEST_CASE("events: the call of a handler is the adapter's, if it brought one") {
  Subscriber subscriber;
  Call own;
  EventHost host;
  Module orders(host, "orders");
  bool mine = false;
  subscriber.then = [&](const EventView&, Call& call) { mine = &call == &own && current_frame()->call == &own; };
  EventHandler handler = subscriber.handler();
  handler.call = &own;
  REQUIRE(orders.client.subscribe("orders.x", handler));
  orders.publish("orders.x");
  REQUIRE(subscriber.got.reaches(1));
  CHECK(orders.leave().quiet);
  CHECK(mine);
  CHECK(own.cancelled == 1);  // its owner has left
}

TEST_CASE("events: patterns choose, numbers count up, nobody listening is no error") {
  Subscriber exact, star, rest, other;
  EventHost host;
  Module m(host, "orders");
  exact.to(m, "orders.eu.created");
  star.to(m, "orders.*.created");
  rest.to(m, "orders.>");
  other.to(m, "orders.us.created");
  const std::uint64_t first = m.publish("orders.eu.created", "1");
  CHECK(m.publish("nobody.listens") > first);
  m.publish("orders.us.created", "2");
  m.publish("orders", "3");
  m.publish("orders.eu", "4");
  REQUIRE(exact.got.reaches(1));
  REQUIRE(star.got.reaches(2));
  REQUIRE(rest.got.reaches(3));
  REQUIRE(other.got.reaches(1));
  CHECK(m.leave().quiet);
  CHECK(exact.payloads() == std::vector<std::string>{"1"});
  CHECK(star.payloads() == numbers(1, 2));
  CHECK(rest.payloads() == std::vector<std::string>{"1", "2", "4"});
  CHECK(other.payloads() == std::vector<std::string>{"2"});
}

TEST_CASE("events: what is not well-formed is refused and goes nowhere") {
  Subscriber subscriber;
  EventHost host;
  Module m(host, "orders");
  subscriber.to(m, ">");
  const std::string big(event_max_payload + 1, 'x'), long_topic(256, 'a'), long_type(event_max_content_type + 1, 'a');
  const auto refused = [&m](const EventDraft& draft) { return code_of(m.client.publish(draft)) == Code::invalid_argument; };
  using namespace std::string_view_literals;
  for (const std::string_view topic :
       {""sv, "."sv, "a."sv, ".a"sv, "a..b"sv, "a b"sv, "a.*"sv, "a.>"sv, ">"sv, "caf\xc3\xa9"sv, "a/b"sv, "a\0b"sv}) {
    CAPTURE(topic);
    CHECK(refused({topic, {}, {}, {}, false}));
  }
  CHECK(refused({long_topic, {}, {}, {}, false}));
  CHECK(refused({"a", big, {}, {}, false}));
  CHECK(refused({"a", {}, long_type, {}, false}));
  CHECK(refused({"a", {}, "text/plain\n", {}, false}));
  CHECK(refused({"a", {}, "caf\xc3\xa9", {}, false}));
  CHECK(refused({"a", {}, {}, "00-xyz", false}));
  CHECK(m.client.publish({"a", std::string_view(big).substr(1), std::string_view(long_type).substr(1), trace, false}));
  REQUIRE(subscriber.got.reaches(1));

  const EventHandler handler = subscriber.handler();
  const auto no = [&](std::string_view pattern, const EventOptions& options = {}) {
    return code_of(m.client.subscribe(pattern, handler, options)) == Code::invalid_argument;
  };
  for (const std::string_view pattern : {"", "a.>.b", "a*", "*.", "a..b", ">>", "a b"}) {
    CAPTURE(pattern);
    CHECK(no(pattern));
  }
  EventOptions o;
  o.queue_events = 0;
  CHECK(no("a", o));
  o.queue_events = 65'537;
  CHECK(no("a", o));
  o = {};
  o.queue_bytes = 1023;
  CHECK(no("a", o));
  o.queue_bytes = 64ULL * 1024 * 1024 + 1;
  CHECK(no("a", o));
  o = {};
  o.when_full = static_cast<WhenFull>(9);
  CHECK(no("a", o));
  CHECK(code_of(m.client.subscribe("a", {})) == Code::invalid_argument);
  CHECK(code_of(EventClient().publish({"a", {}, {}, {}, false})) == Code::unavailable);
  CHECK(code_of(EventClient().subscribe("a", handler)) == Code::unavailable);
  CHECK(code_of(EventClient().unsubscribe(1)) == Code::unavailable);
  CHECK(subscriber.released.value() == 0);
}

TEST_CASE("events: traceparent") {
  CHECK(is_traceparent(trace));
  for (const std::string_view text :
       {"", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01"})
    CHECK_FALSE(is_traceparent(text));
}

TEST_CASE("events: a plugin may what is its own, asked for and granted, refusals are told") {
  Subscriber a, b;
  EventHost host;
  PermissionSet asked;
  asked.event_publishes = {"billing.order"};
  asked.event_subscribes = {"catalog.price.*", "tenon.shutdown"};
  Module plugin(host, "orders", Reach::callable, false, asked);
  const auto publish = [&](std::string_view topic) { return code_of(plugin.client.publish({topic, {}, {}, {}, false})); };
  CHECK(publish("orders.created") == Code::ok);
  CHECK(publish("billing.order") == Code::ok);
  CHECK(publish("billing.paid") == Code::permission_denied);
  CHECK(publish("orders_eu.created") == Code::permission_denied);
  CHECK(publish("tenon.shutdown") == Code::permission_denied);
  const auto subscribe = [&](std::string_view pattern) { return code_of(plugin.client.subscribe(pattern, a.handler())); };
  CHECK(subscribe("orders.>") == Code::ok);
  CHECK(subscribe("catalog.price.*") == Code::ok);
  CHECK(subscribe("tenon.shutdown") == Code::ok);
  CHECK(subscribe("catalog.>") == Code::permission_denied);
  CHECK(subscribe(">") == Code::permission_denied);
  CHECK(host.denials == std::vector<std::string>{"orders publish billing.paid NOT_ASKED", "orders publish orders_eu.created NOT_ASKED",
                                                 "orders publish tenon.shutdown RESERVED", "orders subscribe catalog.> NOT_ASKED",
                                                 "orders subscribe > NOT_ASKED"});
  CHECK(host.events.subscriptions().size() == 3);
}

TEST_CASE("events: topics below host and tenon are the host's own, also for trusted modules") {
  Subscriber subscriber;
  EventHost host;
  Module module(host, "logger");
  subscriber.to(module, "tenon.>");
  CHECK(code_of(module.client.publish({"tenon.module.state", {}, {}, {}, false})) == Code::permission_denied);
  CHECK(code_of(module.client.publish({"tenon", {}, {}, {}, false})) == Code::permission_denied);
  CHECK(code_of(module.client.publish({"host.ready", {}, {}, {}, false})) == Code::permission_denied);
  CHECK(code_of(module.client.publish({"tenonx.y", {}, {}, {}, false})) == Code::ok);
  CHECK(code_of(module.client.publish({"hosts.y", {}, {}, {}, false})) == Code::ok);
  PermissionSet wide;
  wide.event_publishes = {">", "*.ready"};
  Module plugin(host, "orders", Reach::callable, false, wide);
  CHECK(code_of(plugin.client.publish({"host.ready", {}, {}, {}, false})) == Code::permission_denied);
  CHECK(code_of(plugin.client.publish({"tenon.ready", {}, {}, {}, true})) == Code::permission_denied);
  CHECK(code_of(plugin.client.publish({"catalog.ready", {}, {}, {}, false})) == Code::ok);
  CHECK(host.denials == std::vector<std::string>{"logger publish tenon.module.state RESERVED", "logger publish tenon RESERVED",
                                                 "logger publish host.ready RESERVED", "orders publish host.ready RESERVED",
                                                 "orders publish tenon.ready RESERVED"});
  EventClient self = host.events.host();
  for (const std::string_view topic : {"tenon.module.state", "tenon.config.changed", "tenon.shutdown"})
    CHECK(self.publish({topic, topic, {}, {}, false}));
  CHECK(self.publish({"host.ready", {}, {}, {}, false}));
  REQUIRE(subscriber.got.reaches(3));
  CHECK(module.leave().quiet);
  CHECK(subscriber.payloads() == std::vector<std::string>{"tenon.module.state", "tenon.config.changed", "tenon.shutdown"});
}

TEST_CASE("events: the order of each publishing thread is kept, with many threads and subscribers") {
  constexpr int threads = 4, each = 3000;
  struct Ordered {
    std::vector<int> last = std::vector<int>(threads, -1);
    std::atomic<int> wrong{0};
    Counter got;
  };
  std::vector<Ordered> subscribers(3);
  EventHost host;
  Module m(host, "orders");
  EventOptions options;
  options.queue_events = 65'536;
  options.queue_bytes = 64ULL * 1024 * 1024;
  std::size_t n = 0;
  for (Ordered& s : subscribers) {
    EventHandler handler;
    handler.data = &s;
    handler.deliver = [](void* data, const EventView& event, Call&) noexcept {
      auto& self = *static_cast<Ordered*>(data);
      const auto thread = static_cast<std::size_t>(event.payload[0] - '0');
      const int number = std::stoi(std::string(event.payload.substr(1)));
      if (number != self.last[thread] + 1) ++self.wrong;
      self.last[thread] = number;
      self.got.add();
      return Code::ok;
    };
    options.when_full = static_cast<WhenFull>(n++);
    REQUIRE(m.client.subscribe("t.>", handler, options));
  }
  std::vector<std::thread> publishers;
  std::atomic<int> failed{0};
  for (int t = 0; t < threads; ++t)
    publishers.emplace_back([&, t] {
      for (int i = 0; i < each; ++i)
        if (!m.client.publish({i % 2 == 0 ? "t.a" : "t.b", std::to_string(t) + std::to_string(i), {}, {}, false})) ++failed;
    });
  for (std::thread& t : publishers) t.join();
  for (Ordered& s : subscribers) CHECK(s.got.reaches(threads * each));
  CHECK(m.leave().quiet);
  CHECK(failed == 0);
  for (const Ordered& s : subscribers) CHECK(s.wrong == 0);
}

#include <doctest/doctest.h>

#include "failing_allocation.hpp"
#include "service_calls.hpp"

using namespace std::chrono_literals;
using tenon::testing::Config;
using tenon::testing::Host;
using tenon_test::Answered;

namespace {

const Config defaults = {{"flush_interval", "1s"}, {"max_counters", 3}};

struct Counters {
  Host host{tenon_entry_v1, defaults};
  void boot() { REQUIRE(host.boot().ok()); }
  Answered add(const std::string& name, const std::string& by = "") {
    return tenon_test::call(host, "counter.add", {{"name", name}, {"by", by}});
  }
  Answered get(const std::string& name) { return tenon_test::call(host, "counter.get", {{"name", name}}); }
  std::string stored(const std::string& name) {
    const auto found = host.storage().get("counter", name);
    return found ? found->value : "none";
  }
};

}  // namespace

TEST_CASE("counter: counts, tells, lists and publishes") {
  Counters c;
  c.boot();
  CHECK(c.host.services().offered() == std::vector<std::string>{"counter.add", "counter.get", "counter.list"});
  CHECK(tenon_test::call(c.host, "counter.list", {}).payload == "{}");
  CHECK(c.add("visits").payload == "1");
  CHECK(c.add("visits", "41").payload == "42");
  CHECK(c.add("a.b-C_1", "-7").payload == "-7");
  CHECK(c.get("visits").payload == "42");
  const Answered list = tenon_test::call(c.host, "counter.list", {});
  CHECK(list.payload == R"({"a.b-C_1":-7,"visits":42})");
  CHECK(list.content_type == "application/json");
  const auto events = c.host.events().published();
  REQUIRE(events.size() == 3);
  CHECK(events[1].topic == "counter.changed");
  CHECK(events[1].payload == R"({"name":"visits","by":41,"value":42})");
  CHECK(c.host.finish().empty());
}

TEST_CASE("counter: values are written at the interval and at the end, and are there in the next life") {
  Counters c;
  c.boot();
  (void)c.add("a", "5");
  CHECK(c.stored("a") == "none");
  c.host.tasks().advance(1s);
  CHECK(c.stored("a") == "5");
  (void)c.add("a");
  REQUIRE(c.host.change("flush_interval", "10s").ok());
  c.host.tasks().advance(2s);
  CHECK(c.stored("a") == "5");  // the old task is gone
  CHECK(c.host.change("flush_interval", "1us").code() == TENON_INVALID_ARGUMENT);
  c.host.tasks().advance(8s);
  CHECK(c.stored("a") == "6");
  (void)c.add("b", "2");
  REQUIRE(c.host.stop().ok());
  CHECK(c.stored("b") == "2");

  Counters next;
  next.host.storage().put("counter", "a", "6");
  next.host.storage().put("counter", "odd", "6x");
  next.host.storage().put("counter", "no name", "6");
  next.boot();
  CHECK(next.get("a").payload == "6");
  CHECK(next.add("a").payload == "7");
  CHECK(next.get("odd").status.code() == TENON_NOT_FOUND);
  CHECK(next.host.log().size() == 2);
  REQUIRE(next.host.stop().ok());
  CHECK(next.stored("odd") == "6x");
}

TEST_CASE("counter: what could not be written stays for the next flush") {
  Counters c;
  c.boot();
  (void)c.add("a");
  (void)c.add("b");
  c.host.storage().set_disk_full(true);
  c.host.tasks().advance(1s);
  CHECK(c.add("a").payload == "2");
  REQUIRE(c.host.tasks().failures().size() == 1);
  CHECK(c.host.tasks().failures()[0].reason() == "STORAGE_FULL");
  c.host.storage().set_disk_full(false);
  c.host.tasks().advance(1s);
  CHECK(c.stored("a") == "2");
  CHECK(c.stored("b") == "1");  // not changed since
  c.host.tasks().advance(1s);
  CHECK(c.host.tasks().failures().size() == 1);
}

TEST_CASE("counter: requests that cannot be are refused with a sentence, and change nothing") {
  Counters c;
  c.boot();
  for (const std::string& name : {std::string(), std::string("a b"), std::string(65, 'x'), std::string("a\0", 2), std::string("\"")}) {
    CHECK(c.add(name).status.code() == TENON_INVALID_ARGUMENT);
    CHECK(c.get(name).status.message().find("`name`") != std::string_view::npos);
  }
  for (const char* by : {"x", "1 ", "+1", "1.5", "9223372036854775808", "0x1"}) {
    INFO(by);
    const Answered answer = c.add("a", by);
    CHECK(answer.status.code() == TENON_INVALID_ARGUMENT);
    CHECK(answer.status.message().find("`by`") != std::string_view::npos);
  }
  CHECK(tenon_test::call(c.host, "counter.list", {}).payload == "{}");
  CHECK(c.add("a", "9223372036854775807").status.ok());
  CHECK(c.add("a").status.code() == TENON_OUT_OF_RANGE);
  CHECK(c.get("a").payload == "9223372036854775807");
}

TEST_CASE("counter: there are no more counters than configured, also while it runs") {
  Counters c;
  c.boot();
  for (const char* name : {"a", "b", "c"}) CHECK(c.add(name).status.ok());
  const Answered fourth = c.add("d");
  CHECK(fourth.status.code() == TENON_RESOURCE_EXHAUSTED);
  CHECK(fourth.status.reason() == "TOO_MANY_COUNTERS");
  CHECK(c.add("a").status.ok());
  REQUIRE(c.host.change("max_counters", 4).ok());
  CHECK(c.add("d").status.ok());
  CHECK(c.host.change("max_counters", 5000).code() == TENON_INVALID_ARGUMENT);
  CHECK(c.add("e").status.code() == TENON_RESOURCE_EXHAUSTED);
}

TEST_CASE("counter: what a flush could not even report is written by the next one") {
  Counters c;
  static const tenon_storage* real = nullptr;
  static int refusals = 0;
  static tenon_storage table;
  real = static_cast<const tenon_storage*>(c.host.ctx()->host->query(c.host.ctx(), TENON_STR(TENON_STORAGE)));
  table = *real;
  table.commit = [](tenon_ctx* ctx, tenon_id space, const tenon_storage_op* const* ops, std::size_t count, std::uint64_t* revision,
                    tenon_error* err) noexcept -> tenon_status {
    if (refusals-- <= 0) return real->commit(ctx, space, ops, count, revision, err);
    tenon_test::next_allocation_fails = true;  // that of the Status that would say why
    return TENON_RESOURCE_EXHAUSTED;
  };
  c.host.provide(TENON_STORAGE, &table);
  c.boot();
  CHECK(c.add("visits").status.ok());
  refusals = 1;
  c.host.tasks().advance(1s);
  CHECK(c.host.tasks().failures().size() == 1);
  CHECK(c.stored("visits") == "none");
  c.host.tasks().advance(1s);
  CHECK(c.stored("visits") == "1");
}

TEST_CASE("counter: a call that finds no memory has changed nothing") {
  Counters c;
  static const tenon_services* real = nullptr;
  static tenon_services table;
  static tenon_service add;
  static bool fails = false;
  real = static_cast<const tenon_services*>(c.host.ctx()->host->query(c.host.ctx(), TENON_STR(TENON_SERVICES)));
  table = *real;
  table.register_service = [](tenon_ctx* ctx, const tenon_service* service, tenon_id* out, tenon_error* err) noexcept {
    if (tenon::view(service->name) != "counter.add") return real->register_service(ctx, service, out, err);
    add = *service;
    tenon_service observed = add;
    observed.handle = [](void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply, tenon_error* e) noexcept {
      tenon_test::next_allocation_fails = std::exchange(fails, false);  // the first of the module itself
      return add.handle(data, call, request, reply, e);
    };
    return real->register_service(ctx, &observed, out, err);
  };
  c.host.provide(TENON_SERVICES, &table);
  c.boot();
  CHECK(c.add("visits").status.ok());
  c.host.tasks().advance(1s);
  CHECK(c.stored("visits") == "1");
  fails = true;
  CHECK(c.add("visits").status.code() == TENON_INTERNAL);
  CHECK_FALSE(tenon_test::next_allocation_fails);
  CHECK(c.get("visits").payload == "1");
  c.host.tasks().advance(1s);
  CHECK(c.stored("visits") == "1");
  CHECK(c.add("visits").payload == "2");
  CHECK(c.host.finish().empty());
}

#include <doctest/doctest.h>

#include "service_calls.hpp"

using namespace std::chrono_literals;
using tenon::testing::Config;
using tenon::testing::Host;
using tenon_test::Answered;
using tenon_test::Pairs;

namespace {

const Config defaults = {{"max_value", tenon::Size{65536}}, {"default_ttl", "0s"}};

struct Store {
  Host host{tenon_entry_v1, defaults};
  explicit Store() { REQUIRE(host.boot().ok()); }
  Answered put(const std::string& key, std::string_view value, Pairs more = {}) {
    more.emplace_back("key", key);
    return tenon_test::call(host, "kv_c.put", more, value, "text/plain");
  }
  Answered get(const std::string& key) { return tenon_test::call(host, "kv_c.get", {{"key", key}}); }
};

}  // namespace

TEST_CASE("kv_c: what is put is there, with its revision and type, whatever the size of the caller's buffer") {
  Store s;
  const std::string large(60'000, 'x');
  for (const std::string& value : {std::string(), std::string("12345678"), std::string("\0\xff", 2), large}) {
    const Answered put = s.put("a", value);
    REQUIRE(put.status.ok());
    const Answered got = s.get("a");
    REQUIRE(got.status.ok());
    CHECK(got.payload == value);
    CHECK(got.content_type == "text/plain");
    CHECK(got.metadata == put.metadata);
  }
  CHECK(s.get("b").status.code() == TENON_NOT_FOUND);
  CHECK(s.host.storage().get("kv_c", "a")->value == large);
  CHECK(s.host.finish().empty());
}

TEST_CASE("kv_c: compare-and-set and delete go by revisions") {
  Store s;
  const auto cas = [&](const std::string& expected, std::string_view value) {
    return tenon_test::call(s.host, "kv_c.cas", {{"key", "k"}, {"expected", expected}}, value);
  };
  const Answered first = cas("0", "one");
  REQUIRE(first.status.ok());
  const std::string revision = first.metadata.at("revision");
  const Answered late = cas("0", "two");
  CHECK(late.status.code() == TENON_ABORTED);
  CHECK(late.status.reason() == "STORAGE_CONFLICT");
  CHECK(cas(revision, "two").status.ok());
  CHECK(s.get("k").payload == "two");
  CHECK(tenon_test::call(s.host, "kv_c.delete", {{"key", "k"}, {"expected", revision}}).status.code() == TENON_ABORTED);
  CHECK(tenon_test::call(s.host, "kv_c.delete", {{"key", "k"}}).status.ok());
  CHECK(tenon_test::call(s.host, "kv_c.delete", {{"key", "k"}}).status.ok());
  CHECK(s.get("k").status.code() == TENON_NOT_FOUND);
}

TEST_CASE("kv_c: times to live, of the request and of the configuration") {
  Store s;
  const std::int64_t now = s.host.storage().now_ns();
  REQUIRE(s.put("short", "v", {{"ttl_ms", "1500"}}).status.ok());
  REQUIRE(s.put("ever", "v").status.ok());
  CHECK(s.get("short").metadata.at("expires_ns") == std::to_string(now + 1'500'000'000));
  CHECK(s.get("ever").metadata.count("expires_ns") == 0);
  REQUIRE(s.host.change("default_ttl", "10s").ok());
  REQUIRE(s.put("default", "v").status.ok());
  s.host.storage().advance(2s);
  CHECK(s.get("short").status.code() == TENON_NOT_FOUND);
  CHECK(s.get("default").status.ok());
  s.host.storage().advance(10s);
  CHECK(s.get("default").status.code() == TENON_NOT_FOUND);
  CHECK(s.get("ever").status.ok());
}

TEST_CASE("kv_c: a scan lists what is below a prefix, in order, and says if there is more") {
  Store s;
  for (int i = 0; i < 300; ++i) REQUIRE(s.put("n." + std::to_string(1000 + i), "abc").status.ok());
  REQUIRE(s.put("o\"\\", "").status.ok());
  const Answered some = tenon_test::call(s.host, "kv_c.scan", {{"prefix", "n."}, {"limit", "2"}});
  CHECK(some.payload == R"([{"key":"n.1000","revision":1,"bytes":3},{"key":"n.1001","revision":2,"bytes":3}])");
  CHECK(some.content_type == "application/json");
  CHECK(some.metadata.at("truncated") == "true");
  const Answered all = tenon_test::call(s.host, "kv_c.scan", {{"prefix", "n."}, {"limit", "300"}});
  CHECK(all.metadata.empty());
  CHECK(all.payload.find("n.1299") != std::string::npos);
  CHECK(tenon_test::call(s.host, "kv_c.scan", {{"prefix", "o"}}).payload == R"([{"key":"o\"\\","revision":301,"bytes":0}])");
  CHECK(tenon_test::call(s.host, "kv_c.scan", {{"prefix", "x"}}).payload == "[]");
  CHECK(tenon_test::call(s.host, "kv_c.scan", {{"limit", "0"}}).metadata.at("truncated") == "true");
  CHECK(s.host.storage().open_cursors() == 0);
}

TEST_CASE("kv_c: requests that cannot be are refused with a sentence, and change nothing") {
  Store s;
  const Pairs key = {{"key", "k"}};
  struct Case {
    const char* service;
    Pairs metadata;
    const char* says;
  };
  const Case cases[] = {
      {"kv_c.put", {}, "`key`"},
      {"kv_c.put", {{"key", ""}}, "`key`"},
      {"kv_c.put", {{"key", "a b"}}, "`key`"},
      {"kv_c.put", {{"key", "a\xc3\xa4"}}, "`key`"},
      {"kv_c.put", {{"key", std::string(257, 'k')}}, "`key`"},
      {"kv_c.put", {{"key", "k"}, {"key", "k"}}, "`key`"},
      {"kv_c.get", {{"key", std::string("k\0", 2)}}, "`key`"},
      {"kv_c.delete", {{"key", "\n"}}, "`key`"},
      {"kv_c.delete", {{"key", "k"}, {"expected", "x"}}, "`expected`"},
      {"kv_c.put", {{"key", "k"}, {"ttl_ms", "-1"}}, "`ttl_ms`"},
      {"kv_c.put", {{"key", "k"}, {"ttl_ms", "3155760000001"}}, "`ttl_ms`"},
      {"kv_c.put", {{"key", "k"}, {"ttl_ms", "1"}, {"ttl_ms", "1"}}, "`ttl_ms`"},
      {"kv_c.put", {{"key", "k"}, {"ttl_ms", ""}}, "`ttl_ms`"},
      {"kv_c.cas", key, "`expected`"},
      {"kv_c.cas", {{"key", "k"}, {"expected", "18446744073709551616"}}, "`expected`"},
      {"kv_c.cas", {{"key", "k"}, {"expected", "007"}}, "`expected`"},
      {"kv_c.cas", {{"key", "k"}, {"expected", "184467440737095516150"}}, "`expected`"},
      {"kv_c.scan", {{"prefix", std::string(257, 'p')}}, "`prefix`"},
      {"kv_c.scan", {{"prefix", "a"}, {"prefix", "b"}}, "`prefix`"},
      {"kv_c.scan", {{"limit", "1001"}}, "`limit`"},
  };
  for (const Case& c : cases) {
    const Answered answer = tenon_test::call(s.host, c.service, c.metadata, "v");
    INFO(c.service << " " << answer.status.message());
    CHECK(answer.status.code() == TENON_INVALID_ARGUMENT);
    CHECK(answer.status.reason() == "BAD_REQUEST");
    CHECK(answer.status.message().find(c.says) != std::string_view::npos);
  }
  CHECK(s.put("k", std::string(65'537, 'v')).status.code() == TENON_INVALID_ARGUMENT);
  CHECK(s.host.storage().keys("kv_c").empty());
  CHECK(tenon_test::call(s.host, "kv_c.cas", {{"key", "k"}, {"expected", "18446744073709551615"}}).status.code() == TENON_ABORTED);
}

TEST_CASE("kv_c: what storage refuses is passed on with its reason") {
  Store s;
  s.host.storage().set_quota("kv_c", 1000);
  REQUIRE(s.put("a", std::string(800, 'x')).status.ok());
  const Answered quota = s.put("b", std::string(800, 'x'));
  CHECK(quota.status.code() == TENON_RESOURCE_EXHAUSTED);
  CHECK(quota.status.reason() == "STORAGE_QUOTA");
  CHECK_FALSE(quota.status.message().empty());
  s.host.storage().set_disk_full(true);
  CHECK(s.put("a", "y").status.reason() == "STORAGE_FULL");
  CHECK(s.get("a").payload.size() == 800);
  s.host.storage().set_disk_full(false);
  CHECK(s.put("a", "y").status.ok());
}

TEST_CASE("kv_c: changes are published, also those others make") {
  Store s;
  REQUIRE(s.put("a\"", "v", {{"ttl_ms", "100"}}).status.ok());
  s.host.storage().put("kv_c", std::string("\x01\xff", 2), "by somebody else");
  s.host.deliver();
  s.host.storage().advance(1s);
  s.host.deliver();
  std::string all;
  for (const auto& event : s.host.events().published("kv_c.changed")) {
    CHECK(event.content_type == "application/json");
    all += event.payload + "\n";
  }
  CHECK(all.find(R"({"kind":"put","key":"a\"","revision":1})") != std::string::npos);
  CHECK(all.find(R"({"kind":"put","key":"\u0001\u00ff","revision":2})") != std::string::npos);
  CHECK(all.find(R"({"kind":"expired","key":"a\"",)") != std::string::npos);
}

TEST_CASE("kv_c: configuration out of bounds is refused, the old one stays") {
  Store s;
  CHECK(s.host.change("max_value", tenon::Size{2U << 20U}).code() == TENON_INVALID_ARGUMENT);
  CHECK(s.put("k", std::string(65'536, 'v')).status.ok());
  CHECK(s.host.change("max_value", tenon::Size{10}).ok());
  CHECK(s.put("k", "12345678901").status.code() == TENON_INVALID_ARGUMENT);
  Host wrong(tenon_entry_v1, {{"max_value", tenon::Size{2U << 20U}}, {"default_ttl", "0s"}});
  CHECK(wrong.boot().code() == TENON_INVALID_ARGUMENT);
}

namespace {

/// Tables of the fake host, with one function that refuses.
struct Refusing {
  static inline const tenon_services* services = nullptr;
  static inline const tenon_events* events = nullptr;
  static inline tenon_services no_memory{};
  static inline tenon_events full{};
  static inline int left = 0;
  static tenon_status complete(tenon_ctx* ctx, tenon_id id, tenon_status status, const tenon_error* error, tenon_reply* reply) noexcept {
    return left-- > 0 ? TENON_RESOURCE_EXHAUSTED : services->complete(ctx, id, status, error, reply);
  }
  static tenon_status publish(tenon_ctx* ctx, const tenon_event_draft* draft, std::uint64_t* id, tenon_error* err) noexcept {
    if (left-- > 0) return tenon::Status(TENON_RESOURCE_EXHAUSTED, "QUEUE_FULL", "full").report(err);
    return events->publish(ctx, draft, id, err);
  }
  explicit Refusing(Host& host) {
    const auto table = [&](std::string_view name) { return host.ctx()->host->query(host.ctx(), tenon::to_c(name)); };
    services = static_cast<const tenon_services*>(table(TENON_SERVICES));
    events = static_cast<const tenon_events*>(table(TENON_EVENTS));
    no_memory = *services;
    no_memory.complete = &complete;
    full = *events;
    full.publish = &publish;
    host.provide(TENON_SERVICES, &no_memory);
    host.provide(TENON_EVENTS, &full);
    left = 0;
  }
};

}  // namespace

TEST_CASE("kv_c: a write whose answer finds no memory is answered with less") {
  Host host(tenon_entry_v1, defaults);
  const Refusing refusing(host);
  REQUIRE(host.boot().ok());
  Refusing::left = 1;
  CHECK(tenon_test::call(host, "kv_c.put", {{"key", "a"}}, "v").status.code() == TENON_RESOURCE_EXHAUSTED);
  CHECK(host.storage().get("kv_c", "a")->value == "v");
  CHECK(host.finish().empty());
}

TEST_CASE("kv_c: a change that cannot be published does not take the others of its batch with it") {
  Host host(tenon_entry_v1, defaults);
  const Refusing refusing(host);
  REQUIRE(host.boot().ok());
  for (const char* key : {"a", "b", "c"}) host.storage().put("kv_c", key, "v");
  Refusing::left = 1;
  host.deliver();
  CHECK(host.events().published("kv_c.changed").size() == 2);
  CHECK(host.finish().empty());
}

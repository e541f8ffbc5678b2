// Services through the C table, with a real module on both sides of every call.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "puppet.h"
#include "world.hpp"

using namespace tenon;
using namespace tenon::host;
using namespace tenon::test;

namespace {

using Handler = std::function<tenon_status(tenon_call*, const tenon_request*, tenon_reply*, tenon_error*)>;

struct Service {
  Handler handler;
  std::atomic<int> released{0};
};

// Of one test case at a time: the puppets find them through the environment.
std::vector<const puppet*> created;
std::function<tenon_status(const puppet*)> on_init;

const puppet_strings the_strings = {
    [](const puppet* p) { created.push_back(p); },
    [](const puppet* p) { return on_init ? on_init(p) : TENON_OK; },
    [](void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply, tenon_error* err) {
      return static_cast<Service*>(data)->handler(call, request, reply, err);
    },
    [](void* data) { ++static_cast<Service*>(data)->released; },
};

tenon_str str(std::string_view s) { return {s.data(), s.size()}; }
std::string text(const tenon_blob& b) { return {reinterpret_cast<const char*>(b.ptr), b.len}; }
std::string text(tenon_str s) { return {s.ptr, s.len}; }

struct Answer {
  tenon_status status = TENON_OK;
  std::string payload, content_type, reason, message;
  std::map<std::string, std::string> metadata;
  bool in_buffer = false;
};

tenon_status echo(tenon_call*, const tenon_request* q, tenon_reply* r, tenon_error*) {
  if (q->payload.len > r->capacity) return TENON_OUT_OF_RANGE;
  std::memcpy(r->buffer, q->payload.ptr, q->payload.len);
  r->payload.ptr = r->buffer;
  r->payload.len = q->payload.len;
  return TENON_OK;
}

struct Fixture {
  explicit Fixture(bool with_caller_permissions = true, KernelOptions options = {}) : world(std::move(options)) {
    created.clear();
    on_init = nullptr;
    char address[32];
    std::snprintf(address, sizeof address, "%llx", static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(&the_strings)));
    ::setenv("TENON_PUPPET", address, 1);
    PermissionSet asked;
    if (with_caller_permissions) asked.service_calls.push_back(*parse_service_pattern("orders.>"));
    const std::vector<std::string> needs = {"tenon.calls/1", "tenon.services/1"};
    puppets = world.prepare({{SERVICES_PUPPET, "orders", "1.0.0", needs, {}, false, {}, nullptr},
                             {SERVICES_PUPPET,
                              "web",
                              "1.0.0",
                              needs,
                              {},
                              false,
                              {},
                              std::make_shared<const Permissions>(Permissions::of_plugin("web", asked, asked))}});
  }
  ~Fixture() { end(); }
  void boot() {
    for (auto& p : puppets) p->boot();
    REQUIRE(created.size() == 2);
    orders = created[0];
    web = created[1];
  }
  void end() {
    for (; !puppets.empty(); puppets.pop_back()) CHECK(puppets.back()->end());
  }
  tenon_id offer(const std::string& name, Service& service, Handler handler, std::uint32_t flags = 0) {
    service.handler = std::move(handler);
    tenon_id id = 0;
    tenon_error err{};
    err.struct_size = sizeof err;
    REQUIRE_MESSAGE(orders->offer(orders, str(name), flags, &service, &id, &err) == TENON_OK, err.message);
    return id;
  }
  static tenon_id resolve(const puppet* who, const std::string& name) {
    tenon_id handle = 0;
    tenon_error err{};
    err.struct_size = sizeof err;
    REQUIRE_MESSAGE(who->services->resolve(who->ctx, str(name), &handle, &err) == TENON_OK, err.message);
    return handle;
  }
  Answer call(const puppet* who, tenon_id handle, const std::string& name, std::string_view payload, std::size_t capacity = 64,
              std::int64_t deadline_ns = 0) {
    std::vector<std::uint8_t> buffer(capacity);
    tenon_request q{};
    q.struct_size = sizeof q;
    q.payload = {reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size()};
    tenon_reply r;
    std::memset(static_cast<void*>(&r), 0xEE, sizeof r);
    r.struct_size = sizeof r;
    r.buffer = buffer.data();
    r.capacity = capacity;
    tenon_error err{};
    err.struct_size = sizeof err;
    tenon_call_options options{};
    options.struct_size = sizeof options;
    options.deadline_ns = deadline_ns;
    const tenon_call_options* how = deadline_ns == 0 ? nullptr : &options;
    Answer out;
    out.status = handle != 0 ? who->call(who, handle, &q, &r, how, &err) : who->call_by_name(who, str(name), &q, &r, how, &err);
    out.payload = text(r.payload);
    out.content_type = text(r.content_type);
    for (std::size_t i = 0; i < r.metadata_count; ++i) out.metadata[text(r.metadata[i].key)] = text(r.metadata[i].value);
    out.in_buffer = r.payload.release == nullptr;
    if (r.payload.release != nullptr) r.payload.release(r.payload.owner);
    if (out.status != TENON_OK) {
      out.reason = err.reason;
      out.message = err.message;
      CHECK(out.payload.empty());
    }
    return out;
  }
  World world;
  std::vector<std::unique_ptr<Puppet>> puppets;
  const puppet *orders = nullptr, *web = nullptr;
};

}  // namespace

TEST_CASE("services table: bytes there and back, by handle and by name, often") {
  Fixture f;
  f.boot();
  Service s;
  f.offer("orders.echo", s, &echo);
  const tenon_id handle = Fixture::resolve(f.web, "orders.echo");
  for (int i = 0; i < 600; ++i) {  // the long way is taken now and then
    const std::string payload = "payload " + std::to_string(i);
    const Answer a = f.call(f.web, handle, "", payload);
    CHECK(a.status == TENON_OK);
    CHECK(a.payload == payload);
    CHECK(a.in_buffer);
    CHECK(f.call(f.web, 0, "orders.echo/1", payload).payload == payload);
    CHECK(f.call(f.web, handle, "", payload, 64, monotonic_ns() + 30'000'000'000).payload == payload);
  }
  CHECK(f.call(f.web, handle, "", "", 0).status == TENON_OK);
  f.end();
  CHECK(s.released == 1);
}

TEST_CASE("services table: replies of every kind arrive, and their blobs are released once") {
  Fixture f;
  f.boot();
  Service s;
  static std::atomic<int> freed{0};
  freed = 0;
  std::string kind;
  const puppet* orders = nullptr;
  f.offer("orders.any", s, [&](tenon_call* call, const tenon_request*, tenon_reply* r, tenon_error*) {
    static const tenon_kv pairs[] = {{str("k1"), str("v1")}, {str("k2"), str("")}};
    if (kind == "blob") {
      r->payload = {reinterpret_cast<const std::uint8_t*>("from a blob"), 11, [](void*) noexcept { ++freed; }, nullptr};
    } else if (kind == "reserve") {
      std::uint8_t* p = orders->calls->reserve(call, 1000);
      REQUIRE(p != nullptr);
      std::memset(p, 'r', 1000);
      r->payload = {p, 1000, nullptr, nullptr};
    } else if (kind == "static") {
      r->payload = {reinterpret_cast<const std::uint8_t*>("for ever"), 8, nullptr, nullptr};
    } else if (kind == "bad") {
      r->payload = {nullptr, 5, nullptr, nullptr};
    } else if (kind == "bad blob") {
      r->payload = {reinterpret_cast<const std::uint8_t*>("x"), 1, [](void*) noexcept { ++freed; }, nullptr};
      r->content_type = str("\xff\xfe");
    } else {
      std::memcpy(r->buffer, "{}", 2);
      r->payload = {r->buffer, 2, nullptr, nullptr};
      r->content_type = str("application/json");
      r->metadata = pairs;
      r->metadata_count = 2;
    }
    return TENON_OK;
  });
  orders = f.orders;
  const tenon_id handle = Fixture::resolve(f.web, "orders.any");
  for (int i = 0; i < 260; ++i) {
    kind = "blob";
    Answer a = f.call(f.web, handle, "", "q");
    CHECK(a.payload == "from a blob");
    CHECK(freed == 2 * i + 1);
    kind = "reserve";
    a = f.call(f.web, handle, "", "q");
    CHECK(a.payload == std::string(1000, 'r'));
    CHECK_FALSE(a.in_buffer);
    kind = "static";
    CHECK(f.call(f.web, handle, "", "q").payload == "for ever");
    for (const std::size_t capacity : {2, 40, 200}) {
      kind = "extras";
      a = f.call(f.web, handle, "", "q", capacity);
      CHECK(a.payload == "{}");
      CHECK(a.content_type == "application/json");
      CHECK(a.metadata == std::map<std::string, std::string>{{"k1", "v1"}, {"k2", ""}});
      CHECK(a.in_buffer == (capacity == 200));
    }
    kind = "bad";
    a = f.call(f.web, handle, "", "q");
    CHECK(a.status == TENON_INTERNAL);
    CHECK(a.reason == "BAD_REPLY");
    kind = "bad blob";
    CHECK(f.call(f.web, handle, "", "q").status == TENON_INTERNAL);
    CHECK(freed == 2 * i + 2);
  }
}

TEST_CASE("services table: a failing handler fails its call, with what it said") {
  Fixture f;
  f.boot();
  Service s;
  tenon_status answer = TENON_ABORTED;
  bool says = true;
  f.offer("orders.fails", s, [&](tenon_call*, const tenon_request*, tenon_reply*, tenon_error* err) {
    if (says) {
      std::strcpy(err->reason, "CONFLICT");
      std::strcpy(err->message, "order `17` changed");
      err->status = answer;
    }
    return answer;
  });
  const tenon_id handle = Fixture::resolve(f.web, "orders.fails");
  for (int i = 0; i < 3; ++i) {
    Answer a = f.call(f.web, handle, "", "q");
    CHECK(a.status == TENON_ABORTED);
    CHECK(a.reason == "CONFLICT");
    CHECK(a.message == "order `17` changed");
  }
  says = false;
  CHECK(f.call(f.web, handle, "", "q").message == "`orders.fails` answered ABORTED");
  answer = 4711;
  CHECK(f.call(f.web, handle, "", "q").status == TENON_UNKNOWN);
  answer = TENON_PENDING;  // without defer
  CHECK(f.call(f.web, handle, "", "q").reason == "NOT_DEFERRED");
}

TEST_CASE("services table: what is not there, not allowed, not well-formed") {
  Fixture f(false);
  f.boot();
  Service s;
  f.offer("orders.echo", s, &echo);
  CHECK(f.call(f.web, 0, "orders.echo", "x").status == TENON_PERMISSION_DENIED);
  CHECK(f.call(f.web, 0, "not a name", "x").status == TENON_INVALID_ARGUMENT);
  CHECK(f.call(f.web, 0x100000001, "", "x").status == TENON_NOT_FOUND);
  CHECK(f.call(f.orders, 0, "orders.nothing", "x").status == TENON_NOT_FOUND);
  tenon_id id = 0;
  tenon_error err{};
  err.struct_size = sizeof err;
  CHECK(f.web->offer(f.web, str("orders.stolen"), 0, &s, &id, &err) == TENON_PERMISSION_DENIED);
  CHECK(f.web->offer(f.web, str("tenon.stolen"), 0, &s, &id, &err) == TENON_PERMISSION_DENIED);
  CHECK(f.orders->offer(f.orders, str("orders.flags"), 0x8000, &s, &id, &err) == TENON_INVALID_ARGUMENT);
  CHECK(f.web->services->call(f.web->ctx, 1, nullptr, nullptr, nullptr, nullptr) == TENON_INVALID_ARGUMENT);
  tenon_request q{};
  tenon_reply r{};
  CHECK(f.web->services->call(f.web->ctx, 1, &q, &r, nullptr, nullptr) == TENON_INVALID_ARGUMENT);
  CHECK(f.web->services->unregister(f.web->ctx, 99) == TENON_NOT_FOUND);
  CHECK(f.web->services->release_handle(f.web->ctx, 99) == TENON_NOT_FOUND);
  CHECK(f.web->services->has(f.web->ctx, str("orders.echo")) == 1);
  CHECK(f.web->services->has(f.web->ctx, str("orders.other")) == 0);
}

TEST_CASE("services table: the same registration again has the same id, another handler is refused") {
  Fixture f;
  f.boot();
  Service s, other;
  const tenon_id id = f.offer("orders.echo", s, &echo);
  CHECK(f.offer("orders.echo/1", s, &echo) == id);
  tenon_id again = 0;
  tenon_error err{};
  err.struct_size = sizeof err;
  CHECK(f.orders->offer(f.orders, str("orders.echo"), 0, &other, &again, &err) == TENON_ALREADY_EXISTS);
  CHECK(std::string(err.message).find("orders") != std::string::npos);
  CHECK(f.orders->services->unregister_wait(f.orders->ctx, id, monotonic_ns() + 30'000'000'000) == TENON_OK);
  CHECK(s.released == 1);
  CHECK(f.orders->services->unregister(f.orders->ctx, id) == TENON_NOT_FOUND);
  CHECK(f.offer("orders.echo", s, &echo) != id);
}

TEST_CASE("services table: before start calls get UNAVAILABLE, before init has returned nobody sees it") {
  Fixture f;
  Service s;
  bool seen_in_init = true;
  on_init = [&](const puppet* p) {
    if (created.size() == 1) {
      f.orders = p;
      f.offer("orders.echo", s, &echo);
    } else {
      seen_in_init = p->services->has(p->ctx, str("orders.echo")) != 0;
    }
    return TENON_OK;
  };
  f.puppets[0]->run(Phase::load);
  f.puppets[0]->run(Phase::create);
  f.puppets[0]->run(Phase::init);
  f.puppets[1]->boot();
  f.web = created[1];
  CHECK(seen_in_init);  // visible since the first one's init
  CHECK(f.call(f.web, 0, "orders.echo", "x").reason == "NOT_STARTED");
  f.puppets[0]->instance().skipped(Phase::start);
  CHECK(f.call(f.web, 0, "orders.echo", "x").payload == "x");
}

TEST_CASE("services table: deferred calls, their cancellation, and who calls") {
  Fixture f;
  f.boot();
  Service s;
  std::atomic<tenon_id> deferred{0};
  std::string who, service;
  f.offer("orders.later", s, [&](tenon_call* call, const tenon_request*, tenon_reply*, tenon_error*) {
    tenon_call_info info{};
    info.struct_size = sizeof info;
    CHECK(f.orders->services->info(call, &info) == TENON_OK);
    who = text(info.caller);
    service = text(info.service);
    CHECK(f.orders->calls->cancelled(call) == 0);
    CHECK(f.orders->calls->deadline_ns(call) > monotonic_ns());
    tenon_id id = 0;
    CHECK(f.orders->calls->defer(call, &id) == TENON_OK);
    deferred = id;
    return TENON_PENDING;
  });
  const tenon_id handle = Fixture::resolve(f.web, "orders.later");
  for (int i = 0; i < 20; ++i) {
    deferred = 0;
    std::thread completer([&] {
      while (deferred == 0) std::this_thread::yield();
      tenon_reply reply{};
      reply.struct_size = sizeof reply;
      reply.payload = {reinterpret_cast<const std::uint8_t*>("later"), 5, nullptr, nullptr};
      reply.content_type = str("text/plain");
      CHECK(f.orders->services->complete(f.orders->ctx, deferred, TENON_OK, nullptr, &reply) == TENON_OK);
      CHECK(f.orders->calls->complete(f.orders->ctx, deferred, TENON_OK, nullptr, nullptr) == TENON_NOT_FOUND);
    });
    const Answer a = f.call(f.web, handle, "", "x");
    completer.join();
    CHECK(a.payload == "later");
    CHECK(a.content_type == "text/plain");
  }
  CHECK(who == "web");
  CHECK(service == "orders.later");
  // Nobody completes: the caller's deadline counts exactly, and the provider is told.
  CHECK(f.call(f.web, handle, "", "x", 64, monotonic_ns() + 20'000'000).status == TENON_DEADLINE_EXCEEDED);
  CHECK(f.orders->calls->id_cancelled(f.orders->ctx, deferred) == 1);
  CHECK(f.orders->calls->complete(f.orders->ctx, deferred, TENON_OK, nullptr, nullptr) == TENON_OK);
}

TEST_CASE("services table: asynchronous calls end once, also cancelled") {
  Fixture f;
  f.boot();
  Service s;
  f.offer("orders.echo", s, [](tenon_call*, const tenon_request* q, tenon_reply* r, tenon_error*) {
    static const std::uint8_t pong[] = {'p', 'o', 'n', 'g'};
    r->payload = {pong, q->payload.len == 0 ? std::size_t{0} : 4, nullptr, nullptr};
    return TENON_OK;
  });
  struct Done {
    std::atomic<int> calls{0}, good{0};
  } done;
  tenon_request q{};
  q.struct_size = sizeof q;
  q.payload = {reinterpret_cast<const std::uint8_t*>("x"), 1};
  for (int i = 0; i < 100; ++i)
    REQUIRE(f.web->services->call_async_by_name(
                f.web->ctx, str("orders.echo"), &q, nullptr,
                [](void* data, tenon_id, tenon_status status, tenon_reply* reply, const tenon_error*) noexcept {
                  auto& d = *static_cast<Done*>(data);
                  if (status == TENON_OK && text(reply->payload) == "pong") ++d.good;
                  ++d.calls;
                },
                &done, nullptr, nullptr) == TENON_OK);
  while (done.calls != 100) std::this_thread::yield();
  CHECK(done.good == 100);
  CHECK(f.web->services->cancel(f.web->ctx, 12345) == TENON_NOT_FOUND);
}

TEST_CASE("services table: a provider leaves while it is called, nothing of it stays") {
  Fixture f;
  f.boot();
  Service s;
  f.offer("orders.echo", s, &echo);
  const tenon_id handle = Fixture::resolve(f.web, "orders.echo");
  std::atomic<bool> stop{false};
  std::atomic<int> good{0}, odd{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 3; ++t)
    callers.emplace_back([&] {
      std::uint8_t in[8] = {}, out[8];
      tenon_request q{};
      q.struct_size = sizeof q;
      q.payload = {in, sizeof in};
      while (!stop) {
        tenon_reply r{};
        r.struct_size = sizeof r;
        r.buffer = out;
        r.capacity = sizeof out;
        const tenon_status status = f.web->call(f.web, handle, &q, &r, nullptr, nullptr);
        if (status == TENON_OK)
          ++good;
        else if (status != TENON_UNAVAILABLE && status != TENON_NOT_FOUND)
          ++odd;
      }
    });
  while (good < 1000) std::this_thread::yield();
  CHECK(f.puppets[0]->end());
  CHECK(s.released == 1);
  stop = true;
  for (std::thread& t : callers) t.join();
  CHECK(odd == 0);
  CHECK(f.call(f.web, handle, "", "x").status == TENON_NOT_FOUND);
  f.puppets.erase(f.puppets.begin());
}

TEST_CASE("services table: with a breaker for all, a service that failed often enough is not called for a while") {
  KernelOptions options;
  options.services.breaker = BreakerOptions{3, 60'000'000'000, 3'600'000'000'000, 1};
  Fixture f(true, std::move(options));
  f.boot();
  Service s;
  int called = 0;
  f.offer("orders.fails", s, [&](tenon_call*, const tenon_request*, tenon_reply*, tenon_error*) {
    ++called;
    return TENON_UNAVAILABLE;
  });
  const tenon_id handle = Fixture::resolve(f.web, "orders.fails");
  for (int i = 0; i < 3; ++i) CHECK(f.call(f.web, handle, "", "x").reason != "CIRCUIT_OPEN");
  for (int i = 0; i < 3; ++i) CHECK(f.call(f.web, handle, "", "x").reason == "CIRCUIT_OPEN");
  CHECK(called == 3);
}

// What is the C table's own: buffers, blobs and their release, arguments that are none, the short way of many calls.
#include <atomic>
#include <cstring>
#include <future>
#include <map>
#include <thread>

#include "puppets.hpp"

using namespace tenon;
using namespace tenon::test;

namespace {

struct Outcome {
  tenon_status status = TENON_OK;
  std::string payload, content_type, reason, message;
  std::map<std::string, std::string> metadata;
  bool in_buffer = false;
};

using Handler = decltype(PuppetService::handle);

tenon_status echo(tenon_call*, const tenon_request* q, tenon_reply* r, tenon_error*) {
  if (q->payload.len > r->capacity) return TENON_OUT_OF_RANGE;
  if (q->payload.len != 0) std::memcpy(r->buffer, q->payload.ptr, q->payload.len);
  r->payload.ptr = r->buffer;
  r->payload.len = q->payload.len;
  return TENON_OK;
}

struct Fixture {
  explicit Fixture(bool strict = false) : puppets({false, false, strict, {}}) { puppets.boot(); }
  [[nodiscard]] const puppet& orders() const { return puppets[Who::orders]; }
  [[nodiscard]] const puppet& web() const { return puppets[Who::web]; }
  tenon_id offer(const std::string& name, PuppetService& service, Handler handler, std::uint32_t flags = 0) {
    service.handle = std::move(handler);
    tenon_id id = 0;
    tenon_error err{};
    err.struct_size = sizeof err;
    REQUIRE_MESSAGE(orders().offer(&orders(), c_text(name), flags, &service, &id, &err) == TENON_OK, err.message);
    return id;
  }
  [[nodiscard]] tenon_id resolve(const std::string& name) const {
    tenon_id handle = 0;
    tenon_error err{};
    err.struct_size = sizeof err;
    REQUIRE_MESSAGE(web().services->resolve(web().ctx, c_text(name), &handle, &err) == TENON_OK, err.message);
    return handle;
  }
  /// By `web`.
  [[nodiscard]] Outcome call(tenon_id handle, const std::string& name, std::string_view payload, std::size_t capacity = 64,
                             std::int64_t deadline_ns = 0) const {
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
    Outcome out;
    out.status = handle != 0 ? web().call(&web(), handle, &q, &r, how, &err) : web().call_by_name(&web(), c_text(name), &q, &r, how, &err);
    out.payload = text_of(r.payload);
    out.content_type = text_of(r.content_type);
    for (std::size_t i = 0; i < r.metadata_count; ++i) out.metadata[text_of(r.metadata[i].key)] = text_of(r.metadata[i].value);
    out.in_buffer = r.payload.release == nullptr;
    if (r.payload.release != nullptr) r.payload.release(r.payload.owner);
    if (out.status != TENON_OK) {
      out.reason = err.reason;
      out.message = err.message;
      CHECK(out.payload.empty());
    }
    return out;
  }
  LoadedPuppets puppets;
};

}  // namespace

TEST_CASE("services table: bytes there and back, by handle and by name, often") {
  PuppetService s;
  Fixture f;
  f.offer("orders.echo", s, &echo);
  const tenon_id handle = f.resolve("orders.echo");
  for (int i = 0; i < 600; ++i) {  // the long way is taken now and then
    const std::string payload = "payload " + std::to_string(i);
    const Outcome a = f.call(handle, "", payload);
    CHECK(a.status == TENON_OK);
    CHECK(a.payload == payload);
    CHECK(a.in_buffer);
    CHECK(f.call(0, "orders.echo/1", payload).payload == payload);
    CHECK(f.call(handle, "", payload, 64, soon()).payload == payload);
  }
  CHECK(f.call(handle, "", "", 0).status == TENON_OK);
}

TEST_CASE("services table: replies of every kind arrive, and their blobs are released once") {
  bool strict = false;
  SUBCASE("plain") {}
  SUBCASE("strict") { strict = true; }
  static std::atomic<int> freed{0};
  freed = 0;
  std::string kind;
  PuppetService s;
  Fixture f(strict);
  f.offer("orders.any", s, [&](tenon_call* call, const tenon_request*, tenon_reply* r, tenon_error*) {
    static const tenon_kv pairs[] = {{c_text("k1"), c_text("v1")}, {c_text("k2"), c_text("")}};
    if (kind == "blob") {
      r->payload = {reinterpret_cast<const std::uint8_t*>("from a blob"), 11, [](void*) noexcept { ++freed; }, nullptr};
    } else if (kind == "reserve") {
      std::uint8_t* p = f.orders().calls->reserve(call, 1000);
      REQUIRE(p != nullptr);
      std::memset(p, 'r', 1000);
      r->payload = {p, 1000, nullptr, nullptr};
    } else if (kind == "static") {
      r->payload = {reinterpret_cast<const std::uint8_t*>("for ever"), 8, nullptr, nullptr};
    } else if (kind == "bad") {
      r->payload = {nullptr, 5, nullptr, nullptr};
    } else if (kind == "bad blob") {
      r->payload = {reinterpret_cast<const std::uint8_t*>("x"), 1, [](void*) noexcept { ++freed; }, nullptr};
      r->content_type = c_text("\xff\xfe");
    } else if (kind == "failed blob") {
      r->payload = {reinterpret_cast<const std::uint8_t*>("x"), 1, [](void*) noexcept { ++freed; }, nullptr};
      return TENON_ABORTED;
    } else {
      std::memcpy(r->buffer, "{}", 2);
      r->payload = {r->buffer, 2, nullptr, nullptr};
      r->content_type = c_text("application/json");
      r->metadata = pairs;
      r->metadata_count = 2;
    }
    return TENON_OK;
  });
  const tenon_id handle = f.resolve("orders.any");
  for (int i = 0; i < 260; ++i) {
    kind = "blob";
    Outcome a = f.call(handle, "", "q");
    CHECK(a.payload == "from a blob");
    CHECK(freed == 3 * i + 1);
    kind = "reserve";
    a = f.call(handle, "", "q");
    CHECK(a.payload == std::string(1000, 'r'));
    CHECK_FALSE(a.in_buffer);
    kind = "static";
    CHECK(f.call(handle, "", "q").payload == "for ever");
    for (const std::size_t capacity : {2, 40, 200}) {
      kind = "extras";
      a = f.call(handle, "", "q", capacity);
      CHECK(a.payload == "{}");
      CHECK(a.content_type == "application/json");
      CHECK(a.metadata == std::map<std::string, std::string>{{"k1", "v1"}, {"k2", ""}});
      CHECK(a.in_buffer == (capacity == 200));
    }
    kind = "bad";
    a = f.call(handle, "", "q");
    CHECK(a.status == TENON_INTERNAL);
    CHECK(a.reason == "BAD_REPLY");
    kind = "bad blob";
    CHECK(f.call(handle, "", "q").status == TENON_INTERNAL);
    kind = "failed blob";
    CHECK(f.call(handle, "", "q").status == TENON_ABORTED);
    CHECK(freed == 3 * i + 3);
  }
}

TEST_CASE("services table: a payload in the caller's buffer is where it says, and nothing behind the buffer is read") {
  bool strict = false;
  SUBCASE("plain") {}
  SUBCASE("strict") { strict = true; }
  std::size_t begin = 0, size = 0;
  PuppetService s;
  Fixture f(strict);
  f.offer("orders.part", s, [&](tenon_call*, const tenon_request*, tenon_reply* r, tenon_error*) {
    for (std::size_t i = 0; i < r->capacity; ++i) r->buffer[i] = static_cast<std::uint8_t>('0' + i);
    r->payload = {r->buffer + begin, size, nullptr, nullptr};
    return TENON_OK;
  });
  const tenon_id handle = f.resolve("orders.part");
  const auto part = [&](std::size_t from, std::size_t bytes, std::size_t capacity = 16) {
    begin = from;
    size = bytes;
    const Outcome a = f.call(handle, "", "q", capacity);
    return a.status == TENON_OK ? a.payload : a.reason;
  };
  for (int i = 0; i < 260; ++i) {  // the long way is taken now and then
    CHECK(part(0, 16) == "0123456789:;<=>?");
    CHECK(part(0, 17) == "BAD_REPLY");
    CHECK(part(0, 1000) == "BAD_REPLY");
    CHECK(part(2, 14) == "23456789:;<=>?");
    CHECK(part(2, 15) == "BAD_REPLY");
    CHECK(part(15, 1) == "?");
    CHECK(part(15, 2) == "BAD_REPLY");
    CHECK(part(1, 0).empty());
  }
}

TEST_CASE("services table: where the caller's buffer is, is his word") {
  static std::uint8_t mine[] = {'m', 'i', 'n', 'e'};
  std::atomic<int> answer{TENON_OK};
  PuppetService s;
  Fixture f;
  f.offer("orders.mine", s, [&](tenon_call*, const tenon_request*, tenon_reply* r, tenon_error*) -> tenon_status {
    r->struct_size = 0;
    r->buffer = mine;
    r->capacity = sizeof mine;
    r->payload = {mine, sizeof mine, nullptr, nullptr};
    return answer;
  });
  const tenon_id handle = f.resolve("orders.mine");
  std::uint8_t buffer[8] = {};
  tenon_request q{};
  q.struct_size = sizeof q;
  q.payload = {buffer, 0};
  tenon_reply r{};
  r.struct_size = sizeof r;
  r.buffer = buffer;
  r.capacity = sizeof buffer;
  for (int i = 0; i < 600; ++i) {
    answer = i % 3 == 2 ? TENON_ABORTED : TENON_OK;
    CHECK(f.web().call(&f.web(), handle, &q, &r, nullptr, nullptr) == answer);
    CHECK(r.struct_size == sizeof r);
    CHECK(r.buffer == buffer);
    CHECK(r.capacity == sizeof buffer);
    if (answer != TENON_OK) continue;
    CHECK(text_of(r.payload) == "mine");
    CHECK(r.payload.ptr == buffer);
  }
}

TEST_CASE("services table: any thread may ask how long a call has, and whether somebody waits, while its handler uses it") {
  PuppetService s;
  Fixture f;
  f.offer("orders.asked", s, [&](tenon_call* call, const tenon_request*, tenon_reply* r, tenon_error*) -> tenon_status {
    const tenon_calls& calls = *f.orders().calls;
    std::atomic<int> asked{0};
    std::atomic<bool> done{false};
    std::thread helper([&] {
      do {
        CHECK(calls.cancelled(call) == 0);
        CHECK(calls.deadline_ns(call) < INT64_MAX);
        ++asked;
      } while (!done);
    });
    std::uint8_t* const kept = calls.reserve(call, 16);
    REQUIRE(kept != nullptr);
    std::memset(kept, 'k', 16);
    while (asked < 3) std::this_thread::yield();
    for (int i = 0; i < 100; ++i) CHECK(calls.reserve(call, 16) != nullptr);
    done = true;
    helper.join();
    r->payload = {kept, 16, nullptr, nullptr};
    return TENON_OK;
  });
  const tenon_id handle = f.resolve("orders.asked");
  for (int i = 0; i < 20; ++i) CHECK(f.call(handle, "", "q").payload == std::string(16, 'k'));
}

TEST_CASE("services table: a reply whose size is not set completes nothing") {
  static std::atomic<int> freed{0};
  freed = 0;
  std::promise<tenon_id> opened;
  PuppetService s;
  Fixture f;
  f.offer("orders.later", s, [&](tenon_call* call, const tenon_request*, tenon_reply*, tenon_error*) -> tenon_status {
    tenon_id id = 0;
    CHECK(f.orders().calls->defer(call, &id) == TENON_OK);
    opened.set_value(id);
    return TENON_PENDING;
  });
  Outcome got;
  std::thread caller([&] { got = f.call(0, "orders.later", "q"); });
  const tenon_id id = opened.get_future().get();
  const puppet& orders = f.orders();
  tenon_reply r{};
  r.payload = {reinterpret_cast<const std::uint8_t*>("the answer"), 10, [](void*) noexcept { ++freed; }, nullptr};
  CHECK(orders.services->complete(orders.ctx, id, TENON_OK, nullptr, &r) == TENON_INVALID_ARGUMENT);
  CHECK((r.payload.release != nullptr));
  CHECK(freed == 0);
  r.struct_size = sizeof r;
  CHECK(orders.services->complete(orders.ctx, id, TENON_OK, nullptr, &r) == TENON_OK);
  CHECK((r.payload.release == nullptr));
  caller.join();
  CHECK(got.payload == "the answer");
  CHECK(freed == 1);
}

TEST_CASE("services table: arguments that are none") {
  PuppetService s;
  Fixture f;
  f.offer("orders.echo", s, &echo);
  tenon_id id = 0;
  tenon_error err{};
  err.struct_size = sizeof err;
  const puppet &orders = f.orders(), &web = f.web();
  CHECK(orders.offer(&orders, c_text("orders.flags"), 0x8000, &s, &id, &err) == TENON_INVALID_ARGUMENT);
  CHECK(std::string(err.reason) == "UNKNOWN_FLAGS");
  CHECK(orders.services->register_service(orders.ctx, nullptr, &id, &err) == TENON_INVALID_ARGUMENT);
  const tenon_service without = {sizeof without, 0, c_text("orders.none"), nullptr, nullptr, nullptr};
  CHECK(orders.services->register_service(orders.ctx, &without, &id, &err) == TENON_INVALID_ARGUMENT);
  CHECK(orders.services->resolve(orders.ctx, c_text("orders.echo"), nullptr, &err) == TENON_INVALID_ARGUMENT);
  CHECK(web.services->call(web.ctx, 1, nullptr, nullptr, nullptr, nullptr) == TENON_INVALID_ARGUMENT);
  tenon_request q{};
  tenon_reply r{};
  CHECK(web.services->call(web.ctx, 1, &q, &r, nullptr, nullptr) == TENON_INVALID_ARGUMENT);  // no struct_size
  CHECK(web.services->call_by_name(web.ctx, {nullptr, 7}, &q, &r, nullptr, nullptr) == TENON_INVALID_ARGUMENT);
  CHECK(web.services->has(web.ctx, {nullptr, 7}) == 0);
  q.struct_size = sizeof q;
  CHECK(web.services->call_async_by_name(web.ctx, c_text("orders.echo"), &q, nullptr, nullptr, nullptr, &id, &err) ==
        TENON_INVALID_ARGUMENT);  // nobody to tell
  CHECK(web.services->info(nullptr, nullptr) == TENON_INVALID_ARGUMENT);
  CHECK(f.call(0, "orders.echo", "still there").payload == "still there");
}

TEST_CASE("services table: a provider leaves while it is called, nothing of it stays") {
  std::atomic<int> released{0};
  PuppetService s;
  s.released = [&] { ++released; };
  Fixture f;
  f.offer("orders.echo", s, &echo);
  const tenon_id handle = f.resolve("orders.echo");
  std::atomic<bool> stop{false};
  std::atomic<int> good{0}, odd{0};
  std::vector<std::thread> callers;
  const puppet& web = f.web();
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
        const tenon_status status = web.call(&web, handle, &q, &r, nullptr, nullptr);
        if (status == TENON_OK)
          ++good;
        else if (status != TENON_UNAVAILABLE && status != TENON_NOT_FOUND)
          ++odd;
      }
    });
  while (good < 1000) std::this_thread::yield();
  CHECK(f.puppets.leave(Who::orders));
  CHECK(released == 1);
  stop = true;
  for (std::thread& t : callers) t.join();
  CHECK(odd == 0);
  CHECK(f.call(handle, "", "x").status == TENON_NOT_FOUND);
}

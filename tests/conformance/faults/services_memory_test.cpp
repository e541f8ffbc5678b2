// Services through the C table while there is no memory.
#include <cstring>
#include <thread>

#include "starved.hpp"
#include "tenon/calls.h"
#include "tenon/services.h"

using namespace tenon;
using namespace tenon::test;

namespace {

/// What one service does, and what became of its data.
struct Service : Registered {
  tenon_service_handler handle = nullptr;
  const tenon_calls* calls = nullptr;
  std::atomic<tenon_id> deferred{0};
  std::atomic<int> ended{0};
};

tenon_status run(void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply, tenon_error* err) noexcept {
  ++static_cast<Service*>(data)->used;
  return static_cast<Service*>(data)->handle(data, call, request, reply, err);
}
tenon_status echo(void*, tenon_call*, const tenon_request* request, tenon_reply* reply, tenon_error*) noexcept {
  if (request->payload.len > reply->capacity) {
    reply->payload = {request->payload.ptr, request->payload.len, nullptr, nullptr};
    return TENON_OK;
  }
  std::memcpy(reply->buffer, request->payload.ptr, request->payload.len);
  reply->payload = {reply->buffer, request->payload.len, nullptr, nullptr};
  return TENON_OK;
}
/// Everything a reply can have.
tenon_status lavish(void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply, tenon_error* err) noexcept {
  static const tenon_kv pairs[] = {{TENON_STR_INIT("language"), TENON_STR_INIT("the language of the text, in more than a few bytes")},
                                   {TENON_STR_INIT("more"), TENON_STR_INIT("yes")}};
  std::uint8_t* const memory = static_cast<Service*>(data)->calls->reserve(call, request->payload.len);
  if (memory == nullptr) return TENON_RESOURCE_EXHAUSTED;
  std::memcpy(memory, request->payload.ptr, request->payload.len);
  reply->payload = {memory, request->payload.len, nullptr, nullptr};
  reply->content_type = TENON_STR("text/plain");
  reply->metadata = pairs;
  reply->metadata_count = 2;
  static_cast<void>(err);
  return TENON_OK;
}
tenon_status blob(void* data, tenon_call*, const tenon_request* request, tenon_reply* reply, tenon_error*) noexcept {
  ++static_cast<Service*>(data)->ended;  // counted down by release
  reply->payload = {request->payload.ptr, request->payload.len, [](void* owner) noexcept { --static_cast<Service*>(owner)->ended; }, data};
  return TENON_OK;
}
tenon_status fails(void*, tenon_call*, const tenon_request*, tenon_reply*, tenon_error* err) noexcept {
  err->status = TENON_ABORTED;
  std::strcpy(err->message, "somebody else was faster, and this is a sentence about it");
  return TENON_ABORTED;
}
tenon_status fails_silently(void*, tenon_call*, const tenon_request*, tenon_reply*, tenon_error*) noexcept { return TENON_DATA_LOSS; }
tenon_status pends_wrongly(void*, tenon_call*, const tenon_request*, tenon_reply*, tenon_error*) noexcept { return TENON_PENDING; }
tenon_status defers(void* data, tenon_call* call, const tenon_request*, tenon_reply*, tenon_error*) noexcept {
  auto& s = *static_cast<Service*>(data);
  tenon_id id = 0;
  const tenon_status status = s.calls->defer(call, &id);
  if (status != TENON_OK) return status;
  s.deferred = id;
  return TENON_PENDING;
}

struct Outcome {
  tenon_status status = TENON_OK;
  std::string payload, reason;
};

/// `orders` offers, `web` calls.
struct Shop {
  SmallHost host;
  SmallModule orders{host, "orders"}, web{host, "web", trusted()};
  const tenon_services* const offers = orders.table<tenon_services>(TENON_SERVICES);
  const tenon_services* const asks = web.table<tenon_services>(TENON_SERVICES);
  const tenon_calls* const calls = orders.table<tenon_calls>(TENON_CALLS);
  tenon_error error{};

  Shop() { error.struct_size = sizeof error; }
  static host::InstanceOptions trusted() {
    host::InstanceOptions options;
    options.trusted = true;
    return options;
  }
  tenon_status offer(Service& service, tenon_service_handler handle, tenon_id& id, std::uint32_t flags = 0,
                     std::string_view name = "orders.service-with-a-long-name") {
    service.handle = handle;
    service.calls = calls;
    const tenon_service offered = {sizeof offered, flags, str(name), &run, &service, &Registered::release};
    return offers->register_service(orders.ctx(), &offered, &id, &error);
  }
  tenon_id must_offer(Service& service, tenon_service_handler handle, std::uint32_t flags = 0) {
    tenon_id id = 0;
    REQUIRE(offer(service, handle, id, flags) == TENON_OK);
    return id;
  }
  static constexpr std::string_view payload = "a request that is longer than a string without memory";
  template <class Key>
  Outcome call(Starving* starving,
               tenon_status (*by)(tenon_ctx*, Key, const tenon_request*, tenon_reply*, const tenon_call_options*, tenon_error*) noexcept,
               Key key, std::size_t capacity) {
    std::uint8_t buffer[512];
    const tenon_kv pair = {TENON_STR_INIT("who"), TENON_STR_INIT("a caller with a name that does not fit into a small string")};
    const tenon_request request = {sizeof request, 0, bytes(payload), str("text/plain"), &pair, 1};
    tenon_reply reply{};
    reply.struct_size = sizeof reply;
    reply.buffer = buffer;
    reply.capacity = capacity;
    const auto make = [&] { return by(web.ctx(), key, &request, &reply, nullptr, &error); };
    Outcome out;
    error.reason[0] = '\0';
    out.status = starving != nullptr ? starving->during(make) : make();
    out.payload.assign(reinterpret_cast<const char*>(reply.payload.ptr), reply.payload.len);
    if (out.status != TENON_OK) out.reason = error.reason;
    if (reply.payload.release != nullptr) reply.payload.release(reply.payload.owner);
    return out;
  }
  Outcome call_by_name(Starving* starving, std::size_t capacity = 512) {
    return call(starving, asks->call_by_name, str("orders.service-with-a-long-name"), capacity);
  }
  /// Nothing is counted as running that has ended.
  bool none_in_flight() {
    return settles([&] {
      for (const auto& m : host.kernel().services().metrics())
        if (m.in_flight != 0) return false;
      return true;
    });
  }
};

/// Calls a service in every shortage: by name the first time ever, and again; by handle. What it answers is its own, or RESOURCE_EXHAUSTED.
void call_in_every_shortage(tenon_service_handler handle, tenon_status expected, std::uint32_t flags, std::size_t capacity) {
  for (const bool known : {false, true})
    with_every_shortage([&](Starving& starving) {
      Service service;
      {
        Shop shop;
        shop.must_offer(service, handle, flags);
        if (known) CHECK(shop.call_by_name(nullptr, capacity).status == expected);
        const Outcome got = shop.call_by_name(&starving, capacity);
        CHECK((got.status == expected || got.status == TENON_RESOURCE_EXHAUSTED));
        if (!starving.struck()) CHECK(got.status == expected);
        if (got.status == TENON_OK) CHECK(got.payload == Shop::payload);
        CHECK(shop.none_in_flight());
        const Outcome again = shop.call_by_name(nullptr, capacity);
        CHECK(again.status == expected);
        if (expected == TENON_OK) CHECK(again.payload == Shop::payload);
      }
      CHECK(service.released == 1);
      CHECK(service.ended == 0);
    });
}

/// What comes of an asynchronous call.
struct Waiter {
  std::atomic<int> done{0};
  std::atomic<tenon_status> status{TENON_OK};
  static void on_done(void* data, tenon_id, tenon_status status, tenon_reply*, const tenon_error*) noexcept {
    static_cast<Waiter*>(data)->status = status;
    ++static_cast<Waiter*>(data)->done;
  }
};

const tenon_request bare = {sizeof bare, 0, bytes("asynchronous, and longer than a small string is"), {}, nullptr, 0};

}  // namespace

TEST_CASE("no memory: a shortage is felt, by whom it is for and for as long as it is said") {
  for (const bool lasts : {false, true}) {
    Starving starving({2, lasts});
    std::vector<bool> got;
    const auto take = [&] {
      char* const p = new (std::nothrow) char[100];
      const bool there = p != nullptr;
      delete[] p;
      return there;
    };
    got.reserve(8);
    starving.during([&] {
      for (int i = 0; i < 3; ++i) got.push_back(take());
    });
    got.push_back(take());
    CHECK(starving.struck());
    CHECK(got == std::vector<bool>{true, false, !lasts, true});
  }
  CHECK(blocks_left() == 0);
}

TEST_CASE("no memory: register_service leaves nothing, or a service that works") {
  with_every_shortage([](Starving& starving) {
    Service service;
    {
      Shop shop;
      tenon_id id = 0;
      const tenon_status status = starving.during([&] { return shop.offer(service, &echo, id); });
      CHECK(is_clean(status));
      if (status != TENON_OK) {
        CHECK(std::string(shop.error.reason) == "NO_MEMORY");
        CHECK(shop.host.kernel().services().metrics().empty());
        CHECK(shop.asks->has(shop.web.ctx(), str("orders.service-with-a-long-name")) == 0);
        CHECK(service.released == 0);
        shop.must_offer(service, &echo);
      }
      CHECK(shop.call_by_name(nullptr).payload == Shop::payload);
    }
    CHECK(service.released == 1);
  });
}

TEST_CASE("no memory: a hundred services registered one after the other, each in the next shortage") {
  with_every_shortage([](Starving& starving) {
    std::vector<std::unique_ptr<Service>> services;
    {
      Shop shop;
      for (int i = 0; i < 100; ++i) {
        Service& service = *services.emplace_back(std::make_unique<Service>());
        const std::string name = "orders.number-" + std::to_string(i);
        tenon_id id = 0;
        tenon_status status = starving.during([&] { return shop.offer(service, &echo, id, 0, name); });
        CHECK(is_clean(status));
        if (status != TENON_OK) status = shop.offer(service, &echo, id, 0, name);
        CHECK(status == TENON_OK);
      }
      CHECK(shop.host.kernel().services().metrics().size() == 100);
    }
    for (const auto& service : services) CHECK(service->released == 1);
  });
}

TEST_CASE("no memory: unregister, waiting and not, releases once and as soon as ever") {
  for (const bool waits : {false, true})
    with_every_shortage([waits](Starving& starving) {
      Service service;
      Shop shop;
      const tenon_id id = shop.must_offer(service, &echo);
      CHECK(shop.call_by_name(nullptr).status == TENON_OK);
      const auto remove = [&] {
        return waits ? shop.offers->unregister_wait(shop.orders.ctx(), id, soon()) : shop.offers->unregister(shop.orders.ctx(), id);
      };
      const tenon_status status = starving.during(remove);
      CHECK(is_clean(status));
      if (status != TENON_OK) CHECK((remove() == TENON_OK || service.released == 1));
      CHECK(settles([&] { return service.released == 1; }));
      CHECK(shop.call_by_name(nullptr).status == TENON_NOT_FOUND);
      tenon_id next = 0;
      CHECK(shop.offer(service, &echo, next) == TENON_OK);
      CHECK(shop.call_by_name(nullptr).status == TENON_OK);
    });
}

TEST_CASE("no memory: resolve gives a handle that works, or none") {
  with_every_shortage([](Starving& starving) {
    Service service;
    Shop shop;
    shop.must_offer(service, &echo);
    tenon_id handle = 0;
    const auto resolve = [&] { return shop.asks->resolve(shop.web.ctx(), str("orders.service-with-a-long-name"), &handle, &shop.error); };
    const tenon_status status = starving.during(resolve);
    CHECK(is_clean(status));
    if (status != TENON_OK) CHECK(resolve() == TENON_OK);
    CHECK(shop.call(nullptr, shop.asks->call, handle, 512).payload == Shop::payload);
    const tenon_status released = starving.during([&] { return shop.asks->release_handle(shop.web.ctx(), handle); });
    CHECK(is_clean(released));
    if (released != TENON_OK) CHECK(shop.asks->release_handle(shop.web.ctx(), handle) == TENON_OK);
    CHECK(shop.asks->release_handle(shop.web.ctx(), handle) == TENON_NOT_FOUND);
  });
}

TEST_CASE("no memory: calls that are refused say so, or RESOURCE_EXHAUSTED") {
  with_every_shortage([](Starving& starving) {
    Shop shop;
    const Outcome unknown = shop.call_by_name(&starving);
    CHECK((unknown.status == TENON_NOT_FOUND || unknown.status == TENON_RESOURCE_EXHAUSTED));
    const Outcome malformed = shop.call(&starving, shop.asks->call_by_name, str("no name at all, and a very long one at that"), 0);
    CHECK((malformed.status == TENON_INVALID_ARGUMENT || malformed.status == TENON_RESOURCE_EXHAUSTED));
    const Outcome stale = shop.call(&starving, shop.asks->call, tenon_id{77}, 0);
    CHECK((stale.status == TENON_NOT_FOUND || stale.status == TENON_RESOURCE_EXHAUSTED));
    // A null request.
    const tenon_status null = starving.during([&] { return shop.asks->call(shop.web.ctx(), 1, nullptr, nullptr, nullptr, &shop.error); });
    CHECK((null == TENON_INVALID_ARGUMENT || null == TENON_RESOURCE_EXHAUSTED));
    const tenon_status nothing =
        starving.during([&] { return shop.offers->register_service(shop.orders.ctx(), nullptr, nullptr, &shop.error); });
    CHECK((nothing == TENON_INVALID_ARGUMENT || nothing == TENON_RESOURCE_EXHAUSTED));
    CHECK(shop.call_by_name(nullptr).status == TENON_NOT_FOUND);
  });
}

TEST_CASE("no memory: a call is answered, or RESOURCE_EXHAUSTED, and counted as ended") {
  SUBCASE("in the caller's buffer") { call_in_every_shortage(&echo, TENON_OK, 0, 512); }
  SUBCASE("too long for the buffer") { call_in_every_shortage(&echo, TENON_OK, 0, 8); }
  SUBCASE("with a content type and metadata") { call_in_every_shortage(&lavish, TENON_OK, 0, 512); }
  SUBCASE("with those and without a buffer") { call_in_every_shortage(&lavish, TENON_OK, 0, 0); }
  SUBCASE("as a blob") { call_in_every_shortage(&blob, TENON_OK, 0, 512); }
  SUBCASE("on a worker") { call_in_every_shortage(&echo, TENON_OK, TENON_SERVICE_OFFLOAD, 512); }
  SUBCASE("on a worker with everything") { call_in_every_shortage(&lavish, TENON_OK, TENON_SERVICE_OFFLOAD, 0); }
  SUBCASE("deprecated") { call_in_every_shortage(&echo, TENON_OK, TENON_SERVICE_DEPRECATED, 512); }
  SUBCASE("by a failure with a message") { call_in_every_shortage(&fails, TENON_ABORTED, 0, 512); }
  SUBCASE("by a failure without one") { call_in_every_shortage(&fails_silently, TENON_DATA_LOSS, 0, 512); }
  SUBCASE("by a false PENDING") { call_in_every_shortage(&pends_wrongly, TENON_INTERNAL, 0, 512); }
}

TEST_CASE("no memory: a deferred call is answered later, or refused") {
  with_every_shortage([](Starving& starving) {
    Service service;
    {
      Shop shop;
      shop.must_offer(service, &defers);
      std::thread answers([&] {
        while (service.deferred == 0 && service.used >= 0) std::this_thread::yield();
        if (service.used < 0) return;
        const std::string answer(Shop::payload);
        tenon_blob body = {bytes(answer).ptr, answer.size(), nullptr, nullptr};
        CHECK(shop.calls->complete(shop.orders.ctx(), service.deferred, TENON_OK, nullptr, &body) == TENON_OK);
      });
      const Outcome got = shop.call_by_name(&starving);
      CHECK(is_clean(got.status));
      if (got.status == TENON_OK) CHECK(got.payload == Shop::payload);
      if (service.deferred == 0) service.used = -1000;
      answers.join();
      CHECK(shop.none_in_flight());
    }
    CHECK(service.released == 1);
  });
}

TEST_CASE("no memory: an answer that comes later is taken, or RESOURCE_EXHAUSTED ends the call") {
  for (const bool rich : {false, true})
    with_every_shortage([rich](Starving& starving) {
      Service service;
      Waiter waiter;
      {
        Shop shop;
        shop.must_offer(service, &defers);
        REQUIRE(shop.asks->call_async_by_name(shop.web.ctx(), str("orders.service-with-a-long-name"), &bare, nullptr, &Waiter::on_done,
                                              &waiter, nullptr, &shop.error) == TENON_OK);
        REQUIRE(settles([&] { return service.deferred != 0; }));
        const tenon_status watched = starving.during([&] {
          return shop.calls->on_cancel(
              shop.orders.ctx(), service.deferred, [](void* data, tenon_status) noexcept { ++static_cast<Service*>(data)->ended; },
              &service);
        });
        CHECK(is_clean(watched));
        const tenon_kv pair = {TENON_STR_INIT("language"), TENON_STR_INIT("the language of the text, in more than a few bytes")};
        tenon_reply reply{};
        reply.struct_size = sizeof reply;
        reply.payload = {bytes(Shop::payload).ptr, Shop::payload.size(), [](void* owner) noexcept { ++static_cast<Waiter*>(owner)->done; },
                         &waiter};
        if (rich) {
          reply.content_type = TENON_STR("text/plain");
          reply.metadata = &pair;
          reply.metadata_count = 1;
        }
        const tenon_status completed =
            starving.during([&] { return shop.offers->complete(shop.orders.ctx(), service.deferred, TENON_OK, nullptr, &reply); });
        CHECK(is_clean(completed));
        // It has ended now, or is still to be: exactly one complete is OK.
        const tenon_status second = shop.calls->complete(shop.orders.ctx(), service.deferred, TENON_OK, nullptr, nullptr);
        CHECK((completed == TENON_OK) != (second == TENON_OK));
        CHECK(settles([&] { return waiter.done == 2; }));  // done, and the blob's release
        CHECK(is_clean(waiter.status));
        CHECK(settles([&] { return service.ended == (watched == TENON_OK ? 1 : 0); }));
        CHECK(shop.none_in_flight());
      }
      CHECK(waiter.done == 2);
      CHECK(service.released == 1);
    });
}

TEST_CASE("no memory: done comes once for an asynchronous call that was taken, and else never") {
  for (const bool named : {false, true})
    with_every_shortage([named](Starving& starving) {
      Service service;
      Waiter waiter;
      tenon_status status = TENON_OK;
      {
        Shop shop;
        shop.must_offer(service, &echo);
        tenon_id handle = 0, id = 0;
        REQUIRE(shop.asks->resolve(shop.web.ctx(), str("orders.service-with-a-long-name"), &handle, &shop.error) == TENON_OK);
        status = starving.during([&] {
          return named ? shop.asks->call_async_by_name(shop.web.ctx(), str("orders.service-with-a-long-name"), &bare, nullptr,
                                                       &Waiter::on_done, &waiter, &id, &shop.error)
                       : shop.asks->call_async(shop.web.ctx(), handle, &bare, nullptr, &Waiter::on_done, &waiter, &id, &shop.error);
        });
        CHECK(is_clean(status));
        CHECK(shop.none_in_flight());
        if (status == TENON_OK) CHECK(settles([&] { return waiter.done == 1; }));
      }
      CHECK(waiter.done == (status == TENON_OK ? 1 : 0));
      CHECK(service.released == 1);
    });
}

TEST_CASE("no memory: an asynchronous call given up is told so once") {
  with_every_shortage([](Starving& starving) {
    Service service;
    Waiter waiter;
    {
      Shop shop;
      shop.must_offer(service, &defers);
      tenon_id id = 0;
      REQUIRE(shop.asks->call_async_by_name(shop.web.ctx(), str("orders.service-with-a-long-name"), &bare, nullptr, &Waiter::on_done,
                                            &waiter, &id, &shop.error) == TENON_OK);
      REQUIRE(settles([&] { return service.deferred != 0; }));
      const tenon_status status = starving.during([&] { return shop.asks->cancel(shop.web.ctx(), id); });
      CHECK(is_clean(status));
      if (status != TENON_OK) CHECK(shop.asks->cancel(shop.web.ctx(), id) == TENON_OK);
      CHECK(settles([&] { return waiter.done == 1; }));
      CHECK(waiter.status == TENON_CANCELLED);
      CHECK(shop.calls->id_cancelled(shop.orders.ctx(), service.deferred) == 1);
      CHECK(shop.calls->complete(shop.orders.ctx(), service.deferred, TENON_OK, nullptr, nullptr) == TENON_OK);
    }
    CHECK(waiter.done == 1);
  });
}

// Views of services in a strict host: as they were while they may be used, unreadable afterwards, and known by their address.
#include <cstring>
#include <thread>

#include "abi/strict.hpp"
#include "puppets.hpp"
#include "readable.hpp"
#include "waiting.hpp"

using namespace tenon;
using namespace tenon::test;

namespace {

struct Fixture {
  Fixture() : puppets({false, false, true, {}}) { puppets.boot(); }
  void offer(const std::string& name, PuppetService& service, decltype(PuppetService::handle) handler) {
    service.handle = std::move(handler);
    const puppet& orders = puppets[Who::orders];
    tenon_id id = 0;
    REQUIRE(orders.offer(&orders, c_text(name), 0, &service, &id, nullptr) == TENON_OK);
  }
  /// By `web`; the payload of the answer.
  std::string call(const std::string& name) {
    const puppet& web = puppets[Who::web];
    tenon_request q{};
    q.struct_size = sizeof q;
    tenon_reply r{};
    r.struct_size = sizeof r;
    REQUIRE(web.call_by_name(&web, c_text(name), &q, &r, nullptr, nullptr) == TENON_OK);
    std::string out = text_of(r.payload);
    if (r.payload.release != nullptr) r.payload.release(r.payload.owner);
    return out;
  }
  void call_async(const std::string& name, PuppetEnding& ending) {
    const puppet& web = puppets[Who::web];
    tenon_request q{};
    q.struct_size = sizeof q;
    REQUIRE(web.call_async(&web, 0, c_text(name), &q, nullptr, &ending, nullptr, nullptr) == TENON_OK);
  }
  /// What was lent at an address, once it has been taken back: "module: what".
  std::string taken_back(const void* address) {
    const host::Strict& strict = *puppets.world().host().strict();
    host::Strict::Lent lent;
    const std::int64_t end = soon();
    while (!strict.find_lent(address, lent)) {
      REQUIRE(host::monotonic_ns() < end);
      std::this_thread::yield();
    }
    return std::string(lent.module) + ": " + lent.what;
  }
  LoadedPuppets puppets;
};

}  // namespace

TEST_CASE("services strict: what info tells and what reserve gives end with the handler") {
  Fixture f;
  PuppetService s;
  const char *caller = nullptr, *service = nullptr;
  const std::uint8_t *reserved = nullptr, *nothing = nullptr;
  f.offer("orders.views", s, [&](tenon_call* call, const tenon_request*, tenon_reply* r, tenon_error*) {
    const puppet& orders = f.puppets[Who::orders];
    tenon_call_info info{};
    info.struct_size = sizeof info;
    CHECK(orders.services->info(call, &info) == TENON_OK);
    CHECK(info.struct_size == sizeof info);
    CHECK(text_of(info.caller) == "web");
    CHECK(text_of(info.service) == "orders.views");
    caller = info.caller.ptr;
    service = info.service.ptr;
    tenon_call_info small{};
    small.struct_size = offsetof(tenon_call_info, service);
    CHECK(orders.services->info(call, &small) == TENON_OK);
    CHECK(text_of(small.caller) == "web");
    CHECK(small.service.ptr == nullptr);
    CHECK(orders.services->info(call, nullptr) == TENON_INVALID_ARGUMENT);
    CHECK(is_readable(caller));

    std::uint8_t* const p = orders.calls->reserve(call, 1000);
    REQUIRE(p != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(p) % 16 == 0);
    std::memset(p, 'r', 1000);
    nothing = orders.calls->reserve(call, 0);
    CHECK(nothing != nullptr);
    CHECK(orders.calls->reserve(call, 64 * 1024) == nullptr);  // as much as ever in all
    r->payload = {p, 1000, nullptr, nullptr};
    reserved = p;
    return TENON_OK;
  });
  CHECK(f.call("orders.views") == std::string(1000, 'r'));
  CHECK(f.taken_back(caller) == "orders: what tenon_services.info tells");
  CHECK(f.taken_back(service) == "orders: what tenon_services.info tells");
  CHECK(f.taken_back(reserved) == "orders: memory of tenon_calls.reserve");
  CHECK(f.taken_back(nothing) == "orders: memory of tenon_calls.reserve");
  for (const void* address : {static_cast<const void*>(caller), static_cast<const void*>(service), static_cast<const void*>(reserved)})
    CHECK_FALSE(is_readable(address));
}

TEST_CASE("services strict: the answer of an asynchronous call ends with done, or when it is released") {
  Fixture f;
  PuppetService s, failing;
  f.offer("orders.answer", s, [](tenon_call*, const tenon_request*, tenon_reply* r, tenon_error*) {
    static const tenon_kv pairs[] = {{c_text("k1"), c_text("v1")}, {c_text("k2"), c_text("")}};
    r->payload = {reinterpret_cast<const std::uint8_t*>("an answer"), 9, nullptr, nullptr};
    r->content_type = c_text("text/plain");
    r->metadata = pairs;
    r->metadata_count = 2;
    return TENON_OK;
  });
  f.offer("orders.failing", failing, [](tenon_call*, const tenon_request*, tenon_reply*, tenon_error*) { return TENON_ABORTED; });
  const auto look = [](tenon_status status, const tenon_reply& r) {
    CHECK(status == TENON_OK);
    CHECK(text_of(r.payload) == "an answer");
    CHECK(text_of(r.content_type) == "text/plain");
    REQUIRE(r.metadata_count == 2);
    CHECK(text_of(r.metadata[0].key) == "k1");
    CHECK(text_of(r.metadata[0].value) == "v1");
    CHECK(text_of(r.metadata[1].key) == "k2");
    CHECK(r.metadata[1].value.len == 0);
  };
  for (const bool keeps : {false, true}) {
    tenon_reply kept{};
    std::atomic<const tenon_reply*> seen{nullptr};
    PuppetEnding ending;
    ending.told = [&](tenon_status status, tenon_reply* r, const tenon_error*) {
      look(status, *r);
      kept = *r;
      if (keeps) r->payload.release = nullptr;
      seen = r;
    };
    f.call_async("orders.answer", ending);
    while (seen == nullptr) std::this_thread::yield();
    CHECK(f.taken_back(seen.load()) == "web: the reply of an asynchronous call");
    if (keeps) {
      look(TENON_OK, kept);
      kept.payload.release(kept.payload.owner);
    }
    for (const void* address : {static_cast<const void*>(kept.payload.ptr), static_cast<const void*>(kept.metadata),
                                static_cast<const void*>(kept.content_type.ptr)}) {
      CHECK(f.taken_back(address) == "web: the answer of an asynchronous call");
      CHECK_FALSE(is_readable(address));
    }
  }
  std::atomic<const tenon_error*> error{nullptr};
  PuppetEnding ending;
  ending.told = [&](tenon_status status, tenon_reply* r, const tenon_error* e) {
    CHECK(status == TENON_ABORTED);
    CHECK(r->payload.len == 0);
    CHECK(e->status == TENON_ABORTED);
    error = e;
  };
  f.call_async("orders.failing", ending);
  while (error == nullptr) std::this_thread::yield();
  CHECK(f.taken_back(error.load()) == "web: the error of an asynchronous call");
}

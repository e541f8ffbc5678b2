// What a module under test offers as services, called as another module would, on the test's thread.
#pragma once

#include <tenon/services.h>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <tenon/testing.hpp>
#include <vector>

namespace tenon_test {

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Answered {
  tenon::Status status;
  std::string payload, content_type;
  std::map<std::string, std::string> metadata;
};

/// Gives the host tables of services and of calls that remember what is offered, and what is deferred. One at a time.
class Offered {
 public:
  explicit Offered(tenon::testing::Host& host) : host_(host) {
    current() = this;
    host.provide(TENON_SERVICES, &services);
    host.provide(TENON_CALLS, &calls);
  }
  Offered(const Offered&) = delete;
  Offered& operator=(const Offered&) = delete;
  ~Offered() {
    for (const auto& [name, service] : services_)
      if (service.release != nullptr) service.release(service.data);
    current() = nullptr;
  }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& [name, service] : services_) out.push_back(name);
    return out;
  }

  /// `capacity`: of the caller's buffer. What is deferred is completed by what the host delivers.
  Answered call(const std::string& name, const Pairs& metadata, std::string_view payload = {}, std::string_view content_type = {},
                std::size_t capacity = 8) {
    const tenon_service& service = services_.at(name);
    std::vector<tenon_kv> kv;
    for (const auto& [key, value] : metadata) kv.push_back({tenon::to_c(key), tenon::to_c(value)});
    tenon_request request{};
    request.struct_size = sizeof request;
    request.payload = tenon::Bytes(payload);
    request.content_type = tenon::to_c(content_type);
    request.metadata = kv.data();
    request.metadata_count = kv.size();
    std::vector<std::uint8_t> buffer(capacity);
    tenon_reply reply{};
    reply.struct_size = sizeof reply;
    reply.buffer = buffer.data();
    reply.capacity = capacity;
    Call call;
    tenon_error error;
    tenon::detail::init_error(error);
    const tenon_status status = service.handle(service.data, reinterpret_cast<tenon_call*>(&call), &request, &reply, &error);
    if (status != TENON_PENDING) {
      deferred_.erase(call.id);
      return take(tenon::Status::from_c(status, error), reply);
    }
    host_.deliver();
    const auto found = deferred_.find(call.id);
    if (found == deferred_.end() || !found->second) return {tenon::Status::internal("PENDING, and not completed"), {}, {}, {}};
    Answered out = std::move(*found->second);
    deferred_.erase(found);
    return out;
  }
  /// Completions of calls that are over, or never were.
  [[nodiscard]] int stray() const { return stray_; }

 private:
  struct Call {
    std::vector<std::unique_ptr<std::max_align_t[]>> reserved;
    tenon_id id = 0;
  };
  static Offered*& current() {
    static Offered* offered = nullptr;
    return offered;
  }
  static Answered take(tenon::Status status, tenon_reply& reply) {
    Answered out{std::move(status), {}, {}, {}};
    if (out.status.ok()) {
      out.payload = tenon::Bytes(reply.payload.ptr, reply.payload.len).text();
      out.content_type = tenon::view(reply.content_type);
      for (std::size_t i = 0; i < reply.metadata_count; ++i)
        out.metadata[std::string(tenon::view(reply.metadata[i].key))] = tenon::view(reply.metadata[i].value);
    }
    if (reply.payload.release != nullptr) reply.payload.release(reply.payload.owner);
    return out;
  }

  static tenon_status offer(tenon_ctx*, const tenon_service* service, tenon_id* out, tenon_error* err) noexcept {
    if (!current()->services_.emplace(std::string(tenon::view(service->name)), *service).second)
      return tenon::detail::fill(err, TENON_ALREADY_EXISTS, "TAKEN", "offered twice");
    *out = current()->services_.size();
    return TENON_OK;
  }
  static tenon_status complete(tenon_ctx*, tenon_id id, tenon_status status, const tenon_error* error, tenon_reply* reply) noexcept {
    const auto found = current()->deferred_.find(id);
    if (found == current()->deferred_.end() || found->second) {
      ++current()->stray_;
      return TENON_NOT_FOUND;
    }
    tenon_reply none{};
    found->second = std::make_unique<Answered>(
        take(status == TENON_OK || error == nullptr ? tenon::Status(status) : tenon::Status::from_c(status, *error),
             reply != nullptr ? *reply : none));
    return TENON_OK;
  }
  static tenon_status info(tenon_call*, tenon_call_info* out) noexcept {
    out->caller = TENON_STR("tester");
    return TENON_OK;
  }
  static std::uint8_t* reserve(tenon_call* call, std::size_t n) noexcept {
    auto& all = reinterpret_cast<Call*>(call)->reserved;
    all.emplace_back(new std::max_align_t[n / sizeof(std::max_align_t) + 1]);
    return reinterpret_cast<std::uint8_t*>(all.back().get());
  }
  static tenon_status defer(tenon_call* call, tenon_id* out) noexcept {
    auto& c = *reinterpret_cast<Call*>(call);
    if (c.id == 0) current()->deferred_[c.id = current()->next_++];
    *out = c.id;
    return TENON_OK;
  }

  static inline const tenon_services services = [] {
    tenon_services table{};
    table.struct_size = sizeof table;
    table.register_service = &offer;
    table.complete = &complete;
    table.info = &info;
    return table;
  }();
  static inline const tenon_calls calls = [] {
    tenon_calls table{};
    table.struct_size = sizeof table;
    table.reserve = &reserve;
    table.defer = &defer;
    return table;
  }();

  tenon::testing::Host& host_;
  std::map<std::string, tenon_service> services_;
  std::map<tenon_id, std::unique_ptr<Answered>> deferred_;
  tenon_id next_ = 1;
  int stray_ = 0;
};

}  // namespace tenon_test

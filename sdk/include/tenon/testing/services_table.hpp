// The C functions of services in the fake host.
#ifndef TENON_TESTING_SERVICES_TABLE_HPP
#define TENON_TESTING_SERVICES_TABLE_HPP

#include "tenon/testing/services.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

struct FakeServices::Table {
  using Options = tenon_call_options;
  static FakeServices& of(tenon_ctx* ctx) { return Host::of(ctx).services(); }
  static tenon_status bad(tenon_error* err, std::string_view reason, std::string_view message) {
    return tenon::detail::fill(err, TENON_INVALID_ARGUMENT, reason, message);
  }
  static bool is_name(tenon_str s) { return s.len == 0 || s.ptr != nullptr; }

  static tenon_status register_service(tenon_ctx* ctx, const tenon_service* service, tenon_id* out, tenon_error* err) noexcept {
    FakeServices& self = of(ctx);
    if (service == nullptr || service->struct_size < sizeof(tenon_service) || service->handle == nullptr || out == nullptr ||
        !is_name(service->name))
      return bad(err, "BAD_SERVICE", "register_service needs a service with name, handle and struct_size, and a place for the id");
    if ((service->flags & 0xffffU & ~TENON_SERVICE_OFFLOAD) != 0)
      return bad(err, "UNKNOWN_FLAGS", "this host does not know some of the flags of the service");
    const std::string name = name_of(view(service->name));
    const Lock lock(self.host_.mutex_);
    if (self.host_.phase_ == TENON_PHASE_CREATE)
      return tenon::detail::fill(err, TENON_FAILED_PRECONDITION, "WRONG_PHASE",
                                 "nothing is registered in create: register services in init");
    if (name.empty()) return malformed(view(service->name)).report(err);
    if (self.gone_) return self.has_left().report(err);
    if (detail::is_hosts_name(name))
      return tenon::detail::fill(err, TENON_PERMISSION_DENIED, "RESERVED", "`" + name + "` belongs to the host, and cannot be granted");
    if (self.denied(name)) return tenon::detail::fill(err, TENON_PERMISSION_DENIED, "NOT_GRANTED", "the test denies `" + name + "`");
    if (self.mocks_.count(name) != 0)
      return tenon::detail::fill(err, TENON_ALREADY_EXISTS, "TAKEN", "a mock of the test offers `" + name + "`");
    if (const auto there = self.offered_.find(name); there != self.offered_.end()) {
      const Offer& o = *there->second;
      if (o.service.handle != service->handle || o.service.data != service->data)
        return tenon::detail::fill(err, TENON_ALREADY_EXISTS, "TAKEN",
                                   "`" + std::string(self.host_.module_name()) + "` offers `" + name + "` already, with another handler");
      *out = o.id;
      return TENON_OK;
    }
    if (self.offers_.size() >= 4096)
      return tenon::detail::fill(err, TENON_RESOURCE_EXHAUSTED, "TOO_MANY_SERVICES", "more than 4096 services are not allowed");
    auto offer = std::make_shared<Offer>();
    offer->id = *out = self.host_.next_id_++;
    offer->name = name;
    offer->service = *service;
    self.offers_[offer->id] = offer;
    self.offered_[name] = std::move(offer);
    return TENON_OK;
  }
  static tenon_status unregister(tenon_ctx* ctx, tenon_id id) noexcept {
    FakeServices& self = of(ctx);
    const Lock lock(self.host_.mutex_);
    const auto found = self.offers_.find(id);
    if (found == self.offers_.end()) return TENON_NOT_FOUND;
    self.close(OfferPtr(found->second));
    return TENON_OK;
  }
  static tenon_status unregister_wait(tenon_ctx* ctx, tenon_id id, std::int64_t deadline_ns) noexcept {
    FakeServices& self = of(ctx);
    Lock lock(self.host_.mutex_);
    const auto found = self.offers_.find(id);
    if (found == self.offers_.end()) return TENON_NOT_FOUND;
    const OfferPtr offer = found->second;
    for (const std::thread::id runner : offer->runners)
      if (runner == std::this_thread::get_id()) return TENON_FAILED_PRECONDITION;
    self.close(offer);
    while (offer->running != 0 && detail::now_ns() < deadline_ns)
      self.host_.changed_.wait_for(lock, std::chrono::nanoseconds(std::min<std::int64_t>(deadline_ns - detail::now_ns(), 1'000'000'000)));
    if (offer->running != 0) return TENON_DEADLINE_EXCEEDED;
    lock.unlock();
    self.release_ended();
    return TENON_OK;
  }
  static std::int32_t has(tenon_ctx* ctx, tenon_str name) noexcept {
    FakeServices& self = of(ctx);
    if (!is_name(name)) return 0;
    const std::string key = name_of(view(name));
    const Lock lock(self.host_.mutex_);
    return self.mocks_.count(key) != 0 || self.offered_.count(key) != 0 ? 1 : 0;
  }
  static tenon_status resolve(tenon_ctx* ctx, tenon_str name, tenon_id* handle, tenon_error* err) noexcept {
    FakeServices& self = of(ctx);
    if (handle == nullptr || !is_name(name)) return bad(err, "NULL_ARGUMENT", "resolve needs a name, and a place for the handle");
    const std::string key = name_of(view(name));
    if (key.empty()) return malformed(view(name)).report(err);
    const Lock lock(self.host_.mutex_);
    const Target target = self.find(key, true);
    const tenon_status code = target.refusal.code();
    if (code == TENON_NOT_FOUND || code == TENON_PERMISSION_DENIED || self.gone_) return target.refusal.report(err);
    if (self.handles_.size() >= 4096)
      return tenon::detail::fill(err, TENON_RESOURCE_EXHAUSTED, "TOO_MANY_HANDLES", "more than 4096 handles are not allowed");
    *handle = self.host_.next_id_++;
    self.handles_[*handle] = key;
    return TENON_OK;
  }
  static tenon_status release_handle(tenon_ctx* ctx, tenon_id handle) noexcept {
    FakeServices& self = of(ctx);
    const Lock lock(self.host_.mutex_);
    return self.handles_.erase(handle) == 1 ? TENON_OK : TENON_NOT_FOUND;
  }

  // ---- calls -------------------------------------------------------------------------------------------------------------

  static Status name_for(FakeServices& self, tenon_id handle, std::string& out) {
    const Lock lock(self.host_.mutex_);
    const auto found = self.handles_.find(handle);
    if (found == self.handles_.end())
      return self.gone_ ? self.has_left()
                        : Status(TENON_NOT_FOUND, "STALE_HANDLE",
                                 "this handle of a service is none of this module's: it was released, or never given");
    out = found->second;
    return Status();
  }
  static Status name_for(FakeServices&, tenon_str name, std::string& out) {
    out = is_name(name) ? name_of(view(name)) : "";
    return out.empty() ? malformed(is_name(name) ? view(name) : std::string_view()) : Status();
  }
  /// What is asked, by when, and in which call; not OK if it cannot be asked.
  static Status prepare(FakeServices& self, const tenon_request* request, const Options* options, ServiceRequest& q,
                        std::int64_t& deadline_ns, CallPtr& parent) {
    if (request == nullptr || request->struct_size < sizeof(tenon_request) ||
        !detail::read_message(request->payload, request->content_type, request->metadata, request->metadata_count, q) ||
        (options != nullptr && (options->struct_size < sizeof(Options) || !is_name(options->traceparent))))
      return {
          TENON_INVALID_ARGUMENT, "BAD_CALL",
          "a call needs a request within its limits (64 MiB, a content type of 127 bytes, 64 pairs and 16 KiB of them, UTF-8), a reply, "
          "and structs whose struct_size is set"};
    if (options != nullptr && options->traceparent.len != 0 && !detail::is_traceparent(view(options->traceparent)))
      return {TENON_INVALID_ARGUMENT, "BAD_TRACE", "`" + std::string(view(options->traceparent)) + "` is no traceparent"};
    const Lock lock(self.host_.mutex_);
    q.caller = self.host_.module_name();
    parent = self.parent();
    const bool limited = options != nullptr && options->deadline_ns != 0 && options->deadline_ns != INT64_MAX;
    deadline_ns = parent != nullptr ? parent->deadline_ns : INT64_MAX;
    if (limited) deadline_ns = std::min(deadline_ns, options->deadline_ns);
    if (deadline_ns == INT64_MAX) deadline_ns = detail::now_ns() + 5'000'000'000;
    if (options != nullptr && options->traceparent.len != 0) {
      q.traceparent = view(options->traceparent);
    } else {
      q.traceparent = self.host_.trace_of_this_thread();
    }
    return Status();
  }
  template <class Key>
  static tenon_status call_key(tenon_ctx* ctx, Key key, const tenon_request* request, tenon_reply* reply, const Options* options,
                               tenon_error* err) noexcept {
    FakeServices& self = of(ctx);
    const bool usable = reply != nullptr && reply->struct_size >= sizeof(tenon_reply) && (reply->capacity == 0 || reply->buffer != nullptr);
    if (!usable) return bad(err, "BAD_CALL", "a call needs a reply whose struct_size is set, and a buffer if it has a capacity");
    detail::clear_reply(*reply);
    ServiceRequest q;
    std::int64_t deadline = 0;
    CallPtr parent;
    Status status = prepare(self, request, options, q, deadline, parent);
    if (status.ok()) status = name_for(self, key, q.service);
    if (!status.ok()) return status.report(err);
    Outcome out = self.run(q, deadline, parent, true, reply->buffer, reply->capacity);
    if (out.answer.status.is_pending()) out.answer = out.open != nullptr ? self.wait(out.open, deadline) : too_late(q.service);
    status = out.answer.status;
    if (!status.ok()) return status.report(err);
    self.give(std::move(out.answer), *reply);
    return TENON_OK;
  }
  static tenon_status call(tenon_ctx* ctx, tenon_id handle, const tenon_request* request, tenon_reply* reply, const Options* options,
                           tenon_error* err) noexcept {
    return call_key(ctx, handle, request, reply, options, err);
  }
  static tenon_status call_by_name(tenon_ctx* ctx, tenon_str name, const tenon_request* request, tenon_reply* reply, const Options* options,
                                   tenon_error* err) noexcept {
    return call_key(ctx, name, request, reply, options, err);
  }
  template <class Key>
  static tenon_status call_key_async(tenon_ctx* ctx, Key key, const tenon_request* request, const Options* options, tenon_service_done done,
                                     void* data, tenon_id* id, tenon_error* err) noexcept {
    FakeServices& self = of(ctx);
    if (done == nullptr) return bad(err, "BAD_CALL", "an asynchronous call needs somebody to tell");
    auto made = std::make_shared<Async>();
    made->done = done;
    made->data = data;
    Status status = prepare(self, request, options, made->request, made->deadline_ns, made->parent);
    if (status.ok()) status = name_for(self, key, made->request.service);
    if (!status.ok()) return status.report(err);
    const Lock lock(self.host_.mutex_);
    const Target target = self.find(made->request.service, true);
    const tenon_status code = target.refusal.code();
    if (code == TENON_NOT_FOUND || code == TENON_PERMISSION_DENIED || self.gone_) return target.refusal.report(err);
    if (self.async_.size() >= 16384)
      return tenon::detail::fill(err, TENON_RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", "more than 16384 open calls are not allowed");
    made->id = self.host_.next_id_++;
    if (id != nullptr) *id = made->id;
    self.async_.push_back(std::move(made));
    return TENON_OK;
  }
  static tenon_status call_async(tenon_ctx* ctx, tenon_id handle, const tenon_request* request, const Options* options,
                                 tenon_service_done done, void* data, tenon_id* id, tenon_error* err) noexcept {
    return call_key_async(ctx, handle, request, options, done, data, id, err);
  }
  static tenon_status call_async_by_name(tenon_ctx* ctx, tenon_str name, const tenon_request* request, const Options* options,
                                         tenon_service_done done, void* data, tenon_id* id, tenon_error* err) noexcept {
    return call_key_async(ctx, name, request, options, done, data, id, err);
  }
  static tenon_status cancel(tenon_ctx* ctx, tenon_id id) noexcept {
    FakeServices& self = of(ctx);
    const Lock lock(self.host_.mutex_);
    for (const auto& call : self.async_) {
      if (call->id != id) continue;
      const CallPtr& open = call->outcome.open;
      if (call->decided || (open != nullptr && over(*open))) return TENON_NOT_FOUND;
      if (open != nullptr) self.host_.end(*open, TENON_CANCELLED);
      call->decided = true;
      call->outcome.answer = Status(TENON_CANCELLED, "CANCELLED", "the call of `" + call->request.service + "` was cancelled");
      return TENON_OK;
    }
    return TENON_NOT_FOUND;
  }
  static tenon_status complete(tenon_ctx* ctx, tenon_id id, tenon_status status, const tenon_error* error, tenon_reply* reply) noexcept {
    tenon_reply answer = {};
    if (reply != nullptr) {
      if (reply->struct_size < sizeof answer) return TENON_INVALID_ARGUMENT;
      answer = *reply;
      reply->payload.release = nullptr;  // taken whatever happens
    }
    return Host::Tables::end_deferred(ctx, id, status, error, answer);
  }
  static tenon_status info(tenon_call* raw, tenon_call_info* out) noexcept {
    if (raw == nullptr || out == nullptr) return TENON_INVALID_ARGUMENT;
    const detail::CallState& call = Host::Tables::of(raw);
    if (call.service == nullptr) return TENON_FAILED_PRECONDITION;
    const detail::ServiceRecord& r = *call.service;
    const tenon_call_info all = {out->struct_size, 0, 1, to_c(r.caller), to_c(r.service), to_c(r.traceparent)};
    std::memcpy(out, &all, std::min<std::size_t>(out->struct_size, sizeof all));
    return TENON_OK;
  }

  static inline const tenon_services table = {
      sizeof(tenon_services), 0,           &register_service,   &unregister, &unregister_wait, &has, &resolve, &release_handle, &call,
      &call_by_name,          &call_async, &call_async_by_name, &cancel,     &complete,        &info};
};

inline FakeServices& Host::services() {
  const Lock lock(mutex_);
  if (services_ == nullptr) services_ = std::make_shared<FakeServices>(*this);
  return *services_;
}
inline const void* Host::services_table() { return &FakeServices::Table::table; }
inline void Host::services_end_calls() {
  if (const auto services = made(services_)) services->release_ended();
}
inline void Host::services_leave() {
  if (const auto services = made(services_)) services->leave();
}
inline void Host::services_finish() {
  if (const auto services = made(services_)) services->finish();
}

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif

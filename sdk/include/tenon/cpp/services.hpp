// Services: offering and calling named methods.
#ifndef TENON_CPP_SERVICES_HPP
#define TENON_CPP_SERVICES_HPP

#include "tenon/cpp/handler.hpp"
#include "tenon/services.h"

namespace tenon {
inline namespace v1 {

/// What is asked: views, as the caller has them, valid until the handler returns.
class Request {
 public:
  explicit Request(const tenon_request& raw) noexcept : raw_(&raw) {}
  [[nodiscard]] Bytes payload() const noexcept { return {raw_->payload.ptr, raw_->payload.len}; }
  [[nodiscard]] std::string_view text() const noexcept { return payload().text(); }
  [[nodiscard]] std::string_view content_type() const noexcept { return view(raw_->content_type); }
  /// Value of a key, or "" if it is not there.
  [[nodiscard]] std::string_view metadata(std::string_view key) const noexcept {
    for (std::size_t i = 0; i < raw_->metadata_count; ++i)
      if (view(raw_->metadata[i].key) == key) return view(raw_->metadata[i].value);
    return {};
  }
  [[nodiscard]] const tenon_request* raw() const noexcept { return raw_; }

 private:
  const tenon_request* raw_;
};

/// Where a handler answers. Without any call of it the answer is empty.
class Reply {
 public:
  Reply(tenon_reply& raw, const tenon_calls* calls, tenon_call* call) noexcept : raw_(&raw), calls_(calls), call_(call) {}
  /// Copies the bytes: into the caller's buffer, else host memory (up to 64 KiB), else memory of its own.
  void payload(Bytes bytes) {
    drop();
    if (bytes.empty()) return;
    std::uint8_t* to = bytes.size() <= raw_->capacity ? raw_->buffer : calls_->reserve(call_, bytes.size());
    if (to == nullptr) {
      payload(Blob::adopt(std::string(bytes.text())));
      return;
    }
    std::memcpy(to, bytes.data(), bytes.size());
    raw_->payload = {to, bytes.size(), nullptr, nullptr};
  }
  void payload(std::string_view text) { payload(Bytes(text)); }
  void payload(const char* text) { payload(Bytes(std::string_view(text))); }
  /// Hands over large bodies without copying.
  void payload(Blob blob) noexcept {
    drop();
    raw_->payload = blob.hand_over();
  }
  /// Both must live until the handler has returned: literals do.
  void content_type(std::string_view type) noexcept { raw_->content_type = to_c(type); }
  void metadata(const tenon_kv* pairs, std::size_t count) noexcept {
    raw_->metadata = pairs;
    raw_->metadata_count = count;
  }
  [[nodiscard]] tenon_reply* raw() const noexcept { return raw_; }

 private:
  void drop() noexcept {
    const tenon_blob old = std::exchange(raw_->payload, tenon_blob{});
    if (old.release != nullptr) old.release(old.owner);
  }
  tenon_reply* raw_;
  const tenon_calls* calls_;
  tenon_call* call_;
};

/// What a call was answered; owns it. `N`: room for answers that need no allocation.
template <std::size_t N = 512>
class Answer {
 public:
  Answer() noexcept {}  // NOLINT(modernize-use-equals-default): must not clear the room
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer() { reset(); }
  [[nodiscard]] Bytes payload() const noexcept { return {raw_.payload.ptr, raw_.payload.len}; }
  [[nodiscard]] std::string_view text() const noexcept { return payload().text(); }
  [[nodiscard]] std::string_view content_type() const noexcept { return view(raw_.content_type); }
  [[nodiscard]] std::string_view metadata(std::string_view key) const noexcept {
    for (std::size_t i = 0; i < raw_.metadata_count; ++i)
      if (view(raw_.metadata[i].key) == key) return view(raw_.metadata[i].value);
    return {};
  }
  void reset() noexcept {
    const tenon_blob old = std::exchange(raw_.payload, tenon_blob{});
    raw_.content_type = {};
    raw_.metadata = nullptr;
    raw_.metadata_count = 0;
    if (old.release != nullptr) old.release(old.owner);
  }
  /// For the C side: empty, with the room as buffer.
  [[nodiscard]] tenon_reply* prepare() noexcept {
    reset();
    raw_.struct_size = sizeof(tenon_reply);
    raw_.buffer = room_;
    raw_.capacity = N;
    return &raw_;
  }

 private:
  tenon_reply raw_{};
  alignas(16) std::uint8_t room_[N == 0 ? 1 : N];
};

/// What may go with a call.
struct CallOptions {
  Clock::time_point deadline = Clock::time_point::max();  ///< max = none of its own
  std::string_view traceparent;                           ///< empty: that of the call or event being handled on this thread
};

/// A service looked up once, for many calls. Releases its handle in the end. Move-only; thread-safe to call.
class ServiceHandle {
 public:
  ServiceHandle() noexcept = default;
  ServiceHandle(tenon_ctx* ctx, const tenon_services* table, tenon_id id) noexcept : ctx_(ctx), table_(table), id_(id) {}
  ServiceHandle(ServiceHandle&& o) noexcept : ctx_(o.ctx_), table_(o.table_), id_(std::exchange(o.id_, 0)) {}
  ServiceHandle& operator=(ServiceHandle&& o) noexcept {
    if (this != &o) {
      reset();
      ctx_ = o.ctx_;
      table_ = o.table_;
      id_ = std::exchange(o.id_, 0);
    }
    return *this;
  }
  ServiceHandle(const ServiceHandle&) = delete;
  ServiceHandle& operator=(const ServiceHandle&) = delete;
  ~ServiceHandle() { reset(); }
  explicit operator bool() const noexcept { return id_ != 0; }
  [[nodiscard]] tenon_id id() const noexcept { return id_; }
  void reset() noexcept {
    if (id_ != 0) (void)table_->release_handle(ctx_, std::exchange(id_, 0));
  }
  /// [control][worker]
  template <std::size_t N>
  Status call(Bytes payload, Answer<N>& answer, std::string_view content_type = {}) const {
    const tenon_request request = {sizeof(tenon_request), 0, payload, to_c(content_type), nullptr, 0};
    return call(request, answer, nullptr);
  }
  template <std::size_t N>
  Status call(const tenon_request& request, Answer<N>& answer, const tenon_call_options* options) const {
    if (id_ == 0) return Status::failed_precondition("the handle holds no service");
    tenon_error error;
    detail::init_error(error);
    const tenon_status status = table_->call(ctx_, id_, &request, answer.prepare(), options, &error);
    return Status::from_c(status, error);
  }

 private:
  tenon_ctx* ctx_ = nullptr;
  const tenon_services* table_ = nullptr;
  tenon_id id_ = 0;
};

/// The interface, for needs<...>; needs Calls beside it. Pointers: copy it freely.
class Services {
 public:
  [[gnu::visibility("hidden")]] static constexpr std::string_view id = TENON_SERVICES;
  static constexpr std::uint32_t min_size = TENON_UP_TO(tenon_services, info);
  explicit Services(Ctx ctx) : ctx_(ctx.raw()), table_(ctx.require<tenon_services>(id)), calls_(ctx.require<tenon_calls>(TENON_CALLS)) {}
  [[nodiscard]] const tenon_services* table() const noexcept { return table_; }

  /// Offers `name`: f(const Request&, Reply&) or f(const Request&, Reply&, Call), returning Status or void. May return Status::pending() after
  /// Call::defer. The host keeps f until the service is gone and no call of it runs. `flags`: TENON_SERVICE_*. [any]
  template <class F>
  Result<tenon_id> offer(std::string_view name, F f, std::uint32_t flags = 0) const {
    using Handler = detail::Handler<F, const Request&, Reply&>;
    static_assert(Handler::is_callable, "f is called with (const Request&, Reply&) or (..., Call)");
    auto handler = std::make_unique<Handler>(std::move(f), ctx_, calls_);
    tenon_service service = {};
    service.struct_size = sizeof service;
    service.flags = flags;
    service.name = to_c(name);
    service.handle = [](void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply, tenon_error* err) noexcept {
      return guard(err, [&] {
        auto& h = *static_cast<Handler*>(data);
        Reply to(*reply, h.calls(), call);
        return h(call, Request(*request), to);
      });
    };
    service.data = handler.get();
    service.release = &Handler::release;
    return detail::hand_over(std::move(handler),
                             [&](tenon_id* out, tenon_error* e) { return table_->register_service(ctx_, &service, out, e); });
  }
  /// Nothing new is delivered after it returned. [any]
  Status withdraw(tenon_id registration) const noexcept { return Status(table_->unregister(ctx_, registration)); }
  /// And waits for those inside. [control][worker]
  Status withdraw_and_wait(tenon_id registration, Clock::time_point deadline) const noexcept {
    return Status(table_->unregister_wait(ctx_, registration, detail::to_ns(deadline)));
  }

  [[nodiscard]] bool has(std::string_view name) const noexcept { return table_->has(ctx_, to_c(name)) != 0; }
  Result<ServiceHandle> resolve(std::string_view name) const {
    tenon_id handle = 0;
    Status status = Status::of([&](tenon_error* e) { return table_->resolve(ctx_, to_c(name), &handle, e); });
    if (!status.ok()) return status;
    return ServiceHandle(ctx_, table_, handle);
  }
  /// [control][worker]
  template <std::size_t N>
  Status call(std::string_view name, Bytes payload, Answer<N>& answer, const CallOptions& options = {},
              std::string_view content_type = {}) const {
    const tenon_request request = {sizeof(tenon_request), 0, payload, to_c(content_type), nullptr, 0};
    const tenon_call_options how = {sizeof(tenon_call_options), 0, detail::to_ns(options.deadline), to_c(options.traceparent)};
    tenon_error error;
    detail::init_error(error);
    const tenon_status status = table_->call_by_name(ctx_, to_c(name), &request, answer.prepare(), &how, &error);
    return Status::from_c(status, error);
  }
  /// Calls on a worker. OK, with the call's id: f(Status, Bytes payload) runs exactly once; the payload is borrowed. Else it does not. [any]
  template <class F>
  Result<tenon_id> call_async(std::string_view name, Bytes payload, F f, const CallOptions& options = {}) const {
    static_assert(std::is_nothrow_invocable_v<F&, Status, Bytes>, "f(Status, Bytes) runs on a thread of the host: declare it noexcept");
    const tenon_request request = {sizeof(tenon_request), 0, payload, {}, nullptr, 0};
    const tenon_call_options how = {sizeof(tenon_call_options), 0, detail::to_ns(options.deadline), to_c(options.traceparent)};
    auto owned = std::make_unique<F>(std::move(f));
    const auto done = [](void* data, tenon_id, tenon_status code, tenon_reply* reply, const tenon_error* error) noexcept {
      const std::unique_ptr<F> fn(static_cast<F*>(data));
      (*fn)(Status::from_c(code, *error), Bytes(reply->payload.ptr, reply->payload.len));
    };
    tenon_id call_id = 0;
    Status status = Status::of(
        [&](tenon_error* e) { return table_->call_async_by_name(ctx_, to_c(name), &request, &how, done, owned.get(), &call_id, e); });
    if (!status.ok()) return status;
    (void)owned.release();
    return call_id;
  }
  Status cancel(tenon_id call) const noexcept { return Status(table_->cancel(ctx_, call)); }

 private:
  tenon_ctx* ctx_;
  const tenon_services* table_;
  const tenon_calls* calls_;
};

}  // namespace v1
}  // namespace tenon

#endif

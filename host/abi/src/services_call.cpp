// Calls of services through the C table that are waited for: straight into a C handler if the short way is open, else by the kernel.
#include <array>
#include <new>
#include <span>

#include "abi/strict.hpp"
#include "base/no_memory.hpp"
#include "services_call.hpp"

namespace tenon::host {
namespace {

bool wrote(const tenon_error& error) { return error.status != TENON_OK || error.message[0] != '\0'; }

std::span<char> buffer_of(const tenon_reply& reply) { return {reinterpret_cast<char*>(reply.buffer), reply.capacity}; }

Error said(Code code, std::string_view service, const tenon_error& error) noexcept {
  if (!wrote(error)) return worded(code, "", [&] { return "`" + std::string(service) + "` answered " + std::string(code_name(code)); });
  try {
    Error out = error_of(static_cast<tenon_status>(code), &error);
    out.code = code;
    return out;
  } catch (const std::bad_alloc&) {
    return {code, {}, {}, 0, ExitCode::unavailable};
  }
}

Code outcome_of(tenon_status status) { return status == TENON_PENDING ? pending : code_of(status); }

/// The call in the middle of the short way. Handlers get its address as their tenon_call, which is made only if they ask for more than a ServiceCall
/// knows (full_call).
struct ShortCallRoom : ServiceRoom {
  tenon_call* raw() { return reinterpret_cast<tenon_call*>(static_cast<Call*>(&place.call)); }
};

/// Answered, and nothing of it lies anywhere but in the buffer. (Spelt so that the usual case jumps nowhere.)
[[gnu::always_inline]] inline bool is_plain(const tenon_reply& reply, const std::uint8_t* buffer, std::size_t capacity) {
  if (reply.payload.release != nullptr) [[unlikely]]
    return false;
  const std::size_t size = reply.payload.len;
  if (reply.payload.ptr != buffer) [[unlikely]]
    if (size != 0) return false;
  if (size > capacity) [[unlikely]]
    return false;
  return (reply.content_type.len | reply.metadata_count) == 0;
}

/// The handler of the short way has answered with more than bytes in the buffer, has failed, was late, or has deferred.
[[gnu::noinline]] tenon_status finish(ShortCall way, ServiceCall& call, const Instance& provider, Code code, tenon_reply& reply,
                                      const tenon_error& error, tenon_error* err) noexcept {
  const std::string_view service = call.service();
  Reply answer{buffer_of(reply)};
  Error why;
  const Code taken = take_reply(provider_part(provider), reply, answer);
  if (code == Code::ok && taken != Code::ok) {
    why = bad_reply(taken, service);
    code = taken;
  } else if (code != Code::ok && code != pending) {
    why = said(code, service, error);
  }
  const Code out = way.end(call, code) ? code : way.finish(call, code, answer, why);
  clear_reply(reply);
  if (out != Code::ok) {
    why.code = out;
    return give_error(err, why);
  }
  if (give_reply(answer, reply)) return TENON_OK;
  return give_no_memory(err);
}

/// The end of every call on the short way but the plain ones.
[[gnu::noinline]] tenon_status end_short(ShortCall way, ShortCallRoom& room, tenon_status status, tenon_reply& reply,
                                         const tenon_error& error, tenon_error* err) noexcept {
  ServiceCall& call = room.place.call;
  const auto& handler = *static_cast<const CHandler*>(target_of(call).data);
  status = finish(way, call, *handler.provider, outcome_of(status), reply, error, err);
  room.end_full();
  return status;
}

/// Everything looked at, by the kernel.
template <class Key>
[[gnu::noinline]] tenon_status call_long(ServicesPart& part, Key key, const tenon_request& request, tenon_reply& reply,
                                         const CallOptions& how, tenon_error* err) noexcept {
  try {
    const KernelRequest asked(request);
    Reply answer{buffer_of(reply)};
    Error error;
    const Code code = part.services().call(part.seat(), key, asked.request, answer, error, how);
    if (code != Code::ok) {
      error.code = code;
      return give_error(err, error);
    }
    if (give_reply(answer, reply)) return TENON_OK;
    clear_reply(reply);
  } catch (const std::bad_alloc&) {
  }
  return give_no_memory(err);
}

/// `key`: a handle or a name.
template <class Key>
[[gnu::always_inline]] inline tenon_status call_service(tenon_ctx* ctx, Key key, const tenon_request* request, tenon_reply* reply,
                                                        const tenon_call_options* options, std::int64_t deadline_ns,
                                                        tenon_error* err) noexcept {
  Instance* const instance = Instance::from(ctx);
  ServicesPart* const part = instance == nullptr ? nullptr : instance->part<ServicesPart>();
  if (part == nullptr || instance->wedged() || !is_reply(reply)) [[unlikely]]
    return refuse_call(instance, reply, err);
  if (!is_bare(request)) [[unlikely]]
    if (!is_request(request)) return refuse_call(instance, reply, err);
  clear_reply(*reply);
  ShortCallRoom room;
  const ServiceTarget* target = nullptr;
  const ShortCall way = ShortCall::begin(room.place, part->lane(), key, deadline_ns, &run_c_handler, target);
  if (!way) [[unlikely]]
    return call_long(*part, key, *request, *reply, options_of(options), err);
  const auto& handler = *static_cast<const CHandler*>(target->data);
  tenon_error said_here;
  clear_error(said_here);
  // Where the caller's buffer is, is his word: what the handler has made of it is put right before anybody looks. The
  // struct's size is only looked at: one word less to keep while the handler runs.
  std::uint8_t* const buffer = reply->buffer;
  const std::size_t capacity = reply->capacity;
  const tenon_status status = handler.handle(handler.data, room.raw(), request, reply, &said_here);
  if (reply->struct_size < sizeof(tenon_reply)) [[unlikely]]
    reply->struct_size = sizeof(tenon_reply);
  reply->buffer = buffer;
  reply->capacity = capacity;
  if (status == TENON_OK && is_plain(*reply, buffer, capacity)) [[likely]] {
    if (!is_touched(room.place.call)) [[likely]] {
      way.end_untouched();
      return TENON_OK;
    }
    if (way.end(room.place.call, Code::ok)) {
      room.end_full();
      return TENON_OK;
    }
  }
  return end_short(way, room, status, *reply, said_here, err);
}

template <class Key>
[[gnu::noinline]] tenon_status call_with_options(tenon_ctx* ctx, Key key, const tenon_request* request, tenon_reply* reply,
                                                 const tenon_call_options* options, tenon_error* err) noexcept {
  Instance* const instance = Instance::from(ctx);
  if (!is_options(options)) return refuse_call(instance, reply, err);
  if (options->traceparent.len == 0)
    return call_service(ctx, key, request, reply, options, options->deadline_ns == 0 ? no_deadline : options->deadline_ns, err);
  ServicesPart* const part = instance == nullptr ? nullptr : instance->part<ServicesPart>();
  if (part == nullptr || instance->wedged() || !is_reply(reply) || !is_request(request)) return refuse_call(instance, reply, err);
  clear_reply(*reply);
  return call_long(*part, key, *request, *reply, options_of(options), err);
}

}  // namespace

Error bad_call() {
  return {
      Code::invalid_argument,
      "a call needs a request within its limits (64 MiB, a content type of 127 bytes, 64 pairs and 16 KiB of them, UTF-8), a reply, and "
      "structs whose struct_size is set",
      "BAD_CALL", 0, ExitCode::software};
}

tenon_status refuse_call(const Instance* instance, tenon_reply* reply, tenon_error* err) noexcept {
  if (is_reply(reply)) clear_reply(*reply);
  if (instance != nullptr && instance->wedged()) return TENON_CANCELLED;
  return give_error(err, &bad_call);
}

Error bad_reply(Code code, std::string_view service) noexcept {
  if (code == Code::resource_exhausted)
    return worded(code, "NO_MEMORY", [&] { return "there is no memory for the reply of `" + std::string(service) + "`"; });
  return worded(code, "BAD_REPLY", [&] {
    return "`" + std::string(service) +
           "` gave a reply that cannot be one: expected at most 64 MiB, a content type of 127 bytes, 64 pairs and 16 KiB of them, UTF-8, "
           "and no payload without an address or beyond the caller's buffer";
  });
}

bool is_options(const tenon_call_options* o) {
  return o == nullptr ||
         (o->struct_size >= sizeof(tenon_call_options) && is_view(o->traceparent) && o->traceparent.len <= max_service_content_type);
}

CallOptions options_of(const tenon_call_options* o) {
  CallOptions out;
  if (o == nullptr) return out;
  if (o->deadline_ns != 0) out.deadline_ns = o->deadline_ns;
  out.trace_parent = view(o->traceparent);
  return out;
}

// Structs a module made against a larger header are handed to the handler as they are: it looks at their struct_size.
tenon_status call_by_handle(tenon_ctx* ctx, tenon_id handle, const tenon_request* request, tenon_reply* reply,
                            const tenon_call_options* options, tenon_error* err) noexcept {
  if (options == nullptr) [[likely]]
    return call_service(ctx, handle, request, reply, nullptr, no_deadline, err);
  return call_with_options(ctx, handle, request, reply, options, err);
}

tenon_status call_by_name(tenon_ctx* ctx, tenon_str name, const tenon_request* request, tenon_reply* reply,
                          const tenon_call_options* options, tenon_error* err) noexcept {
  if (!is_view(name)) return refuse_call(Instance::from(ctx), reply, err);
  if (options == nullptr) [[likely]]
    return call_service(ctx, view(name), request, reply, nullptr, no_deadline, err);
  return call_with_options(ctx, view(name), request, reply, options, err);
}

namespace {

// The request on pages that are gone when the handler has returned, and the call known for as long.
tenon_status handle_lent(Strict& strict, const CHandler& handler, tenon_call& call, const tenon_request& request, tenon_reply& reply,
                         tenon_error& error) {
  Borrowed borrowed(strict, *handler.provider);
  tenon_request own = request;
  tenon_request* lent = borrowed.object("a request", own);
  lent->payload = borrowed.bytes("the payload of a request", request.payload);
  lent->content_type = borrowed.text("the content type of a request", request.content_type);
  if (request.metadata_count != 0) {
    auto* pairs = borrowed.array<tenon_kv>("the metadata of a request", request.metadata_count);
    for (std::size_t i = 0; pairs != nullptr && i < request.metadata_count; ++i)
      pairs[i] = {borrowed.text("the metadata of a request", request.metadata[i].key),
                  borrowed.text("the metadata of a request", request.metadata[i].value)};
    if (pairs != nullptr) lent->metadata = pairs;
  }
  const StrictCall live(&strict, &call);
  return handler.handle(handler.data, &call, lent, &reply, &error);
}

// Never the short way, which hands the caller's own structs to the handler.
template <class Key>
tenon_status call_checked(tenon_ctx* ctx, Key key, const tenon_request* request, tenon_reply* reply, const tenon_call_options* options,
                          tenon_error* err) noexcept {
  Instance* const instance = Instance::from(ctx);
  ServicesPart* const part = instance == nullptr ? nullptr : instance->part<ServicesPart>();
  if (part == nullptr || instance->wedged() || !is_reply(reply) || !is_request(request) || !is_options(options))
    return refuse_call(instance, reply, err);
  clear_reply(*reply);
  return call_long(*part, key, *request, *reply, options_of(options), err);
}

}  // namespace

Code run_c_handler(void* data, ServiceCall& service_call, const Request& asked, Reply& answer) {
  const auto& handler = *static_cast<const CHandler*>(data);
  std::array<tenon_kv, max_service_pairs> pairs;
  for (std::size_t i = 0; i < asked.metadata.size(); ++i) pairs[i] = {c_str(asked.metadata[i].key), c_str(asked.metadata[i].value)};
  const tenon_request request = {sizeof request,
                                 0,
                                 {reinterpret_cast<const std::uint8_t*>(asked.payload.data()), asked.payload.size()},
                                 c_str(asked.content_type),
                                 asked.metadata.empty() ? nullptr : pairs.data(),
                                 asked.metadata.size()};
  const std::span<char> buffer = answer.buffer();
  tenon_reply reply{};
  reply.struct_size = sizeof reply;
  reply.buffer = reinterpret_cast<std::uint8_t*>(buffer.data());
  reply.capacity = buffer.size();
  tenon_error error;
  clear_error(error);
  tenon_call call(*handler.provider, service_call);
  Strict* const strict = handler.provider->host().strict();
  Code code = outcome_of(strict != nullptr ? handle_lent(*strict, handler, call, request, reply, error)
                                           : handler.handle(handler.data, &call, &request, &reply, &error));
  const Code taken = take_reply(provider_part(*handler.provider), reply, answer);
  if (code == pending || (code == Code::ok && taken == Code::ok)) return code;
  Error why = code == Code::ok ? bad_reply(taken, service_call.service()) : said(code, service_call.service(), error);
  const int sys_errno = why.sys_errno;
  code = service_call.fail(why.code, std::move(why.message), std::move(why.reason));
  service_call.error().sys_errno = sys_errno;
  return code;
}

tenon_status call_by_handle_checked(tenon_ctx* ctx, tenon_id handle, const tenon_request* request, tenon_reply* reply,
                                    const tenon_call_options* options, tenon_error* err) noexcept {
  return call_checked(ctx, handle, request, reply, options, err);
}

tenon_status call_by_name_checked(tenon_ctx* ctx, tenon_str name, const tenon_request* request, tenon_reply* reply,
                                  const tenon_call_options* options, tenon_error* err) noexcept {
  if (!is_view(name)) return refuse_call(Instance::from(ctx), reply, err);
  return call_checked(ctx, view(name), request, reply, options, err);
}

}  // namespace tenon::host

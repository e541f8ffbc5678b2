// Calls of services through the C table that nobody waits for, and answers that come after the handler has returned.
#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "abi/strict.hpp"
#include "services_call.hpp"
#include "strict_tables.hpp"

namespace tenon::host {
namespace {

/// Data of an asynchronous call; freed when it is done.
struct Waiting {
  tenon_service_done done;
  void* data;
  Instance* caller;
};

/// An answer on the pages of a strict host: gone when `done` has returned, or when who has kept the payload releases it.
struct LentAnswer {
  std::byte* block;
  tenon_blob original;
  static void release(void* p) noexcept {
    const std::unique_ptr<LentAnswer> lent(static_cast<LentAnswer*>(p));
    lent->original.release(lent->original.owner);
    if (Strict* const strict = strict_of_process()) strict->take_back(lent->block);
  }
};

/// All of an answer in one block: pairs, texts, the payload last. It stays as it is without memory for it.
void lend(Strict& strict, const Instance& caller, tenon_reply& answer) noexcept {
  if (answer.payload.release == nullptr) return;  // nothing, or nothing that ends
  std::size_t size = answer.metadata_count * sizeof(tenon_kv) + answer.content_type.len + answer.payload.len;
  for (std::size_t i = 0; i < answer.metadata_count; ++i) size += answer.metadata[i].key.len + answer.metadata[i].value.len;
  std::unique_ptr<LentAnswer> lent(new (std::nothrow) LentAnswer{nullptr, answer.payload});
  if (lent != nullptr) lent->block = strict.lend(caller, "the answer of an asynchronous call", std::max<std::size_t>(size, 1));
  if (lent == nullptr || lent->block == nullptr) return;
  auto* const pairs = reinterpret_cast<tenon_kv*>(lent->block);
  auto* at = reinterpret_cast<std::uint8_t*>(pairs + answer.metadata_count);
  const auto put = [&at](const void* from, std::size_t n) {
    if (n != 0) std::memcpy(at, from, n);
    return std::exchange(at, at + n);
  };
  const auto text = [&put](tenon_str s) { return tenon_str{reinterpret_cast<const char*>(put(s.ptr, s.len)), s.len}; };
  for (std::size_t i = 0; i < answer.metadata_count; ++i) pairs[i] = {text(answer.metadata[i].key), text(answer.metadata[i].value)};
  answer.metadata = pairs;
  answer.content_type = text(answer.content_type);
  answer.payload = {put(answer.payload.ptr, answer.payload.len), answer.payload.len, &LentAnswer::release, lent.get()};
  static_cast<void>(lent.release());
}

void deliver_lent(Strict& strict, const Waiting& waiting, std::uint64_t id, Code code, tenon_reply& answer, tenon_error& why) {
  lend(strict, *waiting.caller, answer);
  Borrowed borrowed(strict, *waiting.caller);
  tenon_reply* const reply = borrowed.object("the reply of an asynchronous call", answer);
  waiting.done(waiting.data, id, static_cast<tenon_status>(code), reply, borrowed.object("the error of an asynchronous call", why));
  answer.payload = reply->payload;  // which may have been kept
}

void deliver(void* data, std::uint64_t id, Code code, Reply& reply, const Error& error) {
  const std::unique_ptr<Waiting> waiting(static_cast<Waiting*>(data));
  tenon_reply answer{};
  answer.struct_size = sizeof answer;
  tenon_error why;
  clear_error(why);
  if (code != Code::ok) {
    give_error(&why, error);
  } else if (!give_reply(reply, answer)) {
    code = Code::resource_exhausted;
    give_no_memory(&why);
  }
  if (Strict* const strict = waiting->caller->host().strict())
    deliver_lent(*strict, *waiting, id, code, answer, why);
  else
    waiting->done(waiting->data, id, static_cast<tenon_status>(code), &answer, &why);
  if (answer.payload.release != nullptr) answer.payload.release(answer.payload.owner);
}

template <class Key>
tenon_status call_later(tenon_ctx* ctx, Key key, const tenon_request* request, const tenon_call_options* options, tenon_service_done done,
                        void* data, tenon_id* id, tenon_error* err) noexcept {
  Instance* const instance = Instance::from(ctx);
  ServicesPart* const part = instance == nullptr ? nullptr : instance->part<ServicesPart>();
  if (part == nullptr || instance->wedged() || done == nullptr || !is_request(request) || !is_options(options))
    return refuse_call(instance, nullptr, err);
  try {
    const KernelRequest asked(*request);
    auto waiting = std::make_unique<Waiting>(Waiting{done, data, instance});
    Error error;
    const Code code =
        part->services().call_async(part->seat(), key, asked.request, &deliver, waiting.get(), id, error, options_of(options));
    if (code != Code::ok) {
      error.code = code;
      return give_error(err, error);
    }
    static_cast<void>(waiting.release());
    return TENON_OK;
  } catch (const std::bad_alloc&) {
    return give_no_memory(err);
  }
}

}  // namespace

tenon_status call_async_by_handle(tenon_ctx* ctx, tenon_id handle, const tenon_request* request, const tenon_call_options* options,
                                  tenon_service_done done, void* data, tenon_id* id, tenon_error* err) noexcept {
  return call_later(ctx, handle, request, options, done, data, id, err);
}

tenon_status call_async_by_name(tenon_ctx* ctx, tenon_str name, const tenon_request* request, const tenon_call_options* options,
                                tenon_service_done done, void* data, tenon_id* id, tenon_error* err) noexcept {
  if (!is_view(name)) return refuse_call(Instance::from(ctx), nullptr, err);
  return call_later(ctx, view(name), request, options, done, data, id, err);
}

tenon_status complete_service(Instance& instance, tenon_id id, tenon_status status, const tenon_error* error, tenon_reply& reply) noexcept {
  ServicesPart& part = provider_part(instance);
  try {
    Reply answer;
    Code code = code_of(status);
    Error why;
    const Code taken = take_reply(part, reply, answer);
    // Without memory for it the call stays open: it can be completed once more.
    if (taken == Code::resource_exhausted && code == Code::ok) return TENON_RESOURCE_EXHAUSTED;
    if (taken != Code::ok && code == Code::ok) {
      why = bad_reply(taken, "tenon.calls/1 complete");
      code = taken;
    } else if (code != Code::ok && error != nullptr) {
      why = error_of(status, error);
    }
    return static_cast<tenon_status>(
        part.services().complete(part.seat(), id, code, answer, code == Code::ok || why.message.empty() ? nullptr : &why));
  } catch (const std::bad_alloc&) {
    return TENON_RESOURCE_EXHAUSTED;
  }
}

tenon_status on_service_cancel(ServicesPart& part, tenon_id id, tenon_call_ended fn, void* data) {
  struct Ended {
    tenon_call_ended fn;
    void* data;
  };
  auto ended = std::make_unique<Ended>(Ended{fn, data});
  const Code code = part.services().on_cancel(
      part.seat(), id,
      [](void* d, Code why) {
        const std::unique_ptr<Ended> e(static_cast<Ended*>(d));
        e->fn(e->data, static_cast<tenon_status>(why));
      },
      ended.get());
  if (code == Code::ok) static_cast<void>(ended.release());
  return static_cast<tenon_status>(code);
}

}  // namespace tenon::host

// Calls of services through the C table that nobody waits for, and answers that come after the handler has returned.
#include <memory>
#include <new>

#include "services_call.hpp"

namespace tenon::host {
namespace {

/// Data of an asynchronous call; freed when it is done.
struct Waiting {
  tenon_service_done done;
  void* data;
};

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
    auto waiting = std::make_unique<Waiting>(Waiting{done, data});
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

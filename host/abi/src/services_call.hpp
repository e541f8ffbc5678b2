// The functions of tenon_services that call.
#pragma once

#include <array>
#include <span>

#include "services_part.hpp"

namespace tenon::host {

tenon_status call_by_handle(tenon_ctx* ctx, tenon_id handle, const tenon_request* request, tenon_reply* reply,
                            const tenon_call_options* options, tenon_error* err) noexcept;
tenon_status call_by_name(tenon_ctx* ctx, tenon_str name, const tenon_request* request, tenon_reply* reply,
                          const tenon_call_options* options, tenon_error* err) noexcept;
/// The same by the long way, where everything is looked at: for the strict host.
tenon_status call_by_handle_checked(tenon_ctx* ctx, tenon_id handle, const tenon_request* request, tenon_reply* reply,
                                    const tenon_call_options* options, tenon_error* err) noexcept;
tenon_status call_by_name_checked(tenon_ctx* ctx, tenon_str name, const tenon_request* request, tenon_reply* reply,
                                  const tenon_call_options* options, tenon_error* err) noexcept;
tenon_status call_async_by_handle(tenon_ctx* ctx, tenon_id handle, const tenon_request* request, const tenon_call_options* options,
                                  tenon_service_done done, void* data, tenon_id* id, tenon_error* err) noexcept;
tenon_status call_async_by_name(tenon_ctx* ctx, tenon_str name, const tenon_request* request, const tenon_call_options* options,
                                tenon_service_done done, void* data, tenon_id* id, tenon_error* err) noexcept;

/// What is said of arguments that are none.
Error bad_call();
/// The end of a call with such arguments. Out of line, as nobody is in a hurry.
[[gnu::noinline]] tenon_status refuse_call(const Instance* instance, tenon_reply* reply, tenon_error* err) noexcept;
bool is_options(const tenon_call_options* options);
CallOptions options_of(const tenon_call_options* options);

/// Why a reply was not taken: `code` is that of take_reply.
Error bad_reply(Code code, std::string_view service) noexcept;
inline ServicesPart& provider_part(const Instance& provider) { return *provider.part<ServicesPart>(); }
inline void clear_error(tenon_error& error) {
  error.struct_size = sizeof error;
  error.status = TENON_OK;
  error.sys_errno = 0;
  error.message_len = 0;
  error.reason[0] = '\0';
  error.message[0] = '\0';
}

/// The views of a request, for the kernel. Lives as long as the call.
struct KernelRequest {
  explicit KernelRequest(const tenon_request& q) {
    for (std::size_t i = 0; i < q.metadata_count; ++i) pairs[i] = {view(q.metadata[i].key), view(q.metadata[i].value)};
    request.payload = {reinterpret_cast<const char*>(q.payload.ptr), q.payload.len};
    request.content_type = view(q.content_type);
    request.metadata = std::span(pairs.data(), q.metadata_count);
  }
  std::array<ServicePair, max_service_pairs> pairs;
  Request request;
};

}  // namespace tenon::host

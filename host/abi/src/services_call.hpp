// The functions of tenon_services that call.
#pragma once

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
bool is_options(const tenon_call_options* options);
CallOptions options_of(const tenon_call_options* options);

}  // namespace tenon::host

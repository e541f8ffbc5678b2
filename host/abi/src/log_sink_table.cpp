#include <algorithm>
#include <cstring>
#include <new>

#include "abi/instance.hpp"
#include "tables.hpp"

namespace tenon::host {
namespace {

tenon_status attach(tenon_ctx* ctx, const tenon_log_receiver* receiver, void* data, void (*release)(void*) noexcept, tenon_id* out,
                    tenon_error* err) noexcept {
  Instance* instance = Instance::from(ctx);
  if (instance == nullptr || receiver == nullptr || out == nullptr || !TENON_HAS(receiver, record))
    return give_error(err, {Code::invalid_argument, "attach needs a receiver with `record`, and a place for the id", "NULL_ARGUMENT", 0,
                            ExitCode::software});
  if (instance->wedged()) return TENON_CANCELLED;
  tenon_log_receiver copy{};
  std::memcpy(&copy, receiver, std::min<std::size_t>(receiver->struct_size, sizeof copy));
  copy.struct_size = sizeof copy;  // members beyond the module's are null
  try {
    Error error;
    if (instance->attach_sink(copy, data, release, out, error) == TENON_OK) return TENON_OK;
    return give_error(err, error);
  } catch (const std::bad_alloc&) {
    return give_error(err, {Code::resource_exhausted, "out of memory", "NO_MEMORY", 0, ExitCode::software});
  }
}

tenon_status detach(tenon_ctx* ctx, tenon_id id) noexcept {
  Instance* instance = Instance::from(ctx);
  if (instance == nullptr) return TENON_INVALID_ARGUMENT;
  if (instance->wedged()) return TENON_CANCELLED;
  try {
    return instance->detach_sink(id);
  } catch (const std::bad_alloc&) {
    return TENON_RESOURCE_EXHAUSTED;
  }
}

}  // namespace

const tenon_log_sink log_sink_table = {sizeof(tenon_log_sink), 0, &attach, &detach};

}  // namespace tenon::host

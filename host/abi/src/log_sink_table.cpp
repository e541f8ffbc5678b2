#include <algorithm>
#include <cstring>
#include <new>

#include "abi/instance.hpp"
#include "arguments.hpp"
#include "tables.hpp"

namespace tenon::host {
namespace {

tenon_status attach(tenon_ctx* ctx, const tenon_log_receiver* receiver, void* data, void (*release)(void*) noexcept, tenon_id* out,
                    tenon_error* err) noexcept {
  Instance* instance = Instance::from(ctx);
  if (instance == nullptr || receiver == nullptr || out == nullptr || !TENON_HAS(receiver, record))
    return give_error(err, [] {
      return Error{Code::invalid_argument, "attach needs a receiver with `record`, and a place for the id", "NULL_ARGUMENT", 0,
                   ExitCode::software};
    });
  if (instance->wedged()) return TENON_CANCELLED;
  tenon_log_receiver copy{};
  std::memcpy(&copy, receiver, std::min<std::size_t>(receiver->struct_size, sizeof copy));
  copy.struct_size = sizeof copy;  // members beyond the module's are null
  try {
    Error error;
    if (instance->attach_sink(copy, data, release, out, error) == TENON_OK) return TENON_OK;
    return give_error(err, error);
  } catch (const std::bad_alloc&) {
    return give_no_memory(err);
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

Error no_module(std::string_view name) {
  return {Code::not_found, "no module `" + std::string(name.substr(0, 64)) + "` has been loaded", "NO_MODULE", 0, ExitCode::software};
}

/// f(LogCore&, name) -> Result<void>
template <class F>
tenon_status with_log(tenon_ctx* ctx, tenon_str name, tenon_error* err, F&& f) noexcept {
  Instance* instance = Instance::from(ctx);
  if (instance == nullptr || !is_view(name)) return give_error(err, [] { return null_argument_of(TENON_LOG_SINK); });
  if (instance->wedged()) return TENON_CANCELLED;
  try {
    const Result<void> done = f(instance->host().log(), std::string(view(name)));
    return done ? TENON_OK : give_error(err, done.error());
  } catch (const std::bad_alloc&) {
    return give_no_memory(err);
  }
}

tenon_status level(tenon_ctx* ctx, tenon_str name, std::int32_t* out, tenon_error* err) noexcept {
  return with_log(ctx, name, err, [&](LogCore& log, const std::string& of) -> Result<void> {
    if (out == nullptr) return null_argument_of(TENON_LOG_SINK);
    const std::optional<int> now = log.level(of);
    if (!now) return no_module(of);
    *out = *now;
    return {};
  });
}

tenon_status set_level(tenon_ctx* ctx, tenon_str name, std::int32_t to, tenon_error* err) noexcept {
  return with_log(ctx, name, err, [&](LogCore& log, const std::string& of) -> Result<void> {
    if (to != TENON_LEVEL_DEFAULT && (to < TENON_LEVEL_TRACE || to > TENON_LEVEL_FATAL))
      return Error{Code::invalid_argument, "a log level is a number from 0 (trace) to 50 (fatal), or -1 for none of its own", "LEVEL", 0,
                   ExitCode::software};
    if (!log.level(of)) return no_module(of);  // what strangers could name without end is not kept
    log.set_level(of, to);
    return {};
  });
}

}  // namespace

const tenon_log_sink log_sink_table = {sizeof(tenon_log_sink), 0, &attach, &detach, &level, &set_level};

}  // namespace tenon::host

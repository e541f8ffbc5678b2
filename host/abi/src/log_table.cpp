#include <algorithm>
#include <cstddef>
#include <new>

#include "abi/instance.hpp"
#include "kernel/services.hpp"
#include "kernel/traceparent.hpp"
#include "tables.hpp"

namespace tenon::host {
namespace {

void write(tenon_ctx* ctx, std::int32_t level, tenon_str message, const tenon_kv* kv, std::size_t n) noexcept {
  Instance* instance = Instance::from(ctx);
  if (instance == nullptr || !is_view(message) || (kv == nullptr && n != 0)) return;
  if (level < instance->log().min_level()) return;
  // Not initialised beyond what is used: a line must not pay for 64 pairs.
  alignas(LogField) std::byte storage[sizeof(LogField) * TENON_LOG_MAX_KV];
  auto* const fields = reinterpret_cast<LogField*>(storage);
  const std::size_t used = std::min<std::size_t>(n, TENON_LOG_MAX_KV);
  for (std::size_t i = 0; i < used; ++i) {
    const bool valid = is_view(kv[i].key) && is_view(kv[i].value);
    new (&fields[i]) LogField(valid ? LogField{view(kv[i].key), view(kv[i].value)} : LogField{"invalid", "a null view with a length"});
  }
  const Frame* frame = current_frame();
  const bool inside = frame != nullptr && frame->owner.load(std::memory_order_relaxed) == instance;
  const Phase phase = inside ? frame->phase() : instance->phase();
  std::uint64_t call_id = 0;
  std::size_t with_trace = used;
  if (inside && frame->call != nullptr) {
    call_id = call_id_of(*frame->call);
    // 32 digits behind "00-". A module that gives all the pairs there may be keeps them.
    const std::string_view trace = trace_of(*frame->call);
    if (trace.size() == traceparent_size && used < TENON_LOG_MAX_KV)
      new (&fields[with_trace++]) LogField{"tenon.trace_id", trace.substr(3, 32)};
  }
  try {
    instance->log().write(level, view(message), std::span(fields, with_trace), phase_name(phase), call_id, n - used);
  } catch (...) {  // out of memory: a log line is what can be done without
  }
}

}  // namespace

tenon_log make_log_table(std::int32_t min_level) { return {sizeof(tenon_log), min_level, &write}; }

}  // namespace tenon::host

#include <algorithm>
#include <array>

#include "abi/instance.hpp"
#include "tables.hpp"

namespace tenon::host {
namespace {

void write(tenon_ctx* ctx, std::int32_t level, tenon_str message, const tenon_kv* kv, std::size_t n) noexcept {
  Instance* instance = Instance::from(ctx);
  if (instance == nullptr || !is_view(message) || (kv == nullptr && n != 0)) return;
  if (level < instance->log().min_level()) return;
  std::array<LogField, TENON_LOG_MAX_KV + 1> fields;
  std::size_t used = 0;
  for (; used < n && used < TENON_LOG_MAX_KV; ++used) {
    if (!is_view(kv[used].key) || !is_view(kv[used].value))
      fields[used] = {"invalid", "a null view with a length"};
    else
      fields[used] = {view(kv[used].key), view(kv[used].value)};
  }
  if (n > TENON_LOG_MAX_KV) fields[used++] = {"dropped_pairs", "more than 64"};
  const Frame* frame = current_frame();
  const bool inside = frame != nullptr && frame->instance.load(std::memory_order_relaxed) == instance;
  const Phase phase = inside ? frame->phase.load(std::memory_order_relaxed) : instance->phase();
  try {
    instance->log().write(level, view(message), std::span(fields.data(), used), phase_name(phase), 0);
  } catch (...) {  // out of memory: a log line is what can be done without
  }
}

}  // namespace

tenon_log make_log_table(std::int32_t min_level) { return {sizeof(tenon_log), min_level, &write}; }

}  // namespace tenon::host

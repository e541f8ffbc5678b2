// logger: the first RuntimeModule. Receives every record from the host's early buffer on, and gives the last ones back when asked.
#include <tenon/log_sink.h>

#include <tenon/tenon.hpp>

#include "record_ring.hpp"

namespace tenon_logger {

struct LogSink {
  static constexpr std::string_view id = TENON_LOG_SINK;
  static constexpr std::uint32_t min_size = TENON_UP_TO(tenon_log_sink, attach);
};

class Logger {
 public:
  using needs = tenon::needs<LogSink>;

  explicit Logger(tenon::Ctx ctx) : ctx_(ctx), sink_(ctx.require<tenon_log_sink>(LogSink::id)) {}

  tenon::Status pre_init() {
    static constexpr tenon_log_receiver receiver = {sizeof(tenon_log_receiver), 0, &record, &dump};
    tenon_id id = 0;
    // The host detaches after stop, before this object is destroyed.
    return tenon::Status::of([&](tenon_error* e) { return sink_->attach(ctx_.raw(), &receiver, &ring_, nullptr, &id, e); });
  }

 private:
  static void record(void* data, const tenon_log_record* r) noexcept { static_cast<RecordRing*>(data)->add(*r); }
  static void dump(void* data, std::size_t count, tenon_log_emit emit, void* emit_data) noexcept {
    static_cast<const RecordRing*>(data)->emit_last(count, emit, emit_data);
  }

  tenon::Ctx ctx_;
  const tenon_log_sink* sink_;
  RecordRing ring_;
};

}  // namespace tenon_logger

TENON_MODULE(tenon_logger::Logger);

// logger: the first RuntimeModule. Receives every record from the host's early buffer on, gives the last ones back when asked, and sets levels.
//
//   logger.log     metadata [count=100] [module] [level] [since]   -> JSON array of records, oldest first; truncated=true if more would have fitted `count`
//   logger.level   metadata [module] [level]                       -> the level: trace, debug, info, warn, error or fatal
//
// `level` of logger.log is the least one, `since` a sequence number: records beyond it. logger.level without `module` is about all modules that have no
// level of their own, `host` is the host itself; with `level` it sets it, `default` takes it back. Set so, it holds until the process ends, or until a reload
// of a configuration that gives the module a level.
#include <tenon/log_sink.h>

#include <charconv>
#include <tenon/tenon.hpp>

#include "record_json.hpp"
#include "record_ring.hpp"

namespace tenon_logger {

using tenon::Reply;
using tenon::Request;
using tenon::Status;

constexpr std::size_t default_count = 100, most_count = 10'000;
constexpr std::size_t most_bytes = 1U << 20U;  // of records as stored, in one answer
constexpr std::size_t longest_name = 255;

struct LogSink {
  static constexpr std::string_view id = TENON_LOG_SINK;
  static constexpr std::uint32_t min_size = TENON_UP_TO(tenon_log_sink, set_level);
};

template <class T>
bool parse_number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

class Logger {
 public:
  using needs = tenon::needs<LogSink, tenon::Log, tenon::Calls, tenon::Services>;

  explicit Logger(tenon::Ctx ctx) : ctx_(ctx), sink_(ctx.require<tenon_log_sink>(LogSink::id)), log_(ctx), services_(ctx) {}

  Status pre_init() {
    static constexpr tenon_log_receiver receiver = {sizeof(tenon_log_receiver), 0, &record, &dump};
    tenon_id id = 0;
    // The host detaches after stop, before this object is destroyed.
    return Status::of([&](tenon_error* e) { return sink_->attach(ctx_.raw(), &receiver, &ring_, nullptr, &id, e); });
  }

  Status init() {
    (void)services_.offer("logger.log", [this](const Request& request, Reply& reply) { return give_log(request, reply); }).value();
    return services_
        .offer("logger.level", [this](const Request& request, Reply& reply, tenon::Call call) { return give_level(request, reply, call); })
        .status();
  }

 private:
  static void record(void* data, const tenon_log_record* r) noexcept { static_cast<RecordRing*>(data)->add(*r); }
  static void dump(void* data, std::size_t count, tenon_log_emit emit, void* emit_data) noexcept {
    static_cast<const RecordRing*>(data)->emit_last(count, emit, emit_data);
  }

  Status give_log(const Request& request, Reply& reply) const {
    RecordRing::Filter filter;
    filter.module = request.metadata("module");
    filter.count = default_count;
    filter.bytes = most_bytes;
    const std::string_view count = request.metadata("count"), since = request.metadata("since"), level = request.metadata("level");
    if (!count.empty() && (!parse_number(count, filter.count) || filter.count > most_count))
      return Status::invalid_argument("metadata `count` has to be a number from 0 to 10000");
    if (!since.empty() && !parse_number(since, filter.after))
      return Status::invalid_argument("metadata `since` has to be the sequence number of a record");
    if (!level.empty() && !parse_level(level, filter.level)) return bad_level("");

    const RecordRing::Found found = ring_.find(filter);
    std::string json = "[";
    RecordRing::each(found, [&json](const tenon_log_record& r) {
      if (json.size() != 1) json += ',';
      append_json(json, r);
    });
    json += ']';
    reply.payload(tenon::Blob::adopt(std::move(json)));
    reply.content_type("application/json");
    static constexpr tenon_kv truncated = {TENON_STR_INIT("truncated"), TENON_STR_INIT("true")};
    if (found.truncated) reply.metadata(&truncated, 1);
    return {};
  }

  Status give_level(const Request& request, Reply& reply, tenon::Call call) const {
    const std::string_view module = request.metadata("module"), wanted = request.metadata("level");
    if (module.size() > longest_name)
      return Status::invalid_argument("metadata `module` has to be the name of a module, at most 255 bytes");
    if (!wanted.empty()) {
      std::int32_t level = TENON_LEVEL_DEFAULT;
      if (wanted != "default" && !parse_level(wanted, level)) return bad_level(", or default");
      Status set = Status::of([&](tenon_error* e) { return sink_->set_level(ctx_.raw(), tenon::to_c(module), level, e); });
      if (!set.ok()) return set;
      tenon_call_info info{};
      info.struct_size = sizeof info;
      const bool known = services_.table()->info(call.raw(), &info) == TENON_OK;
      log_.info("log level set", "of", module.empty() ? "all others" : module, "level", wanted, "by",
                known ? tenon::view(info.caller) : "");
    }
    std::int32_t level = 0;
    Status got = Status::of([&](tenon_error* e) { return sink_->level(ctx_.raw(), tenon::to_c(module), &level, e); });
    if (!got.ok()) return got;
    reply.payload(level_name(level));
    reply.content_type("text/plain");
    return {};
  }

  static Status bad_level(std::string_view more) {
    return Status::invalid_argument("metadata `level` has to be one of trace, debug, info, warn, error, fatal" + std::string(more));
  }

  tenon::Ctx ctx_;
  const tenon_log_sink* sink_;
  tenon::Log log_;
  tenon::Services services_;
  RecordRing ring_;
};

}  // namespace tenon_logger

TENON_MODULE(tenon_logger::Logger);

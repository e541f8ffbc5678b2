#include "record_json.hpp"

#include <cstdio>
#include <ctime>
#include <tenon/cpp/views.hpp>

namespace tenon_logger {
namespace {

struct Named {
  std::int32_t level;
  std::string_view name;
};
constexpr Named levels[] = {{TENON_LEVEL_TRACE, "trace"}, {TENON_LEVEL_DEBUG, "debug"}, {TENON_LEVEL_INFO, "info"},
                            {TENON_LEVEL_WARN, "warn"},   {TENON_LEVEL_ERROR, "error"}, {TENON_LEVEL_FATAL, "fatal"}};

/// The host gives well-formed UTF-8: only what JSON forbids is escaped.
void append_text(std::string& out, tenon_str text) {
  out += '"';
  for (const char c : tenon::view(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
      out += escaped;
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_time(std::string& out, std::int64_t time_ns) {
  const std::time_t seconds = static_cast<std::time_t>(time_ns / 1'000'000'000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  const std::size_t n = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + n, sizeof text - n, ".%06dZ", static_cast<int>(time_ns % 1'000'000'000 / 1000));
  out += text;
}

}  // namespace

std::string_view level_name(std::int32_t level) {
  std::string_view name = levels[0].name;
  for (const Named& named : levels)
    if (level >= named.level) name = named.name;
  return name;
}

bool parse_level(std::string_view name, std::int32_t& level) {
  for (const Named& named : levels) {
    if (name != named.name) continue;
    level = named.level;
    return true;
  }
  return false;
}

void append_json(std::string& out, const tenon_log_record& record) {
  out += R"({"ts":")";
  append_time(out, record.time_ns);
  out += R"(","level":")";
  out += level_name(record.level);
  out += R"(","seq":)" + std::to_string(record.seq) + R"(,"module":)";
  append_text(out, record.module);
  if (record.phase.len != 0) {
    out += R"(,"phase":)";
    append_text(out, record.phase);
  }
  if (record.call_id != 0) out += R"(,"call":)" + std::to_string(record.call_id);
  out += R"(,"thread":)" + std::to_string(record.thread_id) + R"(,"msg":)";
  append_text(out, record.message);
  for (std::size_t i = 0; i < record.kv_count; ++i) {
    out += i == 0 ? R"(,"kv":{)" : ",";
    append_text(out, record.kv[i].key);
    out += ':';
    append_text(out, record.kv[i].value);
  }
  out += record.kv_count != 0 ? "}}" : "}";
}

}  // namespace tenon_logger

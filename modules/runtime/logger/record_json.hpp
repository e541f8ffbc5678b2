// Log records as JSON, as the host writes them to its own log.
#pragma once

#include <string>
#include <string_view>

#include "tenon/log.h"
#include "tenon/log_sink.h"

namespace tenon_logger {

/// "trace" .. "fatal"; a level between the named ones has the next lower name.
std::string_view level_name(std::int32_t level);
/// False if it is none of them.
bool parse_level(std::string_view name, std::int32_t& level);

/// {"ts":"2026-01-01T12:00:00.000000Z","level":"info","seq":7,"module":"orders","phase":"run","call":3,"thread":42,"msg":"...","kv":{"key":"value"}};
/// phase, call and kv only if there are any. A key that stands twice in the record stands twice here.
void append_json(std::string& out, const tenon_log_record& record);

}  // namespace tenon_logger

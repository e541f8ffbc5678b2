#include "log_format.hpp"

#include <algorithm>
#include <charconv>

#include "base/clock.hpp"
#include "log_escape.hpp"
#include "log_level.hpp"
#include "log_record.hpp"

namespace tenon::host {
namespace {

/// JSON has the width of the longest: it is copied whole, and the number behind it covers what is too much.
constexpr std::size_t json_width = 25;
struct LevelLook {
  char json[json_width + 1];
  std::size_t json_size;
  std::string_view journal, text, colour;
};
// By level / 10. Journal priorities are those of syslog: debug 7, info 6, warning 4, error 3, critical 2.
constexpr LevelLook looks[] = {
    {R"(Z","level":"trace","seq":)", 25, "<7>", "TRACE ", "\x1b[90m"}, {R"(Z","level":"debug","seq":)", 25, "<7>", "DEBUG ", "\x1b[90m"},
    {R"(Z","level":"info","seq":)", 24, "<6>", "INFO  ", "\x1b[32m"},  {R"(Z","level":"warn","seq":)", 24, "<4>", "WARN  ", "\x1b[33m"},
    {R"(Z","level":"error","seq":)", 25, "<3>", "ERROR ", "\x1b[31m"}, {R"(Z","level":"fatal","seq":)", 25, "<2>", "FATAL ", "\x1b[1;31m"},
};
constexpr std::string_view colour_end = "\x1b[0m";

constexpr std::size_t number_width = 20;

char* put_number(char* p, std::uint64_t number) { return std::to_chars(p, p + number_width, number).ptr; }

// Mostly the thread that is running, whose number does not change.
char* put_thread(char* p, std::uint64_t thread) {
  struct Digits {
    std::uint64_t number;
    std::size_t size;
    char text[number_width];
  };
  thread_local constinit Digits last{0, 1, {'0'}};
  if (thread != last.number) {
    last.number = thread;
    last.size = static_cast<std::size_t>(put_number(last.text, thread) - last.text);
  }
  std::memcpy(p, last.text, number_width);
  return p + last.size;
}

char* put_digits(char* p, std::uint32_t value, std::size_t digits) {
  for (std::size_t i = digits; i-- > 0; value /= 10) p[i] = static_cast<char>('0' + value % 10);
  return p + digits;
}

/// False: no key comes twice, as all have different lengths. On the way of every line.
inline bool may_repeat(std::span<const LogField> fields) {
  std::uint64_t lengths = 0, again = 0;
  for (const LogField& f : fields) {
    const std::uint64_t length = std::uint64_t{1} << (f.key.size() & 63U);
    again |= lengths & length;
    lengths |= length;
  }
  return again != 0;
}

// Readers of JSON take the first of two members of one name, or the last, or none. So a key that was there before gets a number that no other pair
// has: key, key_2, key_3. Below `tenon.` the last one keeps its name: that is the host's. 0: as it is.
std::size_t number_of_repeat(std::span<const LogField> fields, std::size_t at) {
  const std::string_view key = fields[at].key;
  const bool of_host = key.starts_with("tenon.");
  const auto others = of_host ? fields.subspan(at + 1) : fields.first(at);
  auto before = std::count_if(others.begin(), others.end(), [key](const LogField& f) { return f.key == key; });
  if (before == 0) return 0;
  const auto is_taken = [&](std::size_t number) {
    char digits[number_width];
    const std::string_view text(digits, static_cast<std::size_t>(put_number(digits, number) - digits));
    return std::any_of(fields.begin(), fields.end(), [&](const LogField& f) {
      return f.key.size() == key.size() + 1 + text.size() && f.key.starts_with(key) && f.key[key.size()] == '_' && f.key.ends_with(text);
    });
  };
  std::size_t number = 1;
  while (before > 0)
    if (!is_taken(++number)) --before;
  return number;
}

// Between two texts at most escape_slack bytes are put without asking for room.
template <bool apart>
inline char* append_pairs(LineBuffer& line, char* p, std::span<const LogField> fields) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i != 0) p = put(p, R"(",")");
    if ((p = append_escaped<Escape::json>(line, p, fields[i].key)) == nullptr) return nullptr;
    if constexpr (apart)
      if (const std::size_t number = number_of_repeat(fields, i); number != 0) p = put_number(put(p, '_'), number);
    p = put(p, R"(":")");
    if ((p = append_escaped<Escape::json>(line, p, fields[i].value)) == nullptr) return nullptr;
  }
  return p;
}

// Of its own, to leave the way of the other lines as it is.
[[gnu::noinline]] char* append_pairs_apart(LineBuffer& line, char* p, std::span<const LogField> fields) {
  return append_pairs<true>(line, p, fields);
}

// Between two texts at most escape_slack bytes are put without asking for room.
bool make_json_body(LineBuffer& line, const LogRecordView& record) {
  char* p = line.ensure(line.body(), 16);
  p = put(p, R"(,"module":")");
  if ((p = append_escaped<Escape::json>(line, p, record.module)) == nullptr) return false;
  p = put(p, '"');
  if (!record.phase.empty()) {
    p = put(p, R"(,"phase":")");
    if ((p = append_escaped<Escape::json>(line, p, record.phase)) == nullptr) return false;
    p = put(p, '"');
  }
  p = line.ensure(p, 2 * number_width + 32);
  if (record.call_id != 0) p = put_number(put(p, R"(,"call":)"), record.call_id);
  p = put_thread(put(p, R"(,"thread":)"), record.thread_id);
  p = put(p, R"(,"msg":")");
  if ((p = append_escaped<Escape::json>(line, p, record.message)) == nullptr) return false;
  if (record.fields.empty()) {
    line.done(put(p, "\"}\n"));
    return true;
  }
  p = put(p, R"(","kv":{")");
  p = may_repeat(record.fields) ? append_pairs_apart(line, p, record.fields) : append_pairs<false>(line, p, record.fields);
  if (p == nullptr) return false;
  line.done(put(p, "\"}}\n"));
  return true;
}

// In quotes where it needs them. Room as append_escaped.
char* append_word(LineBuffer& line, char* p, std::string_view text) {
  if (!needs_quotes(text)) {
    p = line.ensure(p, text.size() + escape_slack);
    return put(p, text);
  }
  p = append_escaped<Escape::quoted>(line, put(p, '"'), text);
  return p == nullptr ? nullptr : put(p, '"');
}

bool make_text_body(LineBuffer& line, const LogRecordView& record) {
  char* p = append_escaped<Escape::bare>(line, line.body(), record.module);
  if (p != nullptr && !record.phase.empty()) p = append_escaped<Escape::bare>(line, put(p, '/'), record.phase);
  if (p == nullptr) return false;
  p = line.ensure(p, number_width + 8);
  if (record.call_id != 0) p = put_number(put(p, '#'), record.call_id);
  p = append_escaped<Escape::bare>(line, put(p, ": "), record.message);
  for (const LogField& field : record.fields) {
    if (p == nullptr) return false;
    if ((p = append_word(line, put(p, ' '), field.key)) == nullptr) return false;
    p = append_word(line, put(p, '='), field.value);
  }
  if (p == nullptr) return false;
  line.done(put(p, '\n'));
  return true;
}

}  // namespace

LineStyle LineStyle::of(const LogOptions& options) {
  const bool json = options.format == LogOptions::Format::json;
  const bool standard_error = options.target == LogOptions::Target::standard_error;
  return {true, json, options.colour && !json, options.journal_prefix && standard_error};
}

std::uint32_t SecondCache::render(std::int64_t realtime_ns, char* out) {
  constexpr std::int64_t ns_per_second = 1'000'000'000;
  std::int64_t second = realtime_ns / ns_per_second;
  std::int64_t rest = realtime_ns % ns_per_second;
  if (rest < 0) {  // before 1970: a machine without a clock
    rest += ns_per_second;
    --second;
  }
  if (second != second_) {
    char text[28];
    format_rfc3339(second * ns_per_second, text);
    std::memcpy(text_, text, width);
    second_ = second;
  }
  std::memcpy(out, text_, width);
  return static_cast<std::uint32_t>(rest);
}

bool make_body(LineBuffer& line, const LogRecordView& record, LineStyle style) {
  return style.json ? make_json_body(line, record) : make_text_body(line, record);
}

void make_head(LineBuffer& line, const LogRecordView& record, LineStyle style, SecondCache& seconds) {
  constexpr std::string_view json_begin = R"({"ts":")";
  constexpr std::size_t json_time = SecondCache::width + 7, text_time = SecondCache::width + 6;  // .123456 and .123Z with a space
  const LevelLook& look = looks[named_level(record.level) / 10];
  char seq[number_width];
  const auto seq_size = static_cast<std::size_t>(put_number(seq, record.seq) - seq);

  std::size_t size = style.journal_prefix ? look.journal.size() : 0;
  if (style.json)
    size += json_begin.size() + json_time + look.json_size + seq_size;
  else
    size += text_time + look.text.size() + (style.colour ? look.colour.size() + colour_end.size() : 0);
  static_assert(LineBuffer::head_room >= 3 + json_begin.size() + json_time + json_width + number_width);

  char* p = line.body() - size;
  line.begins(p);
  if (style.journal_prefix) p = put(p, look.journal);
  if (style.json) {
    p = put(p, json_begin);
    const std::uint32_t nanos = seconds.render(record.time_ns, p);
    p = put_digits(put(p + SecondCache::width, '.'), nanos / 1000, 6);
    std::memcpy(p, look.json, json_width);
    std::memcpy(p + look.json_size, seq, seq_size);
    return;
  }
  const std::uint32_t nanos = seconds.render(record.time_ns, p);
  p = put_digits(put(p + SecondCache::width, '.'), nanos / 1'000'000, 3);
  p = put(p, "Z ");
  if (style.colour) p = put(p, look.colour);
  p = put(p, look.text);
  if (style.colour) put(p, colour_end);
}

std::string log_line(const LogRecordView& record, const LogOptions& options) {
  const LineStyle style = LineStyle::of(options);
  LineBuffer line;
  SecondCache seconds;
  if (!is_within_limits(record) || !make_body(line, record, style)) make_body(line, OwnedRecord(record, 0).view(), style);
  make_head(line, record, style, seconds);
  return std::string(line.view());
}

}  // namespace tenon::host

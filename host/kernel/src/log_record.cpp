#include "log_record.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "log_escape.hpp"

namespace tenon::host {
namespace {

constexpr std::string_view cut_marker = "…";
constexpr std::size_t longest_character = 4;

bool is_well_formed(std::string_view text) {
  const std::size_t ascii = ascii_prefix(text);
  return ascii == text.size() || invalid_utf8_at(text.substr(ascii)) == std::string_view::npos;
}

// The longest start of well-formed `text` of at most `max` bytes that ends between characters.
std::string_view cut(std::string_view text, std::size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0U) == 0x80U) --max;
  return text.substr(0, max);
}

/// Collects text under one budget of bytes.
class Collector {
 public:
  explicit Collector(std::string& out) : out_(out) {}

  [[nodiscard]] std::size_t left() const { return log_max_bytes - spent_; }

  /// Appends `text` as well-formed UTF-8, cut with a marker once the budget is spent. Returns its length in the output.
  std::size_t add(std::string_view text) {
    const std::size_t before = out_.size();
    bool complete = true;
    while (!text.empty() && complete) {
      // Not looked at beyond what can be kept. A character cut in half by that begins beyond it too.
      const std::string_view seen = text.substr(0, left() + longest_character);
      const std::size_t bad = std::min(invalid_utf8_at(seen), seen.size());
      complete = add_part(text.substr(0, bad), true);
      text.remove_prefix(bad);
      if (complete && !text.empty()) {
        complete = add_part(escaped_byte(text[0]), false);
        text.remove_prefix(1);
      }
    }
    if (!complete) {
      spent_ = log_max_bytes;
      out_ += cut_marker;
    }
    return out_.size() - before;
  }

 private:
  bool add_part(std::string_view part, bool may_cut) {
    const std::string_view kept = part.size() <= left() ? part : may_cut ? cut(part, left()) : std::string_view();
    out_ += kept;
    spent_ += kept.size();
    return kept.size() == part.size();
  }
  static std::string escaped_byte(char c) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto b = static_cast<unsigned char>(c);
    return {'\\', 'x', digits[b >> 4U], digits[b & 15U]};
  }

  std::string& out_;
  std::size_t spent_ = 0;
};

}  // namespace

bool is_within_limits(const LogRecordView& record) {
  std::size_t left = log_max_bytes;
  const auto take = [&left](std::string_view text) {
    if (text.size() > left) return false;
    left -= text.size();
    return true;
  };
  if (record.fields.size() > log_max_pairs || !take(record.message)) return false;
  return std::all_of(record.fields.begin(), record.fields.end(), [&](const LogField& f) { return take(f.key) && take(f.value); });
}

bool is_well_formed(const LogRecordView& record) {
  return is_well_formed(record.message) && is_well_formed(record.phase) &&
         std::all_of(record.fields.begin(), record.fields.end(),
                     [](const LogField& f) { return is_well_formed(f.key) && is_well_formed(f.value); });
}

void OwnedRecord::reserve(const LogRecordView& record) {
  std::size_t bytes = record.message.size() + record.phase.size() + record.module.size();
  for (const LogField& field : record.fields) bytes += field.key.size() + field.value.size();
  text_.reserve(std::min(bytes, log_max_bytes + 256));
}

OwnedRecord::OwnedRecord(const LogRecordView& record) : view_(record) {
  reserve(record);
  std::vector<std::size_t> lengths;
  lengths.reserve(2 * record.fields.size());
  text_ += record.message;
  for (const LogField& field : record.fields) {
    text_ += field.key;
    text_ += field.value;
    lengths.push_back(field.key.size());
    lengths.push_back(field.value.size());
  }
  text_ += record.phase;
  text_ += record.module;
  point_into_text(record.message.size(), lengths, record.phase.size());
}

OwnedRecord::OwnedRecord(const LogRecordView& record, std::size_t left_out) : view_(record) {
  reserve(record);
  Collector collector(text_);
  const std::size_t message = collector.add(record.message);
  std::vector<std::size_t> lengths;
  std::size_t kept = 0;
  for (; kept < record.fields.size() && kept < log_max_pairs; ++kept) {
    const LogField& field = record.fields[kept];
    if (field.key.size() > collector.left()) break;
    lengths.push_back(collector.add(field.key));
    lengths.push_back(collector.add(field.value));
  }
  left_out += record.fields.size() - kept;
  if (left_out != 0) {
    // Beyond the budget: it is the host's.
    const std::string count = std::to_string(left_out);
    constexpr std::string_view key = "tenon.dropped_pairs";
    text_ += key;
    text_ += count;
    lengths.push_back(key.size());
    lengths.push_back(count.size());
  }
  const std::size_t body = text_.size();
  Collector(text_).add(record.phase);
  const std::size_t phase = text_.size() - body;
  text_ += record.module;
  point_into_text(message, lengths, phase);
}

void OwnedRecord::point_into_text(std::size_t message, const std::vector<std::size_t>& pairs, std::size_t phase) {
  std::string_view rest = text_;
  const auto take = [&rest](std::size_t n) {
    const std::string_view part = rest.substr(0, n);
    rest.remove_prefix(n);
    return part;
  };
  view_.message = take(message);
  fields_.reserve(pairs.size() / 2);
  for (std::size_t i = 0; i < pairs.size(); i += 2) {
    const std::string_view key = take(pairs[i]);
    fields_.push_back({key, take(pairs[i + 1])});
  }
  view_.fields = fields_;
  view_.phase = take(phase);
  view_.module = rest;
}

}  // namespace tenon::host

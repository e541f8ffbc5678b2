#include "audit_line.hpp"

#include <algorithm>
#include <charconv>
#include <span>

#include "base/clock.hpp"
#include "base/sha256.hpp"
#include "base/text.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t hash_size = 64;
constexpr std::string_view begin = R"({"seq":)", prev_mark = R"(,"prev":")", hash_mark = R"(","hash":")", end = R"("})";
constexpr std::size_t max_pairs = 32;

std::string hash_of(std::string_view text) { return to_hex(sha256(std::as_bytes(std::span(text.data(), text.size())))); }

bool is_hash(std::string_view text) {
  return text.size() == hash_size && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Cut at a character boundary.
std::string_view cut(std::string_view text, std::size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0U) == 0x80) --max;
  return text.substr(0, max);
}

void member(std::string& out, std::string_view key, std::string_view value, std::size_t max) {
  out.append(",\"").append(key).append("\":");
  append_json_string(out, cut(value, max));
}

bool read_number(std::string_view text, std::uint64_t& out) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && stop == text.data() + text.size();
}

}  // namespace

std::string make_audit_line(const AuditEvent& event, std::int64_t time_ns, AuditSeal& seal) {
  std::string out = std::string(begin) + std::to_string(seal.seq);
  char time[28];
  format_rfc3339(time_ns, time);
  member(out, "time", time, sizeof time);
  member(out, "type", event.type, 128);
  member(out, "level", event.level, 16);
  member(out, "actor", event.actor, 255);
  member(out, "target", event.target, 1024);
  member(out, "request_id", event.request_id, 128);
  member(out, "outcome", event.outcome, 32);
  out += R"(,"meta":{)";
  for (std::size_t i = 0; i < std::min(event.meta.size(), max_pairs); ++i) {
    if (i != 0) out += ',';
    append_json_string(out, cut(event.meta[i].first, 128));
    out += ':';
    append_json_string(out, cut(event.meta[i].second, 1024));
  }
  out.append("}").append(prev_mark).append(seal.prev);
  seal.hash = hash_of(out);
  return out.append(hash_mark).append(seal.hash).append(end);
}

std::optional<ReadSeal> read_audit_line(std::string_view line) {
  const std::size_t tail = hash_mark.size() + hash_size + end.size();
  const std::size_t middle = prev_mark.size() + hash_size;
  if (!line.starts_with(begin) || !line.ends_with(end) || line.size() < begin.size() + middle + tail) return std::nullopt;
  ReadSeal out;
  const std::string_view sealed = line.substr(0, line.size() - tail);
  const std::string_view hash = line.substr(sealed.size() + hash_mark.size(), hash_size);
  const std::string_view prev = sealed.substr(sealed.size() - hash_size);
  if (line.substr(sealed.size(), hash_mark.size()) != hash_mark || sealed.substr(sealed.size() - middle, prev_mark.size()) != prev_mark ||
      !is_hash(hash) || !is_hash(prev))
    return std::nullopt;
  const std::string_view number = line.substr(begin.size(), line.find(',') - begin.size());
  if (!read_number(number, out.seal.seq) || out.seal.seq == 0) return std::nullopt;
  out.seal.prev = prev;
  out.seal.hash = hash;
  out.intact = hash_of(sealed) == hash;
  return out;
}

std::optional<std::uint64_t> torn_bytes(std::string_view line) {
  constexpr std::string_view type = R"(,"type":"audit.torn",)", key = R"(,"meta":{"bytes":")";
  const std::size_t at = line.find(key);
  if (line.find(type) == std::string_view::npos || at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = line.substr(at + key.size());
  std::uint64_t bytes = 0;
  if (!read_number(rest.substr(0, rest.find('"')), bytes)) return std::nullopt;
  return bytes;
}

std::string audit_head_path(const std::string& path) { return path + ".head"; }

std::string make_audit_head(const AuditSeal& seal) { return std::to_string(seal.seq) + " " + seal.hash + "\n"; }

std::optional<AuditSeal> read_audit_head(std::string_view text) {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  AuditSeal seal;
  if (!read_number(text.substr(0, space), seal.seq) || !is_hash(text.substr(space + 1))) return std::nullopt;
  seal.hash = text.substr(space + 1);
  return seal;
}

}  // namespace tenon::host

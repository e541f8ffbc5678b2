#include "store_index.hpp"

#include <charconv>

#include "base/file.hpp"
#include "base/text.hpp"

namespace tenon::host {
namespace {

std::string_view take_word(std::string_view& line) {
  const std::size_t end = line.find(' ');
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
  return word;
}

template <class Number>
bool read_number(std::string_view word, Number& out) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
  return error == std::errc() && end == word.data() + word.size();
}

bool is_digest(std::string_view word) { return word.size() == 64 && word.find_first_not_of("0123456789abcdef") == std::string_view::npos; }

std::optional<IndexEntry> parse_entry(std::string_view line) {
  const std::string_view digest = take_word(line);
  const std::string_view module = take_word(line);
  if (!is_digest(digest) || !is_module_name(module)) return std::nullopt;
  IndexEntry entry{std::string(digest), std::string(module), std::nullopt};
  CopyStamp stamp;
  if (!read_number(take_word(line), stamp.inode) || !read_number(take_word(line), stamp.changed_ns)) return entry;
  if (line.empty()) {
    entry.stamp = stamp;
    return entry;
  }
  CopySource source;
  if (!read_number(take_word(line), source.device) || !read_number(take_word(line), source.inode) || !line.empty()) return entry;
  entry.stamp = stamp;
  entry.source = source;
  return entry;
}

}  // namespace

CopyStamp CopyStamp::of(const struct stat& st) { return {st.st_ino, std::int64_t{st.st_ctim.tv_sec} * 1'000'000'000 + st.st_ctim.tv_nsec}; }

StoreIndex StoreIndex::parse(std::string_view text, std::string boot) {
  StoreIndex index;
  bool this_boot = false;
  for (bool first = true; !text.empty(); first = false) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (first && line.substr(0, 5) == "boot ") {
      this_boot = !boot.empty() && line.substr(5) == boot;
      continue;
    }
    std::optional<IndexEntry> entry = parse_entry(line);
    if (!entry) continue;
    if (!this_boot) {
      entry->stamp.reset();
      entry->source.reset();
    }
    index.copies.push_back(std::move(*entry));
  }
  index.boot = std::move(boot);
  return index;
}

std::string StoreIndex::render() const {
  std::string text = boot.empty() ? "" : "boot " + boot + "\n";
  for (const IndexEntry& copy : copies) {
    text += copy.digest + " " + copy.module;
    if (copy.stamp && !boot.empty()) {
      text += " " + std::to_string(copy.stamp->inode) + " " + std::to_string(copy.stamp->changed_ns);
      if (copy.source) text += " " + std::to_string(copy.source->device) + " " + std::to_string(copy.source->inode);
    }
    text += "\n";
  }
  return text;
}

Digest digest_from_hex(std::string_view hex) {
  Digest out{};
  if (!is_digest(hex)) return out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(hex_digit(hex[2 * i]) * 16 + hex_digit(hex[2 * i + 1]));
  return out;
}

std::string read_boot_id() {
  const auto text = read_text_file("/proc/sys/kernel/random/boot_id", 64);
  if (!text) return {};
  const std::string_view id = std::string_view(*text).substr(0, text->find('\n'));
  return id.size() == 36 && id.find_first_not_of("0123456789abcdef-") == std::string_view::npos ? std::string(id) : std::string();
}

}  // namespace tenon::host

#include "record_ring.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace tenon_logger {
namespace {

// A stored record: this header, then kv_count pairs of lengths, then all text. Lengths are cut to 32 bits; nothing longer fits a page.
struct Header {
  std::uint32_t size;  // of header, lengths and text, rounded up
  std::int32_t level;
  std::uint64_t seq;
  std::int64_t time_ns;
  std::uint64_t call_id, thread_id;
  std::uint32_t module, phase, message;  // lengths
  std::uint32_t kv_count;
};
static_assert(sizeof(Header) % alignof(Header) == 0);

struct KvLengths {
  std::uint32_t key, value;
};

constexpr std::size_t align_up(std::size_t n) { return (n + alignof(Header) - 1) / alignof(Header) * alignof(Header); }

/// Bytes a record takes, or 0 if that is more than `max`.
std::size_t stored_size(const tenon_log_record& r, std::size_t max) {
  std::size_t n = sizeof(Header);
  const auto add = [&](std::size_t more) {
    n = more > max || n > max - more ? max + 1 : n + more;
    return n <= max;
  };
  if (r.kv_count > max / sizeof(KvLengths) || !add(r.kv_count * sizeof(KvLengths))) return 0;
  if (!add(r.module.len) || !add(r.phase.len) || !add(r.message.len)) return 0;
  for (std::size_t i = 0; i < r.kv_count; ++i)
    if (!add(r.kv[i].key.len) || !add(r.kv[i].value.len)) return 0;
  return align_up(n) <= max ? align_up(n) : 0;
}

std::byte* put(std::byte* out, tenon_str s) {
  if (s.len != 0) std::memcpy(out, s.ptr, s.len);
  return out + s.len;
}

std::uint32_t length(tenon_str s) { return static_cast<std::uint32_t>(s.len); }

void store(std::byte* out, std::size_t size, const tenon_log_record& r) {
  const Header header{static_cast<std::uint32_t>(size),
                      r.level,
                      r.seq,
                      r.time_ns,
                      r.call_id,
                      r.thread_id,
                      length(r.module),
                      length(r.phase),
                      length(r.message),
                      static_cast<std::uint32_t>(r.kv_count)};
  std::memcpy(out, &header, sizeof header);
  out += sizeof header;
  for (std::size_t i = 0; i < r.kv_count; ++i) {
    const KvLengths lengths{length(r.kv[i].key), length(r.kv[i].value)};
    std::memcpy(out, &lengths, sizeof lengths);
    out += sizeof lengths;
  }
  out = put(put(put(out, r.module), r.phase), r.message);
  for (std::size_t i = 0; i < r.kv_count; ++i) out = put(put(out, r.kv[i].key), r.kv[i].value);
}

std::uint32_t size_at(const std::byte* record) {
  std::uint32_t size = 0;
  std::memcpy(&size, record, sizeof size);
  return size;
}

/// Rebuilds one stored record as views into it. `kv` is scratch space.
tenon_log_record load(const std::byte* at, std::vector<tenon_kv>& kv) {
  Header header;
  std::memcpy(&header, at, sizeof header);
  const std::byte* lengths = at + sizeof header;
  const char* text = reinterpret_cast<const char*>(lengths + header.kv_count * sizeof(KvLengths));
  const auto take = [&](std::uint32_t n) {
    const tenon_str s{text, n};
    text += n;
    return s;
  };
  tenon_log_record r{};
  r.struct_size = sizeof r;
  r.level = header.level;
  r.seq = header.seq;
  r.time_ns = header.time_ns;
  r.call_id = header.call_id;
  r.thread_id = header.thread_id;
  r.module = take(header.module);
  r.phase = take(header.phase);
  r.message = take(header.message);
  kv.clear();
  for (std::uint32_t i = 0; i < header.kv_count; ++i) {
    KvLengths n{};
    std::memcpy(&n, lengths + i * sizeof n, sizeof n);
    const tenon_str key = take(n.key);
    kv.push_back({key, take(n.value)});
  }
  r.kv = kv.data();
  r.kv_count = kv.size();
  return r;
}

/// Without looking at more of the record than is needed.
bool is_of(const std::byte* stored, const Header& header, std::string_view module) {
  if (module.empty()) return true;
  const char* const name = reinterpret_cast<const char*>(stored + sizeof header + header.kv_count * sizeof(KvLengths));
  return std::string_view(name, header.module) == module;
}

}  // namespace

void RecordRing::drop_oldest() {
  Page& page = pages_.front();
  page.first += size_at(page.bytes.get() + page.first);
  --records_;
  if (page.first == page.end) {
    spare_ = std::move(page.bytes);  // the next page: a full ring allocates nothing
    pages_.pop_front();
  }
}

std::byte* RecordRing::room_for(std::size_t size) {
  while (records_ != 0 && records_ >= limits_.records) drop_oldest();
  if (pages_.empty() || page_size - pages_.back().end < size) {
    while (!pages_.empty() && (pages_.size() + 1) * page_size > limits_.bytes) drop_oldest();
    Page page;
    page.bytes = spare_ ? std::move(spare_) : std::unique_ptr<std::byte[]>(new std::byte[page_size]);
    pages_.push_back(std::move(page));
  }
  Page& page = pages_.back();
  std::byte* const at = page.bytes.get() + page.end;
  page.end += size;
  ++records_;
  return at;
}

void RecordRing::add(const tenon_log_record& record) noexcept {
  const std::lock_guard lock(mutex_);
  const std::size_t size = stored_size(record, page_size);
  if (size == 0 || limits_.records == 0 || limits_.bytes < page_size) {
    ++lost_;
    return;
  }
  try {
    store(room_for(size), size, record);
  } catch (const std::bad_alloc&) {
    ++lost_;
  }
}

RecordRing::Found RecordRing::find(const Filter& filter) const {
  Found found;
  std::vector<const std::byte*> wanted;
  const std::lock_guard lock(mutex_);
  for (const Page& page : pages_) {
    for (std::size_t at = page.first; at != page.end; at += size_at(page.bytes.get() + at)) {
      const std::byte* const stored = page.bytes.get() + at;
      Header header;
      std::memcpy(&header, stored, sizeof header);
      if (header.seq <= filter.after || header.level < filter.level || !is_of(stored, header, filter.module)) continue;
      wanted.push_back(stored);
    }
  }
  std::size_t first = wanted.size(), bytes = 0;
  while (first != 0 && wanted.size() - first < filter.count) {
    const std::size_t size = size_at(wanted[first - 1]);
    found.truncated = size > filter.bytes - bytes;
    if (found.truncated) break;
    bytes += size;
    --first;
  }
  found.records.reserve(bytes);
  for (; first != wanted.size(); ++first) found.records.insert(found.records.end(), wanted[first], wanted[first] + size_at(wanted[first]));
  return found;
}

std::size_t RecordRing::load_at(const std::vector<std::byte>& records, std::size_t at, std::vector<tenon_kv>& kv, tenon_log_record& out) {
  out = load(records.data() + at, kv);
  return at + size_at(records.data() + at);
}

void RecordRing::emit_last(std::size_t count, tenon_log_emit to, void* emit_data) const noexcept {
  try {
    Filter last;
    last.count = count;
    each(find(last), [&](const tenon_log_record& record) { to(emit_data, &record); });
  } catch (const std::bad_alloc&) {
    return;  // what was emitted so far stands
  }
}

RecordRing::Use RecordRing::use() const {
  const std::lock_guard lock(mutex_);
  return {records_, (pages_.size() + (spare_ ? 1 : 0)) * page_size, lost_};
}

}  // namespace tenon_logger

#include "ld_cache.hpp"

namespace tenon::host {

namespace {

constexpr std::string_view new_magic = "glibc-ld.so.cache1.1";
constexpr std::string_view old_magic = "ld.so-1.7.0";

struct CacheHeader {
  char magic[20];
  std::uint32_t entries, string_bytes;
  std::uint8_t flags, padding[3];
  std::uint32_t extension, unused[3];
};
static_assert(sizeof(CacheHeader) == 48);

struct CacheEntry {
  std::int32_t flags;
  std::uint32_t key, value;  // offsets of names from the header
  std::uint32_t os_version;
  std::uint64_t hwcap;
};
static_assert(sizeof(CacheEntry) == 24);

// FLAG_ELF_LIBC6 with the machine's part, from glibc's ldconfig.h.
#if defined(__x86_64__)
constexpr std::int32_t this_kind = 0x0303;
#else
constexpr std::int32_t this_kind = 0x0a03;
#endif

/// Behind an old-format cache (16 bytes and 12 per entry) the new one begins at the next multiple of 8.
Bytes skip_old_format(Bytes cache) {
  if (!cache.text().starts_with(old_magic)) return cache;
  const auto entries = cache.at<std::uint32_t>(12);
  if (!entries) return {};
  return cache.from((16 + std::uint64_t{*entries} * 12 + 7) & ~std::uint64_t{7});
}

std::string_view name_at(Bytes cache, std::uint32_t offset) {
  const std::string_view rest = cache.from(offset).text();
  const std::size_t end = rest.find('\0');
  return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
}

bool names(Bytes cache, std::uint32_t offset, std::string_view name) {
  const std::string_view found = cache.part(offset, name.size() + 1).text();
  return found.size() == name.size() + 1 && found.starts_with(name) && found.back() == '\0';
}

}  // namespace

std::vector<std::string> paths_in_cache(Bytes cache, std::string_view name) {
  cache = skip_old_format(cache);
  std::vector<std::string> plain, particular;
  const auto header = cache.at<CacheHeader>(0);
  if (!header || !cache.text().starts_with(new_magic)) return plain;
  if ((header->flags & 3u) != 0 && (header->flags & 3u) != 2) return plain;  // 2 = little-endian, 0 = not said
  for (std::uint64_t i = 0; i < header->entries; ++i) {
    const auto entry = cache.at<CacheEntry>(sizeof(CacheHeader) + i * sizeof(CacheEntry));
    if (!entry) break;
    if (entry->flags != this_kind || !names(cache, entry->key, name)) continue;
    const std::string_view path = name_at(cache, entry->value);
    if (!path.empty()) (entry->hwcap == 0 ? plain : particular).emplace_back(path);
  }
  plain.insert(plain.end(), particular.begin(), particular.end());
  return plain;
}

}  // namespace tenon::host

// How many dynamic symbols there are: DT_GNU_HASH (what glibc uses) or DT_HASH.
#include <algorithm>

#include "symbols.hpp"

namespace tenon::host {

namespace {

struct GnuHashHeader {
  std::uint32_t buckets, first_symbol, bloom_words, bloom_shift;
};

struct Count {
  std::uint64_t symbols = 0;
  bool exact = true;
};

/// Highest bucket, then along its chain to the end mark. nullopt: the table lies outside the file.
std::optional<Count> by_gnu_hash(Bytes table) {
  const auto header = table.at<GnuHashHeader>(0);
  if (!header) return std::nullopt;
  // The loader asserts a power of two and would abort the process.
  if (header->bloom_words == 0 || (header->bloom_words & (header->bloom_words - 1)) != 0) return std::nullopt;
  const std::uint64_t buckets_at = sizeof(GnuHashHeader) + std::uint64_t{header->bloom_words} * 8;
  const std::uint64_t chains_at = buckets_at + std::uint64_t{header->buckets} * 4;
  if (!table.contains(buckets_at, std::uint64_t{header->buckets} * 4)) return std::nullopt;
  std::uint32_t last = 0;
  for (std::uint64_t i = 0; i < header->buckets; ++i) last = std::max(last, *table.at<std::uint32_t>(buckets_at + i * 4));
  if (last == 0) return Count{header->first_symbol, false};  // nothing exported: linkers write any number here
  if (last < header->first_symbol) return std::nullopt;
  for (std::uint64_t symbol = last;; ++symbol) {
    const auto chain = table.at<std::uint32_t>(chains_at + (symbol - header->first_symbol) * 4);
    if (!chain) return std::nullopt;
    if ((*chain & 1u) != 0) return Count{symbol + 1, true};
  }
}

/// {nbucket, nchain, ...}: nchain is the number of symbols.
std::optional<Count> by_hash(Bytes table) {
  const auto buckets = table.at<std::uint32_t>(0), chains = table.at<std::uint32_t>(4);
  if (!buckets || !chains || !table.contains(8, (std::uint64_t{*buckets} + *chains) * 4)) return std::nullopt;
  return Count{*chains, true};
}

}  // namespace

SymbolTable find_symbols(Bytes file, const Segments& segments, const DynamicTable& dynamic, GateFindings& findings) {
  const auto gnu_hash = dynamic.find(DT_GNU_HASH), hash = dynamic.find(DT_HASH);
  const auto address = dynamic.find(DT_SYMTAB);
  if (!address || (!gnu_hash && !hash)) {
    findings.malformed("there is no table of dynamic symbols with a hash table");
    return {};
  }
  SymbolTable table;
  bool exact = false;
  for (const bool gnu : {true, false}) {
    const auto hash_address = gnu ? gnu_hash : hash;
    if (!hash_address) continue;
    const Bytes bytes = segments.tail(file, *hash_address);
    const auto count = gnu ? by_gnu_hash(bytes) : by_hash(bytes);
    if (!count) {
      findings.malformed("the hash table of the dynamic symbols is damaged");
      return {};
    }
    table.count = std::max(table.count, count->symbols);
    exact = exact || count->exact;
  }
  const std::uint64_t room = segments.tail(file, *address).size() / sizeof(Elf64_Sym);
  if (table.count > room) {
    findings.malformed("the table of dynamic symbols lies outside the file");
    return {};
  }
  table.limit = exact ? table.count : room;
  return table;
}

}  // namespace tenon::host

#include "schema_unique.hpp"

#include <functional>
#include <unordered_map>

#include "schema_number.hpp"

namespace tenon::host::json_schema {
namespace {

std::uint64_t mix(std::uint64_t h) {
  h ^= h >> 33;
  h *= 0xFF51AFD7ED558CCDu;
  h ^= h >> 33;
  h *= 0xC4CEB9FE1A85EC53u;
  return h ^ (h >> 33);
}

std::uint64_t hash_text(std::string_view text) { return std::hash<std::string_view>{}(text); }

/// Equal values have equal hashes. Counts the nodes seen.
std::uint64_t hash_of(const Value& v, std::uint64_t& nodes) {
  ++nodes;
  switch (v.kind()) {
    case Value::Kind::null:
      return 1;
    case Value::Kind::boolean:
      return *v.as_bool() ? 2 : 3;
    case Value::Kind::integer:
      return mix(static_cast<std::uint64_t>(*v.as_integer()));
    case Value::Kind::real: {
      const double d = *v.as_real();
      if (d >= -0x1p63 && d < 0x1p63 && is_integral(number_of(v))) return mix(static_cast<std::uint64_t>(static_cast<std::int64_t>(d)));
      return mix(std::hash<double>{}(d));
    }
    case Value::Kind::string:
      nodes += v.as_string()->size() / 64;
      return hash_text(*v.as_string());
    case Value::Kind::list: {
      std::uint64_t h = 4;
      for (const Value& entry : *v.as_list()) h = mix(h + hash_of(entry, nodes));
      return h;
    }
    case Value::Kind::map: {
      std::uint64_t h = 5;
      for (const auto& m : *v.as_map()) h += mix(hash_text(m.key) ^ mix(hash_of(m.value, nodes)));
      return mix(h);
    }
  }
  return 0;
}

bool spend(std::uint64_t& steps, std::uint64_t cost) {
  steps = steps > cost ? steps - cost : 0;
  return steps != 0;
}

}  // namespace

std::optional<std::pair<std::size_t, std::size_t>> find_repeated(const ValueList& list, std::uint64_t& steps) {
  std::unordered_multimap<std::uint64_t, std::size_t> seen;  // hash -> index
  const bool few = list.size() <= 8;
  for (std::size_t later = 0; later < list.size(); ++later) {
    if (few && !list[later].is_map() && !list[later].is_list()) {
      if (!spend(steps, later + 1)) return std::nullopt;
      for (std::size_t earlier = 0; earlier < later; ++earlier)
        if (list[earlier] == list[later]) return std::pair(earlier, later);
      continue;
    }
    std::uint64_t nodes = 0;
    const std::uint64_t hash = hash_of(list[later], nodes);
    if (!spend(steps, nodes)) return std::nullopt;
    const auto [first, last] = seen.equal_range(hash);
    std::optional<std::size_t> equal;
    for (auto it = first; it != last; ++it) {
      if (!spend(steps, nodes)) return std::nullopt;
      if (list[it->second] == list[later] && (!equal || it->second < *equal)) equal = it->second;
    }
    if (equal) return std::pair(*equal, later);
    seen.emplace(hash, later);
  }
  return std::nullopt;
}

}  // namespace tenon::host::json_schema

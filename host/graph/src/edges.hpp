// Edges: adjacency in two flat arrays.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace tenon::host {

/// Successors of vertices 0..n-1, each list ascending and without duplicates.
class Edges {
 public:
  Edges() = default;
  Edges(std::size_t vertices, const std::vector<std::pair<std::uint32_t, std::uint32_t>>& pairs) : first_(vertices + 1, 0) {
    std::vector<std::uint32_t> fill(vertices + 1, 0);
    for (const auto& [from, to] : pairs) ++fill[from + 1];
    for (std::size_t v = 0; v < vertices; ++v) fill[v + 1] += fill[v];
    std::vector<std::uint32_t> raw(pairs.size());
    std::vector<std::uint32_t> next(fill.begin(), fill.end() - 1);
    for (const auto& [from, to] : pairs) raw[next[from]++] = to;
    to_.reserve(raw.size());
    for (std::size_t v = 0; v < vertices; ++v) {
      const auto begin = raw.begin() + fill[v];
      const auto end = raw.begin() + fill[v + 1];
      std::sort(begin, end);
      to_.insert(to_.end(), begin, std::unique(begin, end));
      first_[v + 1] = static_cast<std::uint32_t>(to_.size());
    }
  }

  [[nodiscard]] std::size_t vertices() const { return first_.size() - 1; }
  [[nodiscard]] std::span<const std::uint32_t> of(std::uint32_t v) const { return {to_.data() + first_[v], to_.data() + first_[v + 1]}; }
  [[nodiscard]] bool has(std::uint32_t from, std::uint32_t to) const {
    const auto list = of(from);
    return std::binary_search(list.begin(), list.end(), to);
  }
  [[nodiscard]] Edges reversed() const {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs;
    pairs.reserve(to_.size());
    for (std::uint32_t v = 0; v < vertices(); ++v)
      for (const std::uint32_t w : of(v)) pairs.emplace_back(w, v);
    return {vertices(), pairs};
  }

 private:
  std::vector<std::uint32_t> first_{0};
  std::vector<std::uint32_t> to_;
};

}  // namespace tenon::host

// ConfigStore: one module's validated configuration, read by path.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/value.hpp"

namespace tenon::host {

/// The value at a dotted path ("servers.0.host"; "" = the root), or nullptr. List elements by decimal index.
const Value* value_at(const Value& root, std::string_view path);

/// Thread-safe. Reads see one consistent snapshot each.
class ConfigStore {
 public:
  /// Null = an empty map.
  explicit ConfigStore(std::shared_ptr<const Value> initial);

  /// Absent or null = NOT_FOUND naming the path; another type = INVALID_ARGUMENT naming path and both types.
  Result<bool> boolean(std::string_view path) const;
  Result<std::int64_t> integer(std::string_view path) const;
  Result<double> real(std::string_view path) const;
  Result<std::string_view> string(std::string_view path);  ///< the view lives as long as the store
  Result<std::int64_t> duration_ns(std::string_view path) const;
  Result<std::uint64_t> size(std::string_view path) const;
  Result<std::string_view> json(std::string_view path);  ///< the view lives as long as the store
  Result<std::size_t> count(std::string_view path) const;
  [[nodiscard]] bool has(std::string_view path) const;

  /// Switches to a new value; returns it and the old one for comparison.
  std::shared_ptr<const Value> replace(Value next);
  [[nodiscard]] std::shared_ptr<const Value> snapshot() const;

 private:
  std::string_view keep(std::string text);
  mutable std::mutex mutex_;
  std::shared_ptr<const Value> value_;
  /// Texts handed out: kept for good, so that a view never dies under its reader; a text is kept once however often it is read.
  std::set<std::string, std::less<>> kept_;
};

}  // namespace tenon::host

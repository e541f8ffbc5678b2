// Locked paths: who may set what.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "base/value.hpp"
#include "path.hpp"

namespace tenon::host::config_room {

/// The globs in force. Immutable once built; thread-safe.
class LockedPaths {
 public:
  /// The built-in ones.
  LockedPaths();
  /// Only adds; `glob` must have passed glob_problem.
  void add(const std::string& glob);
  [[nodiscard]] bool locks(std::span<const std::string> path, bool any_case = false) const;
  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }
  [[nodiscard]] bool contains(const std::string& glob) const;

  /// One error for every locked leaf in `value`, which somebody without the right sets at `path`. Elements of lists count as keys, too.
  void check(const Value& value, Path& path, bool any_case, Diagnostics& diagnostics) const;
  /// The same, when `over` is about to take the place of `base`, a map or list with locked leaves of somebody who has the right.
  void check_replaced(const Value& base, const Value& over, Path& path, Diagnostics& diagnostics) const;

 private:
  [[nodiscard]] const Value* first_locked(const Value& value, Path& path, std::string& found) const;
  std::vector<Glob> globs_;
  std::vector<std::string> texts_;
};

/// "TENON_SUPER__STORAGE__URL"
std::string super_variable(std::span<const std::string> path);

/// Merges `over` into `base`: maps deeply, everything else replaces. `locks` null: whoever sets it may set everything.
void merge(Value& base, Value over, Path& path, const LockedPaths* locks, Diagnostics& diagnostics);

/// `value` at `path` in a tree of maps.
Value nest(std::span<const std::string> path, Value value, const Where& where);

}  // namespace tenon::host::config_room

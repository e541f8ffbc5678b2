// Value: what YAML, environment and command line become: a tree in which every node knows where it was written.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/diagnostic.hpp"

namespace tenon::host {

class Value;

/// Members in the order they were written, keys unique; look-up is constant time also for large maps.
class ValueMap {
 public:
  struct Member;
  ValueMap();
  ValueMap(const ValueMap&);
  ValueMap(ValueMap&&) noexcept;
  ValueMap& operator=(const ValueMap&);
  ValueMap& operator=(ValueMap&&) noexcept;
  ~ValueMap();

  [[nodiscard]] const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  [[nodiscard]] const Member* find_member(std::string_view key) const;
  /// Adds, or replaces the value of an existing key (its place stays). `key_where`: the key itself.
  Value& set(std::string key, Value value, Where key_where = {});
  bool erase(std::string_view key);

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] bool empty() const;
  [[nodiscard]] std::vector<Member>::const_iterator begin() const;
  [[nodiscard]] std::vector<Member>::const_iterator end() const;
  std::vector<Member>::iterator begin();
  std::vector<Member>::iterator end();

 private:
  [[nodiscard]] std::size_t index_of(std::string_view key) const;
  void index_from(std::size_t first);
  std::vector<Member> members_;
  std::unique_ptr<std::unordered_multimap<std::size_t, std::uint32_t>> index_;  ///< only beyond 16 members
};

using ValueList = std::vector<Value>;

/// A JSON-like value. Numbers: integers that fit int64 are `integer`, all others `real`. Copies are deep.
class Value {
 public:
  enum class Kind : std::uint8_t { null, boolean, integer, real, string, list, map };

  Value() = default;
  explicit Value(bool b) : v_(b) {}
  explicit Value(std::int64_t i) : v_(i) {}
  explicit Value(double d) : v_(d) {}
  explicit Value(std::string s) : v_(std::move(s)) {}
  explicit Value(ValueList l);
  explicit Value(ValueMap m);

  [[nodiscard]] Kind kind() const;
  [[nodiscard]] bool is_null() const { return kind() == Kind::null; }
  [[nodiscard]] bool is_map() const { return kind() == Kind::map; }
  [[nodiscard]] bool is_list() const { return kind() == Kind::list; }
  [[nodiscard]] bool is_string() const { return kind() == Kind::string; }
  [[nodiscard]] bool is_number() const { return kind() == Kind::integer || kind() == Kind::real; }
  /// nullptr when of another kind.
  [[nodiscard]] const bool* as_bool() const { return std::get_if<bool>(&v_); }
  [[nodiscard]] const std::int64_t* as_integer() const { return std::get_if<std::int64_t>(&v_); }
  [[nodiscard]] const double* as_real() const { return std::get_if<double>(&v_); }
  [[nodiscard]] const std::string* as_string() const { return std::get_if<std::string>(&v_); }
  [[nodiscard]] const ValueList* as_list() const;
  ValueList* as_list();
  [[nodiscard]] const ValueMap* as_map() const;
  ValueMap* as_map();
  /// Member of a map; nullptr when this is no map or has no such key.
  [[nodiscard]] const Value* find(std::string_view key) const;

  /// Where it was written (value, not key). Source null for values made by the host.
  [[nodiscard]] Where where() const { return {source_, line_, column_, length_}; }
  void set_where(Where w);
  [[nodiscard]] const SourceRef& source() const { return source_; }

  /// Equality of content (JSON semantics: 1 == 1.0; maps regardless of order); positions do not count.
  friend bool operator==(const Value& a, const Value& b);

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, std::unique_ptr<ValueList>, std::unique_ptr<ValueMap>> v_;
  SourceRef source_;
  std::uint32_t line_ = 0, column_ = 0, length_ = 1;

 public:
  Value(const Value& other);
  Value(Value&&) noexcept = default;
  Value& operator=(const Value& other);
  Value& operator=(Value&&) noexcept = default;
  ~Value() = default;
};

struct ValueMap::Member {
  std::string key;
  Value value;
  Where key_where;
};

/// Forgets where everything in the tree was written, so that it no longer keeps the sources in memory.
void drop_places(Value& value);

std::string_view kind_name(Value::Kind kind);  ///< "null", "boolean", "integer", "number", "string", "list", "map"
/// Compact JSON. Reals that are not finite are written as null (YAML input never yields them).
std::string to_json(const Value& value);

}  // namespace tenon::host

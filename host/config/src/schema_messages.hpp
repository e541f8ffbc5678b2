// What violations say. Values are shown only where they cannot be secrets.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "schema_number.hpp"
#include "schema_program.hpp"

namespace tenon::host::json_schema {

/// "an integer", "a string or null"; the words of YAML ("map", "list") for the types.
std::string describe_types(std::uint8_t types);
/// "3 characters", "1 character"
std::string counted(std::uint64_t n, std::string_view one, std::string_view many);

/// Writes messages about one instance.
class Wording {
 public:
  Wording(const Program& program, std::uint32_t node, const std::function<bool(std::string_view)>& hide)
      : p_(program), node_(node), hide_(hide) {}

  /// "`a.b`", or "the value" for the root.
  [[nodiscard]] static std::string subject(const Path& path);
  /// "`a.b` is 5"; for lists, maps and what must not be shown only what kind it is: "`a.b` is a list".
  [[nodiscard]] std::string is_value(const Path& path, const Value& v) const;
  /// Help for a value that is not one of `count` allowed ones.
  [[nodiscard]] std::string choices(std::uint32_t first, std::uint64_t count, const Value& v) const;
  /// Help for a value of the wrong type that looks like the right one in another notation.
  [[nodiscard]] static std::string notation(std::uint8_t types, const Value& v);
  /// Help for a key that `m` does not know.
  [[nodiscard]] std::string known_keys(const Members& m, std::string_view key) const;
  [[nodiscard]] static std::string shown(const Value& v);

 private:
  [[nodiscard]] bool hidden(const Path& path, const Value& v) const;
  const Program& p_;
  std::uint32_t node_;
  const std::function<bool(std::string_view)>& hide_;
};

}  // namespace tenon::host::json_schema

// What the readers of all parts of a manifest share: findings with a bound, typed access, strict maps and lists.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"
#include "base/value.hpp"
#include "manifest/manifest.hpp"

namespace tenon::host {

/// Findings about one manifest. Beyond 100 errors further ones are dropped: nobody reads them, and hostile text could make millions.
class Findings {
 public:
  void error(std::string code, Where where, std::string message, std::string help = {});
  void warning(std::string code, Where where, std::string message, std::string help = {});
  [[nodiscard]] bool failed() const { return errors_ != 0; }
  Diagnostics& diagnostics() { return diagnostics_; }

 private:
  Diagnostics diagnostics_;
  std::size_t errors_ = 0, warnings_ = 0;
};

/// For messages: the text in backticks, safe to print, cut after 60 bytes.
std::string in_backticks(std::string_view text);
/// For messages: "an integer", "a list"; "empty" for null.
std::string a_kind_of(const Value& value);
/// " did you mean `x`?"-help for a name that is not among `known`; "" if nothing is near.
std::string suggestion(std::string_view name, std::span<const std::string_view> known);

/// The text of a scalar as it stands in its source, quotes and escapes included; "" if there is none.
std::string_view as_written(const Value& value);

/// The value's content, or nullptr after having reported that `path` should be `expected` ("a list of names"). `help` may be empty.
const std::string* expect_string(const Value& value, std::string_view path, std::string_view expected, Findings& findings,
                                 std::string_view help = {});
/// The same for the entry `index` of the list `path`.
const std::string* expect_entry(const Value& entry, std::string_view path, std::size_t index, std::string_view expected,
                                Findings& findings);
const ValueList* expect_list(const Value& value, std::string_view path, std::string_view expected, Findings& findings);
const ValueMap* expect_map(const Value& value, std::string_view path, std::string_view expected, Findings& findings);
/// Reports every key of `map` that is not `known`.
void expect_keys(const ValueMap& map, std::string_view path, std::span<const std::string_view> known, Findings& findings);

/// A list of strings, each accepted by `is_valid`; refused ones are reported with `grammar` ("a module name: ..."). With `unique`, entries
/// that are equal are errors.
std::vector<Named> read_names(const Value& value, std::string_view path, bool (*is_valid)(std::string_view), std::string_view grammar,
                              bool unique, Findings& findings);
/// Reports entries with equal names, in the order of the list.
void expect_unique(std::span<const Named> names, std::string_view path, Findings& findings);

constexpr std::string_view module_name_grammar = "[a-z][a-z0-9]*(_[a-z0-9]+)*, at most 63 characters, for example `order_book`";

}  // namespace tenon::host

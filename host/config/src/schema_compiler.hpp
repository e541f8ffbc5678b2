// The compiler's inside: one member function per keyword, or group of keywords that belong together.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema_compile.hpp"
#include "schema_keywords.hpp"

namespace tenon::host::json_schema {

using Member = ValueMap::Member;

/// Where the keyword stands, or its value if that is not known.
Where keyword_where(const Member& m);
/// "an integer", "a list", "an empty map", "null"
std::string a_kind_of(const Value& v);

class Compiler {
 public:
  Compiler(Draft& draft, Diagnostics& diagnostics) : d_(draft), p_(draft.program), diagnostics_(diagnostics) {}

  std::uint32_t schema(const Value& v, const Place& place);

 private:
  /// Keywords of one schema object that are compiled together, after the others.
  struct Group {
    const Member *properties = nullptr, *pattern_properties = nullptr, *additional_properties = nullptr;
    const Member *prefix_items = nullptr, *items = nullptr;
    const Member *if_branch = nullptr, *then_branch = nullptr, *else_branch = nullptr;
  };

  void keyword(Keyword k, const Member& m, const Place& place, Node& node, Group& group);
  void applicator(Keyword k, const Member& m, const Place& place, Node& node);
  void types(const Member& m, const Place& place, Node& node);
  void number(Op op, const Member& m, const Place& place);
  void count(Op op, const Member& m, const Place& place);
  void values(Op op, const Member& m, const Place& place);
  void pattern(const Member& m, const Place& place);
  void format(const Member& m, const Place& place);
  void required(const Member& m, const Place& place);
  void dependent_required(const Member& m, const Place& place);
  void dialect(const Member& m, const Place& place);
  void reference(const Member& m, const Place& place, Node& node);
  void definitions(const Member& m, const Place& place);
  void members(const Group& group, const Place& place);
  void items(const Group& group, const Place& place);
  void conditional(const Group& group, const Place& place, Node& node);

  std::optional<std::pair<std::uint32_t, std::uint32_t>> name_list(const Member& m, const Place& place);
  std::optional<std::uint32_t> branches(const Member& m, const Place& place);
  std::uint32_t add_pattern(const Member& m, std::string_view text, const Place& place);
  std::uint32_t add_value(const Value& v, const Member* default_of);
  Name add_text(std::string_view text);
  std::uint32_t member_schema(const Member& m, const Place& place) { return schema(m.value, {&place, m.key, 0, false}); }
  bool boolean(const Member& m, const Place& place);
  bool expect(bool condition, const Member& m, const Place& place, std::string_view expected);
  void error(const char* code, const Member& m, const Place& place, std::string message, std::string help = {}) {
    d_.error(diagnostics_, code, keyword_where(m), Place{&place, m.key, 0, false}.text(), std::move(message), std::move(help));
  }
  void rule(Rule r) { scratch_.push_back(r); }

  Draft& d_;
  Program& p_;
  Diagnostics& diagnostics_;
  std::vector<Rule> scratch_;  // of the schemas being compiled, the innermost last
  std::uint32_t depth_ = 0;
};

}  // namespace tenon::host::json_schema

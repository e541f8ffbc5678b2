// One evaluation of an instance against a Program. Its parts: schema_evaluate.cpp walks, schema_evaluate_values.cpp looks at one value alone,
// schema_evaluate_members.cpp goes into maps and lists, schema_evaluate_branches.cpp tries other schemas on the same value.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "schema_messages.hpp"
#include "schema_program.hpp"

namespace tenon::host::json_schema {

/// A schema on a value; values do not move during an evaluation.
struct Visit {
  std::uint32_t node;
  const Value* value;
  friend bool operator==(const Visit&, const Visit&) = default;
};
struct VisitHash {
  std::size_t operator()(const Visit& v) const { return std::hash<const void*>{}(v.value) * 31 + v.node; }
};

/// Where violations go. Without one, evaluation stops at the first violation.
struct Sink {
  std::vector<SchemaViolation> items;
  std::size_t limit = max_violations;
  bool brief = false;  ///< for help texts: alternatives are not explored further
  std::unordered_set<Visit, VisitHash> reported;

  [[nodiscard]] bool full() const { return items.size() >= limit; }
};

class Evaluation {
 public:
  Evaluation(const Program& program, std::uint32_t root, const std::function<bool(std::string_view)>& hide)
      : p_(program), wording_(program, root, hide) {}

  /// True if `v` is valid. After `exhausted()` the result means nothing.
  bool check(std::uint32_t id, const Value& v, const Path& path, Sink* sink);

  [[nodiscard]] bool exhausted() const { return !exhausted_.message.empty(); }
  SchemaViolation take_exhausted() { return std::move(exhausted_); }

 private:
  bool apply(const Rule& rule, const Value& v, std::uint8_t type, const Path& path, Sink* sink);
  bool number(const Rule& rule, const Value& v, const Path& path, Sink* sink);
  bool length(const Rule& rule, const Value& v, const Path& path, Sink* sink);
  bool size(const Rule& rule, const Value& v, std::size_t n, const Path& path, Sink* sink);
  bool search(std::uint32_t pattern, std::string_view text, const Value& v, const Path& path);
  bool enumeration(const Rule& rule, const Value& v, const Path& path, Sink* sink);
  bool unique(const Value& v, const Path& path, Sink* sink);
  bool required(const Rule& rule, const Value& v, const Path& path, Sink* sink);
  bool dependent_required(const Rule& rule, const Value& v, const Path& path, Sink* sink);
  bool members(const Members& m, const Value& v, const Path& path, Sink* sink);
  bool items(const Items& items, const Value& v, const Path& path, Sink* sink);
  bool all_of(const Rule& rule, const Value& v, const Path& path, Sink* sink);
  bool any_of(const Rule& rule, const Value& v, const Path& path, Sink* sink);
  bool one_of(const Rule& rule, const Value& v, const Path& path, Sink* sink);
  bool conditional(const Rule& rule, const Value& v, const Path& path, Sink* sink);

  bool spend(std::uint64_t cost, const Value& v, const Path& path);
  bool exhaust(const Value& v, const Path& path, std::string what);
  static bool stop(const Sink* sink) { return sink == nullptr || sink->full(); }
  static bool fail(Sink* sink, std::string path, Where where, std::string message, std::string help = {});
  /// A key has to be there and is not.
  static bool fail_missing(Sink* sink, std::string path, Where where, std::string message);
  bool wrong_type(const Node& node, const Value& v, const Path& path, Sink* sink);
  void no_branch(const Rule& rule, const Value& v, const Path& path, Sink* sink);

  const Program& p_;
  Wording wording_;
  std::uint64_t steps_left_ = max_evaluation_steps;
  std::uint32_t depth_ = 0;
  std::unordered_map<Visit, bool, VisitHash> memo_;
  SchemaViolation exhausted_;
};

}  // namespace tenon::host::json_schema

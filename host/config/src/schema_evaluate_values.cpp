// Demands on one value alone: numbers, lengths, sizes, enum and const, uniqueItems.
#include <algorithm>

#include "base/text.hpp"
#include "schema_evaluation.hpp"
#include "schema_number.hpp"
#include "schema_unique.hpp"

namespace tenon::host::json_schema {

bool Evaluation::number(const Rule& rule, const Value& v, const Path& path, Sink* sink) {
  const Number value = number_of(v), bound = number_of(rule);
  const char* expected = nullptr;
  if (rule.op == Op::multiple_of) {
    if (is_multiple(value, bound)) return true;
    expected = "a multiple of ";
  } else {
    const auto order = compare(value, bound);
    if (rule.op == Op::minimum) {
      if (order >= 0) return true;
      expected = "at least ";
    } else if (rule.op == Op::maximum) {
      if (order <= 0) return true;
      expected = "at most ";
    } else if (rule.op == Op::exclusive_minimum) {
      if (order > 0) return true;
      expected = "more than ";
    } else {
      if (order < 0) return true;
      expected = "less than ";
    }
  }
  return sink != nullptr &&
         fail(sink, path.text(), v.where(), wording_.is_value(path, v) + ", expected " + expected + to_json(to_value(bound)));
}

bool Evaluation::length(const Rule& rule, const Value& v, const Path& path, Sink* sink) {
  const std::string& text = *v.as_string();
  if (!spend(text.size() / 64, v, path)) return false;
  const std::size_t n = utf8_length(text);
  const bool least = rule.op == Op::min_length;
  if (least ? n >= rule.b : n <= rule.b) return true;
  return sink != nullptr && fail(sink, path.text(), v.where(),
                                 Wording::subject(path) + " has " + counted(n, "character", "characters") + ", expected " +
                                     (least ? "at least " : "at most ") + std::to_string(rule.b));
}

bool Evaluation::size(const Rule& rule, const Value& v, std::size_t n, const Path& path, Sink* sink) {
  const bool least = rule.op == Op::min_items || rule.op == Op::min_properties;
  if (least ? n >= rule.b : n <= rule.b) return true;
  if (sink == nullptr) return false;
  const bool list = rule.op == Op::min_items || rule.op == Op::max_items;
  return fail(sink, path.text(), v.where(),
              Wording::subject(path) + " has " + (list ? counted(n, "entry", "entries") : counted(n, "key", "keys")) + ", expected " +
                  (least ? "at least " : "at most ") + std::to_string(rule.b));
}

bool Evaluation::search(std::uint32_t pattern, std::string_view text, const Value& v, const Path& path) {
  const Pattern& p = p_.patterns[pattern];
  return spend(1 + text.size() * p.cost() / 64, v, path) && p.search(text);
}

bool Evaluation::enumeration(const Rule& rule, const Value& v, const Path& path, Sink* sink) {
  const std::uint64_t count = rule.op == Op::constant ? 1 : rule.b;
  if (!spend(count * count_nodes(v), v, path)) return false;
  for (std::uint64_t i = 0; i < count; ++i)
    if (p_.values[rule.a + i] == v) return true;
  if (sink == nullptr) return false;
  std::string expected;
  constexpr std::uint64_t listed = 12;
  for (std::uint64_t i = 0; i < std::min(count, listed); ++i) {
    if (i != 0) expected += i + 1 == count ? " or " : ", ";
    const Value& allowed = p_.values[rule.a + i];
    expected += allowed.is_map() || allowed.is_list() ? printable(to_json(allowed), 100) : Wording::shown(allowed);
  }
  if (count > listed) expected += " or one of " + std::to_string(count - listed) + " more";
  if (count == 0) expected = "nothing: the schema allows no value";
  return fail(sink, path.text(), v.where(), wording_.is_value(path, v) + ", expected " + expected, wording_.choices(rule.a, count, v));
}

bool Evaluation::unique(const Value& v, const Path& path, Sink* sink) {
  const auto repeated = find_repeated(*v.as_list(), steps_left_);
  if (steps_left_ == 0) return spend(1, v, path);
  if (!repeated) return true;
  if (sink == nullptr) return false;
  const Path earlier{&path, {}, repeated->first, true}, later{&path, {}, repeated->second, true};
  return fail(sink, later.text(), (*v.as_list())[repeated->second].where(),
              Wording::subject(later) + " repeats " + Wording::subject(earlier) + ", expected no entry twice");
}

}  // namespace tenon::host::json_schema

// Evaluation of an instance against a Program.
#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "base/text.hpp"
#include "schema_formats.hpp"
#include "schema_messages.hpp"
#include "schema_number.hpp"
#include "schema_program.hpp"
#include "schema_unique.hpp"

namespace tenon::host::json_schema {
namespace {

// From this many steps on, results of schemas that may be evaluated again on the same value are remembered: small cases pay nothing for it, and
// nested anyOf and shared definitions stay linear.
constexpr std::uint64_t memo_from = 2'000;

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
  bool wrong_type(const Node& node, const Value& v, const Path& path, Sink* sink);
  void no_branch(const Rule& rule, const Value& v, const Path& path, Sink* sink);

  const Program& p_;
  Wording wording_;
  std::uint64_t steps_left_ = max_evaluation_steps;
  std::uint32_t depth_ = 0;
  std::unordered_map<Visit, bool, VisitHash> memo_;
  SchemaViolation exhausted_;
};

bool Evaluation::fail(Sink* sink, std::string path, Where where, std::string message, std::string help) {
  if (!sink->full()) sink->items.push_back({std::move(path), std::move(message), std::move(help), std::move(where)});
  return false;
}

bool Evaluation::exhaust(const Value& v, const Path& path, std::string what) {
  if (!exhausted())
    exhausted_ = {path.text(), "checking " + Wording::subject(path) + " was given up: " + std::move(what),
                  "simplify the schema, or make the value smaller", v.where()};
  return false;
}

bool Evaluation::spend(std::uint64_t cost, const Value& v, const Path& path) {
  if (cost < steps_left_) {
    steps_left_ -= cost;
    return true;
  }
  steps_left_ = 0;
  return exhaust(v, path, "it takes more than " + std::to_string(max_evaluation_steps) + " steps");
}

bool Evaluation::check(std::uint32_t id, const Value& v, const Path& path, Sink* sink) {
  if (exhausted() || !spend(1, v, path)) return false;
  const Node& node = p_.nodes[id];
  if ((node.flags & node_never) != 0)
    return sink != nullptr && fail(sink, path.text(), v.where(), Wording::subject(path) + " is not allowed here");
  const std::uint8_t type = type_of(v);
  if ((node.types & type) == 0) return sink != nullptr && wrong_type(node, v, path, sink);
  if (node.rule_count == 0) return true;
  const bool remember = (node.flags & node_branching) != 0 && max_evaluation_steps - steps_left_ > memo_from;
  const Visit visit{id, &v};
  if (remember) {
    const auto it = memo_.find(visit);
    if (it != memo_.end() && (it->second || sink == nullptr || sink->reported.contains(visit))) return it->second;
  }
  if (depth_ >= max_evaluation_depth) return exhaust(v, path, "schema and value are nested too deeply");
  ++depth_;
  bool ok = true;
  for (std::uint32_t i = node.first_rule; i < node.first_rule + node.rule_count; ++i) {
    if (apply(p_.rules[i], v, type, path, sink)) continue;
    ok = false;
    if (exhausted() || stop(sink)) break;
  }
  --depth_;
  if (remember && !exhausted()) {
    memo_[visit] = ok;
    if (!ok && sink != nullptr) sink->reported.insert(visit);
  }
  return ok;
}

bool Evaluation::wrong_type(const Node& node, const Value& v, const Path& path, Sink* sink) {
  return fail(sink, path.text(), v.where(), wording_.is_value(path, v) + ", expected " + describe_types(node.types),
              Wording::notation(node.types, v));
}

bool Evaluation::apply(const Rule& rule, const Value& v, std::uint8_t type, const Path& path, Sink* sink) {
  switch (rule.op) {
    case Op::enumeration:
    case Op::constant:
      return enumeration(rule, v, path, sink);
    case Op::multiple_of:
    case Op::minimum:
    case Op::maximum:
    case Op::exclusive_minimum:
    case Op::exclusive_maximum:
      return (type & type_number) == 0 || number(rule, v, path, sink);
    case Op::min_length:
    case Op::max_length:
      return type != type_string || length(rule, v, path, sink);
    case Op::pattern:
      if (type != type_string || search(rule.a, *v.as_string(), v, path)) return true;
      return sink != nullptr && fail(sink, path.text(), v.where(),
                                     wording_.is_value(path, v) + ", expected text that matches the pattern `" +
                                         printable(p_.patterns[rule.a].text(), 100) + "`");
    case Op::format: {
      if (type != type_string) return true;
      const auto format = static_cast<Format>(rule.a);
      if (!spend(v.as_string()->size() / 16, v, path)) return false;
      if (matches(format, *v.as_string())) return true;
      return sink != nullptr &&
             fail(sink, path.text(), v.where(), wording_.is_value(path, v) + ", expected " + std::string(describe(format)));
    }
    case Op::min_items:
    case Op::max_items:
      return type != type_array || size(rule, v, v.as_list()->size(), path, sink);
    case Op::min_properties:
    case Op::max_properties:
      return type != type_object || size(rule, v, v.as_map()->size(), path, sink);
    case Op::unique_items:
      return type != type_array || unique(v, path, sink);
    case Op::required:
      return type != type_object || required(rule, v, path, sink);
    case Op::dependent_required:
      return type != type_object || dependent_required(rule, v, path, sink);
    case Op::members:
      return type != type_object || members(p_.members[rule.a], v, path, sink);
    case Op::items:
      return type != type_array || items(p_.items[rule.a], v, path, sink);
    case Op::reference:
      return check(p_.ids[rule.a], v, path, sink);
    case Op::all_of:
      return all_of(rule, v, path, sink);
    case Op::any_of:
      return any_of(rule, v, path, sink);
    case Op::one_of:
      return one_of(rule, v, path, sink);
    case Op::negation:
      if (!check(rule.a, v, path, nullptr)) return !exhausted();
      return sink != nullptr && fail(sink, path.text(), v.where(), wording_.is_value(path, v) + ", which the schema excludes with `not`");
    case Op::conditional:
      return conditional(rule, v, path, sink);
  }
  return true;
}

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

bool Evaluation::required(const Rule& rule, const Value& v, const Path& path, Sink* sink) {
  if (!spend(rule.b, v, path)) return false;
  bool ok = true;
  for (std::uint64_t i = 0; i < rule.b; ++i) {
    const std::string_view name = p_.view(p_.names[rule.a + i]);
    if (v.find(name) != nullptr) continue;
    ok = false;
    if (stop(sink)) break;
    const Path missing{&path, name, 0, false};
    fail(sink, missing.text(), v.where(), Wording::subject(missing) + " is missing");
  }
  return ok;
}

bool Evaluation::dependent_required(const Rule& rule, const Value& v, const Path& path, Sink* sink) {
  bool ok = true;
  for (std::uint64_t k = 0; k < rule.b; ++k) {
    const Dependent& d = p_.dependents[rule.a + k];
    if (!spend(1 + d.count, v, path)) return false;
    const std::string_view trigger = p_.view(d.trigger);
    if (v.find(trigger) == nullptr) continue;
    for (std::uint32_t i = 0; i < d.count; ++i) {
      const std::string_view name = p_.view(p_.names[d.first + i]);
      if (v.find(name) != nullptr) continue;
      ok = false;
      if (stop(sink)) return false;
      const Path missing{&path, name, 0, false}, because{&path, trigger, 0, false};
      fail(sink, missing.text(), v.where(), Wording::subject(missing) + " is missing, " + Wording::subject(because) + " requires it");
    }
  }
  return ok;
}

bool Evaluation::members(const Members& m, const Value& v, const Path& path, Sink* sink) {
  bool ok = true;
  for (const auto& member : *v.as_map()) {
    const Path here{&path, member.key, 0, false};
    bool matched = false, valid = true;
    if (!spend(1, v, path)) return false;
    if (const Property* property = p_.find_property(m, member.key)) {
      matched = true;
      valid = check(property->node, member.value, here, sink);
    }
    for (std::uint32_t i = 0; i < m.pattern_count; ++i) {
      const PatternProperty& pattern = p_.pattern_properties[m.first_pattern + i];
      if (!search(pattern.pattern, member.key, member.value, here)) continue;
      matched = true;
      valid = check(pattern.node, member.value, here, sink) && valid;
    }
    if (!matched && m.additional != none) {
      if ((p_.nodes[m.additional].flags & node_never) == 0) {
        valid = check(m.additional, member.value, here, sink);
      } else {
        valid = false;
        if (sink != nullptr)
          fail(sink, here.text(), member.key_where.line != 0 ? member.key_where : member.value.where(),
               Wording::subject(here) + " is not a known key", wording_.known_keys(m, member.key));
      }
    }
    ok = ok && valid;
    if (exhausted() || (!ok && stop(sink))) return false;
  }
  return ok;
}

bool Evaluation::items(const Items& items, const Value& v, const Path& path, Sink* sink) {
  const ValueList& list = *v.as_list();
  if (items.rest != none && (p_.nodes[items.rest].flags & node_never) != 0 && list.size() > items.prefix_count) {
    if (stop(sink)) return false;
    fail(sink, path.text(), list[items.prefix_count].where(),
         Wording::subject(path) + " has " + counted(list.size(), "entry", "entries") + ", expected at most " +
             std::to_string(items.prefix_count));
    for (std::size_t i = 0; i < items.prefix_count; ++i) check(p_.ids[items.first_prefix + i], list[i], Path{&path, {}, i, true}, sink);
    return false;
  }
  bool ok = true;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::uint32_t node = i < items.prefix_count ? p_.ids[items.first_prefix + i] : items.rest;
    if (node == none) break;
    if (check(node, list[i], Path{&path, {}, i, true}, sink)) continue;
    ok = false;
    if (exhausted() || stop(sink)) break;
  }
  return ok;
}

bool Evaluation::all_of(const Rule& rule, const Value& v, const Path& path, Sink* sink) {
  bool ok = true;
  for (std::uint64_t i = 0; i < rule.b; ++i) {
    if (check(p_.ids[rule.a + i], v, path, sink)) continue;
    ok = false;
    if (exhausted() || stop(sink)) break;
  }
  return ok;
}

bool Evaluation::any_of(const Rule& rule, const Value& v, const Path& path, Sink* sink) {
  for (std::uint64_t i = 0; i < rule.b; ++i)
    if (check(p_.ids[rule.a + i], v, path, nullptr)) return true;
  if (sink != nullptr && !exhausted()) no_branch(rule, v, path, sink);
  return false;
}

bool Evaluation::one_of(const Rule& rule, const Value& v, const Path& path, Sink* sink) {
  std::uint64_t first = 0, count = 0;
  for (std::uint64_t i = 0; i < rule.b && count < 2; ++i) {
    if (!check(p_.ids[rule.a + i], v, path, nullptr)) continue;
    if (++count == 1) {
      first = i;
    } else if (sink != nullptr) {
      fail(sink, path.text(), v.where(),
           wording_.is_value(path, v) + ", which fits more than one of " + std::to_string(rule.b) + " forms, expected exactly one",
           "it fits number " + std::to_string(first + 1) + " and number " + std::to_string(i + 1) + " of `oneOf`");
    }
  }
  if (count == 0 && sink != nullptr && !exhausted()) no_branch(rule, v, path, sink);
  return count == 1 && !exhausted();
}

/// Explains why no branch of anyOf or oneOf fits, by the one that comes closest.
void Evaluation::no_branch(const Rule& rule, const Value& v, const Path& path, Sink* sink) {
  std::uint8_t types = 0;
  bool only_types = true;
  const std::uint8_t type = type_of(v);
  for (std::uint64_t i = 0; i < rule.b; ++i) {
    const Node& branch = p_.nodes[p_.ids[rule.a + i]];
    only_types = only_types && (branch.types & type) == 0;
    types |= branch.types;
  }
  if (only_types) {
    fail(sink, path.text(), v.where(), wording_.is_value(path, v) + ", expected " + describe_types(types), Wording::notation(types, v));
    return;
  }
  std::string message = wording_.is_value(path, v) + ", which fits none of " + std::to_string(rule.b) + " allowed forms";
  std::string help;
  if (!sink->brief) {
    std::vector<SchemaViolation> closest;
    std::size_t best = SIZE_MAX;
    for (std::uint64_t i = 0; i < rule.b && !exhausted(); ++i) {
      const std::uint32_t branch = p_.ids[rule.a + i];
      Sink attempt;
      attempt.limit = 8;
      attempt.brief = true;
      check(branch, v, path, &attempt);
      // A branch for another type, or `false`, is far away whatever it says.
      const bool foreign = (p_.nodes[branch].types & type) == 0 || (p_.nodes[branch].flags & node_never) != 0;
      const std::size_t distance = attempt.items.size() + (foreign ? 1000 : 0);
      if (distance >= best) continue;
      best = distance;
      closest = std::move(attempt.items);
    }
    for (const SchemaViolation& violation : closest) help += (help.empty() ? "the closest says: " : "; ") + violation.message;
  }
  fail(sink, path.text(), v.where(), std::move(message), std::move(help));
}

bool Evaluation::conditional(const Rule& rule, const Value& v, const Path& path, Sink* sink) {
  const bool holds = check(p_.ids[rule.a], v, path, nullptr);
  if (exhausted()) return false;
  const std::uint32_t branch = p_.ids[rule.a + (holds ? 1 : 2)];
  return branch == none || check(branch, v, path, sink);
}

/// Document order where there is one; the order of evaluation otherwise. Two branches may demand the same: said once.
void arrange(std::vector<SchemaViolation>& items) {
  std::unordered_set<std::string> seen;
  std::erase_if(items, [&](const SchemaViolation& v) { return !seen.insert(v.path + '\n' + v.message).second; });
  const bool one_text =
      std::all_of(items.begin(), items.end(), [&](const SchemaViolation& v) { return v.where.source == items.front().where.source; });
  if (!one_text) return;
  std::stable_sort(items.begin(), items.end(), [](const SchemaViolation& a, const SchemaViolation& b) {
    return a.where.line != b.where.line ? a.where.line < b.where.line : a.where.column < b.where.column;
  });
}

}  // namespace

std::uint8_t type_of(const Value& instance) {
  switch (instance.kind()) {
    case Value::Kind::null:
      return type_null;
    case Value::Kind::boolean:
      return type_boolean;
    case Value::Kind::integer:
      return type_integer;
    case Value::Kind::real:
      return is_integral(number_of(instance)) ? type_integer : type_fraction;
    case Value::Kind::string:
      return type_string;
    case Value::Kind::list:
      return type_array;
    case Value::Kind::map:
      break;
  }
  return type_object;
}

const Property* Program::find_property(const Members& m, std::string_view name) const {
  if (m.order == none) {
    for (std::uint32_t i = m.first_property; i < m.first_property + m.property_count; ++i)
      if (view(properties[i].name) == name) return &properties[i];
    return nullptr;
  }
  const auto first = ids.begin() + m.order, last = first + m.property_count;
  const auto it = std::lower_bound(first, last, name, [&](std::uint32_t i, std::string_view n) { return view(properties[i].name) < n; });
  return it != last && view(properties[*it].name) == name ? &properties[*it] : nullptr;
}

std::vector<SchemaViolation> evaluate(const Program& program, std::uint32_t node, const Value& instance,
                                      const std::function<bool(std::string_view)>& hide) {
  Evaluation evaluation(program, node, hide);
  const Path root;
  // Most instances are valid, and that is found out faster without collecting.
  if (evaluation.check(node, instance, root, nullptr) && !evaluation.exhausted()) return {};
  Sink sink;
  if (!evaluation.exhausted()) evaluation.check(node, instance, root, &sink);
  if (evaluation.exhausted()) sink.items.push_back(evaluation.take_exhausted());
  arrange(sink.items);
  return std::move(sink.items);
}

}  // namespace tenon::host::json_schema

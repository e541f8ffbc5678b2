// The walk of an evaluation: what applies to a value, in which order, and when it is given up.
#include <algorithm>

#include "base/text.hpp"
#include "schema_evaluation.hpp"
#include "schema_formats.hpp"
#include "schema_number.hpp"

namespace tenon::host::json_schema {
namespace {

// From this many steps on, results of schemas that may be evaluated again on the same value are remembered: small cases pay nothing for it, and
// nested anyOf and shared definitions stay linear.
constexpr std::uint64_t memo_from = 2'000;

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

bool Evaluation::fail(Sink* sink, std::string path, Where where, std::string message, std::string help) {
  if (!sink->full()) sink->items.push_back({std::move(path), std::move(message), std::move(help), std::move(where)});
  return false;
}

bool Evaluation::fail_missing(Sink* sink, std::string path, Where where, std::string message) {
  if (!sink->full()) sink->items.push_back({std::move(path), std::move(message), {}, std::move(where), true});
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

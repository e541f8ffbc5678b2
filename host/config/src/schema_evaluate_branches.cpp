// Other schemas on the same value: allOf, anyOf, oneOf, if/then/else.
#include "schema_evaluation.hpp"

namespace tenon::host::json_schema {

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

}  // namespace tenon::host::json_schema

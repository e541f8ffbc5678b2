// Questions about places in an instance that need not exist: `secret`, `live`, types and names by path.
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "schema_annotations.hpp"
#include "schema_program.hpp"

namespace tenon::host::json_schema {
namespace {

constexpr std::size_t max_path = 1024;  // bytes; longer ones lead nowhere
constexpr std::size_t path_end = SIZE_MAX;

/// Schemas for the member `key` of what `node` describes.
template <class Visit>
void for_each_member_schema(const Program& p, std::uint32_t node, std::string_view key, Visit visit) {
  const Node& n = p.nodes[node];
  for (std::uint32_t i = n.first_rule; i < n.first_rule + n.rule_count; ++i) {
    if (p.rules[i].op != Op::members) continue;
    const Members& m = p.members[p.rules[i].a];
    bool matched = false;
    if (const Property* property = p.find_property(m, key)) {
      matched = true;
      visit(property->node);
    }
    for (std::uint32_t k = 0; k < m.pattern_count; ++k) {
      const PatternProperty& pattern = p.pattern_properties[m.first_pattern + k];
      if (!p.patterns[pattern.pattern].search(key)) continue;
      matched = true;
      visit(pattern.node);
    }
    if (!matched && m.additional != none) visit(m.additional);
  }
}

/// Schemas for entry `index` of what `node` describes.
template <class Visit>
void for_each_entry_schema(const Program& p, std::uint32_t node, std::size_t index, Visit visit) {
  const Node& n = p.nodes[node];
  for (std::uint32_t i = n.first_rule; i < n.first_rule + n.rule_count; ++i) {
    if (p.rules[i].op != Op::items) continue;
    const Items& items = p.items[p.rules[i].a];
    if (index < items.prefix_count)
      visit(p.ids[items.first_prefix + index]);
    else if (items.rest != none)
      visit(items.rest);
  }
}

struct Step {
  std::string key;
  std::size_t index = 0;
  bool is_index = false;
  std::size_t next = path_end;  ///< where the next step begins
};

/// The ways to read one step of `path` at `at`. The first reads a key up to the next dot or bracket, or what stands in brackets, or a number
/// also as an index; with `dotted_keys`, further ones take dots and brackets as part of the key.
std::vector<Step> steps_at(std::string_view path, std::size_t at, bool dotted_keys) {
  std::vector<Step> out;
  const auto add = [&](std::size_t end, Step step) {
    if (end == path.size())
      step.next = path_end;
    else if (path[end] == '.')
      step.next = end + 1;
    else if (path[end] == '[')
      step.next = end;
    else
      return;
    out.push_back(std::move(step));
  };
  const auto index_up_to = [&](std::size_t first) -> std::optional<std::pair<std::size_t, std::size_t>> {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(path.data() + first, path.data() + path.size(), index);
    if (error != std::errc()) return std::nullopt;
    return std::pair(index, static_cast<std::size_t>(end - path.data()));
  };
  std::size_t end = at;
  if (path.substr(at, 2) == "[\"") {
    // As Path::text() writes it: a JSON string. Escapes other than \" and \\ only occur for control characters.
    std::string key;
    std::size_t i = at + 2;
    for (; i < path.size() && path[i] != '"'; ++i) {
      if (path[i] == '\\' && i + 1 < path.size()) ++i;
      key += path[i];
    }
    if (i + 1 < path.size() && path[i + 1] == ']') add(i + 2, {std::move(key), 0, false});
    end = at + 1;
  } else if (path.substr(at, 1) == "[") {
    if (const auto index = index_up_to(at + 1); index && index->second < path.size() && path[index->second] == ']')
      add(index->second + 1, {{}, index->first, true});
    end = at + 1;
  } else if (const auto index = index_up_to(at)) {
    add(index->second, {{}, index->first, true});
  }
  if (end != at && !dotted_keys) return out;
  for (; end <= path.size(); ++end) {
    if (end < path.size() && path[end] != '.' && path[end] != '[') continue;
    add(end, {std::string(path.substr(at, end - at)), 0, false});
    if (!dotted_keys) break;
  }
  return out;
}

using State = std::pair<std::uint32_t, std::size_t>;  // a schema, and where in the path its instance's members begin

/// Walks every schema that may apply along `path`, with keys as steps_at() reads them, and calls `visit(node, at)`; at == path_end for those of the whole path. Stops when
/// `visit` returns true, and returns that.
template <class Visit>
bool walk(const Program& p, std::string_view path, bool dotted_keys, Visit visit) {
  if (path.size() > max_path) return false;
  std::set<State> seen;
  std::vector<State> open;
  const auto add = [&](std::uint32_t node, std::size_t at) {
    if (seen.emplace(node, at).second) open.emplace_back(node, at);
  };
  add(0, path.empty() ? path_end : 0);
  while (!open.empty()) {
    const auto [node, at] = open.back();
    open.pop_back();
    if (visit(node, at)) return true;
    p.for_each_in_place(node, false, [&, where = at](std::uint32_t other) { add(other, where); });
    if (at == path_end || p.nodes[node].rule_count == 0) continue;
    for (const Step& step : steps_at(path, at, dotted_keys)) {
      const auto next = [&](std::uint32_t other) { add(other, step.next); };
      if (step.is_index)
        for_each_entry_schema(p, node, step.index, next);
      else
        for_each_member_schema(p, node, step.key, next);
    }
  }
  return false;
}

/// All schemas below those in `open`, themselves included.
bool any_secret_below(const Program& p, std::vector<std::uint32_t> open) {
  std::vector<bool> seen(p.nodes.size());
  while (!open.empty()) {
    const std::uint32_t node = open.back();
    open.pop_back();
    if (node == none || seen[node]) continue;
    seen[node] = true;
    const Node& n = p.nodes[node];
    if ((n.flags & node_secret) != 0) return true;
    p.for_each_in_place(node, false, [&](std::uint32_t other) { open.push_back(other); });
    for (std::uint32_t i = n.first_rule; i < n.first_rule + n.rule_count; ++i) {
      const Rule& rule = p.rules[i];
      if (rule.op == Op::members) {
        const Members& m = p.members[rule.a];
        for (std::uint32_t k = 0; k < m.property_count; ++k) open.push_back(p.properties[m.first_property + k].node);
        for (std::uint32_t k = 0; k < m.pattern_count; ++k) open.push_back(p.pattern_properties[m.first_pattern + k].node);
        open.push_back(m.additional);
      } else if (rule.op == Op::items) {
        const Items& items = p.items[rule.a];
        for (std::uint32_t k = 0; k < items.prefix_count; ++k) open.push_back(p.ids[items.first_prefix + k]);
        open.push_back(items.rest);
      }
    }
  }
  return false;
}

std::uint8_t types_of_values(const Program& p, const Node& n) {
  std::uint8_t types = type_any;
  for (std::uint32_t i = n.first_rule; i < n.first_rule + n.rule_count; ++i) {
    const Rule& rule = p.rules[i];
    if (rule.op != Op::enumeration && rule.op != Op::constant) continue;
    std::uint8_t of_values = 0;
    for (std::uint64_t k = 0; k < (rule.op == Op::constant ? 1 : rule.b); ++k) of_values |= type_of(p.values[rule.a + k]);
    types &= of_values;
  }
  return types;
}

/// The types a value at the end of a path may have.
class TypeQuery {
 public:
  TypeQuery(const Program& p, std::string_view path, bool dotted_keys) : p_(p), path_(path), dotted_keys_(dotted_keys) {}

  std::uint8_t types(std::uint32_t node, std::size_t at) {
    const auto [it, fresh] = known_.emplace(State{node, at}, static_cast<std::uint8_t>(type_any));
    if (!fresh) return it->second;
    if (depth_ >= max_evaluation_depth) return type_any;
    ++depth_;
    const std::uint8_t result = find(node, at);
    --depth_;
    known_[State{node, at}] = result;
    return result;
  }

 private:
  std::uint8_t any(const Rule& rule, std::size_t at) {
    std::uint8_t out = 0;
    for (std::uint64_t k = 0; k < rule.b; ++k) out |= types(p_.ids[rule.a + k], at);
    return out;
  }

  std::uint8_t find(std::uint32_t node, std::size_t at) {
    const Node& n = p_.nodes[node];
    std::uint8_t out = type_any;
    if (at == path_end) out = (n.flags & node_never) != 0 ? 0 : n.types & types_of_values(p_, n);
    if (at != path_end && n.rule_count != 0) {
      for (const Step& step : steps_at(path_, at, dotted_keys_)) {
        const auto narrow = [&](std::uint32_t other) { out &= types(other, step.next); };
        if (step.is_index)
          for_each_entry_schema(p_, node, step.index, narrow);
        else
          for_each_member_schema(p_, node, step.key, narrow);
        if (out != type_any) break;  // the first way to read the path that says anything counts
      }
    }
    for (std::uint32_t i = n.first_rule; i < n.first_rule + n.rule_count; ++i) {
      const Rule& rule = p_.rules[i];
      switch (rule.op) {
        case Op::reference:
          out &= types(p_.ids[rule.a], at);
          break;
        case Op::all_of:
          for (std::uint64_t k = 0; k < rule.b; ++k) out &= types(p_.ids[rule.a + k], at);
          break;
        case Op::any_of:
        case Op::one_of:
          out &= any(rule, at);
          break;
        case Op::conditional: {
          // if and then, or else
          const std::uint32_t then_branch = p_.ids[rule.a + 1], else_branch = p_.ids[rule.a + 2];
          std::uint8_t held = types(p_.ids[rule.a], at);
          if (then_branch != none) held &= types(then_branch, at);
          out &= held | (else_branch != none ? types(else_branch, at) : std::uint8_t{type_any});
          break;
        }
        default:
          break;
      }
    }
    return out;
  }

  const Program& p_;
  std::string_view path_;
  bool dotted_keys_;
  std::map<State, std::uint8_t> known_;
  std::uint32_t depth_ = 0;
};

}  // namespace

bool is_secret(const Program& p, std::string_view path) {
  if (!p.has_secrets) return false;
  std::vector<std::uint32_t> lists;
  const bool found = walk(p, path, true, [&](std::uint32_t node, std::size_t at) {
    if ((p.nodes[node].flags & node_secret) != 0) return true;
    if (at != path_end) return false;
    const Node& n = p.nodes[node];
    for (std::uint32_t i = n.first_rule; i < n.first_rule + n.rule_count; ++i) {
      if (p.rules[i].op != Op::items) continue;
      const Items& items = p.items[p.rules[i].a];
      for (std::uint32_t k = 0; k < items.prefix_count; ++k) lists.push_back(p.ids[items.first_prefix + k]);
      lists.push_back(items.rest);
    }
    return false;
  });
  return found || any_secret_below(p, std::move(lists));
}

bool is_live(const Program& p, std::string_view path) {
  return walk(p, path, true, [&](std::uint32_t node, std::size_t) { return (p.nodes[node].flags & node_live) != 0; });
}

std::string type_at(const Program& p, std::string_view path) {
  if (path.size() > max_path) return {};
  const std::size_t begin = path.empty() ? path_end : 0;
  std::uint8_t types = TypeQuery(p, path, false).types(0, begin);
  if (types == type_any) types = TypeQuery(p, path, true).types(0, begin);
  switch (types) {
    case type_null:
      return "null";
    case type_boolean:
      return "boolean";
    case type_string:
      return "string";
    case type_integer:
      return "integer";
    case type_fraction:
    case type_number:
      return "number";
    case type_array:
      return "array";
    case type_object:
      return "object";
    default:
      return {};
  }
}

std::vector<std::string> property_names(const Program& p, std::string_view path) {
  std::vector<std::string> out;
  std::set<std::string_view> seen;
  walk(p, path, false, [&](std::uint32_t node, std::size_t at) {
    if (at != path_end) return false;
    const Node& n = p.nodes[node];
    for (std::uint32_t i = n.first_rule; i < n.first_rule + n.rule_count; ++i) {
      if (p.rules[i].op != Op::members) continue;
      const Members& m = p.members[p.rules[i].a];
      for (std::uint32_t k = 0; k < m.property_count; ++k) {
        const std::string_view name = p.view(p.properties[m.first_property + k].name);
        if (seen.insert(name).second) out.emplace_back(name);
      }
    }
    return false;
  });
  return out;
}

bool is_secret_at(const Program& p, std::uint32_t node, const Path& path) {
  std::vector<const Path*> frames;
  for (const Path* frame = &path; frame->parent != nullptr; frame = frame->parent) frames.push_back(frame);
  std::set<std::uint32_t> level{node};
  for (auto frame = frames.rbegin();; ++frame) {
    std::vector<std::uint32_t> open(level.begin(), level.end());
    while (!open.empty()) {
      const std::uint32_t at = open.back();
      open.pop_back();
      if ((p.nodes[at].flags & node_secret) != 0) return true;
      p.for_each_in_place(at, false, [&](std::uint32_t other) {
        if (level.insert(other).second) open.push_back(other);
      });
    }
    if (frame == frames.rend()) return false;
    std::set<std::uint32_t> next;
    const auto add = [&](std::uint32_t other) { next.insert(other); };
    for (const std::uint32_t at : level) {
      if ((*frame)->is_index)
        for_each_entry_schema(p, at, (*frame)->index, add);
      else
        for_each_member_schema(p, at, (*frame)->key, add);
    }
    level = std::move(next);
  }
}

}  // namespace tenon::host::json_schema

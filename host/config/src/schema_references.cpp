// What can be checked only when all schemas are known: `$ref`, recursion, defaults.
#include <charconv>
#include <optional>
#include <unordered_map>

#include "base/text.hpp"
#include "schema_compile.hpp"

namespace tenon::host::json_schema {
namespace {

/// RFC 3986 percent-decoding; nullopt if malformed.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1, low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

/// RFC 6901: ~0 is ~, ~1 is /; nullopt if malformed.
std::optional<std::string> unescaped(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] != '~') {
      out += token[i];
      continue;
    }
    if (++i == token.size() || (token[i] != '0' && token[i] != '1')) return std::nullopt;
    out += token[i] == '0' ? '~' : '/';
  }
  return out;
}

struct Found {
  const Value* value = nullptr;
  std::string problem, help;
};

const Value* list_entry(const ValueList& list, std::string_view token) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  if (error != std::errc() || end != token.data() + token.size() || (token.size() > 1 && token[0] == '0')) return nullptr;
  return index < list.size() ? &list[index] : nullptr;
}

Found find_target(const Value& root, const std::string& target) {
  if (target.empty() || target[0] != '#')
    return {nullptr, "it leads outside this schema", "only places in the same schema can be referred to, such as `#` or `#/$defs/port`"};
  const auto pointer = percent_decoded(std::string_view(target).substr(1));
  if (!pointer) return {nullptr, "a `%` in it is not followed by two hexadecimal digits", "a percent sign itself is written %25"};
  if (pointer->empty()) return {&root, {}, {}};
  if ((*pointer)[0] != '/')
    return {nullptr, "it names an anchor, which is not supported", "refer to the place instead, such as `#/$defs/port`"};
  const Value* at = &root;
  for (std::string_view part : split(std::string_view(*pointer).substr(1), '/')) {
    const auto token = unescaped(part);
    if (!token) return {nullptr, "a `~` in it is not followed by 0 or 1", "a tilde itself is written ~0, a slash ~1"};
    const Value* next = nullptr;
    std::string help;
    if (const ValueMap* map = at->as_map()) {
      next = map->find(*token);
      if (next == nullptr) {
        std::vector<std::string_view> names;
        for (const ValueMap::Member& m : *map) names.push_back(m.key);
        if (const auto close = nearest(*token, names)) help = "did you mean `" + printable(*close, 60) + "`?";
      }
    } else if (const ValueList* list = at->as_list()) {
      next = list_entry(*list, *token);
    }
    if (next == nullptr) return {nullptr, "there is no `" + printable(*token, 60) + "`", std::move(help)};
    at = next;
  }
  return {at, {}, {}};
}

}  // namespace

void resolve_references(Draft& draft, const Value& root, Diagnostics& diagnostics) {
  if (draft.pending.empty()) return;
  std::unordered_map<const Value*, std::uint32_t> schemas;
  schemas.reserve(draft.written.size());
  for (std::uint32_t i = 0; i < draft.written.size(); ++i) schemas.emplace(draft.written[i], i);
  for (const PendingReference& p : draft.pending) {
    Found found = find_target(root, p.target);
    if (found.value != nullptr) {
      const auto it = schemas.find(found.value);
      if (it != schemas.end()) {
        draft.program.ids[p.slot] = it->second;
        continue;
      }
      found.problem = "what is there is not a schema";
      found.help = "a schema stands at the root, below `$defs`, or in a keyword that takes schemas";
    }
    draft.error(diagnostics, "schema.reference", p.where, p.place,
                "`$ref` to `" + printable(p.target, 100) + "` cannot be resolved: " + found.problem, std::move(found.help));
  }
}

void check_recursion(Draft& draft, Diagnostics& diagnostics) {
  // Depth first over the schemas that apply to the same instance, without recursion: chains may be as long as the schema is large.
  Program& p = draft.program;
  enum class State : std::uint8_t { fresh, open, closed };
  struct Info {
    State state = State::fresh;
    std::uint32_t height = 0;
  };
  std::vector<Info> info(p.nodes.size());
  struct Frame {
    std::uint32_t node;
    std::size_t next;  // of `edges`
    std::size_t end;
  };
  std::vector<Frame> stack;
  std::vector<std::uint32_t> edges;  // of the open nodes, the innermost last
  const auto open = [&](std::uint32_t node) {
    info[node].state = State::open;
    const std::size_t first = edges.size();
    p.for_each_in_place(node, true, [&](std::uint32_t other) { edges.push_back(other); });
    stack.push_back({node, first, edges.size()});
  };
  const auto where_of = [&](std::uint32_t node) { return draft.written[node]->where(); };
  for (std::uint32_t root = 0; root < p.nodes.size(); ++root) {
    if (info[root].state != State::fresh || (p.nodes[root].flags & node_branching) == 0) continue;
    open(root);
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next < top.end) {
        const std::uint32_t other = edges[top.next++];
        if (info[other].state == State::fresh) {
          open(other);
        } else if (info[other].state == State::open) {
          draft.error(diagnostics, "schema.recursion", where_of(other), {}, "this schema refers to itself without end",
                      "recursion must go into the value, through `properties`, `items` and the like");
          return;
        }
        continue;
      }
      const std::uint32_t node = top.node;
      std::uint32_t height = 0;
      std::uint32_t inherited = none;
      p.for_each_in_place(node, true, [&](std::uint32_t other) { height = std::max(height, info[other].height + 1); });
      const Node& n = p.nodes[node];
      for (std::uint32_t i = n.first_rule; i < n.first_rule + n.rule_count && inherited == none; ++i) {
        const Rule& rule = p.rules[i];
        if (rule.op == Op::reference) inherited = p.nodes[p.ids[rule.a]].default_value;
        if (rule.op == Op::all_of)
          for (std::uint64_t k = 0; k < rule.b && inherited == none; ++k) inherited = p.nodes[p.ids[rule.a + k]].default_value;
      }
      if (p.nodes[node].default_value == none) p.nodes[node].default_value = inherited;
      info[node] = {State::closed, height};
      stack.pop_back();
      edges.resize(stack.empty() ? 0 : stack.back().end);
      if (height > max_in_place_depth) {
        draft.error(diagnostics, "schema.limit", where_of(node), {}, "this schema refers on through too many others",
                    "at most " + std::to_string(max_in_place_depth) + " schemas in a row may apply to the same value");
        return;
      }
    }
  }
}

void check_defaults(Draft& draft, Diagnostics& diagnostics) {
  const Program& p = draft.program;
  std::vector<bool> reported(p.values.size());
  for (std::uint32_t node = 0; node < p.nodes.size(); ++node) {
    const std::uint32_t id = p.nodes[node].default_value;
    if (id == none || reported[id]) continue;
    const ValueMap::Member& m = *draft.default_members[id];
    const auto refuse = [&](std::string message, std::string help) {
      reported[id] = true;
      draft.error(diagnostics, "schema.default", m.key_where.source ? m.key_where : m.value.where(), {}, std::move(message),
                  std::move(help));
    };
    const bool container = p.values[id].is_map() || p.values[id].is_list();
    std::optional<Value> filled;
    if (container) {
      filled.emplace(p.values[id]);
      const FillResult result = fill(p, node, *filled, max_default_nodes, id);
      if (result == FillResult::endless) {
        refuse("this default contains itself without end", "leave out one of the defaults on the way");
        continue;
      }
      if (result == FillResult::too_large) {
        refuse("this default is too large with the defaults it brings along", "at most " + std::to_string(max_default_nodes) + " values");
        continue;
      }
    }
    const auto violations = evaluate(p, node, filled ? *filled : p.values[id], {});
    if (violations.empty()) continue;
    const SchemaViolation& v = violations.front();
    refuse("the default violates its own schema: " + v.message, v.help);
  }
}

}  // namespace tenon::host::json_schema

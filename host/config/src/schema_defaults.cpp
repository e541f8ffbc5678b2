// Schema::fill_defaults.
#include <algorithm>

#include "schema_program.hpp"

namespace tenon::host::json_schema {
namespace {

class Filler {
 public:
  Filler(const Program& program, std::uint64_t max_nodes) : p_(program), nodes_left_(max_nodes) {}

  void fill(std::uint32_t node, Value& v, std::uint32_t within) {
    if (within != none) open_.push_back(within);
    apply(node, v);
    if (within != none) open_.pop_back();
  }
  [[nodiscard]] FillResult result() const { return result_; }

 private:
  void apply(std::uint32_t node, Value& v) {
    if (!v.is_map() && !v.is_list()) return;
    if (result_ != FillResult::done || !spend(1)) return;
    if (depth_ >= max_evaluation_depth) {
      result_ = FillResult::too_large;
      return;
    }
    ++depth_;
    const Node& n = p_.nodes[node];
    for (std::uint32_t i = n.first_rule; i < n.first_rule + n.rule_count; ++i) {
      const Rule& rule = p_.rules[i];
      switch (rule.op) {
        case Op::members:
          if (ValueMap* map = v.as_map()) members(p_.members[rule.a], *map);
          break;
        case Op::items:
          if (ValueList* list = v.as_list()) items(p_.items[rule.a], *list);
          break;
        case Op::reference:
          apply(p_.ids[rule.a], v);
          break;
        case Op::all_of:
          for (std::uint64_t k = 0; k < rule.b; ++k) apply(p_.ids[rule.a + k], v);
          break;
        default:  // branches that may not apply fill nothing in
          break;
      }
    }
    --depth_;
  }

  bool spend(std::uint64_t cost) {
    if (cost < steps_left_) {
      steps_left_ -= cost;
      return true;
    }
    steps_left_ = 0;
    if (result_ == FillResult::done) result_ = FillResult::too_large;
    return false;
  }

  void members(const Members& m, ValueMap& map) {
    if (!spend(m.property_count)) return;
    for (std::uint32_t i = 0; i < m.property_count; ++i) {
      const Property& property = p_.properties[m.first_property + i];
      const std::string_view name = p_.view(property.name);
      if (Value* present = map.find(name)) {
        apply(property.node, *present);
      } else if (const std::uint32_t id = p_.nodes[property.node].default_value; id != none) {
        insert(id, property.node, name, map);
      }
    }
    if (m.pattern_count == 0 && m.additional == none) return;
    for (auto& member : map) {
      bool matched = p_.find_property(m, member.key) != nullptr;
      if (!member.value.is_map() && !member.value.is_list()) continue;
      for (std::uint32_t i = 0; i < m.pattern_count; ++i) {
        const PatternProperty& pattern = p_.pattern_properties[m.first_pattern + i];
        if (!spend(1 + member.key.size() * p_.patterns[pattern.pattern].cost() / 64)) return;
        if (!p_.patterns[pattern.pattern].search(member.key)) continue;
        matched = true;
        apply(pattern.node, member.value);
      }
      if (!matched && m.additional != none) apply(m.additional, member.value);
    }
  }

  void insert(std::uint32_t id, std::uint32_t node, std::string_view name, ValueMap& map) {
    if (std::find(open_.begin(), open_.end(), id) != open_.end()) {
      result_ = FillResult::endless;
      return;
    }
    const std::uint64_t size = count_nodes(p_.values[id]);
    if (size > nodes_left_) {
      result_ = FillResult::too_large;
      return;
    }
    nodes_left_ -= size;
    Value& inserted = map.set(std::string(name), p_.values[id]);
    fill(node, inserted, id);
  }

  void items(const Items& items, ValueList& list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i < items.prefix_count)
        apply(p_.ids[items.first_prefix + i], list[i]);
      else if (items.rest != none)
        apply(items.rest, list[i]);
    }
  }

  const Program& p_;
  std::uint64_t nodes_left_;
  std::uint64_t steps_left_ = max_evaluation_steps;
  std::uint32_t depth_ = 0;
  std::vector<std::uint32_t> open_;  // defaults being filled in, from the outside in
  FillResult result_ = FillResult::done;
};

}  // namespace

std::uint64_t count_nodes(const Value& v) {
  std::uint64_t n = 1;
  if (const ValueList* list = v.as_list())
    for (const Value& entry : *list) n += count_nodes(entry);
  if (const ValueMap* map = v.as_map())
    for (const auto& m : *map) n += count_nodes(m.value);
  return n;
}

FillResult fill(const Program& program, std::uint32_t node, Value& instance, std::uint64_t max_nodes, std::uint32_t within) {
  Filler filler(program, max_nodes);
  filler.fill(node, instance, within);
  return filler.result();
}

}  // namespace tenon::host::json_schema

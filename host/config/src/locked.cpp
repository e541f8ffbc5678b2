#include "locked.hpp"

#include <algorithm>

#include "key_table.hpp"

namespace tenon::host::config_room {
namespace {

void report(const Path& path, const Where& where, const std::string& how, Diagnostics& diagnostics) {
  const std::string name = join_path(path);
  std::string help =
      name == "instance.environment"
          ? "set it in the first configuration file, or set " + super_variable(path)
          : "set " + super_variable(path) + ", or set it in the first configuration file while `instance.environment` there is `local`";
  diagnostics.error("config.locked", where, "`" + name + "` is locked: it cannot be " + how, std::move(help)).path = name;
}

}  // namespace

LockedPaths::LockedPaths() {
  for (std::string_view glob : built_in_locked()) add(std::string(glob));
}

void LockedPaths::add(const std::string& glob) {
  if (contains(glob)) return;
  globs_.emplace_back(glob);
  texts_.push_back(glob);
}

bool LockedPaths::contains(const std::string& glob) const { return std::find(texts_.begin(), texts_.end(), glob) != texts_.end(); }

bool LockedPaths::locks(std::span<const std::string> path, bool any_case) const {
  return std::any_of(globs_.begin(), globs_.end(), [&](const Glob& glob) { return glob.locks(path, any_case); });
}

void LockedPaths::check(const Value& value, Path& path, bool any_case, Diagnostics& diagnostics) const {
  if (!value.is_map() && !path.empty() && locks(path, any_case)) return report(path, value.where(), "set here", diagnostics);
  if (const ValueMap* map = value.as_map()) {
    for (const ValueMap::Member& member : *map) {
      path.push_back(member.key);
      check(member.value, path, any_case, diagnostics);
      path.pop_back();
    }
  } else if (const ValueList* list = value.as_list()) {
    for (std::size_t i = 0; i < list->size(); ++i) {
      path.push_back(std::to_string(i));
      check((*list)[i], path, any_case, diagnostics);
      path.pop_back();
    }
  }
}

const Value* LockedPaths::first_locked(const Value& value, Path& path, std::string& found) const {
  if (value.is_null()) return nullptr;
  if ((!value.is_map() || !value.as_map()->empty()) && locks(path)) {
    found = join_path(path);
    return &value;
  }
  const Value* out = nullptr;
  if (const ValueMap* map = value.as_map()) {
    for (auto member = map->begin(); member != map->end() && out == nullptr; ++member) {
      path.push_back(member->key);
      out = first_locked(member->value, path, found);
      path.pop_back();
    }
  } else if (const ValueList* list = value.as_list()) {
    for (std::size_t i = 0; i < list->size() && out == nullptr; ++i) {
      path.push_back(std::to_string(i));
      out = first_locked((*list)[i], path, found);
      path.pop_back();
    }
  }
  return out;
}

void LockedPaths::check_replaced(const Value& base, const Value& over, Path& path, Diagnostics& diagnostics) const {
  if (!base.is_map() && !base.is_list()) return;
  if (locks(path)) return;  // reported by check
  std::string found;
  if (first_locked(base, path, found) == nullptr) return;
  diagnostics
      .error("config.locked", over.where(), "`" + join_path(path) + "` cannot be replaced here: `" + found + "` in it is locked",
             "set " + super_variable(path) + ", or leave it to the first configuration file")
      .path = join_path(path);
}

std::string super_variable(std::span<const std::string> path) {
  std::string out = "TENON_SUPER";
  for (const std::string& key : path) {
    out += "__";
    std::transform(key.begin(), key.end(), std::back_inserter(out),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  }
  return "`" + out + "`";
}

void merge(Value& base, Value over, Path& path, const LockedPaths* locks, Diagnostics& diagnostics) {
  if (base.is_map() && over.is_map()) {
    ValueMap& into = *base.as_map();
    for (ValueMap::Member& member : *over.as_map()) {
      Value* existing = into.find(member.key);
      if (existing == nullptr) {
        into.set(std::move(member.key), std::move(member.value), std::move(member.key_where));
        continue;
      }
      path.push_back(member.key);
      merge(*existing, std::move(member.value), path, locks, diagnostics);
      path.pop_back();
    }
    return;
  }
  if (locks != nullptr) locks->check_replaced(base, over, path, diagnostics);
  base = std::move(over);
}

Value nest(std::span<const std::string> path, Value value, const Where& where) {
  for (std::size_t i = path.size(); i-- > 0;) {
    ValueMap map;
    map.set(path[i], std::move(value), where);
    value = Value(std::move(map));
    value.set_where(where);
  }
  return value;
}

}  // namespace tenon::host::config_room

#include "kernel/config_store.hpp"

#include <charconv>

#include "base/text.hpp"

namespace tenon::host {
namespace {

Error missing(std::string_view path) {
  return {Code::not_found, "configuration has no `" + printable(path) + "`", "CONFIG_MISSING", 0, ExitCode::config};
}

std::string with_article(std::string_view kind) { return (kind == "integer" ? "an " : "a ") + std::string(kind); }

Error wrong(std::string_view path, const Value& value, std::string_view asked) {
  return {Code::invalid_argument,
          "configuration `" + printable(path) + "` is " + with_article(kind_name(value.kind())) + ", asked for " + with_article(asked),
          "CONFIG_TYPE", 0, ExitCode::config};
}

}  // namespace

const Value* value_at(const Value& root, std::string_view path) {
  const Value* at = &root;
  if (path.empty()) return at;
  for (std::string_view key : split(path, '.')) {
    if (const ValueList* list = at->as_list()) {
      std::size_t index = 0;
      const auto [end, err] = std::from_chars(key.data(), key.data() + key.size(), index);
      if (err != std::errc() || end != key.data() + key.size() || index >= list->size()) return nullptr;
      at = &(*list)[index];
    } else {
      at = at->find(key);
      if (at == nullptr) return nullptr;
    }
  }
  return at;
}

ConfigStore::ConfigStore(std::shared_ptr<const Value> initial)
    : value_(initial ? std::move(initial) : std::make_shared<const Value>(ValueMap())) {}

std::shared_ptr<const Value> ConfigStore::snapshot() const {
  const std::lock_guard lock(mutex_);
  return value_;
}

std::shared_ptr<const Value> ConfigStore::replace(Value next) {
  auto fresh = std::make_shared<const Value>(std::move(next));
  const std::lock_guard lock(mutex_);
  std::swap(value_, fresh);
  return fresh;
}

std::string_view ConfigStore::keep(std::string text) {
  const std::lock_guard lock(mutex_);
  return *kept_.insert(std::move(text)).first;
}

bool ConfigStore::has(std::string_view path) const {
  const auto root = snapshot();
  const Value* v = value_at(*root, path);
  return v != nullptr && !v->is_null();
}

Result<bool> ConfigStore::boolean(std::string_view path) const {
  const auto root = snapshot();
  const Value* v = value_at(*root, path);
  if (v == nullptr || v->is_null()) return missing(path);
  if (const bool* b = v->as_bool()) return *b;
  return wrong(path, *v, "boolean");
}

Result<std::int64_t> ConfigStore::integer(std::string_view path) const {
  const auto root = snapshot();
  const Value* v = value_at(*root, path);
  if (v == nullptr || v->is_null()) return missing(path);
  if (const std::int64_t* i = v->as_integer()) return *i;
  // 5.0 is an integer to JSON Schema, so a validated integer may be written like this.
  if (const double* d = v->as_real();
      d != nullptr && *d >= -0x1p63 && *d < 0x1p63 && static_cast<double>(static_cast<std::int64_t>(*d)) == *d)
    return static_cast<std::int64_t>(*d);
  return wrong(path, *v, "integer");
}

Result<double> ConfigStore::real(std::string_view path) const {
  const auto root = snapshot();
  const Value* v = value_at(*root, path);
  if (v == nullptr || v->is_null()) return missing(path);
  if (const double* d = v->as_real()) return *d;
  if (const std::int64_t* i = v->as_integer()) return static_cast<double>(*i);
  return wrong(path, *v, "number");
}

Result<std::string_view> ConfigStore::string(std::string_view path) {
  const auto root = snapshot();
  const Value* v = value_at(*root, path);
  if (v == nullptr || v->is_null()) return missing(path);
  if (const std::string* s = v->as_string()) return keep(*s);
  return wrong(path, *v, "string");
}

Result<std::int64_t> ConfigStore::duration_ns(std::string_view path) const {
  const auto root = snapshot();
  const Value* v = value_at(*root, path);
  if (v == nullptr || v->is_null()) return missing(path);
  const std::string* s = v->as_string();
  if (s == nullptr) return wrong(path, *v, "duration such as `5s`");
  const auto parsed = parse_duration(*s);
  if (!parsed)
    return Error{Code::invalid_argument, "configuration `" + printable(path) + "`: " + parsed.error().message, "CONFIG_TYPE", 0,
                 ExitCode::config};
  return static_cast<std::int64_t>(parsed->count());
}

Result<std::uint64_t> ConfigStore::size(std::string_view path) const {
  const auto root = snapshot();
  const Value* v = value_at(*root, path);
  if (v == nullptr || v->is_null()) return missing(path);
  const std::string* s = v->as_string();
  if (s == nullptr) return wrong(path, *v, "size such as `16MiB`");
  const auto parsed = parse_size(*s);
  if (!parsed)
    return Error{Code::invalid_argument, "configuration `" + printable(path) + "`: " + parsed.error().message, "CONFIG_TYPE", 0,
                 ExitCode::config};
  return *parsed;
}

Result<std::string_view> ConfigStore::json(std::string_view path) {
  const auto root = snapshot();
  const Value* v = value_at(*root, path);
  if (v == nullptr) return missing(path);
  return keep(to_json(*v));
}

Result<std::size_t> ConfigStore::count(std::string_view path) const {
  const auto root = snapshot();
  const Value* v = value_at(*root, path);
  if (v == nullptr || v->is_null()) return missing(path);
  if (const ValueList* list = v->as_list()) return list->size();
  if (const ValueMap* map = v->as_map()) return map->size();
  return wrong(path, *v, "list or map");
}

}  // namespace tenon::host

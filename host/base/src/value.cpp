#include "base/value.hpp"

#include <charconv>
#include <cmath>
#include <functional>

#include "base/text.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t index_threshold = 16;

bool equal_numbers(const Value& a, const Value& b) {
  const auto* ai = a.as_integer();
  const auto* bi = b.as_integer();
  if (ai != nullptr && bi != nullptr) return *ai == *bi;
  if (ai == nullptr && bi == nullptr) return *a.as_real() == *b.as_real();
  // An integer and a real are equal only if the real is that integer exactly; converting the integer would round it.
  const std::int64_t i = ai != nullptr ? *ai : *bi;
  const double d = ai != nullptr ? *b.as_real() : *a.as_real();
  if (!(d >= -0x1p63 && d < 0x1p63) || d != std::floor(d)) return false;
  return static_cast<std::int64_t>(d) == i;
}

void append_json(std::string& out, const Value& value) {
  switch (value.kind()) {
    case Value::Kind::null:
      out += "null";
      break;
    case Value::Kind::boolean:
      out += *value.as_bool() ? "true" : "false";
      break;
    case Value::Kind::integer:
      out += std::to_string(*value.as_integer());
      break;
    case Value::Kind::real: {
      const double d = *value.as_real();
      if (!std::isfinite(d)) {
        out += "null";
        break;
      }
      char buffer[32];
      const auto end = std::to_chars(buffer, buffer + sizeof buffer, d).ptr;
      const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
      out.append(text);
      if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
      break;
    }
    case Value::Kind::string:
      append_json_string(out, *value.as_string());
      break;
    case Value::Kind::list: {
      out += '[';
      bool first = true;
      for (const Value& item : *value.as_list()) {
        if (!first) out += ',';
        first = false;
        append_json(out, item);
      }
      out += ']';
      break;
    }
    case Value::Kind::map: {
      out += '{';
      bool first = true;
      for (const ValueMap::Member& member : *value.as_map()) {
        if (!first) out += ',';
        first = false;
        append_json_string(out, member.key);
        out += ':';
        append_json(out, member.value);
      }
      out += '}';
      break;
    }
  }
}

}  // namespace

ValueMap::ValueMap() = default;
ValueMap::ValueMap(ValueMap&&) noexcept = default;
ValueMap& ValueMap::operator=(ValueMap&&) noexcept = default;
ValueMap::~ValueMap() = default;

ValueMap::ValueMap(const ValueMap& other) : members_(other.members_) { index_from(0); }

ValueMap& ValueMap::operator=(const ValueMap& other) {
  if (this != &other) {
    members_ = other.members_;
    index_.reset();
    index_from(0);
  }
  return *this;
}

std::size_t ValueMap::index_of(std::string_view key) const {
  if (index_) {
    const auto [first, last] = index_->equal_range(std::hash<std::string_view>{}(key));
    for (auto it = first; it != last; ++it)
      if (members_[it->second].key == key) return it->second;
    return members_.size();
  }
  std::size_t i = 0;
  while (i < members_.size() && members_[i].key != key) ++i;
  return i;
}

void ValueMap::index_from(std::size_t first) {
  if (members_.size() <= index_threshold) return;
  if (!index_) {
    index_ = std::make_unique<std::unordered_multimap<std::size_t, std::uint32_t>>();
    first = 0;
  }
  for (std::size_t i = first; i < members_.size(); ++i)
    index_->emplace(std::hash<std::string_view>{}(members_[i].key), static_cast<std::uint32_t>(i));
}

const ValueMap::Member* ValueMap::find_member(std::string_view key) const {
  const std::size_t i = index_of(key);
  return i < members_.size() ? &members_[i] : nullptr;
}

const Value* ValueMap::find(std::string_view key) const {
  const Member* m = find_member(key);
  return m != nullptr ? &m->value : nullptr;
}

Value* ValueMap::find(std::string_view key) {
  const std::size_t i = index_of(key);
  return i < members_.size() ? &members_[i].value : nullptr;
}

Value& ValueMap::set(std::string key, Value value, Where key_where) {
  const std::size_t i = index_of(key);
  if (i < members_.size()) {
    members_[i].value = std::move(value);
    members_[i].key_where = std::move(key_where);
    return members_[i].value;
  }
  members_.push_back({std::move(key), std::move(value), std::move(key_where)});
  index_from(i);
  return members_.back().value;
}

bool ValueMap::erase(std::string_view key) {
  const std::size_t i = index_of(key);
  if (i == members_.size()) return false;
  members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(i));
  index_.reset();
  index_from(0);
  return true;
}

std::size_t ValueMap::size() const { return members_.size(); }
bool ValueMap::empty() const { return members_.empty(); }
std::vector<ValueMap::Member>::const_iterator ValueMap::begin() const { return members_.begin(); }
std::vector<ValueMap::Member>::const_iterator ValueMap::end() const { return members_.end(); }
std::vector<ValueMap::Member>::iterator ValueMap::begin() { return members_.begin(); }
std::vector<ValueMap::Member>::iterator ValueMap::end() { return members_.end(); }

Value::Value(ValueList l) : v_(std::make_unique<ValueList>(std::move(l))) {}
Value::Value(ValueMap m) : v_(std::make_unique<ValueMap>(std::move(m))) {}

Value::Value(const Value& other) : source_(other.source_), line_(other.line_), column_(other.column_), length_(other.length_) {
  switch (other.kind()) {
    case Kind::null:
      break;
    case Kind::boolean:
      v_ = *other.as_bool();
      break;
    case Kind::integer:
      v_ = *other.as_integer();
      break;
    case Kind::real:
      v_ = *other.as_real();
      break;
    case Kind::string:
      v_ = *other.as_string();
      break;
    case Kind::list:
      v_ = std::make_unique<ValueList>(*other.as_list());
      break;
    case Kind::map:
      v_ = std::make_unique<ValueMap>(*other.as_map());
      break;
  }
}

Value& Value::operator=(const Value& other) {
  if (this != &other) *this = Value(other);
  return *this;
}

Value::Kind Value::kind() const { return static_cast<Kind>(v_.index()); }

const ValueList* Value::as_list() const {
  const auto* p = std::get_if<std::unique_ptr<ValueList>>(&v_);
  return p != nullptr ? p->get() : nullptr;
}
ValueList* Value::as_list() {
  auto* p = std::get_if<std::unique_ptr<ValueList>>(&v_);
  return p != nullptr ? p->get() : nullptr;
}
const ValueMap* Value::as_map() const {
  const auto* p = std::get_if<std::unique_ptr<ValueMap>>(&v_);
  return p != nullptr ? p->get() : nullptr;
}
ValueMap* Value::as_map() {
  auto* p = std::get_if<std::unique_ptr<ValueMap>>(&v_);
  return p != nullptr ? p->get() : nullptr;
}

const Value* Value::find(std::string_view key) const {
  const ValueMap* map = as_map();
  return map != nullptr ? map->find(key) : nullptr;
}

void Value::set_where(Where w) {
  source_ = std::move(w.source);
  line_ = w.line;
  column_ = w.column;
  length_ = w.length;
}

bool operator==(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return equal_numbers(a, b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Value::Kind::null:
      return true;
    case Value::Kind::boolean:
      return *a.as_bool() == *b.as_bool();
    case Value::Kind::string:
      return *a.as_string() == *b.as_string();
    case Value::Kind::list:
      return *a.as_list() == *b.as_list();
    case Value::Kind::map: {
      if (a.as_map()->size() != b.as_map()->size()) return false;
      for (const ValueMap::Member& member : *a.as_map()) {
        const Value* other = b.as_map()->find(member.key);
        if (other == nullptr || !(member.value == *other)) return false;
      }
      return true;
    }
    case Value::Kind::integer:
    case Value::Kind::real:
      break;
  }
  return false;
}

std::string_view kind_name(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::null:
      return "null";
    case Value::Kind::boolean:
      return "boolean";
    case Value::Kind::integer:
      return "integer";
    case Value::Kind::real:
      return "number";
    case Value::Kind::string:
      return "string";
    case Value::Kind::list:
      return "list";
    case Value::Kind::map:
      break;
  }
  return "map";
}

std::string to_json(const Value& value) {
  std::string out;
  append_json(out, value);
  return out;
}

void drop_places(Value& value) {
  value.set_where({});
  if (ValueList* list = value.as_list())
    for (Value& item : *list) drop_places(item);
  if (ValueMap* map = value.as_map())
    for (ValueMap::Member& member : *map) {
      member.key_where = {};
      drop_places(member.value);
    }
}

}  // namespace tenon::host

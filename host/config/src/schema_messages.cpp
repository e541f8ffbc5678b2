#include "schema_messages.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace tenon::host::json_schema {
namespace {

constexpr std::size_t listed = 12;  // names or values in one help text

bool is_plain_key(std::string_view key) {
  if (key.empty()) return false;
  return std::none_of(key.begin(), key.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7F || c == '.' || c == '[' || c == ']' || c == '"' || c == '`' || c == '\\';
  });
}

bool contains_folded(std::string_view text, std::string_view word) {
  const auto equal = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
  return std::search(text.begin(), text.end(), word.begin(), word.end(), equal) != text.end();
}

/// A name that promises a secret, or a URL with a password in it.
bool looks_secret(const Path& path, const Value& v) {
  const std::string* text = v.as_string();
  if (text == nullptr) return false;
  for (const Path* p = &path; p != nullptr; p = p->parent)
    for (std::string_view word : {"password", "passwd", "secret", "token", "key"})
      if (!p->is_index && contains_folded(p->key, word)) return true;
  const std::size_t scheme = text->find("://");
  return scheme != std::string::npos && text->find('@', scheme) != std::string::npos;
}

}  // namespace

std::string Path::text() const {
  if (parent == nullptr) return {};
  std::string out = parent->text();
  if (is_index) return out + "[" + std::to_string(index) + "]";
  if (is_plain_key(key)) {
    if (!out.empty()) out += '.';
    return out.append(key);
  }
  out += '[';
  append_json_string(out, key);
  return out + ']';
}

std::string describe_types(std::uint8_t types) {
  std::string_view words[7];
  std::size_t count = 0;
  if ((types & type_object) != 0) words[count++] = "a map";
  if ((types & type_array) != 0) words[count++] = "a list";
  if ((types & type_string) != 0) words[count++] = "a string";
  if ((types & type_number) == type_number)
    words[count++] = "a number";
  else if ((types & type_integer) != 0)
    words[count++] = "an integer";
  if ((types & type_boolean) != 0) words[count++] = "true or false";
  if ((types & type_null) != 0) words[count++] = "null";
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    if (i != 0) out += i + 1 == count ? " or " : ", ";
    out += words[i];
  }
  return out;
}

std::string counted(std::uint64_t n, std::string_view one, std::string_view many) {
  return std::to_string(n) + " " + std::string(n == 1 ? one : many);
}

std::string Wording::subject(const Path& path) {
  if (path.parent == nullptr) return "the value";
  return "`" + printable(path.text(), 200) + "`";
}

std::string Wording::shown(const Value& v) {
  if (v.is_map()) return v.as_map()->empty() ? "an empty map" : "a map";
  if (v.is_list()) return v.as_list()->empty() ? "an empty list" : "a list";
  if (const std::string* text = v.as_string(); text != nullptr && text->size() > 60) return "\"" + printable(*text, 60) + "\"";
  return printable(to_json(v), 200);
}

bool Wording::hidden(const Path& path, const Value& v) const {
  if (looks_secret(path, v)) return true;
  if (p_.has_secrets && is_secret_at(p_, node_, path)) return true;
  return hide_ && hide_(path.text());
}

std::string Wording::is_value(const Path& path, const Value& v) const {
  const std::string name = subject(path);
  if (v.is_map() || v.is_list()) return name + " is " + shown(v);
  if (v.is_null()) return name + " is null";
  if (hidden(path, v)) return name + " (value not shown)";
  return name + " is " + shown(v);
}

std::string Wording::choices(std::uint32_t first, std::uint64_t count, const Value& v) const {
  if (const std::string* text = v.as_string()) {
    std::vector<std::string_view> names;
    for (std::uint64_t i = 0; i < count; ++i)
      if (const std::string* name = p_.values[first + i].as_string()) names.push_back(*name);
    if (const auto close = nearest(*text, names); close && *close != *text) return "did you mean \"" + printable(*close, 60) + "\"?";
  }
  return {};
}

std::string Wording::notation(std::uint8_t types, const Value& v) {
  const std::string* text = v.as_string();
  if (text == nullptr) {
    if ((types & type_string) != 0 && (v.as_bool() != nullptr || v.is_number())) return "in quotes it is a string";
    return {};
  }
  double number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  const bool is_number = error == std::errc() && end == text->data() + text->size() && !text->empty();
  if ((types & type_number) != 0 && is_number) return "without quotes it is a number";
  if ((types & type_boolean) != 0 && (*text == "true" || *text == "false")) return "without quotes it is a truth value";
  if ((types & type_boolean) != 0 && (*text == "yes" || *text == "on")) return "write true";
  if ((types & type_boolean) != 0 && (*text == "no" || *text == "off")) return "write false";
  return {};
}

std::string Wording::known_keys(const Members& m, std::string_view key) const {
  std::vector<std::string_view> names;
  for (std::uint32_t i = 0; i < m.property_count; ++i) names.push_back(p_.view(p_.properties[m.first_property + i].name));
  if (const auto close = nearest(key, names)) return "did you mean `" + printable(*close, 60) + "`?";
  if (names.empty()) return {};
  std::string out = "known keys: ";
  for (std::size_t i = 0; i < names.size() && i < listed; ++i) out += (i != 0 ? ", `" : "`") + printable(names[i], 60) + "`";
  if (names.size() > listed) out += " and " + std::to_string(names.size() - listed) + " more";
  return out;
}

}  // namespace tenon::host::json_schema

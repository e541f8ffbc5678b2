#include "manifest_fields.hpp"

#include <unordered_map>

#include "base/text.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t max_findings = 100;
constexpr std::size_t max_entries = 1024;  // of one list

void wrong_type(const Value& value, std::string_view path, std::string_view expected, std::string_view help, Findings& findings) {
  findings.error("manifest.wrong_type", value.where(),
                 in_backticks(path) + " is " + a_kind_of(value) + ", expected " + std::string(expected), std::string(help));
}

}  // namespace

std::string a_kind_of(const Value& value) {
  if (value.is_null()) return "empty";
  return (value.kind() == Value::Kind::integer ? "an " : "a ") + std::string(kind_name(value.kind()));
}

void Findings::error(std::string code, Where where, std::string message, std::string help) {
  if (++errors_ <= max_findings) diagnostics_.error(std::move(code), std::move(where), std::move(message), std::move(help));
}

void Findings::warning(std::string code, Where where, std::string message, std::string help) {
  if (++warnings_ <= max_findings) diagnostics_.warning(std::move(code), std::move(where), std::move(message), std::move(help));
}

std::string in_backticks(std::string_view text) { return "`" + printable(text, 60) + "`"; }

std::string suggestion(std::string_view name, std::span<const std::string_view> known) {
  const std::optional<std::string_view> near = nearest(name, known);
  return near ? "did you mean `" + std::string(*near) + "`?" : std::string();
}

std::string_view as_written(const Value& value) {
  const Where where = value.where();
  if (where.source == nullptr || where.line == 0) return {};
  std::string_view text = where.source->text;
  for (std::uint32_t line = 1; line < where.line; ++line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  // Bytes of the first `count` characters.
  const auto bytes = [](std::string_view from, std::uint32_t count) {
    std::size_t at = 0;
    while (at < from.size() && utf8_length(from.substr(at, 1)) <= count)
      count -= static_cast<std::uint32_t>(utf8_length(from.substr(at++, 1)));
    return at;
  };
  text.remove_prefix(bytes(text, where.column - 1));
  return text.substr(0, bytes(text, where.length));
}

const std::string* expect_string(const Value& value, std::string_view path, std::string_view expected, Findings& findings,
                                 std::string_view help) {
  const std::string* const out = value.as_string();
  if (out == nullptr) wrong_type(value, path, expected, help.empty() && value.is_number() ? "put it in quotes" : help, findings);
  return out;
}

const std::string* expect_entry(const Value& entry, std::string_view path, std::size_t index, std::string_view expected,
                                Findings& findings) {
  const std::string* const out = entry.as_string();
  if (out == nullptr) return expect_string(entry, std::string(path) + "[" + std::to_string(index) + "]", expected, findings);
  return out;
}

const ValueList* expect_list(const Value& value, std::string_view path, std::string_view expected, Findings& findings) {
  const ValueList* const out = value.as_list();
  if (out == nullptr) {
    const std::string* const text = value.as_string();
    wrong_type(value, path, expected, text != nullptr ? "write [" + printable(*text, 60) + "]" : std::string(), findings);
    return nullptr;
  }
  if (out->size() > max_entries) {
    findings.error(
        "manifest.limit", value.where(),
        in_backticks(path) + " has " + std::to_string(out->size()) + " entries, at most " + std::to_string(max_entries) + " are allowed");
    return nullptr;
  }
  return out;
}

const ValueMap* expect_map(const Value& value, std::string_view path, std::string_view expected, Findings& findings) {
  const ValueMap* const out = value.as_map();
  if (out == nullptr) wrong_type(value, path, expected, {}, findings);
  return out;
}

void expect_keys(const ValueMap& map, std::string_view path, std::span<const std::string_view> known, Findings& findings) {
  for (const ValueMap::Member& m : map) {
    bool found = false;
    for (std::string_view k : known) found = found || k == m.key;
    if (found) continue;
    std::string help = suggestion(m.key, known);
    if (help.empty()) {
      help = "known keys:";
      for (std::string_view k : known) help.append(" ").append(k);
    }
    findings.error("manifest.unknown_key", m.key_where, in_backticks(path) + " has no key " + in_backticks(m.key), std::move(help));
  }
}

std::vector<Named> read_names(const Value& value, std::string_view path, bool (*is_valid)(std::string_view), std::string_view grammar,
                              bool unique, Findings& findings) {
  std::vector<Named> out;
  const ValueList* const list = expect_list(value, path, "a list of strings", findings);
  if (list == nullptr) return out;
  out.reserve(list->size());
  for (const Value& entry : *list) {
    const std::string* const text = expect_entry(entry, path, static_cast<std::size_t>(&entry - list->data()), "a string", findings);
    if (text == nullptr) continue;
    if (is_valid(*text))
      out.push_back({*text, entry.where()});
    else
      findings.error("manifest.bad_name", entry.where(), in_backticks(*text) + " is not valid in " + in_backticks(path),
                     "expected " + std::string(grammar));
  }
  if (unique) expect_unique(out, path, findings);
  return out;
}

void expect_unique(std::span<const Named> names, std::string_view path, Findings& findings) {
  if (names.size() < 2) return;
  const auto report = [&](const Named& again, const Named& first) {
    findings.error("manifest.duplicate", again.where, in_backticks(again.name) + " stands twice in " + in_backticks(path),
                   "first in line " + std::to_string(first.where.line) + "; remove one of them");
  };
  if (names.size() <= 8) {
    for (std::size_t i = 1; i < names.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (names[i].name == names[j].name) {
          report(names[i], names[j]);
          break;
        }
    return;
  }
  std::unordered_map<std::string_view, const Named*> seen;
  for (const Named& n : names) {
    const auto [it, is_new] = seen.emplace(n.name, &n);
    if (!is_new) report(n, *it->second);
  }
}

}  // namespace tenon::host

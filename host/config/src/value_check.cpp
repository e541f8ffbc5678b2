#include "value_check.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

#include "base/text.hpp"
#include "path.hpp"
#include "url.hpp"

namespace tenon::host::config_room {
namespace {

constexpr std::size_t max_locked = 256;
constexpr std::size_t max_list = 256;

std::string quoted(std::string_view text) {
  std::string out = "`";
  return out.append(printable(text, 60)).append("`");
}

// What was found instead, as in "not X".
std::string found(const Value& value, bool quote) {
  switch (value.kind()) {
    case Value::Kind::list:
      return "a list";
    case Value::Kind::map:
      return "a map";
    case Value::Kind::string:
      return quote ? quoted(mask_url_passwords(*value.as_string())) : "this text";
    default:
      return quote ? quoted(to_json(value)) : "this " + std::string(kind_name(value.kind()));
  }
}

std::string list_words(std::string_view words) {
  std::string out;
  for (std::string_view word : split(words, '|')) {
    if (!out.empty()) out += ", ";
    out.append("`").append(word).append("`");
  }
  return out;
}

std::string show_bound(const KeyRule& rule, std::int64_t bound) {
  if (rule.type == KeyType::duration) return format_duration(std::chrono::nanoseconds(bound));
  if (rule.type == KeyType::size) return format_size(static_cast<std::uint64_t>(bound));
  return std::to_string(bound);
}

Problem wrong(const KeyRule& rule, std::string_view path, const Value& value, bool quote, const char* code, std::string help = {}) {
  std::string message = "`";
  message.append(path).append("` must be ").append(describe(rule)).append(", not ").append(found(value, quote));
  return {code, std::move(message), std::move(help), {}};
}

std::string help_for_word(const KeyRule& rule, std::string_view text) {
  const std::vector<std::string_view> words = split(rule.words, '|');
  const auto word = nearest(to_lower(text), words);
  return word ? "did you mean `" + std::string(*word) + "`?" : "";
}

std::optional<Problem> check_path(std::string_view path, const std::string& text) {
  const auto problem = [&](const char* why) {
    return Problem{"config.path", "`" + std::string(path) + "` is no usable path: " + why, {}, {}};
  };
  if (text.empty()) return problem("it is empty");
  if (text.size() >= 4096) return problem("it is longer than 4095 bytes");
  if (text.find('\0') != std::string::npos) return problem("it contains a NUL character");
  return std::nullopt;
}

std::optional<Problem> check_glob(std::string_view path, const std::string& text) {
  std::string why = glob_problem(text);
  if (why.empty() && !glob_can_match(Glob(text).words())) why = "no key of the configuration can match it";
  if (why.empty()) return std::nullopt;
  return Problem{"config.glob",
                 "`" + std::string(path) + "` holds " + quoted(text) + ", which is no path to lock: " + why,
                 "write keys joined by dots; `*` stands for one key, `**` for any number of keys",
                 {}};
}

bool is_granted_name(KeyType type, std::string_view text) {
  if (type == KeyType::namespace_list) return is_dotted_name(text);
  if (type == KeyType::topic_list) return is_dotted_name(text, true);
  const std::size_t slash = text.rfind('/');
  if (slash == std::string_view::npos) return is_dotted_name(text, true);
  const std::string_view major = text.substr(slash + 1);
  const bool digits = std::all_of(major.begin(), major.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits && !major.empty() && major.size() <= 6 && major.front() != '0' && is_dotted_name(text.substr(0, slash), true);
}

std::optional<Problem> check_granted(KeyType type, const std::string& element, const std::string& text) {
  if (is_granted_name(type, text)) return std::nullopt;
  const bool names = type == KeyType::namespace_list, topics = type == KeyType::topic_list;
  std::string message = "`" + element + "` is " + quoted(text) + ", which is no " +
                        (names    ? "name of a storage namespace"
                         : topics ? "pattern of topics"
                                  : "pattern of services");
  std::string help = "write words of letters, digits, `_` and `-` joined by dots";
  if (!names) help += "; `*` stands for one word, `>` as the last one for all the rest";
  if (!names && !topics) help += "; a major version comes last, as in `catalog.get/2`";
  return Problem{"config.pattern", std::move(message), std::move(help), {}};
}

std::vector<Problem> check_list(const KeyRule& rule, std::string_view path, const Value& value, bool quote) {
  const ValueList& list = *value.as_list();
  const std::size_t max = rule.type == KeyType::glob_list ? max_locked : max_list;
  if (list.size() > max)
    return {Problem{"config.bounds", "`" + std::string(path) + "` has more than " + std::to_string(max) + " elements", {}, {}}};
  std::vector<Problem> problems;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string element = std::string(path) + "[" + std::to_string(i) + "]";
    const std::string* text = list[i].as_string();
    std::optional<Problem> problem;
    if (text == nullptr)
      problem = Problem{"config.type", "`" + element + "` must be text, not " + found(list[i], quote), {}, {}};
    else if (rule.type == KeyType::glob_list)
      problem = check_glob(element, *text);
    else if (rule.type != KeyType::path_list)
      problem = check_granted(rule.type, element, *text);
    else if (!has_expansion(*text))
      problem = check_path(element, *text);
    if (!problem) continue;
    problem->where = list[i].where();
    problems.push_back(std::move(*problem));
  }
  return problems;
}

bool is_text_name(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text.find('.') == std::string_view::npos && is_dotted_name(text);
}

// Durations and sizes: text with a unit, within the bounds.
std::optional<Problem> check_quantity(const KeyRule& rule, std::string_view path, const Value& value, bool quote) {
  const bool duration = rule.type == KeyType::duration;
  const char* help =
      duration ? "durations are written with a unit: `250ms`, `5s`, `1h30m`" : "sizes are written with a unit: `64KiB`, `100MiB`, `1GB`";
  const std::string* text = value.as_string();
  if (text == nullptr) return wrong(rule, path, value, quote, "config.type", help);
  std::int64_t amount = 0;
  if (duration) {
    const auto parsed = parse_duration(*text);
    if (!parsed) return wrong(rule, path, value, quote, "config.type", help);
    amount = parsed->count();
  } else {
    const auto parsed = parse_size(*text);
    if (!parsed) return wrong(rule, path, value, quote, "config.type", help);
    amount = *parsed > static_cast<std::uint64_t>(INT64_MAX) ? INT64_MAX : static_cast<std::int64_t>(*parsed);
  }
  if (amount < rule.min || amount > rule.max) return wrong(rule, path, value, quote, "config.bounds");
  return std::nullopt;
}

std::optional<Problem> check_text(const KeyRule& rule, std::string_view path, const Value& value, const std::string& text, bool quote) {
  switch (rule.type) {
    case KeyType::word: {
      const std::vector<std::string_view> words = split(rule.words, '|');
      if (std::find(words.begin(), words.end(), text) == words.end())
        return wrong(rule, path, value, quote, "config.word", quote ? help_for_word(rule, text) : "");
      return std::nullopt;
    }
    case KeyType::text_name:
      if (!is_text_name(text)) return wrong(rule, path, value, quote, "config.name");
      return std::nullopt;
    case KeyType::module_name:
      if (!is_module_name(text)) return wrong(rule, path, value, quote, "config.name");
      return std::nullopt;
    case KeyType::path:
      return check_path(path, text);
    default:
      break;
  }
  if (const std::string why = url_problem(text); !why.empty())
    return Problem{"config.url",
                   "`" + std::string(path) + "` is no database URL: " + why,
                   path == "storage.url" ? "write `sqlite:kernel.db`, or another name that ends in `.db`: a file in the state directory"
                                         : "write `sqlite:FILE` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`",
                   {}};
  return std::nullopt;
}

// All but lists.
std::optional<Problem> check_single(const KeyRule& rule, std::string_view path, const Value& value, bool quote) {
  const std::string* text = value.as_string();
  if (rule.type == KeyType::free_map) {
    if (!value.is_map()) return wrong(rule, path, value, false, "config.type");
    return std::nullopt;
  }
  if (is_list(rule.type)) return wrong(rule, path, value, quote, "config.type", "write it as a list: `[a, b]`");
  if (text != nullptr && has_expansion(*text)) return std::nullopt;
  switch (rule.type) {
    case KeyType::boolean:
      if (value.as_bool() == nullptr) {
        const bool quoted_word = text != nullptr && (*text == "true" || *text == "false");
        Problem problem = wrong(rule, path, value, quote && !quoted_word, "config.type", quoted_word ? "write it without quotes" : "");
        if (quoted_word) problem.message += " in quotes";
        return problem;
      }
      return std::nullopt;
    case KeyType::integer: {
      const std::int64_t* number = value.as_integer();
      if (number == nullptr) return wrong(rule, path, value, quote, "config.type");
      if (*number < rule.min || *number > rule.max) return wrong(rule, path, value, quote, "config.bounds");
      return std::nullopt;
    }
    case KeyType::duration:
    case KeyType::size:
      return check_quantity(rule, path, value, quote);
    default:
      break;
  }
  if (text == nullptr)
    return wrong(rule, path, value, quote, "config.type", value.is_list() || value.is_map() ? "" : "put it in quotes to make it text");
  return check_text(rule, path, value, *text, quote);
}

}  // namespace

bool has_expansion(std::string_view text) { return text.find("${") != std::string_view::npos; }

std::string describe(const KeyRule& rule) {
  switch (rule.type) {
    case KeyType::text_name:
      return "a name of 1 to 63 letters, digits, `_` and `-`";
    case KeyType::word:
      return "one of " + list_words(rule.words);
    case KeyType::boolean:
      return "`true` or `false`";
    case KeyType::integer:
      return "an integer from " + show_bound(rule, rule.min) + " to " + show_bound(rule, rule.max);
    case KeyType::duration:
      return "a duration from " + show_bound(rule, rule.min) + " to " + show_bound(rule, rule.max);
    case KeyType::size:
      return "a size from " + show_bound(rule, rule.min) + " to " + show_bound(rule, rule.max);
    case KeyType::path:
      return "a path";
    case KeyType::path_list:
      return "a list of paths";
    case KeyType::glob_list:
      return "a list of paths to lock";
    case KeyType::service_list:
      return "a list of patterns of services";
    case KeyType::topic_list:
      return "a list of patterns of topics";
    case KeyType::namespace_list:
      return "a list of storage namespaces";
    case KeyType::url:
      return "a database URL";
    case KeyType::module_name:
      return "a name of lower-case letters, digits and single `_`";
    case KeyType::free_map:
      break;
  }
  return "a map";
}

std::vector<Problem> check_value(const KeyRule& rule, std::string_view path, const Value& value, bool quote) {
  if (value.is_null()) return {};
  if (is_list(rule.type) && value.is_list()) return check_list(rule, path, value, quote);
  if (std::optional<Problem> problem = check_single(rule, path, value, quote && rule.type != KeyType::url)) return {std::move(*problem)};
  return {};
}

std::optional<Value> number_from_text(std::string_view text) {
  const std::string_view digits = !text.empty() && text[0] == '-' ? text.substr(1) : text;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (digits.empty() || !is_digit(digits[0]) || (digits[0] == '0' && digits.size() > 1 && is_digit(digits[1])) || !is_digit(digits.back()))
    return std::nullopt;
  const char* end = text.data() + text.size();
  std::int64_t integer = 0;
  if (const auto r = std::from_chars(text.data(), end, integer); r.ec == std::errc() && r.ptr == end) return Value(integer);
  double real = 0;
  const auto r = std::from_chars(text.data(), end, real);
  if (r.ec != std::errc() || r.ptr != end || !std::isfinite(real)) return std::nullopt;
  const std::size_t dot = text.find('.');
  if (dot != std::string_view::npos && !is_digit(text[dot + 1])) return std::nullopt;
  return Value(real);
}

Value scalar_from_text(const KeyRule& rule, std::string_view text) {
  if (rule.type == KeyType::boolean && (text == "true" || text == "false")) return Value(text == "true");
  if (rule.type == KeyType::integer)
    if (std::optional<Value> number = number_from_text(text)) return std::move(*number);
  return Value(std::string(text));
}

}  // namespace tenon::host::config_room

#include "manifest_sections.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/reserved_names.hpp"
#include "base/text.hpp"

namespace tenon::host {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr std::array<std::string_view, 10> capabilities = {"grpc",   "grpc_hub", "health",    "ingress",  "migrations",
                                                           "reload", "rest",     "rest_host", "runnable", "system"};

/// What a manifest may ask for is twice this host's default; the operator may set what he likes.
struct Phase {
  std::string_view name;
  nanoseconds standard;
};
constexpr std::array<Phase, 12> phases = {{{"load", 5s},
                                           {"create", 5s},
                                           {"pre_init", 10s},
                                           {"migrate", 10min},
                                           {"init", 30s},
                                           {"post_init", 10s},
                                           {"rest", 5s},
                                           {"grpc", 5s},
                                           {"start", 60s},
                                           {"drain", 10s},
                                           {"stop", 5s},
                                           {"destroy", 2s}}};
constexpr nanoseconds shortest_timeout = 10ms;
constexpr std::size_t max_description = 200;
constexpr std::size_t max_library_path = 1024;

bool has_control_character(std::string_view s) {
  return std::any_of(s.begin(), s.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// 1..65535 without leading zeros.
bool is_major(std::string_view s) {
  if (s.empty() || s.size() > 5 || s[0] == '0' || !std::all_of(s.begin(), s.end(), is_digit)) return false;
  return s.size() < 5 || s <= "65535";
}

/// tenon.<word>(.<word>)*/<major>
bool is_interface_id(std::string_view id) {
  const std::size_t slash = id.find('/');
  if (id.size() > 64 || slash == std::string_view::npos || !is_major(id.substr(slash + 1))) return false;
  const std::vector<std::string_view> words = split(id.substr(0, slash), '.');
  if (words.size() < 2 || words[0] != "tenon") return false;
  return std::all_of(words.begin(), words.end(), [](std::string_view w) {
    return !w.empty() && is_lower(w[0]) && std::all_of(w.begin(), w.end(), [](char c) { return is_lower(c) || is_digit(c) || c == '_'; });
  });
}

/// A dotted name without the "/major" that may follow it; the whole text if what follows is none.
std::string_view without_major(std::string_view name) {
  const std::size_t slash = name.find('/');
  return slash != std::string_view::npos && is_major(name.substr(slash + 1)) ? name.substr(0, slash) : name;
}

bool is_service(std::string_view s) { return is_dotted_name(without_major(s)); }
bool is_service_pattern(std::string_view s) { return is_dotted_name(without_major(s), true); }
bool is_topic(std::string_view s) { return is_dotted_name(s, true); }
bool is_namespace(std::string_view s) { return is_dotted_name(s); }

/// "/a/{id}/{rest...}": segments of unreserved characters or a named parameter; the one that takes the rest is the last.
bool is_route(std::string_view route) {
  if (route.empty() || route[0] != '/' || route.size() > 255) return false;
  if (route == "/") return true;
  const std::vector<std::string_view> segments = split(route.substr(1), '/');
  for (std::size_t i = 0; i < segments.size(); ++i) {
    std::string_view s = segments[i];
    const bool is_parameter = s.size() > 2 && s.front() == '{' && s.back() == '}';
    if (is_parameter) {
      s = s.substr(1, s.size() - 2);
      if (s.size() > 3 && s.substr(s.size() - 3) == "...") {
        if (i + 1 != segments.size()) return false;
        s.remove_suffix(3);
      }
    }
    if (s.empty() || s == "." || s == "..") return false;
    for (char c : s) {
      const bool word = is_lower(c) || is_digit(c) || c == '_' || (c >= 'A' && c <= 'Z');
      if (!word && (is_parameter || std::string_view("-.~").find(c) == std::string_view::npos)) return false;
    }
  }
  return true;
}

constexpr std::string_view service_grammar =
    "words of letters, digits, `_` and `-` joined by dots, then optionally `/` and a major version: `orders.create/1`";
constexpr std::string_view service_pattern_grammar = "a dotted name; a word may be `*`, the last one `>`: `catalog.*`";
constexpr std::string_view topic_grammar =
    "words of letters, digits, `_` and `-` joined by dots; a word may be `*`, the last one `>`: `orders.>`";
constexpr std::string_view namespace_grammar = "words of letters, digits, `_` and `-` joined by dots";
constexpr std::string_view route_grammar = "a path like `/shop/orders/{id}` or `/files/{rest...}`";

}  // namespace

bool is_known_capability(std::string_view word) { return std::binary_search(capabilities.begin(), capabilities.end(), word); }

bool is_reserved_module_name(std::string_view name) { return is_reserved_word(name); }

std::vector<Requirement> read_requirements(const Value& value, Findings& findings) {
  static constexpr std::array<std::string_view, 2> keys = {"name", "version"};
  std::vector<Requirement> out;
  const ValueList* const list = expect_list(value, "requires", "a list of module names or maps {name, version}", findings);
  if (list == nullptr) return out;
  out.reserve(list->size());
  for (const Value& entry : *list) {
    Requirement r;
    r.where = entry.where();
    const Value* name = &entry;
    if (const ValueMap* const map = entry.as_map()) {
      expect_keys(*map, "requires", keys, findings);
      name = map->find("name");
      if (name == nullptr)
        findings.error("manifest.missing_key", entry.where(), "an entry of `requires` lacks the key `name`",
                       "write {name: catalog, version: \">=1.2\"}");
      if (const Value* const version = map->find("version")) {
        const std::string_view written = version->is_number() ? as_written(*version) : std::string_view();
        const std::string* const text =
            expect_string(*version, "requires.version", "a string", findings,
                          !written.empty() && VersionRange::parse(written) ? "put it in quotes: \"" + std::string(written) + '"'
                                                                           : "put it in quotes: \">=1.2 <2\"");
        if (text != nullptr) {
          Result<VersionRange> range = VersionRange::parse(*text);
          if (range)
            r.range = std::move(*range);
          else
            findings.error("manifest.bad_range", version->where(), range.error().message,
                           "write comparisons like \">=1.2 <2\": operators are = > >= < <=, a space means `and`");
        }
      }
    }
    const std::string* text = nullptr;
    if (name == &entry)
      text = expect_entry(entry, "requires", static_cast<std::size_t>(&entry - list->data()), "a module name or a map {name, version}",
                          findings);
    else if (name != nullptr)
      text = expect_string(*name, "requires.name", "a module name", findings);
    if (text == nullptr) continue;
    if (is_module_name(*text)) {
      r.name = *text;
      out.push_back(std::move(r));
      continue;
    }
    const std::size_t space = text->find_first_of(" <>=@");
    const std::string_view first = std::string_view(*text).substr(0, space);
    std::string help = "expected " + std::string(module_name_grammar);
    if (space != std::string::npos && is_module_name(first)) {
      std::string_view range = std::string_view(*text).substr(space);
      while (!range.empty() && (range[0] == ' ' || range[0] == '@')) range.remove_prefix(1);
      help = "a version stands beside the name: {name: " + std::string(first) + ", version: \"" + printable(range, 40) + "\"}";
    }
    findings.error("manifest.bad_name", name->where(), in_backticks(*text) + " is not a module name", std::move(help));
  }
  return out;
}

std::vector<Named> read_capabilities(const Value& value, Findings& findings) {
  std::vector<Named> out;
  const ValueList* const list = expect_list(value, "capabilities", "a list of capability words", findings);
  if (list == nullptr) return out;
  out.reserve(list->size());
  for (const Value& entry : *list) {
    const std::string* const text =
        expect_entry(entry, "capabilities", static_cast<std::size_t>(&entry - list->data()), "a capability word", findings);
    if (text == nullptr) continue;
    if (is_known_capability(*text)) {
      out.push_back({*text, entry.where()});
      continue;
    }
    std::string help = suggestion(*text, capabilities);
    if (help.empty()) help = "known: migrations rest rest_host ingress grpc grpc_hub health reload runnable system";
    findings.error("manifest.unknown_capability", entry.where(), "this host does not know the capability " + in_backticks(*text),
                   std::move(help));
  }
  expect_unique(out, "capabilities", findings);
  return out;
}

std::vector<InterfaceNeed> read_needs(const Value& value, Findings& findings) {
  static constexpr std::array<std::string_view, 2> keys = {"id", "optional"};
  std::vector<InterfaceNeed> out;
  const ValueList* const list = expect_list(value, "needs", "a list of interface ids or maps {id, optional}", findings);
  if (list == nullptr) return out;
  out.reserve(list->size());
  std::vector<Named> ids;
  for (const Value& entry : *list) {
    InterfaceNeed n;
    n.where = entry.where();
    const Value* id = &entry;
    if (const ValueMap* const map = entry.as_map()) {
      expect_keys(*map, "needs", keys, findings);
      id = map->find("id");
      if (id == nullptr)
        findings.error("manifest.missing_key", entry.where(), "an entry of `needs` lacks the key `id`",
                       "write {id: tenon.storage/1, optional: true}");
      if (const Value* const optional = map->find("optional")) {
        if (const bool* const b = optional->as_bool())
          n.optional = *b;
        else
          findings.error("manifest.wrong_type", optional->where(),
                         "`needs.optional` is " + a_kind_of(*optional) + ", expected true or false");
      }
    }
    const std::string* text = nullptr;
    if (id == &entry)
      text = expect_entry(entry, "needs", static_cast<std::size_t>(&entry - list->data()), "an interface id or a map {id, optional}",
                          findings);
    else if (id != nullptr)
      text = expect_string(*id, "needs.id", "an interface id", findings);
    if (text == nullptr) continue;
    if (!is_interface_id(*text)) {
      const std::string with_major = *text + "/1";
      findings.error(
          "manifest.bad_interface", id->where(), in_backticks(*text) + " is not an interface id",
          is_interface_id(with_major) ? "add the major version: " + with_major : "expected tenon.<name>/<major>, for example tenon.log/1");
      continue;
    }
    n.id = *text;
    ids.push_back({*text, id->where()});
    out.push_back(std::move(n));
  }
  expect_unique(ids, "needs", findings);
  return out;
}

Provides read_provides(const Value& value, Findings& findings) {
  static constexpr std::array<std::string_view, 2> keys = {"services", "events"};
  Provides out;
  const ValueMap* const map = expect_map(value, "provides", "a map {services, events}", findings);
  if (map == nullptr) return out;
  expect_keys(*map, "provides", keys, findings);
  if (const Value* const v = map->find("services")) {
    out.services = read_names(*v, "provides.services", is_service, service_grammar, false, findings);
    std::vector<Named> full = out.services;  // `a.b` means `a.b/1`
    for (Named& n : full)
      if (n.name.find('/') == std::string::npos) n.name += "/1";
    expect_unique(full, "provides.services", findings);
  }
  if (const Value* const v = map->find("events")) out.events = read_names(*v, "provides.events", is_topic, topic_grammar, true, findings);
  return out;
}

PermissionRequests read_permissions(const Value& value, Findings& findings) {
  static constexpr std::array<std::string_view, 4> sections = {"services", "events", "storage", "http"};
  PermissionRequests out;
  const ValueMap* const map = expect_map(value, "permissions", "a map {services, events, storage, http}", findings);
  if (map == nullptr) return out;
  expect_keys(*map, "permissions", sections, findings);
  const auto section = [&](std::string_view name, std::span<const std::string_view> keys) -> const ValueMap* {
    const Value* const v = map->find(name);
    if (v == nullptr) return nullptr;
    const std::string path = "permissions." + std::string(name);
    const ValueMap* const m = expect_map(*v, path, "a map", findings);
    if (m != nullptr) expect_keys(*m, path, keys, findings);
    return m;
  };
  const auto names = [&findings](const ValueMap& m, std::string_view key, std::string_view path, bool (*is_valid)(std::string_view),
                                 std::string_view grammar) {
    const Value* const v = m.find(key);
    return v != nullptr ? read_names(*v, path, is_valid, grammar, true, findings) : std::vector<Named>();
  };
  static constexpr std::array<std::string_view, 1> service_keys = {"call"};
  if (const ValueMap* const m = section("services", service_keys))
    out.service_calls = names(*m, "call", "permissions.services.call", is_service_pattern, service_pattern_grammar);
  static constexpr std::array<std::string_view, 2> event_keys = {"publish", "subscribe"};
  if (const ValueMap* const m = section("events", event_keys)) {
    out.event_publishes = names(*m, "publish", "permissions.events.publish", is_topic, topic_grammar);
    out.event_subscribes = names(*m, "subscribe", "permissions.events.subscribe", is_topic, topic_grammar);
  }
  static constexpr std::array<std::string_view, 2> storage_keys = {"namespaces", "max_bytes"};
  if (const ValueMap* const m = section("storage", storage_keys)) {
    out.storage_namespaces = names(*m, "namespaces", "permissions.storage.namespaces", is_namespace, namespace_grammar);
    if (const Value* const v = m->find("max_bytes")) {
      const std::string* const text =
          expect_string(*v, "permissions.storage.max_bytes", "a size with a unit", findings, "write it like 256MiB");
      if (text != nullptr) {
        const Result<std::uint64_t> size = parse_size(*text);
        if (size)
          out.storage_max_bytes = *size;
        else
          findings.error("manifest.bad_size", v->where(), size.error().message, "write it like 256MiB");
      }
    }
  }
  static constexpr std::array<std::string_view, 1> http_keys = {"routes"};
  if (const ValueMap* const m = section("http", http_keys))
    out.http_routes = names(*m, "routes", "permissions.http.routes", is_route, route_grammar);
  return out;
}

std::vector<std::pair<std::string, nanoseconds>> read_timeouts(const Value& value, Findings& findings) {
  std::vector<std::pair<std::string, nanoseconds>> out;
  const ValueMap* const map = expect_map(value, "timeouts", "a map of phases and durations", findings);
  if (map == nullptr) return out;
  std::array<std::string_view, phases.size()> names;
  std::transform(phases.begin(), phases.end(), names.begin(), [](const Phase& p) { return p.name; });
  expect_keys(*map, "timeouts", names, findings);
  for (const ValueMap::Member& m : *map) {
    const auto* const phase = std::find_if(phases.begin(), phases.end(), [&m](const Phase& p) { return p.name == m.key; });
    if (phase == phases.end()) continue;
    const std::string path = "timeouts." + m.key;
    const std::string* const text = expect_string(m.value, path, "a duration with a unit", findings, "write it like 20s or 500ms");
    if (text == nullptr) continue;
    const Result<nanoseconds> d = parse_duration(*text);
    if (!d) {
      findings.error("manifest.bad_duration", m.value.where(), d.error().message, "write it like 20s or 500ms");
      continue;
    }
    if (*d < shortest_timeout || *d > 2 * phase->standard) {
      findings.error("manifest.bounds", m.value.where(),
                     in_backticks(path) + " is " + format_duration(*d) + ", allowed are " + format_duration(shortest_timeout) + " to " +
                         format_duration(2 * phase->standard),
                     *d < shortest_timeout ? "" : "a longer one is the operator's to give: modules.<name>.timeouts." + m.key);
      continue;
    }
    out.emplace_back(m.key, *d);
  }
  return out;
}

std::string read_library(const Value& value, Findings& findings) {
  static constexpr std::string_view help = "write it relative to the manifest, for example liborders.so";
  const std::string* const text = expect_string(value, "library", "a path", findings, help);
  if (text == nullptr) return {};
  const auto refuse = [&](const std::string& why) {
    findings.error("manifest.bad_library", value.where(), "`library` " + why, std::string(help));
    return std::string();
  };
  if (text->empty()) return refuse("is empty");
  if (text->size() > max_library_path) return refuse("is longer than " + std::to_string(max_library_path) + " bytes");
  if (has_control_character(*text)) return refuse("contains a control character");
  if ((*text)[0] == '/') return refuse("is an absolute path");
  if (*text == "." || text->ends_with('/') || text->ends_with("/.")) return refuse("names a directory, but must name a file");
  for (std::string_view part : split(*text, '/')) {
    if (part == "..") return refuse("leaves its directory through `..`");
    if (part.empty()) return refuse("contains an empty directory name");
  }
  return *text;
}

std::string read_description(const Value& value, Findings& findings) {
  const std::string* const text = expect_string(value, "description", "a line of text", findings);
  if (text == nullptr) return {};
  std::string out = *text;
  while (!out.empty() && out.back() == '\n') out.pop_back();  // what a folded text ends with
  if (has_control_character(out))
    findings.error("manifest.bad_description", value.where(), "`description` contains a line break or control character", "write one line");
  else if (utf8_length(out) > max_description)
    findings.error("manifest.bad_description", value.where(),
                   "`description` has " + std::to_string(utf8_length(out)) + " characters, at most " + std::to_string(max_description) +
                       " are allowed");
  return out;
}

}  // namespace tenon::host

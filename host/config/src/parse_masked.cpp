#include "layers.hpp"
#include "manifest/yaml.hpp"
#include "secrets.hpp"
#include "url.hpp"

namespace tenon::host::config_room {
namespace {

std::string_view line_at(std::string_view text, std::uint32_t line) {
  for (std::uint32_t i = 1; i < line; ++i) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

// A text that stands for a URL but is none: nobody knows what part of it is a password.
bool is_broken_url(const ValueMap::Member& member) {
  const std::string* text = member.value.as_string();
  return text != nullptr && (member.key == "url" || member.key == "admin_url") && text->find("://") == std::string::npos &&
         !url_problem(*text).empty();
}

// Scalars below secret names, and URLs with passwords, wherever YAML let them be written.
void blank_secrets(const Value& value, bool secret, MaskedText& text) {
  if (const ValueMap* map = value.as_map()) {
    for (const ValueMap::Member& member : *map)
      blank_secrets(member.value, secret || is_secret_name(member.key) || is_broken_url(member), text);
  } else if (const ValueList* list = value.as_list()) {
    for (const Value& item : *list) blank_secrets(item, secret, text);
  } else if (!value.is_null() && (secret || (value.is_string() && has_url_password(*value.as_string())))) {
    text.blank_scalar(value.where().line, value.where().column);
  }
}

void blank_scalars(const Value& value, const SourceRef& source, MaskedText& text) {
  if (const ValueMap* map = value.as_map()) {
    for (const ValueMap::Member& member : *map) blank_scalars(member.value, source, text);
  } else if (const ValueList* list = value.as_list()) {
    for (const Value& item : *list) blank_scalars(item, source, text);
  } else if (!value.is_null() && value.source() == source) {
    text.blank_scalar(value.where().line, value.where().column);
  }
}

}  // namespace

SourceRef without_module_values(const Value& tree) {
  const Value* modules = tree.find("modules");
  if (modules == nullptr || !modules->is_map()) return nullptr;
  const SourceRef source = modules->source();
  if (!source) return nullptr;
  MaskedText text(source->text);
  for (const ValueMap::Member& member : *modules->as_map())
    if (const Value* config = member.value.find("config")) blank_scalars(*config, source, text);
  return text.text() == source->text ? nullptr : std::make_shared<const Source>(Source{source->name, text.text()});
}

std::optional<Value> parse_masked(const std::string& name, std::string text, bool flow, Diagnostics& diagnostics) {
  const auto source = std::make_shared<const Source>(Source{name, std::move(text)});
  Diagnostics found;
  std::optional<Value> value = flow ? parse_yaml_flow(source, found) : parse_yaml(source, found);
  MaskedText shown(source->text);
  if (value)
    blank_secrets(*value, false, shown);
  else
    shown.blank_module_values();
  if (shown.changed()) {
    const auto masked_source = std::make_shared<const Source>(Source{name, shown.text()});
    if (value) move_places(*value, source, masked_source);
    for (Diagnostic& d : found.items()) {
      if (d.where.source != source) continue;
      d.where.source = masked_source;
      // The parser's own words may quote what stands in the line.
      if (line_at(source->text, d.where.line) == line_at(shown.text(), d.where.line)) continue;
      d.message = without_quotes(d.message);
      d.help = without_quotes(d.help);
    }
  }
  diagnostics.append(std::move(found));
  return value;
}

bool has_literal_password(std::string_view text) {
  for (const auto& [begin, end] : url_passwords(text))
    if (text.substr(begin, end - begin).find("${") == std::string_view::npos) return true;
  return false;
}

}  // namespace tenon::host::config_room

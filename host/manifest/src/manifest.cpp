#include "manifest/manifest.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.hpp"
#include "manifest/yaml.hpp"
#include "manifest_fields.hpp"
#include "manifest_sections.hpp"

namespace tenon::host {
namespace {

constexpr std::int64_t manifest_format = 1;  // of the keys below and what they mean

constexpr std::array<std::string_view, 16> known_keys = {
    "manifest",     "sdk",   "name",     "version",     "description",   "library",  "requires", "after",
    "capabilities", "needs", "provides", "permissions", "config_schema", "defaults", "timeouts", "critical"};

bool is_known_key(std::string_view key) { return std::find(known_keys.begin(), known_keys.end(), key) != known_keys.end(); }
bool is_free_key(std::string_view key) { return key.size() > 2 && key.substr(0, 2) == "x-"; }

/// Keys of `modules.<name>` in the operator's configuration, which authors write here by mistake.
bool is_operators_key(std::string_view key) {
  return key == "required" || key == "enabled" || key == "config" || key == "database" || key == "grants";
}

struct SdkVersion {
  std::uint32_t major_number = 0, minor_number = 0;
  friend auto operator<=>(const SdkVersion&, const SdkVersion&) = default;
};

/// "1.0": two numbers without leading zeros.
std::optional<SdkVersion> parse_sdk(std::string_view text) {
  SdkVersion out;
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto number = [](std::string_view s, std::uint32_t& n) {
    if (s.empty() || s.size() > 9 || (s.size() > 1 && s[0] == '0')) return false;
    const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), n);
    return error == std::errc() && end == s.data() + s.size();
  };
  if (!number(text.substr(0, dot), out.major_number) || !number(text.substr(dot + 1), out.minor_number)) return std::nullopt;
  return out;
}

/// Reads the parts of one document that was well-formed YAML.
class Reader {
 public:
  Reader(const ValueMap& map, const Value& document, std::string_view host_sdk, Manifest& out, Findings& findings)
      : map_(map), document_(document), host_sdk_(host_sdk), out_(out), findings_(findings) {}

  void read() {
    if (!read_format()) return;
    read_sdk();
    read_name();
    read_version();
    read_critical();
    check_keys();
    if (const Value* v = map_.find("description")) out_.description = read_description(*v, findings_);
    if (const Value* v = map_.find("library")) {
      out_.library = read_library(*v, findings_);
      out_.library_where = v->where();
    }
    if (const Value* v = map_.find("requires")) out_.requirements = read_requirements(*v, findings_);
    if (const Value* v = map_.find("after")) out_.after = read_names(*v, "after", is_module_name, module_name_grammar, false, findings_);
    if (const Value* v = map_.find("capabilities")) out_.capabilities = read_capabilities(*v, findings_);
    if (const Value* v = map_.find("needs")) out_.needs = read_needs(*v, findings_);
    if (const Value* v = map_.find("provides")) out_.provides = read_provides(*v, findings_);
    if (const Value* v = map_.find("permissions")) out_.permissions = read_permissions(*v, findings_);
    if (const Value* v = map_.find("timeouts")) out_.timeouts = read_timeouts(*v, findings_);
    read_config();
  }

 private:
  const Value* require(std::string_view key, std::string_view help) {
    const Value* const v = map_.find(key);
    if (v == nullptr)
      findings_.error("manifest.missing_key", document_.where(), "the manifest lacks the key " + in_backticks(key), std::string(help));
    return v;
  }

  /// False if the rest may mean something else than this host thinks.
  bool read_format() {
    const Value* const v = require("manifest", "begin it with a line `manifest: 1`");
    if (v == nullptr) return true;
    const std::int64_t* const n = v->as_integer();
    if (n == nullptr) {
      findings_.error("manifest.wrong_type", v->where(), "`manifest` is " + a_kind_of(*v) + ", expected the number 1",
                      v->as_string() != nullptr ? "write it without quotes" : "");
      return true;
    }
    if (*n == manifest_format) return true;
    findings_.error("manifest.format", v->where(), "the manifest has format " + std::to_string(*n) + ", this host reads format 1",
                    *n > manifest_format ? "a newer host is needed, or a manifest written for this one" : "write `manifest: 1`");
    return false;
  }

  void read_sdk() {
    const Value* const v = require("sdk", "add the version of the SDK it was written with: sdk: \"1.0\"");
    if (v == nullptr) return;
    const std::string* text = v->as_string();
    if (text == nullptr) {  // 1.10 is the number 1.1
      const std::string written(as_written(*v));
      const bool only_quotes = parse_sdk(written).has_value();
      text = expect_string(*v, "sdk", "a string", findings_,
                           only_quotes ? "put it in quotes: \"" + written + '"' : "write it in quotes, for example \"1.0\"");
    }
    if (text == nullptr) return;
    const std::optional<SdkVersion> sdk = parse_sdk(*text);
    if (!sdk) {
      findings_.error("manifest.bad_sdk", v->where(), in_backticks(*text) + " is not an SDK version",
                      "expected MAJOR.MINOR, for example \"1.0\"");
      return;
    }
    out_.sdk = *text;
    is_newer_ = *sdk > parse_sdk(host_sdk_).value_or(SdkVersion());
  }

  void read_name() {
    const Value* const v = require("name", "add the module's name: name: orders");
    const std::string* const text = v != nullptr ? expect_string(*v, "name", "a module name", findings_) : nullptr;
    if (text == nullptr) return;
    out_.name_where = v->where();
    if (is_module_name(*text))
      out_.name = *text;
    else
      findings_.error("manifest.bad_name", v->where(), in_backticks(*text) + " is not a module name",
                      "expected " + std::string(module_name_grammar));
  }

  void read_version() {
    const Value* const v = require("version", "add the module's version: version: 1.0.0");
    const std::string* const text =
        v != nullptr ? expect_string(*v, "version", "a semantic version like 1.4.2", findings_, "write three numbers: MAJOR.MINOR.PATCH")
                     : nullptr;
    if (text == nullptr) return;
    Result<Version> version = Version::parse(*text);
    if (version)
      out_.version = std::move(*version);
    else
      findings_.error("manifest.bad_version", v->where(), version.error().message,
                      "expected MAJOR.MINOR.PATCH as in semver.org, for example 1.4.2");
  }

  void read_critical() {
    const Value* const v = map_.find("critical");
    if (v == nullptr) return;
    const auto is_key = [](std::string_view s) { return !s.empty(); };
    critical_ = read_names(*v, "critical", is_key, "a key of this manifest", true, findings_);
    for (const Named& n : critical_)
      if (map_.find(n.name) == nullptr)
        findings_.error("manifest.critical", n.where, "`critical` names " + in_backticks(n.name) + ", which this manifest does not have",
                        "name a key of the manifest, or remove it");
  }

  void check_keys() {
    for (const ValueMap::Member& m : map_) {
      if (is_known_key(m.key)) continue;
      const bool is_critical = std::any_of(critical_.begin(), critical_.end(), [&m](const Named& n) { return n.name == m.key; });
      if (is_free_key(m.key) && !is_critical) continue;
      std::string message = "this host does not know the key " + in_backticks(m.key);
      std::string help = is_operators_key(m.key) ? operators_key_help(m.key) : suggestion(m.key, known_keys);
      if (is_critical)
        findings_.error("manifest.unknown_key", m.key_where, message + ", which the manifest calls critical", "a newer host is needed");
      else if (is_newer_)
        findings_.warning("manifest.unknown_key", m.key_where,
                          message + " and ignores it: the manifest was written with the newer SDK " + out_.sdk, std::move(help));
      else
        findings_.error("manifest.unknown_key", m.key_where, message, help.empty() ? "keys of your own begin with `x-`" : std::move(help));
    }
  }

  [[nodiscard]] std::string operators_key_help(std::string_view key) const {
    const std::string path = "modules." + (out_.name.empty() ? "NAME" : out_.name) + "." + std::string(key);
    return "this belongs to the operator, in the configuration: `" + path + "`";
  }

  void read_config() {
    const Value* const schema = map_.find("config_schema");
    const Value* const defaults = map_.find("defaults");
    if (schema != nullptr) {
      if (schema->is_map() || schema->as_bool() != nullptr)
        out_.config_schema = *schema;
      else
        findings_.error("manifest.wrong_type", schema->where(),
                        "`config_schema` is " + a_kind_of(*schema) + ", expected a JSON Schema: a map, true or false");
    }
    if (defaults == nullptr) return;
    if (expect_map(*defaults, "defaults", "a map", findings_) == nullptr) return;
    if (schema == nullptr && !defaults->as_map()->empty())
      findings_.error("manifest.defaults_without_schema", map_.find_member("defaults")->key_where,
                      "`defaults` needs `config_schema`: a module without one takes no configuration",
                      "add `config_schema`, or remove `defaults`");
    else
      out_.defaults = *defaults;
  }

  const ValueMap& map_;
  const Value& document_;
  std::string_view host_sdk_;
  Manifest& out_;
  Findings& findings_;
  std::vector<Named> critical_;
  bool is_newer_ = false;
};

}  // namespace

std::optional<Manifest> read_manifest(const SourceRef& source, std::string_view host_sdk, Diagnostics& diagnostics) {
  std::optional<Value> document = parse_yaml(source, diagnostics);
  if (!document) return std::nullopt;
  Findings findings;
  std::optional<Manifest> out(std::in_place);
  const ValueMap* const map = document->as_map();
  if (map == nullptr)
    findings.error("manifest.wrong_type", document->where(), "a manifest is a map of keys, this is " + a_kind_of(*document));
  else
    Reader(*map, *document, host_sdk, *out, findings).read();
  for (Diagnostic& d : findings.diagnostics().items()) d.module = out->name;
  diagnostics.append(std::move(findings.diagnostics()));
  if (findings.failed()) return std::nullopt;
  out->document = std::move(*document);
  out->source = source;
  return out;
}

}  // namespace tenon::host

// Any bytes as a manifest: it is read, or there is an error whose place lies in the text.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/text.hpp"
#include "manifest/manifest.hpp"
#include "manifest/yaml.hpp"
#include "manifest/yaml_paths.hpp"

using namespace tenon::host;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool same_where(const Where& a, const Where& b) { return a.line == b.line && a.column == b.column && a.length == b.length; }

/// Content and places.
bool same(const Value& a, const Value& b) {
  if (a.kind() != b.kind() || !same_where(a.where(), b.where())) return false;
  if (const ValueList* list = a.as_list()) return std::equal(list->begin(), list->end(), b.as_list()->begin(), b.as_list()->end(), same);
  if (const ValueMap* map = a.as_map())
    return std::equal(map->begin(), map->end(), b.as_map()->begin(), b.as_map()->end(),
                      [](const ValueMap::Member& x, const ValueMap::Member& y) {
                        return x.key == y.key && same_where(x.key_where, y.key_where) && same(x.value, y.value);
                      });
  return a == b;
}

void check_places(const Value& value, std::uint32_t lines) {
  const Where w = value.where();
  require(w.line >= 1 && w.line <= lines && w.column >= 1 && w.length >= 1);
  if (const ValueList* list = value.as_list())
    for (const Value& v : *list) check_places(v, lines);
  if (const ValueMap* map = value.as_map())
    for (const ValueMap::Member& m : *map) {
      require(m.key_where.line >= 1 && m.key_where.line <= lines);
      check_places(m.value, lines);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto lines = static_cast<std::uint32_t>(std::count(text.begin(), text.end(), '\n') + 1);
  const SourceRef source = std::make_shared<Source>(Source{"fuzz.yaml", text});
  Diagnostics d;
  const std::optional<Manifest> m = read_manifest(source, "1.0", d);
  require(m.has_value() == !d.has_errors());
  for (const Diagnostic& x : d.items()) {
    require(x.where.line <= lines);
    require(!x.message.empty() && printable(x.message, SIZE_MAX) == x.message);
    require(printable(x.help, SIZE_MAX) == x.help);
  }
  require(invalid_utf8_at(to_text(d)) == std::string::npos);
  if (m) {
    require(is_module_name(m->name));
    require(!differing_key(*m, *m));
    check_places(m->document, lines);
  }
  if (const std::optional<Value> plain = parse_plain_yaml(source)) {
    Diagnostics none;
    const std::optional<Value> full = parse_yaml_with_yaml_cpp(source, none);
    require(full && same(*plain, *full));
  }
  Diagnostics flow;
  const std::optional<Value> v = parse_yaml_flow(source, flow);
  require(v.has_value() == !flow.has_errors());
  return 0;
}

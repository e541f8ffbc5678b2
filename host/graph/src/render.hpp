// What the renderings share. Names that come from files are untrusted: they pass through printable() and the escape of the format.
#pragma once

#include <string>
#include <string_view>

#include "base/text.hpp"
#include "graph/plan.hpp"

namespace tenon::host {

inline std::string shown_name(const PlannedModule& m) { return printable(m.candidate.name); }
inline std::string shown_version(const PlannedModule& m) {
  return m.candidate.manifest != nullptr ? printable(m.candidate.manifest->version.str(), 64) : std::string();
}
/// By trust for what is trusted, else by origin: a stray file in the runtime directory is no RuntimeModule.
inline std::string_view kind_of(const PlannedModule& m) { return m.trusted ? "runtime" : "plugin"; }

}  // namespace tenon::host

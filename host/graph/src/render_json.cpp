#include "render.hpp"

namespace tenon::host {
namespace {

void member(std::string& out, std::string_view key, std::string_view text) {
  out += ",\"";
  out += key;
  out += "\":";
  append_json_string(out, text);
}

void names(std::string& out, std::string_view key, const Plan& plan, const std::vector<std::uint32_t>& indices) {
  out += ",\"";
  out += key;
  out += "\":[";
  for (std::size_t k = 0; k < indices.size(); ++k) {
    if (k != 0) out += ',';
    append_json_string(out, plan.modules[indices[k]].candidate.name);
  }
  out += ']';
}

}  // namespace

std::string graph_json(const Plan& plan) {
  std::string out = "{\"format\":1,\"exit\":" + std::to_string(static_cast<int>(plan.exit)) +
                    ",\"planned\":" + std::to_string(plan.planned) + ",\"modules\":[";
  for (std::size_t i = 0; i < plan.modules.size(); ++i) {
    const PlannedModule& m = plan.modules[i];
    out += i == 0 ? "\n {\"name\":" : ",\n {\"name\":";
    append_json_string(out, m.candidate.name);
    if (m.candidate.manifest != nullptr) member(out, "version", m.candidate.manifest->version.str());
    member(out, "kind", kind_of(m));
    member(out, "fate", fate_name(m.fate));
    out += m.required ? ",\"required\":true" : ",\"required\":false";
    if (i < plan.planned) out += ",\"order\":" + std::to_string(i + 1);
    if (!m.reason.empty()) member(out, "reason", m.reason);
    names(out, "requires", plan, m.requires_);
    names(out, "after", plan, m.after);
    if (m.candidate.file) member(out, "path", m.candidate.file->path);
    out += '}';
  }
  out += plan.modules.empty() ? "]" : "\n]";
  return out + ",\"findings\":" + to_json(plan.diagnostics) + "}\n";
}

}  // namespace tenon::host

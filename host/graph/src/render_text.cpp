#include <algorithm>
#include <array>
#include <vector>

#include "render.hpp"

namespace tenon::host {
namespace {

using Row = std::vector<std::string>;

/// Columns as wide as their widest cell; the last one is not padded.
std::string table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], utf8_length(row[c]));
  }
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      if (c != 0) text += "  ";
      text += row[c];
      if (c + 1 < row.size()) text.append(widths[c] - utf8_length(row[c]), ' ');
    }
    text += '\n';
  }
  return text;
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

std::string requirements_of(const Plan& plan, const PlannedModule& m) {
  std::string text;
  for (const std::uint32_t r : m.requires_) text += (text.empty() ? "" : ", ") + shown_name(plan.modules[r]);
  for (const std::uint32_t a : m.after) text += (text.empty() ? "after " : ", after ") + shown_name(plan.modules[a]);
  return or_dash(text);
}

std::string kind_and_need(const PlannedModule& m) { return std::string(kind_of(m)) + (m.required ? ", required" : ""); }

}  // namespace

std::string graph_text(const Plan& plan) {
  std::vector<Row> rows{{"#", "module", "version", "kind", "fate", "requires"}};
  for (std::size_t i = 0; i < plan.planned; ++i) {
    const PlannedModule& m = plan.modules[i];
    rows.push_back({std::to_string(i + 1), shown_name(m), or_dash(shown_version(m)), kind_and_need(m), std::string(fate_name(m.fate)),
                    requirements_of(plan, m)});
  }
  std::string text = plan.planned == 0 ? "no module is planned\n" : table(rows);
  if (plan.planned == plan.modules.size()) return text;

  rows = {{"not planned", "version", "kind", "fate", "reason"}};
  for (std::size_t i = plan.planned; i < plan.modules.size(); ++i) {
    const PlannedModule& m = plan.modules[i];
    rows.push_back({shown_name(m), or_dash(shown_version(m)), kind_and_need(m), std::string(fate_name(m.fate)), printable(m.reason, 2000)});
  }
  return text + '\n' + table(rows);
}

}  // namespace tenon::host

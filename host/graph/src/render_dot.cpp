#include <unordered_map>
#include <vector>

#include "render.hpp"

namespace tenon::host {
namespace {

/// A quoted string of the DOT language; the text is printable, so that only quotes and backslashes are special.
std::string dot_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string_view colour(Fate fate) {
  switch (fate) {
    case Fate::planned:
      return "#d8f0d8";
    case Fate::refused:
      return "#f6c9c9";
    case Fate::blocked:
      return "#fbe3b8";
    case Fate::disabled:
      break;
  }
  return "#e4e4e4";
}

/// A text to be displayed: there GraphViz reads entities, too.
std::string dot_label(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped += c == '&' ? std::string("&amp;") : std::string(1, c);
  return dot_string(escaped);
}

/// Names as ids; candidates of one name are told apart by a number.
std::vector<std::string> node_ids(const Plan& plan) {
  std::unordered_map<std::string, unsigned> seen;
  std::vector<std::string> ids;
  ids.reserve(plan.modules.size());
  for (const PlannedModule& m : plan.modules) {
    std::string name = shown_name(m);
    const unsigned nth = ++seen[name];
    ids.push_back(dot_string(nth == 1 ? name : name + " #" + std::to_string(nth)));
  }
  return ids;
}

}  // namespace

std::string graph_dot(const Plan& plan) {
  const std::vector<std::string> ids = node_ids(plan);
  std::string text =
      "digraph tenon {\n"
      "  rankdir=BT;\n"
      "  node [shape=box, style=filled, fontname=\"sans-serif\", fontsize=11];\n"
      "  edge [arrowsize=0.7];\n";
  for (std::size_t i = 0; i < plan.modules.size(); ++i) {
    const PlannedModule& m = plan.modules[i];
    const std::string version = shown_version(m);
    std::string tooltip(fate_name(m.fate));
    if (!m.reason.empty()) tooltip += ": " + printable(m.reason, 2000);
    text += "  " + ids[i] + " [label=" + dot_label(shown_name(m) + (version.empty() ? "" : " " + version)) + ", fillcolor=\"";
    text += colour(m.fate);
    text += "\", tooltip=" + dot_label(tooltip);
    if (m.trusted) text += ", peripheries=2";
    if (m.required) text += ", penwidth=2";
    text += "];\n";
  }
  for (std::size_t i = 0; i < plan.modules.size(); ++i) {
    for (const std::uint32_t r : plan.modules[i].requires_) text += "  " + ids[i] + " -> " + ids[r] + ";\n";
    for (const std::uint32_t a : plan.modules[i].after) text += "  " + ids[i] + " -> " + ids[a] + " [style=dashed];\n";
  }
  return text + "}\n";
}

}  // namespace tenon::host

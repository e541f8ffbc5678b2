// A layered drawing without GraphViz: what requires nothing stands in the first row, everything else below what it requires.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/xml.hpp"
#include "render.hpp"

namespace tenon::host {
namespace {

constexpr int margin = 20, box_height = 40, gap_x = 16, gap_y = 14, level_gap = 44, character = 7, smallest_box = 96, largest_box = 320,
              page_width = 1400, band_title = 26;

struct Box {
  int x = 0, y = 0;
};

struct Layout {
  std::vector<Box> boxes;
  int box_width = smallest_box, width = 0, height = 0, others_y = 0;
};

/// Longest path from a module that requires nothing. Planned modules stand behind what they require, so one pass does it.
std::vector<std::vector<std::uint32_t>> levels(const Plan& plan) {
  std::vector<std::uint32_t> level(plan.planned, 0);
  std::vector<std::vector<std::uint32_t>> list;
  for (std::uint32_t i = 0; i < plan.planned; ++i) {
    const PlannedModule& m = plan.modules[i];
    for (const auto* edges : {&m.requires_, &m.after})
      for (const std::uint32_t r : *edges) level[i] = std::max(level[i], level[r] + 1);
    if (list.size() <= level[i]) list.resize(level[i] + 1);
    list[level[i]].push_back(i);
  }
  return list;
}

/// Sorts a level by where the middle of each module's requirements is, so that fewer edges cross.
void sort_by_middle(const Plan& plan, const std::vector<Box>& boxes, std::vector<std::uint32_t>& level) {
  std::vector<std::pair<double, std::uint32_t>> keyed;
  for (const std::uint32_t i : level) {
    double sum = 0;
    for (const std::uint32_t r : plan.modules[i].requires_) sum += boxes[r].x;
    const std::size_t n = plan.modules[i].requires_.size();
    keyed.emplace_back(n == 0 ? 0.0 : sum / static_cast<double>(n), i);
  }
  std::sort(keyed.begin(), keyed.end());
  for (std::size_t k = 0; k < level.size(); ++k) level[k] = keyed[k].second;
}

/// Rows of boxes from `y` down, as many in a row as fit the page; returns where the next thing may stand.
int put_rows(Layout& layout, const std::vector<std::uint32_t>& members, int y) {
  const int step = layout.box_width + gap_x;
  const int in_row = std::max(1, (page_width - 2 * margin + gap_x) / step);
  for (std::size_t k = 0; k < members.size(); ++k) {
    const int column = static_cast<int>(k) % in_row, row = static_cast<int>(k) / in_row;
    Box& box = layout.boxes[members[k]];
    box = {margin + column * step, y + row * (box_height + gap_y)};
    layout.width = std::max(layout.width, box.x + layout.box_width + margin);
  }
  const int rows = (static_cast<int>(members.size()) + in_row - 1) / in_row;
  return y + rows * (box_height + gap_y);
}

Layout lay_out(const Plan& plan) {
  Layout layout;
  layout.boxes.resize(plan.modules.size());
  for (const PlannedModule& m : plan.modules)
    layout.box_width = std::max(layout.box_width, static_cast<int>(utf8_length(shown_name(m))) * character + 20);
  layout.box_width = std::min(layout.box_width, largest_box);
  int y = margin;
  for (auto& level : levels(plan)) {
    sort_by_middle(plan, layout.boxes, level);
    y = put_rows(layout, level, y) - gap_y + level_gap;
  }
  if (plan.planned != plan.modules.size()) {
    layout.others_y = y + 12;
    std::vector<std::uint32_t> others;
    for (std::size_t i = plan.planned; i < plan.modules.size(); ++i) others.push_back(static_cast<std::uint32_t>(i));
    y = put_rows(layout, others, layout.others_y + band_title);
  }
  layout.height = y + margin;
  layout.width = std::max(layout.width, 240);
  return layout;
}

std::string number(int n) { return std::to_string(n); }

/// From the top of the module to the bottom of what it requires, which stands above; between boxes of one row from side to side in an arc.
void draw_edge(std::string& out, const Layout& layout, std::uint32_t from, std::uint32_t to, std::string_view css) {
  const Box &a = layout.boxes[from], &b = layout.boxes[to];
  const int half = layout.box_width / 2;
  const bool above = b.y < a.y;
  const int x1 = a.x + half, y1 = above ? a.y : a.y + box_height, x2 = b.x + half,
            y2 = above        ? b.y + box_height
                 : b.y == a.y ? b.y + box_height
                              : b.y;
  const int bend = b.y == a.y ? gap_y * 2 : std::max(12, std::abs(y2 - y1) / 2) * (above ? -1 : 1);
  const int back = b.y == a.y ? bend : -bend;
  out += "<path class=\"" + std::string(css) + "\" d=\"M" + number(x1) + ' ' + number(y1) + " C" + number(x1) + ' ' + number(y1 + bend) +
         ' ' + number(x2) + ' ' + number(y2 + back) + ' ' + number(x2) + ' ' + number(y2) + "\" marker-end=\"url(#arrow)\"/>\n";
}

void draw_box(std::string& out, const PlannedModule& m, const Layout& layout, const Box& box, std::size_t place) {
  const std::string name = shown_name(m), version = shown_version(m);
  std::string tip = name + (version.empty() ? "" : ' ' + version) + ": " + std::string(fate_name(m.fate));
  if (!m.reason.empty()) tip += ": " + printable(m.reason, 2000);
  std::string label = name;
  const auto fits = static_cast<std::size_t>((layout.box_width - 12) / character);
  if (utf8_length(label) > fits) label = printable(label, fits - 1);
  std::string below = place != 0 ? '#' + std::to_string(place) : std::string(fate_name(m.fate));
  if (!version.empty()) below += " · " + printable(version, 16);
  const int middle = box.x + layout.box_width / 2;
  out += "<g><title>" + xml_escaped(tip) + "</title><rect class=\"" + std::string(fate_name(m.fate)) + (m.trusted ? " runtime" : "") +
         (m.required ? " required" : "") + "\" x=\"" + number(box.x) + "\" y=\"" + number(box.y) + "\" width=\"" +
         number(layout.box_width) + "\" height=\"" + number(box_height) + "\" rx=\"4\"/><text class=\"name\" x=\"" + number(middle) +
         "\" y=\"" + number(box.y + 17) + "\">" + xml_escaped(label) + "</text><text class=\"small\" x=\"" + number(middle) + "\" y=\"" +
         number(box.y + 32) + "\">" + xml_escaped(below) + "</text></g>\n";
}

}  // namespace

std::string graph_svg(const Plan& plan) {
  const Layout layout = lay_out(plan);
  std::string out = svg_begin(layout.width, layout.height, R"(font-family="monospace" text-anchor="middle")");
  out +=
      "<style>rect{stroke:#555}.planned{fill:#d8f0d8}.refused{fill:#f6c9c9}.blocked{fill:#fbe3b8}.disabled{fill:#e4e4e4}"
      ".runtime{stroke:#2a5db0}.required{stroke-width:2.5}.name{font-size:12px}.small{font-size:10px;fill:#555}"
      "path{fill:none;stroke:#777}.after{stroke-dasharray:5 4}.broken{stroke:#b33}</style>\n"
      "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">"
      "<path d=\"M0 0L8 4L0 8z\" style=\"fill:#777;stroke:none\"/></marker></defs>\n";
  for (std::uint32_t i = 0; i < plan.modules.size(); ++i) {
    for (const std::uint32_t r : plan.modules[i].requires_) draw_edge(out, layout, i, r, i < plan.planned ? "requires" : "broken");
    for (const std::uint32_t a : plan.modules[i].after) draw_edge(out, layout, i, a, i < plan.planned ? "after" : "after broken");
  }
  if (layout.others_y != 0)
    out += "<text class=\"small\" style=\"text-anchor:start\" x=\"" + number(margin) + "\" y=\"" + number(layout.others_y + 16) +
           "\">not planned</text>\n";
  for (std::size_t i = 0; i < plan.modules.size(); ++i)
    draw_box(out, plan.modules[i], layout, layout.boxes[i], i < plan.planned ? i + 1 : 0);
  out += svg_end;
  return out;
}

}  // namespace tenon::host

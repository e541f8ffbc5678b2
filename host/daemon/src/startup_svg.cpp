#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "base/xml.hpp"
#include "daemon/startup_report.hpp"
#include "startup_times.hpp"

namespace tenon::host {
namespace {

constexpr double plot_left = 220, plot_width = 1200, right_margin = 40, row_height = 18, bar_height = 12, header_height = 92;
constexpr std::size_t longest_label = 30;  // the tooltips have the whole name
constexpr double narrowest_bar = 0.75;     // a phase of a microsecond must still be seen

struct PhaseColour {
  std::string_view phase, colour;
};
constexpr std::array<PhaseColour, 14> phase_colours{{{"discover", "#8dd3c7"},
                                                     {"plan", "#bc80bd"},
                                                     {"load", "#80b1d3"},
                                                     {"create", "#fdb462"},
                                                     {"pre_init", "#ccebc5"},
                                                     {"migrate", "#b3a2c7"},
                                                     {"init", "#b3de69"},
                                                     {"post_init", "#d9d9d9"},
                                                     {"rest", "#fccde5"},
                                                     {"grpc", "#ffed6f"},
                                                     {"start", "#4f9d69"},
                                                     {"spawn", "#a6761d"},
                                                     {"open", "#1f78b4"},
                                                     {"drain", "#999999"}}};
constexpr std::string_view other_colour = "#bbbbbb";

std::string_view colour_of(std::string_view phase) {
  for (const PhaseColour& c : phase_colours)
    if (c.phase == phase) return c.colour;
  return other_colour;
}

/// Names may come from outside.
std::string escaped(std::string_view text) { return xml_escaped(printable(text, 120)); }

/// Two decimals, a point whatever the locale.
std::string number(double value) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed, 2).ptr;
  return {buffer, end};
}

std::string milliseconds(std::int64_t ns) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, static_cast<double>(ns) / 1e6, std::chars_format::fixed, 3).ptr;
  return std::string(buffer, end) + " ms";
}

/// The step 1, 2 or 5 times a power of ten that gives at most twelve ticks.
std::int64_t tick_step(std::int64_t range_ns) {
  std::int64_t power = 1000;
  while (true) {
    for (const std::int64_t factor : {1, 2, 5})
      if (range_ns / (power * factor) <= 12) return power * factor;
    power *= 10;
  }
}

class Plot {
 public:
  explicit Plot(const StartupReport& report) : report_(report), range_(std::max<std::int64_t>(last_ns() - report.origin_ns, 1000)) {}

  std::string draw() {
    const double height = header_height + row_height * static_cast<double>(report_.modules.size() + 1) + 24;
    out_ = svg_begin(static_cast<int>(plot_left + plot_width + right_margin), static_cast<int>(height),
                     R"(font-family="sans-serif" font-size="11")");
    title();
    legend();
    axis(height - 20);
    row("host", report_.host, "", true);
    for (const ModuleSpans& module : report_.modules) row(module.module, module.spans, module.state, module.required);
    out_ += svg_end;
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::int64_t last_ns() const {
    std::int64_t last = std::max(report_.ready_ns, report_.origin_ns);
    const auto include = [&](const std::vector<PhaseSpan>& spans) {
      for (const PhaseSpan& span : spans) last = std::max(last, span_end(span));
    };
    include(report_.host);
    for (const ModuleSpans& module : report_.modules) include(module.spans);
    return last;
  }

  [[nodiscard]] double x(std::int64_t ns) const {
    const auto offset = static_cast<double>(std::max<std::int64_t>(ns - report_.origin_ns, 0));
    return plot_left + plot_width * offset / static_cast<double>(range_);
  }

  void text(double at_x, double at_y, std::string_view attributes, std::string_view content) {
    out_ += "<text x=\"" + number(at_x) + "\" y=\"" + number(at_y) + "\"";
    out_ += attributes;
    out_ += ">" + escaped(content) + "</text>\n";
  }

  void rectangle(double at_x, double at_y, double width, double height, std::string_view attributes, const std::string& tooltip) {
    out_ +=
        "<rect x=\"" + number(at_x) + "\" y=\"" + number(at_y) + "\" width=\"" + number(width) + "\" height=\"" + number(height) + "\" ";
    out_ += attributes;
    out_ += tooltip.empty() ? "/>\n" : "><title>" + escaped(tooltip) + "</title></rect>\n";
  }

  void title() {
    char origin[28];
    format_rfc3339(report_.realtime_ns, origin);
    text(10, 20, " font-size=\"15\" font-weight=\"bold\"", report_.program + " " + report_.instance + ": " + report_.outcome);
    std::string line = std::string("started ") + origin + ", " + std::to_string(report_.modules.size()) + " modules";
    if (report_.ready_ns != 0) line += ", ready after " + milliseconds(report_.ready_ns - report_.origin_ns);
    text(10, 38, "", line);
  }

  [[nodiscard]] bool occurs(std::string_view phase) const {
    const auto in = [&](const std::vector<PhaseSpan>& spans) {
      return std::any_of(spans.begin(), spans.end(), [&](const PhaseSpan& span) { return span.phase == phase; });
    };
    return in(report_.host) ||
           std::any_of(report_.modules.begin(), report_.modules.end(), [&](const ModuleSpans& module) { return in(module.spans); });
  }

  void legend() {
    double at = 10;
    for (const PhaseColour& c : phase_colours) {
      if (!occurs(c.phase)) continue;
      rectangle(at, 48, 11, 11, "fill=\"" + std::string(c.colour) + "\"", "");
      text(at + 15, 58, "", c.phase);
      at += 30 + 7 * static_cast<double>(c.phase.size());
    }
    rectangle(at, 48, 11, 11, R"(fill="none" stroke="#d62728" stroke-width="1.5")", "");
    text(at + 15, 58, "", "not ok");
  }

  void axis(double bottom) {
    const std::int64_t step = tick_step(range_);
    for (std::int64_t at = 0; at <= range_; at += step) {
      vertical(report_.origin_ns + at, bottom, "#e5e5e5");
      text(x(report_.origin_ns + at), header_height - 14, " text-anchor=\"middle\" fill=\"#666666\"", milliseconds(at));
    }
    if (report_.ready_ns != 0) vertical(report_.ready_ns, bottom, "#2ca02c");
  }

  void vertical(std::int64_t at_ns, double bottom, std::string_view colour) {
    const std::string at = number(x(at_ns));
    out_ += "<line x1=\"" + at + "\" y1=\"" + number(header_height - 8) + "\" x2=\"" + at + "\" y2=\"" + number(bottom) + "\" stroke=\"";
    out_ += colour;
    out_ += "\"/>\n";
  }

  void row(std::string_view name, const std::vector<PhaseSpan>& spans, std::string_view state, bool strong) {
    const double top = header_height + row_height * rows_++;
    text(plot_left - 8, top + 11, strong ? " text-anchor=\"end\" font-weight=\"bold\"" : " text-anchor=\"end\"",
         printable(name, longest_label));
    double right = plot_left;
    for (const PhaseSpan& span : spans) {
      // A phase that still runs reaches to the end of the record.
      const bool running = span.result == SpanResult::running;
      const std::int64_t end = running ? report_.origin_ns + range_ : span_end(span);
      const double left = x(span.start_ns);
      const double width = std::max(x(end) - left, narrowest_bar);
      right = std::max(right, left + width);
      std::string attributes = "fill=\"" + std::string(colour_of(span.phase)) + "\"";
      if (running) attributes += " fill-opacity=\"0.4\"";
      if (span.result != SpanResult::ok && !running) attributes += " stroke=\"#d62728\" stroke-width=\"1.5\"";
      rectangle(left, top + 1, width, bar_height, attributes,
                std::string(name) + " " + span.phase + ": " + std::string(span_result_name(span.result)) +
                    (running ? "" : ", " + milliseconds(end - span.start_ns)) + " at " + milliseconds(span.start_ns - report_.origin_ns));
    }
    // Beside the last bar, or inside the plot where the bar reaches its right edge.
    const bool left_side = right > plot_left + plot_width - 60;
    if (!state.empty() && state != "running")
      text(left_side ? right - 4 : right + 6, top + 11, left_side ? " fill=\"#d62728\" text-anchor=\"end\"" : " fill=\"#d62728\"", state);
  }

  const StartupReport& report_;
  std::int64_t range_;
  double rows_ = 0;
  std::string out_;
};

}  // namespace

std::string to_svg(const StartupReport& report) { return Plot(report).draw(); }

}  // namespace tenon::host

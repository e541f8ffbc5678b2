#include "daemon/startup_report.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "startup_times.hpp"

namespace tenon::host {
namespace {

std::int64_t micros(const StartupReport& report, std::int64_t ns) { return (ns - report.origin_ns) / 1000; }

void append_key(std::string& out, std::string_view key) {
  if (out.back() != '{') out += ", ";
  append_json_string(out, key);
  out += ": ";
}

void append_member(std::string& out, std::string_view key, std::string_view text) {
  append_key(out, key);
  append_json_string(out, text);
}

void append_member(std::string& out, std::string_view key, std::optional<std::int64_t> number) {
  append_key(out, key);
  out += number ? std::to_string(*number) : "null";
}

template <class Items, class Append>
void append_list(std::string& out, std::string_view key, const Items& items, const Append& append) {
  append_key(out, key);
  out += '[';
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += ", ";
    first = false;
    append(item);
  }
  out += ']';
}

void append_spans(std::string& out, std::string_view key, const StartupReport& report, const std::vector<PhaseSpan>& spans) {
  append_list(out, key, spans, [&](const PhaseSpan& span) {
    out += '{';
    append_member(out, "phase", span.phase);
    append_member(out, "start_us", micros(report, span.start_ns));
    append_member(out, "end_us", span.result == SpanResult::running ? std::nullopt : std::optional(micros(report, span_end(span))));
    append_member(out, "result", span_result_name(span.result));
    out += '}';
  });
}

std::optional<std::int64_t> finished_us(const StartupReport& report, const ModuleSpans& module) {
  const auto end = finished_ns(module);
  return end ? std::optional(micros(report, *end)) : std::nullopt;
}

void append_module(std::string& out, const StartupReport& report, const ModuleSpans& module) {
  out += "\n  {";
  append_member(out, "module", module.module);
  append_key(out, "required");
  out += module.required ? "true" : "false";
  append_member(out, "state", module.state);
  append_list(out, "requires", module.requires_, [&](const std::string& name) { append_json_string(out, name); });
  append_member(out, "busy_us", busy_ns(module) / 1000);
  append_member(out, "finished_us", finished_us(report, module));
  append_spans(out, "spans", report, module.spans);
  out += '}';
}

}  // namespace

std::string_view span_result_name(SpanResult result) {
  switch (result) {
    case SpanResult::ok:
      return "ok";
    case SpanResult::failed:
      return "failed";
    case SpanResult::timed_out:
      return "timed_out";
    case SpanResult::cancelled:
      return "cancelled";
    case SpanResult::skipped:
      return "skipped";
    case SpanResult::running:
      return "running";
  }
  return "failed";
}

std::vector<std::size_t> critical_chain(const StartupReport& report) {
  const auto& modules = report.modules;
  std::unordered_map<std::string_view, std::size_t> by_name;
  for (std::size_t i = 0; i < modules.size(); ++i) by_name.emplace(modules[i].module, i);

  constexpr auto none = static_cast<std::size_t>(-1);
  std::size_t next = none;
  const auto consider = [&](std::size_t i) {
    const auto end = finished_ns(modules[i]);
    if (end && (next == none || *end > *finished_ns(modules[next]))) next = i;
  };
  for (std::size_t i = 0; i < modules.size(); ++i) consider(i);

  std::vector<std::size_t> chain;
  std::vector<bool> seen(modules.size());
  while (next != none && !seen[next]) {  // a refused plan may hold a cycle
    const std::size_t current = next;
    seen[current] = true;
    chain.push_back(current);
    next = none;
    for (const std::string& name : modules[current].requires_) {
      const auto found = by_name.find(name);
      if (found != by_name.end()) consider(found->second);
    }
  }
  return chain;
}

std::vector<std::size_t> blame(const StartupReport& report) {
  std::vector<std::size_t> order(report.modules.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return busy_ns(report.modules[a]) > busy_ns(report.modules[b]); });
  return order;
}

std::string to_json(const StartupReport& report) {
  char origin[28];
  format_rfc3339(report.realtime_ns, origin);

  std::string out = "{";
  append_member(out, "format", std::int64_t{1});
  append_member(out, "program", report.program);
  append_member(out, "instance", report.instance);
  append_member(out, "outcome", report.outcome);
  append_member(out, "origin", std::string_view(origin));
  append_member(out, "ready_us", report.ready_ns == 0 ? std::nullopt : std::optional(micros(report, report.ready_ns)));
  append_spans(out, "host", report, report.host);
  append_list(out, "modules", report.modules, [&](const ModuleSpans& module) { append_module(out, report, module); });
  append_list(out, "blame", blame(report), [&](std::size_t i) {
    out += '{';
    append_member(out, "module", report.modules[i].module);
    append_member(out, "busy_us", busy_ns(report.modules[i]) / 1000);
    out += '}';
  });
  append_list(out, "critical_chain", critical_chain(report), [&](std::size_t i) {
    out += '{';
    append_member(out, "module", report.modules[i].module);
    append_member(out, "finished_us", finished_us(report, report.modules[i]));
    append_member(out, "busy_us", busy_ns(report.modules[i]) / 1000);
    out += '}';
  });
  out += "}\n";
  return out;
}

Result<void> check_startup_report(const std::string& path) {
  const auto refuse = [&path](int err, const std::string& what) {
    Error e = Error::system(err, what, ExitCode::cannot_create);
    e.message += "; the startup report `" + printable(path, 4096) + "` cannot be written there";
    return e;
  };
  struct stat st {};
  if (::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) return refuse(EISDIR, "`" + printable(path, 4096) + "`");
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  if (::stat(directory.c_str(), &st) != 0) return refuse(errno, "`" + printable(directory, 4096) + "`");
  if (!S_ISDIR(st.st_mode)) return refuse(ENOTDIR, "`" + printable(directory, 4096) + "`");
  if (::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0) return refuse(errno, "`" + printable(directory, 4096) + "`");
  return {};
}

Result<void> write_startup_report(const StartupReport& report, const std::string& path) {
  const bool json = path.ends_with(".json");
  if (!json && !path.ends_with(".svg")) {
    return Error{Code::invalid_argument, "the startup report `" + printable(path) + "` must end in .json or .svg", "STARTUP_REPORT", 0,
                 ExitCode::usage};
  }
  return write_file_atomic(path, json ? to_json(report) : to_svg(report), 0644);
}

}  // namespace tenon::host

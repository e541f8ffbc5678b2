#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/text.hpp"
#include "kernel/audit.hpp"
#include "process.hpp"

namespace tenon::host::test {

inline AuditEvent event(std::string_view target, std::string_view actor = "host") {
  return {"module.denied", "warn", actor, target, "r-1", "denied", {{"interface", "tenon.log_sink/1"}}};
}

/// A file with `records` records, closed again.
struct AuditFile {
  tenon::test::TempDir dir;
  std::string path = dir / "audit.log";

  std::unique_ptr<AuditLog> open(std::uint32_t rate = 0) const {
    AuditOptions options;
    options.writer = AuditWriter::file;
    options.path = path;
    options.rate = rate;
    options.clock = [] { return std::int64_t{1'790'000'000'000'000'000}; };
    auto log = AuditLog::open(std::move(options));
    REQUIRE_MESSAGE(log, (log ? "" : log.error().message));
    return std::move(*log);
  }
  void write(int records) const {
    const auto log = open();
    for (int i = 0; i < records; ++i) log->record(event("t" + std::to_string(i)));
    CHECK(log->lost() == 0);
  }
  [[nodiscard]] std::string text() const { return tenon::test::read_file(path); }
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> out;
    const std::string all = text();
    for (std::string_view line : split(all, '\n')) out.emplace_back(line);
    if (!out.empty() && out.back().empty()) out.pop_back();
    return out;
  }
  void put_lines(const std::vector<std::string>& lines) const {
    std::string all;
    for (const std::string& line : lines) all += line + "\n";
    dir.write("audit.log", all, 0600);
  }
  [[nodiscard]] AuditReport verify() const {
    const auto report = verify_audit(path);
    REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
    return *report;
  }
};

}  // namespace tenon::host::test

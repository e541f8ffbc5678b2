#include <unistd.h>

#include "base/file.hpp"
#include "base/text.hpp"
#include "commands.hpp"
#include "daemon/journal.hpp"
#include "kernel/audit.hpp"
#include "kernel/log.hpp"

namespace tenon::host {
namespace {

std::string report_json(const std::string& file, const AuditReport& report, ExitCode exit) {
  std::string out = "{\"format\":1,\"exit\":" + std::to_string(static_cast<int>(exit)) + ",\"file\":";
  append_json_string(out, file);
  out += ",\"records\":" + std::to_string(report.records) + ",\"first_seq\":" + std::to_string(report.first_seq) +
         ",\"last_seq\":" + std::to_string(report.last_seq) + ",\"last_hash\":";
  append_json_string(out, report.last_hash);
  out += report.ok() ? ",\"intact\":true,\"damage\":[" : ",\"intact\":false,\"damage\":[";
  for (const AuditFinding& f : report.findings) {
    if (out.back() == '}') out += ',';
    out += "{\"line\":" + std::to_string(f.line) + ",\"what\":";
    append_json_string(out, f.what);
    out += '}';
  }
  return out + "]}\n";
}

}  // namespace

ExitCode run_audit(const Options& options) {
  std::string file;
  if (options.arguments.size() == 2) {
    file = options.arguments[1];
  } else {
    ConfigInput input = options.config;
    add_process_environment(input);
    Diagnostics diagnostics;
    const std::shared_ptr<const Config> config = load_config(input, diagnostics);
    if (!config) return fail(options, diagnostics, diagnostics.exit_code());
    file = config->host.audit_path;
  }
  const Result<AuditReport> report = verify_audit(file);
  if (!report) {
    const bool absent = report.error().code == Code::not_found;
    return fail(options, "audit.file", report.error().message, absent ? "`audit.writer: file` writes one while the daemon runs" : "",
                absent ? ExitCode::no_input : report.error().exit);
  }
  const ExitCode exit = report->ok() ? ExitCode::ok : ExitCode::data_error;
  if (options.json) return worse(exit, print(report_json(file, *report, exit)));
  std::string findings;
  for (const AuditFinding& f : report->findings)
    findings += printable(file, 4096) + ":" + std::to_string(f.line) + ": " + printable(f.what, 1000) + "\n";
  static_cast<void>(write_all(STDERR_FILENO, for_stderr(std::move(findings), error)));
  std::string text = printable(file, 4096) + ": " + std::to_string(report->records) + (report->records == 1 ? " record" : " records");
  if (report->records != 0) text += ", " + std::to_string(report->first_seq) + " to " + std::to_string(report->last_seq);
  text += report->ok() ? "; every one is as it was written, in its place\n" : "; the file was changed or damaged\n";
  return worse(exit, print(text));
}

}  // namespace tenon::host

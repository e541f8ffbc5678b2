#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/file.hpp"
#include "base/result.hpp"
#include "base/text.hpp"
#include "commands.hpp"
#include "daemon/journal.hpp"
#include "kernel/log.hpp"

namespace tenon::host {

bool use_colour() {
  const char* no_colour = std::getenv("NO_COLOR");
  return ::isatty(STDERR_FILENO) != 0 && (no_colour == nullptr || *no_colour == '\0');
}

ExitCode print(const std::string& text) {
  const Result<void> written = write_all(STDOUT_FILENO, text);
  if (written) return ExitCode::ok;
  // Whoever reads a pipe only in part has what it wanted.
  if (const int why = written.error().sys_errno; why != EPIPE)
    static_cast<void>(
        write_all(STDERR_FILENO, for_stderr(Error::system(why, "cannot write the answer to standard output").message + "\n", error)));
  return ExitCode::io_error;
}

ExitCode fail(const Options& options, const Diagnostics& diagnostics, ExitCode exit) {
  if (options.json)
    static_cast<void>(
        print("{\"format\":1,\"exit\":" + std::to_string(static_cast<int>(exit)) + ",\"findings\":" + to_json(diagnostics) + "}\n"));
  else
    static_cast<void>(write_all(STDERR_FILENO, for_stderr(diagnostics, use_colour())));
  return exit;
}

ExitCode fail(const Options& options, const std::string& code, const std::string& message, const std::string& help, ExitCode exit) {
  Diagnostics one;
  one.error(code, {}, message, help).exit = exit;
  if (options.json) return fail(options, one, exit);
  static_cast<void>(
      write_all(STDERR_FILENO, for_stderr("error: " + message + "\n" + (help.empty() ? "" : "  = help: " + help + "\n"), error)));
  return exit;
}

Planned plan_for(const Options& options) {
  Planned out;
  ConfigInput input = options.config;
  add_process_environment(input);
  auto [valid, config] = load_config_as_far_as_possible(input, out.diagnostics);
  if (config) {
    const BootOptions boot{own_executable(), builtin_modules(), options.safe_mode, hung_digests(config->host.state_dir)};
    out.plan = prepare_plan(*config, boot);
    out.diagnostics.append(out.plan.diagnostics);
  }
  out.diagnostics.sort();
  if (!valid) {
    out.exit = out.diagnostics.exit_code();
    if (options.json)
      static_cast<void>(print("{\"format\":1,\"exit\":" + std::to_string(static_cast<int>(out.exit)) +
                              ",\"findings\":" + to_json(out.diagnostics) + ",\"modules\":[]}\n"));
    else
      static_cast<void>(write_all(STDERR_FILENO, for_stderr(out.diagnostics, use_colour())));
    return out;
  }
  out.config = std::move(config);
  out.exit = out.plan.exit;
  return out;
}

namespace {

std::string permissions_json(const PlannedPermissions& permissions) {
  std::string out = ",\"permissions\":[";
  for (const PermissionRow& row : permission_rows(permissions)) {
    if (out.back() == '}') out += ',';
    out += "{\"permission\":";
    append_json_string(out, row.permission);
    out += ",\"what\":";
    append_json_string(out, row.what);
    out += ",\"state\":";
    append_json_string(out, grant_state_name(row.state));
    out += '}';
  }
  out += ']';
  if (const std::string line = granting_line(permissions); !line.empty()) {
    out += ",\"to_grant\":";
    append_json_string(out, line);
  }
  return out;
}

}  // namespace

std::string modules_json(const Plan& plan) {
  std::string out = "[";
  for (const PlannedModule& m : plan.modules) {
    out += out.size() > 1 ? ",{\"name\":" : "{\"name\":";
    append_json_string(out, m.candidate.name);
    out += ",\"version\":";
    append_json_string(out, m.candidate.manifest ? m.candidate.manifest->version.str() : "");
    out += m.trusted ? ",\"kind\":\"runtime\"" : ",\"kind\":\"plugin\"";
    out += ",\"fate\":";
    append_json_string(out, fate_name(m.fate));
    out += m.required ? ",\"required\":true" : ",\"required\":false";
    if (!m.reason.empty()) {
      out += ",\"reason\":";
      append_json_string(out, m.reason);
    }
    if (m.candidate.file) {
      out += ",\"path\":";
      append_json_string(out, m.candidate.file->path);
    }
    out += ",\"requires\":[";
    bool first = true;
    if (m.candidate.manifest)
      for (const Requirement& r : m.candidate.manifest->requirements) {
        if (!first) out += ",";
        first = false;
        append_json_string(out, r.name);
      }
    out += ']';
    if (m.permissions) out += permissions_json(*m.permissions);
    out += '}';
  }
  return out + "]";
}

}  // namespace tenon::host

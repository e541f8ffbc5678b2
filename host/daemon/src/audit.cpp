#include "audit.hpp"

#include <utility>

#include "base/text.hpp"

namespace tenon::host {
namespace {

// What the file itself cannot tell.
void tell_trouble(LogCore& log, const AuditEvent& event) {
  const bool lost = event.type == "audit.lost";
  std::vector<LogField> fields = {{"file", event.target}};
  for (const auto& [key, value] : event.meta) fields.push_back({key, value});
  log.log(lost ? error : info, lost ? "the audit log cannot be written: its records are lost" : "the audit log is written again", fields);
}

void write_to_log(LogCore& log, const AuditEvent& event) {
  std::vector<LogField> fields = {{"type", event.type}, {"actor", event.actor}};
  if (!event.target.empty()) fields.push_back({"target", event.target});
  if (!event.request_id.empty()) fields.push_back({"request", event.request_id});
  fields.push_back({"outcome", event.outcome});
  for (const auto& [key, value] : event.meta) fields.push_back({key, value});
  log.log(event.level == "error" ? error : event.level == "warn" ? warn : info, "audit", fields);
}

}  // namespace

Result<std::unique_ptr<AuditLog>> open_audit(const HostSettings& settings, LogCore& log) {
  const auto open = [&] {
    AuditOptions options;
    options.writer = settings.audit_writer == "file"      ? AuditWriter::file
                     : settings.audit_writer == "console" ? AuditWriter::console
                                                          : AuditWriter::none;
    options.path = settings.audit_path;
    options.console = [&log, to_file = options.writer == AuditWriter::file](const AuditEvent& event) {
      to_file ? tell_trouble(log, event) : write_to_log(log, event);
    };
    return AuditLog::open(std::move(options));
  };
  Result<std::unique_ptr<AuditLog>> audit = open();
  if (audit || audit.error().reason != "AUDIT_CHANGED") return audit;
  const Error found = audit.error();
  const Result<std::string> aside = set_aside_audit(settings.audit_path);
  if (!aside) return aside.error();
  audit = open();
  if (!audit) return audit;
  log.log(error, "the audit log was changed or damaged: it was set aside and a new one begun",
          {{"error", found.message}, {"set_aside", *aside}});
  (*audit)->record({"audit.damaged", "error", "host", *aside, {}, "failed", {{"error", found.message}}});
  return audit;
}

void StateAudit::add(const ModuleStatus& module) {
  const bool loaded = module.state == ModuleState::loaded;
  if (!loaded && module.state != ModuleState::refused && module.state != ModuleState::failed && module.state != ModuleState::wedged) return;
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(module);
    if (loaded && std::exchange(woken_, true)) return;
  }
  if (loaded) return wake_();
  static_cast<void>(write());
}

bool StateAudit::write() {
  // The console's log has receivers, which are code of modules: what comes of them is written by the loop below, further out on this thread.
  if (writer_.load() == std::this_thread::get_id()) return true;
  const std::lock_guard writing(writing_);
  const struct Writer {
    explicit Writer(std::atomic<std::thread::id>& w) : writer(w) { writer = std::this_thread::get_id(); }
    ~Writer() { writer = std::thread::id(); }
    std::atomic<std::thread::id>& writer;
  } me(writer_);
  for (bool any = false;; any = true) {
    std::vector<ModuleStatus> now;
    {
      const std::lock_guard lock(mutex_);
      now.swap(waiting_);
      if (now.empty()) {
        if (!any) woken_ = false;
        return any;
      }
    }
    for (const ModuleStatus& m : now) record(m);
  }
}

void StateAudit::record(const ModuleStatus& module) {
  audit_state(audit_, module, module.state == ModuleState::loaded ? digest_of_(module.name) : std::string());
}

void audit_state(AuditLog& audit, const ModuleStatus& module, std::string_view digest) {
  const auto record = [&](std::string_view type, std::string_view level, std::string_view outcome) {
    AuditEvent event{type, level, "host", module.name, {}, outcome, {{"version", module.version}}};
    event.meta.emplace_back("kind", module.trusted ? "runtime" : "plugin");
    if (!digest.empty()) event.meta.emplace_back("sha256", digest);
    if (!module.reason.empty()) event.meta.emplace_back("reason", module.reason);
    audit.record(event);
  };
  switch (module.state) {
    case ModuleState::loaded:
      return record("module.loaded", "info", "ok");
    case ModuleState::refused:
      return record("module.refused", "warn", "denied");
    case ModuleState::failed:
      return record("module.failed", "error", "failed");
    case ModuleState::wedged:
      return record("module.wedged", "error", "failed");
    default:
      return;
  }
}

}  // namespace tenon::host

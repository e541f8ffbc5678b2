#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "base/text.hpp"
#include "config/config.hpp"
#include "draft.hpp"

namespace tenon::host {
namespace {

struct Job {
  std::uint32_t module;
  std::optional<ModuleConfig> config;
  Diagnostics diagnostics;
};

void run_job(Job& job, const DraftModule& m, const Config& config) {
  const Manifest& manifest = *m.planned.candidate.manifest;
  try {
    job.config = resolve_module_config(m.name, manifest.config_schema, manifest.defaults, config, job.diagnostics);
  } catch (const std::exception& e) {
    job.config.reset();
    job.diagnostics.error("plan.config_check_failed", {},
                          "the configuration of " + quoted(m) + " could not be checked: " + printable(e.what()));
  }
  if (!job.config && !job.diagnostics.has_errors())
    job.diagnostics.error("plan.config_check_failed", {}, "the configuration of " + quoted(m) + " could not be checked");
}

/// The calling thread works too; a thread that cannot be had is done without.
void run_all(std::vector<Job>& jobs, const PlanDraft& draft, const Config& config) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t k = next.fetch_add(1); k < jobs.size(); k = next.fetch_add(1)) run_job(jobs[k], draft.modules[jobs[k].module], config);
  };
  // Defaults alone take some microseconds, and what they become stays for as long as the module: among what other threads allocate and free it
  // would keep many pages. What an operator has written may be of any size.
  constexpr std::size_t worth_a_thread = 1024, with_settings = 64;
  std::size_t weight = 0;
  for (const Job& job : jobs) weight += config.host.modules.contains(draft.modules[job.module].name) ? with_settings : 1;
  const std::size_t wanted = std::min<std::size_t>(std::max(1u, std::thread::hardware_concurrency()), weight / worth_a_thread + 1);
  std::vector<std::jthread> threads;
  try {
    while (threads.size() + 1 < wanted) threads.emplace_back(work);
  } catch (const std::system_error&) {
  }
  work();
}

void take(PlanDraft& draft, Job& job) {
  DraftModule& m = draft.modules[job.module];
  const SourceRef& manifest = m.planned.candidate.manifest->source;
  for (Diagnostic& d : job.diagnostics.items()) {
    if (d.module.empty()) d.module = m.name;
    if (d.severity == Severity::error) {
      d.exit = ExitCode::config;
      if (m.planned.fate == Fate::planned) {
        // A schema that does not compile or defaults that break it are the module's own fault, everything else the operator's to mend: also a
        // key that is missing, though the place may be that of the manifest which asks for it.
        const bool own =
            d.code.starts_with("schema.") || (d.code != "config.required" && manifest != nullptr && d.where.source == manifest);
        m.planned.fate = own ? Fate::refused : Fate::blocked;
        m.planned.reason = (own ? "" : "its configuration is wrong: ") + d.message;
      }
    }
    draft.findings.push_back({std::move(d), job.module});
  }
  if (job.config) m.planned.config = std::move(*job.config);
}

}  // namespace

void resolve_module_configs(PlanDraft& draft, const Config& config) {
  std::vector<Job> jobs;
  for (std::uint32_t i = 0; i < draft.modules.size(); ++i)
    if (draft.modules[i].examined()) jobs.push_back({i, std::nullopt, {}});
  run_all(jobs, draft, config);
  for (Job& job : jobs) take(draft, job);
}

}  // namespace tenon::host

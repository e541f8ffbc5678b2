// The host's own numbers: taken when somebody looks, not kept while nobody does.
#include "kernel/kernel.hpp"

namespace tenon::host {

std::string Kernel::metrics_text(std::int64_t now) {
  const auto gauge = [this](std::string_view name, std::string_view help, double value, std::span<const MetricLabel> labels = {}) {
    if (const auto metric = metrics_.gauge(host_, name, help, labels)) metric->set(value);
  };
  gauge("tenon_uptime_seconds", "Time since the host was started.", static_cast<double>(now - began_ns_) / 1e9);
  const WorkerStats workers = workers_.stats();
  const auto threads = [&gauge](std::string_view state, std::uint32_t count) {
    const MetricLabel label{"state", state};
    gauge("tenon_worker_threads", "Threads that run handlers of modules.", count, {&label, 1});
  };
  threads("busy", workers.threads - workers.idle - workers.stuck);
  threads("idle", workers.idle);
  threads("stuck", workers.stuck);
  threads("own", workers.own_threads);
  gauge("tenon_worker_queue_length", "Handlers that wait for a thread.", static_cast<double>(workers.queued));
  const HealthReport health = health_.report(now);
  gauge("tenon_ready", "1 if the host should get work.", health.ready ? 1 : 0);
  gauge("tenon_degraded", "1 if a health check or background loop is unhealthy.", health.degraded ? 1 : 0);
  gauge("tenon_audit_lost_records", "Audit records that could not be written.", static_cast<double>(audit_->lost()));
  return metrics_.render();
}

}  // namespace tenon::host

// The host's own numbers: taken when somebody looks, not kept while nobody does. How many series there can be is bounded by how many modules there are,
// and for services by `most_methods`.
#include <algorithm>
#include <array>
#include <map>

#include "kernel/kernel.hpp"
#include "text.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t most_methods = 500;  // shown each on its own; all others are one
constexpr std::string_view host_name = "host";

using Labels = std::initializer_list<MetricLabel>;

std::string labels_of(std::string_view module, Labels labels = {}) { return metric_labels(module, {labels.begin(), labels.size()}); }

void gauge(std::string& out, std::string_view name, std::string_view help, double value) {
  MetricGroup(out, MetricKind::gauge, name, help).gauge(labels_of(host_name), value);
}

void add(ServiceMetrics& to, const ServiceMetrics& from) {
  const auto each = [](auto& a, const auto& b) { std::transform(a.begin(), a.end(), b.begin(), a.begin(), std::plus<>()); };
  each(to.ended, from.ended);
  each(to.latency, from.latency);
  to.calls += from.calls;
  to.in_flight += from.in_flight;
  to.late += from.late;
  to.sampled += from.sampled;
  to.sampled_total_ns += from.sampled_total_ns;
}

/// `orders.create/2` is the method `create/2` of the service `orders`.
struct Method {
  ServiceMetrics numbers;
  std::string labels;  // without a code
  [[nodiscard]] std::string with(std::string_view name, std::string_view value) const {
    const std::size_t dot = numbers.service.rfind('.');
    const std::string_view all = numbers.service;
    return labels_of(numbers.provider, {{"service", all.substr(0, dot)},
                                        {"method", dot == std::string_view::npos ? std::string_view() : all.substr(dot + 1)},
                                        {name, value}});
  }
};

std::vector<Method> methods_of(std::vector<ServiceMetrics> all) {
  std::vector<Method> out;
  ServiceMetrics others;
  others.service = "*.*";
  others.provider = host_name;
  for (ServiceMetrics& m : all) {
    if (m.provider.empty()) m.provider = host_name;  // whoever offered it has left
    if (out.size() < most_methods)
      out.push_back({std::move(m), {}});
    else
      add(others, m);
  }
  if (all.size() > most_methods) out.push_back({std::move(others), {}});
  for (Method& m : out) m.labels = m.with("", "");
  return out;
}

void render_services(std::string& out, std::vector<ServiceMetrics> all) {
  if (all.empty()) return;
  const std::vector<Method> methods = methods_of(std::move(all));
  {
    MetricGroup group(out, MetricKind::counter, "tenon_service_calls_total", "Calls of a method that were begun.");
    for (const Method& m : methods) group.counter(m.labels, m.numbers.calls);
  }
  {
    MetricGroup group(out, MetricKind::counter, "tenon_service_errors_total", "Calls of a method that did not end with OK, by code.");
    for (const Method& m : methods)
      for (std::size_t code = 1; code < m.numbers.ended.size(); ++code)
        if (m.numbers.ended[code] != 0) group.counter(m.with("code", code_name(static_cast<Code>(code))), m.numbers.ended[code]);
  }
  {
    MetricGroup group(out, MetricKind::gauge, "tenon_service_calls_in_flight", "Calls of a method that have not ended.");
    for (const Method& m : methods) group.gauge(m.labels, static_cast<double>(m.numbers.in_flight));
  }
  {
    MetricGroup group(out, MetricKind::counter, "tenon_service_late_answers_total", "Answers that came when nobody waited any more.");
    for (const Method& m : methods) group.counter(m.labels, m.numbers.late);
  }
  std::array<double, ServiceMetrics::buckets - 1> bounds{};
  for (std::size_t i = 0; i < bounds.size(); ++i) bounds[i] = static_cast<double>(ServiceMetrics::bound_ns(i)) / 1e9;
  MetricGroup group(out, MetricKind::histogram, "tenon_service_duration_seconds",
                    "How long calls took, of every 256th call of each thread.");
  for (const Method& m : methods)
    group.histogram(m.labels, bounds, m.numbers.latency, static_cast<double>(m.numbers.sampled_total_ns) / 1e9);
}

void render_events(std::string& out, const std::vector<Events::Totals>& all) {
  if (all.empty()) return;
  const auto counter = [&](std::string_view name, std::string_view help, std::uint64_t Events::Totals::*number) {
    MetricGroup group(out, MetricKind::counter, name, help);
    for (const Events::Totals& t : all) group.counter(labels_of(t.owner), t.*number);
  };
  counter("tenon_events_delivered_total", "Events handed to a module's subscriptions.", &Events::Totals::delivered);
  counter("tenon_events_failed_total", "Deliveries whose handler did not return OK.", &Events::Totals::failed);
  counter("tenon_events_dropped_total", "Events a full queue of a module had no room for.", &Events::Totals::dropped);
  MetricGroup group(out, MetricKind::gauge, "tenon_events_queued", "Events that wait for a module.");
  for (const Events::Totals& t : all) group.gauge(labels_of(t.owner), static_cast<double>(t.queued));
}

std::string_view kind_name(TaskKind kind) {
  constexpr std::array<std::string_view, 5> names = {"post", "after", "every", "cron", "loop"};
  return names[static_cast<std::size_t>(kind)];
}

void render_tasks(std::string& out, const std::vector<TaskTotals>& all) {
  if (all.empty()) return;
  const auto counter = [&](std::string_view name, std::string_view help, std::uint64_t TaskTotals::*number) {
    MetricGroup group(out, MetricKind::counter, name, help);
    for (const TaskTotals& t : all) group.counter(labels_of(t.owner, {{"kind", kind_name(t.kind)}}), t.*number);
  };
  counter("tenon_task_runs_total", "Runs of a module's tasks that have ended.", &TaskTotals::runs);
  counter("tenon_task_failures_total", "Runs that did not end with OK.", &TaskTotals::failures);
  counter("tenon_task_missed_total", "Due times without a run.", &TaskTotals::missed);
  MetricGroup group(out, MetricKind::gauge, "tenon_tasks", "Tasks that are registered.");
  for (const TaskTotals& t : all) group.gauge(labels_of(t.owner, {{"kind", kind_name(t.kind)}}), static_cast<double>(t.registered));
}

void render_storage(std::string& out, const Storage& storage, const State& state) {
  const StorageStatistics s = storage.statistics();
  {
    MetricGroup group(out, MetricKind::counter, "tenon_storage_transactions_total",
                      "Transactions by outcome; refused: a conflict or the quota.");
    for (const auto& [outcome, count] : {std::pair{"committed", s.committed}, {"failed", s.failed}, {"refused", s.refused}})
      group.counter(labels_of(host_name, {{"outcome", outcome}}), count);
  }
  MetricGroup(out, MetricKind::counter, "tenon_storage_groups_total", "Groups of transactions that were written together.")
      .counter(labels_of(host_name), s.groups);
  MetricGroup(out, MetricKind::counter, "tenon_storage_expired_total", "Entries removed since their time was up.")
      .counter(labels_of(host_name), s.expired);
  gauge(out, "tenon_storage_queue_length", "Transactions that wait to be written.", static_cast<double>(s.queued));
  gauge(out, "tenon_storage_disk_full", "1 if the last write failed for want of space.", s.disk_full ? 1 : 0);
  const auto spaces = storage.usages();
  if (!spaces.empty()) {
    MetricGroup group(out, MetricKind::gauge, "tenon_storage_bytes", "What a namespace holds, as counted for its quota.");
    for (const auto& [name, usage] : spaces) group.gauge(labels_of(host_name, {{"namespace", name}}), static_cast<double>(usage.bytes));
  }
  gauge(out, "tenon_state_watches", "Watches of the state.", static_cast<double>(state.watch_count()));
}

}  // namespace

void Kernel::count_modules_by(ModuleCounts counts) {
  const std::lock_guard lock(modules_mutex_);
  module_counts_ = std::move(counts);
}

std::string Kernel::metrics_text(std::int64_t now) {
  std::string out;
  gauge(out, "tenon_uptime_seconds", "Time since the host was started.", static_cast<double>(now - began_ns_) / 1e9);
  {
    const std::lock_guard lock(modules_mutex_);
    const auto by_state = module_counts_ ? module_counts_() : std::map<std::string, std::uint64_t>();
    if (!by_state.empty()) {
      MetricGroup group(out, MetricKind::gauge, "tenon_modules", "Modules by state.");
      for (const auto& [state, count] : by_state) group.gauge(labels_of(host_name, {{"state", state}}), static_cast<double>(count));
    }
  }
  const WorkerStats workers = workers_.stats();
  {
    MetricGroup group(out, MetricKind::gauge, "tenon_worker_threads", "Threads that run handlers of modules.");
    const std::pair<std::string_view, std::uint32_t> threads[] = {{"busy", workers.threads - workers.idle - workers.stuck},
                                                                  {"idle", workers.idle},
                                                                  {"own", workers.own_threads},
                                                                  {"stuck", workers.stuck}};
    for (const auto& [state, count] : threads) group.gauge(labels_of(host_name, {{"state", state}}), count);
  }
  gauge(out, "tenon_worker_queue_length", "Handlers that wait for a thread.", static_cast<double>(workers.queued));
  const HealthReport health = health_.report(now);
  gauge(out, "tenon_ready", "1 if the host should get work.", health.ready ? 1 : 0);
  gauge(out, "tenon_degraded", "1 if a health check or background loop is unhealthy.", health.degraded ? 1 : 0);
  gauge(out, "tenon_audit_lost_records", "Audit records that could not be written.", static_cast<double>(audit_->lost()));
  render_services(out, services_.metrics());
  render_events(out, events_.totals());
  render_tasks(out, tasks_.totals());
  if (storage_) render_storage(out, *storage_, *state_);
  return out + metrics_.render();
}

}  // namespace tenon::host

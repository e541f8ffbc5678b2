#include "kernel/kernel.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "kernel/traceparent.hpp"

namespace tenon::host {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

Services::Options with_hooks(Services::Options options, Kernel& kernel) {
  options.denied = [&kernel](const ServiceSeat& who, std::string_view service, const Error& error) {
    kernel.denied(seat_module(who), "service", service, error);
  };
  options.deprecated = [&kernel](const ServiceSeat& caller, const ServiceSeat& provider, std::string_view service) {
    try {
      kernel.log().log(warn, "a deprecated service was called",
                       {{"caller", seat_module(caller)}, {"provider", seat_module(provider)}, {"service", service}});
    } catch (...) {  // out of memory: the call goes on without
    }
  };
  return options;
}

Container::Options with_hooks(Container::Options options, Kernel& kernel) {
  options.denied = [&kernel](const ContainerSeat& who, std::string_view token, const Error& error) {
    kernel.denied(seat_module(who), "token", token, error);
  };
  return options;
}

EventHooks event_hooks(Kernel& kernel, std::vector<EventDrops>& drops) {
  EventHooks hooks;
  hooks.denied = [&kernel](const EventDenial& d) { kernel.denied(d.owner.name(), d.verb, d.name, d.error); };
  hooks.dropped = [&drops](const EventDrops& d) { drops.push_back(d); };
  return hooks;
}

// One line, however many queues are full: the one that lost most, and how many others there are.
void tell_drops(LogCore& log, const std::vector<EventDrops>& drops) {
  const auto less = [](const EventDrops& a, const EventDrops& b) { return a.count < b.count; };
  const EventDrops& worst = *std::max_element(drops.begin(), drops.end(), less);
  std::vector<LogField> fields = {{"module", worst.owner},
                                  {"pattern", worst.pattern.empty() ? std::string_view("(subscriptions that have ended)") : worst.pattern}};
  const std::string dropped = std::to_string(worst.count), total = std::to_string(worst.total);
  fields.push_back({"dropped", dropped});
  fields.push_back({"total", total});
  std::uint64_t all = 0;
  for (const EventDrops& d : drops) all += d.count;
  const std::string others = std::to_string(drops.size() - 1), by_others = std::to_string(all - worst.count);
  if (drops.size() > 1) {
    fields.push_back({"other_queues", others});
    fields.push_back({"dropped_by_others", by_others});
  }
  log.log(warn, "a full queue dropped events", fields);
}

Health::Options health_options(LogCore& log) {
  Health::Options options;
  options.changed = [&log](const CheckStatus& c) {
    const bool well = c.state == CheckState::healthy;
    try {
      std::vector<LogField> fields = {{"module", c.module}, {"check", c.name}, {"required", c.required ? "true" : "false"}};
      if (!well) fields.push_back({"why", c.why});
      log.log(well ? info : c.required ? error : warn, well ? "healthy" : "unhealthy", fields);
    } catch (...) {  // out of memory: the report says it too
    }
  };
  return options;
}

}  // namespace

Result<std::unique_ptr<Kernel>> Kernel::make(LogCore& log, KernelOptions options) {
  if (!options.audit) {
    auto none = AuditLog::open({});
    if (!none) return none.error();
    options.audit = std::move(*none);
  }
  auto clock = system_task_clock();
  if (!clock) return clock.error();
  return std::unique_ptr<Kernel>(new Kernel(log, std::move(options), std::move(*clock)));
}

Kernel::Kernel(LogCore& log, KernelOptions options, std::unique_ptr<TaskClock> clock)
    : log_(log),
      audit_(std::move(options.audit)),
      host_("host", 1, true),
      workers_(std::move(options.workers)),
      clock_(std::move(clock)),
      tasks_(workers_, *clock_, options.tasks),
      services_(workers_, with_hooks(std::move(options.services), *this)),
      container_(workers_, with_hooks(std::move(options.container), *this)),
      events_(host_, workers_, options.events, event_hooks(*this, drops_)),
      metrics_(options.metrics),
      health_(workers_, tasks_, health_options(log)),
      began_ns_(monotonic_ns()) {
  host_.set_phase(Phase::run);
  host_.set_reach(Reach::callable);
}

Kernel::~Kernel() = default;

void Kernel::denied(std::string_view module, std::string_view verb, std::string_view target, const Error& error) noexcept {
  try {
    audit_->record({"module.denied",
                    "warn",
                    module,
                    target,
                    trace_of_this_thread(),
                    "denied",
                    {{"what", verb}, {"reason", error.reason}, {"error", error.message}}});
    if (is_told(module))
      log_.log(warn, "denied",
               {{"module", module}, {"what", verb}, {"target", target}, {"reason", error.reason}, {"error", error.message}});
  } catch (...) {  // out of memory: the refusal itself stands
  }
}

bool Kernel::is_told(std::string_view module) {
  const std::lock_guard lock(denials_mutex_);
  auto at = denials_.find(module);
  if (at == denials_.end()) at = denials_.emplace(module, Denials{}).first;
  if (at->second.told < denials_per_second) {
    ++at->second.told;
    return true;
  }
  ++at->second.others;
  return false;
}

void Kernel::tick_denials() {
  std::map<std::string, Denials, std::less<>> over;
  {
    const std::lock_guard lock(denials_mutex_);
    over.swap(denials_);
  }
  for (const auto& [module, denials] : over)
    if (denials.others != 0)
      log_.log(warn, "denied more often than is told", {{"module", module}, {"times", std::to_string(denials.others)}});
}

std::int64_t Kernel::tick(std::int64_t now) {
  for (const WorkerPool::Overrun& o : workers_.tick(now))
    log_.log(warn, "a handler is over its deadline; its worker was replaced", {{"module", o.owner}});
  events_.tick(now);
  if (!drops_.empty()) tell_drops(log_, drops_);
  drops_.clear();
  container_.tick();
  if (storage_) tick_storage(now);
  const std::int64_t check_due_ns = health_.tick(now);
  if (now - audit_ticked_ns_ >= second_ns) {
    audit_ticked_ns_ = now;
    audit_->tick();
    tick_denials();
  }
  if (!workers_.rest()) return now + tick_ns;
  return std::clamp(check_due_ns, now + tick_ns, now + idle_tick_ns);
}

bool Kernel::end(std::int64_t deadline_ns) {
  tick_denials();
  return workers_.shutdown(deadline_ns);
}

}  // namespace tenon::host

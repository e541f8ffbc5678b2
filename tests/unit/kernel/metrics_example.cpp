// Prints metrics of all kinds as Prometheus reads them, for `promtool check metrics`.
#include <cstdio>
#include <limits>

#include "base/clock.hpp"
#include "kernel/kernel.hpp"

using namespace tenon::host;

int main() {
  LogCore log;
  const auto kernel = Kernel::make(log, {});
  if (!kernel) return 1;
  Metrics& metrics = (*kernel)->metrics();
  Owner orders("orders", 1, false), catalog("catalog", 1, false);
  for (Owner* owner : {&orders, &catalog}) {
    const MetricLabel odd{"path", "/a\"b\\c\nd \xc3\xa9"};
    const auto counter = metrics.counter(*owner, "requests_total", "Requests, with a\nbreak and a \\.", {&odd, 1});
    const auto gauge = metrics.gauge(*owner, "temperature_celsius", "How warm it is.");
    const double bounds[] = {0.001, 0.1, 2.5};
    const auto histogram = metrics.histogram(*owner, "took_seconds", "How long it took.", bounds);
    if (!counter || !gauge || !histogram) return 1;
    counter->add(42);
    gauge->set(-std::numeric_limits<double>::infinity());
    for (const double value : {0.0005, 0.05, 7.0}) histogram->observe(value);
  }
  // What the host counts itself.
  Owner shop("shop", 1, true);
  shop.set_reach(Reach::callable);
  const auto seat = (*kernel)->services().join(shop, Permissions::all("shop"), {});
  ServiceOffer offer;
  offer.name = "shop.sell/2";
  offer.handle = [](void*, ServiceCall&, const Request&, Reply&) { return Code::aborted; };
  if (!(*kernel)->services().add(*seat, offer)) return 1;
  Reply reply;
  Error error;
  if ((*kernel)->services().call(*seat, "shop.sell/2", {}, reply, error) != Code::aborted) return 1;
  (*kernel)->count_modules_by([] { return std::map<std::string, std::uint64_t>{{"running", 1}}; });
  TaskHandler task;
  task.run = [](void*, Call&) noexcept { return Code::ok; };
  if (!(*kernel)->tasks().after(shop, 3'600'000'000'000, task)) return 1;
  std::fputs((*kernel)->metrics_text(monotonic_ns()).c_str(), stdout);
  const std::int64_t soon = monotonic_ns() + 2'000'000'000;
  shop.gate().advance(Gate::State::draining);
  if (!(*kernel)->services().leave(*seat, soon).quiet) return 1;
  shop.gate().advance(Gate::State::closed);
  if (!(*kernel)->tasks().leave(shop, soon).quiet) return 1;
  for (Owner* owner : {&orders, &catalog}) {
    owner->gate().advance(Gate::State::closed);
    metrics.leave(*owner);
  }
  return (*kernel)->end(monotonic_ns() + 2'000'000'000) ? 0 : 1;
}

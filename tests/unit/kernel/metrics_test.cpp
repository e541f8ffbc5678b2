// Metrics: what may be registered, what is counted, and the text, read back by a parser of its own.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "exposition.hpp"
#include "kernel/metrics.hpp"
#include "kernel/owner.hpp"

using namespace tenon::host;
using tenon::host::test::Parsed;

namespace {

Parsed parsed(const Metrics& metrics) {
  try {
    return Parsed(metrics.render());
  } catch (const std::string& what) {
    FAIL(what << "\n" << metrics.render());
    throw;
  }
}

struct Fixture {
  Metrics metrics;
  Owner orders{"orders", 1, false}, billing{"billing", 1, false};
};

}  // namespace

TEST_CASE("metrics: counters, gauges and histograms as Prometheus reads them") {
  Fixture f;
  const MetricLabel labels[] = {{"region", "eu"}, {"kind", "a"}};
  const double bounds[] = {0.1, 1, 2.5};
  const auto counter = f.metrics.counter(f.orders, "requests_total", "Requests so far.", labels);
  const auto gauge = f.metrics.gauge(f.billing, "queue_length", "Waiting now.");
  const auto histogram = f.metrics.histogram(f.orders, "latency_seconds", "How long it took.", bounds);
  REQUIRE(counter);
  REQUIRE(gauge);
  REQUIRE(histogram);
  counter->add();
  counter->add(41);
  gauge->set(2.5);
  gauge->add(-4);
  for (const double v : {0.05, 0.1, 0.5, 2.0, 7.0, std::nan("")}) histogram->observe(v);
  CHECK(f.metrics.render() ==
        "# HELP latency_seconds How long it took.\n"
        "# TYPE latency_seconds histogram\n"
        "latency_seconds_bucket{module=\"orders\",le=\"0.1\"} 2\n"
        "latency_seconds_bucket{module=\"orders\",le=\"1\"} 3\n"
        "latency_seconds_bucket{module=\"orders\",le=\"2.5\"} 4\n"
        "latency_seconds_bucket{module=\"orders\",le=\"+Inf\"} 5\n"
        "latency_seconds_sum{module=\"orders\"} 9.65\n"
        "latency_seconds_count{module=\"orders\"} 5\n"
        "# HELP queue_length Waiting now.\n"
        "# TYPE queue_length gauge\n"
        "queue_length{module=\"billing\"} -1.5\n"
        "# HELP requests_total Requests so far.\n"
        "# TYPE requests_total counter\n"
        "requests_total{module=\"orders\",kind=\"a\",region=\"eu\"} 42\n");
  CHECK(parsed(f.metrics).samples.size() == 8);
}

TEST_CASE("metrics: whatever a label or help text says, it stays one label and one line") {
  Fixture f;
  const std::string nasty = "a\"b\\c\nd} 1\n# TYPE x counter\nx 5";
  const MetricLabel labels[] = {{"path", nasty}};
  const auto gauge = f.metrics.gauge(f.orders, "x", "first\nsecond \\ \"third\"", labels);
  REQUIRE(gauge);
  gauge->set(std::numeric_limits<double>::infinity());
  const Parsed p = parsed(f.metrics);
  REQUIRE(p.samples.size() == 1);
  CHECK(p.samples.begin()->first == "x{module=\"orders\",path=\"" + nasty + "\"}");
  CHECK(std::isinf(p.samples.begin()->second));
  CHECK(p.help.at("x") == "first\\nsecond \\\\ \"third\"");
  gauge->set(std::nan(""));
  CHECK(std::isnan(parsed(f.metrics).samples.begin()->second));
}

TEST_CASE("metrics: hostile names, labels, values and bounds are refused") {
  Fixture f;
  const auto bad = [](const auto& result) { return !result && result.error().code == Code::invalid_argument; };
  const std::string long_name(129, 'a');
  for (const std::string_view name : {"", "1a_total", "a b_total", "caf\xc3\xa9_total", "a-b_total", "A_total", "a:b_total", "requests"}) {
    CAPTURE(name);
    CHECK(bad(f.metrics.counter(f.orders, name, "x")));
  }
  CHECK(bad(f.metrics.gauge(f.orders, long_name, "x")));
  for (const char* name : {"a_total", "a_sum", "a_count", "a_bucket"}) CHECK(bad(f.metrics.gauge(f.orders, name, "x")));
  CHECK(bad(f.metrics.gauge(f.orders, "a", "")));
  CHECK(bad(f.metrics.gauge(f.orders, "a", "\xff")));
  CHECK(bad(f.metrics.gauge(f.orders, "a", std::string(513, 'h'))));
  for (const char* label : {"", "__a", "module", "le", "quantile", "a-b", "1", "A"}) {
    const MetricLabel labels[] = {{label, "v"}};
    CHECK(bad(f.metrics.gauge(f.orders, "a", "x", labels)));
  }
  const MetricLabel twice[] = {{"a", "1"}, {"a", "2"}}, not_text[] = {{"a", "\xc3"}};
  CHECK(bad(f.metrics.gauge(f.orders, "a", "x", twice)));
  CHECK(bad(f.metrics.gauge(f.orders, "a", "x", not_text)));
  const std::string long_value(129, 'v');
  const MetricLabel too_long[] = {{"a", long_value}};
  CHECK(bad(f.metrics.gauge(f.orders, "a", "x", too_long)));
  const std::vector<MetricLabel> many(9, {"a", "1"});
  CHECK(bad(f.metrics.gauge(f.orders, "a", "x", many)));
  const double inf = std::numeric_limits<double>::infinity();
  for (const std::vector<double>& bounds :
       std::vector<std::vector<double>>{{}, {1, 1}, {2, 1}, {1, inf}, {std::nan("")}, {-inf, 1}, std::vector<double>(33, 1)})
    CHECK(bad(f.metrics.histogram(f.orders, "a", "x", bounds)));
  CHECK(f.metrics.render().empty());
}

TEST_CASE("metrics: the same series again is the same, another kind or other buckets are refused") {
  Fixture f;
  const MetricLabel ab[] = {{"a", "1"}, {"b", "2"}}, ba[] = {{"b", "2"}, {"a", "1"}};
  const double one[] = {1}, two[] = {1, 2};
  f.metrics.counter(f.orders, "n_total", "x", ab)->add(1);
  f.metrics.counter(f.orders, "n_total", "y", ba)->add(2);
  f.metrics.counter(f.billing, "n_total", "z", ab)->add(4);
  REQUIRE(f.metrics.histogram(f.orders, "h", "x", one));
  CHECK(f.metrics.histogram(f.billing, "h", "x", two).error().code == Code::already_exists);
  const auto other = f.metrics.gauge(f.billing, "h", "x");
  REQUIRE_FALSE(other);
  CHECK(other.error().message == "`h` is already a histogram of `orders`");
  const Parsed p = parsed(f.metrics);
  CHECK(p.samples.at("n_total{a=\"1\",b=\"2\",module=\"orders\"}") == 3);
  CHECK(p.samples.at("n_total{a=\"1\",b=\"2\",module=\"billing\"}") == 4);
  CHECK(p.help.at("n_total") == "x");
  // To Prometheus a label without a value is no label.
  const MetricLabel empty[] = {{"a", ""}};
  f.metrics.counter(f.orders, "m_total", "x", empty)->add(1);
  f.metrics.counter(f.orders, "m_total", "x")->add(1);
  CHECK(parsed(f.metrics).samples.at("m_total{module=\"orders\"}") == 2);
}

TEST_CASE("metrics: series are limited per owner, and an owner that leaves takes its own along") {
  MetricLimits limits;
  limits.series = 3;
  Metrics metrics(limits);
  Owner orders{"orders", 1, false}, next{"orders", 2, false}, billing{"billing", 1, false};
  std::vector<MetricGauge> gauges;
  for (const char* value : {"1", "2", "3"}) {
    const MetricLabel labels[] = {{"n", value}};
    auto gauge = metrics.gauge(orders, "g", "x", labels);
    REQUIRE(gauge);
    gauge->set(1);
    gauges.push_back(*gauge);
  }
  CHECK(metrics.gauge(orders, "g", "x").error().code == Code::resource_exhausted);
  CHECK(metrics.gauge(billing, "g", "x"));
  // The next generation beside it: shown instead, without a duplicate.
  const MetricLabel labels[] = {{"n", "2"}};
  metrics.gauge(next, "g", "x", labels)->set(7);
  Parsed p = parsed(metrics);
  CHECK(p.samples.size() == 4);
  CHECK(p.samples.at("g{module=\"orders\",n=\"2\"}") == 7);
  orders.gate().advance(Gate::State::closed);
  metrics.leave(orders);
  CHECK(metrics.gauge(orders, "g", "x").error().code == Code::unavailable);
  for (const MetricGauge& g : gauges) g.add(1);  // counts for nobody
  p = parsed(metrics);
  CHECK(p.samples.size() == 2);
  metrics.leave(next);
  metrics.leave(billing);
  CHECK(metrics.render().empty());
  MetricCounter().add();
  MetricGauge().set(1);
  MetricHistogram().observe(1);
}

TEST_CASE("metrics: nothing is lost when many threads count while others render, come and leave") {
  constexpr int threads = 4, each = 20'000;
  Fixture f;
  const double bounds[] = {1, 2, 3};
  const auto counter = f.metrics.counter(f.orders, "n_total", "x");
  const auto gauge = f.metrics.gauge(f.orders, "g", "x");
  const auto histogram = f.metrics.histogram(f.orders, "h", "x", bounds);
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t)
    workers.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        counter->add();
        gauge->add(t % 2 == 0 ? 1 : -1);
        histogram->observe(t);
      }
    });
  for (int i = 0; i < 50; ++i) {
    REQUIRE(f.metrics.counter(f.billing, "other_total", "x"));
    parsed(f.metrics);
    f.metrics.leave(f.billing);
  }
  for (std::thread& t : workers) t.join();
  const Parsed p = parsed(f.metrics);
  CHECK(p.samples.at("n_total{module=\"orders\"}") == threads * each);
  CHECK(p.samples.at("g{module=\"orders\"}") == 0);
  CHECK(p.samples.at("h_count{module=\"orders\"}") == threads * each);
  CHECK(p.samples.at("h_bucket{le=\"2\",module=\"orders\"}") == 3 * each);
  CHECK(p.samples.at("h_sum{module=\"orders\"}") == 6 * each);
}

// Metrics, audit, health and configuration through the C tables while there is no memory.
#include "starved.hpp"
#include "tenon/audit.h"
#include "tenon/health.h"
#include "tenon/metrics.h"

using namespace tenon;
using namespace tenon::test;

namespace {

struct Watched {
  SmallHost host;
  SmallModule orders;
  tenon_error error{};
  explicit Watched(host::KernelOptions options = {}) : host(std::move(options)), orders(host, "orders") {
    error.struct_size = sizeof error;
  }
  std::string text() { return host.kernel().metrics().render(); }
};

const tenon_kv label = {TENON_STR_INIT("method"), TENON_STR_INIT("a value that is longer than small strings")};

}  // namespace

TEST_CASE("no memory: a metric is there, or is not") {
  with_every_shortage([](Starving& starving) {
    Watched w;
    const auto* metrics = w.orders.table<tenon_metrics>(TENON_METRICS);
    tenon_counter* counter = nullptr;
    tenon_gauge* gauge = nullptr;
    tenon_histogram* histogram = nullptr;
    const double bounds[] = {0.1, 1, 10};
    const auto all = [&](bool starved) {
      const auto each = [&](auto&& make) { return starved ? starving.during(make) : make(); };
      const tenon_status made[] = {each([&] {
                                     return metrics->counter(w.orders.ctx(), str("orders_of_a_long_name_total"),
                                                             str("Orders that were taken."), &label, 1, &counter, &w.error);
                                   }),
                                   each([&] {
                                     return metrics->gauge(w.orders.ctx(), str("orders_of_a_long_name"), str("Orders that are open now."),
                                                           &label, 1, &gauge, &w.error);
                                   }),
                                   each([&] {
                                     return metrics->histogram(w.orders.ctx(), str("orders_of_a_long_name_seconds"),
                                                               str("How long they took."), bounds, 3, &label, 1, &histogram, &w.error);
                                   })};
      return std::vector<tenon_status>(std::begin(made), std::end(made));
    };
    for (const tenon_status status : all(true)) CHECK(is_clean(status));
    if (counter == nullptr) CHECK(w.text().find("orders_of_a_long_name_total{") == std::string::npos);
    if (gauge == nullptr) CHECK(w.text().find("orders_of_a_long_name{") == std::string::npos);
    if (histogram == nullptr) CHECK(w.text().find("orders_of_a_long_name_seconds_count{") == std::string::npos);
    for (const tenon_status status : all(false)) CHECK(status == TENON_OK);
    metrics->add(counter, 3);
    metrics->set(gauge, 2);
    metrics->observe(histogram, 5);
    CHECK(w.text().find("orders_of_a_long_name_total{module=\"orders\",method=\"a value that is longer than small strings\"} 3\n") !=
          std::string::npos);
    w.orders.leave();
    CHECK(w.text().empty());
  });
}

TEST_CASE("no memory: an audit record is taken, or RESOURCE_EXHAUSTED") {
  with_every_shortage([](Starving& starving) {
    std::vector<std::string> recorded;
    host::AuditOptions audit;
    audit.writer = host::AuditWriter::console;
    audit.console = [&recorded](const host::AuditEvent& e) { recorded.emplace_back(e.type); };
    host::KernelOptions options;
    auto log = host::AuditLog::open(std::move(audit));
    REQUIRE(log);
    options.audit = std::move(*log);
    Watched w(std::move(options));
    const auto* table = w.orders.table<tenon_audit>(TENON_AUDIT);
    tenon_audit_event event{};
    event.struct_size = sizeof event;
    event.level = TENON_AUDIT_INFO;
    event.type = str("refund.approved");
    event.target = str("order 4711 with a text that is not small");
    event.outcome = str("ok");
    event.meta = &label;
    event.meta_count = 1;
    const tenon_status status = starving.during([&] { return table->record(w.orders.ctx(), &event, &w.error); });
    CHECK(is_clean(status));
    if (status != TENON_OK) CHECK(recorded.empty());
    CHECK(recorded.size() + w.host.kernel().audit().lost() == (status == TENON_OK ? 1U : 0U));  // taken, and if it was lost that is known
    event.type = str("no type at all, and long");
    const tenon_status wrong = starving.during([&] { return table->record(w.orders.ctx(), &event, &w.error); });
    CHECK((wrong == TENON_INVALID_ARGUMENT || wrong == TENON_RESOURCE_EXHAUSTED));
  });
}

TEST_CASE("no memory: the health checks of a module are asked, or its create fails") {
  static const tenon_health_check check = {sizeof check,
                                           1,
                                           0,
                                           0,
                                           TENON_STR_INIT("a-check-with-a-name-that-is-not-small"),
                                           [](void* self, tenon_call*, tenon_error*) noexcept -> tenon_status {
                                             ++static_cast<Registered*>(self)->used;
                                             return TENON_OK;
                                           }};
  static const tenon_health_check* const checks[] = {&check};
  static const tenon_health table = {sizeof table, 0, checks, 1};
  with_every_shortage([](Starving& starving) {
    Registered self;
    Watched w;
    bool offered = false, threw = false;
    // No function of a table: whoever calls it, the loader, says that there is no memory.
    starving.during([&] {
      try {
        offered = static_cast<bool>(w.orders.instance().offer_health(table, &self));
      } catch (const std::bad_alloc&) {
        threw = true;
      }
      return 0;
    });
    CHECK(offered != threw);
    const auto report = w.host.kernel().health().report(host::monotonic_ns());
    CHECK(report.checks.size() == (offered ? 1U : 0U));
    if (!offered) return;
    w.host.kernel().health().started(w.orders.instance());
    CHECK(settles([&] { return self.used == 1; }));
  });
}

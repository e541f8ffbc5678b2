#include <array>
#include <new>

#include "metrics_part.hpp"
#include "tables.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t max_labels = 64;  // more than the kernel lets pass: it says what is wrong with too many

Error misuse(const char* what) { return {Code::invalid_argument, what, "NULL_ARGUMENT", 0, ExitCode::software}; }

/// `make(part, labels)` -> Result of a metric; its handle is kept and given.
template <class Handle, class Make>
tenon_status give(tenon_ctx* ctx, tenon_str name, tenon_str help, const tenon_kv* labels, std::size_t count, Handle** out, tenon_error* err,
                  Make&& make) noexcept {
  try {
    Instance* instance = Instance::from(ctx);
    if (instance == nullptr || out == nullptr || !is_view(name) || !is_view(help) || (labels == nullptr && count != 0))
      return give_error(err, misuse("a metric needs ctx, name, help, its labels and a place for the handle"));
    if (instance->wedged()) return TENON_CANCELLED;
    MetricsPart* part = instance->part<MetricsPart>();
    if (part == nullptr) return give_error(err, misuse("query(ctx, \"tenon.metrics/1\") comes first"));
    std::array<MetricLabel, max_labels> list;
    for (std::size_t i = 0; i < std::min(count, max_labels); ++i) {
      if (!is_view(labels[i].key) || !is_view(labels[i].value)) return give_error(err, misuse("a label is no text"));
      list[i] = {view(labels[i].key), view(labels[i].value)};
    }
    auto fresh = MetricsPart::new_handle<Handle>();
    auto metric =
        make(part->metrics(), *instance, view(name), view(help), std::span<const MetricLabel>(list.data(), std::min(count, max_labels)));
    if (!metric) return give_error(err, metric.error());
    *out = part->keep(std::move(fresh), std::move(*metric));
    return TENON_OK;
  } catch (const std::bad_alloc&) {
    return give_no_memory(err);
  }
}

using Labels = std::span<const MetricLabel>;

tenon_status counter(tenon_ctx* ctx, tenon_str name, tenon_str help, const tenon_kv* labels, std::size_t count, tenon_counter** out,
                     tenon_error* err) noexcept {
  return give(ctx, name, help, labels, count, out, err,
              [](Metrics& m, Owner& owner, std::string_view n, std::string_view h, Labels l) { return m.counter(owner, n, h, l); });
}

tenon_status gauge(tenon_ctx* ctx, tenon_str name, tenon_str help, const tenon_kv* labels, std::size_t count, tenon_gauge** out,
                   tenon_error* err) noexcept {
  return give(ctx, name, help, labels, count, out, err,
              [](Metrics& m, Owner& owner, std::string_view n, std::string_view h, Labels l) { return m.gauge(owner, n, h, l); });
}

tenon_status histogram(tenon_ctx* ctx, tenon_str name, tenon_str help, const double* bounds, std::size_t bound_count,
                       const tenon_kv* labels, std::size_t count, tenon_histogram** out, tenon_error* err) noexcept {
  return give(ctx, name, help, labels, count, out, err,
              [&](Metrics& m, Owner& owner, std::string_view n, std::string_view h, Labels l) -> Result<MetricHistogram> {
                if (bounds == nullptr && bound_count != 0) return misuse("the bounds of a histogram are missing");
                return m.histogram(owner, n, h, {bounds, bound_count}, l);
              });
}

void add(tenon_counter* counter, std::uint64_t n) noexcept {
  if (counter != nullptr) counter->metric.add(n);
}
void set(tenon_gauge* gauge, double value) noexcept {
  if (gauge != nullptr) gauge->metric.set(value);
}
void change(tenon_gauge* gauge, double by) noexcept {
  if (gauge != nullptr) gauge->metric.add(by);
}
void observe(tenon_histogram* histogram, double value) noexcept {
  if (histogram != nullptr) histogram->metric.observe(value);
}

}  // namespace

const tenon_metrics metrics_table = {sizeof(tenon_metrics), 0, &counter, &gauge, &histogram, &add, &set, &change, &observe};

std::unique_ptr<Part> make_metrics_part(Instance& instance) { return std::make_unique<MetricsPart>(instance); }

}  // namespace tenon::host

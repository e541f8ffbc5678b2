#include "kernel/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <vector>

#include "base/text.hpp"
#include "kernel/owner.hpp"
#include "series.hpp"
#include "text.hpp"

namespace tenon::host {
namespace {

Error invalid(std::string message) { return {Code::invalid_argument, std::move(message), "BAD_METRIC", 0, ExitCode::usage}; }

/// [a-z_][a-z0-9_]*: the format would allow more, `promtool check metrics` would not.
bool is_identifier(std::string_view name, std::size_t max) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && name.size() <= max && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&letter](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

Result<void> check_name(MetricKind kind, std::string_view name, std::string_view help, const MetricLimits& limits) {
  const auto what = [name] { return "`" + printable(name) + "` "; };
  if (!is_identifier(name, limits.name_bytes))
    return invalid(what() + "is no name of a metric: lower-case letters, digits and `_`, no digit first, at most " +
                   std::to_string(limits.name_bytes) + " bytes");
  if (name.starts_with("tenon_")) return invalid(what() + "begins with `tenon_`, as only the host's own metrics do");
  if ((kind == MetricKind::counter) != name.ends_with("_total"))
    return invalid(what() + (kind == MetricKind::counter ? "is a counter, and its name has to end in `_total`"
                                                         : "is no counter, and its name may not end in `_total`"));
  for (const std::string_view ending : {"_bucket", "_sum", "_count"})
    if (name.ends_with(ending)) return invalid(what() + "ends in `" + std::string(ending) + "`, which the format uses itself");
  if (help.empty() || help.size() > limits.help_bytes || invalid_utf8_at(help) != std::string_view::npos)
    return invalid(what() + "needs a help text of 1 to " + std::to_string(limits.help_bytes) + " bytes of UTF-8");
  return {};
}

Result<void> check_labels(std::string_view name, std::span<const MetricLabel> labels, const MetricLimits& limits) {
  const std::string of = "of the metric `" + std::string(name) + "` ";
  if (labels.size() > limits.labels)
    return invalid("the labels " + of + "are " + std::to_string(labels.size()) + ", and may be " + std::to_string(limits.labels));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto& [label, value] = labels[i];
    if (!is_identifier(label, limits.name_bytes) || label.starts_with("__") || label == "module" || label == "le" || label == "quantile")
      return invalid("`" + printable(label) + "` cannot be a label " + of +
                     "(lower-case letters, digits and `_`; not `module`, `le`, `quantile` or `__...`)");
    if (value.size() > limits.value_bytes || invalid_utf8_at(value) != std::string_view::npos)
      return invalid("the value of the label `" + std::string(label) + "` " + of + "has to be UTF-8 of at most " +
                     std::to_string(limits.value_bytes) + " bytes");
    for (std::size_t k = 0; k < i; ++k)
      if (labels[k].name == label) return invalid("the label `" + std::string(label) + "` " + of + "is there twice");
  }
  return {};
}

Result<void> check_bounds(std::string_view name, std::span<const double> bounds, const MetricLimits& limits) {
  bool ascending = bounds.size() <= limits.buckets && !bounds.empty();
  for (std::size_t i = 0; i < bounds.size() && ascending; ++i)
    ascending = std::isfinite(bounds[i]) && (i == 0 || bounds[i - 1] < bounds[i]);
  if (ascending) return {};
  return invalid("the bounds of `" + std::string(name) + "` have to be 1 to " + std::to_string(limits.buckets) +
                 " finite numbers that ascend");
}

void render_series(MetricGroup& group, const std::string& labels, const MetricSeries& series) {
  if (series.kind() == MetricKind::counter) return group.counter(labels, series.counted());
  if (series.kind() == MetricKind::gauge) return group.gauge(labels, series.gauge());
  const MetricSeries::Observed observed = series.observed();
  group.histogram(labels, series.bounds(), observed.buckets, observed.sum);
}

}  // namespace

struct Metrics::State {
  /// Of one owner; several generations may have the same labels.
  struct Key {
    std::string labels;
    std::uint64_t generation;
    const Owner* owner;
    auto operator<=>(const Key&) const = default;
  };
  struct Family {
    MetricKind kind;
    std::string help, first_owner;
    std::vector<double> bounds;
    std::map<Key, std::shared_ptr<MetricSeries>> series;
  };
  const MetricLimits limits;
  mutable std::mutex mutex;
  std::map<std::string, Family, std::less<>> families;
  std::map<const Owner*, std::uint32_t> held;
};

Metrics::Metrics(MetricLimits limits) : state_(new State{limits, {}, {}, {}}) {}
Metrics::~Metrics() = default;

Result<std::shared_ptr<MetricSeries>> Metrics::get(Owner& owner, int kind_number, std::string_view name, std::string_view help,
                                                   std::span<const double> bounds, std::span<const MetricLabel> labels) {
  const auto kind = static_cast<MetricKind>(kind_number);
  State& state = *state_;
  if (auto ok = check_name(kind, name, help, state.limits); !ok) return ok.error();
  if (auto ok = check_labels(name, labels, state.limits); !ok) return ok.error();
  if (kind == MetricKind::histogram)
    if (auto ok = check_bounds(name, bounds, state.limits); !ok) return ok.error();
  const State::Key key{metric_labels(owner.name(), labels), owner.generation(), &owner};

  const std::lock_guard lock(state.mutex);
  if (owner.gate().state() == Gate::State::closed)
    return Error{Code::unavailable, "`" + owner.name() + "` has left", "CLOSED", 0, ExitCode::unavailable};
  const auto found = state.families.find(name);
  if (found != state.families.end()) {
    const State::Family& family = found->second;
    if (family.kind != kind || !std::equal(bounds.begin(), bounds.end(), family.bounds.begin(), family.bounds.end()))
      return Error{Code::already_exists,
                   "`" + std::string(name) + "` is already a " + std::string(metric_kind_name(family.kind)) + " of `" + family.first_owner +
                       "`" + (family.kind == kind ? " with other bounds" : ""),
                   "OTHER_METRIC", 0, ExitCode::unavailable};
    if (const auto same = family.series.find(key); same != family.series.end()) return same->second;
  }
  std::uint32_t& held = state.held[&owner];
  if (held >= state.limits.series)
    return Error{Code::resource_exhausted,
                 "`" + owner.name() + "` has " + std::to_string(held) + " series of metrics, more are not allowed", "TOO_MANY_SERIES", 0,
                 ExitCode::unavailable};
  auto series = std::make_shared<MetricSeries>(kind, bounds);
  State::Family family{kind, std::string(help), owner.name(), {bounds.begin(), bounds.end()}, {}};
  family.series.emplace(key, series);
  if (found != state.families.end())
    found->second.series.merge(family.series);
  else
    state.families.emplace(std::string(name), std::move(family));
  ++held;
  return series;
}

Result<MetricCounter> Metrics::counter(Owner& owner, std::string_view name, std::string_view help, std::span<const MetricLabel> labels) {
  auto series = get(owner, static_cast<int>(MetricKind::counter), name, help, {}, labels);
  if (!series) return series.error();
  MetricCounter out;
  out.series_ = std::move(*series);
  return out;
}

Result<MetricGauge> Metrics::gauge(Owner& owner, std::string_view name, std::string_view help, std::span<const MetricLabel> labels) {
  auto series = get(owner, static_cast<int>(MetricKind::gauge), name, help, {}, labels);
  if (!series) return series.error();
  MetricGauge out;
  out.series_ = std::move(*series);
  return out;
}

Result<MetricHistogram> Metrics::histogram(Owner& owner, std::string_view name, std::string_view help, std::span<const double> bounds,
                                           std::span<const MetricLabel> labels) {
  auto series = get(owner, static_cast<int>(MetricKind::histogram), name, help, bounds, labels);
  if (!series) return series.error();
  MetricHistogram out;
  out.series_ = std::move(*series);
  return out;
}

void Metrics::leave(const Owner& owner) {
  const std::lock_guard lock(state_->mutex);
  for (auto family = state_->families.begin(); family != state_->families.end();) {
    std::erase_if(family->second.series, [&owner](const auto& item) { return item.first.owner == &owner; });
    family = family->second.series.empty() ? state_->families.erase(family) : std::next(family);
  }
  state_->held.erase(&owner);
}

std::string Metrics::render() const {
  std::string out;
  const std::lock_guard lock(state_->mutex);
  for (const auto& [name, family] : state_->families) {
    MetricGroup group(out, family.kind, name, family.help);
    // The newest generation stands last among those with the same labels.
    for (auto it = family.series.begin(); it != family.series.end(); ++it)
      if (const auto next = std::next(it); next == family.series.end() || next->first.labels != it->first.labels)
        render_series(group, it->first.labels, *it->second);
  }
  return out;
}

void MetricCounter::add(std::uint64_t n) const noexcept {
  if (series_ != nullptr) series_->count(n);
}
void MetricGauge::set(double value) const noexcept {
  if (series_ != nullptr) series_->set(value);
}
void MetricGauge::add(double value) const noexcept {
  if (series_ != nullptr) series_->add(value);
}
void MetricHistogram::observe(double value) const noexcept {
  if (series_ != nullptr) series_->observe(value);
}

}  // namespace tenon::host

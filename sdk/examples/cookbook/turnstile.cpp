// Metrics and health: counts what happens, and says whether it works.
#include <atomic>
#include <tenon/tenon.hpp>

namespace {

class Turnstile {
 public:
  using needs = tenon::needs<tenon::Events, tenon::Metrics>;
  explicit Turnstile(tenon::Ctx ctx) : events_(ctx), metrics_(ctx) {}

  tenon::Status init() {
    // Labels are a choice among few. The host adds the label `module`.
    passed_ = metrics_.counter("coins_total", "Coins by what became of them.", {{"result", "passed"}}).value();
    jammed_ = metrics_.counter("coins_total", "Coins by what became of them.", {{"result", "jammed"}}).value();
    weight_ = metrics_.histogram("coin_grams", "Weight of the coins.", {1, 5, 10}).value();
    return events_.subscribe("turnstile.coin", [this](tenon::Event coin) { insert(coin.payload().size()); }).status();
  }

  // The capability `health` of the manifest: constant data, read before create.
  static const void* query(std::string_view id) noexcept {
    static constexpr tenon::HealthChecks checks(tenon::required_check<Turnstile, &Turnstile::turns>("turns"));
    return id == TENON_HEALTH ? checks.table() : nullptr;
  }
  // On a worker, at the same time as everything else; void or () without a Call will do as well.
  tenon::Status turns() { return stuck_ ? tenon::Status::unavailable("a coin is stuck") : tenon::Status(); }

 private:
  void insert(std::size_t grams) {
    weight_.observe(static_cast<double>(grams));
    stuck_ = grams > 10;
    (stuck_ ? jammed_ : passed_).add();
  }

  tenon::Events events_;
  tenon::Metrics metrics_;
  tenon::Counter passed_, jammed_;
  tenon::Histogram weight_;
  std::atomic<bool> stuck_{false};
};

}  // namespace

TENON_MODULE(Turnstile);

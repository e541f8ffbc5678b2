// Live configuration: `level` is `live: true` in the manifest's schema and changes while the module runs; `fade` stays as it was until a restart.
#include <atomic>
#include <tenon/tenon.hpp>

namespace {

class Dimmer {
 public:
  using needs = tenon::needs<tenon::Log, tenon::Config>;
  explicit Dimmer(tenon::Ctx ctx) : log_(ctx), config_(ctx) {}

  tenon::Status init() {
    fade_ = config_.require<std::chrono::milliseconds>("fade").value();
    level_ = config_.require<int>("level").value();  // there, and in its bounds: the host has checked config and schema before
    log_.info("light", "level", level_.load(), "fade", fade_);
    return config_
        .on_change("level",
                   [this](std::string_view path) {
                     level_ = config_.require<int>(path).value();  // it changes nothing to throw here: it is logged
                     log_.info("light", "level", level_.load(), "fade", fade_);
                   })
        .status();
  }

 private:
  tenon::Log log_;
  tenon::Config config_;
  std::chrono::milliseconds fade_{};
  std::atomic<int> level_{0};  // on_change and other callbacks may run on different threads
};

}  // namespace

TENON_MODULE(Dimmer);

// TENON_SERIAL: the host never runs two callbacks of the module at a time, so plain members need no lock. The price: one thread's worth of work, no
// background loops, and no waiting inside for what needs another callback of the same module.
#include <tenon/tenon.hpp>

namespace {

using namespace std::chrono_literals;

class Tally {
 public:
  using needs = tenon::needs<tenon::Log, tenon::Events, tenon::Tasks>;
  static constexpr std::uint32_t flags = TENON_SERIAL;
  explicit Tally(tenon::Ctx ctx) : log_(ctx), events_(ctx), tasks_(ctx) {}

  tenon::Status init() {
    const auto subscribed = events_.subscribe("tally.one", [this](const tenon::Event&) { ++since_last_; });
    if (!subscribed.ok()) return subscribed.status();
    return tasks_
        .every(1s,
               [this] {
                 total_ += since_last_;
                 log_.info("tally", "new", since_last_, "total", total_);
                 since_last_ = 0;
               })
        .status();
  }

 private:
  tenon::Log log_;
  tenon::Events events_;
  tenon::Tasks tasks_;
  int since_last_ = 0, total_ = 0;
};

}  // namespace

TENON_MODULE(Tally);

// Tasks: something every night, and a loop that works for as long as the module lives.
#include <atomic>
#include <tenon/tenon.hpp>

namespace {

using namespace std::chrono_literals;

class Janitor {
 public:
  using needs = tenon::needs<tenon::Log, tenon::Calls, tenon::Tasks>;
  explicit Janitor(tenon::Ctx ctx) : log_(ctx), tasks_(ctx) {}

  tenon::Status init() {  // nothing runs before start has returned
    tenon::Task nightly;
    nightly.name = "rounds";
    nightly.timeout = 10min;  // deadline of one run
    const auto rounds = tasks_.cron(
        "30 4 * * MON-FRI", [this] { log_.info("rounds", "swept", swept_.exchange(0)); }, tenon::Zone::utc, nightly);
    if (!rounds.ok()) return rounds.status();

    tenon::Loop sweeping;
    sweeping.name = "sweep";
    sweeping.policy = tenon::LoopPolicy::restart;  // if it ends by itself: again after a pause, `degraded` meanwhile
    return tasks_
        .loop(
            [this](tenon::Call call) {
              while (!call.wait_for(1ms)) {  // the sleep that the end of the module interrupts
                if (++swept_ == 3) log_.info("three rooms swept");
              }
            },
            sweeping)
        .status();
  }

 private:
  tenon::Log log_;
  tenon::Tasks tasks_;
  std::atomic<int> swept_{0};  // the loop and the task may run at the same time
};

}  // namespace

TENON_MODULE(Janitor);

// Events: a bounded queue that refuses when it is full, so that no alarm is lost without its publisher knowing.
#include <string>
#include <tenon/tenon.hpp>

namespace {

class Alarms {
 public:
  using needs = tenon::needs<tenon::Log, tenon::Events, tenon::Tasks>;
  explicit Alarms(tenon::Ctx ctx) : log_(ctx), events_(ctx), tasks_(ctx) {}

  tenon::Status init() {
    tenon::Subscribe how;
    how.queue_events = 2;                     // 0 would be 1024
    how.when_full = tenon::WhenFull::refuse;  // drop_oldest for samples, drop_newest for what came first
    how.drain = true;                         // what is queued when the module leaves is still delivered
    bell_ = events_
                .subscribe(
                    "alarms.raised", [this](tenon::Event event) { log_.warn("alarm", "what", event.text()); }, how)
                .value();
    return tasks_.post([this] { return raise(); }).status();
  }

 private:
  // On a worker, after start.
  tenon::Status raise() {
    tenon::Publish kept;
    kept.retain = true;  // whoever subscribes later gets the last one at once
    for (const char* what : {"smoke", "water", "burglar"}) {
      const auto published = events_.publish("alarms.raised", std::string_view(what), kept);
      if (published.status().reason() == "QUEUE_FULL") {
        log_.error("alarm not delivered", "what", what);  // or wait, or tell whoever asked
      } else if (!published.ok()) {
        return published.status();
      }
    }
    return {};
  }

  tenon::Log log_;
  tenon::Events events_;
  tenon::Tasks tasks_;
  tenon_id bell_ = 0;
};

}  // namespace

TENON_MODULE(Alarms);

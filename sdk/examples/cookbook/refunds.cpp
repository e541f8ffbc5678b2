// Audit: what somebody may have to answer for later, allowed or not, with whom it was done for.
#include <string>
#include <tenon/tenon.hpp>

namespace {

class Refunds {
 public:
  using needs = tenon::needs<tenon::Events, tenon::Audit>;
  explicit Refunds(tenon::Ctx ctx) : events_(ctx), audit_(ctx) {}

  tenon::Status init() {
    return events_.subscribe("refunds.asked", [this](tenon::Event event) { return decide(event.text()); }).status();
  }

 private:
  tenon::Status decide(std::string_view order) {
    const bool granted = order.size() <= 4;
    const std::string target = "order " + std::string(order);
    tenon::AuditEvent record;
    record.type = "refund.decided";  // recorded as refunds.refund.decided
    record.target = target;
    record.outcome = granted ? "ok" : "denied";
    record.level = granted ? TENON_AUDIT_INFO : TENON_AUDIT_WARN;
    return audit_.record(record, {{"user", "kim"}, {"rule", "four digits"}});
  }

  tenon::Events events_;
  tenon::Audit audit_;
};

}  // namespace

TENON_MODULE(Refunds);

// Audit: entries of the module in the host's audit log.
#ifndef TENON_CPP_AUDIT_HPP
#define TENON_CPP_AUDIT_HPP

#include <initializer_list>
#include <vector>

#include "tenon/audit.h"
#include "tenon/cpp/context.hpp"

namespace tenon {
inline namespace v1 {

/// What happened; texts are borrowed. Meaning and limits are those of tenon_audit_event.
struct AuditEvent {
  std::string_view type;  ///< "refund.approved", recorded below the module's name
  std::string_view target = {};
  std::string_view outcome = "ok";
  std::int32_t level = TENON_AUDIT_INFO;
  std::string_view request_id = {};
};

/// `audit.record({"refund.approved", "order 4711"}, {{"user", "kim"}})`. Thread-safe.
class Audit {
 public:
  [[gnu::visibility("hidden")]] static constexpr std::string_view id = TENON_AUDIT;
  static constexpr std::uint32_t min_size = TENON_UP_TO(tenon_audit, record);
  using Meta = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit Audit(Ctx ctx) : ctx_(ctx), table_(ctx.require<tenon_audit>(id)) {}

  Status record(const AuditEvent& event, Meta meta = {}) const {
    std::vector<tenon_kv> kv;
    kv.reserve(meta.size());
    for (const auto& [key, value] : meta) kv.push_back({to_c(key), to_c(value)});
    const tenon_audit_event raw = {sizeof(tenon_audit_event), event.level,         to_c(event.type), to_c(event.target),
                                   to_c(event.request_id),    to_c(event.outcome), kv.data(),        kv.size()};
    return Status::of([&](tenon_error* e) { return table_->record(ctx_.raw(), &raw, e); });
  }

 private:
  Ctx ctx_;
  const tenon_audit* table_;
};

}  // namespace v1
}  // namespace tenon

#endif

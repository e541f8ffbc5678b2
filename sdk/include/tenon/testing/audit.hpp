// FakeAudit: what the module has recorded, for the test to read.
#ifndef TENON_TESTING_AUDIT_HPP
#define TENON_TESTING_AUDIT_HPP

#include <mutex>
#include <vector>

#include "tenon/audit.h"
#include "tenon/cpp/status.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

/// One record, as the module gave it; the host would put its name before the type.
struct AuditRecord {
  std::int32_t level = 0;
  std::string type, target, request_id, outcome;
  std::vector<std::pair<std::string, std::string>> meta;
};

/// Of one fake host; thread-safe. Keeps everything: it has no rate limit and cuts nothing but the number of pairs.
class FakeAudit {
 public:
  [[nodiscard]] std::vector<AuditRecord> records() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return records_;
  }

  /// The C table; finds its FakeAudit through the host of ctx.
  static const tenon_audit& table() {
    static const tenon_audit all = {sizeof(tenon_audit), 0, &record_fn};
    return all;
  }

 private:
  static FakeAudit& of(tenon_ctx* ctx);  // tables.hpp

  static bool is_whole(const tenon_str& text) { return text.ptr != nullptr || text.len == 0; }
  static bool is_word(std::string_view text) {
    for (const char c : text)
      if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-')) return false;
    return !text.empty();
  }
  static bool is_type(std::string_view text) {
    if (text.size() > 64) return false;
    for (;;) {
      const std::size_t dot = text.find('.');
      if (!is_word(text.substr(0, dot))) return false;
      if (dot == std::string_view::npos) return true;
      text.remove_prefix(dot + 1);
    }
  }

  static tenon_status record_fn(tenon_ctx* ctx, const tenon_audit_event* e, tenon_error* err) noexcept {
    if (e == nullptr || e->struct_size < TENON_UP_TO(tenon_audit_event, meta_count))
      return tenon::detail::fill(err, TENON_INVALID_ARGUMENT, "NULL_ARGUMENT", "record needs ctx and an event with its struct_size");
    const auto bad = [err](std::string_view what) { return tenon::detail::fill(err, TENON_INVALID_ARGUMENT, "BAD_EVENT", what); };
    if (!is_whole(e->type) || !is_whole(e->target) || !is_whole(e->request_id) || !is_whole(e->outcome))
      return bad("a text of the event is null, but has a length");
    if (!is_type(view(e->type)))
      return bad("the type of an event is words of letters, digits, `_` and `-` joined by dots, at most 64 bytes");
    if (e->level != TENON_AUDIT_INFO && e->level != TENON_AUDIT_WARN && e->level != TENON_AUDIT_ERROR)
      return bad("the level of an event is TENON_AUDIT_INFO, TENON_AUDIT_WARN or TENON_AUDIT_ERROR");
    if (!is_word(view(e->outcome)) || e->outcome.len > 32)
      return bad("the outcome of an event is a word of at most 32 bytes: ok, denied, failed");
    if (e->meta == nullptr && e->meta_count != 0) return bad("the meta of the event is null, but has a length");
    for (std::size_t i = 0; i < e->meta_count && i < 32; ++i)
      if (!is_whole(e->meta[i].key) || !is_whole(e->meta[i].value)) return bad("a pair of meta is no text");
    AuditRecord record{
        e->level, std::string(view(e->type)), std::string(view(e->target)), std::string(view(e->request_id)), std::string(view(e->outcome)),
        {}};
    for (std::size_t i = 0; i < e->meta_count && i < 32; ++i) record.meta.emplace_back(view(e->meta[i].key), view(e->meta[i].value));
    FakeAudit& self = of(ctx);
    const std::lock_guard<std::mutex> lock(self.mutex_);
    self.records_.push_back(std::move(record));
    return TENON_OK;
  }

  mutable std::mutex mutex_;
  std::vector<AuditRecord> records_;
};

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif

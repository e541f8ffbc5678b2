#include <algorithm>
#include <cstddef>
#include <new>

#include "abi/instance.hpp"
#include "base/text.hpp"
#include "kernel/kernel.hpp"
#include "tables.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t max_type = 64, max_outcome = 32, max_meta = 32;

Error bad_event(const char* what) { return {Code::invalid_argument, what, "BAD_EVENT", 0, ExitCode::software}; }

bool is_word(std::string_view text) { return text.find('.') == std::string_view::npos && is_dotted_name(text); }

tenon_status record(tenon_ctx* ctx, const tenon_audit_event* given, tenon_error* err) noexcept {
  try {
    Instance* instance = Instance::from(ctx);
    if (instance == nullptr || given == nullptr || given->struct_size < TENON_UP_TO(tenon_audit_event, meta_count))
      return give_error(
          err, {Code::invalid_argument, "record needs ctx and an event with its struct_size", "NULL_ARGUMENT", 0, ExitCode::software});
    if (instance->wedged()) return TENON_CANCELLED;
    for (const tenon_str text : {given->type, given->target, given->request_id, given->outcome})
      if (!is_view(text)) return give_error(err, bad_event("a text of the event is null, but has a length"));
    if (!is_dotted_name(view(given->type)) || given->type.len > max_type)
      return give_error(err, bad_event("the type of an event is words of letters, digits, `_` and `-` joined by dots, at most 64 bytes"));
    if (given->level != TENON_AUDIT_INFO && given->level != TENON_AUDIT_WARN && given->level != TENON_AUDIT_ERROR)
      return give_error(err, bad_event("the level of an event is TENON_AUDIT_INFO, TENON_AUDIT_WARN or TENON_AUDIT_ERROR"));
    if (!is_word(view(given->outcome)) || given->outcome.len > max_outcome)
      return give_error(err, bad_event("the outcome of an event is a word of at most 32 bytes: ok, denied, failed"));
    if (given->meta == nullptr && given->meta_count != 0)
      return give_error(err, bad_event("the meta of the event is null, but has a length"));
    Kernel* kernel = instance->host().kernel();
    if (kernel == nullptr) return give_error(err, {Code::unavailable, "this host has no audit log", "NO_AUDIT", 0, ExitCode::unavailable});
    const std::string type = instance->name() + "." + std::string(view(given->type));
    AuditEvent event;
    event.type = type;
    event.level = given->level == TENON_AUDIT_INFO ? "info" : given->level == TENON_AUDIT_WARN ? "warn" : "error";
    event.actor = instance->name();
    event.target = view(given->target);
    event.request_id = view(given->request_id);
    event.outcome = view(given->outcome);
    for (std::size_t i = 0; i < std::min(given->meta_count, max_meta); ++i) {
      if (!is_view(given->meta[i].key) || !is_view(given->meta[i].value)) return give_error(err, bad_event("a pair of meta is no text"));
      event.meta.emplace_back(view(given->meta[i].key), view(given->meta[i].value));
    }
    kernel->audit().record(event);
    return TENON_OK;
  } catch (const std::bad_alloc&) {
    return give_no_memory(err);
  }
}

}  // namespace

const tenon_audit audit_table = {sizeof(tenon_audit), 0, &record};

}  // namespace tenon::host

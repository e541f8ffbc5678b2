// What modules do with the ids of calls: give up, complete, ask, be told.
#include "core.hpp"

namespace tenon::host {

Code Services::cancel(ServiceSeat& seat, std::uint64_t id) {
  const auto record = core_->record_of(id);
  if (!record || record->caller.get() != &seat || record->done == nullptr) return Code::not_found;
  const bool mine = core_->give_up(record, Code::cancelled,
                                   service_error(Code::cancelled, "`" + record->service + "` was cancelled by its caller", "CANCELLED"));
  return mine ? Code::ok : Code::not_found;
}

Code Services::complete(ServiceSeat& seat, std::uint64_t id, Code code, Reply& reply, const Error* error) {
  const auto record = core_->record_of(id);
  if (!record || record->provider.get() != &seat) {
    reply.clear();
    return Code::not_found;
  }
  Error why;
  if (code != Code::ok && error != nullptr) why = *error;  // what can fail comes first
  std::int64_t deadline = no_deadline;
  {
    const std::lock_guard lock(record->mutex);
    deadline = record->deadline_ns;
  }
  // Whoever waits may not have woken yet; late is late.
  if (deadline != no_deadline && monotonic_ns() >= deadline) core_->give_up(record, Code::deadline_exceeded, late_answer(*record));
  if (ServicesCore::take_end(*record, true) == ServicesCore::End::not_mine) {
    reply.clear();
    return Code::not_found;
  }
  if (!core_->settle(*record, code, std::move(why), &reply)) record->metrics->count_late();
  reply.clear();
  core_->post_ended(record, Code::ok);
  seat.close_call();
  core_->forget_if_over(*record);
  return Code::ok;
}

bool Services::id_cancelled(const ServiceSeat& seat, std::uint64_t id) const {
  const auto record = core_->record_of(id);
  if (!record || record->provider.get() != &seat) return true;
  const std::lock_guard lock(record->mutex);
  return record->provider_done || record->given_up.load(std::memory_order_relaxed) || record->asked_to_end.load(std::memory_order_relaxed);
}

Code Services::on_cancel(ServiceSeat& seat, std::uint64_t id, ServiceEnded fn, void* data) {
  const auto record = core_->record_of(id);
  if (fn == nullptr) return Code::invalid_argument;
  if (!record || record->provider.get() != &seat) return Code::not_found;
  auto notice = core_->make_notice(Notice::Kind::ended, record->provider);
  {
    const std::lock_guard lock(record->mutex);
    if (!record->deferred || record->provider_done) return Code::not_found;
    if (record->has_ended) return Code::already_exists;
    record->has_ended = true;
    record->ended_notice = std::move(notice);
    record->ended = fn;
    record->ended_data = data;
  }
  if (record->asked_to_end.load(std::memory_order_relaxed)) core_->post_ended(record, Code::cancelled);
  return Code::ok;
}

}  // namespace tenon::host

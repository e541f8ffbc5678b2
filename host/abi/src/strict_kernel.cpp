// Proxies that check who calls and what for; what is in the tables is their headers' word.
#include "strict_tables.hpp"

namespace tenon::host {

template <>
const tenon_events& real<tenon_events>() {
  return events_table;
}
template <>
const tenon_tasks& real<tenon_tasks>() {
  return tasks_table;
}
template <>
const tenon_storage& real<tenon_storage>() {
  return storage_table;
}
template <>
const tenon_state& real<tenon_state>() {
  return state_table;
}
template <>
const tenon_container& real<tenon_container>() {
  return container_table;
}
template <>
const tenon_lease& real<tenon_lease>() {
  return lease_table;
}

const tenon_events strict_events_table = {sizeof(tenon_events),
                                          0,
                                          guarded<&tenon_events::publish, From::any, "tenon_events.publish">,
                                          guarded<&tenon_events::forget, From::any, "tenon_events.forget">,
                                          guarded<&tenon_events::subscribe, From::any, "tenon_events.subscribe">,
                                          guarded_id<&tenon_events::unsubscribe, From::any, "tenon_events.unsubscribe">,
                                          guarded_id<&tenon_events::unsubscribe_wait, From::blocking, "tenon_events.unsubscribe_wait">,
                                          guarded<&tenon_events::stats, From::any, "tenon_events.stats">};

const tenon_tasks strict_tasks_table = {sizeof(tenon_tasks),
                                        0,
                                        guarded<&tenon_tasks::post, From::any, "tenon_tasks.post">,
                                        guarded<&tenon_tasks::after, From::any, "tenon_tasks.after">,
                                        guarded<&tenon_tasks::every, From::any, "tenon_tasks.every">,
                                        guarded<&tenon_tasks::cron, From::any, "tenon_tasks.cron">,
                                        guarded<&tenon_tasks::loop, From::any, "tenon_tasks.loop">,
                                        guarded<&tenon_tasks::cancel, From::any, "tenon_tasks.cancel">,
                                        guarded<&tenon_tasks::cancel_wait, From::blocking, "tenon_tasks.cancel_wait">,
                                        guarded<&tenon_tasks::status, From::any, "tenon_tasks.status">};

const tenon_storage strict_storage_table = {sizeof(tenon_storage),
                                            0,
                                            guarded<&tenon_storage::open, From::blocking, "tenon_storage.open">,
                                            guarded<&tenon_storage::get, From::blocking, "tenon_storage.get">,
                                            guarded<&tenon_storage::put, From::blocking, "tenon_storage.put">,
                                            guarded<&tenon_storage::erase, From::blocking, "tenon_storage.erase">,
                                            guarded<&tenon_storage::compare_and_set, From::blocking, "tenon_storage.compare_and_set">,
                                            guarded<&tenon_storage::commit, From::blocking, "tenon_storage.commit">,
                                            guarded<&tenon_storage::commit_async, From::any, "tenon_storage.commit_async">,
                                            guarded<&tenon_storage::clear, From::blocking, "tenon_storage.clear">,
                                            guarded<&tenon_storage::scan, From::blocking, "tenon_storage.scan">,
                                            guarded<&tenon_storage::next, From::blocking, "tenon_storage.next">,
                                            guarded_id<&tenon_storage::close, From::any, "tenon_storage.close">,
                                            guarded<&tenon_storage::stats, From::any, "tenon_storage.stats">};

const tenon_state strict_state_table = {sizeof(tenon_state),
                                        0,
                                        guarded<&tenon_state::open, From::blocking, "tenon_state.open">,
                                        guarded<&tenon_state::get, From::any, "tenon_state.get">,
                                        guarded<&tenon_state::keys, From::blocking, "tenon_state.keys">,
                                        guarded<&tenon_state::next, From::blocking, "tenon_state.next">,
                                        guarded_id<&tenon_state::close, From::any, "tenon_state.close">,
                                        guarded<&tenon_state::watch, From::any, "tenon_state.watch">,
                                        guarded_id<&tenon_state::unwatch, From::any, "tenon_state.unwatch">,
                                        guarded_id<&tenon_state::unwatch_wait, From::blocking, "tenon_state.unwatch_wait">};

const tenon_container strict_container_table = {
    sizeof(tenon_container),
    0,
    guarded<&tenon_container::provide, From::any, "tenon_container.provide">,
    guarded<&tenon_container::provide_factory, From::any, "tenon_container.provide_factory">,
    guarded_id<&tenon_container::withdraw, From::any, "tenon_container.withdraw">,
    guarded_id<&tenon_container::withdraw_wait, From::blocking, "tenon_container.withdraw_wait">};

namespace {

// What a factory answers is the answer of somebody who may have been refused himself.
tenon_status acquire(tenon_ctx* ctx, const tenon_token* token, tenon_id scope, tenon_leased* out, tenon_error* err) noexcept {
  Instance* const instance = Instance::from(ctx);
  const bool may = instance != nullptr && check_caller(*instance, From::blocking, "tenon_lease.acquire");
  Listening listening;
  listening.to(err);
  const tenon_status status = lease_table.acquire(ctx, token, scope, out, err);
  if (may) check_call_refusal(*instance, status, *listening.error(), "tenon_lease.acquire");
  return status;
}

tenon_status call_scope(tenon_ctx* ctx, tenon_call* call, const tenon_scope* said, tenon_id* out, tenon_error* err) noexcept {
  if (Instance* instance = Instance::from(ctx)) check_caller(*instance, From::blocking, "tenon_lease.call_scope");
  return check_call(call, "tenon_lease.call_scope") ? lease_table.call_scope(ctx, call, said, out, err) : TENON_FAILED_PRECONDITION;
}

}  // namespace

const tenon_lease strict_lease_table = {sizeof(tenon_lease),
                                        0,
                                        &acquire,
                                        guarded<&tenon_lease::release, From::any, "tenon_lease.release">,
                                        &call_scope,
                                        guarded<&tenon_lease::open_scope, From::any, "tenon_lease.open_scope">,
                                        guarded<&tenon_lease::close_scope, From::blocking, "tenon_lease.close_scope">,
                                        guarded<&tenon_lease::describe_scope, From::any, "tenon_lease.describe_scope">};

}  // namespace tenon::host

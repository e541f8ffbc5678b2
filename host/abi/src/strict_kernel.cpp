// Proxies that check who calls and what for; what is in the tables is their headers' word.
#include "state_part.hpp"
#include "storage_part.hpp"
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

namespace {

/// A task may be over when it is cancelled or asked for: only an id that never was one is a mistake.
bool no_task(Instance& instance, tenon_id id, const tenon_error*) noexcept {
  const TasksPart* const part = instance.part<TasksPart>();
  return part != nullptr && part->was_never_given(id);
}

/// A key that is not there is NOT_FOUND too.
template <class P>
bool no_space_of(Instance& instance, tenon_id id, const tenon_error*) noexcept {
  const P* const part = instance.part<P>();
  return part != nullptr && part->space(id) == nullptr;
}
constexpr IsStale no_storage = &no_space_of<StoragePart>;
constexpr IsStale no_state = &no_space_of<StatePart>;

bool no_cursor(Instance&, tenon_id, const tenon_error* error) noexcept {
  return error != nullptr && error->struct_size >= sizeof *error && std::string_view(error->reason) == "CURSOR";
}

}  // namespace

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
                                        guarded_id<&tenon_tasks::cancel, From::any, "tenon_tasks.cancel", &no_task>,
                                        guarded_id<&tenon_tasks::cancel_wait, From::blocking, "tenon_tasks.cancel_wait", &no_task>,
                                        guarded_id<&tenon_tasks::status, From::any, "tenon_tasks.status", &no_task>};

const tenon_storage strict_storage_table = {
    sizeof(tenon_storage),
    0,
    guarded<&tenon_storage::open, From::blocking, "tenon_storage.open">,
    guarded_id<&tenon_storage::get, From::blocking, "tenon_storage.get", no_storage>,
    guarded_id<&tenon_storage::put, From::blocking, "tenon_storage.put", no_storage>,
    guarded_id<&tenon_storage::erase, From::blocking, "tenon_storage.erase", no_storage>,
    guarded_id<&tenon_storage::compare_and_set, From::blocking, "tenon_storage.compare_and_set", no_storage>,
    guarded_id<&tenon_storage::commit, From::blocking, "tenon_storage.commit", no_storage>,
    guarded_id<&tenon_storage::commit_async, From::any, "tenon_storage.commit_async", no_storage>,
    guarded_id<&tenon_storage::clear, From::blocking, "tenon_storage.clear", no_storage>,
    guarded_id<&tenon_storage::scan, From::blocking, "tenon_storage.scan", no_storage>,
    guarded_id<&tenon_storage::next, From::blocking, "tenon_storage.next", &no_cursor>,
    guarded_id<&tenon_storage::close, From::any, "tenon_storage.close">,
    guarded_id<&tenon_storage::stats, From::any, "tenon_storage.stats", no_storage>};

const tenon_state strict_state_table = {sizeof(tenon_state),
                                        0,
                                        guarded<&tenon_state::open, From::blocking, "tenon_state.open">,
                                        guarded_id<&tenon_state::get, From::any, "tenon_state.get", no_state>,
                                        guarded_id<&tenon_state::keys, From::blocking, "tenon_state.keys", no_state>,
                                        guarded_id<&tenon_state::next, From::blocking, "tenon_state.next", &no_cursor>,
                                        guarded_id<&tenon_state::close, From::any, "tenon_state.close">,
                                        guarded_id<&tenon_state::watch, From::any, "tenon_state.watch", no_state>,
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

// The generation of its place is in the upper half of a lease's id, and is never 0.
tenon_status release(tenon_ctx* ctx, tenon_id lease) noexcept {
  Instance* const instance = Instance::from(ctx);
  if (instance != nullptr) check_caller(*instance, From::any, "tenon_lease.release");
  const tenon_status status = lease_table.release(ctx, lease);
  if (instance != nullptr) check_given_back(*instance, Strict::Ended::lease, status, lease, lease >> 32U != 0, "tenon_lease.release");
  return status;
}

tenon_status scope_given(Instance* instance, tenon_status status, const tenon_id* out) noexcept {
  if (instance != nullptr && status == TENON_OK) strict_of(*instance).scope_given(*out);
  return status;
}

tenon_status call_scope(tenon_ctx* ctx, tenon_call* call, const tenon_scope* said, tenon_id* out, tenon_error* err) noexcept {
  Instance* const instance = Instance::from(ctx);
  if (instance != nullptr) check_caller(*instance, From::blocking, "tenon_lease.call_scope");
  if (!check_call(call, "tenon_lease.call_scope")) return TENON_FAILED_PRECONDITION;
  return scope_given(instance, lease_table.call_scope(ctx, call, said, out, err), out);
}

tenon_status open_scope(tenon_ctx* ctx, tenon_id outer, const tenon_scope* said, tenon_id* out, tenon_error* err) noexcept {
  constexpr auto open = guarded<&tenon_lease::open_scope, From::any, "tenon_lease.open_scope">;
  return scope_given(Instance::from(ctx), open(ctx, outer, said, out, err), out);
}

// Also one that ended with an outer one may be closed too late.
tenon_status close_scope(tenon_ctx* ctx, tenon_id scope) noexcept {
  constexpr auto close = guarded<&tenon_lease::close_scope, From::blocking, "tenon_lease.close_scope">;
  const tenon_status status = close(ctx, scope);
  if (Instance* const instance = Instance::from(ctx))
    check_given_back(*instance, Strict::Ended::scope, status, scope, strict_of(*instance).was_scope_given(scope),
                     "tenon_lease.close_scope");
  return status;
}

}  // namespace

const tenon_lease strict_lease_table = {
    sizeof(tenon_lease), 0,           &acquire,     &release,
    &call_scope,         &open_scope, &close_scope, guarded<&tenon_lease::describe_scope, From::any, "tenon_lease.describe_scope">};

}  // namespace tenon::host

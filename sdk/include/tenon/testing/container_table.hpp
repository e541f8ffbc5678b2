// The C functions of container and leases in the fake host.
#ifndef TENON_TESTING_CONTAINER_TABLE_HPP
#define TENON_TESTING_CONTAINER_TABLE_HPP

#include "tenon/testing/container.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

struct FakeContainer::Table {
  static FakeContainer& of(tenon_ctx* ctx) { return Host::of(ctx).container(); }
  static tenon_status provide(tenon_ctx* ctx, const tenon_token* token, const tenon_instance* instance, std::uint32_t flags, void* data,
                              void (*release)(void*) noexcept, tenon_id* out, tenon_error* err) noexcept {
    if (instance == nullptr) return tenon::detail::fill(err, TENON_INVALID_ARGUMENT, "NULL_ARGUMENT", "an instance is needed");
    return of(ctx).provide_raw(token, instance, nullptr, flags, data, release, out, err);
  }
  static tenon_status provide_factory(tenon_ctx* ctx, const tenon_token* token, const tenon_factory* factory, std::uint32_t flags,
                                      void* data, void (*release)(void*) noexcept, tenon_id* out, tenon_error* err) noexcept {
    return of(ctx).provide_raw(token, nullptr, factory, flags, data, release, out, err);
  }
  static tenon_status withdraw(tenon_ctx* ctx, tenon_id id) noexcept { return of(ctx).withdraw_raw(id, false, 0); }
  static tenon_status withdraw_wait(tenon_ctx* ctx, tenon_id id, std::int64_t deadline_ns) noexcept {
    return of(ctx).withdraw_raw(id, true, deadline_ns);
  }
  static tenon_status acquire(tenon_ctx* ctx, const tenon_token* token, tenon_id scope, tenon_leased* out, tenon_error* err) noexcept {
    return of(ctx).acquire_raw(true, token, scope, out, err);
  }
  static tenon_status release(tenon_ctx* ctx, tenon_id lease) noexcept { return of(ctx).release_raw(true, lease); }
  static tenon_status call_scope(tenon_ctx* ctx, tenon_call* call, const tenon_scope* said, tenon_id* out, tenon_error* err) noexcept {
    if (call == nullptr) return tenon::detail::fill(err, TENON_INVALID_ARGUMENT, "NULL_ARGUMENT", "a call is needed");
    return of(ctx).call_scope_raw(*reinterpret_cast<detail::CallState*>(call), said, out, err);
  }
  static tenon_status open_scope(tenon_ctx* ctx, tenon_id outer, const tenon_scope* said, tenon_id* out, tenon_error* err) noexcept {
    return of(ctx).open_raw(true, outer, said, out, err);
  }
  static tenon_status close_scope(tenon_ctx* ctx, tenon_id scope) noexcept { return of(ctx).close_raw(true, scope); }
  static tenon_status describe_scope(tenon_ctx* ctx, tenon_id scope, tenon_scope* out, tenon_error* err) noexcept {
    return of(ctx).describe_raw(scope, out, err);
  }
  static inline const tenon_container container_table = {sizeof(tenon_container), 0, &provide, &provide_factory, &withdraw, &withdraw_wait};
  static inline const tenon_lease lease_table = {sizeof(tenon_lease), 0,           &acquire,     &release,
                                                 &call_scope,         &open_scope, &close_scope, &describe_scope};
};

inline FakeContainer& Host::container() {
  const Lock lock(mutex_);
  if (container_ == nullptr) container_ = std::make_shared<FakeContainer>(*this);
  return *container_;
}
inline const void* Host::container_table(bool lease) {
  return lease ? static_cast<const void*>(&FakeContainer::Table::lease_table) : &FakeContainer::Table::container_table;
}
inline void Host::container_end_call(const detail::CallState& call) {
  if (const auto container = made(container_)) container->end_call(call);
}
inline void Host::container_leave() {
  if (const auto container = made(container_)) container->leave();
}
inline void Host::container_finish() {
  if (const auto container = made(container_)) container->finish();
}
inline void Host::container_destroyed() {
  if (const auto container = made(container_)) container->destroyed();
}

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif

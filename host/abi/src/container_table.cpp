// tenon.container/1 and tenon.lease/1 as modules see them.
#include <optional>

#include "arguments.hpp"
#include "base/text.hpp"
#include "callback.hpp"
#include "container_part.hpp"
#include "services_part.hpp"

namespace tenon::host {
namespace {

constexpr std::uint32_t token_size = sizeof(tenon_token), instance_size = sizeof(tenon_instance), factory_size = sizeof(tenon_factory),
                        leased_size = sizeof(tenon_leased), scope_size = sizeof(tenon_scope);

Error bad(std::string_view interface, std::string message, std::string reason) {
  return {Code::invalid_argument, std::string(interface) + ": " + message, std::move(reason), 0, ExitCode::software};
}

template <class F>
tenon_status with_container(std::string_view interface, tenon_ctx* ctx, tenon_error* err, F&& f) noexcept {
  return with_part<ContainerPart>(interface, ctx, err, std::forward<F>(f));
}

bool is_token(const tenon_token* t) { return t != nullptr && t->struct_size >= token_size && is_view(t->name) && is_view(t->key); }

Error of_code(Code code, std::string message, std::string reason) {
  return {code, std::move(message), std::move(reason), 0, ExitCode::unavailable};
}

// ---- tenon.container/1

Result<TokenOffer> offer_of(const tenon_token* token, std::uint32_t flags, void* data, void (*release)(void*) noexcept) {
  if (!is_token(token)) return null_argument_of(TENON_CONTAINER);
  if ((flags & ~TENON_PROVIDE_REPLACE) != 0) return bad(TENON_CONTAINER, "flags has bits this host does not know", "BAD_FLAGS");
  return TokenOffer{{view(token->name), view(token->key), 0}, data, release, (flags & TENON_PROVIDE_REPLACE) != 0};
}

tenon_status provide(tenon_ctx* ctx, const tenon_token* token, const tenon_instance* instance, std::uint32_t flags, void* data,
                     void (*release)(void*) noexcept, tenon_id* out, tenon_error* err) noexcept {
  return with_container(TENON_CONTAINER, ctx, err, [&](ContainerPart& part) -> Result<void> {
    if (instance == nullptr || instance->struct_size < instance_size || out == nullptr) return null_argument_of(TENON_CONTAINER);
    const auto offer = offer_of(token, flags, data, release);
    if (!offer) return offer.error();
    const auto id = part.container().provide(part.seat(), *offer, {instance->table, instance->self});
    if (!id) return id.error();
    *out = *id;
    return {};
  });
}

tenon_status provide_factory(tenon_ctx* ctx, const tenon_token* token, const tenon_factory* factory, std::uint32_t flags, void* data,
                             void (*release)(void*) noexcept, tenon_id* out, tenon_error* err) noexcept {
  return with_container(TENON_CONTAINER, ctx, err, [&](ContainerPart& part) -> Result<void> {
    if (factory == nullptr || factory->struct_size < factory_size || out == nullptr) return null_argument_of(TENON_CONTAINER);
    const auto offer = offer_of(token, flags, data, release);
    if (!offer) return offer.error();
    if (factory->make == nullptr) return bad(TENON_CONTAINER, "the factory has no `make`", "NO_FACTORY");
    if (factory->lifetime > TENON_TRANSIENT)
      return bad(TENON_CONTAINER, std::to_string(factory->lifetime) + " is no lifetime: singleton is 0, scoped 1, transient 2",
                 "BAD_LIFETIME");
    const auto id = part.provide_factory(*offer, *factory);
    if (!id) return id.error();
    *out = *id;
    return {};
  });
}

tenon_status withdraw(tenon_ctx* ctx, tenon_id id) noexcept {
  return with_container(TENON_CONTAINER, ctx, nullptr, [&](ContainerPart& part) -> Result<void> {
    if (part.withdraw(id, nullptr) == Code::ok) return {};
    return of_code(Code::not_found, "nothing of the module has this id", "NO_TOKEN");
  });
}

tenon_status withdraw_wait(tenon_ctx* ctx, tenon_id id, std::int64_t deadline_ns) noexcept {
  return with_container(TENON_CONTAINER, ctx, nullptr, [&](ContainerPart& part) -> Result<void> {
    if (on_own_strand(*Instance::from(ctx))) return own_strand_error("what it provides");
    const Code code = part.withdraw(id, &deadline_ns);
    if (code == Code::ok) return {};
    return of_code(code, "it was not withdrawn, or not given up in time", "NOT_WITHDRAWN");
  });
}

// ---- tenon.lease/1

tenon_status acquire(tenon_ctx* ctx, const tenon_token* token, tenon_id scope, tenon_leased* out, tenon_error* err) noexcept {
  try {
    Instance* instance = Instance::from(ctx);
    ContainerPart* part = instance == nullptr ? nullptr : instance->part<ContainerPart>();
    if (part == nullptr || !is_token(token) || out == nullptr || out->struct_size < leased_size) [[unlikely]]
      return give_error(err, null_argument_of(TENON_LEASE));
    if (instance->wedged()) [[unlikely]]
      return TENON_CANCELLED;
    Leased leased;
    const Token wanted{view(token->name), view(token->key), token->min_size};
    if (part->container().acquire_ready(part->seat(), wanted, scope, leased)) [[likely]] {
      out->id = leased.id;
      out->table = leased.instance.table;
      out->self = leased.instance.self;
      return TENON_OK;
    }
    Error error;
    if (part->container().acquire(part->seat(), wanted, scope, leased, error) != Code::ok) return give_error(err, error);
    out->id = leased.id;
    out->table = leased.instance.table;
    out->self = leased.instance.self;
    return TENON_OK;
  } catch (const std::bad_alloc&) {
    return give_no_memory(err);
  }
}

tenon_status release(tenon_ctx* ctx, tenon_id lease) noexcept {
  try {
    Instance* instance = Instance::from(ctx);
    ContainerPart* part = instance == nullptr ? nullptr : instance->part<ContainerPart>();
    if (part == nullptr) return TENON_INVALID_ARGUMENT;
    if (instance->wedged()) return TENON_CANCELLED;
    return static_cast<tenon_status>(part->container().release(part->seat(), lease));
  } catch (const std::bad_alloc&) {
    return TENON_RESOURCE_EXHAUSTED;
  }
}

/// nullopt: `said` is null.
Result<std::optional<ScopeContext>> context_of(const tenon_scope* said) {
  if (said == nullptr) return std::optional<ScopeContext>{};
  ScopeContext out;
  if (said->struct_size < scope_size) return null_argument_of(TENON_LEASE);
  const std::pair<tenon_str, std::string*> texts[] = {
      {said->request_id, &out.request_id}, {said->tenant, &out.tenant}, {said->auth, &out.auth}};
  for (const auto& [text, to] : texts) {
    if (!is_view(text)) return null_argument_of(TENON_LEASE);
    if (text.len > max_scope_text)
      return bad(TENON_LEASE, "a text of a scope is " + std::to_string(text.len) + " bytes long: at most 1024 are taken", "TOO_LONG");
    if (invalid_utf8_at(view(text)) != std::string_view::npos) return bad(TENON_LEASE, "a text of a scope is not UTF-8", "BAD_UTF8");
    *to = view(text);
  }
  if (said->kind > TENON_SCOPE_JOB) return bad(TENON_LEASE, std::to_string(said->kind) + " is no kind of scope", "BAD_KIND");
  out.kind = static_cast<ScopeKind>(said->kind);
  out.deadline_ns = said->deadline_ns;
  return std::optional(std::move(out));
}

tenon_status call_scope(tenon_ctx* ctx, tenon_call* raw, const tenon_scope* said, tenon_id* out, tenon_error* err) noexcept {
  return with_container(TENON_LEASE, ctx, err, [&](ContainerPart& part) -> Result<void> {
    tenon_call* const call = raw == nullptr ? nullptr : full_call(raw);
    if (call == nullptr || call->instance != Instance::from(ctx) || out == nullptr) return null_argument_of(TENON_LEASE);
    const auto context = context_of(said);
    if (!context) return context.error();
    const auto id = part.call_scope(*call, context->has_value() ? &**context : nullptr);
    if (!id) return id.error();
    *out = *id;
    return {};
  });
}

tenon_status open_scope(tenon_ctx* ctx, tenon_id outer, const tenon_scope* said, tenon_id* out, tenon_error* err) noexcept {
  return with_container(TENON_LEASE, ctx, err, [&](ContainerPart& part) -> Result<void> {
    if (out == nullptr) return null_argument_of(TENON_LEASE);
    auto context = context_of(said);
    if (!context) return context.error();
    ScopeContext job;
    job.kind = ScopeKind::job;
    const auto id = part.container().open(part.seat(), outer, context->has_value() ? std::move(**context) : std::move(job));
    if (!id) return id.error();
    *out = *id;
    return {};
  });
}

tenon_status close_scope(tenon_ctx* ctx, tenon_id scope) noexcept {
  return with_container(TENON_LEASE, ctx, nullptr, [&](ContainerPart& part) -> Result<void> {
    if (part.container().close(part.seat(), scope) == Code::ok) return {};
    return of_code(Code::not_found, "the module has no such scope", "NO_SCOPE");
  });
}

tenon_status describe_scope(tenon_ctx* ctx, tenon_id scope, tenon_scope* out, tenon_error* err) noexcept {
  return with_container(TENON_LEASE, ctx, err, [&](ContainerPart& part) -> Result<void> {
    if (out == nullptr || out->struct_size < sizeof(std::uint32_t)) return null_argument_of(TENON_LEASE);
    const auto found = part.container().describe(part.seat(), scope);
    if (!found) return found.error();
    const ScopeContext& c = **found;
    give_struct(out,
                tenon_scope{0, static_cast<std::uint32_t>(c.kind), c_str(c.request_id), c_str(c.tenant), c_str(c.auth), c.deadline_ns});
    return {};
  });
}

}  // namespace

const tenon_container container_table = {sizeof(tenon_container), 0, &provide, &provide_factory, &withdraw, &withdraw_wait};
const tenon_lease lease_table = {sizeof(tenon_lease), 0, &acquire, &release, &call_scope, &open_scope, &close_scope, &describe_scope};

}  // namespace tenon::host

// Scopes in the fake host: opened by the module or the test, and those of calls.
#ifndef TENON_TESTING_CONTAINER_SCOPES_HPP
#define TENON_TESTING_CONTAINER_SCOPES_HPP

#include "tenon/testing/container.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

inline tenon_status FakeContainer::open_raw(bool own, tenon_id outer, const tenon_scope* said, tenon_id* out, tenon_error* err) {
  using tenon::detail::fill;
  const auto bad = [err](std::string_view reason, std::string_view message) { return fill(err, TENON_INVALID_ARGUMENT, reason, message); };
  if (out == nullptr || (said != nullptr && said->struct_size < sizeof(tenon_scope)))
    return bad("NULL_ARGUMENT", "a place for the scope, and struct_size of what is said of it, are needed");
  if (said != nullptr && (said->kind == TENON_SCOPE_ROOT || said->kind > TENON_SCOPE_JOB))
    return bad("BAD_KIND", "open a request or a job");
  ScopeRecord made;
  const auto text = [](tenon_str s) { return std::make_shared<std::string>(view(s)); };
  const Lock lock(host_.mutex_);
  if (own && left_) return fill(err, TENON_UNAVAILABLE, "LEAVING", "the module is leaving: it opens no scopes any more");
  if (said != nullptr) {
    for (const tenon_str& s : {said->request_id, said->tenant, said->auth})
      if (s.ptr == nullptr && s.len != 0)
        return bad("NULL_ARGUMENT", "a text of a scope is null, but has a length");
      else if (s.len > 1024)
        return bad("TOO_LONG", "a text of a scope has at most 1024 bytes");
      else if (!detail::is_utf8(view(s)))
        return bad("BAD_UTF8", "a text of a scope is not UTF-8");
    made.kind = said->kind;
    made.deadline_ns = said->deadline_ns;
  }
  made.request_id = text(said != nullptr ? said->request_id : tenon_str{});
  made.tenant = text(said != nullptr ? said->tenant : tenon_str{});
  made.auth = text(said != nullptr ? said->auth : tenon_str{});
  if (outer != 0) {
    const auto around = scopes_.find(outer);
    if (around == scopes_.end() || around->second.own != own)
      return fill(err, TENON_NOT_FOUND, "NO_SCOPE", "there is no such scope, or it is somebody else's");
    if (around->second.depth >= 64) return fill(err, TENON_RESOURCE_EXHAUSTED, "TOO_DEEP", "scopes are nested 64 deep");
    made.depth = around->second.depth + 1;
    if (made.request_id->empty()) made.request_id = around->second.request_id;
    if (made.tenant->empty()) made.tenant = around->second.tenant;
    if (made.auth->empty()) made.auth = around->second.auth;
    made.deadline_ns = std::min(made.deadline_ns, around->second.deadline_ns);
  }
  made.outer = outer;
  made.own = own;
  *out = host_.next_id_++;
  if (made.request_id->empty()) {
    const std::string number = std::to_string(*out);
    made.request_id = std::make_shared<std::string>(std::string(16 - std::min<std::size_t>(16, number.size()), '0') + number);
  }
  scopes_[*out] = std::move(made);
  return TENON_OK;
}

inline tenon_status FakeContainer::close_raw(bool own, tenon_id id) {
  Ends ends;
  {
    const Lock lock(host_.mutex_);
    const auto found = scopes_.find(id);
    if (found == scopes_.end() || found->second.own != own) return TENON_NOT_FOUND;
    end_scopes({id}, ends);
  }
  end(ends);
  return TENON_OK;
}

inline tenon_status FakeContainer::call_scope_raw(detail::CallState& call, const tenon_scope* said, tenon_id* out, tenon_error* err) {
  if (out == nullptr) return tenon::detail::fill(err, TENON_INVALID_ARGUMENT, "NULL_ARGUMENT", "a place for the scope is needed");
  {
    const Lock lock(host_.mutex_);
    const auto found = call_scopes_.find(&call);
    if (found != call_scopes_.end()) {
      *out = found->second;
      return TENON_OK;
    }
  }
  tenon_scope scope{sizeof(tenon_scope), 0, {}, {}, {}, INT64_MAX};
  if (said != nullptr && said->struct_size >= sizeof scope) scope = *said;
  scope.kind = call.service != nullptr ? TENON_SCOPE_REQUEST : TENON_SCOPE_JOB;
  scope.deadline_ns = std::min(scope.deadline_ns, call.deadline_ns);
  const tenon_status status = open_raw(true, 0, &scope, out, err);
  const Lock lock(host_.mutex_);
  if (status == TENON_OK) call_scopes_[&call] = *out;
  return status;
}

inline tenon_status FakeContainer::describe_raw(tenon_id id, tenon_scope* out, tenon_error* err) {
  using tenon::detail::fill;
  if (out == nullptr || out->struct_size < sizeof(tenon_scope))
    return fill(err, TENON_INVALID_ARGUMENT, "NULL_ARGUMENT", "a tenon_scope with its struct_size is needed");
  const Lock lock(host_.mutex_);
  if (!may_see(true, id)) return fill(err, TENON_NOT_FOUND, "NO_SCOPE", "there is no such scope, or it is somebody else's");
  *out = {out->struct_size, TENON_SCOPE_ROOT, {}, {}, {}, INT64_MAX};
  if (id == 0) return TENON_OK;
  const ScopeRecord& s = scopes_[id];
  *out = {out->struct_size, s.kind, to_c(*s.request_id), to_c(*s.tenant), to_c(*s.auth), s.deadline_ns};
  return TENON_OK;
}

/// The function that received the call has returned.
inline void FakeContainer::end_call(const detail::CallState& call) {
  Ends ends;
  {
    const Lock lock(host_.mutex_);
    const auto found = call_scopes_.find(&call);
    if (found == call_scopes_.end()) return;
    end_scopes({found->second}, ends);
    call_scopes_.erase(found);
  }
  end(ends);
}

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif

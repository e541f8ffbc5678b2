#include "ways.hpp"

#include "tenon/cpp/status.hpp"

namespace tenon::test {

std::string Answer::str() const {
  std::string out(status_name(status));
  if (status != TENON_OK && error.reason[0] != '\0') out.append(" ").append(error.reason);
  return out;
}

std::string Space::all(std::string_view prefix, std::size_t* batches) {
  Answer a;
  tenon_id cursor = 0;
  a.status = way_->storage->scan(way_->ctx, id, bytes(prefix), &cursor, &a.error);
  if (a.status != TENON_OK) return a.str();
  std::string out;
  if (batches != nullptr) *batches = 0;
  for (;;) {
    const tenon_storage_row* const* rows = nullptr;
    std::size_t count = 0;
    a.status = way_->storage->next(way_->ctx, cursor, &rows, &count, &a.error);
    REQUIRE_MESSAGE(a.status == TENON_OK, a.str());
    if (count == 0) break;
    if (batches != nullptr) ++*batches;
    for (std::size_t i = 0; i < count; ++i) out += (out.empty() ? "" : " ") + text(rows[i]->key) + "=" + text(rows[i]->value);
  }
  CHECK(way_->storage->close(way_->ctx, cursor) == TENON_OK);
  CHECK(way_->storage->close(way_->ctx, cursor) == TENON_NOT_FOUND);
  way_->broke_stale_id();
  return out;
}

std::string Mirror::get(std::string_view key, tenon_value_info* info) const {
  std::string out(std::size_t{1} << 20U, '\0');
  tenon_value_info own{};
  own.struct_size = sizeof own;
  if (info == nullptr) info = &own;
  const tenon_status status = way_->state->get(way_->ctx, id, bytes(key), reinterpret_cast<std::uint8_t*>(out.data()), out.size(), info);
  return status == TENON_OK ? out.substr(0, static_cast<std::size_t>(info->size)) : "<" + std::string(status_name(status)) + ">";
}

std::string Mirror::keys(std::string_view prefix, std::size_t* batches) const {
  Answer a;
  tenon_id cursor = 0;
  a.status = way_->state->keys(way_->ctx, id, bytes(prefix), &cursor, &a.error);
  if (a.status != TENON_OK) return a.str();
  std::string out;
  if (batches != nullptr) *batches = 0;
  for (;;) {
    const tenon_storage_row* const* rows = nullptr;
    std::size_t count = 0;
    a.status = way_->state->next(way_->ctx, cursor, &rows, &count, &a.error);
    REQUIRE_MESSAGE(a.status == TENON_OK, a.str());
    if (count == 0) break;
    if (batches != nullptr) ++*batches;
    for (std::size_t i = 0; i < count; ++i) {
      CHECK(rows[i]->value.len == 0);
      out += (out.empty() ? "" : " ") + text(rows[i]->key);
    }
  }
  CHECK(way_->state->close(way_->ctx, cursor) == TENON_OK);
  return out;
}

tenon_status Listener::changed(void* data, tenon_call* /*call*/, const tenon_state_change* const* changes, std::size_t count,
                               tenon_error* /*err*/) noexcept {
  constexpr const char* kinds[] = {"?", "put", "erased", "expired", "reset"};
  auto& self = *static_cast<Listener*>(data);
  if (self.also) self.also();
  const std::lock_guard lock(self.mutex);
  for (std::size_t i = 0; i < count; ++i) self.heard.push_back(std::string(kinds[changes[i]->kind]) + ":" + text(changes[i]->key));
  return TENON_OK;
}

}  // namespace tenon::test

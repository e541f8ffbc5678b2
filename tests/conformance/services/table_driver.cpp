#include "table_driver.hpp"

#include <cstring>

#include "tenon/cpp/status.hpp"

namespace tenon::test {
namespace {

Message message_of(const tenon_bytes& payload, tenon_str type, const tenon_kv* pairs, std::size_t count) {
  Message out;
  out.payload.assign(reinterpret_cast<const char*>(payload.ptr), payload.len);
  out.content_type = text_of(type);
  for (std::size_t i = 0; i < count; ++i) out.metadata.emplace_back(text_of(pairs[i].key), text_of(pairs[i].value));
  return out;
}

Said said_of(tenon_status status, const tenon_reply* reply, const tenon_error* error) {
  if (status != TENON_OK) {
    if (reply != nullptr) CHECK(reply->payload.len == 0);
    return error == nullptr ? Said::failure(status) : Said::failure(status, error->reason, error->message);
  }
  Said out;
  if (reply != nullptr)
    static_cast<Message&>(out) =
        message_of({reply->payload.ptr, reply->payload.len}, reply->content_type, reply->metadata, reply->metadata_count);
  return out;
}

std::vector<tenon_kv> pairs_of(const Pairs& pairs) {
  std::vector<tenon_kv> out;
  for (const auto& [k, v] : pairs) out.push_back({c_text(k), c_text(v)});
  return out;
}

class TableCurrent final : public Current {
 public:
  TableCurrent(const puppet& p, tenon_call* call) : puppet_(p), call_(call) {
    info_.struct_size = sizeof info_;
    CHECK(p.services->info(call, &info_) == TENON_OK);
    CHECK(info_.caller_generation == 1);
  }
  [[nodiscard]] std::string caller() const override { return text_of(info_.caller); }
  [[nodiscard]] std::string service() const override { return text_of(info_.service); }
  [[nodiscard]] std::string traceparent() const override { return text_of(info_.traceparent); }
  [[nodiscard]] std::int64_t deadline_ns() override { return puppet_.calls->deadline_ns(call_); }
  [[nodiscard]] bool cancelled() override { return puppet_.calls->cancelled(call_) != 0; }
  bool wait(std::int64_t until_ns) override { return puppet_.calls->wait(call_, until_ns) != 0; }
  Answer defer() override {
    Answer out;
    out.status = puppet_.calls->defer(call_, &out.id);
    return out;
  }

 private:
  const puppet& puppet_;
  tenon_call* call_;
  tenon_call_info info_{};
};

/// Memory that lives as long as the call.
tenon_str reserve(const puppet& p, tenon_call* call, std::string_view text) {
  if (text.empty()) return {};
  std::uint8_t* room = p.calls->reserve(call, text.size());
  REQUIRE(room != nullptr);
  std::memcpy(room, text.data(), text.size());
  return {reinterpret_cast<const char*>(room), text.size()};
}

/// Each kind of payload a handler can give: in the buffer, in memory of the call, as a blob.
void give(const puppet& p, tenon_call* call, const Said& said, tenon_reply& reply) {
  if (said.payload.size() <= reply.capacity) {
    if (!said.payload.empty()) std::memcpy(reply.buffer, said.payload.data(), said.payload.size());
    reply.payload = {reply.buffer, said.payload.size(), nullptr, nullptr};
  } else if (said.payload.size() <= 16384) {
    const tenon_str text = reserve(p, call, said.payload);
    reply.payload = {reinterpret_cast<const std::uint8_t*>(text.ptr), text.len, nullptr, nullptr};
  } else {
    auto* kept = new std::string(said.payload);
    reply.payload = {reinterpret_cast<const std::uint8_t*>(kept->data()), kept->size(),
                     [](void* owner) noexcept { delete static_cast<std::string*>(owner); }, kept};
  }
  reply.content_type = reserve(p, call, said.content_type);
  if (said.metadata.empty()) return;
  auto* pairs = reinterpret_cast<tenon_kv*>(p.calls->reserve(call, said.metadata.size() * sizeof(tenon_kv)));
  REQUIRE(pairs != nullptr);
  for (std::size_t i = 0; i < said.metadata.size(); ++i)
    pairs[i] = {reserve(p, call, said.metadata[i].first), reserve(p, call, said.metadata[i].second)};
  reply.metadata = pairs;
  reply.metadata_count = said.metadata.size();
}

template <class F>
Answer with(F&& f) {
  tenon_error error{};
  error.struct_size = sizeof error;
  Answer out;
  out.status = f(&out.id, &error);
  if (out.status == TENON_OK) return out;
  out.id = 0;
  out.reason = error.reason;
  out.message = error.message;
  return out;
}

/// An Ask as the structs of C; its views are those of the Ask.
struct CAsk {
  explicit CAsk(const Ask& ask) : pairs(pairs_of(ask.metadata)) {
    request.payload = {reinterpret_cast<const std::uint8_t*>(ask.payload.data()), ask.payload.size()};
    request.content_type = c_text(ask.content_type);
    request.metadata = pairs.data();
    request.metadata_count = pairs.size();
    options.deadline_ns = ask.deadline_ns;
    options.traceparent = c_text(ask.traceparent);
    bare = ask.deadline_ns == host::no_deadline && ask.traceparent.empty();
  }
  [[nodiscard]] const tenon_call_options* how() const { return bare ? nullptr : &options; }
  std::vector<tenon_kv> pairs;
  tenon_request request = {sizeof(tenon_request), 0, {}, {}, nullptr, 0};
  tenon_call_options options = {sizeof(tenon_call_options), 0, 0, {}};
  bool bare = false;
};

}  // namespace

PuppetService& TableDriver::behind(Who who, Service& service) {
  const std::lock_guard lock(mutex_);
  PuppetService& out = services_[{who, &service}];
  if (out.handle) return out;
  out.handle = [this, who, &service](tenon_call* call, const tenon_request* q, tenon_reply* r, tenon_error* err) -> tenon_status {
    const puppet& p = the(who);
    TableCurrent current(p, call);
    const Said said = service.run(current, message_of(q->payload, q->content_type, q->metadata, q->metadata_count));
    if (said.status != TENON_PENDING && (said.status == TENON_OK || !said.payload.empty())) give(p, call, said, *r);
    if (!said.reason.empty() || !said.message.empty()) tenon::detail::fill(err, said.status, said.reason, said.message);
    return said.status;
  };
  out.released = [&service] { ++service.released; };
  return out;
}

PuppetEnding& TableDriver::behind(Ending& ending) {
  const std::lock_guard lock(mutex_);
  PuppetEnding& out = endings_[&ending];
  if (!out.told)
    out.told = [&ending](tenon_status status, const tenon_reply* reply, const tenon_error* error) {
      ending.tell(said_of(status, reply, error));
    };
  return out;
}

Answer TableDriver::offer(Who who, const std::string& name, Service& service, std::uint32_t flags) {
  return with([&](tenon_id* id, tenon_error* e) { return the(who).offer(&the(who), c_text(name), flags, &behind(who, service), id, e); });
}
Answer TableDriver::withdraw(Who who, std::uint64_t id) {
  return with([&](tenon_id*, tenon_error*) { return the(who).services->unregister(the(who).ctx, id); });
}
Answer TableDriver::withdraw_wait(Who who, std::uint64_t id, std::int64_t deadline_ns) {
  return with([&](tenon_id*, tenon_error*) { return the(who).services->unregister_wait(the(who).ctx, id, deadline_ns); });
}
bool TableDriver::has(Who who, const std::string& name) { return the(who).services->has(the(who).ctx, c_text(name)) != 0; }
Answer TableDriver::resolve(Who who, const std::string& name) {
  return with([&](tenon_id* id, tenon_error* e) { return the(who).services->resolve(the(who).ctx, c_text(name), id, e); });
}
Answer TableDriver::release_handle(Who who, std::uint64_t handle) {
  return with([&](tenon_id*, tenon_error*) { return the(who).services->release_handle(the(who).ctx, handle); });
}

Said TableDriver::call(Who who, const Target& target, const Ask& ask) {
  const puppet& p = the(who);
  const CAsk asked(ask);
  std::vector<std::uint8_t> buffer(ask.room);
  tenon_reply reply;
  std::memset(static_cast<void*>(&reply), 0xEE, sizeof reply);
  reply.struct_size = sizeof reply;
  reply.buffer = buffer.data();
  reply.capacity = buffer.size();
  tenon_error error{};
  error.struct_size = sizeof error;
  const tenon_status status = target.id != 0 ? p.call(&p, target.id, &asked.request, &reply, asked.how(), &error)
                                             : p.call_by_name(&p, c_text(target.name), &asked.request, &reply, asked.how(), &error);
  Said out = said_of(status, &reply, &error);
  if (reply.payload.release != nullptr) reply.payload.release(reply.payload.owner);
  return out;
}

Answer TableDriver::call_async(Who who, const Target& target, const Ask& ask, Ending& done) {
  const CAsk asked(ask);
  return with([&](tenon_id* id, tenon_error* e) {
    return the(who).call_async(&the(who), target.id, c_text(target.name), &asked.request, asked.how(), &behind(done), id, e);
  });
}
Answer TableDriver::cancel(Who who, std::uint64_t id) {
  return with([&](tenon_id*, tenon_error*) { return the(who).services->cancel(the(who).ctx, id); });
}

Answer TableDriver::complete(std::uint64_t id, const Said& said) {
  const puppet& p = the(Who::orders);
  const std::vector<tenon_kv> pairs = pairs_of(said.metadata);
  tenon_reply reply = {};
  reply.struct_size = sizeof reply;
  reply.payload = {reinterpret_cast<const std::uint8_t*>(said.payload.data()), said.payload.size(), nullptr, nullptr};
  reply.content_type = c_text(said.content_type);
  reply.metadata = pairs.data();
  reply.metadata_count = pairs.size();
  tenon_error error{};
  error.struct_size = sizeof error;
  if (!said.message.empty()) tenon::detail::fill(&error, said.status, said.reason, said.message);
  return with([&](tenon_id*, tenon_error*) {
    return p.services->complete(p.ctx, id, said.status, said.message.empty() ? nullptr : &error, &reply);
  });
}
Answer TableDriver::on_cancel(std::uint64_t id, Ending& ended) {
  return with([&](tenon_id*, tenon_error*) { return the(Who::orders).on_cancel(&the(Who::orders), id, &behind(ended)); });
}
bool TableDriver::id_cancelled(std::uint64_t id) { return the(Who::orders).calls->id_cancelled(the(Who::orders).ctx, id) != 0; }

}  // namespace tenon::test

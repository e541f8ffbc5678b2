// The services of one instance: its seat, what it registered, and the blobs of its answers that others still hold.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "abi/instance.hpp"
#include "abi/part.hpp"
#include "kernel/kernel.hpp"
#include "kernel/service_short.hpp"
#include "tenon/services.h"

namespace tenon::host {

/// A handler written in C, as the kernel's `data`.
struct CHandler {
  Instance* provider = nullptr;
  tenon_service_handler handle = nullptr;
  void* data = nullptr;
  void (*release)(void*) noexcept = nullptr;
  std::string name;  ///< as registered
};

class ServicesPart final : public Part {
 public:
  static constexpr PartId id = PartId::services;
  /// May throw (no thread, no memory).
  explicit ServicesPart(Instance& instance);

  Services& services() { return services_; }
  ServiceSeat& seat() { return *seat_; }
  [[nodiscard]] const ServiceLane& lane() const { return lane_; }

  Result<std::uint64_t> add(const tenon_service& service);
  Code remove(std::uint64_t registration);
  Code remove_wait(std::uint64_t registration, std::int64_t deadline_ns);

  void reach_changed() override { services_.owner_reach_changed(*seat_); }
  void drain(std::int64_t) override { services_.drain(*seat_); }
  bool leave(std::int64_t deadline_ns) override;
  bool closed(std::int64_t deadline_ns) override;  ///< waits for blobs
  [[nodiscard]] std::vector<std::string> holders() const override;

  /// A blob of this module, made so that the instance is not destroyed before it was released. Takes it, also if there is no memory: false.
  bool pin(const tenon_blob& blob, ServiceBlob& out);

 private:
  struct Pin;
  Instance& instance_;
  Services& services_;
  std::shared_ptr<ServiceSeat> seat_;
  ServiceLane lane_;
  std::atomic<std::size_t> pinned_{0};
  std::mutex mutex_;
  /// One that is registered now. What is looked for stands beside the pointer: a look at each of a thousand handlers is a thousand cache misses.
  struct Listed {
    std::uint64_t name_hash = 0, id = 0;
    CHandler* handler = nullptr;
  };
  std::vector<Listed>::iterator find(std::uint64_t registration);
  void forget(std::vector<Listed>::iterator listed);
  std::vector<Listed> handlers_;
  bool left_ = false;
};

/// nullptr: no thread or memory for it.
std::unique_ptr<Part> make_services_part(Instance& instance);
/// A call on the short way and, once somebody asks for it, the tenon_call of it. `place` is first: its address is the one handlers have. The call is
/// touched then (`is_touched`), so that a call nobody has asked anything of is looked at once.
struct ServiceRoom {
  ServiceRoom() noexcept {}  // NOLINT(modernize-use-equals-default): must not touch the place
  ServiceRoom(const ServiceRoom&) = delete;
  ServiceRoom& operator=(const ServiceRoom&) = delete;
  ~ServiceRoom() {}  // NOLINT(modernize-use-equals-default): `end_full` does that
  void end_full() {
    if (has_room(place.call)) full.~tenon_call();
  }
  ShortCall::Place place;
  union {
    tenon_call full;
  };
};
/// What a module hands in as its call, as a tenon_call with all of it; nullptr stays nullptr.
tenon_call* full_call(tenon_call* raw);
/// The one handler the kernel sees of all that are written in C.
Code run_c_handler(void* data, ServiceCall& call, const Request& request, Reply& reply);
/// What a handler answered, as the kernel has it: blobs pinned, views copied. Takes `from` whatever it returns: OK, INTERNAL beyond the limits,
/// RESOURCE_EXHAUSTED without memory.
Code take_reply(ServicesPart& provider, tenon_reply& from, Reply& to) noexcept;
/// The kernel's answer in the caller's struct: in its buffer, or in memory that ends with payload.release. False without memory.
bool give_reply(Reply& from, tenon_reply& to) noexcept;
/// False: something in it is beyond the limits.
bool is_request(const tenon_request* request);
/// The same for most: nothing but a payload.
inline bool is_bare(const tenon_request* q) {
  if (q == nullptr || q->struct_size < sizeof(tenon_request) || q->payload.ptr == nullptr || q->payload.len > max_service_payload)
      [[unlikely]]
    return false;
  return (q->content_type.len | q->metadata_count) == 0;
}
inline bool is_reply(const tenon_reply* r) {
  if (r == nullptr || r->struct_size < sizeof(tenon_reply)) [[unlikely]]
    return false;
  if (r->buffer == nullptr) [[unlikely]]
    return r->capacity == 0;
  return true;
}
/// tenon_calls and tenon_services: `complete` and `on_cancel` of a service call. Takes the reply's blob whatever it returns.
tenon_status complete_service(Instance& instance, tenon_id id, tenon_status status, const tenon_error* error, tenon_reply& reply) noexcept;
tenon_status on_service_cancel(ServicesPart& part, tenon_id id, tenon_call_ended fn, void* data);
/// Empties what the other side sets.
inline void clear_reply(tenon_reply& reply) {
  std::memset(&reply.payload, 0, sizeof(tenon_reply) - offsetof(tenon_reply, payload));  // all that follows
}

}  // namespace tenon::host

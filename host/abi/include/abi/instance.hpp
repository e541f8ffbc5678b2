// Instance: the record behind a tenon_ctx. One per life of a module; owner of everything it registers.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "abi/host_context.hpp"
#include "abi/module_instance.hpp"
#include "abi/part.hpp"
#include "base/clock.hpp"
#include "kernel/config_store.hpp"
#include "kernel/health.hpp"
#include "kernel/log.hpp"
#include "kernel/loop_policy.hpp"
#include "kernel/owner.hpp"
#include "kernel/permissions.hpp"
#include "kernel/strand.hpp"
#include "tenon/calls.h"
#include "tenon/config.h"
#include "tenon/core.h"
#include "tenon/health.h"
#include "tenon/log.h"
#include "tenon/log_sink.h"

namespace tenon::host {
class CallScope;
class Instance;
}  // namespace tenon::host

/// One call into a module. Lifecycle calls of an instance share one: a callback that is abandoned wedges the instance, so that it is never reused.
struct tenon_call : tenon::host::Call {
  tenon::host::Instance* instance = nullptr;
  /// Who knows its deadline and whether anybody still waits: itself, or for a service the kernel's ServiceCall.
  tenon::host::Call* target = this;
  tenon::host::Phase phase = tenon::host::Phase::none;
  bool may_defer = false;
  tenon_id deferred = 0;
  std::size_t reserved_bytes = 0;

  tenon_call() = default;
  /// A call of a service, on the stack of who runs its handler.
  tenon_call(tenon::host::Instance& provider, tenon::host::Call& service_call)
      : instance(&provider), target(&service_call), phase(tenon::host::Phase::run), may_defer(true) {}
  ~tenon_call() {
    if (reserved_ != nullptr || scope != nullptr) free_reserved();
  }
  tenon_call(const tenon_call&) = delete;
  tenon_call& operator=(const tenon_call&) = delete;
  /// Memory until the call ends; nullptr beyond 64 KiB in all, or without memory. Of its own thread only.
  std::uint8_t* reserve(std::size_t n) noexcept;
  void free_reserved() noexcept;            ///< and ends `scope`
  tenon::host::CallScope* scope = nullptr;  ///< made when the module asks for it

 private:
  struct Block;
  Block* reserved_ = nullptr;
};

namespace tenon::host {

/// What an instance is made with.
struct InstanceOptions {
  std::string name;
  std::uint64_t generation = 1;
  bool trusted = false;
  std::shared_ptr<const Value> config;  ///< null = empty
  /// True if on_change may be registered for a path: live itself, or above something live.
  std::function<bool(std::string_view)> may_change;
  std::vector<std::string> required;               ///< modules named by `requires`
  std::shared_ptr<const Permissions> permissions;  ///< null: everything if trusted, else what is the module's own
  LoopDecisions loops;                             ///< the operator's, over what the module says of its loops
};

/// Never freed while a thread of the module could still come back: whoever owns it (the loader) leaks it when wedged. Thread-safe.
/// Its tenon_ctx is a part of it: from one to the other is an addition, and nothing is looked up.
class Instance final : public Owner, private tenon_ctx {
  using PartSet = std::array<std::atomic<Part*>, static_cast<std::size_t>(PartId::count)>;

 public:
  Instance(HostContext& host, InstanceOptions options);
  ~Instance() override;
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  /// nullptr for a null ctx.
  static Instance* from(tenon_ctx* ctx) { return static_cast<Instance*>(ctx); }
  [[nodiscard]] tenon_ctx* ctx() { return this; }
  [[nodiscard]] HostContext& host() { return host_; }
  ModuleLog& log() { return *log_; }
  ConfigStore& config() { return config_; }
  [[nodiscard]] const InstanceOptions& options() const { return options_; }

  /// Table of an interface for this instance, or nullptr. Makes the part of the kernel behind it.
  const void* query(std::string_view id);
  [[nodiscard]] Permissions permissions() const;
  /// What its callbacks take turns on; nullptr unless the module is serial.
  [[nodiscard]] Strand* strand() { return strand_.get(); }
  /// The module's flag TENON_SERIAL was set. Before create.
  void make_serial() { strand_ = std::make_unique<Strand>(); }

  // --- its parts of the kernel (parts.cpp) ---
  /// nullptr until the module has asked for it. P::id says which one. [any]
  template <class P>
  [[nodiscard]] P* part() const {
    return static_cast<P*>(parts_[static_cast<std::size_t>(P::id)].load(std::memory_order_acquire));
  }
  /// What the module offers under the capability `health`; after create, once. The table was examined. Errors: as of Health::join.
  Result<void> offer_health(const tenon_health& table, void* self);
  /// Moves the reach and tells every part.
  void reach_to(Reach reach);
  /// Its start is complete: warns of each loop that InstanceOptions::loops names and that it does not have now.
  void tell_unknown_loops() noexcept;
  void drain_parts(std::int64_t deadline_ns);
  /// Takes back all that parts hold; the gate is draining. False: a callback never came back.
  bool leave_parts(std::int64_t deadline_ns);
  /// The last of it, behind the closed gate.
  bool close_parts(std::int64_t deadline_ns);
  /// Just before destroy; the worst of what its parts say.
  Part::Pinned finish_parts(std::int64_t deadline_ns);
  void parts_destroyed();
  [[nodiscard]] std::vector<std::string> part_holders() const;
  /// Not destroyed because others hold something of it: never freed, but not wedged.
  void leak() { leaked_.store(true, std::memory_order_release); }
  [[nodiscard]] bool leaked() const { return leaked_.load(std::memory_order_acquire); }

  // --- calls ---
  using Callback = std::function<tenon_status(tenon_call*, tenon_error*)>;
  /// Runs a callback on this thread through the gate. `completed`: what a deferred call ends in, if it outlives the function; empty = may not defer.
  Outcome enter(Phase phase, std::int64_t deadline_ns, Gate::State limit, std::function<void(Outcome)> completed, const Callback& callback);
  tenon_status defer(tenon_call* call, tenon_id* out);
  tenon_status complete(tenon_id id, tenon_status status, const tenon_error* error);
  bool id_cancelled(tenon_id id);
  tenon_status on_cancel(tenon_id id, tenon_call_ended fn, void* data);
  /// Cancels the running callback and everything deferred. [any]
  void cancel(std::int64_t deadline_ns);
  /// Answers what is still deferred: the caller's side gets UNAVAILABLE, the module's on_cancel CANCELLED.
  void answer_deferred();
  [[nodiscard]] std::size_t deferred_count() const;

  // --- registrations ---
  tenon_status subscribe(std::string path, tenon_config_changed fn, void* data, void (*release)(void*) noexcept, tenon_id* out,
                         Error& error);
  tenon_status unsubscribe(tenon_id id);
  /// Calls the subscribers a change concerns, on this thread.
  Outcome deliver(const ConfigChange& change, std::int64_t deadline_ns);
  tenon_status attach_sink(const tenon_log_receiver& receiver, void* data, void (*release)(void*) noexcept, tenon_id* out, Error& error);
  tenon_status detach_sink(tenon_id id);
  /// Emits what the sink kept; false if there is none.
  bool dump_log(std::size_t count, const std::function<void(const tenon_log_record&)>& emit);
  /// Takes back everything registered; each release(data) is called exactly once: on this thread, or on the one that is still inside of what it belongs to.
  void revoke_all();

 private:
  void free_parts();
  struct Deferred {
    tenon_id id = 0;
    Phase phase = Phase::none;
    bool cancelled = false;
    bool has_ended = false;            ///< on_cancel was called
    tenon_call_ended ended = nullptr;  ///< not delivered yet
    void* data = nullptr;
    std::function<void(Outcome)> completed;
    bool returned = false;  ///< the function that deferred has returned PENDING
    bool answered = false;  ///< complete() came first; `outcome` waits for the return
    Outcome outcome;
  };
  struct Subscription {
    tenon_id id;
    std::string path;
    tenon_config_changed fn;
    void* data;
    void (*release)(void*) noexcept;
    std::uint32_t inside = 0;  ///< threads that are in fn
    bool ended = false;        ///< over as soon as nobody is inside; not called any more
  };
  struct Sink {
    tenon_id id = 0;
    std::uint64_t handle = 0;
    tenon_log_receiver receiver{};
    void* data = nullptr;
    void (*release)(void*) noexcept = nullptr;
    bool attaching = true;           ///< early records are being replayed: attach does what a detach that comes now leaves to do
    std::atomic<bool> ended{false};  ///< detached: nothing of it is called any more
    std::uint32_t dumping = 0;       ///< threads in `dump`
    bool release_is_due = false;     ///< whoever waited for them has given up: the last of them does it
  };
  std::vector<Subscription>::iterator find_subscription(tenon_id id);
  void end_sink(const std::shared_ptr<Sink>& sink);
  bool wait_until_unused(Sink& sink, std::int64_t deadline_ns);
  bool begin_delivery(tenon_id id);
  void end_delivery(tenon_id id);
  Part* make_part(const struct Interface& interface);
  [[nodiscard]] std::vector<Part*> parts() const;
  std::vector<Deferred>::iterator find_deferred(tenon_id id);
  void notify_ended(Deferred& d, tenon_status why);
  void call_release(void (*release)(void*) noexcept, void* data);

  HostContext& host_;
  InstanceOptions options_;
  tenon_log log_table_{};
  std::shared_ptr<ModuleLog> log_;
  ConfigStore config_;

  std::unique_ptr<Strand> strand_;
  std::atomic<bool> leaked_{false};
  PartSet parts_{};

  mutable std::mutex mutex_;
  tenon_call call_;
  tenon_error error_{};
  std::vector<Deferred> deferred_;
  std::vector<Subscription> subscriptions_;
  std::shared_ptr<Sink> sink_;
  std::condition_variable dumped_;
  std::uint64_t next_id_ = 1;
};

/// The checks of a table as the kernel takes them, without what belongs to an instance: `run` is set if the module has a function.
std::vector<HealthCheck> health_checks_of(const tenon_health& table);
/// A status outside 0..16 reads as UNKNOWN.
Code code_of(tenon_status status);
/// Message, reason and errno a module gave, cut at their sizes: well-formed UTF-8 (else escaped), the reason fit to print. A message may contain control
/// characters: whoever prints it escapes them.
Error error_of(tenon_status status, const tenon_error* error);
/// Writes an error for a module to read, within its struct_size. `out` may be null.
tenon_status give_error(tenon_error* out, const Error& error);
/// The same for RESOURCE_EXHAUSTED `NO_MEMORY`, without any memory.
tenon_status give_no_memory(tenon_error* out) noexcept;
/// `make()` is the error, if there is memory for it.
template <class Make>
requires std::is_invocable_r_v<Error, Make> tenon_status give_error(tenon_error* out, Make&& make)
noexcept {
  try {
    return give_error(out, make());
  } catch (const std::bad_alloc&) {
    return give_no_memory(out);
  }
}
/// False if the view cannot be one: null with a length, or a length no memory has.
bool is_view(tenon_str s);
inline std::string_view view(tenon_str s) { return {s.ptr, s.len}; }
inline tenon_str c_str(std::string_view s) { return {s.data(), s.size()}; }

}  // namespace tenon::host

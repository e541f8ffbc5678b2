// What Services is made of. Locks: the core's mutex (who offers what), calls_mutex (ids and deadlines of calls), one in each record, one in each
// seat and breaker. Only under a record's may another be taken: its seat's or breaker's. None is held while module code runs.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/no_memory.hpp"
#include "breaker.hpp"
#include "directory.hpp"
#include "kernel/service_short.hpp"
#include "kernel/services.hpp"
#include "kernel/strand.hpp"
#include "kernel/workers.hpp"

namespace tenon::host {

struct Notice;

class ServiceSeat : public std::enable_shared_from_this<ServiceSeat> {
 public:
  ServiceSeat(Owner& o, Permissions p, const SeatOptions& options, std::int64_t (*now)())
      : owner(&o), module(o.name()), generation(o.generation()), permissions(std::move(p)), strand(options.strand) {
    if (options.breaker) breaker = std::make_unique<Breaker>(*options.breaker, now);
  }
  Owner* const owner;  ///< not touched once it has left, unless it was not quiet
  const std::string module;
  const std::uint64_t generation;
  const Permissions permissions;
  Strand* const strand;
  std::unique_ptr<Breaker> breaker;
  std::atomic<bool> left{false};
  std::array<std::atomic<std::uint64_t>, 64> permitted{};  ///< serials of entries it may call, as found before; permissions never change

  // With the core's mutex held.
  std::vector<Registration*> registrations;
  std::vector<HandleSlot*> handles;
  std::size_t unfreed = 0;  ///< registrations, removed ones that are still in use included

  std::mutex mutex;
  std::condition_variable changed;
  std::list<std::shared_ptr<Notice>> notices;  ///< still to be delivered
  std::uint32_t busy = 0;                      ///< threads that deliver one
  std::size_t open_calls = 0;
  std::set<std::string, std::less<>> told;  ///< deprecated services it was told about

  /// Counts one more open call; false: too many, or it has left.
  bool open_call(std::size_t limit) {
    const std::lock_guard lock(mutex);
    if (left.load(std::memory_order_seq_cst) || open_calls >= limit) return false;
    ++open_calls;
    return true;
  }
  void close_call() {
    const std::lock_guard lock(mutex);
    --open_calls;
  }
};

/// What remove_wait waits for.
struct Removal {
  std::mutex mutex;
  std::condition_variable changed;
  bool over = false;
  std::atomic<bool> collected{false};  ///< nobody is inside any more: release is due
  void finish() {
    const std::lock_guard lock(mutex);
    over = true;
    changed.notify_all();
  }
};

/// One callback that is due, delivered exactly once: by a worker, or by `leave`. Made with what it is about, so that it can be due without memory.
struct Notice {
  enum class Kind : std::uint8_t { done, ended, release };
  Kind kind = Kind::release;
  std::shared_ptr<ServicesCore> core;
  std::shared_ptr<ServiceSeat> seat;  ///< whose callback it is
  std::shared_ptr<CallRecord> record;
  ServiceEnded ended = nullptr;
  void (*release)(void*) = nullptr;
  void* data = nullptr;
  Code why = Code::ok;
  std::shared_ptr<Removal> removal;
  std::list<std::shared_ptr<Notice>> node{1}, parked_node{1};  ///< its places in the lists below, while it is not there
  std::list<std::shared_ptr<Notice>>::iterator place;          ///< in seat->notices
  std::shared_ptr<Notice> of_job;                              ///< itself, while the pool has a job for it
};

struct ServiceCall::Origin {
  std::string_view trace_parent;
  std::vector<const ThreadFrames*> threads;  ///< that wait for this call
  std::string path;                          ///< of the calls they are in
};

/// A call that outlives a stack: asynchronous, offloaded or deferred.
struct CallRecord : std::enable_shared_from_this<CallRecord> {
  std::shared_ptr<ServicesCore> core;
  std::uint64_t id = 0;
  std::shared_ptr<ServiceSeat> caller, provider;
  std::shared_ptr<MethodMetrics> metrics;
  std::string service;
  std::int64_t deadline_ns = no_deadline;
  Breaker::Admission admission = Breaker::Admission::yes;
  std::int64_t sampled_from = 0;
  std::atomic<bool> given_up{false};      ///< nobody waits any more
  std::atomic<bool> asked_to_end{false};  ///< the provider is leaving

  // Of a call run by a worker.
  Registration* registration = nullptr;  ///< counted in its refs until it has run
  bool begun = false;
  ServiceCall call;
  ServiceCall::Origin origin;
  std::string bytes;  ///< behind the views of `request` and the trace parent
  std::vector<ServicePair> pairs;
  Request request;

  std::mutex mutex;
  std::condition_variable answered_cv;
  bool answered = false;       ///< the outcome for the caller is settled
  bool caller_done = false;    ///< and it has it
  bool provider_done = false;  ///< has completed, or will not be asked
  bool deferred = false;       ///< the provider knows the id
  Code code = Code::ok;
  Error error;
  Reply reply;
  ServiceDone done = nullptr;  ///< asynchronous
  void* done_data = nullptr;
  std::shared_ptr<Notice> done_notice, ended_notice;  ///< until they are due
  bool has_ended = false;                             ///< on_cancel was set
  ServiceEnded ended = nullptr;                       ///< on_cancel, not yet called
  void* ended_data = nullptr;
  std::list<std::weak_ptr<CallRecord>> children, place{1};  ///< place: its own among the children of another
  std::size_t prune_children_at = 16;
  std::set<std::pair<std::int64_t, std::uint64_t>>::node_type timer;  ///< until it is in ServicesCore::deadlines
};

struct ServicesCore : std::enable_shared_from_this<ServicesCore> {
  ServicesCore(WorkerPool& p, Services::Options o) : pool(p), options(std::move(o)) {}

  WorkerPool& pool;
  const Services::Options options;

  mutable std::mutex mutex;
  std::condition_variable freed;  ///< a registration is gone
  Directory directory;            ///< writing: with the mutex held
  Handles handles;
  std::vector<std::pair<std::uint32_t, Registration*>> registration_slots;  ///< generation
  std::vector<std::uint32_t> free_registrations;

  mutable std::mutex calls_mutex;
  std::vector<std::pair<std::uint32_t, std::shared_ptr<CallRecord>>> call_slots;
  std::vector<std::uint32_t> free_calls;
  std::set<std::pair<std::int64_t, std::uint64_t>> deadlines;  ///< of asynchronous calls
  std::condition_variable keeper_wakes;
  std::list<std::shared_ptr<Notice>> parked;  ///< the pool had no memory for their jobs
  bool stopping = false;
  bool reclaim_soon = false;
  std::thread keeper;  ///< ends asynchronous calls at their deadline, frees what was still in use when it was removed

  // registrations.cpp, handles.cpp, leave.cpp: who offers what
  std::optional<Error> foreign(const ServiceSeat& seat, const ServiceName& service) const;
  Registration* registration_of(const ServiceSeat& seat, std::uint64_t id);
  void unlink(Registration& r);
  void reclaim() noexcept;  ///< without memory later, on the keeper
  void reclaim_now();
  static void retarget(NamedService& entry);
  static void open_short_way(Registration& r);
  void drop_handle(ServiceSeat& seat, HandleSlot& slot);
  void keep();
  void wake_keeper();
  void end_calls(ServiceSeat& seat, Services::Left& out);

  // find.cpp, call.cpp: the long way of a call
  struct Pinned;
  Code pin(ServiceSeat& seat, std::uint64_t handle, Pinned& out, Error& error);
  Code pin(ServiceSeat& seat, std::string_view name, Pinned& out, Error& error);
  Code pin_name(ServiceSeat& seat, std::string_view name, Pinned& out, Error& error, bool canonical);
  template <class Key>
  Code call_long(ServiceSeat& seat, Key key, const Request& request, Reply& reply, Error& error, const CallOptions& how);
  Code invoke(ServiceSeat& seat, Pinned& pinned, const Request& request, Reply& reply, Error& error, const CallOptions& how);
  Code invoke_async(ServiceSeat& seat, Pinned& pinned, const Request& request, ServiceDone done, void* data, std::uint64_t* id,
                    Error& error, const CallOptions& how);
  Code invoke_offloaded(ServiceCall& call, Pinned& pinned, const Request& request, Reply& reply, Error& error);
  Code end_deferred(ServiceCall& call, Pinned& pinned, Code code, Reply& reply, Error& error);
  Code begin(ServiceCall& call, const Registration& r, const Request& request, Error& error);
  static Code enter_strand(Strand& strand, ServiceCall& call, Error& error);
  void tell_deprecated(ServiceSeat& caller, const std::shared_ptr<ServiceSeat>& provider, std::string_view service);
  static void inherit(ServiceCall& call, const CallOptions& how, ServiceCall::Origin& own);

  // records.cpp, settle.cpp: calls that outlive a stack
  std::shared_ptr<CallRecord> make_record(const ServiceCall& call);
  void publish(const std::shared_ptr<CallRecord>& record, std::uint64_t* id = nullptr);
  /// Writes `*id` before `done` can be called, which may free what it lies in.
  std::shared_ptr<CallRecord> submit(ServiceCall& call, Registration& r, const Request& request, ServiceDone done, void* data,
                                     std::uint64_t* id, Error& error);
  void prepare(CallRecord& record, const ServiceCall& call, const Registration& r, ServiceDone done, void* data);
  void run(const std::shared_ptr<CallRecord>& record);
  void not_run(const std::shared_ptr<CallRecord>& record);
  Code defer(ServiceCall& call, std::uint64_t& id);
  bool settle(CallRecord& record, Code code, Error error, Reply* reply) noexcept;
  enum class End : std::uint8_t { not_mine, mine, mine_and_open };
  static End take_end(CallRecord& record, bool only_deferred);
  void provider_ended(const std::shared_ptr<CallRecord>& record);
  void provider_left(const std::shared_ptr<CallRecord>& record);
  bool give_up(const std::shared_ptr<CallRecord>& record, Code code, Error error);
  void ask_to_end(const std::shared_ptr<CallRecord>& record, bool nobody_waits);
  void handler_returned(const std::shared_ptr<CallRecord>& record, Code code, Error error, Reply& reply);
  Code await(const std::shared_ptr<CallRecord>& record, std::int64_t deadline_ns, const Call* parent, Reply& reply, Error& error);
  void adopt(Call* parent, const std::shared_ptr<CallRecord>& record);
  void post_ended(const std::shared_ptr<CallRecord>& record, Code why);
  void forget_if_over(CallRecord& record);
  std::shared_ptr<CallRecord> record_of(std::uint64_t id) const;
  std::vector<std::shared_ptr<CallRecord>> records_of(const ServiceSeat& seat) const;
  void run_deadlines(std::int64_t now);

  // notices.cpp: callbacks that are due
  std::shared_ptr<Notice> make_notice(Notice::Kind kind, std::shared_ptr<ServiceSeat> seat);
  void post(const std::shared_ptr<Notice>& notice) noexcept;
  void hand_over(const std::shared_ptr<Notice>& notice) noexcept;  ///< to the pool; whose seat is busy with it meanwhile
  void retry_parked() noexcept;
  static void deliver_on_worker(const std::shared_ptr<Notice>& notice);
  static void deliver(Notice& notice);
  /// On the thread in `leave`. True: nothing was due, and nothing can become due. Waits until `deadline_ns` for those that deliver.
  static bool deliver_rest(ServiceSeat& seat, std::int64_t deadline_ns);
};

/// Of a call whose deadline has come.
Error late_answer(const CallRecord& record);
/// Nobody waits for this call any more; that its provider is leaving does not count.
bool is_given_up(const Call& call);
/// "`a.one` -> `b.two`", as far as services are in it.
std::string path_of(const ServiceCall& call);
inline const Registration& called(const ServiceCall& call) { return static_cast<const Registration&>(*call.target_); }
/// Runs the handler; its Code, or `pending`; errors are filled in.
Code run_handler(const ServiceTarget& target, ServiceCall& call, const Request& request, Reply& reply) noexcept;
/// `words()` -> std::string is the message, if there is memory for it.
template <class Words>
Code fail(Error& error, Code code, const char* reason, Words&& words) noexcept {
  error = worded(code, reason, std::forward<Words>(words));
  return code;
}

/// A registration that stays while this lives: it stands in the target of the frame this thread would push next.
struct ServicesCore::Pinned {
  Pinned() : thread(this_thread_frames()), depth(thread.depth.load(std::memory_order_relaxed)) {}
  Pinned(ThreadFrames& t, std::uint32_t d) : thread(t), depth(d) {}
  ~Pinned() { drop(); }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  [[nodiscard]] bool too_deep() const { return depth >= ThreadFrames::max_depth; }
  void announce(std::uintptr_t what) { host::announce(target(), what); }
  void announce(const ServiceTarget* t) { announce(reinterpret_cast<std::uintptr_t>(t)); }
  void drop() {
    if (registration == nullptr) return unpin();
    const bool closing = registration->closing.load(std::memory_order_relaxed);
    registration = nullptr;
    unpin();
    if (closing) [[unlikely]]
      core->wake_keeper();
  }
  std::atomic<std::uintptr_t>& target() { return thread.frames[depth].target; }

  ThreadFrames& thread;
  const std::uint32_t depth;
  Registration* registration = nullptr;
  ServicesCore* core = nullptr;

 private:
  void unpin() {
    if (!too_deep()) target().store(0, std::memory_order_release);
  }
};

inline std::uint64_t make_id(std::uint32_t generation, std::uint32_t index) { return (std::uint64_t{generation} << 32U) | index; }
inline Error service_error(Code code, std::string message, std::string reason) {
  return {code, std::move(message), std::move(reason), 0, ExitCode::unavailable};
}

}  // namespace tenon::host

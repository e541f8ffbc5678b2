// What Container is made of. One mutex (who provides what, what was made, scopes, builds); taken by all but the acquiring of an instance
// that is there and the release of such a lease, which announce themselves instead (tokens.hpp). Not held while module code runs.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/no_memory.hpp"
#include "kernel/container.hpp"
#include "kernel/strand.hpp"
#include "kernel/workers.hpp"
#include "slots.hpp"
#include "tokens.hpp"

namespace tenon::host {

/// What withdraw_wait waits for.
struct Withdrawal {
  bool over = false;
};

/// A callback that is due: dispose, or, without a product, release.
struct Due {
  Product* product = nullptr;
  Provision* provision = nullptr;
};
/// One place in a list of them, made with what may become due: so that nothing fails then.
using DueNode = std::list<Due>;

/// What one owner provides under one token. Freed when it is unlinked, nothing made of it is left and `release` has returned.
struct Provision {
  ContainerSeat* seat = nullptr;
  Owner* owner = nullptr;
  std::atomic<Product*> ready{nullptr};  ///< the instance, or the singleton once it is made
  std::uint64_t serial = 0;              ///< no two have the same, ever

  // With the core's mutex held.
  std::uint64_t id = 0;
  std::shared_ptr<ContainerSeat> keeps_seat;
  TokenEntry* entry = nullptr;
  std::string text;  ///< of the token
  bool is_instance = false;
  Lifetime lifetime = Lifetime::singleton;
  TokenMake make = nullptr;
  TokenDispose dispose = nullptr;
  void* data = nullptr;
  void (*release)(void*) = nullptr;
  bool closing = false;      ///< unlinked
  bool release_due = false;  ///< in its seat's `due`
  std::size_t products = 0;  ///< not yet disposed
  std::size_t builds = 0;    ///< threads in `make`, or on their way
  std::shared_ptr<Withdrawal> withdrawal;
  DueNode due{1};             ///< of its release
  Provision* gone = nullptr;  ///< the next one in `gone_provisions`
};

/// An instance: provided, or made. Freed when it was disposed and no reader can see it.
struct Product {
  Provision* provision = nullptr;
  TokenInstance instance;
  std::uint32_t table_size = 0;
  std::atomic<bool> closing{false};  ///< the last release has to tell
  // With the core's mutex held.
  ScopeRecord* scope = nullptr;  ///< it ends with
  std::uint64_t lease = 0;       ///< transient: the one it is for
  ContainerSeat* holder = nullptr;
  std::uint64_t made = 0;  ///< order of creation
  bool disposing = false;  ///< somebody sees to it
  // Its places in lists, while it is not there.
  DueNode due{1};
  std::list<Product*> in_scope{1};
  std::map<std::uint64_t, Product*>::node_type in_seat;
  std::map<const Provision*, Product*>::node_type in_made;
  Product* gone = nullptr;  ///< the next one in `gone_products`
};

/// Products of a scope that has ended, disposed one after the other, the last one first.
struct ScopeEnd {
  std::shared_ptr<ContainerCore> core;
  std::list<Product*> rest;
  std::shared_ptr<ScopeEnd> of_job;                ///< itself, while the pool has a job for it, or is to get one
  std::list<std::shared_ptr<ScopeEnd>> parked{1};  ///< its place in ContainerCore::parked
};

struct ScopeRecord {
  std::uint64_t id = 0;
  ContainerSeat* seat = nullptr;
  ScopeRecord* outer = nullptr;  ///< nullptr: the root
  ScopeContext context;
  bool ended = false;
  std::uint32_t depth = 1;
  std::vector<ScopeRecord*> inner;
  std::list<Product*> products;               ///< in order of creation
  std::map<const Provision*, Product*> made;  ///< scoped ones
  std::shared_ptr<ScopeEnd> end;              ///< for when it ends
  std::vector<std::pair<ContainerSeat*, std::uint64_t>> leases;
  std::size_t builds = 0;  ///< freed when it has ended and nobody makes anything for it
};

/// One run of a factory.
struct Build {
  Provision* provision = nullptr;
  ScopeRecord* scope = nullptr;  ///< where what it makes lives; nullptr: the root
  const ThreadFrames* thread = nullptr;
  std::uint32_t depth = 0;       ///< of that thread's frames in the factory itself
  const Build* outer = nullptr;  ///< whose factory acquires this
  Call call;
  bool ended = false;
  Code code = Code::ok;
  Error error;
};

/// A thread that waits for another: for what that makes, or for its turn.
struct Waiting {
  const ThreadFrames* thread = nullptr;
  const Build* build = nullptr;
  const Strand* strand = nullptr;
  const std::string* module = nullptr;  ///< whose strand
};

class ContainerSeat : public std::enable_shared_from_this<ContainerSeat> {
 public:
  ContainerSeat(Owner& o, ContainerSeatOptions options)
      : owner(&o),
        module(o.name()),
        generation(o.generation()),
        trusted(options.trusted),
        strand(options.strand),
        required(std::move(options.required)) {}
  Owner* const owner;  ///< not touched once it has left, unless it was not allowed to go
  const std::string module;
  const std::uint64_t generation;
  const bool trusted;
  Strand* const strand;
  const std::vector<std::string> required;
  std::atomic<bool> left{false};
  std::atomic<bool> finishing{false};                      ///< its callbacks are called behind the closed gate
  std::array<std::atomic<std::uint64_t>, 64> permitted{};  ///< serials of provisions it may acquire, as found before
  LeaseSlots slots;

  // With the core's mutex held.
  std::map<std::uint64_t, Provision*> provisions;  ///< by id: unlinked ones too
  std::size_t offered = 0;                         ///< of them not unlinked
  std::map<std::uint64_t, Product*> products;      ///< by order of creation, not disposed
  std::size_t scopes = 0;
  std::list<Due> due;
  bool due_posted = false;
  std::shared_ptr<ContainerSeat> of_job;  ///< itself, while the pool has a job for what is due
  std::shared_ptr<ContainerCore> core_of_job;
  std::shared_ptr<ContainerSeat> take_job() noexcept {
    core_of_job = nullptr;
    return std::move(of_job);
  }
  std::size_t busy = 0;  ///< threads in one of its callbacks, or on their way
  bool departed = false;
};

struct ContainerCore : std::enable_shared_from_this<ContainerCore> {
  ContainerCore(WorkerPool& p, Container::Options o);
  ~ContainerCore();
  using Lock = std::unique_lock<std::mutex>;

  WorkerPool& pool;
  const Container::Options options;
  ReadEpochs epochs;
  TokenTable tokens;  ///< writing: with the mutex held

  mutable std::mutex mutex;
  std::condition_variable changed;  ///< something was made, disposed, released or ended
  std::list<std::shared_ptr<ContainerSeat>> seats;
  std::unordered_map<std::uint64_t, std::unique_ptr<ScopeRecord>> scopes;
  std::vector<std::shared_ptr<Build>> builds;  ///< in the order in which they were begun
  std::vector<const Waiting*> waiting;
  std::uint64_t last_id = 0;  ///< of provisions, scopes, products
  std::uint64_t request_seed = 0, requests = 0;
  Product* gone_products = nullptr;  ///< freed at the next `free_gone`
  Provision* gone_provisions = nullptr;
  // What there was no memory for; `tick` tries again.
  std::atomic<bool> is_behind{false};
  bool collect_again = false;
  std::list<std::shared_ptr<ScopeEnd>> parked;

  // provide.cpp
  Result<std::uint64_t> provide(ContainerSeat& seat, const TokenOffer& offer, std::unique_ptr<Provision> made,
                                const TokenInstance* instance);
  static std::unique_ptr<Product> make_product();
  Product& add_product(Provision& p, std::unique_ptr<Product> made, const TokenInstance& instance);
  void unlink(Provision& p);
  static void set_active(TokenEntry& entry);
  void free_gone();

  // acquire.cpp
  Code acquire(ContainerSeat& seat, const Token& token, std::uint64_t scope, Leased& out, Error& error);
  static Code lease(ContainerSeat& seat, Product& product, ScopeRecord* scope, Leased& out, Error& error);
  static bool requires_module(const ContainerSeat& seat, const std::string& module);
  static bool may_use(ContainerSeat& seat, const Provision& p);
  Code refuse(ContainerSeat& seat, const Provision& p, Error& error) const;
  Code release(ContainerSeat& seat, std::uint64_t id);
  bool end_lease(ContainerSeat& seat, LeaseSlot& slot, std::uint64_t id);  ///< true: somebody waits for the end of what it held

  // build.cpp
  Code make(Lock& lock, ContainerSeat& seat, Provision& p, ScopeRecord* scope, Product*& out, Error& error) noexcept;
  Code await(Lock& lock, const std::shared_ptr<Build>& build, std::int64_t deadline, Error& error);
  Code enter_strand(Lock& lock, const Provision& p, std::int64_t deadline, bool& entered, Error& error);
  Code build(Lock& lock, ContainerSeat& seat, Provision& p, ScopeRecord* scope, std::int64_t deadline, Product*& out, Error& error);
  static Code run_factory(Build& build, std::uint64_t scope, TokenInstance& made, Error& error) noexcept;
  [[nodiscard]] const Build* factory_of_this_thread() const;
  [[nodiscard]] bool may_keep(const ScopeRecord* scope) const;
  [[nodiscard]] std::string cycle(const Waiting& from) const;

  // scopes.cpp
  Code find_scope(const ContainerSeat& seat, std::uint64_t id, ScopeRecord*& out, Error& error) const;
  Code open(ContainerSeat& seat, std::uint64_t outer, ScopeContext context, std::uint64_t& out, Error& error);
  bool end_scope(ScopeRecord& scope, std::list<Product*>& out) noexcept;  ///< true: as end_lease
  void free_scope_if_over(ScopeRecord& scope);

  // dispose.cpp
  enum class Ran : std::uint8_t { yes, not_now, never };
  Ran run_callback(const Due& due, std::int64_t wait_until) const;
  static void put_due(ContainerSeat& seat, DueNode& node, const Due& due) noexcept;
  void over(const Due& due) noexcept;
  void queue(Product& product) noexcept;
  void collect(Lock& lock) noexcept;  ///< queues what is closing and held by nobody
  void release_if_over(Provision& p) noexcept;
  void post_due(ContainerSeat& seat) noexcept;
  void run_due(Lock& lock, ContainerSeat& seat, std::int64_t wait_until);
  void end_scopes_of(Lock& lock, ContainerSeat& seat);
  void dispose_scope(const std::shared_ptr<ScopeEnd>& end);
  bool leave_to_provider(ScopeEnd& end) noexcept;
  bool post_scope_end(const std::shared_ptr<ScopeEnd>& end) noexcept;
  void go_on_later(const std::shared_ptr<ScopeEnd>& end) noexcept;
  void tick() noexcept;
  void dispose_on_worker(ScopeEnd& end, bool may_call);
  void pinned(std::unordered_map<const Product*, std::vector<ContainerSeat*>>& out) const;

  // leave.cpp
  bool leave(ContainerSeat& seat, std::int64_t deadline_ns);
  Container::Finished finish(ContainerSeat& seat, std::int64_t deadline_ns);
  bool queue_youngest(ContainerSeat& seat);
  static bool is_running(const ContainerSeat& seat);
  void depart(ContainerSeat& seat);
  std::vector<LeaseHolder> holders(const ContainerSeat& provider) const;
};

inline constexpr std::uint32_t smallest_table = 8;  // its size, and whatever stands beside that
/// What a table says of itself. It may be of any alignment.
inline std::uint32_t table_size(const void* table) {
  std::uint32_t size = 0;
  std::memcpy(&size, table, sizeof size);
  return size;
}

/// This thread is in a disposer or in the release of it, also further out.
bool is_ending_on_this_thread(const Provision& p);
/// Sets `error` and gives its code.
Code container_error(Error& error, Code code, std::string message, std::string reason);
/// The same where nothing may fail; `reason` has at most 15 bytes.
template <class Words>
Code container_fail(Error& error, Code code, const char* reason, Words&& words) noexcept {
  error = worded(code, reason, std::forward<Words>(words));
  return code;
}
inline Code no_memory_for(Error& error, const std::string& token) noexcept {
  return container_fail(error, Code::resource_exhausted, "NO_MEMORY", [&] { return "there is no memory for a lease of `" + token + "`"; });
}
std::string whose(const ContainerSeat& seat);

}  // namespace tenon::host

// Container: typed instances and factories that modules offer each other by token, and leases on them. In-process only.
//
// How the C tables (`tenon.container/1`, `tenon.lease/1`) sit on it: an instance is the provider's table and self, and what a lease gives are those two
// pointers themselves, so that a call through it is a pointer call. Factories in C are called by one function that lays a tenon_call on its stack.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "kernel/owner.hpp"

namespace tenon::host {

class Strand;
class WorkerPool;
class ContainerSeat;  ///< one owner's place; made by Container::join
struct ContainerCore;

/// What is asked for or offered: "catalog.client/1", a dotted name and its major, and a key if several providers of it live side by side.
struct Token {
  std::string_view name{};
  std::string_view key{};      ///< dotted words, or empty
  std::uint32_t min_size = 0;  ///< acquire: bytes the table must have at least
};
/// `name/major`, with ` (key)` if there is one: for messages.
std::string token_text(std::string_view name, std::string_view key);
/// The name without its major; empty: `name` is no token.
std::string_view token_interface(std::string_view name);

enum class Lifetime : std::uint8_t {
  singleton,  ///< made once, at first use; disposed when it is withdrawn and nobody has it any more, or before its provider is destroyed
  scoped,     ///< made once in each scope, disposed with it
  transient,  ///< made for each lease, disposed with it
};

/// A table of functions, which begins with its size as a uint32_t, and what they are called with.
struct TokenInstance {
  const void* table = nullptr;
  void* self = nullptr;
};

/// Makes one. `scope` is where it may acquire what it needs: the scope it is made in, the root for a singleton. Whatever it throws is INTERNAL.
using TokenMake = Code (*)(void* data, Call& call, std::uint64_t scope, TokenInstance& out, Error& error);
/// Ends what `make` has made.
using TokenDispose = void (*)(void* data, const TokenInstance& instance);

/// What a module offers. Callbacks come through its gate, on its strand, never with a lock held.
struct TokenOffer {
  Token token{};
  void* data = nullptr;
  void (*release)(void* data) =
      nullptr;           ///< exactly once, when nothing of it is used any more; not if it was refused, or was there already
  bool replace = false;  ///< takes the place of the same owner's offer; who holds an instance of that keeps it
};

inline constexpr std::size_t max_scope_text = 1024;  ///< bytes of each text of a scope
enum class ScopeKind : std::uint8_t { root, request, job };
struct ScopeContext {
  ScopeKind kind = ScopeKind::root;
  std::string request_id, tenant, auth;  ///< opaque
  std::int64_t deadline_ns = no_deadline;
};

/// An instance that stays until the lease is released, its scope ends, or its holder leaves.
struct Leased {
  std::uint64_t id = 0;
  TokenInstance instance;
};

const std::string& seat_module(const ContainerSeat& seat);

/// Who keeps a provider from being destroyed.
struct LeaseHolder {
  std::string module;
  std::uint64_t generation = 0;
  std::string token;
  std::size_t count = 0;  ///< leases, and instances in its scopes
  bool wedged = false;
};

struct ContainerSeatOptions {
  std::vector<std::string> required;  ///< modules named by `requires`: whose tokens it may acquire
  bool trusted = true;                ///< else it provides only what is its own
  Strand* strand = nullptr;           ///< serial; outlives the seat's `leave`
};

/// All functions are thread-safe. Those that may run a factory or disposer say so.
class Container {
 public:
  struct Options {
    /// For the audit; must not throw.
    std::function<void(const ContainerSeat& who, std::string_view token, const Error& error)> denied;
    std::int64_t timeout_ns = 5'000'000'000;  ///< of a factory that no call is the reason of
    std::size_t max_tokens = 4096;            ///< per seat
    std::size_t max_scopes = 16384;           ///< per seat
  };
  explicit Container(WorkerPool& pool);
  Container(WorkerPool& pool, Options options);
  ~Container();  ///< everyone has left before
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  /// `owner` must live until `depart`, and for ever if it may not go. The seat may be kept and used longer: it is then answered UNAVAILABLE.
  std::shared_ptr<ContainerSeat> join(Owner& owner, ContainerSeatOptions options);

  // ---- providing

  /// The id. The same table and self under the same token again: the same id. ALREADY_EXISTS naming who has it; PERMISSION_DENIED `FOREIGN_TOKEN`: a
  /// plugin provides below its own name, and other interfaces under a key that is its name or below it. The same module in a younger generation
  /// provides in its shadow: reached when the older one leaves, or at `promote`. [any]
  Result<std::uint64_t> provide(ContainerSeat& seat, const TokenOffer& offer, const TokenInstance& instance);
  /// The same with a factory, called at first use. `dispose` may be null.
  Result<std::uint64_t> provide_factory(ContainerSeat& seat, const TokenOffer& offer, Lifetime lifetime, TokenMake make,
                                        TokenDispose dispose);
  /// Nobody gets it any more; who holds it keeps it. Disposing and `release` follow on a worker. NOT_FOUND. [any]
  Code withdraw(ContainerSeat& seat, std::uint64_t id);
  /// And waits until nobody holds it and `release` has returned. DEADLINE_EXCEEDED; FAILED_PRECONDITION inside one of its own callbacks.
  Code withdraw_wait(ContainerSeat& seat, std::uint64_t id, std::int64_t deadline_ns);

  // ---- acquiring

  /// `scope` 0 is the root. An instance that is there already costs no lock and no memory; else its factory runs on this thread, or another thread's
  /// is waited for, until the deadline of the call this thread is in.
  /// NOT_FOUND `NO_PROVIDER`, `NO_SCOPE`; FAILED_PRECONDITION `NOT_REQUIRED`, `TABLE_TOO_SMALL`, `CAPTIVE_SCOPE`, `NEEDS_SCOPE`, `CYCLE`, `REENTRANT`;
  /// UNAVAILABLE `NOT_STARTED`, `LEAVING`; RESOURCE_EXHAUSTED; DEADLINE_EXCEEDED; CANCELLED; what the factory answered.
  Code acquire(ContainerSeat& seat, const Token& token, std::uint64_t scope, Leased& out, Error& error);
  /// The same for an instance that is there and that nothing speaks against; false: ask `acquire`. [any]
  bool acquire_ready(ContainerSeat& seat, const Token& token, std::uint64_t scope, Leased& out);
  /// Ends it; what has to be disposed because of that is, on a worker. NOT_FOUND: it has ended already. [any]
  Code release(ContainerSeat& seat, std::uint64_t lease);

  // ---- scopes

  /// A scope of `seat`'s, in another one of its own or in the root (0). What is empty in `context` is taken from the outer one, the earlier deadline
  /// counts. A request id is made if there is none. [any]
  Result<std::uint64_t> open(ContainerSeat& seat, std::uint64_t outer, ScopeContext context);
  /// Ends all leases in it and in the scopes within, and disposes what was made there, the youngest first; on this thread as far as nobody has
  /// to be waited for, the rest on workers. NOT_FOUND. Not the root. May run disposers.
  Code close(ContainerSeat& seat, std::uint64_t scope);
  /// Good until the scope ends. NOT_FOUND for scopes that ended, and for those of others (but for a factory in the one it makes something for).
  Result<const ScopeContext*> describe(const ContainerSeat& seat, std::uint64_t scope) const;

  // ---- the host

  /// What it provided in an older generation's shadow takes over.
  void promote(ContainerSeat& seat);
  /// The gate of the owner is draining: its factories that run are asked to end. [any]
  void drain(ContainerSeat& seat);
  /// The owner has stopped; its gate is draining. Nobody gets anything of it any more, its scopes end. Who holds something of it keeps it. False: a callback
  /// of it did not come back by `deadline_ns`, and it must never be freed.
  bool leave(ContainerSeat& seat, std::int64_t deadline_ns);
  /// It is about to be destroyed, its gate is closed. Waits for those that hold something, not for wedged ones; disposes, the youngest first, and calls each
  /// `release`. Its own leases on its own tokens count for nothing here.
  struct Finished {
    bool quiet = true;                 ///< false: another callback of it stood in the way until the deadline
    std::vector<LeaseHolder> holders;  ///< not empty: it must not be destroyed. If all of them are wedged it is leaked, and not to blame
    [[nodiscard]] bool may_go() const { return quiet && holders.empty(); }
  };
  Finished finish(ContainerSeat& seat, std::int64_t deadline_ns);
  /// It was destroyed: ends the leases it still has. Never called for a wedged one, whose leases stay.
  void depart(ContainerSeat& seat);
  [[nodiscard]] std::vector<LeaseHolder> holders(const ContainerSeat& provider) const;  ///< sorted by module, generation, token

  /// Tries again what there was no memory for. About ten times per second; never calls back. [any]
  void tick();

  struct Stats {
    std::size_t tokens = 0;     ///< offers, withdrawn ones that are still held included
    std::size_t instances = 0;  ///< not disposed yet
    std::size_t scopes = 0, leases = 0;
  };
  [[nodiscard]] Stats stats() const;

 private:
  friend class CallScope;
  std::shared_ptr<ContainerCore> core_;
};

/// The scope of one call of a module: made when it is asked for first, ends with this object. On the stack of whoever makes the call, so
/// that they nest. What a RuntimeModule says about a request goes on to the calls made within; what a plugin says stays its own.
class CallScope {
 public:
  /// `call`: the one that stands in the frame of this thread. Must outlive this.
  CallScope(Container& container, std::shared_ptr<ContainerSeat> seat, ScopeKind kind, Call& call);
  ~CallScope();
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;

  /// `said` counts only when the scope is made, and may be null.
  Result<std::uint64_t> id(const ScopeContext* said);
  /// The call goes on after this object: whoever takes the id closes the scope. 0: none was made.
  std::uint64_t keep();

 private:
  Container& container_;
  const std::shared_ptr<ContainerSeat> seat_;
  const ScopeKind kind_;
  Call& call_;
  std::uint64_t id_ = 0;
  ScopeContext passed_on_;
  CallScope* outer_ = nullptr;
  bool linked_ = false;
};

}  // namespace tenon::host

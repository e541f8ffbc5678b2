// Tokens for tests: instances of other modules for the module to lease, and what it provides itself, acquired as another module would.
#ifndef TENON_TESTING_CONTAINER_HPP
#define TENON_TESTING_CONTAINER_HPP

#include <algorithm>
#include <functional>
#include <thread>

#include "tenon/cpp/container.hpp"
#include "tenon/testing/run.hpp"
#include "tenon/testing/utf8.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

/// The container of a testing::Host: `host.container()`.
///
///   host.container().give(catalog_token, &catalog_table, &my_fake_catalog);   // a module it requires provides this
///   REQUIRE(host.boot().ok());
///   auto lease = host.container().acquire(orders_token).value();              // as a module that requires it
///   CHECK(lease.call(&orders_client::count) == 0);
///   host.container().release(lease.id);
///
/// Rules and errors are those of the daemon; what ends, ends at once on the test's thread. A factory that another thread runs is waited for until the
/// deadline of the call, at most 5 s. Leases the test has not released when the module is destroyed are problems: the daemon would not destroy it.
class FakeContainer {
 public:
  explicit FakeContainer(Host& host) : host_(host) {}
  FakeContainer(const FakeContainer&) = delete;
  FakeContainer& operator=(const FakeContainer&) = delete;
  ~FakeContainer() {
    leave();
    finish();
    destroyed();
  }

  // ---- other modules

  /// Another module, which the module requires, provides this. In place of what was given for the token before.
  template <class Table>
  void give(const Token<Table>& token, const Table* table, void* self) {
    give_made(
        token, Lifetime::singleton, table, [self] { return self; }, nullptr);
  }
  /// The same with a factory, called at first use.
  template <class Table>
  void give_made(const Token<Table>& token, Lifetime lifetime, const Table* table, std::function<void*()> make,
                 std::function<void(void*)> dispose) {
    auto offer = new_offer(token.raw(), false);
    offer->lifetime = static_cast<std::uint32_t>(lifetime);
    offer->make = [table, make = std::move(make)](tenon_call*, tenon_id, tenon_instance* out, tenon_error*) {
      *out = {sizeof(tenon_instance), 0, table, make()};
      return TENON_OK;
    };
    offer->dispose = std::move(dispose);
    Ends ends;
    {
      const Lock lock(host_.mutex_);
      if (const OfferPtr old = find(offer->name, offer->key)) close(old, ends);
      offers_.push_back(offer);
    }
    end(ends);
  }
  /// The module that provides it withdraws it. Who holds it keeps it.
  template <class Table>
  void take_away(const Token<Table>& token) {
    Ends ends;
    {
      const Lock lock(host_.mutex_);
      if (const OfferPtr old = find(std::string(token.name), std::string(token.key))) close(old, ends);
    }
    end(ends);
  }
  /// The module's manifest does not require who provides this: the fake knows no manifest.
  template <class Table>
  void not_required(const Token<Table>& token) {
    const Lock lock(host_.mutex_);
    if (const OfferPtr offer = find(std::string(token.name), std::string(token.key))) offer->required = false;
  }

  /// What the test holds of the module.
  template <class Table>
  struct Held {
    tenon_id id = 0;
    const Table* table = nullptr;
    void* self = nullptr;
    template <class R, class... Params, class... Args>
    R call(R (*Table::*function)(void*, Params...) noexcept, Args&&... args) const {
      return (table->*function)(self, static_cast<Args&&>(args)...);
    }
  };
  /// As another module that requires it.
  template <class Table>
  Result<Held<Table>> acquire(const Token<Table>& token, tenon_id scope = 0) {
    tenon_leased out{sizeof(tenon_leased), 0, 0, nullptr, nullptr};
    const tenon_token raw = token.raw();
    Status status = Status::of([&](tenon_error* e) { return acquire_raw(false, &raw, scope, &out, e); });
    if (!status.ok()) return status;
    return Held<Table>{out.id, static_cast<const Table*>(out.table), out.self};
  }
  Status release(tenon_id lease) { return Status(release_raw(false, lease)); }
  /// A scope of another module's.
  tenon_id open_scope(const ScopeInfo& said = {}, tenon_id outer = 0) {
    const tenon_scope raw{sizeof(tenon_scope), said.kind, to_c(said.request_id), to_c(said.tenant), to_c(said.auth), INT64_MAX};
    tenon_id out = 0;
    if (open_raw(false, outer, &raw, &out, nullptr) != TENON_OK) throw std::invalid_argument("no such scope, or no such kind");
    return out;
  }
  Status close_scope(tenon_id scope) { return Status(close_raw(false, scope)); }

  // ---- what the module did

  /// Leases the module has now.
  [[nodiscard]] std::size_t leases() const {
    const Lock lock(host_.mutex_);
    return static_cast<std::size_t>(std::count_if(leases_.begin(), leases_.end(), [](const auto& l) { return l.second.own; }));
  }
  /// Scopes the module has open.
  [[nodiscard]] std::size_t scopes() const {
    const Lock lock(host_.mutex_);
    return static_cast<std::size_t>(std::count_if(scopes_.begin(), scopes_.end(), [](const auto& s) { return s.second.own; }));
  }
  /// What it provides: "catalog.client/1", "payments.gateway/1 (stripe)".
  [[nodiscard]] std::vector<std::string> provided() const {
    const Lock lock(host_.mutex_);
    std::vector<std::string> out;
    for (const OfferPtr& o : offers_)
      if (o->own) out.push_back(o->text());
    return out;
  }

 private:
  friend class Host;
  using Lock = std::unique_lock<std::mutex>;
  struct Offer {
    tenon_id id = 0;
    std::string name, key;
    bool own = false;  // of the module under test
    bool required = true, closed = false, is_instance = false;
    std::uint32_t lifetime = TENON_SINGLETON;
    std::function<tenon_status(tenon_call*, tenon_id, tenon_instance*, tenon_error*)> make;
    std::function<void(void*)> dispose;
    tenon_factory factory{};  // as given, to tell whether it is the same again
    void* data = nullptr;
    void (*release)(void*) noexcept = nullptr;
    std::size_t products = 0, builds = 0;
    [[nodiscard]] std::string text() const { return key.empty() ? name : name + " (" + key + ")"; }
  };
  using OfferPtr = std::shared_ptr<Offer>;
  struct Product {
    OfferPtr offer;
    const void* table = nullptr;
    void* self = nullptr;
    tenon_id scope = 0;
    std::uint64_t made = 0;
    std::size_t leases = 0;
  };
  using ProductPtr = std::shared_ptr<Product>;
  struct LeaseRecord {
    ProductPtr product;
    tenon_id scope = 0;
    bool own = false;
  };
  struct ScopeRecord {
    tenon_id outer = 0;
    bool own = false;
    std::uint32_t kind = TENON_SCOPE_JOB, depth = 1;
    std::int64_t deadline_ns = INT64_MAX;
    std::shared_ptr<std::string> request_id, tenant, auth;  // the texts stay where they are
  };
  struct Build {
    OfferPtr offer;
    tenon_id scope = 0;
    std::thread::id thread;
    bool ended = false;
    Status status;
  };
  using BuildPtr = std::shared_ptr<Build>;
  /// Callbacks that are due, in order: dispose of a product, or release of an offer.
  struct End {
    ProductPtr product;
    OfferPtr offer;
  };
  using Ends = std::vector<End>;
  struct Table;

  static bool is_name(std::string_view text) {
    if (text.empty() || text.size() > 255 || text.front() == '.' || text.back() == '.' || text.find("..") != std::string_view::npos)
      return false;
    return text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == std::string_view::npos;
  }
  static bool is_token(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos || !is_name(text.substr(0, slash))) return false;
    const std::string_view major = text.substr(slash + 1);
    return !major.empty() && major.size() <= 6 && major[0] != '0' && major.find_first_not_of("0123456789") == std::string_view::npos;
  }
  OfferPtr new_offer(const tenon_token& token, bool own) {
    auto offer = std::make_shared<Offer>();
    offer->name = view(token.name);
    offer->key = view(token.key);
    offer->own = own;
    const Lock lock(host_.mutex_);
    offer->id = host_.next_id_++;
    return offer;
  }

  // Without the mutex.
  tenon_status provide_raw(const tenon_token* token, const tenon_instance* instance, const tenon_factory* factory, std::uint32_t flags,
                           void* data, void (*release)(void*) noexcept, tenon_id* out, tenon_error* err);
  tenon_status withdraw_raw(tenon_id id, bool wait, std::int64_t deadline_ns);
  tenon_status acquire_raw(bool own, const tenon_token* token, tenon_id scope, tenon_leased* out, tenon_error* err);
  tenon_status release_raw(bool own, tenon_id id);
  tenon_status open_raw(bool own, tenon_id outer, const tenon_scope* said, tenon_id* out, tenon_error* err);
  tenon_status close_raw(bool own, tenon_id id);
  tenon_status call_scope_raw(detail::CallState& call, const tenon_scope* said, tenon_id* out, tenon_error* err);
  tenon_status describe_raw(tenon_id id, tenon_scope* out, tenon_error* err);
  Status make(Lock& lock, const OfferPtr& offer, tenon_id scope, ProductPtr& out);
  void end(Ends& ends);
  void end_call(const detail::CallState& call);
  void leave();
  void finish();
  void destroyed();

  // With the mutex held.
  [[nodiscard]] OfferPtr find(const std::string& name, const std::string& key) const {
    for (const OfferPtr& o : offers_)
      if (o->name == name && o->key == key) return o;
    return nullptr;
  }
  [[nodiscard]] const Build* factory_here() const {
    for (auto b = builds_.rbegin(); b != builds_.rend(); ++b)
      if ((*b)->thread == std::this_thread::get_id()) return b->get();
    return nullptr;
  }
  [[nodiscard]] bool may_see(bool own, tenon_id scope) const {
    if (scope == 0) return true;
    const auto found = scopes_.find(scope);
    if (found == scopes_.end()) return false;
    const Build* build = factory_here();
    return found->second.own == own || (build != nullptr && build->offer->own == own && build->scope == scope);
  }
  void close(const OfferPtr& offer, Ends& ends) {
    offer->closed = true;
    offers_.erase(std::find(offers_.begin(), offers_.end(), offer));
    closed_.push_back(offer);
    const std::vector<ProductPtr> all = products_;
    for (const ProductPtr& p : all)
      if (p->offer == offer && p->scope == 0 && p->leases == 0) take(p, ends);
    release_if_over(offer, ends);
  }
  void take(const ProductPtr& product, Ends& ends) {
    products_.erase(std::find(products_.begin(), products_.end(), product));
    ends.push_back({product, nullptr});
  }
  void release_if_over(const OfferPtr& offer, Ends& ends) {
    if (!offer->closed || offer->products != 0 || offer->builds != 0) return;
    const auto found = std::find(closed_.begin(), closed_.end(), offer);
    if (found == closed_.end()) return;
    closed_.erase(found);
    ends.push_back({nullptr, offer});
  }
  void end_lease(std::map<tenon_id, LeaseRecord>::iterator lease, Ends& ends) {
    const ProductPtr product = lease->second.product;
    leases_.erase(lease);
    --product->leases;
    const bool transient = !product->offer->is_instance && product->offer->lifetime == TENON_TRANSIENT;
    if ((transient || (product->offer->closed && product->scope == 0)) && product->leases == 0 &&
        std::find(products_.begin(), products_.end(), product) != products_.end())
      take(product, ends);
  }
  void end_scope(tenon_id id, std::vector<ProductPtr>& made, Ends& ends) {
    for (bool again = true; again;) {
      again = false;
      for (const auto& [inner, s] : scopes_)
        if (s.outer == id) {
          end_scope(inner, made, ends);
          again = true;
          break;
        }
    }
    scopes_.erase(id);
    const std::vector<ProductPtr> all = products_;
    for (const ProductPtr& p : all)
      if (p->scope == id) {
        made.push_back(p);
        products_.erase(std::find(products_.begin(), products_.end(), p));
      }
    for (auto l = leases_.begin(); l != leases_.end();) {
      const auto lease = l++;
      if (lease->second.scope == id) end_lease(lease, ends);
    }
  }
  void end_scopes(std::vector<tenon_id> ids, Ends& ends) {
    std::vector<ProductPtr> made;
    Ends others;
    for (const tenon_id id : ids)
      if (scopes_.count(id) != 0) end_scope(id, made, others);
    std::sort(made.begin(), made.end(), [](const ProductPtr& a, const ProductPtr& b) { return a->made > b->made; });
    for (const ProductPtr& p : made) ends.push_back({p, nullptr});
    ends.insert(ends.end(), others.begin(), others.end());
  }

  Host& host_;
  std::vector<OfferPtr> offers_, closed_;
  std::vector<ProductPtr> products_;  // in order of creation
  std::map<tenon_id, LeaseRecord> leases_;
  std::map<tenon_id, ScopeRecord> scopes_;
  std::map<const detail::CallState*, tenon_id> call_scopes_;
  std::vector<BuildPtr> builds_;
  std::uint64_t made_ = 0;
  bool left_ = false, gone_ = false;
};

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#include "tenon/testing/container_run.hpp"
#include "tenon/testing/container_scopes.hpp"
#include "tenon/testing/container_table.hpp"

#endif

// Directory: names to registrations, read without a lock; and handles, which are a name looked up once.
//
// Readers announce in the target of their thread's next frame (kernel/gate.hpp) what must not be freed under them: while they look a name up, the
// epoch they began in (odd), then the registration itself. Writers unlink, pay for a barrier, and free what nobody announces.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/gate.hpp"
#include "kernel/names.hpp"
#include "kernel/service_handles.hpp"
#include "kernel/services.hpp"

namespace tenon::host {

class Breaker;
class Strand;
struct Notice;
struct Removal;

/// What one owner offers under one name. Freed when it is unlinked, no thread announces it, and no queued call refers to it.
struct Registration : ServiceTarget {
  Strand* strand = nullptr;
  Breaker* breaker = nullptr;
  ServiceOptions options;
  NamedService* entry = nullptr;
  std::shared_ptr<ServiceSeat> seat;
  void (*release)(void*) = nullptr;
  std::shared_ptr<Notice> last;      ///< that of its release; nullptr if there is none, or it is called at once
  std::shared_ptr<Removal> removal;  ///< somebody waits for its end
  std::uint64_t id = 0;
  std::size_t seat_place = 0;
};

/// One name. There as long as somebody offers it or has a handle for it.
struct NamedService {
  std::string text;  ///< without "/1"
  ServiceName name;  ///< a view into text
  std::size_t hash = 0;
  std::uint64_t serial = 0;  ///< no two entries have the same, ever
  std::atomic<Registration*> active{nullptr};
  // With the core's mutex held.
  std::vector<Registration*> registrations;  ///< the first is the active one, the others are in its shadow
  std::vector<HandleSlot*> handles;
  std::size_t unfreed = 0;  ///< registrations that point here
  bool linked = true;
  std::shared_ptr<MethodMetrics> metrics;
};

/// Writing: one at a time. Reading (`find`): between announcing an epoch and the end of that.
class Directory {
 public:
  Directory();
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  /// What a reader announces.
  [[nodiscard]] std::uintptr_t reading() const { return (epoch_.load(std::memory_order_seq_cst) << 1U) | 1U; }
  [[nodiscard]] NamedService* find(std::string_view text) const;

  NamedService& insert(const ServiceName& name);  ///< must not be there
  void erase(NamedService& entry);                ///< unlinks it; freed once nobody reads and its registrations are
  [[nodiscard]] std::vector<NamedService*> entries() const;

  /// Room for as many more registrations and one more name, so that taking them out cannot fail. Throws std::bad_alloc.
  void make_room_for(std::size_t registrations);
  void retire(Registration& r);
  [[nodiscard]] bool has_retired() const { return !registrations_.empty() || !entries_.empty() || !tables_.empty(); }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_.load(std::memory_order_relaxed); }
  /// Frees entries and tables that were retired before `barrier_epoch`, when everything of that epoch had been followed by a barrier, and takes out the
  /// registrations for which the same holds.
  std::vector<Registration*> collect(std::uint64_t barrier_epoch);

 private:
  struct Table {
    explicit Table(std::size_t n) : mask(n - 1), cells(new std::atomic<NamedService*>[n]()) {}
    const std::size_t mask;
    std::unique_ptr<std::atomic<NamedService*>[]> cells;
  };
  template <class T>
  struct Retired {
    T* what;
    std::uint64_t epoch;
  };
  std::uint64_t next_epoch() { return epoch_.fetch_add(1, std::memory_order_seq_cst); }
  void rebuild();

  std::atomic<std::uint64_t> epoch_{1};
  std::atomic<Table*> table_;
  std::size_t used_ = 0, erased_ = 0;
  std::uint64_t made_ = 0;
  std::vector<Retired<Registration>> registrations_;
  std::vector<Retired<NamedService>> entries_;
  std::vector<Retired<Table>> tables_;
};

}  // namespace tenon::host

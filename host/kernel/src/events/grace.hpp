// GracePeriods: readers walk a shared structure without a lock; whoever changes it frees what it took out only after they are gone.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace tenon::host {

/// Counts up over the threads that ask: to spread them over shards, so that they do not share a cache line.
std::size_t thread_number();

/// Something taken out of the structure, to be disposed of once no reader can see it. Lies inside the thing, so that taking out allocates nothing.
struct Garbage {
  Garbage* next = nullptr;
  void (*dispose)(Garbage*) noexcept = nullptr;
};

/// Two sets of counters: readers count themselves into the present one, and changing to the other set tells when all earlier readers have left.
/// Readers never wait. Writers never wait either: what cannot be disposed of yet waits for the next change, at the latest for the destructor.
class GracePeriods {
 public:
  GracePeriods() = default;
  ~GracePeriods();  ///< nobody reads any more
  GracePeriods(const GracePeriods&) = delete;
  GracePeriods& operator=(const GracePeriods&) = delete;

  /// A reader's stay. Short, and without calling module code.
  class Reader {
   public:
    explicit Reader(GracePeriods& periods);
    ~Reader() { counter_->fetch_sub(1, std::memory_order_release); }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

   private:
    std::atomic<std::uint64_t>* counter_;
  };

  /// For writers, one at a time: `garbage` cannot be reached by new readers any more.
  void retire(Garbage& garbage);
  /// For writers, one at a time: disposes of what no reader can see any more. True if nothing is left.
  bool collect();

 private:
  static constexpr std::size_t shards = 16;
  struct alignas(64) Counter {
    std::atomic<std::uint64_t> readers{0};
  };
  [[nodiscard]] bool left(std::size_t set) const;
  static void dispose(Garbage*& list);

  std::atomic<std::size_t> present_{0};
  std::array<std::array<Counter, shards>, 2> counters_;
  Garbage* fresh_ = nullptr;    ///< since the last change of sets
  Garbage* waiting_ = nullptr;  ///< for the readers of the other set
};

}  // namespace tenon::host

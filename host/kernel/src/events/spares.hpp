// RecordSpares: memory of small events, handed back from the threads that deliver to those that publish.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tenon::host {

/// malloc has each free on another thread fight for the arena of the publisher; here it is one compare-and-swap for as many as a job delivers
/// at once. Blocks of one size, about `max_spares` kept per shard; larger ones, and those of publishers that collide, come from malloc. Thread-safe, no lock.
class RecordSpares {
 public:
  static constexpr std::size_t block_bytes = 512;
  static constexpr std::size_t max_spares = 2048;

  RecordSpares() = default;
  ~RecordSpares();
  RecordSpares(const RecordSpares&) = delete;
  RecordSpares& operator=(const RecordSpares&) = delete;

  /// What a block begins with as long as it is in use.
  struct Header {
    RecordSpares* spares;  ///< null: not one of those kept
    std::uint32_t shard;
  };
  /// nullptr: no memory. The header is set; the caller's bytes follow it.
  Header* take(std::size_t bytes_with_header) noexcept;
  static void give_back(Header* block) noexcept;

 private:
  struct Spare {
    Spare* next;
  };
  struct Shard;

 public:
  /// Gives back many with one change of what the publisher looks at. For one thread.
  class Returns {
   public:
    Returns() = default;
    ~Returns() { flush(); }
    Returns(const Returns&) = delete;
    Returns& operator=(const Returns&) = delete;
    void add(Header* block) noexcept;

   private:
    void flush() noexcept;
    Shard* shard_ = nullptr;
    Spare* first_ = nullptr;
    Spare* last_ = nullptr;
    std::size_t count_ = 0;
  };

 private:
  struct alignas(64) Shard {
    std::atomic<bool> taking{false};
    std::size_t taken = 0;   ///< not yet subtracted from `count`
    Spare* cache = nullptr;  ///< of whoever set `taking`
    alignas(64) std::atomic<Spare*> returned{nullptr};
    std::atomic<std::size_t> count{0};
  };
  Spare* take_spare(Shard& shard) noexcept;
  std::array<Shard, 16> shards_;
};

}  // namespace tenon::host

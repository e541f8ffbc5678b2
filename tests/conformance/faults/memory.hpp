// Memory that runs out on demand, and what of it is still there. The executable's operator new is replaced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tenon::test {

/// Which allocation of this thread fails: the `number`-th one (from 1) from when the calls begin, alone or with all that follow.
struct Shortage {
  unsigned number = 0;
  bool lasts = false;
};

/// Runs calls with the shortage. Allocations of other threads succeed, and so do those of this thread outside of `during`.
class Starving {
 public:
  explicit Starving(Shortage shortage) : shortage_(shortage) {}
  template <class Call>
  auto during(Call&& call) {
    const Scope scope(*this);
    return call();
  }
  /// The allocation that was to fail was asked for.
  [[nodiscard]] bool struck() const { return struck_; }
  [[nodiscard]] std::string text() const {
    return "allocation " + std::to_string(shortage_.number) + (shortage_.lasts ? " and all after it fail" : " fails");
  }

 private:
  class Scope {
   public:
    explicit Scope(Starving& s);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Starving& starving_;
  };
  const Shortage shortage_;
  bool struck_ = false;
};

/// While it lives, each allocation of a thread that waits for memory fails when it is asked for first, and succeeds when it is asked for again.
class StarvingWaiters {
 public:
  StarvingWaiters();
  ~StarvingWaiters();
  StarvingWaiters(const StarvingWaiters&) = delete;
  StarvingWaiters& operator=(const StarvingWaiters&) = delete;
  /// How many have failed.
  static unsigned strikes();
};

/// Blocks that were allocated in any `during` and not freed since. Waits up to some seconds for them to become none: threads end on their own time.
std::int64_t blocks_left();

}  // namespace tenon::test

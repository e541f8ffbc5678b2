#include "base/memory.hpp"

#include <ctime>
#include <new>

namespace tenon::host {
namespace {

constinit thread_local unsigned waiting = 0;

void wait_or_throw() {
  if (waiting == 0) throw std::bad_alloc();
  constexpr timespec pause = {0, 1'000'000};
  ::nanosleep(&pause, nullptr);
}

}  // namespace

void prepare_memory() noexcept { std::set_new_handler(&wait_or_throw); }

WaitsForMemory::WaitsForMemory() noexcept { ++waiting; }
WaitsForMemory::~WaitsForMemory() { --waiting; }
bool WaitsForMemory::here() noexcept { return waiting != 0; }

}  // namespace tenon::host

// The function of a module that a thread is in, as a strict host knows it: from the begin of its call to the end.
#include <new>

#include "abi/instance.hpp"
#include "abi/strict.hpp"
#include "state_part.hpp"
#include "storage_part.hpp"

namespace tenon::host {
namespace {

constinit thread_local const StrictCall* innermost = nullptr;
constinit std::atomic<std::uint64_t> last_number{0};

template <class P>
void check_cursors(Strict& strict, const Instance& instance, std::uint64_t number, std::string_view opened_by) {
  P* const part = instance.part<P>();
  if (part == nullptr) return;
  for (const tenon_id id : part->cursors().opened_in(number))
    strict.violation(instance.name(), "LEFT_OPEN",
                     "`" + std::string(opened_by) + "` gave the cursor " + std::to_string(id) +
                         ", and the function in which it was opened has returned without closing it");
}

}  // namespace

void StrictCall::begin() {
  strict_->call_begins(call_);
  number_ = ++last_number;
  outer_ = innermost;
  innermost = this;
}

void StrictCall::end() noexcept {
  innermost = outer_;
  try {
    // One that was given up is never called again, and has nothing to learn.
    if (const Instance* const instance = call_->instance; instance != nullptr && !instance->wedged()) {
      check_cursors<StoragePart>(*strict_, *instance, number_, "tenon_storage.scan");
      check_cursors<StatePart>(*strict_, *instance, number_, "tenon_state.keys");
    }
  } catch (const std::bad_alloc&) {  // a check less
  }
  strict_->call_ends(call_);
}

std::uint64_t StrictCall::number_here(const Instance& instance) noexcept {
  return innermost != nullptr && innermost->call_->instance == &instance ? innermost->number_ : 0;
}

}  // namespace tenon::host

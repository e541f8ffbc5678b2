#include "strict_guarded.hpp"

namespace tenon::host {
namespace {

std::string quoted(std::string_view function) { return "`" + std::string(function) + "`"; }

}  // namespace

std::string module_of_this_thread() {
  const Frame* frame = current_frame();
  const Owner* owner = frame == nullptr ? nullptr : frame->owner.load(std::memory_order_relaxed);
  return owner == nullptr ? "a thread of its own" : owner->name();
}

bool check_caller(Instance& instance, From from, std::string_view function) {
  const Frame* frame = current_frame();
  const bool inside = frame != nullptr && frame->owner.load(std::memory_order_relaxed) == &instance;
  try {
    // A thread inside of another module is here because that one has a lease of this one: it may end it as late as in its own destroy.
    if (instance.gate().state() == Gate::State::closed && frame == nullptr) {
      strict_of(instance).violation(instance.name(), "AFTER_DESTROY",
                                    quoted(function) + " was called by a thread that the module left behind: stop must end it");
      return false;
    }
    if (from == From::any) return true;
    if (inside && frame->tag() == ThreadTag::other) {
      strict_of(instance).violation(
          instance.name(), "BLOCKING_IN_ANY",
          quoted(function) + " may block, and was called inside a callback that must not (release, on_cancel, a log receiver)");
      return false;
    }
    if (from == From::control && !(inside && frame->tag() == ThreadTag::control)) {
      strict_of(instance).violation(instance.name(), "WRONG_THREAD",
                                    quoted(function) + " is for [control] callbacks of the module, and was called from " +
                                        (inside ? "a [worker] callback" : "a thread that is in none"));
      return false;
    }
  } catch (const std::bad_alloc&) {  // a check less
  }
  return true;
}

void check_id(Instance& instance, tenon_status status, tenon_id id, std::string_view function) {
  // From leaving on the host has taken everything back: a destructor that gives up what it held makes no mistake.
  if (status != TENON_NOT_FOUND || instance.gate().state() != Gate::State::open) return;
  try {
    strict_of(instance).violation(
        instance.name(), "STALE_ID",
        quoted(function) + " got the id " + std::to_string(id) + ", which is over or was never given to this instance");
  } catch (const std::bad_alloc&) {  // a check less
  }
}

void check_given_back(Instance& instance, Strict::Ended what, tenon_status status, tenon_id id, bool may_be_over,
                      std::string_view function) {
  try {
    Strict& strict = strict_of(instance);
    if (status == TENON_OK)
      strict.ended(instance, what, id);
    else if (!may_be_over || strict.was_ended(instance, what, id))
      check_id(instance, status, id, function);
  } catch (const std::bad_alloc&) {  // a check less
  }
}

namespace {

std::string_view reason_of(const tenon_error* error) { return error == nullptr ? std::string_view("REENTRANT") : error->reason; }

}  // namespace

void check_refusal(Instance& instance, tenon_status status, const tenon_error* error, std::string_view function) {
  if (status != TENON_FAILED_PRECONDITION || (error != nullptr && error->struct_size < sizeof *error)) return;
  const std::string_view reason = reason_of(error);
  const bool phase = reason == "WRONG_PHASE";
  if (!phase && reason != "REENTRANT" && reason != "SERIAL" && reason != "INSIDE_HANDLER") return;
  try {
    strict_of(instance).violation(
        instance.name(), phase ? "WRONG_PHASE" : "REENTRANT",
        quoted(function) + ": " + (error != nullptr ? std::string(error->message) : "a callback cannot wait for its own end"));
  } catch (const std::bad_alloc&) {  // a check less
  }
}

void check_call_refusal(Instance& instance, tenon_status status, const tenon_error& error, std::string_view function) {
  try {
    if (status != TENON_FAILED_PRECONDITION || error.struct_size < sizeof error || reason_of(&error) != "REENTRANT") return;
    strict_of(instance).violation_once(instance.name(), "REENTRANT", quoted(function) + ": " + error.message, error.message);
  } catch (const std::bad_alloc&) {  // a check less
  }
}

void check_completed(Instance& instance, tenon_status status, tenon_id id, std::string_view function) {
  try {
    Strict& strict = strict_of(instance);
    if (status == TENON_OK)
      strict.ended(instance, Strict::Ended::call, id);
    else if (status == TENON_NOT_FOUND && strict.was_ended(instance, Strict::Ended::call, id))
      strict.violation(instance.name(), "COMPLETED_TWICE", quoted(function) + " got the id " + std::to_string(id) + " a second time");
    else
      check_id(instance, status, id, function);
  } catch (const std::bad_alloc&) {  // a check less
  }
}

}  // namespace tenon::host

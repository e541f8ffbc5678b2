#include "callback.hpp"

#include <string>

#include "kernel/workers.hpp"

namespace tenon::host {

Callback::Callback(Instance& instance, std::string_view what) : instance_(instance), what_(what) {
  call_.instance = &instance;
  call_.phase = Phase::run;
  error_.struct_size = sizeof error_;
}

bool Callback::enter(Strand& strand) {
  if (strand.try_enter()) return true;
  const Blocking blocking(Blocking::On::turn);
  return strand.enter(call_.deadline_ns.load(std::memory_order_relaxed));
}

Code Callback::no_turn(std::string_view name) noexcept {
  try {
    tell(name,
         {Code::deadline_exceeded, "another callback of this serial module did not return in time", "SERIAL", 0, ExitCode::unavailable});
  } catch (...) {  // out of memory: the failure is counted all the same
  }
  return Code::deadline_exceeded;
}

Code Callback::failed(std::string_view name, tenon_status status) noexcept {
  const Code code = code_of(status);
  if (instance_.wedged()) return code;
  try {
    tell(name, status == TENON_PENDING
                   ? Error{Code::internal, "returned PENDING where that is not allowed", "BAD_PENDING", 0, ExitCode::unavailable}
                   : error_of(status, &error_));
  } catch (...) {
  }
  return code;
}

void Callback::tell(std::string_view name, const Error& error) {
  const std::optional<std::uint64_t> untold = lines_.due();
  if (!untold) return;
  const std::string since = std::to_string(*untold);
  std::vector<LogField> fields = {{"module", instance_.name()}, {"name", name}, {"code", code_name(error.code)}, {"error", error.message}};
  if (!error.reason.empty()) fields.push_back({"reason", error.reason});
  if (since != "0") fields.push_back({"untold_failures", since});
  instance_.host().log().log(warn, std::string(what_) + " failed", fields);
}

bool on_own_strand(Instance& instance) {
  const ThreadFrames* self = existing_thread_frames();
  return self != nullptr && instance.strand() != nullptr && instance.strand()->holder() == self;
}

Error own_strand_error(std::string_view what) {
  return {Code::failed_precondition,
          "a callback of a serial module cannot wait for the end of " + std::string(what) + ": end it without waiting, and return",
          "SERIAL", 0, ExitCode::unavailable};
}

}  // namespace tenon::host

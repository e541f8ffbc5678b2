// Callback: a function of a module that the kernel calls again and again: its call, its turn on the strand, its failures for the log.
#pragma once

#include <cstdint>
#include <string_view>

#include "abi/instance.hpp"
#include "abi/strict.hpp"
#include "once_per_second.hpp"

namespace tenon::host {

/// Shows calls of event handlers and tasks to the module as it shows those of phases. One run at a time; belongs to one registration.
class Callback {
 public:
  /// `what`: for the log, "an event handler", a literal.
  Callback(Instance& instance, std::string_view what);
  [[nodiscard]] tenon_call& call() { return call_; }
  [[nodiscard]] Instance& instance() { return instance_; }

  /// Calls f(tenon_call*, tenon_error*) -> tenon_status. Inside the gate; the deadline is that of `call`. `name`: which of them, for the log.
  template <class F>
  Code run(std::string_view name, F&& f) {
    Strand* const strand = instance_.strand();
    if (strand != nullptr && !enter(*strand)) return no_turn(name);
    error_.status = TENON_OK;
    error_.sys_errno = 0;
    error_.message_len = 0;
    error_.reason[0] = error_.message[0] = '\0';
    const tenon_status status = called(f);
    call_.free_reserved();
    if (strand != nullptr) strand->leave();
    return status == TENON_OK ? Code::ok : failed(name, status);
  }

 private:
  template <class F>
  tenon_status called(F& f) {
    const StrictCall live(instance_.host().strict(), &call_);
    return f(&call_, &error_);
  }
  bool enter(Strand& strand);
  Code no_turn(std::string_view name) noexcept;
  Code failed(std::string_view name, tenon_status status) noexcept;
  void tell(std::string_view name, const Error& error);

  Instance& instance_;
  const std::string_view what_;
  tenon_call call_;
  tenon_error error_{};
  OncePerSecond lines_;
};

/// This thread stands on the strand of a serial instance: waiting for another callback of it would be waiting for itself.
bool on_own_strand(Instance& instance);
Error own_strand_error(std::string_view what);

}  // namespace tenon::host

// The trace context of W3C, as text: what calls and events carry along.
#pragma once

#include <cstddef>
#include <string_view>

namespace tenon::host {

/// Bytes of a `traceparent` of version 00.
inline constexpr std::size_t traceparent_size = 55;

/// "00-<32 hex digits>-<16>-<2>", lower case, neither id all zero (https://www.w3.org/TR/trace-context/, version 00).
bool is_traceparent(std::string_view text);

struct Call;

/// Gives a call that is none of a service (the delivery of an event) its trace context, for as long as this lives: on the thread that makes the call, which
/// it does not leave. What that thread calls and publishes meanwhile goes on with it.
class TracedCall {
 public:
  /// `traceparent` outlives this; empty: it has none.
  TracedCall(Call& call, std::string_view traceparent) noexcept {
    if (!traceparent.empty()) begin(call, traceparent);
  }
  ~TracedCall() {
    if (call_ != nullptr) end();
  }
  TracedCall(const TracedCall&) = delete;
  TracedCall& operator=(const TracedCall&) = delete;

 private:
  void begin(Call& call, std::string_view traceparent) noexcept;
  void end() noexcept;
  friend std::string_view trace_of(const Call& call) noexcept;
  Call* call_ = nullptr;
  std::string_view traceparent_;
  const TracedCall* outer_ = nullptr;
};

/// Of a call of this thread; empty: it has none.
std::string_view trace_of(const Call& call) noexcept;
/// Of the innermost call this thread is in; empty: it is in none, or that has none. [any]
std::string_view trace_of_this_thread() noexcept;

}  // namespace tenon::host
